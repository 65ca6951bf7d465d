"""What a session believes of one field, and how it takes an entry over."""
import names as n
import values


class Belief:
    def __init__(self, field):
        self.field = field
        self.before = None      # the value from before attach; None: get failed then
        self.moved_on = False   # the field was set to an entry, changed or stored, so that its value is not the one from before attach any more
        self.baseline = None    # the value that was seen last; None: it is not known, get failed, or it could not be stored
        self.state = n.ABSENT
        self.seen = None        # (key, text, version) of the entry that was taken or stored last
        self.read_deadline = 0  # the deadline that storage had
        self.deadline = 0       # the deadline that counts, which is never later than the field's own expiry allows
        self.dirty = False      # the program has changed the value, and it is not stored
        self.now = False        # … and it changed in the update that is running
        self.unencodable = False  # the value that came after a known one cannot be stored
        self.unseen = False     # a reset could not reach the model, which still has a value that cannot be stored
        self.marked = False
        self.failed = False     # the last get failed
        self.pending = False    # the value was migrated or its key changed, it is not written, and nobody has changed it
        self.first = False      # dirty with the first value after a get that failed, which is stored only if nothing is stored
        self.differs = False    # the first value after a get that failed differs from what is stored
        self.clamp = False      # a deadline that was later than the field's own expiry allows was shortened, and is not stored yet
        self.stale = []         # the former keys that held an entry at the last look
        self.unsure = []        # the former keys of which the session may know or not, because their entries may have expired and made room
        self.outlived = None    # (seen, read_deadline, deadline) of an entry that expired before its deadline could be shortened
        self.told = False       # an event has reported that clamp or stale could not be done; None: perhaps
        self.cleared = False    # a clear was met since it was loaded or stored
        self.clear_met = False  # a clear was met since it was taken over or stored
        self.older = False      # the model has a value that was loaded or stored before an entry that was refused

    def knows(self, key, entry):
        """Returns True if this is the entry that was taken or stored last. What came before a clear says nothing of what is there now."""
        return self.seen == (key, *entry.identity) and not self.clear_met

    @property
    def held(self):
        """Returns True if the model has or had what is stored."""
        return self.state in (n.LOADED, n.MIGRATED)

    @property
    def has_stored(self):
        """Returns True if the model has something that was loaded or stored, though it may not be what is stored now."""
        return self.held or self.older

    @property
    def own(self):
        """Returns True if the program's value is newer than what is stored, or may be. A refresh then leaves it alone."""
        return self.dirty and not self.first or self.marked or self.unencodable

    @property
    def former(self):
        """Returns True if former keys must still be removed, though the field's value is stored. If the field is dirty, they wait for its
        value."""
        return self.state == n.LOADED and bool(self.stale) and not self.mark

    @property
    def mark(self):
        return n.DIRTY if self.own or self.dirty or self.pending else 0

    def forget(self, state):
        """Notes that nothing is stored any more."""
        self.state, self.seen, self.read_deadline, self.deadline = state, None, 0, 0
        self.pending = self.clamp = self.differs = self.cleared = self.older = False

    def stored(self, text, deadline):
        """Notes that the field's value was stored."""
        self.state, self.seen, self.moved_on = n.LOADED, (self.field.stored_key, text, self.field.version), True
        self.read_deadline = self.deadline = deadline
        self.dirty = self.pending = self.first = self.differs = self.clamp = self.told = self.cleared = self.clear_met = self.older = False
        self.stale = []

    def removed(self):
        """Notes that the entry was removed from storage, as the program has removed it from the map."""
        self.forget(n.ABSENT)
        self.dirty = self.first = self.clear_met = False

    def judge(self, key, entry, host):
        """Returns (state, value, status) for an entry, before set is called (S3, S11)."""
        if entry.version > self.field.version:
            return n.NEWER_STATE, None, n.NEWER
        if entry.version < self.field.version and self.field.migrate:
            status, value = host.migrate(self.field.key, entry.version, entry.text)
            return (n.REJECTED, None, status) if status else (n.MIGRATED, value, n.OK)
        value = values.decoded(entry.text, self.field.types)
        if value is None:
            return n.REJECTED, None, n.DECODE
        return (n.LOADED if key == self.field.stored_key else n.MIGRATED), value, n.OK

    def note_before(self):
        """Notes the value from before attach if get failed then: a field that has not moved on still has it."""
        if self.before is None and not self.moved_on:
            self.before = self.baseline

    def restore(self, fields):
        """Believes what it did before a slice could not be put back, except what callbacks may have changed, and what it has learnt."""
        vars(self).update(fields, marked=self.marked, before=self.before, moved_on=self.moved_on)

    def take(self, key, entry, host):
        """Sets the field from an entry. Returns why it was refused, or OK."""
        state, value, status = self.judge(key, entry, host)
        if value is not None:
            status = host.set(self.field.key, value)
            if status:
                state = n.REJECTED
            else:
                self.moved_on = True
        self.older = bool(status) and self.has_stored and not self.cleared
        self.state, self.seen, self.outlived = state, (key, *entry.identity), None
        self.pending, self.dirty = state == n.MIGRATED, False
        self.clamp = self.told = self.differs = self.cleared = self.clear_met = self.first = False
        return status

    def count(self, entry, now):
        """Takes the deadline of an entry. If it is too late to be right, shortens it once: looking again does not move it, even if the clock
        is right by then (S9)."""
        late = self.held and self.field.expires and entry.deadline > now + self.field.expires
        deadline = now + self.field.expires if late else entry.deadline
        if self.clamp and entry.deadline == self.read_deadline and self.deadline <= deadline:
            return
        self.read_deadline, self.deadline = entry.deadline, deadline
        self.clamp = bool(late)

    def lives(self, key, entry, now):
        """Returns True if an entry has not expired, neither by its own deadline nor by the shorter one of this session."""
        if not entry.lives(now):
            return False
        late = (self.seen, self.read_deadline, self.deadline) if self.clamp else self.outlived
        return not (late and late[:2] == ((key, *entry.identity), entry.deadline) and late[2] <= now)
