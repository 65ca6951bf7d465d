"""Stores what an update of a session must store (S5, S6, S9, S11)."""
import names as n
import values

from .loose import Either, Perhaps, Undecided
from .storage import Entry


def saturated(now, after):
    return min(now + after, n.MAX_TIME) if after else 0


class Writing:
    """A part of a Session, which has the beliefs and the handle."""

    def due(self, belief):
        """Returns True if the field's value must be stored. If get fails now, this is the value that was seen last (S6)."""
        return (belief.dirty or belief.pending) and belief.baseline is not None

    def wants(self, belief):
        return self.due(belief) or belief.clamp or belief.former

    def write(self, events):
        """Stores what is dirty and what is pending, then the deadlines that must be shorter. Returns a failure that is not a field's, or
        OK."""
        status = self.write_values(events)
        for belief in self.beliefs:
            if belief.clamp:
                self.shorten(belief, events)
        return status

    def write_values(self, events):
        self.drop_expired()
        writing = self.writing()
        if not writing:
            return n.OK
        refused, system_error = self.handle.cannot_write()
        if not refused and self.handle.generation != self.generation:
            refused = self.handle.cannot_read("generation")  # a backend may refuse the old generation and then fail to give the new one
        if any(self.depends(belief) for belief in writing) and (not refused or self.handle.kind == "backend"):
            refused = self.handle.cannot_read() or refused  # a backend is asked first what it has
        if refused and self.handle.kind == "backend":
            self.drop_overtaken()
            self.tell_failure(refused, system_error, self.writing(), events)
            return n.OK
        self.meet_clear(events)
        if refused in (n.NEWER, n.NO_SPACE):
            self.drop_overtaken()
        writing = self.writing()
        if refused and not (self.handle.is_in_vain(refused) and self.is_void(writing)):
            self.tell_failure(refused, system_error, writing, events)
            return n.OK
        changes, going, left_out = {}, [], []
        removes = any(belief.stale for belief in writing)
        # Values that nobody changed may share the line or not, so they make no room for those that were changed.
        for belief in sorted(writing, key=lambda belief: not self.due(belief)):
            own = self.changes_of(belief)
            if own is None:
                continue
            fits = self.handle.fits(own, changes)
            if fits != self.handle.fits({key: entry for key, entry in own.items() if key not in belief.unsure}, changes):
                raise Undecided  # no rule says whether the session knows that it removes an entry
            if not fits:
                left_out.append(belief)
                continue
            changes.update(own)
            going.append(belief)
        self.tell_failure(n.QUOTA, 0, left_out, events)
        if not any(changes.values()) and not (changes and self.handle.may_hold(changes)):
            for belief in going:
                self.went(belief, changes)
            return self.write_nothing(removes or changes, events)
        self.handle.write(changes, removes=any(belief.stale for belief in going))
        if not any(changes.values()) and all((self.handle.scope, key) in self.world.unsure for key in changes):
            self.handle.store.lines -= 1  # the session may not know that there is something to remove
            self.handle.store.more_lines += 1
        self.handle.store.more_lines += len([belief for belief in going if not self.due(belief)])  # they may also have a line of their own
        for belief in going:
            self.went(belief, changes)
        if self.handle.durability_of():
            events.append((n.NOT_DURABLE_EVENT, n.NOT_DURABLE, 0, None))
            return n.NOT_DURABLE
        return n.OK

    def write_nothing(self, removes, events):
        """Notes an update of which nothing is left but, if `removes`, removals of what is not stored. Returns its status."""
        self.handle.stored_nothing()
        if not removes:
            return n.OK
        if self.handle.damaged:
            raise Undecided  # no rule says whether the session knows that a damaged line may have the key
        self.handle.removed_nothing()
        if self.handle.kind == "backend" and self.handle.durability_of():
            # No rule says whether removing what is absent calls the backend.
            events.append(Perhaps((n.NOT_DURABLE_EVENT, n.NOT_DURABLE, 0, None)))
            return Either(n.OK, n.NOT_DURABLE)
        return n.OK

    def is_void(self, writing):
        """Returns True if all that is to be written is the removal of entries that are not stored."""
        return all(belief.baseline == values.MISSING and not self.handle.may_hold([belief.field.stored_key]) for belief in writing)

    def drop_expired(self):
        """Drops a migrated value whose entry has expired. If no field expires, the session does not ask for the time, and storage decides."""
        if any(belief.field.expires for belief in self.beliefs):
            for belief in self.beliefs:
                if belief.pending and not belief.dirty and belief.deadline and belief.deadline <= self.world.now:
                    belief.pending, belief.stale = False, []

    def writing(self):
        return [belief for belief in self.beliefs if self.due(belief) or belief.former]

    def drop_overtaken(self):
        """Looks at what is stored before the write is refused, and drops what depends on other values."""
        if not self.handle.cannot_read():
            for belief in filter(self.depends, self.beliefs):
                self.changes_of(belief)

    def depends(self, belief):
        """Returns True if the field's value is stored only in place of the entry it was made from, or if nothing is stored."""
        return self.due(belief) and (belief.first or not belief.dirty)

    def changes_of(self, belief):
        """Returns {key: Entry or None} with what a field wants to store, or None. Checks here that storage has the entry that the value
        depends on."""
        field = belief.field
        formers = {former: None for former in belief.stale if self.handle.raw(former)}
        self.world.unsure |= {(self.handle.scope, former): self.handle.raw(former) for former in belief.unsure if self.handle.raw(former)}
        if belief.baseline == values.MISSING and (belief.first or not belief.dirty):
            belief.pending = belief.dirty = belief.first = False  # set has dropped the entry, which stays in storage
        if not self.due(belief):
            if not formers:
                belief.stale = []
            return formers or None
        key, entry = self.effective(belief)
        if belief.dirty and belief.first and entry is not None:
            belief.dirty = belief.first = False  # S4: the stored value wins, at the next refresh
            return None
        if not belief.dirty and (entry is None or belief.seen != (key, *entry.identity)):
            belief.pending, belief.stale = False, []
            return None
        if belief.baseline == values.MISSING:
            return {field.stored_key: None}
        return {field.stored_key: Entry(field.text_of(belief.baseline), saturated(self.world.now, field.expires), field.version), **formers}

    def went(self, belief, changes):
        if self.due(belief):
            entry = changes[belief.field.stored_key]
            if entry is None:
                belief.removed()
            else:
                belief.stored(entry.text, entry.deadline)
        belief.told, belief.stale = False, []

    def shorten(self, belief, events):
        """Stores a shorter deadline in place of one that is too late to be right, if storage still has exactly that entry with it (S9)."""
        key = belief.seen[0]
        if key != belief.field.stored_key:
            return  # the entry of a former key is written under the field's own key, or not at all
        unread = self.handle.cannot_read("generation") or self.handle.cannot_read()
        entry = None if unread else self.handle.get(key)
        very = entry is not None and belief.seen == (key, *entry.identity)
        if not unread and (not very or entry.deadline != belief.read_deadline):
            belief.clamp = False
            if very:
                belief.count(entry, self.world.now)  # another program has renewed it, so its deadline counts
            return
        refused, system_error = (unread, 0) if unread else self.handle.cannot_write()
        if refused:
            if not belief.told:
                belief.told = True
                events.append((n.WRITE_FAILED, refused, system_error, belief.field.key))
            return
        self.handle.write({key: entry._replace(deadline=belief.deadline)})
        belief.read_deadline, belief.clamp, belief.told = belief.deadline, False, False
        if self.handle.durability_of():
            events.append((n.NOT_DURABLE_EVENT, n.NOT_DURABLE, 0, None))

    def tell_failure(self, status, system_error, beliefs, events):
        """Reports WRITE_FAILED for each field that should have been stored. For the removal of a former key it does so once, and the call
        returns OK."""
        for belief in beliefs:
            event = n.WRITE_FAILED, status, system_error, belief.field.key
            if not self.due(belief) and not belief.former:
                event = Perhaps(event)
            elif self.due(belief):
                belief.status = belief.status or status
            elif belief.told is True:
                continue
            elif belief.told is None or self.is_needless(belief):
                self.handle.stored_nothing()
                belief.told, event = None, Perhaps(event)
            else:
                belief.told = True
            events.append(event)

    def is_needless(self, belief):
        """Returns True if removing the former keys would find nothing to remove. No rule says whether that meets the failure."""
        return not self.handle.cannot_read() and not any(self.handle.raw(former) for former in belief.stale)
