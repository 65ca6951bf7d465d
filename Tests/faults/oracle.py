"""Works out what may be stored after a script's steps: whole values, and all or none of each update.

A possibility is a pair: what is stored, and the dirty fields of the session, which could not be stored yet and are written with
the next change. Usually there is one possibility; after a step that did not return, there are several.
"""
import re
from typing import NamedTuple

import faults
from faults import NOT_DURABLE, OK

PREFIX = b"lily_session_"


class Wrong(Exception):
    """Something acknowledged is missing, or something is there that nobody stored."""


class Step(NamedTuple):
    number: int
    handle: int
    what: str
    changes: dict  # key -> text; b"" removes

    @staticmethod
    def of(mark):
        return Step(int(mark[1]), int(mark[2]), mark[3].decode(), dict(zip(mark[4::2], mark[5::2], strict=True)))


def done(step, stored, dirty):
    """Returns the possibility after a step that succeeded."""
    if step.what in ("update", "flush", "touch", "detach"):
        return {**stored, **dirty, **step.changes}, {}
    if step.what == "clear":
        return {key: text for key, text in stored.items() if not key.startswith(PREFIX)}, {}
    if step.what == "sweep" and not stored:
        return {}, {}
    stored = {**stored, **step.changes}
    return {key: text for key, text in stored.items() if text}, dirty


def failed(step, stored, dirty):
    """Returns the possibilities after a step that returned a failure."""
    if step.what == "update":
        return [(stored, {**dirty, **step.changes})]
    if step.what in ("flush", "touch", "detach"):  # one of the several things that it does has failed
        return [(stored, dirty), done(step, stored, dirty)]
    if step.what == "sweep":  # the file may be gone already
        return [(stored, dirty), done(step, stored, dirty)]
    return [(stored, dirty)]


def unique(possibilities):
    kept = []
    for one in possibilities:
        if one not in kept:
            kept.append(one)
    return kept


def show(entries):
    return "nothing readable" if entries is None else \
        {key.decode(): text[:24].decode() + f"…({len(text)})" for key, text in entries.items()}


def check_told(step, status, text):
    """Checks the sentence of a failure: it exists, and has no value."""
    if faults.SECRET in text:
        raise Wrong(f"step {step.number} ({step.what}) tells a value: {text}")
    if step.what not in ("detach", "close", "watch") and (status == OK) != (text == b""):
        raise Wrong(f"step {step.number} ({step.what}) returns {status} and says {text}")


def check_events(step, status, events, before, after):
    """Checks that each field that could not be stored has an event, with the same status, and that NOT_DURABLE has one event. A field that
    was dirty at a clear, and so was dropped, has its event in the next update; check_found() sees that it is not stored."""
    events = [event for event in events if (int(event[1]), int(event[2])) != (faults.EVENT_CLEARED, OK)]
    kinds = [int(event[1]) for event in events]
    if status == NOT_DURABLE and step.what == "update":
        if kinds != [faults.EVENT_NOT_DURABLE]:
            raise Wrong(f"step {step.number}: NOT_DURABLE, and events {events}")
    elif status != OK and step.what == "update":
        keys = {PREFIX + event[4] for event in events if int(event[1]) == faults.WRITE_FAILED}
        if not any(keys == set(dirty) for _, dirty in after) or {int(event[2]) for event in events} != {status}:
            raise Wrong(f"step {step.number} ({step.what}) returns {status}, and events {events}")
    elif status == OK and step.what != "detach" and events:
        raise Wrong(f"step {step.number} ({step.what}) is OK, and events {events}")


def in_doubt(step, possibilities):
    """Returns the possibilities after a step that did not return: it was done as a whole, or not at all."""
    return unique([p for one in possibilities for p in (done(step, *one), *failed(step, *one))])


class Removed:
    """Knows which values each handle has removed. After a sync of that handle they are in no file of the folder."""

    def __init__(self):
        self.had, self.gone = {}, {}  # key -> the serials of its values; handle -> serials

    def note(self, step, status):
        for key, text in step.changes.items():
            self.had.setdefault(key, set()).update(int(serial) for serial in re.findall(faults.SECRET + rb"-(\d+)", text))
        if step.what in ("remove", "clear") and status in (OK, NOT_DURABLE):
            keys = step.changes if step.what == "remove" else [key for key in self.had if key.startswith(PREFIX)]
            self.gone.setdefault(step.handle, set()).update(*(self.had.get(key, ()) for key in keys))

    def check(self, step, found):
        if left := self.gone.get(step.handle, set()) & {int(serial) for serial in found}:
            raise Wrong(f"step {step.number} ({step.what}) is OK, and the removed values {sorted(left)} are in a file")


def walk(marks, stored=None, damage=0):
    """Returns the possibilities at the end. Raises Wrong if a handle shows anything else on the way, or reports more damage than
    `damage`, or if removed values are in a file after a sync."""
    now, step, events, removed = [(stored or {}, {})], None, [], Removed()
    for mark in marks:
        kind = mark[0]
        if kind == b"B":
            if step:  # the other process has died in the middle of its step
                now = in_doubt(step, now)
            step, events = Step.of(mark), []
        elif kind == b"E":
            events.append(mark)
        elif kind == b"F":
            removed.check(step, mark[1:])
        elif kind == b"A":
            status = int(mark[2])
            removed.note(step, status)
            check_told(step, status, mark[3])
            before = now
            if step.what in ("detach", "close"):  # these return void
                now = in_doubt(step, now)
            elif status in (OK, NOT_DURABLE):
                now = [done(step, *one) for one in now]
            else:
                now = [p for one in now for p in failed(step, *one)]
            check_events(step, status, events, before, now)
            now, last, step = unique(now), step, None
        elif kind == b"V" and (shown := faults.view(mark)) is not None:
            told = [one for one in now if one[0] == shown]
            if not told:
                raise Wrong(f"after step {last.number} ({last.what}) handle {mark[1].decode()} shows {show(shown)}, not "
                            + " or ".join(str(show(one[0])) for one in now))
            now = told
            if int(mark[3]) > damage:
                raise Wrong(f"after step {last.number} ({last.what}) there are {int(mark[3])} damaged lines")
    return in_doubt(step, now) if step else now


def check_found(found, possibilities, damage=0, is_full=False):
    """Raises Wrong unless what a later program finds is one of the possibilities."""
    if wrong := found.wrong(is_full):
        raise Wrong(wrong)
    if found.shown not in [stored for stored, _ in possibilities]:
        raise Wrong(f"a later program finds {show(found.shown)}, not " + " or ".join(str(show(one[0])) for one in possibilities))
    if found.damaged > damage:
        raise Wrong(f"a later program finds {found.damaged} damaged lines")
