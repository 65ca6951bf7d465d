"""Makes a store of the program's own a storage of the library."""
from abc import ABC, abstractmethod
from typing import Any, Iterable, NamedTuple, Optional, Sequence

from ._calls import c_string, keep, keep_status, lend_until_next
from ._errors import Error, UnsupportedError
from ._native import ffi, lib


class Entry(NamedTuple):
    """A key, and what a backend stores under it."""

    key: str
    json: Optional[str]
    """JSON text, which the backend must return unchanged. In write(), None means that the key is removed."""
    expires_at_ms: int = 0
    """When the entry expires, UTC in milliseconds since 1970; 0 means never. The backend keeps an expired entry: the library checks it."""
    version: int = 0
    """The version of the field."""


class Backend(ABC):
    """A store of the program's own, for Storage.backend().

    The library enforces the rules of keys, values, expiry, versions and scopes. It calls a backend from the threads that use the storage,
    and holds no lock during a call. A backend reports a failure by raising an error of this package. Any other exception counts as
    StorageError; the call that caused it raises it unchanged. A backend keeps a generation for each prefix that is cleared. It begins at
    0, and each clear increments it.
    """

    @abstractmethod
    def read(self, key: str) -> Optional[Entry]:
        """Returns the entry under the key, or None if there is none."""

    @abstractmethod
    def write(self, entries: Sequence[Entry], prefix: Optional[str], generation: int) -> None:
        """Stores all entries or none. If `prefix` is not None and its generation is not `generation`, stores none and raises NewerError."""

    @abstractmethod
    def clear(self, prefix: str) -> None:
        """Removes all keys that begin with the prefix, and increments its generation, in one step."""

    @abstractmethod
    def generation(self, prefix: str) -> int:
        """Returns how often the prefix has been cleared."""

    @abstractmethod
    def each(self, prefix: str) -> Iterable[Entry]:
        """Returns all entries whose keys begin with the prefix, in any order."""

    def sync(self) -> None:
        """Makes what was written survive power loss. If it is not overridden, what write() stores is taken to survive power loss at once,
        unless write() raises NotDurableError."""

    def fileno(self) -> int:
        """Returns a descriptor that polls readable when what is stored may have changed, or -1 if the store cannot tell."""
        return -1

    def close(self) -> None:
        """Is called once, when no storage and no session needs the backend any more."""

    def renew(self, entry: Entry) -> bool:
        """Sets the entry's `expires_at_ms` in one step, if its key still has this json and version.

        Returns True if it did, and False if the key has something else. If it is not overridden, the library reads the entry and writes it
        again, and a write of another program between the two is lost.
        """
        raise UnsupportedError("the backend does not override renew")

    def replace(self, stored: Optional[Entry], entry: Entry, prefix: Optional[str], generation: int) -> bool:
        """Stores the entry in one step, if its key still has the json and version of `stored` or, where that is None, if it has no entry.
        The prefix and the generation are as for write().

        Returns True if it did, and False if the key has something else. If it is not overridden, the library reads the entry and writes the
        new one, and of two programs that modify it at the same time one may be lost.
        """
        raise UnsupportedError("the backend does not override replace")

    def scopes(self) -> Iterable[str]:
        """Returns the name of each scope that has an entry, in any order. The keys of a scope begin with U+0001, its name and U+0001.

        If it is not overridden, the library looks at all entries to find the scopes.
        """
        raise UnsupportedError("the backend does not override scopes")


_alive: "dict[Any, Any]" = {}
"""The backends that the library uses, by their handles. It may use one for longer than its Storage exists, as sessions keep it open."""


def function_table(backend: Backend) -> Any:
    """Returns the table of functions for the library. It keeps the backend alive until the library releases it."""
    if not isinstance(backend, Backend):
        raise TypeError(f"{type(backend).__name__} is not a Backend")
    handle = ffi.new_handle(backend)
    _alive[handle] = backend
    # The library works without these four functions.
    sync = lib.lily_py_backend_sync if type(backend).sync is not Backend.sync else ffi.NULL
    renew = lib.lily_py_backend_renew if type(backend).renew is not Backend.renew else ffi.NULL
    replace = lib.lily_py_backend_replace if type(backend).replace is not Backend.replace else ffi.NULL
    scopes = lib.lily_py_backend_scopes if type(backend).scopes is not Backend.scopes else ffi.NULL
    return ffi.new("lily_session_backend *", {
        "size": ffi.sizeof("lily_session_backend"), "context": handle, "release": lib.lily_py_backend_release,
        "read": lib.lily_py_backend_read, "write": lib.lily_py_backend_write, "clear": lib.lily_py_backend_clear,
        "generation": lib.lily_py_backend_generation, "each": lib.lily_py_backend_each, "sync": sync,
        "fd": lib.lily_py_backend_fd, "close": lib.lily_py_backend_close, "renew": renew, "replace": replace,
        "scopes": scopes,
    })  # fmt: skip


def _backend(context: Any) -> Backend:
    backend: Backend = ffi.from_handle(context)
    return backend


def _entry(out: Any, entry: Entry) -> Any:
    """Fills a lily_session_entry, and returns the memory that its texts are in."""
    if entry.json is None:
        raise TypeError(f"the backend returned an entry for {entry.key!r} without JSON text")
    key: Any = None
    json: Any = None
    try:
        key, json = ffi.new("char[]", entry.key.encode()), ffi.from_buffer(entry.json.encode())
    except UnicodeEncodeError:
        pass  # The exception quotes the text, so it is not passed on.
    if json is None:
        raise ValueError(f"the backend returned an entry for {entry.key!r} with a surrogate")
    out.key, out.json, out.length = key, json, len(json)
    out.expires_at_ms, out.version = entry.expires_at_ms, entry.version
    return key, json


def _given(entry: Any, key: Optional[str] = None) -> Entry:
    """Converts an entry from the library. One without JSON means that its key is removed. `key` is given for an entry that has none."""
    json = ffi.unpack(entry.json, entry.length).decode() if entry.json else None
    return Entry(key or _string(entry.key), json, entry.expires_at_ms, entry.version)


def _string(text: Any) -> str:
    return str(ffi.string(text).decode())


# The library acts on the status of an Error: after NewerError it tries again. Any other exception is kept for the call to raise.


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_read(context: Any, key: Any, out_entry: Any) -> int:
    try:
        entry = _backend(context).read(_string(key))
    except Error as error:
        return keep_status(error)
    if entry is None:
        return int(lib.LILY_SESSION_ERROR_NOT_FOUND)
    lend_until_next(_entry(out_entry, entry))
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_write(context: Any, entries: Any, count: int, prefix: Any, generation: int) -> int:
    changes = [_given(entries[at]) for at in range(count)]
    try:
        _backend(context).write(changes, _string(prefix) if prefix else None, generation)
    except Error as error:
        return keep_status(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_clear(context: Any, prefix: Any) -> int:
    try:
        _backend(context).clear(_string(prefix))
    except Error as error:
        return keep_status(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_generation(context: Any, prefix: Any, out_generation: Any) -> int:
    try:
        out_generation[0] = _backend(context).generation(_string(prefix))
    except Error as error:
        return keep_status(error)
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
        return keep_status(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_sync(context: Any) -> int:
    try:
        _backend(context).sync()
    except Error as error:
        return keep_status(error)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_renew(context: Any, entry: Any) -> int:
    try:
        found = _backend(context).renew(_given(entry))
    except Error as error:
        return keep_status(error)
    return 0 if found else int(lib.LILY_SESSION_ERROR_NOT_FOUND)


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_replace(context: Any, stored: Any, entry: Any, prefix: Any, generation: int) -> int:
    new = _given(entry)
    try:
        replaced = _backend(context).replace(_given(stored, new.key) if stored else None, new, _string(prefix) if prefix else None, generation)
    except Error as error:
        return keep_status(error)
    return 0 if replaced else int(lib.LILY_SESSION_ERROR_NOT_FOUND)


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_IO, onerror=keep)
def lily_py_backend_scopes(context: Any, visit: Any, visitor: Any) -> int:
    try:
        for name in _backend(context).scopes():
            status = int(visit(visitor, ffi.new("char[]", c_string(name, "the scope"))))
            if status:
                return status
    except Error as error:
        return keep_status(error)
    return 0


@ffi.def_extern(error=-1, onerror=keep)
def lily_py_backend_fd(context: Any) -> int:
    return _backend(context).fileno()


@ffi.def_extern(onerror=keep)
def lily_py_backend_close(context: Any) -> None:
    _backend(context).close()


@ffi.def_extern(onerror=keep)
def lily_py_backend_release(context: Any) -> None:
    del _alive[context]
