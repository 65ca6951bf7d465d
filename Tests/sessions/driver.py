"""The driver: it carries out the steps of a case on the library, through ctypes."""
import contextlib
import ctypes as c
import os
import select
import traceback

import api
import limits
import names as n
import values
import world
from backend import Backend
from host import Field
from members import MemberHost

_contexts = {}   # what a context pointer stands for
_failures = []   # exceptions that callbacks raised


def guarded(prototype, failure):
    """A callback for C: its context becomes what it stands for, and an exception is kept for the driver."""
    def wrap(function):
        def call(context, *arguments):
            try:
                return function(_contexts[context], *arguments)
            except BaseException:
                _failures.append(traceback.format_exc())
                return failure
        return prototype(call)
    return wrap


def register(thing):
    number = max(_contexts, default=0) + 1
    _contexts[number] = thing
    return number


class Bound:
    """A field of a host, as a context."""

    def __init__(self, host, field):
        self.host, self.field = host, field
        self.released = 0
        self.kept = None      # text that get or migrate gave, borrowed until the next time
        self.migrated = None


def fill(out, value):
    """Fills an out_value; returns what has to stay alive."""
    kind = value[0]
    out = out.contents
    out.type = {"n": 1, "b": 2, "i": 4, "r": 8, "s": 16, "j": 32}[kind]
    if kind == "b":
        out.boolean = value[1]
    elif kind == "i":
        out.integer = value[1]
    elif kind == "r":
        out.real = value[1]
    elif kind in "sj":
        data = value[1].encode("utf-8", "surrogateescape")
        kept = c.create_string_buffer(data, max(len(data), 1))
        out.text.bytes, out.text.length = c.addressof(kept), len(data)
        return kept
    return None


def read(value):
    """The value that set or migrate was given."""
    value = value.contents
    kind = value.type
    if kind == 1:
        return ("n",)
    if kind == 2:
        return ("b", bool(value.boolean))
    if kind == 4:
        return ("i", value.integer)
    if kind == 8:
        return ("r", value.real)
    text = c.string_at(value.text.bytes, value.text.length).decode()
    return ("s" if kind == 16 else "j", text)


@guarded(api.GET, n.IO)
def _get(bound, _, out):
    status, value = bound.host.get(bound.field.key)
    if status == n.OK:
        bound.kept = fill(out, value)
    return status


@guarded(api.SET, n.IO)
def _set(bound, _, value):
    return bound.host.set(bound.field.key, read(value))


@guarded(api.MIGRATE, n.IO)
def _migrate(bound, version, stored, out):
    status, value = bound.host.migrate(bound.field.key, version, read(stored)[1])
    if status == n.OK:
        bound.migrated = fill(out, value)
    return status


@guarded(api.RELEASE, None)
def _release(thing):
    thing.released += 1


_model = c.c_int64(0)


@guarded(api.SLICE, None)
def _take(host, _):
    return None if host.take() is None else host.address


@guarded(api.PUT, None)
def _put(host, model, _):
    return model if host.put() else None


@guarded(api.REVISION, 0)
def _revision(host, _):
    return host.revision()


@guarded(api.EVENT, None)
def _event(host, event):
    event = event.contents
    host.event(event.kind, event.status, event.system_error, event.key and event.key.decode())


class Updating:
    """What a runtime's update function does in the dispatch that runs."""

    def __init__(self, driver):
        self.driver, self.options = driver, {}


@guarded(api.UPDATE_FN, None)
def _update(updating, model, _):
    options, updating.options = updating.options, {}
    updating.driver.run(options.get("inside", ()))
    return None if options.get("refuse") else model


class Runtime:
    def __init__(self, driver):
        self.updating = Updating(driver)
        self.handle = api.handle()
        status = api.runtime_new(c.addressof(_model), _update, register(self.updating), c.byref(self.handle))
        assert status == n.OK
        self.depth, self.ending = 0, False

    @contextlib.contextmanager
    def inside(self, driver):
        """Around each call that may run callbacks of this runtime."""
        self.depth += 1
        driver.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
            driver.depth -= 1
            if self.depth == 0:
                driver.forget_ended(self)


class Session:
    def __init__(self, runtime, handle, host, bound):
        self.runtime, self.handle, self.host, self.bound = runtime, handle, host, bound
        self.ending = False


class Driver:
    def __init__(self, path):
        _contexts.clear()
        _failures.clear()
        self.path = path
        self.now = 1_000_000
        self.clock = api.CLOCK(lambda _: self.now)
        self.shared = {}  # what the backends have in common
        self.handles, self.kinds, self.runtimes, self.sessions, self.backends = {}, {}, {}, {}, {}
        self.results = []
        self.depth = 0  # of calls that run callbacks
        self.hosts = []
        self.bounds = []
        self.kept = []
        self.full = False  # the file may not grow
        self.starved = False  # each step is made without a descriptor to be had
        self.watched = {}  # handle -> what polls its descriptor

    def run(self, steps):
        for step in steps:
            self.apply(step)

    def apply(self, step):
        if self.full and step[0] in n.SYNCING:
            return False
        if self.depth:
            limits.churn()
        with limits.no_descriptors() if self.starved and self.depth == 0 else contextlib.nullcontext():
            result = getattr(self, "do_" + step[0])(*step[1:]) is not False
        if _failures:
            raise RuntimeError(_failures.pop(0))
        return result

    def answer(self, call, *values):
        self.results.append((call, *values))

    def status(self, call, status, *values):
        """A status, and that last_error says something where there is a failure, and only there."""
        said = api.last_error()
        if self.depth == 0 and (said == b"") != (status == n.OK):
            self.answer(call, status, f"last_error says {said!r}")
        else:
            self.answer(call, status, *values)

    # ---- the clock, storages

    def do_clock(self, ms):
        self.now = max(1, self.now + ms)

    def do_open(self, name, options):
        if name in self.handles:
            return False
        kind, handle = options["kind"], api.handle()
        settings = api.Options(c.sizeof(api.Options), 0, 0, None, 0, self.clock, None)
        if kind == "journal":
            settings.flags, settings.quota_bytes = options.get("flags", 0), options.get("quota", -1)
            settings.durability = options.get("durability", 0)
            status = api.storage_open(self.path, c.byref(settings), c.byref(handle))
        elif kind == "memory":
            settings.quota_bytes = options.get("quota", -1)
            status = api.storage_open_memory(c.byref(settings), c.byref(handle))
        else:
            backend = self.backends[name] = Backend(self.shared)
            self.kept.append(backend)  # sessions may use it longer than its handle
            status = api.storage_open_backend(c.byref(backend.table), c.byref(settings), c.byref(handle))
        if status == n.OK:
            self.handles[name] = handle
            self.kinds[name] = kind
        self.status("open", status)

    def do_scope(self, name, parent, scope):
        if name in self.handles or parent not in self.handles:
            return False
        handle = api.handle()
        status = api.storage_scoped(self.handles[parent], scope.encode(), c.byref(handle))
        if status == n.OK:
            self.handles[name] = handle
            self.kinds[name] = self.kinds[parent]
            if parent in self.backends:
                self.backends[name] = self.backends[parent]
        self.status("scope", status)

    def do_close(self, name):
        handle = self.handles.pop(name, None)
        if handle is None:
            return False
        api.storage_close(handle)
        self.watched.pop(name, None)

    def do_world(self, what, *arguments):
        if what == "starve":
            self.starved = bool(arguments[0])
            return
        if what == "full":
            self.full = bool(arguments[0])
        if what == "write":  # deadlines are written down from now on, as all times of a case
            arguments = [[(key, text, after and max(1, self.now + after), version) for key, text, after, version in arguments[0]]]
        if what == "file_rights":  # each handle has opened what was last rewritten
            self.find_out()
        world.change(self.path, what, *arguments)
        if what in ("move_folder", "empty"):  # when a handle notices that is open: now each has
            for name in self.opened:
                self.do_sync(name)
            self.find_out()

    @property
    def opened(self):
        """The handles that are no scopes."""
        return [name for name in self.handles if name[0] == "h"]

    def find_out(self):
        for name in self.opened:
            self.do_get(name, "x")

    def do_get(self, name, key):
        handle = self.handles.get(name)
        if handle is None:
            return False
        text, length = c.c_void_p(), c.c_size_t()
        status = api.storage_get(handle, key.encode(), c.byref(text), c.byref(length))
        found = None
        if status == n.OK:
            found = c.string_at(text, length.value).decode()
            api.free(text)
        self.status("get", status, found)

    def do_set(self, name, key, text, after):
        handle = self.handles.get(name)
        if handle is None:
            return False
        data = values.written_out(text).encode()
        self.status("set", api.storage_set(handle, key.encode(), data, len(data), after and max(1, self.now + after)))

    def do_remove(self, name, key):
        handle = self.handles.get(name)
        if handle is None:
            return False
        self.status("remove", api.storage_remove(handle, key.encode()))

    def do_clear(self, name):
        handle = self.handles.get(name)
        if handle is None:
            return False
        self.status("clear", api.clear(handle))

    def do_each(self, name, prefix):
        handle = self.handles.get(name)
        if handle is None:
            return False
        found = []

        def visit(_, key, text, length, deadline):
            found.append((key.decode(), c.string_at(text, length).decode(), deadline))
            return n.OK
        status = api.storage_each(handle, prefix.encode(), api.ITEM(visit), None)
        self.status("each", status, found)

    def do_sync(self, name):
        handle = self.handles.get(name)
        if handle is None:
            return False
        self.status("sync", api.storage_sync(handle))

    def do_info(self, name):
        handle = self.handles.get(name)
        if handle is None:
            return False
        info = api.Info(c.sizeof(api.Info))
        status = api.storage_info(handle, c.byref(info))
        size = os.stat(self.path).st_size if self.kinds[name] == "journal" and os.path.exists(self.path) else 0
        self.status("info", status, info.entries, info.live_bytes, info.quota_bytes, info.durability, info.owes_sync, info.file_bytes == size)

    def do_watch(self, name):
        """From here on the handle's descriptor is looked at after each step."""
        handle = self.handles.get(name)
        if handle is None or self.kinds[name] != "journal":
            return False
        number = api.storage_fd(handle)
        self.watched[name] = select.poll()
        if number >= 0:
            self.watched[name].register(number, select.POLLIN)
        self.answer("watch", number >= 0)

    def readable(self, name):
        return bool(self.watched[name].poll(0))

    def do_backend(self, name, function, status):
        if name not in self.backends or name not in self.handles:
            return False
        self.backends[name].failing[function] = status

    # ---- hosts

    def do_fail(self, name, callback, key, status):
        session = self.sessions.get(name)
        if session is None or key is not None and key not in session.host.fields:
            return False
        session.host.failing.pop((callback, key), None)
        if status:
            session.host.failing[callback, key] = status

    def do_script(self, name, callback, steps):
        session = self.sessions.get(name)
        if session is None:
            return False
        session.host.scripts[callback] = steps

    def do_change(self, name, key, value):
        session = self.sessions.get(name)
        if session is None or key not in session.host.fields:
            return False
        session.host.change(key, values.of_case(value))

    # ---- runtimes and sessions

    def do_attach(self, name, runtime_name, handle_name, fields, options):
        storage = self.handles.get(handle_name)
        if name in self.sessions or storage is None:
            return False
        if runtime_name not in self.runtimes:
            self.runtimes[runtime_name] = Runtime(self)
        runtime = self.runtimes[runtime_name]
        fields = [Field(field) for field in fields]
        host = MemberHost(fields, options.get("slices"), options.get("revisions"), self.run)
        for callback, key, status in options.get("failing", ()):
            host.failing[callback, key] = status
        self.hosts.append(host)
        bounds = [Bound(host, field) for field in fields]
        self.bounds.append(bounds)
        persistence = api.persistence_new()
        for bound in bounds:
            field = bound.field
            struct = api.FieldStruct(c.sizeof(api.FieldStruct), field.key.encode(), field.types, _get, _set, register(bound), _release)
            if field.member:
                struct.get, struct.set, struct.member_type = api.GET(), api.SET(), field.member
                struct.member_offset, struct.member_size = host.offset_and_size(field.key)
            struct.expires_after_ms, struct.version = field.expires, field.version
            if field.migrate:
                struct.migrate = c.cast(_migrate, c.c_void_p)
            if field.former:
                former = (c.c_char_p * (len(field.former) + 1))(*(key.encode() for key in field.former), None)
                struct.former_keys = c.cast(former, c.c_void_p)
            status = api.field_add(persistence, c.byref(struct))
            assert status == n.OK, status
        config = api.Config(c.sizeof(api.Config), storage)
        if host.slices or host.members:
            config.get = _take
        if host.slices:
            config.set = _put
        if host.revisions:
            config.revision = _revision
        config.on_event, config.context, config.release = _event, register(host), _release
        handle = api.handle()
        with runtime.inside(self):
            status = api.session_attach(runtime.handle, persistence, c.byref(config), c.byref(handle))
        self.status("attach", status)
        api.persistence_free(persistence)
        if status == n.OK:
            self.sessions[name] = Session(runtime, handle, host, bounds)

    def on_session(self, called, function, name, *arguments):
        session = self.sessions.get(name)
        if session is None:
            return False
        with session.runtime.inside(self):
            status = function(session.handle, *arguments)
        self.status(called, status)

    def do_persist(self, name):
        return self.on_session("persist", api.session_persist, name)

    def do_flush(self, name):
        return self.on_session("flush", api.session_flush, name)

    def do_refresh(self, name):
        return self.on_session("refresh", api.session_refresh, name)

    def do_touch(self, name, key):
        return self.on_session("touch", api.session_touch, name, key.encode())

    def do_mark(self, name, key):
        return self.on_session("mark", api.session_mark, name, key.encode()) if api.session_mark else False

    def do_dispatch(self, name, options):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        if runtime.depth == 0:
            runtime.updating.options = options
        with runtime.inside(self):
            status = api.runtime_dispatch(runtime.handle, None)
        self.status("dispatch", status)

    def do_model(self, name):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        self.answer("model", api.runtime_model(runtime.handle) == c.addressof(_model))

    def end_session(self, name, function):
        session = self.sessions.get(name)
        if session is None or session.ending:
            return False
        session.ending = True
        with session.runtime.inside(self):
            function(session.handle)

    def do_detach(self, name):
        return self.end_session(name, api.session_detach)

    def do_abandon(self, name):
        return self.end_session(name, api.session_abandon)

    def do_free(self, name):
        runtime = self.runtimes.get(name)
        if runtime is None or runtime.ending:
            return False
        runtime.ending = True
        with runtime.inside(self):
            api.runtime_free(runtime.handle)

    def forget_ended(self, runtime):
        """Handles are good until the outermost call returns."""
        for name in [name for name, session in self.sessions.items() if session.runtime is runtime and session.ending]:
            del self.sessions[name]
        if runtime.ending:
            self.runtimes = {name: other for name, other in self.runtimes.items() if other is not runtime}

    # ---- asking

    def do_repeat(self, times, step):
        for _ in range(times):
            if not self.apply(step):
                return False

    def do_ask(self, name):
        session = self.sessions.get(name)
        if session is None:
            return False
        out = c.c_int32()
        for bound in session.bound:
            status = api.session_field_state(session.handle, bound.field.key.encode(), c.byref(out))
            if status == n.INVALID_ARGUMENT:
                return self.status("state", status)
            self.status("state", bound.field.key, n.state_name(out.value)) if status else \
                self.answer("state", bound.field.key, n.state_name(out.value))
        self.answer("next_expiry", api.session_next_expiry(session.handle))
