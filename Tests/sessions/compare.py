"""Compares what can be observed of the reference and of the library after each step."""
import ctypes as c
import os
import shutil

import api
import limits
import names as n
import server
import values
from driver import Driver
from journalfile import JournalFile
from reference.loose import ANYTHING, Either, Undecided, settled
from reference.storage import Entry, Store
from reference.world import Reference


# The steps that do not rewrite a small file (S12).
PLAIN = {"get", "each", "info", "ask", "persist", "set", "remove", "clear", "touch", "mark", "attach", "watch",
         "write", "storage_modify", "modify", "reset", "runtime_persist", "runtime_next_expiry"}


FAR_TOO_LARGE = 4 << 20  # an update tries to rewrite such a file


class Disagreement(Exception):
    """The two differ in `what` at a step. It has what was expected and what was found."""

    def __init__(self, index, step, what, expected, found):
        self.index, self.step, self.what, self.expected, self.found = index, step, what, expected, found
        super().__init__(f"step {index} {step}: {what}: expected {expected}, found {found}")


def name(names, value):
    return Either(*(name(names, one) for one in value.allowed)) if isinstance(value, Either) else names.get(value, value)


def named(events):
    return [(name(n.EVENT, kind), key, name(n.STATUS, status), system_error) for kind, status, system_error, key in events]


def named_results(results):
    return [tuple(name(n.STATUS, value) if at == 1 and isinstance(value, (int, Either)) and not isinstance(value, bool) and not result[0].endswith("next_expiry")
                  else value for at, value in enumerate(result)) for result in results]


def by_entries(events, prefix):
    """Returns events with those of each entry of the map together, because no rule says in which order the entries come."""
    return sorted(events, key=lambda event: event[3] if prefix and event[3] and event[3].startswith(prefix) else "")


def same_models(a, b):
    """Returns the values with reals as their bits, so that a NaN equals itself."""
    return a == b or a.keys() == b.keys() and all(values.same(a[key], b[key]) for key in a)


class Pair:
    """Carries out each step on the reference and on the library."""

    def __init__(self, folder):
        os.mkdir(os.path.join(folder, "d"), 0o700)
        self.path = os.fsencode(folder) + b"/d/session.jsonl"
        self.reference = Reference(api.session_mark is not None)
        self.driver = Driver(self.path)
        self.file = JournalFile(self.path)
        self.outgrown = False  # it grew too large while it could not be rewritten

    def step(self, index, step):
        """Makes a step on both and compares. Returns False if the step needs something that is not there."""
        if step[:2] == ["world", "header"] and self.file.lines < 3:
            return False  # nothing that is left could tell what the header was
        if self.cannot_be_rewritten() and any(host.scripts.get("event") for host in self.reference.hosts if not host.ended):
            raise Undecided  # no rule says whether the script runs now
        if not self.reference.apply(step):
            return False
        if not self.driver.apply(step):
            raise Disagreement(index, step, "whether it can be done", True, False)
        self.compare(index, step)
        return True

    def cannot_be_rewritten(self):
        """Returns True if any number of updates may report that: the library waits longer after each try."""
        return self.reference.place.hampered and os.path.exists(self.path) and os.stat(self.path).st_size > FAR_TOO_LARGE

    def compare(self, index, step):
        def same(what, expected, found, shown=lambda value: value):
            if not expected == found:
                raise Disagreement(index, step, what, shown(expected), shown(found))
        reference, driver = self.reference, self.driver
        if reference.place.file and reference.place.file.headless:
            # A modification may be made once more, because the first look at a file without a header may take the lock, or not.
            for results in reference.results, driver.results:
                results[:] = [one for at, one in enumerate(results) if one[0] != "given" or at == 0 or one != results[at - 1]]
        same("results", reference.results, driver.results, named_results)
        reference.results.clear()
        driver.results.clear()
        for at, (mine, theirs) in enumerate(zip(reference.hosts, driver.hosts)):
            if mine.ended:
                continue
            if self.cannot_be_rewritten():
                mine.events, theirs.events = ([event for event in events if event[0] != n.NOT_REWRITTEN] for events in (mine.events, theirs.events))
            mine.events, theirs.events = (by_entries(events, mine.map) for events in (mine.events, theirs.events))
            same(f"events of session {at}", settled(mine.events, theirs.events), theirs.events, named)
            mine.events.clear()
            theirs.events.clear()
            if not theirs.slices:
                theirs.read_back()
            if not same_models(mine.model, theirs.model):
                same(f"model of session {at}", mine.model, theirs.model)
            same(f"releases of session {at}", mine.released, theirs.released)
            for bound in driver.bounds[at]:
                same(f"releases of session {at}'s fields", mine.released, bound.released)
            mine.ended = mine.released > 0
        self.compare_journal(step, same)
        if reference.shared.lines:
            self.compare_backend(same)

    def compare_journal(self, step, same):
        store, file = self.reference.place.file or Store(), self.file
        large = file.size > FAR_TOO_LARGE // 2
        file.look()
        if step[0] == "world":
            store.lines, file.names = 0, []
            file.rewritten = step[1] not in ("folder_rights", "file_rights", "save", "make_folder", "other", "full", "starve")
        elif file.rewritten:  # a rewriting drops what has expired (S9)
            store.sweep(self.reference.now)
            store.rewritten()
            store.begun -= file.clears  # those that came after it in this step
            store.removed = file.removes  # likewise
            if not self.reference.synced:
                self.reference.compacted()
        stored = file.stored()
        if self.reference.sweeps:  # expired entries may have been removed to make room
            store.sweep(self.reference.now)
            store.entries |= {at: entry for at, entry in kept_expired(stored, self.reference.now)}
        for at, entry in self.reference.unsure.items():
            if stored.get(at) == (entry.text, entry.deadline, entry.version):
                if at not in store.entries:
                    store.entries[at] = entry
                    self.reference.kept_former(at)
            elif at not in stored and store.entries.get(at) == entry:
                del store.entries[at]
        self.reference.unsure.clear()
        same("entries of the journal", {key: (entry.text, entry.deadline, entry.version) for key, entry in store.entries.items()}, stored)
        if step[0] != "world":
            if file.appeared and (step[0] == "repeat" or self.reference.synced):
                pass  # the file may have been made and rewritten in this step
            elif not file.rewritten:
                found = len([name for name in file.names if name != "moved"])
                same("lines written", store.lines, min(found, max(store.lines, found - store.more_lines)))
            elif step[0] in PLAIN and not self.reference.synced and not large:
                same("whether the file was rewritten", False, True)
            # A rewriting that failed is not tried again at once: a file that grew too large meanwhile stays so until the next try.
            is_bounded = file.size <= bound(store, self.reference.now)
            self.outgrown = not is_bounded and (self.outgrown or self.reference.place.hampered)
            if not self.outgrown:
                same("whether the file's size is bounded", True, is_bounded)
        store.lines = store.more_lines = 0
        self.compare_wakes(step, same, file.rewritten or file.appeared or file.cut or bool(file.names))
        self.reference.synced = self.reference.found_out = self.reference.ran_inside = False
        self.reference.told_again.clear()

    def compare_wakes(self, step, same, changed):
        """Compares whether the watched descriptors are readable."""
        reference = self.reference
        all_refreshed, reference.refreshed = reference.refreshed, []
        watched = {name: handle.root for name, handle in reference.handles.items() if name in self.driver.watched}
        for root in set(watched.values()):
            if changed or root in reference.told_again:
                refreshed = [session for session in all_refreshed if session.handle.root is root]
                root.wake.changed(reference.attached_to(root), refreshed[-1] if refreshed else None)
                # Which of them has seen the change depends on who made it, or on what came first.
                if refreshed and len(all_refreshed) > 1 or reference.ran_inside and root.wake.has_joined:
                    root.wake.perhaps_seen(reference.attached_to(root))
                if reference.ran_inside:
                    root.wake.perhaps_changed(reference.attached_to(root))  # the change may come before or after the look of a refresh
                if reference.found_out and not reference.attached_to(root):
                    root.wake.readable = ANYTHING
            elif step[:2] in (["world", "file_rights"], ["world", "make_folder"]) or reference.place.full or reference.synced:
                # No rule says whether these are a change: other rights, a folder without a file, a write that failed, overwriting in place.
                root.wake.perhaps_changed(reference.attached_to(root))
            root.wake.has_joined = False
        for name, root in watched.items():
            same(f"descriptor of {name}", root.wake.readable, self.driver.readable(name))

    def compare_backend(self, same):
        mine = {at: (entry.text, entry.deadline, entry.version) for at, entry in self.reference.shared.entries.items()}
        theirs = {}
        for key, (json, deadline, version) in self.driver.shared.get("entries", {}).items():
            scope, key = key[1:].decode().split("\1") if key[:1] == b"\1" else ("", key.decode())
            theirs[scope, key] = json.decode(), deadline, version
        if server.URL:
            theirs |= server.of_this_process().stored()
        same("entries of the backend", mine, theirs)


def kept_expired(stored, now):
    entries = ((at, Entry(*entry)) for at, entry in stored.items())
    return [(at, entry) for at, entry in entries if not entry.lives(now)]


def bound(store, now):
    """Returns the size at which an update must have rewritten a file: 4 MiB or 16 times what is stored, and one update more."""
    return max(FAR_TOO_LARGE, 16 * store.live_bytes(now)) + (1 << 20)


def run(steps, folder):
    """Runs a case. Raises Disagreement if the two differ."""
    limits.file_size(limits.ROOMY)
    pair = Pair(folder)
    done = 0
    try:
        for index, step in enumerate(steps):
            done += pair.step(index, step)
        finish(pair, len(steps))
    except Undecided:
        pass
    finally:
        limits.file_size(limits.ROOMY)
        for name in list(pair.driver.sessions):
            pair.driver.do_abandon(name)
        for name in list(pair.driver.runtimes):
            pair.driver.do_free(name)
        for name in list(pair.driver.handles):
            pair.driver.do_close(name)
        clean(folder)
    return done


def clean(folder):
    for name in os.listdir(folder):
        whole = os.path.join(folder, name)
        if os.path.isdir(whole):
            os.chmod(whole, 0o700)
            shutil.rmtree(whole)
        else:
            os.unlink(whole)


def finish(pair, index):
    """Compares everything once more, and what a new handle shows."""
    for name in list(pair.reference.sessions):
        pair.step(index, ["ask", name])
    for name in list(pair.reference.handles):
        pair.step(index, ["each", name, ""])
