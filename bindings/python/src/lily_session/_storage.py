"""Storages: a file, memory, a scope of another storage, or a backend of the program's own."""
import enum
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Type, TypeVar, Union

from ._annotations import Codec
from ._backend import Backend, function_table
from ._calls import Owner, c_string, call, call_for_value, keep
from ._errors import InvalidArgumentError, MissingKeyError, UnsupportedError
from ._modify import Modification
from ._native import ffi, lib
from ._times import from_milliseconds, to_milliseconds
from ._values import JSON, RawJSON, as_json, dumps, parse

V = TypeVar("V")


class Removal(enum.Enum):
    """What Storage.write() takes instead of a value, for a key to remove."""

    REMOVE = "remove"


REMOVE = Removal.REMOVE
"""Removes the key, in Storage.write()."""

_JSON_VALUE = Codec(JSON, as_json, lambda value: value)


class Durability(enum.IntEnum):
    """What a change survives when the call that made it has returned."""

    PROCESS = lib.LILY_SESSION_DURABILITY_PROCESS
    """A change survives the end of the process. sync() makes it survive power loss."""
    POWER = lib.LILY_SESSION_DURABILITY_POWER
    """A change survives power loss. If it may not, the call raises NotDurableError."""


class Item(NamedTuple):
    """A stored entry, as Storage.each() returns it."""

    key: str
    json: RawJSON
    expires_at: Optional[datetime]
    """When the entry expires; None means never."""

    @property
    def value(self) -> Any:
        """The value that the JSON text stands for."""
        return parse(self.json)


@dataclass(frozen=True)
class StorageInfo:
    """Facts about a storage. For a scope they are those of its parent, unless scopes are files. Sizes are in bytes."""

    path: Optional[Path]
    """The path of the file; None if there is no file."""
    entries: int
    """The number of stored keys, including those of scopes and expired ones."""
    live_bytes: int
    """The size of these keys and their values, which the quota limits."""
    quota_bytes: int
    """The quota; -1 means no limit."""
    file_bytes: int
    """The size of the file."""
    damaged_lines: int
    """The number of lines that were skipped since the file was opened or rewritten."""
    last_compaction: Optional[datetime]
    """When this handle last rewrote the file; None if it has not."""
    durability: Durability
    """The durability that the storage was opened with."""
    owes_sync: bool
    """True if what this handle wrote is not known to survive power loss."""
    directory_is_open: bool
    """True if other users could put another file, or an older copy, in the file's place, because of the owner or the rights of its
    directory or of one above it."""


class Storage(Owner):
    """A durable map of keys to JSON values. It may be used from any thread.

    A field is stored under "lily_session_" followed by its key; other keys are the program's own. A storage that is closed stays open
    until the sessions that use it end.
    """

    _ends_last = True

    def __init__(self, handle: Any, keeps: object, no_sync: bool, calls_back: bool) -> None:
        """Programs use open(), memory() or backend() instead. `keeps` is kept alive as long as the handle. `calls_back` is true if the library
        calls the program when the storage is closed: its own functions, or its clock."""
        self._handle = handle
        self._calls_back = calls_back
        self._keeps = keeps
        self._no_sync = no_sync

    @classmethod
    def open(cls, path: Union[str, "os.PathLike[str]", None] = None, *, application: Optional[str] = None,
             durability: Durability = Durability.PROCESS, read_only: bool = False, strict: bool = False, exclusive: bool = False,
             scope_files: bool = False, no_sync: bool = False, quota_bytes: int = 0,
             clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """Opens a file, and creates it (mode 0600) if it is missing. Any number of processes may have it open.

        path         the path of the file; None means the default place of `application`, which must be given then:
                     <application>/session.jsonl in the first of $LILY_SESSION_DIR, $XDG_STATE_HOME and ~/.local/state that is set
        durability   what a change survives when the call that made it has returned
        read_only    True never writes to the file, and does not create it
        strict       True raises CorruptError for a damaged file, instead of reading around the damage, and RefusedError if other users
                     could exchange the file
        exclusive    True lets only this storage write to the file until it is closed, so that an update is one system call. It raises
                     BusyError at once if another storage is exclusive
        scope_files  True keeps each scope in a file of its own, so that what is done with one costs about the same however many there
                     are. All programs that use the file must open it so
        no_sync      True does not sync when the storage or a session ends, for servers that open a scope for each request
        quota_bytes  the limit for all keys and values, or with `scope_files` for those of each scope; 0 means 5 MiB, -1 no limit
        clock        returns the time instead of the system's clock, for tests
        """
        flags = (
            (lib.LILY_SESSION_READ_ONLY if read_only else 0) | (lib.LILY_SESSION_STRICT if strict else 0)
            | (lib.LILY_SESSION_EXCLUSIVE if exclusive else 0) | (lib.LILY_SESSION_SCOPE_FILES if scope_files else 0)
            | (lib.LILY_SESSION_NO_SYNC if no_sync else 0)
        )  # fmt: skip
        where = ffi.NULL
        if path is not None:
            encoded = os.fsencode(path)
            if b"\0" in encoded:
                raise InvalidArgumentError("the path contains a NUL character")
            where = ffi.new("char[]", encoded)
        return cls._opened(lib.lily_session_storage_open, where, clock=clock, application=application, durability=int(durability),
                           flags=flags, quota_bytes=quota_bytes)

    @classmethod
    def memory(cls, *, quota_bytes: int = 0, clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """Opens a storage in memory, which ends with this object, for tests and for sessions without a file."""
        return cls._opened(lib.lily_session_storage_open_memory, clock=clock, quota_bytes=quota_bytes)

    @classmethod
    def backend(cls, backend: Backend, *, clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """Opens a storage that keeps all entries in a store of the program's own. Its close() is called when it is no longer needed."""
        return cls._opened(lib.lily_session_storage_open_backend, function_table(backend), clock=clock)

    def scoped(self, scope: str) -> "Storage":
        """Returns a separate storage inside this one, such as "user:42". Clearing one does not affect the others."""
        out = ffi.new("lily_session_storage **")
        call(lib.lily_session_storage_scoped, self._live_handle(), c_string(scope, "the scope"), out)
        return Storage(ffi.gc(out[0], lib.lily_session_storage_close), self._keeps, self._no_sync, self._calls_back)

    def scopes(self) -> "list[str]":
        """Returns the names of the scopes that hold an entry that has not expired, in byte order. Where scopes are files, each is read."""
        names: "list[str]" = []
        handle = ffi.new_handle(names)
        call(lib.lily_session_storage_scopes, self._live_handle(), lib.lily_py_scope, handle)
        return names

    def sweep(self, limit: Optional[int] = None) -> int:
        """Removes scopes in which nothing is left that has not expired, where scopes are files with the files, and returns how many.

        It may run at any time, beside programs that use the scopes. `limit` is how many it removes at most; None means no limit. Where
        scopes are files, it also looks at about so many only, and the next sweep goes on there.
        """
        if limit is not None and limit < 1:
            raise InvalidArgumentError("the limit is less than 1")
        out = ffi.new("size_t *")
        call(lib.lily_session_storage_sweep, self._live_handle(), limit or 0, out)
        return int(out[0])

    @classmethod
    def _opened(cls, function: Callable[..., int], *arguments: Any, clock: Optional[Callable[[], datetime]],
                application: Optional[str] = None, flags: int = 0, **options: int) -> "Storage":
        keeps = clock and ffi.new_handle(clock)
        name = ffi.NULL if application is None else ffi.new("char[]", c_string(application, "the application's name"))
        given = ffi.new("lily_session_storage_options *", {
            "size": ffi.sizeof("lily_session_storage_options"), "application": name, "flags": flags,
            "clock": lib.lily_py_clock if clock else ffi.NULL, "context": keeps or ffi.NULL, **options,
        })  # fmt: skip
        out = ffi.new("lily_session_storage **")
        call(function, *arguments, given, out, file=True)
        calls_back = clock is not None or function is lib.lily_session_storage_open_backend
        return cls(ffi.gc(out[0], lib.lily_session_storage_close), (keeps, clock), bool(flags & lib.LILY_SESSION_NO_SYNC), calls_back)

    @property
    def path(self) -> Optional[Path]:
        """The absolute path of the file; None if there is no file."""
        handle = self._live_handle()  # The text lives as long as the handle, and another thread may close the storage meanwhile.
        return _path(lib.lily_session_storage_path(handle))

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the current value under a key, whoever stored it, or the default if the key is absent or has expired. The key must be
        written in full: "lily_session_theme"."""
        try:
            return self[key]
        except MissingKeyError:
            return default

    def get_json(self, key: str) -> RawJSON:
        """Returns the current value under a key as JSON text, as it is stored. Raises MissingKeyError if the key is absent or has expired."""
        out, length = ffi.new("char **"), ffi.new("size_t *")
        try:  # If the clock raises an exception, the call does, too, although there is a text.
            call(lib.lily_session_storage_get, self._live_handle(), c_string(key), out, length)
            return RawJSON(ffi.buffer(out[0], length[0])[:], "utf-8")
        finally:
            lib.lily_session_free(out[0])

    def set(self, key: str, value: Any, *, expires_at: Optional[datetime] = None) -> None:
        """Stores a value that JSON has, or RawJSON, which is stored as it is except for white space. From `expires_at` on, the key is
        absent; None means that it does not expire."""
        data = dumps(value)
        call(lib.lily_session_storage_set, self._live_handle(), c_string(key), data, len(data), _deadline(expires_at))

    def remove(self, key: str) -> None:
        """Removes a key. If the key is absent, nothing happens."""
        call(lib.lily_session_storage_remove, self._live_handle(), c_string(key))

    def write(self, changes: Mapping[str, Any], *, expires_at: Optional[datetime] = None) -> None:
        """Stores and removes several keys in one step: all of it, or nothing. `changes` has a value for each key, as for set(), or REMOVE.
        The values expire at `expires_at`."""
        deadline = _deadline(expires_at)
        entries = []
        for key, value in changes.items():
            name = ffi.new("char[]", c_string(key))
            if value is REMOVE:
                entries.append((name, ffi.NULL, 0, 0, 0))
            else:
                text = ffi.from_buffer(dumps(value))
                entries.append((name, text, len(text), deadline, 0))
        call(lib.lily_session_storage_write, self._live_handle(), ffi.new("lily_session_entry[]", entries), len(entries))

    def modify(self, key: str, change: Callable[[Any], V], default: Any = None) -> V:
        """Replaces the value under a key by what `change` makes of it, without losing what another program stores at the same time, and
        returns the new value. The key keeps its expiry.

        key      the key, in full
        change   takes the stored value, and returns a new one, as set() takes it. It is called again if another program stores something
                 meanwhile, so it must change nothing itself. If it raises an exception, nothing changes, and modify raises it
        default  what `change` takes if the key is absent or has expired
        """
        modification = Modification(_JSON_VALUE, change, default)
        call(lib.lily_session_storage_modify, self._live_handle(), c_string(key), lib.lily_py_modify, ffi.new_handle(modification))
        return modification.new

    def __getitem__(self, key: str) -> Any:
        return parse(self.get_json(key))

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
        """Returns the entries whose keys begin with the prefix, in the byte order of their keys."""
        items: "list[Item]" = []
        handle = ffi.new_handle(items)
        call(lib.lily_session_storage_each, self._live_handle(), c_string(prefix, "the prefix"), lib.lily_py_item, handle)
        return items

    def clear(self) -> None:
        """Removes everything that fields have stored, in one step, for log-out. It may be called inside an update. It does not change
        models; the next refresh resets the fields that were stored to the values they had before attach."""
        call(lib.lily_session_clear, self._live_handle())

    def sync(self) -> None:
        """Makes what this storage wrote survive power loss."""
        call(lib.lily_session_storage_sync, self._live_handle())

    def fileno(self) -> int:
        """Returns a descriptor for `select` and event loops. It polls readable when what is stored has changed, until each session that is
        attached through this storage has refreshed or, if there are no sessions, until a get() or each(). The storage owns it: do not read
        or close it."""
        descriptor = int(call_for_value(lib.lily_session_storage_fd, self._live_handle()))
        if descriptor < 0:
            raise UnsupportedError("this storage cannot tell of changes")
        return descriptor

    def info(self) -> StorageInfo:
        """Returns facts about the storage, such as its size."""
        handle = self._live_handle()  # As for path.
        out = ffi.new("lily_session_info *", {"size": ffi.sizeof("lily_session_info")})
        call(lib.lily_session_storage_info, handle, out)
        return StorageInfo(_path(out.path), out.entries, out.live_bytes, out.quota_bytes, out.file_bytes, out.damaged_lines,
                           from_milliseconds(out.last_compaction_ms), Durability(out.durability), bool(out.owes_sync),
                           bool(out.directory_is_open))

    def close(self) -> None:
        """Makes what was written survive power loss, as far as it can, and closes the file; with `no_sync` it only closes the file. A second
        call does nothing."""
        # The last user of the handle closes it: this call, or one that another thread is in.
        handles, self._handle = [self._handle], None
        call(handles.clear)

    def __enter__(self) -> "Storage":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def _program_ends(self) -> None:
        if self._handle is not None and self._calls_back:
            self.close()

    def __repr__(self) -> str:
        return f"<lily_session.Storage {'closed' if self._handle is None else self.path or 'without a file'}>"

    def _live_handle(self) -> Any:
        if self._handle is None:
            raise InvalidArgumentError("the storage is closed")
        return self._handle


def clear(storage: Optional[Storage] = None) -> None:
    """Removes everything that fields have stored, as Storage.clear() does. None means the default place, as for attach."""
    if storage is not None:
        storage.clear()
    else:
        call(lib.lily_session_clear, ffi.NULL)


def _deadline(expires_at: Optional[datetime]) -> int:
    return 0 if expires_at is None else to_milliseconds(expires_at) or 1  # To the library, 0 means never.


def _path(path: Any) -> Optional[Path]:
    return Path(os.fsdecode(ffi.string(path))) if path else None


def _no_clock(*raised: Any) -> int:
    """Returns the system's time if the clock raises an exception: an expiry counted from another time could lose what is stored."""
    keep(*raised)
    return time_ns() // 1_000_000


@ffi.def_extern(onerror=_no_clock)
def lily_py_clock(context: Any) -> int:
    now: datetime = ffi.from_handle(context)()
    return to_milliseconds(now)


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_item(context: Any, key: Any, json: Any, length: int, expires_at_ms: int) -> int:
    text = RawJSON(ffi.unpack(json, length), "utf-8")
    ffi.from_handle(context).append(Item(ffi.string(key).decode(), text, from_milliseconds(expires_at_ms)))
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_scope(context: Any, name: Any) -> int:
    ffi.from_handle(context).append(ffi.string(name).decode())
    return 0
