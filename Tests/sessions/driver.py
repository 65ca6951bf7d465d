"""Carries out the steps of a case on the library, through ctypes."""
import contextlib
import ctypes as c
import os
import select

import api
import callbacks
import limits
import names as n
import server
import values
import world
from backend import Backend
from host import Modification, fields_of
from members import MemberHost

class Runtime:
    def __init__(self, driver):
        self.updating = callbacks.Updating(driver)
        self.handle = api.handle()
        self.model = c.addressof(callbacks.models[0])
        status = api.runtime_new(self.model, callbacks.update, callbacks.register(self.updating), c.byref(self.handle))
        assert status == n.OK
        self.depth, self.ending = 0, False

    @contextlib.contextmanager
    def inside(self, driver):
        """Surrounds each call that may run callbacks of this runtime."""
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
    def __init__(self, runtime, handle, host):
        self.runtime, self.handle, self.host = runtime, handle, host
        self.ending = False


def add_field(persistence, bound):
    field = bound.field
    struct = api.FieldStruct(c.sizeof(api.FieldStruct), field.key.encode(), field.types, callbacks.get, callbacks.set)
    if field.member:
        struct.get, struct.set, struct.member_type = api.GET(), api.SET(), field.member
        struct.member_offset, struct.member_size = bound.host.offset_and_size(field.key)
    if field.former:
        former = (c.c_char_p * (len(field.former) + 1))(*(key.encode() for key in field.former), None)
        struct.former_keys = c.cast(former, c.c_void_p)
    return add(api.field_add, persistence, struct, bound)


def add_map(persistence, bound):
    field = bound.field
    return add(api.map_add, persistence, api.Map(c.sizeof(api.Map), field.map.encode(), field.types, callbacks.each, callbacks.set_entry), bound)


def add(function, persistence, struct, bound):
    struct.context, struct.release = callbacks.register(bound), callbacks.release
    struct.expires_after_ms, struct.version = bound.field.expires, bound.field.version
    if bound.field.migrate:
        struct.migrate = c.cast(callbacks.migrate, c.c_void_p)
    return function(persistence, c.byref(struct))


class Driver:
    def __init__(self, path):
        callbacks.contexts.clear()
        callbacks.failures.clear()
        self.path = path
        self.now = 1_000_000
        self.clock = api.CLOCK(lambda _: self.now)
        self.shared = {}  # the store that the backends share
        if server.URL:
            server.of_this_process().empty()
        self.handles, self.kinds, self.runtimes, self.sessions, self.backends = {}, {}, {}, {}, {}
        self.results = []
        self.depth = 0  # how many calls that run callbacks are under way
        self.hosts = []
        self.bounds = []
        self.kept = []
        self.full = False  # True: the file may not grow
        self.starved = False  # True: each step runs without a free descriptor
        self.watched = {}  # handle -> the object that polls its descriptor

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
        if callbacks.failures:
            raise RuntimeError(callbacks.failures.pop(0))
        return result

    def returned(self, call, *values):
        self.results.append((call, *values))

    def status(self, call, status, *values):
        """Records a status. Checks that last_error has a text after a failure, and only then."""
        said = api.last_error()
        if self.depth == 0 and (said == b"") != (status == n.OK):
            self.returned(call, status, f"last_error says {said!r}")
        else:
            self.returned(call, status, *values)

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
        elif kind == "redis":
            status = server.of_this_process().open(self.clock, handle)
        else:
            backend = self.backends[name] = Backend(self.shared, options.get("renew"), options.get("replace"))
            self.kept.append(backend)  # sessions may use it after its handle is closed
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
        if what == "write":  # a case states deadlines relative to now, as all its times
            arguments = [[(key, text, after and max(1, self.now + after), version) for key, text, after, version in arguments[0]]]
        if what in ("file_rights", "delete", "empty", "move_folder", "remove_folder", "cut", "header"):  # each handle looks first
            self.find_out()
        world.change(self.path, what, *arguments)
        if what == "cut":
            self.find_out()
        if what == "move_folder":  # no rule says when a handle notices this, so each looks now
            for name in self.opened:
                self.do_sync(name)
            self.find_out()

    @property
    def opened(self):
        """Yields the handles that are not scopes."""
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

    def do_write(self, name, items):
        handle = self.handles.get(name)
        if handle is None:
            return False
        entries = (api.Entry * len(items))()
        for entry, (key, text, after, version) in zip(entries, items):
            json = text if text is None else text.encode()
            entry.key, entry.json, entry.length, entry.version = key.encode(), json, len(json or ""), version
            entry.expires_at_ms = after and max(1, self.now + after)
        self.status("write", api.storage_write(handle, entries, len(items)))

    def do_storage_modify(self, name, key, options):
        handle = self.handles.get(name)
        if handle is None or name in self.backends and self.backends[name].failing.get("generation"):
            return False
        self.depth += 1
        with callbacks.registered(Modification(options, self.run, self.returned)) as context:
            status = api.storage_modify(handle, key.encode(), callbacks.modify, context)
        self.depth -= 1
        self.status("storage_modify", status)

    def do_clear(self, name):
        handle = self.handles.get(name)
        if handle is None:
            return False
        if self.kinds[name] == "journal" and not os.path.exists(self.path):
            self.do_get(name, "x")
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
        """Makes the handle's descriptor, which is compared after each step from here on."""
        handle = self.handles.get(name)
        if handle is None or self.kinds[name] != "journal":
            return False
        number = api.storage_fd(handle)
        if os.environ.get("LILY_SESSION_POSIX"):  # a library that is built by POSIX=1 has no descriptor
            self.returned("watch", number == -1)
            return None
        self.watched[name] = select.poll()
        if number >= 0:
            self.watched[name].register(number, select.POLLIN)
        self.returned("watch", number >= 0)

    def readable(self, name):
        return bool(self.watched[name].poll(0))

    def do_backend(self, name, function, status):
        if name not in self.backends or name not in self.handles:
            return False
        self.backends[name].failing[function] = status

    # ---- hosts

    def do_fail(self, name, callback, key, status):
        session = self.sessions.get(name)
        if session is None or key is not None and key not in session.host.fields and key != session.host.map:
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
        fields = fields_of(fields)
        host = MemberHost(fields, options.get("slices"), options.get("revisions"), self.run)
        for callback, key, status in options.get("failing", ()):
            host.failing[callback, key] = status
        self.hosts.append(host)
        bounds = list({field.map or field.key: callbacks.Bound(host, field) for field in fields}.values())
        self.bounds.append(bounds)
        persistence = api.persistence_new()
        for bound in bounds:
            status = (add_map if bound.field.map else add_field)(persistence, bound)
            assert status == n.OK, status
        config = api.Config(c.sizeof(api.Config), storage)
        if host.slices or host.members:
            config.get = callbacks.take
        if host.slices:
            config.set = callbacks.put
        if host.revisions:
            config.revision = callbacks.revision
        config.on_event, config.context, config.release = callbacks.event, callbacks.register(host), callbacks.release
        handle = api.handle()
        with runtime.inside(self):
            status = api.session_attach(runtime.handle, persistence, c.byref(config), c.byref(handle))
        self.status("attach", status)
        api.persistence_free(persistence)
        if status == n.OK:
            self.sessions[name] = Session(runtime, handle, host)

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

    def do_modify(self, name, key, options):
        with callbacks.registered(Modification(options, self.run, self.returned)) as context:
            return self.on_session("modify", api.session_modify, name, key.encode(), callbacks.modify, context)

    def do_reset(self, name, key):
        return self.on_session("reset", api.session_reset, name, key.encode())

    def on_sessions(self, called, function, name):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        with runtime.inside(self):
            status = function(runtime.handle)
        self.status(called, status)

    def do_runtime_persist(self, name):
        return self.on_sessions("runtime_persist", api.runtime_persist, name)

    def do_runtime_refresh(self, name):
        return self.on_sessions("runtime_refresh", api.runtime_refresh, name)

    def do_runtime_next_expiry(self, name):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        self.returned("runtime_next_expiry", api.runtime_next_expiry(runtime.handle))

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

    def do_replace(self, name):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        other = next(c.addressof(model) for model in callbacks.models if c.addressof(model) != runtime.model)
        with runtime.inside(self):
            status = api.runtime_set_model(runtime.handle, other)
        if status == n.OK:
            runtime.model = other
        self.status("set_model", status)

    def do_model(self, name):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        self.returned("model", api.runtime_model(runtime.handle) == runtime.model)

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
        """Forgets the handles that were good until the outermost call returned."""
        for name in [name for name, session in self.sessions.items() if session.runtime is runtime and session.ending]:
            del self.sessions[name]
        if runtime.ending:
            self.runtimes = {name: other for name, other in self.runtimes.items() if other is not runtime}

    # ---- states

    def do_repeat(self, times, step):
        for _ in range(times):
            if not self.apply(step):
                return False

    def do_ask(self, name):
        session = self.sessions.get(name)
        if session is None:
            return False
        out = c.c_int32()
        for key in session.host.fields:
            status = api.session_field_state(session.handle, key.encode(), c.byref(out))
            if status == n.INVALID_ARGUMENT:
                return self.status("state", status)
            self.status("state", key, n.state_name(out.value)) if status else self.returned("state", key, n.state_name(out.value))
        self.returned("next_expiry", api.session_next_expiry(session.handle))
