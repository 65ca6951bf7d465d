"""A model of a clear, beside sessions that still have values from before it.

Each operation on the journal is one step, as protocol.py shows. The model is about how sessions write. An update makes its field
dirty. The dirty fields of a session are written together, in the generation of clears that the session knows. If the write fails,
they stay dirty. A clear raises the generation.

What must hold:
- If an update was over before a clear began, its value is not there after the clear.
- If an update returned OK, its value is there, unless a later update replaced it, or a clear that was not over before the update
  removed it.
"""

import typing

FIELDS = 2


class Rules(typing.NamedTuple):
    """The rules of the protocol, all of which hold by default. A mutation breaks one of them."""

    check: str = "in the write"  # when the generation is checked: under the write's lock; mutations: "before it", "never"
    drops: str = "carried"  # which changes are dropped when a clear is met: those of earlier updates; mutations: "all", "nothing"
    keeps_generation: bool = True  # a rewritten file keeps the generation
    begins_anew: bool = True  # the file that replaces a deleted one begins with a generation that no other file had


class Session(typing.NamedTuple):
    script: tuple  # what is left to do: ("update", field), "persist", "refresh", "clear"
    at: str = "begin"
    generation: int = 0
    fields: tuple = (0,) * FIELDS  # the values of the model: each is the number of the update that set it; 0: the default
    dirty: frozenset = frozenset()
    fresh: frozenset = frozenset()  # the fields that the update under way has made dirty
    over: frozenset = frozenset()  # while it clears: the updates that were over when the clear began


class State(typing.NamedTuple):
    sessions: tuple
    table: tuple = (0,) * FIELDS
    generation: int = 0
    clears: int = 0
    failures: int = 0  # how many writes may still fail
    others: tuple = ()  # what another program may still do: "compact", "delete"
    updates: int = 0  # how many updates have begun
    over: frozenset = frozenset()  # the updates that are over, whether they failed or not
    due: frozenset = frozenset()  # (field, update) for each update that returned OK and that no clear has removed
    gone: frozenset = frozenset()  # the updates that were over before a clear began, once that clear has taken place


def replaced(items, at, item):
    return items[:at] + (item,) + items[at + 1 :]


class Clearing:
    def __init__(self, rules):
        self.rules = rules

    def steps(self, state):
        for who, session in enumerate(state.sessions):
            if session.script or session.at != "begin":
                for label, following in getattr(self, "do_" + session.at)(state, who, session):
                    yield f"{who}: {label}", following
        for what in state.others:
            rest = tuple(other for other in state.others if other != what)
            if what == "compact":
                generation = state.generation if self.rules.keeps_generation else 0
                yield "another: compacts", state._replace(generation=generation, others=rest)
            else:
                yield "user: deletes the file", self.cleared(state._replace(others=rest), state.over, is_file_new=True)

    def go(self, state, who, session):
        return state._replace(sessions=replaced(state.sessions, who, session))

    def cleared(self, state, over, is_file_new=False):
        generation = state.clears + 1 if not is_file_new or self.rules.begins_anew else 0
        return state._replace(
            table=(0,) * FIELDS, generation=generation, clears=state.clears + 1, gone=state.gone | over, due=frozenset())

    def do_begin(self, state, who, session):
        task = session.script[0]
        if task == "clear":
            yield "begins to clear", self.go(state, who, session._replace(at="clear", over=state.over))
        elif task == "refresh":
            yield "begins to refresh", self.go(state, who, session._replace(at="write"))
        elif task == "persist":
            yield "begins to persist", self.go(state, who, session._replace(at="write"))
        else:
            number = state.updates + 1
            field = task[1]
            changed = session._replace(
                at="write", fields=replaced(session.fields, field, number), dirty=session.dirty | {field}, fresh=frozenset({field}))
            due = frozenset((at, other) for at, other in state.due if at != field)
            yield f"update {number} changes field {field}", self.go(state._replace(updates=number, due=due), who, changed)

    def do_clear(self, state, who, session):
        state = self.cleared(state, session.over)
        yield "clears", self.go(state, who, session._replace(script=session.script[1:], at="begin", over=frozenset()))

    def do_write(self, state, who, session):
        if not session.dirty:
            yield from self.written(state, who, session, "has nothing to write")
            return
        if state.failures:
            yield from self.written(state._replace(failures=state.failures - 1), who, session, "the write fails", is_ok=False)
        if self.rules.check == "before it" and session.generation == state.generation:
            yield "the generation is as it was", self.go(state, who, session._replace(at="append"))
        elif self.rules.check != "never" and session.generation != state.generation:
            yield "meets a clear", self.go(state, who, self.met(state, session))
        else:
            yield from self.do_append(state, who, session)

    def met(self, state, session):
        dirty = {"carried": session.dirty & session.fresh, "all": frozenset(), "nothing": session.dirty}[self.rules.drops]
        return session._replace(generation=state.generation, dirty=dirty)

    def do_append(self, state, who, session):
        table = tuple(session.fields[at] if at in session.dirty else old for at, old in enumerate(state.table))
        written = [session.fields[at] for at in sorted(session.dirty)]
        yield from self.written(state._replace(table=table), who, session._replace(dirty=frozenset()), f"writes {written}")

    def written(self, state, who, session, label, is_ok=True):
        """Ends an update or a persist. A refresh goes on and reads."""
        task = session.script[0]
        if isinstance(task, tuple):
            number = session.fields[task[1]]
            due = state.due | {(task[1], number)} if is_ok else state.due
            state = state._replace(over=state.over | {number}, due=due)
        following = session._replace(fresh=frozenset())
        if task == "refresh":
            yield label, self.go(state, who, following._replace(at="take"))
        else:
            yield label, self.go(state, who, following._replace(at="begin", script=session.script[1:]))

    def do_take(self, state, who, session):
        if session.generation != state.generation:
            session = self.met(state, session)
        yield "reads what is stored", self.go(state, who, session._replace(at="begin", script=session.script[1:]))

    def judge(self, state, is_end):
        for number in state.table:
            if number in state.gone:
                return f"update {number} was over before a clear began, and came back"
        for field, number in state.due:
            # Any other value may stand here, because another session may write the same field later.
            if state.table[field] == 0:
                return f"update {number} returned OK, and is not there"
        if is_end and any(session.script for session in state.sessions):
            return "a session waits for ever"
        return None
