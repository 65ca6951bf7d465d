"""Declares the C API for ctypes: the part of Tests/journal/lily.py, and the rest that a session needs."""
import ctypes as c
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "journal"))
import lily  # noqa: E402
from lily import (  # noqa: E402, F401
    CLOCK, EVENT, GET, ITEM, PUT, RELEASE, REVISION, SET, SLICE, UPDATE_FN, Config, FieldStruct, Options, Value, handle,
    field_add, lib, persistence_free, persistence_new, runtime_dispatch, runtime_free, runtime_new, session_attach, session_detach,
    session_field_state, session_flush, session_persist, status)

MODIFY = c.CFUNCTYPE(status, c.c_void_p, c.POINTER(Value), c.POINTER(Value))
MIGRATE = c.CFUNCTYPE(status, c.c_void_p, c.c_uint32, c.POINTER(Value), c.POINTER(Value))


class Info(c.Structure):
    _fields_ = [("size", c.c_size_t), ("path", c.c_char_p), ("entries", c.c_int64), ("live_bytes", c.c_int64),
                ("quota_bytes", c.c_int64), ("file_bytes", c.c_int64), ("damaged_lines", c.c_int64),
                ("last_compaction_ms", c.c_int64), ("durability", c.c_int32), ("owes_sync", c.c_int32)]


class Entry(c.Structure):
    _fields_ = [("key", c.c_char_p), ("json", c.c_char_p), ("length", c.c_size_t), ("expires_at_ms", c.c_int64),
                ("version", c.c_uint32)]


ENTRY_FN = c.CFUNCTYPE(status, c.c_void_p, c.POINTER(Entry))
READ = c.CFUNCTYPE(status, c.c_void_p, c.c_char_p, c.POINTER(Entry))
WRITE = c.CFUNCTYPE(status, c.c_void_p, c.POINTER(Entry), c.c_size_t, c.c_char_p, c.c_uint64)
CLEAR = c.CFUNCTYPE(status, c.c_void_p, c.c_char_p)
GENERATION = c.CFUNCTYPE(status, c.c_void_p, c.c_char_p, c.POINTER(c.c_uint64))
EACH = c.CFUNCTYPE(status, c.c_void_p, c.c_char_p, ENTRY_FN, c.c_void_p)
SYNC = c.CFUNCTYPE(status, c.c_void_p)
RENEW = c.CFUNCTYPE(status, c.c_void_p, c.POINTER(Entry))
REPLACE = c.CFUNCTYPE(status, c.c_void_p, c.POINTER(Entry), c.POINTER(Entry), c.c_char_p, c.c_uint64)


VISIT = c.CFUNCTYPE(status, c.c_void_p, c.c_char_p, c.POINTER(Value))
EACH_ENTRY = c.CFUNCTYPE(status, c.c_void_p, c.c_void_p, c.c_void_p, c.c_void_p)
SET_ENTRY = c.CFUNCTYPE(status, c.c_void_p, c.c_void_p, c.c_char_p, c.POINTER(Value))


class Map(c.Structure):
    _fields_ = [("size", c.c_size_t), ("prefix", c.c_char_p), ("types", c.c_int32), ("each", EACH_ENTRY), ("set", SET_ENTRY),
                ("context", c.c_void_p), ("release", RELEASE), ("expires_after_ms", c.c_int64), ("version", c.c_uint32),
                ("migrate", c.c_void_p)]


class Backend(c.Structure):
    _fields_ = [("size", c.c_size_t), ("context", c.c_void_p), ("release", RELEASE), ("read", READ), ("write", WRITE),
                ("clear", CLEAR), ("generation", GENERATION), ("each", EACH), ("sync", SYNC), ("fd", c.c_void_p),
                ("close", RELEASE), ("renew", RENEW), ("replace", REPLACE)]


def _declare(name, result, *arguments):
    """Returns the function, or None if this library does not have it yet."""
    if not hasattr(lib, "lily_session_" + name):
        return None
    return lily._declare(name, result, *arguments)


free = lily._free
last_error = lily.last_error
storage_open = lily._open
storage_open_memory = _declare("storage_open_memory", status, c.POINTER(Options), c.POINTER(handle))
storage_open_backend = _declare("storage_open_backend", status, c.POINTER(Backend), c.POINTER(Options), c.POINTER(handle))
storage_scoped = lily._scoped
storage_close = lily._close
storage_get = lily._get
storage_set = lily._set
storage_remove = lily._remove
storage_write = _declare("storage_write", status, handle, c.POINTER(Entry), c.c_size_t)
storage_modify = _declare("storage_modify", status, handle, c.c_char_p, MODIFY, c.c_void_p)
storage_each = lily._each
storage_sync = lily._sync
storage_fd = _declare("storage_fd", c.c_int, handle)
storage_info = _declare("storage_info", status, handle, c.POINTER(Info))
clear = lily._clear
map_add = _declare("map_add", status, handle, c.POINTER(Map))
runtime_model = _declare("runtime_model", c.c_void_p, handle)
runtime_set_model = _declare("runtime_set_model", status, handle, c.c_void_p)
runtime_persist = _declare("runtime_persist", status, handle)
runtime_refresh = _declare("runtime_refresh", status, handle)
runtime_next_expiry = _declare("runtime_next_expiry", c.c_int64, handle)
session_refresh = _declare("refresh", status, handle)
session_touch = _declare("touch", status, handle, c.c_char_p)
session_mark = _declare("mark", status, handle, c.c_char_p)
session_modify = _declare("modify", status, handle, c.c_char_p, MODIFY, c.c_void_p)
session_reset = _declare("reset", status, handle, c.c_char_p)
session_next_expiry = _declare("next_expiry", c.c_int64, handle)
session_abandon = _declare("abandon", None, handle)
