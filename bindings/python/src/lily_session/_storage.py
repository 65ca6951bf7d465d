"""Storages: a file, memory, a scope of another storage, or a backend of the program's own."""
import enum
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import (
    Any, Callable, ItemsView, Iterator, Mapping, MutableMapping, Optional, Tuple, Type, TypeVar, Union, ValuesView,
)  # fmt: skip

from ._backend import Backend, function_table
from ._calls import Owner, c_string, call, call_for_value, keep
from ._codecs import ANYTHING
from ._errors import InvalidArgumentError, MissingKeyError, UnsupportedError
from ._facts import Durability, Item, StorageInfo
from ._modify import Modification
from ._native import ffi, lib
from ._times import from_milliseconds, to_milliseconds
from ._values import JSON, RawJSON, as_json, dumps, parse
from ._wait import Waiters

V = TypeVar("V")


class Removal(enum.Enum):
    """What Storage.write() takes instead of a value, for a key to remove."""

    REMOVE = "remove"


REMOVE = Removal.REMOVE
"""Removes the key, in Storage.write()."""

_ABSENT = object()
"""A mark that a key has no value."""
_JSON_VALUE = ANYTHING._replace(types=JSON, encode=as_json)


class _Items(ItemsView[str, Any]):
    """The keys and values of a storage, as they are when the iteration begins."""

    _mapping: "Storage"

    def __iter__(self) -> Iterator[Tuple[str, Any]]:
        return ((item.key, item.value) for item in self._mapping.each())


class _Values(ValuesView[Any]):
    """The values of a storage, as they are when the iteration begins."""

    _mapping: "Storage"

    def __iter__(self) -> Iterator[Any]:
        return (item.value for item in self._mapping.each())


class Storage(Owner, MutableMapping[str, Any]):
    """A durable map of keys to JSON values. It may be used from any thread.

    A field is stored under "lily_session_" followed by its key; other keys are the program's own. All methods of a dict are there; but
    clear() is for log-out, and leaves the program's own keys, and update() changes all keys in one step. A storage equals only itself. A
    storage that is closed stays open until the sessions that use it end.
    """

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    _ends_last = True

    def __init__(self, handle: Any, keeps: "tuple[object, Optional[Callable[[], datetime]]]", flags: int, calls_back: bool) -> None:
        """Programs use open(), memory() or backend() instead. `keeps` is kept alive as long as the handle. `flags` are those of opening it.
        `calls_back` is true if the library calls the program when the storage is closed: its own functions, or its clock."""
        self._handle = handle
        self._waiters = Waiters()
        path = ffi.NULL if handle is None else lib.lily_session_storage_path(handle)
        self._path = os.fsdecode(ffi.string(path)) if path else None  # for exceptions, also after the end
        self._calls_back = calls_back
        self._keeps = keeps
        self._flags = flags

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
        return cls._opened(lib.lily_session_storage_open, where, clock=clock, path=None if path is None else os.fsdecode(path),
                           application=application, durability=_number_of(durability), flags=flags, quota_bytes=quota_bytes)

    @classmethod
    def memory(cls, *, quota_bytes: int = 0, clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """Opens a storage in memory, which ends with this object, for tests and for sessions without a file."""
        return cls._opened(lib.lily_session_storage_open_memory, clock=clock, quota_bytes=quota_bytes)

    @classmethod
    def backend(cls, backend: Backend, *, clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """Opens a storage that keeps all entries in a store of the program's own. Its close() is called when it is no longer needed."""
        return cls._opened(lib.lily_session_storage_open_backend, function_table(backend), clock=clock)

    @classmethod
    def redis(cls, url: Optional[str] = None, *, timeout: timedelta = timedelta(seconds=1), idle: Optional[timedelta] = timedelta(days=30),
              durability: Durability = Durability.PROCESS, replicas: int = 0, lazy: bool = False, ca_file: Union[str, "os.PathLike[str]", None] = None,
              certificate_file: Union[str, "os.PathLike[str]", None] = None, key_file: Union[str, "os.PathLike[str]", None] = None,
              clock: Optional[Callable[[], datetime]] = None) -> "Storage":
        """Opens a storage on Redis 7.0 or newer, or Valkey, for programs on several machines. It needs liblily_session_redis, which is loaded
        by the first call; UnsupportedError says that it is missing, or that the server is too old. Closing and detaching do not wait for
        the server's disk, as with `no_sync`; sync() and flush() do, and raise NotDurableError if it does not confirm.

        url               such as "redis://user:password@host:6379/0"; None means $LILY_SESSION_REDIS, or redis://127.0.0.1:6379. The guide
                          docs/guides/fleet.md has the other forms: TLS, sockets, Sentinels and Clusters
        timeout           how long one call may wait, connecting included
        idle              how long after its last write or touch a scope is removed, unless an entry in it expires later; None means never
        durability        what a change survives when the call that made it has returned
        replicas          how many replicas must have a write; if fewer have it, the call raises NotDurableError
        lazy              True lets this call succeed although no server can be reached. Calls raise StorageError until one can
        ca_file           the certificates that are trusted, as PEM; None means those of the system
        certificate_file  the certificate of this program, as PEM; None means none
        key_file          the key of that certificate, as PEM; None means that it is in `certificate_file`
        clock             returns the time instead of the system's clock, for tests
        """
        from ._redis import open_storage  # Only programs that use Redis load it.

        keeps = _handle_of(clock)
        files = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file}
        handle = open_storage(url, timeout, idle, _number_of(durability), replicas, lazy, keeps, files)
        return cls(ffi.gc(handle, lib.lily_session_storage_close), (keeps, clock), lib.LILY_SESSION_NO_SYNC, clock is not None)

    def scoped(self, scope: str) -> "Storage":
        """Returns a separate storage inside this one, such as "user:42". Clearing one does not affect the others."""
        out = ffi.new("lily_session_storage **")
        self._call(lib.lily_session_storage_scoped, c_string(scope, "the scope"), out)
        return Storage(ffi.gc(out[0], lib.lily_session_storage_close), self._keeps, self._flags, self._calls_back)

    def scopes(self) -> "list[str]":
        """Returns the names of the scopes that hold an entry that has not expired, in byte order. Where scopes are files, each is read."""
        names: "list[str]" = []
        handle = ffi.new_handle(names)
        self._call(lib.lily_session_storage_scopes, lib.lily_py_scope, handle)
        return names

    def sweep(self, limit: Optional[int] = None) -> int:
        """Removes scopes in which nothing is left that has not expired, where scopes are files with the files, and returns how many.

        It may run at any time, beside programs that use the scopes. `limit` is how many it removes at most; None means no limit. Where
        scopes are files, it also looks at about so many only, and the next sweep goes on there.
        """
        if limit is not None and limit < 1:
            raise InvalidArgumentError("the limit is less than 1")
        out = ffi.new("size_t *")
        self._call(lib.lily_session_storage_sweep, limit or 0, out)
        return int(out[0])

    @classmethod
    def _opened(cls, function: Callable[..., int], *arguments: Any, clock: Optional[Callable[[], datetime]], path: Optional[str] = None,
                application: Optional[str] = None, flags: int = 0, **options: int) -> "Storage":
        keeps = _handle_of(clock)
        name = ffi.NULL if application is None else ffi.new("char[]", c_string(application, "the application's name"))
        given = ffi.new("lily_session_storage_options *", {
            "size": ffi.sizeof("lily_session_storage_options"), "application": name, "flags": flags,
            "clock": lib.lily_py_clock if clock else ffi.NULL, "context": keeps or ffi.NULL, **options,
        })  # fmt: skip
        out = ffi.new("lily_session_storage **")
        call(function, *arguments, given, out, path=path, file=True)
        calls_back = clock is not None or function is lib.lily_session_storage_open_backend
        return cls(ffi.gc(out[0], lib.lily_session_storage_close), (keeps, clock), flags, calls_back)

    @property
    def path(self) -> Optional[Path]:
        """The absolute path of the file; None if there is no file."""
        self._live_handle()
        return None if self._path is None else Path(self._path)

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
            self._call(lib.lily_session_storage_get, c_string(key), out, length)
            return RawJSON(ffi.buffer(out[0], length[0])[:], "utf-8")
        finally:
            lib.lily_session_free(out[0])

    def set(self, key: str, value: Any, *, expires_at: Optional[datetime] = None) -> None:
        """Stores a value that JSON has, or RawJSON, which is stored as it is except for white space. From `expires_at` on, the key is
        absent; None means that it does not expire."""
        data = dumps(value)
        self._call(lib.lily_session_storage_set, c_string(key), data, len(data), _deadline(expires_at))

    def remove(self, key: str) -> None:
        """Removes a key. If the key is absent, nothing happens."""
        self._call(lib.lily_session_storage_remove, c_string(key))

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
        self._call(lib.lily_session_storage_write, ffi.new("lily_session_entry[]", entries), len(entries))

    def modify(self, key: str, change: Callable[[Any], V], default: Any = None) -> V:
        """Replaces the value under a key by what `change` makes of it, without losing what another program stores at the same time, and
        returns the new value. The key keeps its expiry.

        key      the key, in full
        change   takes the stored value, and returns a new one, as set() takes it. It is called again if another program stores something
                 meanwhile, so it must change nothing itself. If it raises an exception, nothing changes, and modify raises it
        default  what `change` takes if the key is absent or has expired
        """
        modification = Modification(key, _JSON_VALUE, change, default)
        self._call(lib.lily_session_storage_modify, c_string(key), lib.lily_py_modify, ffi.new_handle(modification))
        return modification.new

    def __getitem__(self, key: str) -> Any:
        return parse(self.get_json(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise MissingKeyError(f"{key}: there is no such key")
        self.remove(key)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self.get_json(key) is not None
        except MissingKeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        return (item.key for item in self.each())

    def __len__(self) -> int:
        return len(self.each())

    def __bool__(self) -> bool:
        """True, also if nothing is stored, because a storage is not only a container."""
        return True

    def items(self) -> ItemsView[str, Any]:
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        return _Values(self)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Returns the value under the key, which is the default if there was none, in one step."""
        return self.modify(key, lambda stored: default if stored is _ABSENT else stored, _ABSENT)

    def update(self, *changes: Any, **more: Any) -> None:
        """Stores several keys in one step, as write() does."""
        self.write(dict(*changes, **more))

    def each(self, prefix: str = "") -> "list[Item]":
        """Returns the entries whose keys begin with the prefix, in the byte order of their keys."""
        items: "list[Item]" = []
        handle = ffi.new_handle(items)
        self._call(lib.lily_session_storage_each, c_string(prefix, "the prefix"), lib.lily_py_item, handle)
        return items

    def _milliseconds_left(self, key: str) -> Optional[int]:
        """Returns the milliseconds until a key expires, or None if it is absent or does not expire."""
        expires_at = next((item.expires_at for item in self.each(key) if item.key == key), None)
        if expires_at is None:
            return None
        clock = self._keeps[1]
        return to_milliseconds(expires_at) - to_milliseconds(clock() if clock else datetime.now(timezone.utc))

    def clear(self) -> None:
        """Removes everything that fields have stored, in one step, for log-out. It may be called inside an update. It does not change
        models; the next refresh resets the fields that were stored to the values they had before attach."""
        self._call(lib.lily_session_clear)

    def sync(self) -> None:
        """Makes what this storage wrote survive power loss."""
        self._call(lib.lily_session_storage_sync)

    def fileno(self) -> int:
        """Returns a descriptor for `select` and event loops. It polls readable when what is stored has changed, until each session that is
        attached through this storage has refreshed or, if there are no sessions, until a get() or each(). The storage owns it: do not read
        or close it."""
        descriptor = int(call_for_value(lib.lily_session_storage_fd, self._live_handle()))
        if descriptor < 0:
            self.info()  # In a child of fork it raises ForkedError.
            raise UnsupportedError("this storage cannot tell of changes")
        return descriptor

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits in this thread until what is stored has changed, and returns True; or False after `timeout` seconds, of which None means any
        number. After a change it returns True at once until each session that is attached through this storage has refreshed or, if there
        are no sessions, until a get() or each(). If another thread closes the storage, it raises InvalidArgumentError."""
        handle = self._live_handle()  # It keeps the descriptor open, as another thread may close the storage meanwhile.
        changed = self._waiters.wait(self.fileno(), timeout, lambda: self._handle is not handle)
        self._live_handle()
        return changed

    def info(self) -> StorageInfo:
        """Returns facts about the storage, such as its size."""
        out = ffi.new("lily_session_info *", {"size": ffi.sizeof("lily_session_info")})
        self._call(lib.lily_session_storage_info, out)
        return StorageInfo(None if self._path is None else Path(self._path), out.entries, out.live_bytes, out.quota_bytes, out.file_bytes, out.damaged_lines,
                           from_milliseconds(out.last_compaction_ms), Durability(out.durability), bool(out.owes_sync),
                           bool(out.directory_is_open))

    def close(self) -> None:
        """Makes what was written survive power loss, as far as it can, and closes the file; with `no_sync` it only closes the file. A second
        call does nothing."""
        # The last user of the handle closes it: this call, or one that another thread is in.
        handles, self._handle = [self._handle], None
        self._waiters.wake()
        call(handles.clear)

    def __enter__(self) -> "Storage":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_waiters", None) and self._handle is not None:
            self.close()

    def _program_ends(self) -> None:
        if self._handle is not None and self._calls_back:
            self.close()

    def __repr__(self) -> str:
        return f"<lily_session.Storage {'closed' if self._handle is None else self._path or 'without a file'}>"

    def _live_handle(self) -> Any:
        if self._handle is None:
            raise InvalidArgumentError("the storage is closed")
        return self._handle

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        call(function, self._live_handle(), *arguments, path=self._path)


def clear(storage: Optional[Storage] = None) -> None:
    """Removes everything that fields have stored, as Storage.clear() does. None means the default place, as for attach."""
    if storage is not None:
        storage.clear()
    else:
        call(lib.lily_session_clear, ffi.NULL)


def _number_of(durability: Durability) -> int:
    if not isinstance(durability, int):
        raise TypeError(f"a durability is a Durability, and not an object of type {type(durability).__name__}")
    return int(durability)


def _deadline(expires_at: Optional[datetime]) -> int:
    return 0 if expires_at is None else to_milliseconds(expires_at) or 1  # To the library, 0 means never.


def _handle_of(clock: Optional[Callable[[], datetime]]) -> Any:
    """Returns what the library passes to lily_py_clock; None if there is no clock."""
    if clock is None:
        return None
    if not callable(clock):
        raise TypeError(f"a clock is a function that returns a datetime, and not an object of type {type(clock).__name__}")
    return ffi.new_handle(clock)


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
