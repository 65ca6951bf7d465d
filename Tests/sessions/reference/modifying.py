"""Changes what is stored for one field, and lets the model follow (S27)."""
import names as n
import values

from .handles import write_all
from .loose import Either
from .storage import Entry
from .writing import saturated


class Modifying:
    """A part of a Session, which has the beliefs and the handle."""

    def modify(self, key, change, events):
        """Persists, then replaces what is stored for a field by what `change` makes of it."""
        belief = self.belief_of(key)
        if belief is None:
            return n.NOT_FOUND
        status = self.update(events)
        if belief.own or belief.failed or belief.unseen or belief.baseline is None:
            return status or n.BUSY
        outcome = self.modify_stored(belief, change, events)
        if outcome in (n.OK, n.NOT_DURABLE):
            outcome = self.follow(belief, events) or outcome
        # No rule says which is returned if there are two.
        return Either(status, outcome) if status and outcome else status or outcome

    def modify_stored(self, belief, change, events):
        """Calls `change` again if another entry is stored by then, or a clear was made."""
        handle, field = self.handle, belief.field
        while True:
            for function in ("generation", "read"):
                if handle.cannot_read(function):
                    return handle.cannot_read(function)
            self.meet_clear(events)
            key, entry = self.effective(belief)
            # The value of a former key moves to the field's own key.
            formers = [] if key == belief.field.stored_key else self.formers(belief)
            status, stored = self.decoded(belief, key, entry)
            if status:
                return status
            status, value = change(stored)
            if status:
                return status
            text = field.text_of(value)
            if text is None:
                return n.ENCODE
            refused = handle.kind != "backend" and handle.cannot_write()[0]  # a backend is asked first what it has
            if not refused and (self.is_overtaken(belief, key, entry) or not handle.cannot_write()[0] and handle.generation != self.generation):
                handle.stored_nothing()
                continue
            new = Entry(text, saturated(self.world.now, field.expires), field.version)
            return self.write_at_once({field.stored_key: new, **dict.fromkeys(formers)}, events)

    def write_at_once(self, changes, events):
        status = write_all(self.handle, changes)
        if status == n.NOT_DURABLE:
            events.append((n.NOT_DURABLE_EVENT, n.NOT_DURABLE, 0, None))
        return status

    def is_overtaken(self, belief, key, entry):
        """Returns True if another entry counts for the field now. The same one with another deadline does not, but a server cannot tell whether
        a program or a session asks, and counts it as another one. It compares only where one key is concerned: what a former key has is
        removed beside the change, so the library compares it."""
        now_key, now_entry = self.effective(belief)
        if self.handle.is_on_server and key == belief.field.stored_key and now_entry and now_entry.deadline != entry.deadline:
            return True
        return now_key != key or (now_entry and now_entry.identity) != (entry and entry.identity)

    def decoded(self, belief, key, entry):
        """Returns (status, value): an entry as the field decodes it, or why it is not the field's value."""
        if entry is None:
            return n.OK, None
        field = belief.field
        if not self.is_news(belief, key, entry) and belief.state == n.REJECTED:
            return n.DECODE, None
        if entry.version > field.version:
            return n.NEWER, None
        if entry.version < field.version and field.migrate:
            status, value = self.host.migrate(field.key, entry.version, entry.text)
            return (n.DECODE, None) if status else (n.OK, value)
        value = values.decoded(entry.text, field.types)
        return (n.DECODE, None) if value is None else (n.OK, value)

    def follow(self, belief, events):
        """Sets a field to what this session has just stored for it. That is no news, so no event reports it."""
        if self.host.take() is None:
            return n.CALLBACK
        kept = dict(vars(belief))
        key, entry = self.effective(belief)
        self.find_formers(belief)
        if not self.is_news(belief, key, entry):
            belief.count(entry, self.world.now)
            return n.OK if belief.held else n.CALLBACK  # set has refused this very value before
        belief.note_before()
        cleared = belief.cleared
        refusal = belief.take(key, entry, self.host)
        belief.count(entry, self.world.now)
        if not belief.held:
            told = []
            left = cleared and self.leave(belief, n.CLEARED, told)
            self.tell_refusal(belief, refusal, told)
            if left and self.host.slices and not self.host.put():
                belief.restore(kept)
                self.capture_again([belief], events)
                return n.CALLBACK
            events.extend(told)
            if left:
                self.capture([belief], events)
                self.note_revision()
            return n.CALLBACK
        return self.put_back(belief, kept, events)

    def put_back(self, belief, kept, events):
        """Puts the slice back, in which a field was set. If it cannot be put back, the session believes what it did before."""
        if self.host.slices and not self.host.put():
            belief.restore(kept)
            self.capture_again([belief], events)
            return n.CALLBACK
        failed = self.capture([belief], events)
        self.note_revision()
        return failed

    def reset(self, key, events):
        """Removes what is stored for a field, and sets the field to the value from before attach."""
        belief = self.belief_of(key)
        if belief is None:
            return n.NOT_FOUND
        durability = self.write_at_once(dict.fromkeys(belief.field.keys), events)
        if durability not in (n.OK, n.NOT_DURABLE):
            return durability
        status = self.restore(belief, events)
        return Either(status, durability) if status and durability else status or durability

    def restore(self, belief, events):
        """Gives up a field's value, and sets the field to the value from before attach."""
        was_unencodable = belief.unencodable
        belief.forget(n.ABSENT)
        belief.dirty = belief.marked = belief.unencodable = belief.first = belief.clear_met = False
        belief.stale = []
        if self.host.take() is None:
            belief.unseen = was_unencodable
            return n.CALLBACK
        kept = dict(vars(belief))
        status = n.NOT_FOUND if belief.before is None else self.host.set(belief.field.key, belief.before)
        if status:
            if was_unencodable:
                self.revision = None  # the value is still there, and the next update compares it again
            events.append((n.REMOVED, status, 0, belief.field.key))
            return n.CALLBACK
        revision = self.revision
        status = self.put_back(belief, kept, events)
        self.revision = revision  # what else has changed is still to be found
        return status
