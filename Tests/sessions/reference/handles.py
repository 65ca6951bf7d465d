"""The handles of a storage, and the storage functions that a program calls on them."""
import re

import names as n
import values

from .loose import ANYTHING, Either, Undecided
from .place import FAR
from .storage import Entry, cost


class Wake:
    """Whether the descriptor of a handle is readable (S10)."""

    def __init__(self):
        self.begin()

    def begin(self):
        """Makes the descriptor. It need not report what changed before."""
        self.readable = ANYTHING
        self.owing = set()  # sessions that have not refreshed since the last change
        self.perhaps = set()  # sessions that have not refreshed since something that may be a change
        self.has_joined = False  # a session has joined in this step

    def perhaps_changed(self, sessions):
        """Notes something that may be a change or not."""
        self.perhaps = set(sessions)
        self.readable = self.readable or ANYTHING

    def perhaps_seen(self, sessions):
        """Notes that each of these sessions has seen the last change, or not."""
        self.owing, self.perhaps, self.readable = set(), set(sessions), ANYTHING

    def changed(self, sessions, refreshed):
        """Notes a change of the file. `refreshed` is the session whose own refresh made the change and looked after it."""
        self.owing = {session for session in sessions if session is not refreshed}
        self.readable = bool(self.owing) if refreshed in sessions else True
        if refreshed is not None and not self.owing and not refreshed.attached:
            self.readable = ANYTHING  # the session ended within that refresh, and no rule says whether its look counts

    def joined(self, session):
        """Notes a new session. The descriptor may also report to it what changed before."""
        self.has_joined = True
        if self.readable:
            self.perhaps.add(session)
            self.readable = True if self.owing else ANYTHING

    def looked(self, session):
        """Notes that a session has refreshed."""
        self.owing.discard(session)
        self.perhaps.discard(session)
        if not self.owing:
            self.readable = ANYTHING if self.perhaps else False

    def ended(self, session):
        """Notes that a session has ended. Nobody waits for its refresh any more, but the descriptor may notice that later."""
        self.perhaps.discard(session)
        if session in self.owing:
            self.owing.discard(session)
            if not self.owing:
                self.readable = ANYTHING


class Handle:
    """A handle of a store, or of one scope of it. A scope shares the state of its parent, because it is in the same journal."""

    def __init__(self, world, kind, store, scope="", flags=0, quota=-1, durability=n.PROCESS, parent=None, opened=None):
        self.world, self.scope = world, scope
        self.kind = "backend" if kind == "redis" else kind  # the library for Redis is a backend, whose handles are one place
        self.is_on_server = parent.is_on_server if parent else kind == "redis"
        self.kept, self.opened = store, opened  # only a handle of a journal has `opened`
        self.flags, self.quota, self.durability = flags, quota, durability
        self.owes = False     # it owes a sync
        self.perhaps_owes = False  # it may owe one, for a removal of what may be absent
        self.wrote_since = False  # it has written since its last complete sync
        self.may_owe = False  # it may owe a rewriting
        self.wrote_to = None  # the store that it last wrote to
        self.wake = Wake()
        self.root = parent.root if parent else self
        self.renews = bool(parent and parent.renews)  # it is a backend that changes a deadline itself
        self.failing = {} if parent is None else parent.failing  # function of a backend -> the status that it returns

    def same_place(self, other):
        """Returns True if both store in the same file and scope, as far as a runtime can tell (S1)."""
        same = self.kind == other.kind if self.kind == "journal" or self.is_on_server else self.root is other.root
        return same and self.scope == other.scope

    @property
    def store(self):
        """Looks the path up, and returns the store that is there now."""
        if self.opened is None:
            return self.kept
        self.opened.look(False)
        return self.opened.store

    def look_anew(self):
        if self.opened is not None:
            self.opened.look(True)

    # ---- what every call checks

    def cannot_read(self, function="read"):
        return self.failing.get(function, n.OK)

    def cannot_write(self, function="write"):
        """Returns (status, errno): why nothing can be written, or OK."""
        if self.flags & n.READ_ONLY:
            self.look_anew()
            return n.PERMISSION, 0
        if self.opened is not None:
            refused = self.opened.cannot_write()
            if refused[0]:
                self.look_anew()
            return refused
        status = self.failing.get(function, n.OK)
        return (n.OK if status == n.NOT_DURABLE else status), 0

    def is_in_vain(self, refused):
        """Returns True if the removal of what is not stored has nothing to do, and so does not meet this failure."""
        return refused in (n.NEWER, n.NO_SPACE) or not self.flags & n.READ_ONLY and self.opened is not None and self.opened.gone is not None

    def durability_of(self, function="write"):
        """Returns the status of a write that was done: OK or NOT_DURABLE."""
        return n.NOT_DURABLE if self.failing.get(function) == n.NOT_DURABLE else n.OK

    # ---- reading and writing

    def raw(self, key):
        return self.store.raw(self.scope, key)

    def get(self, key):
        return self.store.get(self.scope, key, self.world.now)

    @property
    def generation(self):
        return self.store.generation(self.scope)

    @property
    def damaged(self):
        """Returns True if the handle has met damage in the file (S4)."""
        opened = self.opened
        return opened is not None and opened.gone is None and (opened.file.damaged > 0 or opened.headless and opened.file.headless)

    @property
    def met_damage(self):
        """Returns True if opening found damage, even if opening also rewrote the file."""
        return self.opened is not None and self.opened.found_damage

    def fits(self, changes, before=()):
        """Returns True if the changes, {key: Entry or None}, keep the quota. Changes that add no bytes always do (S14). `before` are the
        changes that come before these in the same line."""
        if self.quota < 0 or self.kind == "backend":
            return True
        more = self.growth(changes)
        return more <= 0 or self.store.live_bytes(self.world.now) + self.growth(dict(before)) + more <= self.quota

    def growth(self, changes):
        more = 0
        for key, entry in changes.items():
            stored = self.get(key)
            more += (cost(self.scope, key, entry) if entry else 0) - (cost(self.scope, key, stored) if stored else 0)
        return more

    def sync(self):
        """Returns (status, errno). What was removed does not stay in the file (S8)."""
        status = self.failing.get("sync", n.OK)
        if status:
            return status, 0
        self.world.synced = self.world.place.perhaps_begun = True
        self.look_anew()
        self.root.owes = self.root.perhaps_owes = False
        removed = self.store.removed or self.store.was_erased
        owes = self.root.wrote_since and removed
        if (owes and not self.store.removed or self.root.may_owe) and any(not entry.lives(self.world.now) for entry in self.store.entries.values()):
            raise Undecided  # no rule says whether the file is rewritten, so that what has expired leaves it
        if self.opened is not None and (owes or self.root.may_owe) and self.opened.gone is None:
            refused = self.opened.cannot_rewrite()
            if refused[0] == n.NEWER:
                # Only the handle that has erased what was removed knows that it is no longer in the file.
                return n.NEWER if owes and self.store.removed else Either(n.OK, n.NEWER), 0
            if not owes:
                self.store.more_lines += 1
                if refused[0]:
                    return Either(n.OK, refused[0]), refused[1]
            elif refused[0]:
                self.store.erased()
                if self.world.had_damage:  # the copy of a damaged file, which may have what was removed, cannot be deleted either
                    return Either(n.OK, refused[0]), refused[1]
            else:
                self.store.sweep(self.world.now)
                self.store.rewritten()
        self.root.wrote_since = self.root.may_owe = False
        return n.OK, 0

    def wrote(self, removed):
        """Notes a write, which may not survive power loss before the handle's next sync (S12). If each write is synced, a sync is due only
        if something was removed."""
        self.root.wrote_since = self.root.wrote_since or removed or self.durability == n.PROCESS
        self.root.wrote_to = self.store
        self.root.owes = self.kind == "journal" and self.durability == n.PROCESS

    def may_hold(self, keys):
        """Returns True if one of the keys is stored, or a damaged line may have it."""
        return any(self.raw(key) for key in keys) or self.damaged

    def removed_nothing(self):
        """Notes a removal of what is absent. Who removed it may have died before its sync, so this handle owes the rewriting, too (S8). If
        there is a quota, it may be in an expired entry that was removed to make room, and then a line is written."""
        self.root.wrote_since = self.root.wrote_since or self.store.removed or self.store.was_erased
        if self.root.quota >= 0:
            self.root.may_owe = self.root.perhaps_owes = True
            self.store.more_lines += 1

    def stored_nothing(self):
        """Notes an update of which nothing was stored, because others were faster. No rule says whether the handle then owes the rewriting
        for what others have removed."""
        self.root.may_owe = self.root.may_owe or self.store.removed or self.store.was_erased

    def clear(self):
        self.store.clear(self.scope)
        self.wrote(True)

    def write(self, changes, removes=False):
        """Writes changes in one line. With `removes`, the line also removes keys that are gone by now, which counts as a removal."""
        # If there is a quota, expired entries may have been removed to make room.
        void = self.root.quota >= 0 and all(entry is None and self.get(key) is None for key, entry in changes.items())
        if void and self.opened is not None and (self.opened.file.damaged or self.opened.file.headless):
            raise Undecided  # no rule says whether the file will be rewritten, and the damage be gone
        self.store.apply([(self.scope, key, entry) for key, entry in changes.items()])
        if void:
            self.store.lines -= 1
            self.store.more_lines += 1
        self.store.removed = self.store.removed or removes
        self.wrote(removes or None in changes.values())


def call_get(handle, key):
    """Returns (status, JSON text)."""
    if handle.failing.get("generation"):
        return ANYTHING, ANYTHING  # no rule says whether a get asks for the generation
    status = handle.cannot_read()
    if status:
        return status, None
    entry = handle.get(key)
    return (n.OK, entry.text) if entry else (n.NOT_FOUND, None)


_OUTSIDE = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')


def compact(text):
    """Returns JSON text without white space outside strings (S2)."""
    if not any(space in text for space in " \t\r\n"):
        return text
    return _OUTSIDE.sub(lambda match: match[1] or "", text)


def call_set(handle, key, text, deadline):
    return call_write(handle, [(key, text, deadline, 0)])


def call_remove(handle, key):
    """Returns OK and writes nothing if the key is absent."""
    return call_write(handle, [(key, None, 0, 0)])


def call_write(handle, items):
    """Stores and removes several keys, [(key, text or None, deadline, version)], in one step: all of them or none."""
    failures = []
    if any(deadline < 0 for _, _, deadline, _ in items):
        failures.append(n.INVALID_ARGUMENT)
    if any(text is not None and not values.is_json(text) for _, text, _, _ in items):
        failures.append(n.DECODE)
    if len({key for key, *_ in items}) < len(items):
        failures.append(n.DUPLICATE_KEY)
    if failures:
        return Either(*failures)  # no rule says which of two comes first
    if not items:
        return n.OK
    return write_all(handle, {key: None if text is None else Entry(compact(text), deadline, version) for key, text, deadline, version in items})


def write_all(handle, changes):
    """Makes the changes, {key: Entry or None}, in one step, or none of them."""
    fits = handle.fits(changes)
    status, _ = handle.cannot_write()
    if not any(changes.values()) and not handle.may_hold(changes):
        if status in (n.OK, n.NEWER, n.NO_SPACE):
            # The next sync finds what others remove until then, and removes what is beside the file, or says that it cannot.
            handle.root.wrote_since = handle.root.may_owe = True
            if handle.root.quota >= 0:
                handle.root.perhaps_owes = True
                handle.store.more_lines += 1  # an expired entry may have been removed to make room, which others still have
            if handle.opened is not None and handle.opened.file.headless and handle.opened.file.keeps_damage:
                handle.store.more_lines += 1  # a torn end makes a handle look at the header again, and then it has met the damage
        return ANYTHING if status or handle.failing.get("write") else n.OK  # no rule says whether a call that has nothing to do meets the failure
    if status:
        return status if fits else Either(status, n.QUOTA)  # no rule says which of two limits comes first
    if not fits:
        handle.stored_nothing()
        return n.QUOTA
    handle.write(changes)
    return handle.durability_of()


def call_modify(handle, key, change):
    """Replaces an entry by what `change` makes of it, which is called again if the entry is another one by then."""
    while True:
        status, _ = call_get(handle, key)
        if status not in (n.OK, n.NOT_FOUND):
            return status
        entry = handle.get(key)
        status, value = change(entry and ("j", entry.text))
        if status:
            return status
        if value[0] != "j":
            return n.ENCODE
        if not values.is_json(value[1]):
            return Either(n.ENCODE, n.DECODE)  # no rule says which of the two it is
        refused = handle.kind != "backend" and handle.cannot_write()[0]  # a backend is asked first what it has
        if refused or handle.get(key) == entry:
            new = entry._replace(text=compact(value[1])) if entry else Entry(compact(value[1]))
            return write_all(handle, {key: new})
        handle.stored_nothing()


def call_clear(handle):
    opened = handle.opened
    known = opened is not None and opened.gone is not None and not handle.flags & n.READ_ONLY
    if known:
        opened.look(True)
    status = n.OK if known and opened.gone is not None and not handle.world.place.emptied else handle.cannot_write("clear")[0]
    if opened is not None and opened.gone is not None and not handle.flags & n.READ_ONLY:
        # If there is no file, or none can be made, there is nothing to clear, and no file is made.
        opened.gone.cleared += FAR  # no clear of a file leads to the same generation
        opened.gone.origin += FAR
        handle.root.owes = handle.durability == n.PROCESS  # a sync makes sure that the file does not come back
        return n.OK
    if opened is not None and status in (n.NEWER, n.NO_SPACE) and not opened.cannot_write_anew():
        # A file that takes no more lines is begun anew.
        handle.clear()
        opened.file.newer = False
        handle.world.synced = True  # the file is rewritten
        handle.root.owes = False
        return n.OK
    if status:
        return status
    handle.clear()
    return handle.durability_of("clear")


def call_each(handle, prefix):
    """Returns (status, [(key, text, deadline)])."""
    status = handle.cannot_read("each")
    if status:
        return status, []
    return n.OK, [(key, entry.text, entry.deadline) for key, entry in handle.store.each(handle.scope, prefix, handle.world.now)]


def call_info(handle):
    """Returns (status, entries, live bytes, quota, durability, whether it owes a sync, whether the file's size is right)."""
    root, store, now = handle.root, handle.store, handle.world.now
    if handle.kind == "backend":
        return ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING
    # Expired entries may have been removed or not.
    swept = any(not entry.lives(now) for entry in store.entries.values())
    return (n.OK, ANYTHING if swept else store.count(), ANYTHING if swept else store.live_bytes(now), root.quota, root.durability,
            ANYTHING if root.perhaps_owes or root.wrote_to is not None and root.wrote_to is not store else int(root.owes), handle.opened is None or handle.opened.at_path or ANYTHING)


def call_sync(handle):
    return handle.sync()[0]
