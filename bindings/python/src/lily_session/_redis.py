"""Opens storages on Redis or Valkey. liblily_session_redis is loaded when the first one is opened."""
import ctypes
import os
from datetime import timedelta
from functools import lru_cache
from typing import Any, Callable, Optional, Union

from ._calls import c_string, call
from ._errors import InvalidArgumentError, UnsupportedError
from ._native import ffi, lib

_NAME = "liblily_session_redis.so.0"
_MILLISECOND = timedelta(milliseconds=1)

PathText = Union[str, "os.PathLike[str]"]


class Options(ctypes.Structure):
    """lily_session_redis_options of lily_session_redis.h. That header is not needed to build this package, so its struct is repeated here."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("url", ctypes.c_char_p),
        ("timeout_ms", ctypes.c_int64),
        ("idle_ms", ctypes.c_int64),
        ("durability", ctypes.c_int32),
        ("replicas", ctypes.c_int32),
        ("flags", ctypes.c_int32),
        ("clock", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
        ("ca_file", ctypes.c_char_p),
        ("certificate_file", ctypes.c_char_p),
        ("key_file", ctypes.c_char_p),
    ]


LAZY = 1
"""LILY_SESSION_REDIS_LAZY of lily_session_redis.h."""


class _Place(ctypes.Structure):
    """Dl_info of dlfcn.h."""

    _fields_ = [("path", ctypes.c_char_p), ("base", ctypes.c_void_p), ("name", ctypes.c_char_p), ("address", ctypes.c_void_p)]


def open_storage(url: Optional[str], timeout: timedelta, idle: Optional[timedelta], durability: int, replicas: int, lazy: bool, clock: Any,
                 files: "dict[str, Optional[PathText]]") -> Any:
    """Opens a storage, and returns its handle. `clock` is the handle of a function, or None."""
    if not 0 <= replicas < 1 << 31:
        raise InvalidArgumentError("the number of replicas is out of range")
    options = Options(
        size=ctypes.sizeof(Options), url=None if url is None else c_string(url, "the address"), timeout_ms=_milliseconds(timeout, "the time-out"),
        idle_ms=-1 if idle is None else _milliseconds(idle, "the idle time"), durability=durability, replicas=replicas, flags=LAZY if lazy else 0,
        clock=_address(lib.lily_py_clock) if clock else None, context=_address(clock) if clock else None,
        **{name: None if path is None else _path(path) for name, path in files.items()},
    )  # fmt: skip
    out = ctypes.c_void_p()
    call(_function(), ctypes.byref(options), ctypes.byref(out))
    return ffi.cast("lily_session_storage *", out.value)


@lru_cache(maxsize=None)
def _function() -> Callable[..., int]:
    """Returns lily_session_redis_open. The library beside the one that this package uses comes first, because both are of one version; then
    comes the one that the system finds, also in LD_LIBRARY_PATH."""
    ours = _address(lib.lily_session_version())
    place = _Place()
    ctypes.CDLL(None).dladdr(ctypes.c_void_p(ours), ctypes.byref(place))
    core = os.fsdecode(place.path or b'')
    beside = os.path.join(os.path.dirname(core), _NAME)
    try:
        library = ctypes.CDLL(beside if os.path.exists(beside) else _NAME)
    except OSError as error:
        raise UnsupportedError(
            f"Storage.redis() needs {_NAME}, which cannot be loaded: {error}. Build it by `make redis` in the source tree of "
            "lily-session, and install it by `make install-redis`; or name its folder in LD_LIBRARY_PATH"
        ) from None
    library.lily_session_version.restype = ctypes.c_void_p
    if library.lily_session_version() != ours:
        raise UnsupportedError(
            f"{_NAME} uses another copy of liblily_session than this package, {core}. A wheel has a copy of its own: "
            "install the package from source instead, so that both use one copy"
        )
    function = library.lily_session_redis_open
    function.restype = ctypes.c_int32
    return function


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _milliseconds(time: timedelta, what: str) -> int:
    if not isinstance(time, timedelta):
        raise TypeError(f"{what} is a timedelta, and not an object of type {type(time).__name__}")
    if time < _MILLISECOND:  # To the library, 0 means its default.
        raise InvalidArgumentError(f"{what} is less than 1 ms")
    return time // _MILLISECOND


def _path(path: PathText) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise InvalidArgumentError("the path contains a NUL character")
    return encoded
