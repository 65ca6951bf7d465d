"""Handles of a storage, and the calls on them by hand."""
import re

import names as n
import values

from .storage import Entry, cost


class Handle:
    """A handle of a store, or of one scope of it. A scope retains its parent's switches: it is the same journal."""

    def __init__(self, world, kind, store, scope="", flags=0, quota=-1, parent=None):
        self.world, self.kind, self.store, self.scope = world, kind, store, scope
        self.flags, self.quota, self.parent = flags, quota, parent
        self.root = parent.root if parent else self
        self.failing = {} if parent is None else parent.failing  # a backend's functions -> what they answer

    def same_place(self, other):
        """Whether both store in the same file and scope, as far as a runtime can tell (S1)."""
        same = self.store is other.store if self.kind == "journal" else self.root is other.root
        return same and self.scope == other.scope

    # ---- what storage answers without looking at what is asked

    def cannot_read(self, function="read"):
        return self.failing.get(function, n.OK)

    def cannot_write(self, function="write"):
        """(status, errno): why nothing can be written."""
        if self.flags & n.READ_ONLY:
            return n.PERMISSION, 0
        status = self.failing.get(function, n.OK)
        return (n.OK if status == n.NOT_DURABLE else status), 0

    def durability_of(self, function="write"):
        """What a write that was done answers."""
        return n.NOT_DURABLE if self.failing.get(function) == n.NOT_DURABLE else n.OK

    # ---- reading and writing

    def raw(self, key):
        return self.store.raw(self.scope, key)

    def get(self, key):
        return self.store.get(self.scope, key, self.world.now)

    @property
    def generation(self):
        return self.store.generation(self.scope)

    def fits(self, changes):
        """Whether the changes, {key: Entry or None}, keep the quota: what adds no bytes always does (S14)."""
        if self.quota < 0 or self.kind == "backend":
            return True
        before = after = 0
        for key, entry in changes.items():
            stored = self.raw(key)
            before += cost(self.scope, key, stored) if stored else 0
            after += cost(self.scope, key, entry) if entry else 0
        return after <= before or self.store.live_bytes() + after - before <= self.quota

    def sync(self):
        return self.failing.get("sync", n.OK)

    def write(self, changes):
        self.store.apply([(self.scope, key, entry) for key, entry in changes.items()])


def call_get(handle, key):
    """(status, text)"""
    status = handle.cannot_read()
    if status:
        return status, None
    entry = handle.get(key)
    return (n.OK, entry.text) if entry else (n.NOT_FOUND, None)


_OUTSIDE = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')


def compact(text):
    """JSON text without the white space outside strings (S2)."""
    return _OUTSIDE.sub(lambda match: match[1] or "", text)


def call_set(handle, key, text, deadline):
    if deadline < 0:
        return n.INVALID_ARGUMENT
    if not values.is_json(text):
        return n.DECODE
    status, _ = handle.cannot_write()
    if status:
        return status
    entry = Entry(compact(text), deadline, 0)
    if not handle.fits({key: entry}):
        return n.QUOTA
    handle.write({key: entry})
    return handle.durability_of()


def call_remove(handle, key):
    """One that is absent is OK, and nothing is written."""
    status, _ = handle.cannot_write()
    if handle.raw(key) is None:
        return status if handle.flags & n.READ_ONLY else n.OK
    if status:
        return status
    handle.write({key: None})
    return handle.durability_of()


def call_clear(handle):
    status, _ = handle.cannot_write("clear")
    if status:
        return status
    handle.store.clear(handle.scope)
    return handle.durability_of("clear")


def call_each(handle, prefix):
    """(status, [(key, text, deadline)])"""
    status = handle.cannot_read("each")
    if status:
        return status, []
    return n.OK, [(key, entry.text, entry.deadline) for key, entry in handle.store.each(handle.scope, prefix, handle.world.now)]


def call_sync(handle):
    return handle.sync()
