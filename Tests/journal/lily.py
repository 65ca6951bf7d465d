"""The C API through ctypes, as thin as it can be: structs as in include/lily_session.h, failures as exceptions."""
import ctypes as c
import os
import pathlib

_default = pathlib.Path(__file__).resolve().parent / "../../build/lib/liblily_session.so"
lib = c.CDLL(os.environ.get("LILY_SESSION_LIBRARY", str(_default)))

OK = 0
INVALID_ARGUMENT, DUPLICATE_KEY, NOT_FOUND, REENTRANT, UNSUPPORTED, FORKED = -1, -2, -3, -4, -5, -6
DECODE, ENCODE, CALLBACK, UPDATE, NEWER = -10, -11, -12, -13, -14
IO, NO_SPACE, NOT_DURABLE, PERMISSION, REFUSED, CORRUPT, QUOTA, BUSY = -20, -21, -22, -23, -24, -25, -26, -27
READ_ONLY, STRICT, EXCLUSIVE, SCOPE_FILES, NO_SYNC = 1, 2, 4, 8, 16
PROCESS, POWER = 0, 1
NULL, BOOL, INT, REAL, STRING, JSON = 1, 2, 4, 8, 16, 32
EVENT_REJECTED, EVENT_NEWER, EVENT_FIELD_FAILED, EVENT_WRITE_FAILED, EVENT_DAMAGED, EVENT_DIRECTORY = 1, 2, 3, 4, 5, 6
STATE_ABSENT, STATE_LOADED, STATE_REJECTED, STATE_EXPIRED, STATE_NEWER, STATE_DIRTY = 0, 1, 2, 3, 5, 256

handle, status = c.c_void_p, c.c_int32
CLOCK = c.CFUNCTYPE(c.c_int64, c.c_void_p)
ITEM = c.CFUNCTYPE(status, c.c_void_p, c.c_char_p, c.c_void_p, c.c_size_t, c.c_int64)
SCOPE = c.CFUNCTYPE(status, c.c_void_p, c.c_char_p)
UPDATE_FN = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_void_p, c.c_void_p)
SLICE = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_void_p)
PUT = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_void_p, c.c_void_p)
REVISION = c.CFUNCTYPE(c.c_uint64, c.c_void_p, c.c_void_p)
RELEASE = c.CFUNCTYPE(None, c.c_void_p)


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("durability", c.c_int32), ("flags", c.c_int32), ("application", c.c_char_p),
                ("quota_bytes", c.c_int64), ("clock", CLOCK), ("context", c.c_void_p)]


class Text(c.Structure):
    _fields_ = [("bytes", c.c_void_p), ("length", c.c_size_t)]


class As(c.Union):
    _fields_ = [("boolean", c.c_bool), ("integer", c.c_int64), ("real", c.c_double), ("text", Text)]


class Value(c.Structure):
    _anonymous_ = ["as_"]
    _fields_ = [("type", c.c_int32), ("as_", As)]


GET = c.CFUNCTYPE(status, c.c_void_p, c.c_void_p, c.POINTER(Value))
SET = c.CFUNCTYPE(status, c.c_void_p, c.c_void_p, c.POINTER(Value))


class FieldStruct(c.Structure):
    _fields_ = [("size", c.c_size_t), ("key", c.c_char_p), ("types", c.c_int32), ("get", GET), ("set", SET),
                ("context", c.c_void_p), ("release", RELEASE), ("expires_after_ms", c.c_int64), ("version", c.c_uint32),
                ("migrate", c.c_void_p), ("former_keys", c.c_void_p), ("member_type", c.c_int32), ("member_offset", c.c_size_t),
                ("member_size", c.c_size_t)]


class EventStruct(c.Structure):
    _fields_ = [("size", c.c_size_t), ("kind", c.c_int32), ("status", status), ("system_error", c.c_int32),
                ("key", c.c_char_p)]


EVENT = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(EventStruct))


class Config(c.Structure):
    _fields_ = [("size", c.c_size_t), ("storage", handle), ("get", SLICE), ("set", PUT), ("revision", REVISION),
                ("on_event", EVENT), ("context", c.c_void_p), ("release", RELEASE)]


def _declare(name, result, *arguments):
    function = getattr(lib, "lily_session_" + name)
    function.restype, function.argtypes = result, arguments
    return function


_version = _declare("version", c.c_char_p)
_status_name = _declare("status_name", c.c_char_p, status)
_last_error = _declare("last_error", c.c_char_p)
_free = _declare("free", None, c.c_void_p)
_open = _declare("storage_open", status, c.c_char_p, c.POINTER(Options), c.POINTER(handle))
_close = _declare("storage_close", None, handle)
_get = _declare("storage_get", status, handle, c.c_char_p, c.POINTER(c.c_void_p), c.POINTER(c.c_size_t))
_set = _declare("storage_set", status, handle, c.c_char_p, c.c_char_p, c.c_size_t, c.c_int64)
_remove = _declare("storage_remove", status, handle, c.c_char_p)
_each = _declare("storage_each", status, handle, c.c_char_p, ITEM, c.c_void_p)
_scoped = _declare("storage_scoped", status, handle, c.c_char_p, c.POINTER(handle))
_scopes = _declare("storage_scopes", status, handle, SCOPE, c.c_void_p)
_sweep = _declare("storage_sweep", status, handle, c.c_size_t, c.POINTER(c.c_size_t))
_sync = _declare("storage_sync", status, handle)
_clear = _declare("clear", status, handle)
persistence_new = _declare("persistence_new", handle)
persistence_free = _declare("persistence_free", None, handle)
field_add = _declare("field_add", status, handle, c.POINTER(FieldStruct))
runtime_new = _declare("runtime_new", status, c.c_void_p, UPDATE_FN, c.c_void_p, c.POINTER(handle))
runtime_dispatch = _declare("runtime_dispatch", status, handle, c.c_void_p)
runtime_free = _declare("runtime_free", None, handle)
session_attach = _declare("attach", status, handle, handle, c.POINTER(Config), c.POINTER(handle))
session_flush = _declare("flush", status, handle)
session_persist = _declare("persist", status, handle)
session_field_state = _declare("field_state", status, handle, c.c_char_p, c.POINTER(c.c_int32))
session_detach = _declare("detach", None, handle)


def last_error():
    return _last_error()


def status_name(code):
    return _status_name(code).decode()


class Failure(Exception):
    def __init__(self, code):
        self.code, self.text = code, last_error()
        super().__init__(f"{status_name(code)}: {self.text.decode(errors='replace')}")


def check(code):
    if code != OK:
        raise Failure(code)


class Storage:
    """A handle. `now` fixes the clock; without it, the system's clock is used. There is no quota, because most tests are not about it."""

    def __init__(self, path, flags=0, now=None, quota=-1, durability=PROCESS):
        self.clock = CLOCK(lambda _: now) if now is not None else CLOCK()
        options = Options(c.sizeof(Options), durability, flags, None, quota, self.clock, None)
        self.handle = handle()
        check(_open(os.fsencode(path), c.byref(options), c.byref(self.handle)))

    def scoped(self, name):
        """Returns a handle of a scope of this storage."""
        scope = Storage.__new__(Storage)
        scope.clock, scope.handle = self.clock, handle()
        check(_scoped(self.handle, name, c.byref(scope.handle)))
        return scope

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        _close(self.handle)
        self.handle = None

    def get(self, key):
        """Returns the JSON text, or None where there is none."""
        text, length = c.c_void_p(), c.c_size_t()
        code = _get(self.handle, key, c.byref(text), c.byref(length))
        if code == NOT_FOUND:
            return None
        check(code)
        try:
            return c.string_at(text, length.value)
        finally:
            _free(text)

    def set(self, key, text, deadline=0):
        check(_set(self.handle, key, text, len(text), deadline))

    def remove(self, key):
        check(_remove(self.handle, key))

    def each(self, prefix=b""):
        """Returns key -> (text, deadline), in the order in which the entries are visited."""
        found = {}

        def visit(_, key, text, length, deadline):
            found[key] = (c.string_at(text, length), deadline)
            return OK
        check(_each(self.handle, prefix, ITEM(visit), None))
        return found

    def scopes(self):
        """Returns the names of the scopes that have an entry."""
        found = []
        check(_scopes(self.handle, SCOPE(lambda _, name: found.append(name) or OK), None))
        return found

    def sweep(self, limit=0):
        """Removes scopes in which nothing is left. Returns how many were removed."""
        removed = c.c_size_t()
        check(_sweep(self.handle, limit, c.byref(removed)))
        return removed.value

    def sync(self):
        check(_sync(self.handle))

    def clear(self):
        check(_clear(self.handle))
