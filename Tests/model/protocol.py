"""A model of the journal's protocol between processes: lock, catch up, look the path up, repair, append; and compaction.

The model has what docs/format.md says under "Reading" and "Writing", for one key whose value is the number that the last good
line sets. A step is one system call, or several between which no other process can see a difference. Any process may die before any
step, and an append may also leave half a line, with its process dead or alive.

A file may be marked as loose. Then a stranger may hold its lock for ever, and a process that waits too long for the lock replaces the file
without it. This makes the only assumption about time: a process that may write to the file when the replacement is made has written before
the file is copied. An update rewrites a loose file before it writes; that may take any time, and fail.

What must hold:
- If a later value was acknowledged before a read began, the read does not return an earlier one. No reader goes back in time.
- At the end every process has ended, and a program that opens the file then sees the last acknowledged value, or a later one.
"""

import typing

# The lines that are not numbers. A torn line has no newline yet, so it is always the last.
MOVED, TORN, BAD = "moved", "torn", "bad"


class Rules(typing.NamedTuple):
    """The rules of the protocol, all of which hold by default. A mutation breaks one of them."""

    lock: bool = True
    look_up: bool = True  # looks the path up again if a new moved line or the link count asks for it
    count_links: bool = True
    repair: bool = True
    moved: str = "before"  # appends the moved line before the rename; mutations: "after", "never"
    settle: bool = True  # decides only under the lock that the compactor of a moved line never came to its rename
    heed: bool = True  # if somebody replaces a loose file, the holder of its lock leaves it alone
    heed_again: bool = True  # looks for a replacement and the path again before the rename of a compaction
    look_again: bool = True  # and after the rewriting of a loose file has failed, before it writes to that file
    heed_first: bool = True  # looks for a replacement before it looks the path up
    grace: bool = True  # waits between making the replacement and copying
    exclusive: bool = True  # makes one replacement at a time, which its lock ensures


STRANGER = 9


class File(typing.NamedTuple):
    lines: tuple = ()
    holder: int = -1  # who has its lock; STRANGER: another user's process; -1: nobody
    loose: bool = False  # True: others could open the file, and it is marked as loose
    extra_links: int = 0  # how many further names the user gave it


class Process(typing.NamedTuple):
    script: tuple  # what is left to do: numbers to write, "compact", "read"
    at: str = "open"  # the next step
    after: str = "repair"  # the step after it has looked for a replacement and the path
    then: str = "begin"  # where to go once the file is open and, for a write, examined
    file: int = -1
    read: int = 0  # how many lines of the file it knows
    has_moved: bool = False  # True: a moved line was among the new lines
    links: int = 1  # the link count at its last look
    new: int = -1  # the new file of its compaction
    acked: frozenset = frozenset()  # while it reads: what was acknowledged before the read began
    seen: int = 0  # what its last read returned


class State(typing.NamedTuple):
    processes: tuple
    files: tuple = (File(),)
    path: int = 0  # which file the path names
    faults: int = 0  # how many faults may still come
    links: int = 0  # how many links the user may still make
    replacement: int = -1  # which file is to replace the loose one; -1: there is none
    replacements: int = 2  # how many replacements may still be made
    seizures: int = 0  # how often the stranger may still take the lock
    acked: frozenset = frozenset()
    ended: frozenset = frozenset()  # the writes that were acknowledged, failed, or whose process died
    order: frozenset = frozenset()  # (a, b): a had ended when b began
    wrong: str = ""


def value(lines):
    numbers = [line for line in lines if isinstance(line, int)]
    return numbers[-1] if numbers else 0


def whole(lines):
    return lines[:-1] if lines and lines[-1] == TORN else lines


def appended(lines, line):
    """Returns the lines with one more. A line that follows half a line completes that one, and is lost with it."""
    return lines[:-1] + (BAD,) if lines and lines[-1] == TORN else lines + (line,)


def replaced(items, at, item):
    return items[:at] + (item,) + items[at + 1 :]


def is_stale(state, shown, acked):
    """Returns what is wrong with showing this value to a process that these writes were acknowledged to, or ""."""
    if not shown:
        return f"{sorted(acked)} acknowledged, nothing there" if acked else ""
    later = [number for number in acked if (shown, number) in state.order]
    return f"{later[0]} acknowledged after {shown} had ended, but {shown} is there" if later else ""


class Protocol:
    def __init__(self, rules):
        self.rules = rules

    def links(self, state, file):
        return (state.path == file) + state.files[file].extra_links

    def steps(self, state):
        if state.wrong:
            return
        for who, process in enumerate(state.processes):
            if process is None:
                continue
            for label, following in getattr(self, "do_" + process.at.replace(" ", "_"))(state, who, process):
                yield f"{who}: {label}", following
            if state.faults:
                yield from self.faults(state, who, process)
        if state.links:
            file = state.files[state.path]
            linked = file._replace(extra_links=file.extra_links + 1)
            yield "user: links the file to a second name", state._replace(
                files=replaced(state.files, state.path, linked), links=state.links - 1)
        yield from self.strange(state)

    def strange(self, state):
        """Yields what the stranger can do, who has the first file open."""
        if not state.files[0].loose:
            return
        if state.files[0].holder == STRANGER:
            yield "stranger: lets go", self.hold(state, 0, -1)
        elif state.files[0].holder == -1 and state.seizures:
            yield "stranger: locks the loose file", self.hold(state, 0, STRANGER)._replace(seizures=state.seizures - 1)

    def faults(self, state, who, process):
        dead = self.end(state, who, process, None)._replace(faults=state.faults - 1)
        if process.at not in ("open", "begin") or process.script:
            yield f"{who}: killed before '{process.at}'", dead
        if process.at in ("append", "moved") and (not self.rules.lock or state.files[process.file].holder == who):
            torn = self.put(state, process.file, TORN)._replace(faults=state.faults - 1)
            yield f"{who}: killed in '{process.at}', half a line is written", self.end(torn, who, process, None)
            if process.at == "append":
                failed = process._replace(at="unlock", then="failed")
                yield f"{who}: half a line is written, and cannot be cut off", self.go(torn, who, failed)
        if process.at == "rename" and process.then == "compact":
            kept = process._replace(at="unlock", then="done", read=len(state.files[process.file].lines))
            yield f"{who}: the rename fails", self.go(state._replace(faults=state.faults - 1), who, kept)

    # ---- changes of the state

    def go(self, state, who, process):
        return state._replace(processes=replaced(state.processes, who, process))

    def put(self, state, file, line):
        changed = state.files[file]._replace(lines=appended(state.files[file].lines, line))
        return state._replace(files=replaced(state.files, file, changed))

    def release(self, state, who):
        if all(file.holder != who for file in state.files):
            return state
        return state._replace(files=tuple(file._replace(holder=-1) if file.holder == who else file for file in state.files))

    def hold(self, state, file, holder):
        return state._replace(files=replaced(state.files, file, state.files[file]._replace(holder=holder)))

    def end(self, state, who, process, next_process):
        """Ends the operation. If next_process is None, ends the process, too."""
        state = self.release(state, who)
        if process.script and process.then not in ("begin", "done") and isinstance(process.script[0], int):
            state = state._replace(ended=state.ended | {process.script[0]})
        return self.go(state, who, next_process)

    # ---- opening

    def do_open(self, state, who, process):
        opened = process._replace(at="judge", after="repair", file=state.path, read=0, has_moved=False)
        yield f"opens file {state.path}", self.go(state, who, opened)

    def do_judge(self, state, who, process):
        links = self.links(state, process.file)
        if links == 0:
            yield "it was renamed over meanwhile", self.go(state, who, process._replace(at="open"))
        elif links > 1:
            yield "it has a second name: refused", self.end(state, who, process, None)
        else:
            at = {"begin": "begin", "read": "look"}.get(process.then, "lock")
            yield "takes it", self.go(state, who, process._replace(at=at))

    def do_begin(self, state, who, process):
        if not process.script:
            yield "ends", self.go(state, who, None)
            return
        task = process.script[0]
        if task == "read":
            yield "begins to read", self.go(state, who, process._replace(at="look", then="read", acked=state.acked))
        elif task == "compact":
            yield "begins to compact", self.go(state, who, process._replace(at="lock", then="compact"))
        else:
            order = state.order | {(before, task) for before in state.ended}
            yield f"begins to write {task}", self.go(state._replace(order=order), who, process._replace(at="lock", then="append"))

    # ---- under the lock

    def do_lock(self, state, who, process):
        file = state.files[process.file]
        if self.rules.lock:
            if file.holder != -1:
                if file.loose:
                    yield "has waited for long", self.go(state, who, process._replace(at="make"))
                return
            state = self.hold(state, process.file, who)
        yield f"locks file {process.file}", self.go(state, who, process._replace(at="examine"))

    def looking(self, process, after):
        """Looks at what may have changed around a loose file, and then goes on with `after`."""
        return process._replace(at="heed" if self.rules.heed_first else "path", after=after)

    def gives_way(self, state, who, process):
        """Unlocks the file, and begins again with the one that the path names. A compaction is over."""
        if process.after == "rename" and process.then == "compact":
            return self.go(self.release(state, who), who, process._replace(at="finish", then="done"))
        then = "read" if process.then == "locked read" else process.then
        return self.go(self.release(state, who), who, process._replace(at="open", then=then))

    def do_heed(self, state, who, process):
        """Looks for a replacement, and removes one whose process has died."""
        other = state.replacement
        following = process._replace(at="path" if self.rules.heed_first else process.after)
        if not self.rules.heed or other == -1:
            yield "nobody replaces the file", self.go(state, who, following)
        elif state.files[other].holder != -1:
            yield "somebody replaces the file", self.gives_way(state, who, process)
        else:
            yield "removes a dead process's replacement", self.go(state._replace(replacement=-1), who, following)

    def caught_up(self, state, process):
        lines = whole(state.files[process.file].lines)
        has_moved = process.has_moved or MOVED in lines[process.read :]
        return process._replace(read=len(lines), has_moved=has_moved)

    def asks_for_look_up(self, process, links):
        return self.rules.look_up and (process.has_moved or self.rules.count_links and links != 1)

    def do_examine(self, state, who, process):
        links = self.links(state, process.file)
        process = self.caught_up(state, process)
        if state.files[process.file].loose:
            following = self.looking(process, "repair")
        else:
            following = process._replace(at="path" if self.asks_for_look_up(process, links) else "repair")
        yield "catches up", self.go(state, who, following)

    def do_path(self, state, who, process):
        if state.path == process.file and process.then == "read":
            if process.has_moved and self.rules.settle:
                following = process._replace(at="lock", then="locked read")
                yield "the path still names it, perhaps not for long", self.go(state, who, following)
            else:
                yield "the path still names it", self.go(state, who, process._replace(at="take", has_moved=False))
        elif state.path == process.file:
            # That nobody is replacing a loose file may mean that somebody has, so the path comes last.
            at = process.after if self.rules.heed_first or not state.files[process.file].loose else "heed"
            yield "the path still names it", self.go(state, who, process._replace(at=at, has_moved=False))
        else:
            yield "the path names another", self.gives_way(state, who, process)

    def do_repair(self, state, who, process):
        # A loose file is rewritten before anything is appended.
        rewrites = "moved" if self.rules.moved == "before" else "rename"
        appends = rewrites if state.files[process.file].loose else "append"
        at = {"append": appends, "compact": rewrites, "locked read": "unlock"}[process.then]
        following = process._replace(at=at)
        lines = state.files[process.file].lines
        if not self.rules.repair or at == "unlock" or whole(lines) == lines:
            yield "the end is fit to be written after", self.go(state, who, following)
            return
        cut = state.files[process.file]._replace(lines=whole(lines))
        yield "cuts half a line off", self.go(state._replace(files=replaced(state.files, process.file, cut)), who, following)
        ended = cut._replace(lines=cut.lines + (BAD,))
        state = state._replace(files=replaced(state.files, process.file, ended))
        yield "ends half a line with a newline", self.go(state, who, following._replace(read=process.read + 1))

    def do_append(self, state, who, process):
        state = self.put(state, process.file, process.script[0])
        process = self.caught_up(state, process)
        yield f"appends {process.script[0]} to file {process.file}", self.go(state, who, process._replace(at="unlock", then="ack"))

    def do_unlock(self, state, who, process):
        state = self.release(state, who)
        if process.then == "locked read":
            yield "unlocks", self.go(state, who, process._replace(at="show", then="read"))
        else:
            yield "unlocks", self.go(state, who, process._replace(at="finish"))

    def do_finish(self, state, who, process):
        following = process._replace(script=process.script[1:], at="begin", after="repair", then="begin", new=-1)
        if process.then != "ack":
            yield "the operation is over", self.end(state, who, process, following)
            return
        number = process.script[0]
        yield f"{number} is acknowledged", self.end(state._replace(acked=state.acked | {number}), who, process, following)

    # ---- replacing a loose file without its lock

    def do_make(self, state, who, process):
        other = state.replacement
        if other == -1 and not state.replacements:
            yield "gives up", self.go(state, who, process._replace(at="finish", then="failed"))
        elif other == -1:
            files = state.files + (File(),)
            made = state._replace(files=files, replacement=len(files) - 1, replacements=state.replacements - 1)
            yield "makes a replacement", self.go(made, who, process._replace(at="claim", new=len(files) - 1))
        elif state.files[other].holder == -1 or not self.rules.exclusive:
            yield "locks another process's replacement", self.go(self.hold(state, other, who), who, process._replace(at="clear away", new=other))
        else:
            yield "another process replaces it", self.go(state, who, process._replace(at="open"))

    def do_claim(self, state, who, process):
        if state.files[process.new].holder != -1:
            yield "another process has taken the replacement", self.go(state, who, process._replace(at="open"))
        elif state.replacement != process.new:
            yield "another process has removed the replacement", self.go(state, who, process._replace(at="open"))
        else:
            yield "locks the replacement", self.go(self.hold(state, process.new, who), who, process._replace(at="wait"))

    def do_clear_away(self, state, who, process):
        left = state._replace(replacement=-1) if state.replacement == process.new else state
        yield "removes it, if it still has the name", self.go(self.release(left, who), who, process._replace(at="open"))

    def writes_soon(self, process, file):
        """Returns True if a process that has the lock may change the file without looking for a replacement again."""
        return process is not None and process.file == file and process.at not in ("examine", "heed", "moved")

    def do_wait(self, state, who, process):
        holder = state.files[process.file].holder
        if self.rules.grace and holder not in (-1, STRANGER) and self.writes_soon(state.processes[holder], process.file):
            return
        yield "has given others the time to end", self.go(state, who, process._replace(at="copy over"))

    def do_copy_over(self, state, who, process):
        lines = whole(state.files[process.file].lines)
        if BAD in lines:
            dropped = self.release(state._replace(replacement=-1), who)
            yield "leaves it to who has the lock", self.go(dropped, who, process._replace(at="open"))
            return
        living = value(lines)
        filled = state.files[process.new]._replace(lines=(living,) if living else ())
        yield "copies what lives", self.go(
            state._replace(files=replaced(state.files, process.new, filled)), who, process._replace(at="replace"))

    def do_replace(self, state, who, process):
        if state.path != process.file:
            dropped = self.release(state._replace(replacement=-1), who)
            yield "the path names another", self.go(dropped, who, process._replace(at="open"))
        else:
            yield "the path still names it", self.go(state, who, process._replace(at="put"))

    def do_put(self, state, who, process):
        if state.replacement == -1:
            yield "the replacement is gone", self.go(self.release(state, who), who, process._replace(at="open"))
            return
        put = state._replace(path=state.replacement, replacement=-1)
        yield "renames the replacement over it", self.go(self.release(put, who), who, process._replace(at="open"))

    # ---- compaction, which also holds the lock

    def do_moved(self, state, who, process):
        if self.rules.moved == "after":
            following = process._replace(at="adopt")
        elif state.files[process.file].loose and self.rules.heed_again:
            following = self.looking(process, "rename")
        else:
            following = process._replace(at="rename")
        yield "appends the moved line", self.go(self.put(state, process.file, MOVED), who, following)
        yield from self.fails_to_rewrite(state, who, process)

    def do_rename(self, state, who, process):
        living = value(state.files[process.file].lines[: process.read])
        new = File(lines=(living,) if living else ())
        renamed = state._replace(files=state.files + (new,), path=len(state.files))
        at = "moved" if self.rules.moved == "after" else "adopt"
        following = process._replace(at=at, new=renamed.path, read=len(new.lines))
        yield "renames a new file over the old", self.go(renamed, who, following)
        yield from self.fails_to_rewrite(state, who, process)

    def fails_to_rewrite(self, state, who, process):
        """Yields that an update, after any time, goes on in the loose file, because it could not be rewritten."""
        if process.then == "append":
            kept = process._replace(at="append", read=len(state.files[process.file].lines))
            following = self.looking(kept, "append") if self.rules.look_again else kept
            yield "fails to rewrite the loose file", self.go(state, who, following)

    def do_adopt(self, state, who, process):
        # It knows only its own line of the new file, because others may have written there since the rename.
        adopted = process._replace(at="finish", then="done", file=process.new, has_moved=False)
        if process.then == "append":
            adopted = process._replace(at="open", new=-1)
        yield "unlocks and goes on with the new file", self.go(self.release(state, who), who, adopted)

    # ---- reading, without the lock unless a line is bad

    def do_look(self, state, who, process):
        links = self.links(state, process.file)
        if self.asks_for_look_up(process, links):
            yield "has to look the path up", self.go(state, who, process._replace(at="path"))
        else:
            yield "the file looks as before", self.go(state, who, process._replace(at="take"))

    def do_take(self, state, who, process):
        before = process.read
        process = self.caught_up(state, process)
        if BAD in state.files[process.file].lines[before:]:
            yield "meets a bad line", self.go(state, who, process._replace(at="lock", then="locked read", read=before))
        else:
            moved = self.rules.look_up and process.has_moved
            yield "catches up", self.go(state, who, process._replace(at="look" if moved else "show"))

    def do_show(self, state, who, process):
        shown = value(state.files[process.file].lines[: process.read])
        wrong = is_stale(state, shown, process.acked)
        if (shown, process.seen) in state.order:
            wrong = f"{shown} is read after {process.seen}, which had followed it"
        following = process._replace(script=process.script[1:], at="begin", then="begin", seen=shown, acked=frozenset())
        yield f"reads {shown}", self.go(state._replace(wrong=wrong), who, following)

    # ---- the judge

    def judge(self, state, is_end):
        if state.wrong:
            return state.wrong
        if not is_end:
            return None
        if any(state.processes):
            return "a process waits for ever"
        return is_stale(state, value(state.files[state.path].lines), state.acked) or None
