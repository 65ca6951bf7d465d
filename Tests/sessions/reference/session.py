"""A session: attach, update, refresh, touch, and the states of its fields (S3-S11, S21)."""
import names as n
import values

from .belief import Belief
from .loose import Either, Perhaps, Undecided, first
from .modifying import Modifying
from .writing import Writing, saturated


class Session(Writing, Modifying):
    def __init__(self, world, runtime, handle, host):
        self.world, self.runtime, self.handle, self.host = world, runtime, handle, host
        self.beliefs = [Belief(field) for field in host.fields.values()]
        self.generation = None
        self.revision = None
        self.attached = False
        self.caught_up = False  # the last refresh took over everything that others had stored
        self.left_news = False  # a refresh left news of a field whose get failed; the next refresh after get works reports it
        self.walked = {}        # what the last walk through the map has found: key -> value
        self.walk_failed = n.OK  # what the map's each has returned in that walk
        self.abandoned = False  # the session ends without a flush
        self.ending = False  # the handle was given back, maybe inside a callback

    # ---- what is stored

    def effective(self, belief):
        """Returns (key, entry) for the first of the field's keys that has an unexpired entry, or (None, None)."""
        for key in belief.field.keys:
            entry = self.handle.raw(key)
            if entry and belief.lives(key, entry, self.world.now):
                return key, entry
        return None, None

    def expired(self, belief):
        """Returns True if one of the field's keys has an entry, which must be expired."""
        return any(self.handle.raw(key) for key in belief.field.keys)

    def formers(self, belief):
        """Returns the former keys that have an entry, even an expired one."""
        found = [key for key in belief.field.keys[1:] if self.handle.raw(key)]
        belief.unsure = [key for key in belief.field.keys[1:] if self.world.sweeps and not self.handle.get(key) and
                         (self.handle.raw(key) or key in belief.unsure)]
        return found

    def find_formers(self, belief):
        """Notes which former keys must be removed. If these are others than at the last look, an event reports again that it cannot be done."""
        found = self.formers(belief)
        if found != belief.stale:
            belief.told = False
        belief.stale = found

    def is_news(self, belief, key, entry):
        return not belief.knows(key, entry) or belief.state in (n.ABSENT, n.EXPIRED) or belief.differs

    def cannot_read_all(self):
        """Returns why what is stored for all fields cannot be read, or OK."""
        has_list = any(not belief.field.map for belief in self.beliefs)
        functions = "generation", "read" if has_list else None, "each" if self.host.map else None
        return next(filter(None, map(self.handle.cannot_read, functions)), n.OK)

    # ---- the values of the program

    def value_of(self, belief):
        """Returns (status, value): what get returns or, for an entry of the map, what the last walk has found."""
        field = belief.field
        if not field.map:
            return self.host.get(field.key)
        value = self.walked.get(field.key)
        return (self.walk_failed, values.MISSING) if value is None else (n.OK, value)

    def walk(self):
        """Walks through the map. Returns its failures, [(status, code, key)]. Nothing is known of the entries that a failed walk has not
        found."""
        self.walked, failures = {}, []

        def visit(id, value):
            key = self.host.map + id
            if not id:
                failures.append((n.ENCODE, n.INVALID_ARGUMENT, self.host.map))
            elif key in self.walked:
                failures.append((n.DUPLICATE_KEY, n.DUPLICATE_KEY, key))
            else:
                self.walked[key] = value
        self.walk_failed = self.host.each(visit)
        if self.walk_failed:
            failures.append((n.CALLBACK, self.walk_failed, self.host.map))
        for belief in self.beliefs:
            if belief.field.map and self.value_of(belief)[0]:
                belief.failed = True
        return failures

    def each_value(self, beliefs, events, use):
        """Calls use(belief, status, value) for each field, those of the list first. Returns what `use` has returned, with the failure of the
        walk through the map at the end."""
        used = [use(belief, *self.value_of(belief)) for belief in beliefs if not belief.field.map]
        entries = [belief for belief in beliefs if belief.field.map]
        failures = self.walk() if entries else []
        used += [use(belief, *self.value_of(belief)) for belief in entries]
        events.extend((n.FIELD_FAILED, code, 0, key) for _, code, key in failures)
        return [*used, failures[0][0] if failures else n.OK]

    # ---- attach

    def attach(self):
        """Returns (status, events)."""
        unread = self.cannot_read_all()
        if unread and self.host.map and ("config.get", None) in self.host.failing:
            return Either(unread, n.CALLBACK), []  # no rule says whether the map is walked before storage is read
        if unread:
            return unread, []
        self.generation = self.handle.generation
        if self.host.take() is None:
            return n.CALLBACK, []
        self.each_value(self.beliefs, [], self.note_before)
        refused = {}
        for belief in self.beliefs:
            if belief.failed:  # the map may have this entry, too
                self.left_news = self.left_news or self.has_news(belief)
                continue
            key, entry = self.effective(belief)
            self.find_formers(belief)
            if entry is None:
                belief.state = n.EXPIRED if self.expired(belief) else n.ABSENT
                continue
            refused[belief.field.key] = belief.take(key, entry, self.host)
            belief.count(entry, self.world.now)
        if self.host.slices and any(belief.held for belief in self.beliefs) and not self.host.put():
            return n.CALLBACK, []
        events = []
        for belief in self.beliefs:
            self.tell_refusal(belief, refused.get(belief.field.key, n.OK), events)
        self.capture(self.beliefs, events)
        for belief in self.beliefs:
            if belief.field.map and belief.failed and not self.handle.raw(belief.field.stored_key):
                belief.baseline = values.MISSING  # the map may have it, but nothing tells of it
        if self.handle.damaged:
            events.append((n.DAMAGED, n.CORRUPT, 0, None))
        elif self.handle.met_damage:
            events.append(Perhaps((n.DAMAGED, n.CORRUPT, 0, None)))
        self.note_revision()
        self.attached = True
        return n.OK, events

    def note_before(self, belief, status, value):
        """Notes the value from before attach. An entry that a failed walk has not found counts as missing then."""
        belief.before = value if not status or belief.field.map else None

    def tell_refusal(self, belief, status, events):
        if belief.state == n.NEWER_STATE:
            events.append((n.NEWER_EVENT, n.NEWER, 0, belief.field.key))
        elif belief.state == n.REJECTED:
            events.append((n.REJECTED_EVENT, status, 0, belief.field.key))

    def capture(self, beliefs, events):
        """Takes the values of fields as those that were seen last. Returns the first failure, or OK."""
        def keep(belief, status, value):
            if status:
                belief.baseline, belief.failed, belief.pending = None, True, False
                if belief.field.map:
                    return n.OK  # this is the failure of the map
                events.append((n.FIELD_FAILED, status, 0, belief.field.key))
                return n.CALLBACK
            belief.failed = belief.unencodable = False
            if not belief.field.can_have(value):
                belief.baseline, belief.pending = None, False
                events.append((n.FIELD_FAILED, n.ENCODE, 0, belief.field.key))
                return n.ENCODE
            belief.baseline = value
            return n.OK
        return next(filter(None, self.each_value(beliefs, events, keep)), n.OK)

    def capture_again(self, beliefs, events):
        """Takes all values again. If the slice is a part of the model, fields that were set are not changes of the program. If it is a copy
        that was not put back, nothing was set."""
        if self.host.take() is None:
            for belief in beliefs:
                belief.baseline, belief.failed, belief.pending = None, True, False
            return
        self.capture(beliefs, events)
        self.note_revision()

    def note_revision(self):
        if self.host.revisions:
            self.revision = self.host.revision()

    # ---- an update

    def update(self, events):
        """Finds what changed and stores it in one write (S5). Returns the first failure in field order. Its events are reported at the
        end."""
        status = self.store_changes(events)
        if self.left_news and not any(belief.failed for belief in self.beliefs):
            self.left_news = False
            self.world.told_again.add(self.handle.root)
        self.world.tell(self, events)
        events.clear()
        return status

    def store_changes(self, events):
        for belief in self.beliefs:
            belief.now = False
        if self.host.take() is None:
            return n.CALLBACK
        walked, marked = n.OK, False
        for belief in self.beliefs:
            belief.status = n.OK
            if belief.marked and belief.baseline is not None:
                belief.marked, marked = False, True
                if belief.baseline != values.MISSING:  # otherwise there is nothing to store
                    self.changed(belief)
        if self.has_changes() or marked:
            def look(belief, status, value):
                belief.status = self.look(belief, status, value, events)
            walked = self.each_value(self.beliefs, events, look)[-1]
        status = self.write(events)
        fields = [belief.status for belief in self.beliefs if belief.status and not belief.field.map][:1]
        entries = [belief.status for belief in self.beliefs if belief.status]
        # No rule says which is returned if there are two: that of one entry or of another one, a field's failure or another one.
        failures = [one for one in (*(fields or entries or [walked]), status) if one]
        return Either(*failures) if len(failures) > 1 else next(iter(failures), n.OK)

    def has_changes(self):
        """Returns True if the fields must be compared: the host's revision is another one, or there is work left."""
        if not self.host.revisions:
            return True
        last, self.revision = self.revision, self.host.revision()
        return self.revision != last or bool(self.walk_failed) or \
            any(belief.failed or belief.mark or belief.baseline is None or self.wants(belief) for belief in self.beliefs)

    def look(self, belief, status, value, events):
        """Compares a field's value with its baseline."""
        belief.failed, belief.unseen = status != n.OK, False
        encodable = status == n.OK and belief.field.can_have(value)
        if status == n.OK:
            belief.unencodable = not encodable and belief.baseline is not None
        if status and belief.field.map:
            return n.OK  # this is the failure of the map
        if not encodable:
            events.append((n.FIELD_FAILED, status or n.ENCODE, 0, belief.field.key))
            return n.CALLBACK if status else n.ENCODE
        known, belief.baseline = belief.baseline, value
        marked, belief.marked = belief.marked and known is None, belief.marked and known is not None
        if known is not None and not values.same(value, known):
            belief.moved_on = True
            self.changed(belief)
        elif marked and value != values.MISSING:
            self.changed(belief)
        elif known is None and not belief.dirty and value != values.MISSING and (belief.state in (n.ABSENT, n.EXPIRED) or belief.clear_met and not belief.has_stored):
            belief.dirty = belief.now = belief.first = True
        elif known is None and not belief.dirty and belief.held and belief.field.text_of(value) != belief.seen[1]:
            belief.differs = True
        return n.OK

    def changed(self, belief):
        belief.dirty = belief.now = True
        belief.pending = belief.first = belief.differs = False

    def flush(self, events):
        status = self.update(events)
        unsynced, system_error = self.handle.sync()
        if unsynced and self.handle.kind == "journal":
            event = n.NOT_REWRITTEN, unsynced.allowed[-1] if isinstance(unsynced, Either) else unsynced, system_error, None
            events.append(Perhaps(event) if isinstance(unsynced, Either) else event)
        return first(status, unsynced)

    # ---- a clear (S8)

    def meet_clear(self, events):
        """Meets a clear, whoever made it. Drops what was changed before the update that meets it, and reports that."""
        if self.handle.generation == self.generation:
            return
        self.generation = self.handle.generation
        for belief in self.beliefs:
            if belief.dirty and not belief.now:
                belief.dirty = belief.first = False
                events.append((n.CLEARED, n.OK, 0, belief.field.key))
            belief.pending = belief.clamp = False
            belief.stale = []
            belief.cleared, belief.clear_met = belief.has_stored, True

    # ---- refresh (S10)

    def refresh(self, events):
        self.caught_up = False
        status = self.update(events)
        self.handle.look_anew()
        if self.cannot_read_all():
            return first(status, self.cannot_read_all())
        self.meet_clear(events)
        kept = [dict(vars(belief)) for belief in self.beliefs]
        told, sets = [], []
        if self.host.slices and self.host.take() is None:
            return first(status, n.CALLBACK)
        whole = True
        for belief in self.beliefs:
            if belief.own:
                continue
            if belief.failed:
                whole = whole and not self.has_news(belief)
                continue
            if self.take_over(belief, told):
                sets.append(belief)
        if sets and self.host.slices and not self.host.put():
            for belief, fields in zip(self.beliefs, kept):
                belief.restore(fields)
            self.capture_again(sets, events)
            return first(status, n.CALLBACK)
        self.caught_up, self.left_news = True, not whole
        events.extend(told)
        captured = self.capture(sets, events)
        if sets:
            self.note_revision()
        return first(status, captured)

    def has_news(self, belief):
        key, entry = self.effective(belief)
        return belief.has_stored if entry is None else self.is_news(belief, key, entry)

    def take_over(self, belief, told):
        """Refreshes one field. Returns True if set was called."""
        key, entry = self.effective(belief)
        field, now = belief.field, self.world.now
        self.find_formers(belief)
        if entry is not None:
            if not self.is_news(belief, key, entry):
                belief.count(entry, now)
                return False
            belief.note_before()
            cleared = belief.cleared
            status = belief.take(key, entry, self.host)
            belief.count(entry, now)
            if belief.held:
                told.append((n.CHANGED, n.OK, 0, field.key))
                return True
            left = cleared and self.leave(belief, n.CLEARED, told)
            self.tell_refusal(belief, status, told)
            return left
        passed = belief.deadline and belief.deadline <= now
        gone = n.EXPIRED if passed or self.expired(belief) or belief.state == n.EXPIRED else n.ABSENT
        if not belief.has_stored:
            belief.forget(gone)
            return False
        kind = n.CLEARED if belief.cleared else n.EXPIRED_EVENT if gone == n.EXPIRED else n.REMOVED
        if not belief.cleared and self.world.sweeps:
            kind = Either(n.EXPIRED_EVENT, n.REMOVED)
        left = self.leave(belief, kind, told)
        if belief.clamp and passed:
            belief.outlived = belief.seen, belief.read_deadline, belief.deadline
        belief.forget(gone)
        return left

    def leave(self, belief, kind, told):
        """Sets a field to the value from before attach. Returns True if that worked."""
        status = n.NOT_FOUND if belief.before is None else self.host.set(belief.field.key, belief.before)
        told.append((kind, status, 0, belief.field.key))
        return belief.before is not None and status == n.OK

    # ---- touch (S9), state, next expiry

    def belief_of(self, key):
        return next((belief for belief in self.beliefs if belief.field.key == key), None)

    def touch(self, key, events):
        belief = self.belief_of(key)
        if belief is None:
            return n.NOT_FOUND
        status = self.update(events)
        for function in ("generation", "read"):
            if self.handle.cannot_read(function):
                if self.handle.renews:
                    raise Undecided  # no rule says whether what is stored has to be read first
                return first(status, self.handle.cannot_read(function))
        field, own = belief.field, belief.field.stored_key
        entry = self.handle.raw(own)
        if entry is None or not belief.lives(own, entry, self.world.now):
            return first(status, n.NOT_FOUND)
        if entry.version > field.version:
            return first(status, n.NEWER)
        very = belief.knows(own, entry)
        older = entry.version < field.version and field.migrate
        if very and belief.state == n.REJECTED or not older and values.decoded(entry.text, field.types) is None:
            return first(status, n.DECODE)
        refused, _ = self.handle.cannot_write()
        if refused:
            return first(status, refused)
        deadline = saturated(self.world.now, field.expires)
        self.handle.write({own: entry._replace(deadline=deadline)})
        if very:
            belief.read_deadline = belief.deadline = deadline
            belief.clamp = False
        if self.handle.durability_of():
            events.append((n.NOT_DURABLE_EVENT, n.NOT_DURABLE, 0, None))
            status = first(status, n.NOT_DURABLE)
        return status

    def state_of(self, key):
        """Returns (status, state): what is stored now. Changes nothing."""
        belief = self.belief_of(key)
        if belief is None:
            return n.NOT_FOUND, None
        if self.handle.cannot_read("generation") or self.handle.cannot_read():
            return n.OK, (n.ABSENT if belief.clear_met and belief.state != n.EXPIRED else belief.state) | belief.mark
        key, entry = self.effective(belief)
        field = belief.field
        is_known = entry is not None and belief.knows(key, entry)
        if entry is None:
            passed = belief.deadline and belief.deadline <= self.world.now
            state = n.EXPIRED if self.expired(belief) or passed or belief.state == n.EXPIRED else n.ABSENT
        elif is_known:
            state = belief.state
        elif entry.version > field.version:
            state = n.NEWER_STATE
        elif key != field.stored_key or entry.version < field.version and field.migrate:
            state = n.MIGRATED
        else:
            state = n.LOADED
        is_to_migrate = entry is not None and entry.version < field.version and field.migrate
        if state in (n.MIGRATED, n.LOADED) and not is_known and not is_to_migrate and values.decoded(entry.text, field.types) is None:
            state = n.REJECTED
        return n.OK, state | belief.mark

    def is_unknown(self, belief):
        """Returns True if this is an entry that neither the model nor storage had at the last look. No rule says what the session remembers
        of it."""
        gone = belief.state in (n.ABSENT, n.EXPIRED) or belief.clear_met and not belief.cleared
        return gone and belief.baseline == belief.before == values.MISSING and not belief.mark

    def unread(self, belief):
        """Returns True if no rule says whether the state is that from before a clear or that after it, because storage cannot be read now,
        and a touch may have seen the same entry again."""
        return belief.clear_met and bool(self.handle.cannot_read("generation") or self.handle.cannot_read())

    def forgotten(self, belief):
        """Returns True if the session may forget that an entry expired, because a clear came since, the entry may have been removed to make
        room, or it is one of a map that neither the model nor storage has had since."""
        unread = self.handle.cannot_read("generation") or self.handle.cannot_read()
        may_forget = belief.field.map or belief.clear_met or self.generation != self.handle.generation
        return self.world.sweeps or may_forget and (unread or not self.expired(belief))

    def next_expiry(self):
        """Returns the milliseconds until the next field expires. No rule says whether an entry counts that a clear removed before the field
        was refreshed."""
        soonest, *others = self.possible_expiries()
        return Either(soonest, *others) if others else soonest

    def possible_expiries(self):
        """Returns what is left if all entries count, only those that no clear has met, and none, because a lost header may have looked like a clear."""
        counts = [self.least_left(lambda belief: True), self.least_left(lambda belief: not belief.clear_met)]
        if self.world.had_lost_header:
            counts.append(-1)
        return sorted(set(counts), key=counts.index)

    def least_left(self, counts):
        now, least = self.world.now, -1
        for belief in self.beliefs:
            if not belief.deadline or belief.seen is None or belief.state in (n.ABSENT, n.EXPIRED):
                continue
            if not counts(belief):
                continue
            left = max(belief.deadline - now, 0)
            if belief.field.expires and belief.held:
                left = min(left, belief.field.expires)
            if left == 0 and (belief.own or belief.failed):
                continue
            least = left if least < 0 else min(least, left)
        return least
