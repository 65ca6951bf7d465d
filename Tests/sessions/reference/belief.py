"""What a session believes of one field, and how it takes an entry."""
import names as n
import values


class Belief:
    def __init__(self, field):
        self.field = field
        self.before = None      # the value from before hydration; None: get failed then
        self.baseline = None    # the value as last seen; None: not known, a get failed, or it could not be stored
        self.state = n.ABSENT
        self.seen = None        # (key, text, version) of the entry last taken or stored
        self.read_deadline = 0  # as storage had it
        self.deadline = 0       # as the field counts: never later than its own expiry allows
        self.dirty = False      # changed by the program and not stored
        self.now = False        # … in the update that is running
        self.unencodable = False  # the value that came after a known one cannot be stored
        self.marked = False
        self.failed = False     # the last get failed
        self.pending = False    # migrated or renamed, not written, and changed by nobody
        self.first = False      # dirty with the first value after a get that failed: goes only where nothing is stored
        self.differs = False    # the first value after a get that failed is not what is stored
        self.clamp = False      # the shorter deadline is still to be stored
        self.stale = []         # the former keys that held an entry at the last look
        self.outlived = None    # the entry that had to be shortened and was not in time: (seen, read_deadline, deadline)
        self.told = False       # that one of these two could not be done; None: perhaps
        self.cleared = False    # a clear was met since it was loaded or stored
        self.clear_met = False  # … since it was taken or stored

    @property
    def held(self):
        """Whether the model has or had what is stored."""
        return self.state in (n.LOADED, n.MIGRATED)

    @property
    def own(self):
        """Whether the program's value is newer than what is stored, or may be: a refresh leaves it alone."""
        return self.dirty and not self.first or self.marked or self.unencodable

    @property
    def former(self):
        """Whether former keys are still to be removed, though the field's value is stored. With a dirty one they wait for its value."""
        return self.state == n.LOADED and bool(self.stale) and not self.mark

    @property
    def mark(self):
        return n.DIRTY if self.own or self.dirty or self.pending else 0

    def forget(self, state):
        """Nothing is stored any more."""
        self.state, self.seen, self.read_deadline, self.deadline = state, None, 0, 0
        self.pending = self.clamp = self.differs = self.cleared = False

    def stored(self, text, deadline):
        """The field's value went to storage."""
        self.state, self.seen = n.LOADED, (self.field.stored_key, text, self.field.version)
        self.read_deadline = self.deadline = deadline
        self.dirty = self.pending = self.first = self.differs = self.clamp = self.told = self.cleared = self.clear_met = False
        self.stale = []

    def judge(self, key, entry, host):
        """(state, value, status) of an entry, before set is asked (S3, S11)."""
        if entry.version > self.field.version:
            return n.NEWER_STATE, None, n.NEWER
        if entry.version < self.field.version and self.field.migrate:
            status, value = host.migrate(self.field.key, entry.version, entry.text)
            return (n.REJECTED, None, status) if status else (n.MIGRATED, value, n.OK)
        value = values.decoded(entry.text, self.field.types)
        if value is None:
            return n.REJECTED, None, n.DECODE
        return (n.LOADED if key == self.field.stored_key else n.MIGRATED), value, n.OK

    def take(self, key, entry, host):
        """Takes an entry over; returns why it was refused, or OK."""
        state, value, status = self.judge(key, entry, host)
        if value is not None:
            status = host.set(self.field.key, value)
            if status:
                state = n.REJECTED
        self.state, self.seen, self.outlived = state, (key, *entry.identity), None
        self.pending, self.dirty = state == n.MIGRATED, False
        self.clamp = self.told = self.differs = self.cleared = self.clear_met = self.first = False
        return status

    def count(self, entry, now):
        """Takes an entry's deadline over. One that cannot be right is shortened, once: it does not grow by being looked at again (S9)."""
        late = self.held and self.field.expires and entry.deadline > now + self.field.expires
        if late and self.clamp and entry.deadline == self.read_deadline and self.deadline <= now + self.field.expires:
            return
        self.read_deadline = entry.deadline
        self.deadline = now + self.field.expires if late else entry.deadline
        self.clamp = bool(late)

    def lives(self, key, entry, now):
        """Whether an entry counts: it has not expired, nor has the clamp that this session put on it."""
        if not entry.lives(now):
            return False
        late = (self.seen, self.read_deadline, self.deadline) if self.clamp else self.outlived
        return not (late and late[:2] == ((key, *entry.identity), entry.deadline) and late[2] <= now)
