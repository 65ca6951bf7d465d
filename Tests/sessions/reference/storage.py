"""What is stored, as the header and S1-S14 say: entries by scope and key, generations, the quota."""
from typing import NamedTuple

import names as n


class Entry(NamedTuple):
    text: str
    deadline: int = 0
    version: int = 0

    def lives(self, now):
        """Returns True if the entry has not expired. It expires in the millisecond of its deadline (S9)."""
        return self.deadline == 0 or now < self.deadline

    @property
    def identity(self):
        return self.text, self.version


class Store:
    """One map of entries. `lines` is how many updates it took. `cleared` is the generation of the store itself, which scopes do not share.
    `origin` is the part of the generation that scopes share: it is another one in another file, and in one that was emptied."""

    def __init__(self, cleared=0, origin=0):
        self.entries = {}      # (scope, key) -> Entry, expired ones included
        self.generations = {}  # scope -> how often it was cleared
        self.cleared, self.origin = cleared, origin
        self.removed = False   # it still has what was removed or cleared, until it is rewritten
        self.was_erased = False  # what was removed was overwritten; no rule says whether another handle overwrites it again
        self.lines = 0
        self.more_lines = 0    # how many more lines it may have

    def generation(self, scope):
        return (self.origin, self.generations.get(scope, 0)) if scope else self.cleared

    def raw(self, scope, key):
        return self.entries.get((scope, key))

    def get(self, scope, key, now):
        """Returns the entry, or None if there is none that has not expired."""
        entry = self.entries.get((scope, key))
        return entry if entry and entry.lives(now) else None

    def each(self, scope, prefix, now):
        """Returns the unexpired entries in the byte order of their keys."""
        found = [(key, entry) for (where, key), entry in self.entries.items()
                 if where == scope and key.startswith(prefix) and entry.lives(now)]
        return sorted(found, key=lambda item: item[0].encode())

    def live_bytes(self, now):
        """Returns the bytes that the quota counts (S14)."""
        return sum(cost(scope, key, entry) for (scope, key), entry in self.entries.items() if entry.lives(now))

    def count(self):
        """Returns the number of entries as lily_session_info has it, expired ones included."""
        return len(self.entries)

    def apply(self, changes):
        """Applies one line: [(scope, key, Entry or None)]."""
        for scope, key, entry in changes:
            if entry is None:
                self.entries.pop((scope, key), None)
                self.removed = True
            else:
                self.entries[scope, key] = entry
        self.lines += 1

    def rewritten(self):
        self.removed = self.was_erased = False

    def erased(self):
        """Notes that removed values were overwritten in the file itself. What shared a line with them was stored again before."""
        self.removed, self.was_erased = False, True
        self.more_lines += 1

    def sweep(self, now):
        """Drops what has expired, as a rewriting does (S9)."""
        self.entries = {at: entry for at, entry in self.entries.items() if entry.lives(now)}

    def clear(self, scope):
        for where, key in [at for at in self.entries if at[0] == scope and at[1].startswith(n.PREFIX)]:
            del self.entries[where, key]
        if scope:
            self.generations[scope] = self.generations.get(scope, 0) + 1
        else:
            self.cleared += 1
        self.removed = True
        self.lines += 1


def cost(scope, key, entry):
    """Returns the bytes that an entry counts for the quota (S14): its whole key, as it is stored, and its value."""
    return (len(scope.encode()) + 2 if scope else 0) + len(key.encode()) + len(entry.text.encode())
