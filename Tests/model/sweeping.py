"""A model of the file of a scope: sessions that store and clear, sweepers that remove the file, and the time at which entries expire.

An append is one step, as protocol.py shows that it may be. What is new here is that the path may have no file: the first write makes one,
and a sweep removes it. A handle that finds its file without a name takes that for a clear. The generation of a scope without a file is a count, which a
sweep raises, and a clear that finds no file. Any process may die before any step.

What must hold:
- If an update returned OK, its value is there, unless a later update replaced it, or it has expired, or a clear removed it.
- If an update was over before a clear began, or before a sweep removed the file, its value is not there afterwards.
"""

import typing

BY_HAND = 1000  # is added to the clears of a file that went without being swept


class Rules(typing.NamedTuple):
    """The rules of the protocol, all of which hold by default. A mutation breaks one of them."""

    locks: bool = True  # the sweeper takes the file's lock
    judges_again: bool = True  # and then looks once more whether nothing is left
    looks_up: bool = True  # and whether the path still names this file
    counts_links: bool = True  # a writer notices under the lock that the file has no name any more
    looks_again: bool = True  # a clear that finds no file looks once more after it has been counted
    drops: bool = True  # a session whose file has gone drops what it could not write before
    counts: bool = True  # the generation of a scope outlives its file
    counts_first: bool = True  # a sweep raises it before it removes the file


class File(typing.NamedTuple):
    value: int = 0  # the update that stored it; 0: nothing, or it was cleared
    is_expired: bool = False
    generation: tuple = ()  # the count when the file was made, and how often it was cleared since; (): it has no header yet
    holder: int = -1


class Process(typing.NamedTuple):
    script: tuple  # what is left to do: "update", "persist", "clear", "sweep"
    at: str = "begin"
    file: int = -1  # the file that is open; -1: none
    generation: tuple = ()  # that the session knows; (): none yet
    dirty: int = 0  # the update that is not stored
    is_fresh: bool = False  # it is the one under way
    over: frozenset = frozenset()  # while it clears: the updates that were over when the clear began


class State(typing.NamedTuple):
    processes: tuple
    files: tuple = ()
    path: int = -1  # which file the path names; -1: none
    expiries: int = 0  # how often the time may still come at which all that is stored has expired
    failures: int = 0  # how many writes may still fail
    deaths: int = 0
    updates: int = 0
    count: int = 0  # the generation of the scope without a file
    over: frozenset = frozenset()  # the updates that are over, whether they failed or not
    due: frozenset = frozenset()  # those that must be there, or a later one
    gone: frozenset = frozenset()  # those that must not come back


def replaced(items, at, item):
    return items[:at] + (item,) + items[at + 1 :]


class Sweeping:
    def __init__(self, rules):
        self.rules = rules

    def steps(self, state):
        for who, process in enumerate(state.processes):
            if process is None or not process.script:
                continue
            for label, following in getattr(self, "do_" + process.at)(state, who, process):
                yield f"{who}: {label}", following
            if state.deaths and process.at != "begin":
                yield f"{who}: killed before '{process.at}'", self.died(state, who, process)
        if state.expiries and state.path >= 0 and state.files[state.path].value:
            files = tuple(file._replace(is_expired=True) for file in state.files)
            yield "what is stored expires", state._replace(files=files, expiries=state.expiries - 1, due=frozenset())

    def go(self, state, who, process):
        return state._replace(processes=replaced(state.processes, who, process))

    def change(self, state, file, **more):
        return state._replace(files=replaced(state.files, file, state.files[file]._replace(**more)))

    def release(self, state, who):
        return state._replace(files=tuple(file._replace(holder=-1) if file.holder == who else file for file in state.files))

    def died(self, state, who, process):
        over = state.over | {process.dirty} if process.dirty else state.over
        return self.go(self.release(state, who), who, None)._replace(deaths=state.deaths - 1, over=over)

    def ends(self, state, who, process, is_ok=True):
        """Ends what the process does first."""
        if process.script[0] == "update" and process.is_fresh:
            number = state.updates if process.dirty == 0 else process.dirty
            state = state._replace(over=state.over | {number})
        return self.go(self.release(state, who), who, process._replace(script=process.script[1:], at="begin", is_fresh=False, over=frozenset()))

    def raised(self, state, above):
        return state._replace(count=max(state.count, above[0]) + 1 if self.rules.counts else 0)

    def is_living(self, state, file):
        return state.files[file].value != 0 and not state.files[file].is_expired

    # ---- sessions

    def do_begin(self, state, who, process):
        task = process.script[0]
        if task == "sweep":
            if state.path < 0:
                yield "finds nothing to sweep", self.ends(state, who, process)
            else:
                yield "opens the file to sweep it", self.go(state, who, process._replace(at="judge", file=state.path))
            return
        if not process.generation:  # the attach
            known = state.files[state.path].generation if state.path >= 0 else ()
            process = process._replace(file=state.path, generation=known or (state.count, 0))
        if task == "clear":
            at = "clear" if state.path < 0 and process.file < 0 else "open"
            yield "begins to clear", self.go(state, who, process._replace(at=at, over=state.over))
        elif task == "persist":
            if process.dirty:
                yield "begins to persist", self.go(state, who, process._replace(at="open"))
            else:
                yield "has nothing to persist", self.ends(state, who, process)
        else:
            state = state._replace(updates=state.updates + 1, due=frozenset())
            yield f"update {state.updates}", self.go(state, who, process._replace(at="open", dirty=state.updates, is_fresh=True))

    def do_clear(self, state, who, process):
        """Clears while there is no file: counts the clear. Whoever makes a file after that meets it."""
        state = self.raised(state, process.generation)
        counted = process._replace(generation=(state.count, 0), dirty=0, file=-1, at="look")
        if self.rules.looks_again:
            yield "counts a clear of nothing", self.go(state, who, counted)
        else:
            cleared = state._replace(gone=state.gone | process.over, due=frozenset())
            yield "counts a clear of nothing", self.ends(cleared, who, counted)

    def do_look(self, state, who, process):
        if state.path >= 0:
            yield "finds a file by now", self.go(state, who, process._replace(at="open"))
        else:
            cleared = state._replace(gone=state.gone | process.over, due=frozenset())
            yield "there still is no file", self.ends(cleared, who, process)

    def do_open(self, state, who, process):
        if process.file >= 0:
            yield "has the file open", self.go(state, who, process._replace(at="lock"))
        elif state.path >= 0:
            yield f"opens file {state.path}", self.go(state, who, process._replace(at="lock", file=state.path))
        elif process.script[0] == "clear":
            yield "finds no file to clear", self.go(state, who, process._replace(at="clear"))
        else:
            if state.failures:
                yield "the file cannot be made", self.ends(state._replace(failures=state.failures - 1), who, process)
            made = len(state.files)
            state = state._replace(files=state.files + (File(),), path=made)
            yield f"makes file {made}", self.go(state, who, process._replace(at="lock", file=made))

    def do_lock(self, state, who, process):
        if state.files[process.file].holder == -1:
            yield f"locks file {process.file}", self.go(self.change(state, process.file, holder=who), who, process._replace(at="examine"))

    def do_examine(self, state, who, process):
        if self.rules.counts_links and state.path != process.file:
            # What was stored is gone with the file, as after a clear.
            dirty = process.dirty if process.is_fresh or not self.rules.drops else 0
            state = self.release(state, who)
            count, clears = process.generation
            known = (state.count, 0) if state.count > count else (count, clears + BY_HAND)
            following = process._replace(file=-1, generation=known, dirty=dirty)
            if dirty or process.script[0] == "clear":
                yield "finds that the file has gone", self.go(state, who, following._replace(at="open"))
            else:
                yield "finds that the file has gone, and has nothing to write", self.ends(state, who, following)
            return
        file = state.files[process.file]
        if not file.generation:
            state = self.change(state, process.file, generation=max(process.generation, (state.count, 0)))
            file = state.files[process.file]
        if file.generation != process.generation and process.script[0] != "clear":
            met = process._replace(generation=file.generation, dirty=process.dirty if process.is_fresh else 0)
            if met.dirty:
                yield "meets a clear", self.go(state, who, met._replace(at="append"))
            else:
                yield "meets a clear, and has nothing to write", self.ends(state, who, met)
        else:
            yield "catches up", self.go(state, who, process._replace(at="append"))

    def do_append(self, state, who, process):
        if process.script[0] == "clear":
            count, clears = state.files[process.file].generation
            state = self.change(state, process.file, value=0, is_expired=False, generation=(count, clears + 1))
            state = state._replace(gone=state.gone | process.over, due=frozenset())
            yield "clears", self.ends(state, who, process._replace(generation=(count, clears + 1), dirty=0))
            return
        if state.failures:
            failed = self.ends(state._replace(failures=state.failures - 1), who, process)
            yield "the write fails", failed
        written = self.change(state, process.file, value=process.dirty, is_expired=False)
        # An update that began later may be there already, or is to come.
        due = frozenset({process.dirty}) if process.dirty == state.updates else state.due
        yield f"writes {process.dirty}", self.ends(written._replace(due=due), who, process._replace(dirty=0))._replace(
            over=state.over | {process.dirty})

    # ---- the sweeper

    def do_judge(self, state, who, process):
        if self.is_living(state, process.file):
            yield "something is left", self.ends(state, who, process)
        else:
            yield "nothing is left", self.go(state, who, process._replace(at="seize" if self.rules.locks else "count"))

    def do_seize(self, state, who, process):
        if state.files[process.file].holder != -1:
            yield "the file is in use", self.ends(state, who, process)
        else:
            yield "locks the file", self.go(self.change(state, process.file, holder=who), who, process._replace(at="decide"))

    def do_decide(self, state, who, process):
        if self.rules.judges_again and self.is_living(state, process.file):
            yield "something is left by now", self.ends(state, who, process)
        elif self.rules.looks_up and state.path != process.file:
            yield "the path names another file", self.ends(state, who, process)
        else:
            yield "nothing is left still", self.go(state, who, process._replace(at="count" if self.rules.counts_first else "remove"))

    def do_count(self, state, who, process):
        state = self.raised(state, state.files[process.file].generation or (0, 0))
        if self.rules.counts_first:
            yield "counts the sweep", self.go(state, who, process._replace(at="remove"))
        else:
            yield "counts the sweep", self.ends(state, who, process)

    def do_remove(self, state, who, process):
        removed = state._replace(path=-1, gone=state.gone | state.over)
        if self.rules.counts_first:
            yield "removes the file", self.ends(removed, who, process)
        else:
            yield "removes the file", self.go(removed, who, process._replace(at="count"))

    # ---- what must hold

    def judge(self, state, is_end):
        there = state.files[state.path] if state.path >= 0 else File()
        shown = there.value if not there.is_expired else 0
        if shown in state.gone:
            return f"update {shown} was over before a clear or a sweep, and came back"
        # Any other update may be there instead, because another session may write at the same time.
        if state.due and not shown:
            return f"update {max(state.due)} returned OK, and nothing is there"
        if is_end and any(process and process.script for process in state.processes):
            return "a process waits for ever"
        return None
