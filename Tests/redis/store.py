"""The library for Redis through ctypes, beside Tests/journal/lily.py and Tests/sessions/api.py, which declare the rest."""
import ctypes as c
import os
import pathlib
import sys
import time

_here = pathlib.Path(__file__).resolve().parent
sys.path += [str(_here.parent / "journal"), str(_here.parent / "sessions")]
import api  # noqa: E402
import lily  # noqa: E402
import sessions  # noqa: E402

LAZY = 1

LIBRARIES = pathlib.Path(os.environ.get("LILY_SESSION_LIBRARY", str(_here / "../../build/lib/liblily_session.so"))).resolve().parent
_library = c.CDLL(str(LIBRARIES / "liblily_session_redis.so"))


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("url", c.c_char_p), ("timeout_ms", c.c_int64), ("idle_ms", c.c_int64), ("durability", c.c_int32),
                ("replicas", c.c_int32), ("flags", c.c_int32), ("clock", lily.CLOCK), ("context", c.c_void_p), ("ca_file", c.c_char_p),
                ("certificate_file", c.c_char_p), ("key_file", c.c_char_p)]


redis_open = _library.lily_session_redis_open
redis_open.restype, redis_open.argtypes = lily.status, (c.POINTER(Options), c.POINTER(lily.handle))


def _bytes(value):
    return value.encode() if isinstance(value, str) else value


class Storage(lily.Storage):
    """A handle on a server. The options have the names of lily_session_redis_options; text may be str."""

    def __init__(self, url, now=None, **options):
        self.clock = lily.CLOCK(lambda _: now) if now is not None else lily.CLOCK()
        given = Options(size=c.sizeof(Options), url=_bytes(url), clock=self.clock, **{name: _bytes(value) for name, value in options.items()})
        self.handle = lily.handle()
        lily.check(redis_open(c.byref(given), c.byref(self.handle)))

    def scoped(self, name):
        scope = Storage.__new__(Storage)
        scope.clock, scope.handle = self.clock, lily.handle()
        lily.check(lily._scoped(self.handle, name, c.byref(scope.handle)))
        return scope

    def fd(self):
        return api.storage_fd(self.handle)

    def info(self):
        info = api.Info(size=c.sizeof(api.Info))
        lily.check(api.storage_info(self.handle, c.byref(info)))
        return info

    def write(self, **texts):
        """Stores and removes several keys in one step. None removes a key."""
        entries = (api.Entry * len(texts))(*(api.Entry(key.encode(), text, len(text or b"")) for key, text in texts.items()))
        lily.check(api.storage_write(self.handle, entries, len(entries)))

    def modify(self, key, change):
        """Changes the stored JSON text, or None, by a function."""
        kept = []

        def modify(_, stored, out):
            text = change(c.string_at(stored.contents.text.bytes, stored.contents.text.length) if stored else None)
            kept.append(c.create_string_buffer(text))
            out.contents.type = lily.JSON
            out.contents.text.bytes, out.contents.text.length = c.addressof(kept[-1]), len(text)
            return lily.OK
        lily.check(api.storage_modify(self.handle, key, api.MODIFY(modify), None))


class Session(sessions.Session):
    """A session whose fields are named, with their values at the start; each accepts the type of its value."""

    def __init__(self, storage, expires_after_ms=0, **model):
        fields = [sessions.Field(name, lily.INT if isinstance(value, int) else lily.STRING, expires_after_ms) for name, value in model.items()]
        super().__init__(storage, fields, model)

    def refresh(self):
        lily.check(api.session_refresh(self.handle))

    def touch(self, name):
        lily.check(api.session_touch(self.handle, name.encode()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def failure(call, *arguments, **options):
    """Returns how the call fails, or None if it succeeds."""
    try:
        call(*arguments, **options)
    except lily.Failure as failure:
        return failure
    return None


def code(call, *arguments, **options):
    """Returns the status of a call."""
    failed = failure(call, *arguments, **options)
    return failed.code if failed else lily.OK


def eventually(call, *arguments, **options):
    """Calls until it succeeds, as a program does after a failure: then the library waits for a moment before it tries the server again.
    Returns what the call returned, and after how many ms."""
    begin = time.monotonic()
    while True:
        try:
            return call(*arguments, **options), (time.monotonic() - begin) * 1000
        except lily.Failure as failed:
            assert failed.code in (lily.IO, lily.BUSY) and time.monotonic() - begin < 10, failed
        time.sleep(0.002)


def answered(call, *arguments, **options):
    """Returns the status of a call that the server has answered: on a busy machine it may not do so in time."""
    end = time.monotonic() + 10
    while (status := code(call, *arguments, **options)) == lily.IO:
        assert time.monotonic() < end
    return status


def timed(call, *arguments, **options):
    """Returns the status of a call, and how long it took in ms, without the time in which the thread was ready and other programs had the
    processors."""
    begin, unserved = time.monotonic(), _unserved()
    status = code(call, *arguments, **options)
    return status, (time.monotonic() - begin) * 1000 - (_unserved() - unserved) / 1e6


def _unserved():
    """Returns for how many ns this thread has waited for a processor."""
    return int(_SCHEDULING.read_text().split()[1]) if _SCHEDULING.exists() else 0


_SCHEDULING = pathlib.Path("/proc/thread-self/schedstat")
