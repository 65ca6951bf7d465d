"""A store of the program's, as the library's storage."""
from abc import ABC, abstractmethod
from typing import Any, Iterable, NamedTuple, Optional, Sequence

from ._calls import answer, keep, lend
from ._errors import Error, UnsupportedError
from ._native import ffi, lib


class Entry(NamedTuple):
    """What a backend keeps under a key."""

    key: str
    json: Optional[str]
    """JSON text, to be given back as it is. None, in write(): the key is removed."""
    expires_at_ms: int = 0
    """UTC in milliseconds since 1970; 0: never. A past one is kept: the library judges it."""
    version: int = 0


class Backend(ABC):
    """A store of the program's own, for Storage.backend().

    The library keeps the rules of keys, values, expiry, versions and scopes. It calls from the threads that use the storage, with
    no lock held. A backend says what is wrong by one of this package's errors; what else it raises counts as StorageError, and
    comes out of the call all the same. It keeps a generation for each prefix that is cleared: 0 at first, raised by each clear.
    """

    @abstractmethod
    def read(self, key: str) -> Optional[Entry]:
        """What is stored; None: nothing."""

    @abstractmethod
    def write(self, entries: Sequence[Entry], prefix: Optional[str], generation: int) -> None:
        """Stores all, or none. With a prefix whose generation is not this one: none, and NewerError. None: in any."""

    @abstractmethod
    def clear(self, prefix: str) -> None:
        """Removes all keys that begin with the prefix, and raises its generation, in one step."""

    @abstractmethod
    def generation(self, prefix: str) -> int:
        """How often the prefix has been cleared."""

    @abstractmethod
    def each(self, prefix: str) -> Iterable[Entry]:
        """All whose keys begin with the prefix, in any order."""

    def sync(self) -> None:
        """Makes what was written survive power loss. Not overridden: it does at once, unless write() raised NotDurableError."""

    def fileno(self) -> int:
        """A descriptor that polls readable when what is stored may have changed; -1: it cannot tell."""
        return -1

    def close(self) -> None:
        """Is called once, when no storage and no session needs the backend any more."""

    def renew(self, entry: Entry) -> bool:
        """Gives the entry of this key the new `expires_at_ms`, in one step, if the key still holds this json and version; otherwise
        returns False. Not overridden: the library reads the entry and writes it again, and another program's write that comes
        between the two is lost."""
        raise UnsupportedError("the backend does not override renew")


_alive: "dict[Any, Any]" = {}
"""The handles of backends that the library has: it may outlive the Storage, as sessions keep it open."""


def table(backend: Backend) -> Any:
    """What the library is given. From then on it has the backend, until it releases it."""
    if not isinstance(backend, Backend):
        raise TypeError(f"{type(backend).__name__} is not a Backend")
    handle = ffi.new_handle(backend)
    _alive[handle] = backend
    # Where there is none, the library does without.
    sync = lib.lily_py_backend_sync if type(backend).sync is not Backend.sync else ffi.NULL
    renew = lib.lily_py_backend_renew if type(backend).renew is not Backend.renew else ffi.NULL
    return ffi.new("lily_session_backend *", {
        "size": ffi.sizeof("lily_session_backend"), "context": handle, "release": lib.lily_py_backend_release,
        "read": lib.lily_py_backend_read, "write": lib.lily_py_backend_write, "clear": lib.lily_py_backend_clear,
        "generation": lib.lily_py_backend_generation, "each": lib.lily_py_backend_each, "sync": sync,
        "fd": lib.lily_py_backend_fd, "close": lib.lily_py_backend_close, "renew": renew,
    })  # fmt: skip


def _backend(context: Any) -> Backend:
    backend: Backend = ffi.from_handle(context)
    return backend


def _entry(out: Any, entry: Entry) -> Any:
    """Fills a lily_session_entry, and gives what its texts live in."""
    if entry.json is None:
        raise TypeError("an entry that is stored has JSON text")
    key, json = ffi.new("char[]", entry.key.encode()), ffi.from_buffer(entry.json.encode())
    out.key, out.json, out.length = key, json, len(json)
    out.expires_at_ms, out.version = entry.expires_at_ms, entry.version
    return key, json


def _given(entry: Any) -> Entry:
    """What the library gives; without JSON it is to be removed."""
    json = ffi.unpack(entry.json, entry.length).decode() if entry.json else None
    return Entry(_string(entry.key), json, entry.expires_at_ms, entry.version)


def _string(text: Any) -> str:
    return str(ffi.string(text).decode())


# An Error is a status that the library acts on: it asks again after NewerError. Anything else is kept for the outer call.


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_read(context: Any, key: Any, out_entry: Any) -> int:
    try:
        entry = _backend(context).read(_string(key))
    except Error as error:
        return answer(error)
    if entry is None:
        return int(lib.LILY_SESSION_ERROR_NOT_FOUND)
    lend(_entry(out_entry, entry))
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_write(context: Any, entries: Any, count: int, prefix: Any, generation: int) -> int:
    changes = [_given(entries[at]) for at in range(count)]
    try:
        _backend(context).write(changes, _string(prefix) if prefix else None, generation)
    except Error as error:
        return answer(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_clear(context: Any, prefix: Any) -> int:
    try:
        _backend(context).clear(_string(prefix))
    except Error as error:
        return answer(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_generation(context: Any, prefix: Any, out_generation: Any) -> int:
    try:
        out_generation[0] = _backend(context).generation(_string(prefix))
    except Error as error:
        return answer(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_each(context: Any, prefix: Any, visit: Any, visitor: Any) -> int:
    out = ffi.new("lily_session_entry *")
    try:
        for entry in _backend(context).each(_string(prefix)):
            borrowed = _entry(out, entry)
            status = int(visit(visitor, out))
            del borrowed
            if status:
                return status
    except Error as error:
        return answer(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_sync(context: Any) -> int:
    try:
        _backend(context).sync()
    except Error as error:
        return answer(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_renew(context: Any, entry: Any) -> int:
    try:
        found = _backend(context).renew(_given(entry))
    except Error as error:
        return answer(error)
    return 0 if found else int(lib.LILY_SESSION_ERROR_NOT_FOUND)


@ffi.def_extern(error=-1, onerror=keep)
def lily_py_backend_fd(context: Any) -> int:
    return _backend(context).fileno()


@ffi.def_extern(onerror=keep)
def lily_py_backend_close(context: Any) -> None:
    _backend(context).close()


@ffi.def_extern(onerror=keep)
def lily_py_backend_release(context: Any) -> None:
    del _alive[context]
