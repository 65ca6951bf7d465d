"""Works out what a disk may hold after power loss, from a recorded trace of what a program asked of the kernel.

A careful program must expect these rules:

- If a name is made, moved or removed, that is on disk once its directory was synced. Before that, each such change may be there
  or not.
- If data is written, it is on disk once its file was synced. Before that, each page of 4096 bytes may be as it was before, as
  written, zeros, garbage, or a block of an older file, whatever the file's size is. Bytes that were synced stay, even if other bytes
  of their page are overwritten (SQLite calls this powersafe overwriting).
- If a sync fails, the kernel takes its pages for clean. On disk they are zeros from then on, though every program still reads what
  was written, and no later sync changes that. Only writing to such a page again makes it dirty.
"""
import re
from typing import NamedTuple

import faults
import oracle
from faults import IO, NOT_DURABLE, OK

PAGE = 4096


class Operation(NamedTuple):
    name: str
    arguments: list
    data: bytes


def read_trace(data):
    """Returns the operations and the marks of a trace, in order."""
    operations, at = [], 0
    while at < len(data):
        end = data.index(b"\n", at)
        name, *arguments = data[at:end].decode().split(" ")
        at, content = end + 1, b""
        if name in ("write", "overwrite", "mark"):
            length = int(arguments[-1])
            content = data[at:at + length]
            assert data[at + length:at + length + 1] == b"\n"
            at += length + 1
        operations.append(Operation(name, arguments, content))
    return operations


class File:
    """An inode: what programs read, and which part of it is on disk for certain."""

    def __init__(self):
        self.seen = bytearray()
        self.safe = b""
        self.steps = []  # what `seen` was before each change since the last sync
        self.overwritten = False  # True: the file was overwritten since the last sync
        self.lost = []   # the ranges whose sync failed: they are zeros on disk
        self.was_synced = False

    def write(self, data):
        start = len(self.seen)
        self.steps.append(bytes(self.seen))
        self.seen += data
        self._forgive(start // PAGE * PAGE)

    def overwrite(self, offset, data):
        self.steps.append(bytes(self.seen))
        self.seen[offset:offset + len(data)] = data
        self.overwritten = True

    def truncate(self, size):
        self.steps.append(bytes(self.seen))
        del self.seen[size:]
        self.seen.extend(bytes(size - len(self.seen)))
        self._forgive(size // PAGE * PAGE)

    def _forgive(self, end):
        """Forgets what was lost from this offset on, because it is dirty again or was cut off."""
        self.lost = [(a, min(b, end)) for a, b in self.lost if a < end]

    def sync(self, worked):
        if worked:
            self.safe, self.was_synced = self.zeroed(bytes(self.seen)), True
        elif len(self.seen) > len(self.safe):
            self.lost.append((len(self.safe), len(self.seen)))
        self.steps, self.overwritten = [], False

    def zeroed(self, content):
        content = bytearray(content)
        for start, end in self.lost:
            content[start:end] = bytes(len(content[start:end]))
        return bytes(content)

    def after_loss(self, how, random):
        """Returns the content after power loss, and whether it is a beginning of what was written."""
        if how == "dropped" or not (self.steps or self.lost):
            return (self.safe, not self.lost)
        target = bytes(self.seen)
        if how == "earlier":  # the state is some changes old, or in the middle of a change, cut at the end of a page
            target = random.choice([*self.steps, target])
            if random.random() < 0.5 and len(target) > len(self.safe):
                cut = random.randrange(len(self.safe), len(target) + 1) // PAGE * PAGE
                target = target[:max(cut, len(self.safe))]
            how = "kept"
        target = self.zeroed(target)
        if how == "kept":
            return target, not self.lost
        pages = [self._page(target, start, how, random) for start in range(0, len(target), PAGE)]
        return b"".join(pages), False

    def _page(self, target, start, how, random):
        page, before = target[start:start + PAGE], self.safe[start:start + PAGE]
        if how == "mixed":
            how = random.choice(["kept", "kept", "old", "zeros", "garbled", "stale"])
        if how == "kept" or page == before:
            return page
        same = common(page, before)  # the bytes that were synced before and have not changed stay
        if self.overwritten:
            new = page if how == "stale" else before.ljust(len(page), b"\0") if how == "old" else random.randbytes(len(page)) if how == "garbled" else bytes(len(page))
            stays = [at < len(before) and before[at] == page[at] for at in range(len(page))]
            return bytes(page[at] if stays[at] else new[at] for at in range(len(page)))
        rest = len(page) - same
        if how == "stale":  # the page is one of an older journal: well formed, with other values
            return page[:same] + re.sub(rb"([a-z])\1{3,}", lambda run: bytes([run[0][0] % 26 + 97]) * len(run[0]), page[same:])
        if how == "old":
            return page[:same] + before[same:].ljust(rest, b"\0")[:rest]
        return page[:same] + (random.randbytes(rest) if how == "garbled" else bytes(rest))


def common(one, other):
    """Returns how many bytes at their beginning are the same."""
    count = min(len(one), len(other))
    differing = int.from_bytes(one[:count], "big") ^ int.from_bytes(other[:count], "big")
    return count - (differing.bit_length() + 7) // 8


class Disk:
    def __init__(self):
        self.names, self.safe_names = {}, {}  # name -> File
        self.changes = []                     # what changed in the directory since its last sync: {name: File or None}
        self.open = {}                        # "process.descriptor" -> File, or None for the directory

    def run(self, operation):
        name, arguments = operation.name, operation.arguments
        if name == "open":
            file, is_new, path = arguments[0], arguments[1] == "1", arguments[2]
            if is_new:
                self._change({path: File()})
            self.open[file] = None if path == "." else self.names[path]
        elif name == "close":
            self.open.pop(arguments[0])
        elif name == "write":
            self.open[arguments[0]].write(operation.data)
        elif name == "overwrite":
            self.open[arguments[0]].overwrite(int(arguments[1]), operation.data)
        elif name == "truncate":
            self.open[arguments[0]].truncate(int(arguments[1]))
        elif name == "rename":
            self._change({arguments[0]: None, arguments[1]: self.names[arguments[0]]})
        elif name == "unlink":
            self._change({arguments[0]: None})
        elif name == "sync":
            file, worked = self.open[arguments[0]], arguments[1] == "1"
            if file:
                file.sync(worked)
            elif worked:
                self.safe_names, self.changes = dict(self.names), []
        else:
            raise AssertionError(name)

    def _change(self, change):
        self.changes.append(change)
        self._apply(self.names, change)

    @staticmethod
    def _apply(names, change):
        for name, file in change.items():
            if file:
                names[name] = file
            else:
                names.pop(name, None)

    def directories(self, random):
        """Yields the names that may be on disk: after any number of the changes, in order, and sometimes in another order."""
        for count in range(len(self.changes) + 1):
            names = dict(self.safe_names)
            for change in self.changes[:count]:
                self._apply(names, change)
            yield names
        if len(self.changes) > 1:
            names = dict(self.safe_names)
            for change in self.changes:
                if random.random() < 0.5:
                    self._apply(names, change)
            yield names


class Promise:
    """What the marks so far promise: the states after each update, and the first of them that may be there after power loss."""

    def __init__(self, is_power):
        self.is_power = is_power
        self.states = [{}]  # after 0, 1, 2, … updates
        self.doubtful = []  # (handle, key, its value before) for each update that returned NOT_DURABLE
        self.dirty, self.step = {}, None
        self.last = {1: 0, 2: 0}  # handle -> the number of its last update
        self.safe = 0

    def run(self, mark):
        if mark[0] == b"B":
            self.step = step = oracle.Step.of(mark)
            state, self.dirty = oracle.done(step, self.states[-1], self.dirty)
            if state != self.states[-1]:
                self.states.append(state)
                self.last[step.handle] = len(self.states) - 1
        elif mark[0] == b"A":
            # A sync that returns IO has made everything durable, but could not erase what was removed.
            is_unerased = int(mark[2]) == IO and self.step.what in ("sync", "flush")
            assert int(mark[2]) in (OK, NOT_DURABLE) or is_unerased, f"only syncs fail here: {mark}"
            promised = ("sync", "flush") if not self.is_power else ("sync", "flush", "put", "remove", "update", "clear", "touch")
            if int(mark[2]) == NOT_DURABLE and len(self.states) > 1 and self.last[self.step.handle] == len(self.states) - 1:
                old, new = self.states[-2:]
                self.doubtful += [(self.step.handle, key, old.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)]
            if (int(mark[2]) == OK or is_unerased) and self.step.what in promised:
                self.safe = max(self.safe, self.last[self.step.handle])
                self.doubtful = [doubt for doubt in self.doubtful if doubt[0] != self.step.handle]

    def now(self):
        """Returns a copy that later marks do not change."""
        copy = Promise(self.is_power)
        copy.states, copy.safe, copy.doubtful = self.states[:], self.safe, self.doubtful[:]
        return copy

    def check(self, found, is_beginning, is_new):
        """Raises Wrong if what was found after power loss breaks a promise. Returns False if the file is no longer recognised as a journal,
        which may happen if its first page was garbled before anything was synced or promised; otherwise returns True."""
        if found.open_status == faults.REFUSED and is_new and not is_beginning and not self.safe:
            return False
        if wrong := found.wrong():
            raise oracle.Wrong(wrong)
        states = self.states[self.safe:]
        if found.shown in states:
            return True
        if is_beginning:
            raise oracle.Wrong(f"{oracle.show(found.shown)} is no state since {oracle.show(states[0])}")
        for key in set(found.shown).union(*states):
            values = [state.get(key) for state in states] + [value for _, name, value in self.doubtful if name == key]
            if found.shown.get(key) not in values:
                raise oracle.Wrong(f"{key.decode()} is {found.shown.get(key, b'nothing')[:30]}, not {[v and v[:30] for v in values]}")
        if not found.damaged:
            raise oracle.Wrong("updates are missing, and no damage is reported")
        return True


HOWS = ["kept", "dropped", "zeros", "garbled", "stale"]


def crashes(trace, is_power, random, samples, every=1):
    """Yields states after power loss at every point of the trace, or on average at one of `every`, each as (names -> content, whether the
    journal is a beginning of what was written, whether it was never synced, promise, place)."""
    disk, promise = Disk(), Promise(is_power)
    for at, operation in enumerate(read_trace(trace)):
        if operation.name == "mark":
            mark = operation.data.rstrip(b"\n").split(b"\t")
            if mark[0] not in (b"B", b"A"):
                continue
            promise.run(mark)
            if mark[0] == b"B":
                continue
        else:
            disk.run(operation)
        if every > 1 and random.randrange(every):
            continue
        for names in disk.directories(random):
            for how in HOWS + ["earlier"] * samples + ["mixed"] * samples:
                state, is_beginning, is_new = {}, True, False
                for name, file in names.items():
                    content, is_whole = file.after_loss(how, random)
                    state[name] = content
                    if name == "s.jsonl":
                        is_beginning, is_new = is_whole, not file.was_synced
                yield state, is_beginning, is_new, promise, f"operation {at} ({operation.name} {' '.join(operation.arguments)}), {how}"
