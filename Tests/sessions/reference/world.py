"""The reference carries out the steps of a case on a model of everything, without the library."""
import itertools

import names as n
import values
from host import Host, Modification, fields_of

from . import handles
from .handles import Handle
from .loose import ANYTHING, Either, Perhaps, Undecided, first
from .outside import Outside
from .place import File, Opened, Place, fresh_generation
from .session import Session
from .storage import Store


# What is tried without descriptors; reading and looking may need one, or not.
STARVING = {"change", "persist", "clock", "world"}

class Runtime:
    def __init__(self):
        self.sessions = []
        self.depth = 0      # how many calls that run callbacks are under way
        self.deferred = []  # what takes effect when the outermost call returns
        self.ending = False


class Reference(Outside):
    """`results` has what each call returned, in order, those inside callbacks included. `marks` is True if the library has
    lily_session_mark()."""

    def __init__(self, marks=True):
        self.marks = marks
        self.now = 1_000_000
        self.place, self.shared = Place(), Store()
        self.handles, self.runtimes, self.sessions = {}, {}, {}
        self.all_runtimes = []
        self.results = []
        self.hosts = []
        self.had_quota = False
        self.had_damage = False
        self.had_lost_header = False  # if such a file is rewritten, sessions that knew the header take that for a clear
        self.ran_inside = False  # callbacks of this step made steps
        self.told_again = set()  # the handles whose descriptors become readable in this step, though nothing was written
        self.synced = False    # this step may have rewritten the file
        self.unsure = {}       # (scope, key) -> the entry of a former key that this step has removed, or not
        self.found_out = False  # each handle has looked in this step
        self.refreshed = []    # the sessions whose refresh in this step took everything that was new

    def run(self, steps):
        self.ran_inside = True
        for step in steps:
            self.apply(step)

    def apply(self, step):
        """Makes a step. Returns False, and does nothing, if the step needs something that is not there."""
        if self.place.starved and step[0] not in STARVING:
            return False
        if self.place.full and step[0] in n.SYNCING:
            return False
        return getattr(self, "do_" + step[0])(*step[1:]) is not False

    def returned(self, *values):
        self.results.append(values)

    @property
    def sweeps(self):
        """Returns True if expired entries may be removed to make room, because some handle has a quota, or had one."""
        self.had_quota = self.had_quota or any(handle.root.quota >= 0 for handle in self.handles.values())
        return self.had_quota

    def kept_former(self, at):
        """Notes that the entry of a former key was not removed. A session may still remove it, or not."""
        scope, key = at
        for session in self.sessions.values():
            for belief in session.beliefs:
                if session.handle.scope == scope and key in belief.field.keys[1:]:
                    belief.stale, belief.unsure = ([*keys, key] for keys in (belief.stale, belief.unsure))

    def compacted(self):
        """Notes that a write has rewritten the file. Nothing tells which handle that was, which owes no rewriting any more (S8)."""
        for root in {handle.root for handle in self.handles.values()}:
            root.may_owe, root.wrote_since = root.may_owe or root.wrote_since, False

    # ---- the clock, storages

    def do_clock(self, ms):
        self.now = max(1, self.now + ms)

    def do_open(self, name, options):
        if name in self.handles:
            return False
        kind = options["kind"]
        chosen = options.get("flags", 0), options.get("quota", -1), options.get("durability", 0)
        if kind != "journal":
            self.handles[name] = Handle(self, kind, Store() if kind == "memory" else self.shared, "", *chosen)
            self.handles[name].renews = bool(options.get("renew")) or kind == "redis"
            return self.returned("open", n.OK)
        if chosen[0] & n.STRICT and self.place.emptied and self.place.perhaps_begun:
            return False
        status, opened = self.open_journal(chosen[0])
        if status == n.OK:
            self.handles[name] = Handle(self, kind, None, "", *chosen, opened=opened)
        self.returned("open", status)

    def open_journal(self, flags):
        """Returns (status, Opened)."""
        place, read_only = self.place, flags & n.READ_ONLY
        if place.starved:
            return n.IO, None
        if place.file is None:
            if read_only and not place.emptied:
                return n.NOT_FOUND, None
            if flags & n.STRICT and place.emptied:
                return n.CORRUPT, None
            if read_only:
                return n.OK, Opened(place, File(), False, gone=Store(fresh_generation(), fresh_generation()))
            status, _ = place.make()
            if status:
                return status, None
        if flags & n.STRICT and (place.file.damaged or place.file.headless):
            return n.CORRUPT, None
        return n.OK, Opened(place, place.file, place.file.writable)

    def do_scope(self, name, parent, scope):
        if name in self.handles or parent not in self.handles:
            return False
        above = self.handles[parent]
        if above.scope:
            return self.returned("scope", n.UNSUPPORTED)
        self.handles[name] = Handle(self, above.kind, above.kept, scope, above.flags, above.quota, above.durability, above, above.opened)
        self.returned("scope", n.OK)

    def do_close(self, name):
        handle = self.handles.pop(name, None)
        if handle is None:
            return False
        handle.sync()

    def on_handle(self, call, name, *arguments):
        handle = self.handles.get(name)
        if handle is None:
            return False
        result = getattr(handles, "call_" + call)(handle, *arguments)
        if call in ("get", "each"):
            self.heard(handle)
        self.returned(call, *(result if isinstance(result, tuple) else (result,)))

    def do_get(self, name, key):
        return self.on_handle("get", name, key)

    def do_set(self, name, key, text, after):
        return self.on_handle("set", name, key, values.written_out(text), after and max(1, self.now + after))

    def do_remove(self, name, key):
        return self.on_handle("remove", name, key)

    def do_write(self, name, items):
        return self.on_handle("write", name, [(key, text, after and max(1, self.now + after), version) for key, text, after, version in items])

    def do_storage_modify(self, name, key, options):
        handle = self.handles.get(name)
        if handle is None or handle.failing.get("generation"):
            return False  # no rule says whether a get asks for the generation
        root = handle.root
        if not self.attached_to(handle):  # no rule says whether this counts as a get
            root.wake.readable = root.wake.readable and ANYTHING
            self.found_out = True
        self.returned("storage_modify", handles.call_modify(handle, key, Modification(options, self.run, self.returned)))

    def do_clear(self, name):
        handle = self.handles.get(name)
        if handle is not None and handle.opened is not None and self.place.file is None and not self.place.emptied:
            self.do_get(name, "x")  # whether a file is made depends on whether the handle knows that there is none
        return self.on_handle("clear", name)

    def do_each(self, name, prefix):
        return self.on_handle("each", name, prefix)

    def do_sync(self, name):
        return self.on_handle("sync", name)

    def do_info(self, name):
        return self.on_handle("info", name)

    def do_watch(self, name):
        """Makes the handle's descriptor, which is compared after each step from here on."""
        handle = self.handles.get(name)
        if handle is None or handle.kind != "journal":
            return False
        handle.root.wake.begin()
        self.returned("watch", True)

    def attached_to(self, handle):
        return {session for runtime in self.all_runtimes for session in runtime.sessions if session.handle.root is handle.root}

    def heard(self, handle):
        """Notes a get or each. If no session is attached, the descriptor is no longer readable."""
        if not self.attached_to(handle):
            handle.root.wake.readable = False
            self.found_out = self.found_out or self.ran_inside or any(runtime.depth for runtime in self.all_runtimes)

    def do_backend(self, name, function, status):
        handle = self.handles.get(name)
        if handle is None or handle.kind != "backend":
            return False
        handle.failing[function] = status

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

    def inside(self, runtime, call):
        """Makes a call that runs callbacks of a runtime. What they end takes effect when the outermost call returns (S15)."""
        runtime.depth += 1
        try:
            return call()
        finally:
            while runtime.depth == 1 and runtime.deferred:
                runtime.deferred.pop(0)()
            runtime.depth -= 1
            if runtime.depth == 0:
                self.forget_ended(runtime)

    def forget_ended(self, runtime):
        """Forgets the handles that were good until the outermost call returned."""
        for name in [name for name, session in self.sessions.items() if session.runtime is runtime and session.ending]:
            del self.sessions[name]
        if runtime.ending:
            self.runtimes = {name: other for name, other in self.runtimes.items() if other is not runtime}

    def tell(self, session, events):
        for event in events:
            if isinstance(event, Perhaps):
                if "event" in session.host.scripts:
                    raise Undecided  # no rule says whether the script runs now
                session.host.events.append(event)
            else:
                session.host.event(*event)

    def do_attach(self, name, runtime_name, handle_name, fields, options):
        handle = self.handles.get(handle_name)
        if name in self.sessions or handle is None:
            return False
        runtime = self.runtimes.get(runtime_name)
        if runtime is None:
            runtime = self.runtimes[runtime_name] = Runtime()
            self.all_runtimes.append(runtime)
        fields = fields_of(fields)
        host = Host(fields, options.get("slices"), options.get("revisions"), self.run)
        for callback, key, status in options.get("failing", ()):
            host.failing[callback, key] = status
        self.hosts.append(host)
        if runtime.depth:
            host.released += 1
            return self.returned("attach", n.REENTRANT)
        mine = {key for field in fields for key in field.keys}
        for other in runtime.sessions:
            if other.handle.same_place(handle) and mine & {key for belief in other.beliefs for key in belief.field.keys}:
                host.released += 1
                return self.returned("attach", n.DUPLICATE_KEY)
        session = Session(self, runtime, handle, host)

        def attach():
            status, events = session.attach()
            if status:
                host.released += 1
                if handle.root.wake.readable:
                    handle.root.wake.readable = ANYTHING  # attach has also looked
                handle.root.wake.perhaps_changed(self.attached_to(handle.root))
                return status
            runtime.sessions.append(session)
            self.sessions[name] = session
            handle.root.wake.joined(session)
            self.tell(session, events)
            return status
        self.returned("attach", self.inside(runtime, attach))

    def on_session(self, called, call, name, *arguments):
        """Makes a call of a session that runs callbacks, and reports its events at the end."""
        session = self.sessions.get(name)
        if session is None:
            return False
        if session.runtime.depth:  # no rule says which of two failures comes first
            is_known = not arguments or session.belief_of(arguments[0])
            return self.returned(called, n.REENTRANT if is_known else Either(n.REENTRANT, n.NOT_FOUND))
        if not session.attached:
            return self.returned(called, n.INVALID_ARGUMENT)

        def run():
            events = []
            status = call(session, *arguments, events)
            self.tell(session, events)
            return status
        self.returned(called, self.inside(session.runtime, run))

    def do_persist(self, name):
        return self.on_session("persist", Session.update, name)

    def do_flush(self, name):
        return self.on_session("flush", Session.flush, name)

    def do_refresh(self, name):
        return self.on_session("refresh", self.refresh, name)

    def refresh(self, session, events):
        status = session.refresh(events)
        if session.caught_up:
            self.refreshed.append(session)
            session.handle.root.wake.looked(session)
        return status

    def do_touch(self, name, key):
        return self.on_session("touch", Session.touch, name, key)

    def do_modify(self, name, key, options):
        session = self.sessions.get(name)
        if session is not None and not self.ran_inside and self.may_remove_first(session, session.belief_of(key)):
            return False
        return self.on_session("modify", Session.modify, name, key, Modification(options, self.run, self.returned))

    def do_reset(self, name, key):
        session = self.sessions.get(name)
        if session is not None and session.attached and not session.runtime.depth and self.is_vague(session, key):
            return False
        return self.on_session("reset", Session.reset, name, key)

    def may_remove_first(self, session, belief):
        """Returns True if the update before a modification removes an entry under a former key, or not: the one that was there before has
        expired, and may have made room."""
        return belief is not None and any(session.handle.get(former) for former in belief.unsure)

    def is_vague(self, session, key):
        """Returns True if a reset would have nothing to remove and meet a failure. No rule says whether it fails then."""
        handle, belief = session.handle, session.belief_of(key)
        place = handle.opened and self.place
        fails = handle.flags & n.READ_ONLY or handle.failing.get("write") or place and (place.hampered or not place.folder)
        holds = belief is not None and any(handle.get(key) if self.sweeps else handle.raw(key) for key in belief.field.keys)
        return bool(fails and not holds)

    def on_sessions(self, called, call, name):
        """Makes a call of a runtime that each of its sessions carries out."""
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        if runtime.depth:
            return self.returned(called, n.REENTRANT)

        self.returned(called, self.inside(runtime, lambda: self.each_session(runtime, call)))

    def each_session(self, runtime, call):
        """Makes a call for each session of a runtime. Returns the first failure."""
        failure = n.OK
        for session in list(runtime.sessions):
            events = []
            status = call(session, events)
            self.tell(session, events)
            failure = first(failure, status)
        return failure

    def do_runtime_persist(self, name):
        return self.on_sessions("runtime_persist", Session.update, name)

    def do_runtime_refresh(self, name):
        return self.on_sessions("runtime_refresh", self.refresh, name)

    def do_runtime_next_expiry(self, name):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        sums = [[left for left in choice if left >= 0] for choice in itertools.product(*(session.possible_expiries() for session in runtime.sessions))]
        self.returned("runtime_next_expiry", Either(*(min(lefts, default=-1) for lefts in sums)))

    def do_mark(self, name, key):
        session = self.sessions.get(name)
        if session is None or not self.marks:
            return False
        belief = session.belief_of(key)
        if session.attached and belief is not None:
            if session.is_unknown(belief):
                return False  # no rule says whether the session has this field
            belief.marked = True
        self.returned("mark", n.INVALID_ARGUMENT if not session.attached else n.NOT_FOUND if belief is None else n.OK)

    def do_dispatch(self, name, options):
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        if runtime.depth:
            return self.returned("dispatch", n.REENTRANT)

        def run():
            self.run(options.get("inside", ()))
            return n.UPDATE if options.get("refuse") else self.each_session(runtime, Session.update)
        self.returned("dispatch", self.inside(runtime, run))

    def do_replace(self, name):
        """Replaces the model of the runtime by another one."""
        runtime = self.runtimes.get(name)
        if runtime is None:
            return False
        self.returned("set_model", n.REENTRANT if runtime.depth else n.OK)

    def do_model(self, name):
        """Asks for the model, which the runtime returns as long as its handle is good."""
        if name not in self.runtimes:
            return False
        self.returned("model", True)

    def end(self, session, flush):
        """Ends a session, as detach and abandon do."""
        if not session.attached:
            return
        if flush:
            events = []
            session.flush(events)
            self.tell(session, events)
        session.attached = False
        session.handle.root.wake.ended(session)
        session.runtime.sessions.remove(session)
        session.host.released += 1

    def ending(self, runtime, call):
        """Makes the call at once or, inside a callback, when the outermost call returns."""
        if runtime.depth:
            runtime.deferred.append(call)
        else:
            self.inside(runtime, call)

    def end_session(self, name, flush):
        session = self.sessions.get(name)
        if session is None or session.ending:
            return False
        session.ending = True
        session.abandoned = not flush
        self.ending(session.runtime, lambda: self.end(session, flush))

    def do_detach(self, name):
        return self.end_session(name, True)

    def do_abandon(self, name):
        return self.end_session(name, False)

    def do_free(self, name):
        runtime = self.runtimes.get(name)
        if runtime is None or runtime.ending:
            return False
        runtime.ending = True

        def run():
            for session in list(runtime.sessions):
                self.end(session, not session.abandoned)
        self.ending(runtime, run)

    # ---- states

    def do_repeat(self, times, step):
        for _ in range(times):
            if not self.apply(step):
                return False

    def do_ask(self, name):
        session = self.sessions.get(name)
        if session is None:
            return False
        if not session.attached:
            return self.returned("state", n.INVALID_ARGUMENT)
        for belief in session.beliefs:
            status, state = session.state_of(belief.field.key)
            named = n.state_name(state)
            if session.forgotten(belief):
                named = Either(named, named.replace("EXPIRED", "ABSENT"))
            if session.unread(belief):
                named = Either(named, n.state_name(belief.state | belief.mark))
            self.returned("state", belief.field.key, named)
        self.returned("next_expiry", session.next_expiry())
