"""Storages: a file, memory, a scope of another, or a backend of the program's."""
import enum
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Callable, Iterator, NamedTuple, Optional, Type, Union

from ._backend import Backend, table
from ._calls import ask, call, keep, text
from ._errors import InvalidArgumentError, MissingKeyError, UnsupportedError
from ._native import ffi, lib
from ._times import milliseconds, time
from ._values import RawJSON, dumps


class Durability(enum.IntEnum):
    """What a change survives when the call that made it has returned."""

    PROCESS = lib.LILY_SESSION_DURABILITY_PROCESS
    """The end of the process; sync() makes it survive power loss."""
    POWER = lib.LILY_SESSION_DURABILITY_POWER
    """Power loss; else the call raises NotDurableError."""


class Item(NamedTuple):
    """What Storage.each() finds."""

    key: str
    json: RawJSON
    expires_at: Optional[datetime]

    @property
    def value(self) -> Any:
        return json.loads(self.json)


@dataclass(frozen=True)
class StorageInfo:
    """What there is to know of a storage; of a scope, its parent's. Sizes are bytes."""

    path: Optional[Path]
    entries: int
    """Stored keys, scopes' and expired ones too."""
    live_bytes: int
    """Their keys and values: what the quota counts."""
    quota_bytes: int
    """-1: no limit."""
    file_bytes: int
    damaged_lines: int
    """Skipped since the file was opened or rewritten."""
    last_compaction: Optional[datetime]
    """When this handle last rewrote the file."""
    durability: Durability
    owes_sync: bool
    """What this handle wrote is not known to survive power loss."""
    directory_is_open: bool
    """Others could put another file, or an older copy, in the file's place, by the owners and rights of its directory and of those above."""


class Storage:
    """A durable map of keys to JSON values. It may be used from any thread.

    Fields are stored under "lily_session_" and their key; other keys are the program's own. Sessions that use a storage keep it
    open when it is closed.
    """

    def __init__(self, handle: Any, keeps: object) -> None:
        """Not for programs: open(), memory() and backend() make one. `keeps` has to live as long as the handle."""
        self._handle = handle
        self._keeps = keeps

    @classmethod
    def open(cls, path: Union[str, "os.PathLike[str]", None] = None, *, application: Optional[str] = None,
             durability: Durability = Durability.PROCESS, read_only: bool = False, strict: bool = False, quota_bytes: int = 0,
             clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """Opens a file, and creates it (mode 0600) where it is missing. Any number of processes may have it open.

        path         None: the default place of `application`, which then has to be named:
                     $LILY_SESSION_DIR/<application>/session.jsonl, else under $XDG_STATE_HOME, else under ~/.local/state
        read_only    never writes, nor creates
        strict       a damaged file raises CorruptError instead of being read around the damage, and a directory in which others
                     could exchange the file raises RefusedError
        quota_bytes  of keys and values; 0: 5 MiB, -1: no limit
        clock        instead of the system's, for tests
        """
        flags = (lib.LILY_SESSION_READ_ONLY if read_only else 0) | (lib.LILY_SESSION_STRICT if strict else 0)
        where = ffi.NULL
        if path is not None:
            encoded = os.fsencode(path)
            if b"\0" in encoded:
                raise InvalidArgumentError("the path has a NUL in it")
            where = ffi.new("char[]", encoded)
        return cls._opened(lib.lily_session_storage_open, where, clock=clock, application=application, durability=int(durability),
                           flags=flags, quota_bytes=quota_bytes)

    @classmethod
    def memory(cls, *, quota_bytes: int = 0, clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """One that lives in memory and ends with this object: for tests, and for sessions without a file."""
        return cls._opened(lib.lily_session_storage_open_memory, clock=clock, quota_bytes=quota_bytes)

    @classmethod
    def backend(cls, backend: Backend, *, clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """One that keeps everything in a store of the program's, whose close() is called when it is no longer needed."""
        return cls._opened(lib.lily_session_storage_open_backend, table(backend), clock=clock)

    def scoped(self, scope: str) -> "Storage":
        """A storage of its own inside this one, such as "user:42": clearing one leaves all others alone."""
        out = ffi.new("lily_session_storage **")
        call(lib.lily_session_storage_scoped, self._open(), text(scope, "the scope"), out)
        return Storage(ffi.gc(out[0], lib.lily_session_storage_close), self._keeps)

    @classmethod
    def _opened(cls, function: Callable[..., int], *arguments: Any, clock: Optional[Callable[[], datetime]],
                application: Optional[str] = None, **options: int) -> "Storage":
        keeps = clock and ffi.new_handle(clock)
        name = ffi.NULL if application is None else ffi.new("char[]", text(application, "the application's name"))
        given = ffi.new("lily_session_storage_options *", {
            "size": ffi.sizeof("lily_session_storage_options"), "application": name,
            "clock": lib.lily_py_clock if clock else ffi.NULL, "context": keeps or ffi.NULL, **options,
        })  # fmt: skip
        out = ffi.new("lily_session_storage **")
        call(function, *arguments, given, out, file=True)
        return cls(ffi.gc(out[0], lib.lily_session_storage_close), (keeps, clock))

    @property
    def path(self) -> Optional[Path]:
        """The file's, made absolute; None where there is none."""
        return _path(lib.lily_session_storage_path(self._open()))

    def get(self, key: str, default: Any = None) -> Any:
        """The value under a key as it is now, whoever stored it; the default where there is none, or it has expired. The key is
        the whole one: "lily_session_theme"."""
        try:
            return self[key]
        except MissingKeyError:
            return default

    def get_json(self, key: str) -> RawJSON:
        """The same as JSON text, as it is stored. MissingKeyError where there is none."""
        out, length = ffi.new("char **"), ffi.new("size_t *")
        call(lib.lily_session_storage_get, self._open(), text(key), out, length)
        try:
            return RawJSON(ffi.buffer(out[0], length[0])[:], "utf-8")
        finally:
            lib.lily_session_free(out[0])

    def set(self, key: str, value: Any, *, expires_at: Optional[datetime] = None) -> None:
        """Stores a value that JSON can say, or RawJSON, which is stored as it is but for white space. From `expires_at` on it
        reads as absent."""
        data = dumps(value)
        deadline = 0 if expires_at is None else milliseconds(expires_at)
        call(lib.lily_session_storage_set, self._open(), text(key), data, len(data), deadline)

    def remove(self, key: str) -> None:
        """Removes a key; one that is absent is no error."""
        call(lib.lily_session_storage_remove, self._open(), text(key))

    def __getitem__(self, key: str) -> Any:
        return json.loads(self.get_json(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self.get_json(key) is not None
        except MissingKeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        return (item.key for item in self.each())

    def each(self, prefix: str = "") -> "list[Item]":
        """What is stored under keys that begin with the prefix, in the byte order of keys."""
        items: "list[Item]" = []
        handle = ffi.new_handle(items)
        call(lib.lily_session_storage_each, self._open(), text(prefix, "the prefix"), lib.lily_py_item, handle)
        return items

    def clear(self) -> None:
        """Removes all that fields have stored, in one step. For log-out; inside an update too. Models are left alone until the next
        refresh, which gives the fields that were stored their values from before they were attached."""
        call(lib.lily_session_clear, self._open())

    def sync(self) -> None:
        """Makes what this storage wrote survive power loss."""
        call(lib.lily_session_storage_sync, self._open())

    def fileno(self) -> int:
        """A descriptor for `select` and event loops. It polls readable when what is stored has changed, until each session that is
        attached through this storage has refreshed; without sessions, until a get() or each(). It is the storage's: do not read or
        close it."""
        descriptor = int(ask(lib.lily_session_storage_fd, self._open()))
        if descriptor < 0:
            raise UnsupportedError("this storage cannot tell of changes")
        return descriptor

    def info(self) -> StorageInfo:
        """What there is to know of the storage."""
        out = ffi.new("lily_session_info *", {"size": ffi.sizeof("lily_session_info")})
        call(lib.lily_session_storage_info, self._open(), out)
        return StorageInfo(_path(out.path), out.entries, out.live_bytes, out.quota_bytes, out.file_bytes, out.damaged_lines,
                           time(out.last_compaction_ms), Durability(out.durability), bool(out.owes_sync),
                           bool(out.directory_is_open))

    def close(self) -> None:
        """Makes what was written survive power loss, as far as it can, and gives the file back. Again is nothing."""
        # Closed by whoever has it last: this, or a call that another thread is in.
        handles, self._handle = [self._handle], None
        call(handles.clear)

    def __enter__(self) -> "Storage":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def __repr__(self) -> str:
        return f"<lily_session.Storage {'closed' if self._handle is None else self.path or 'without a file'}>"

    def _open(self) -> Any:
        if self._handle is None:
            raise InvalidArgumentError("the storage is closed")
        return self._handle


def clear(storage: Optional[Storage] = None) -> None:
    """Storage.clear(). None: the default place, as with attach."""
    if storage is not None:
        storage.clear()
    else:
        call(lib.lily_session_clear, ffi.NULL)


def _path(path: Any) -> Optional[Path]:
    return Path(os.fsdecode(ffi.string(path))) if path else None


def _no_clock(*raised: Any) -> int:
    """The system's time: an expiry that is counted from any other could lose what is stored."""
    keep(*raised)
    return time_ns() // 1_000_000


@ffi.def_extern(onerror=_no_clock)
def lily_py_clock(context: Any) -> int:
    now: datetime = ffi.from_handle(context)()
    return milliseconds(now)


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_item(context: Any, key: Any, json: Any, length: int, expires_at_ms: int) -> int:
    text = RawJSON(ffi.unpack(json, length), "utf-8")
    ffi.from_handle(context).append(Item(ffi.string(key).decode(), text, time(expires_at_ms)))
    return 0
