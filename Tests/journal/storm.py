"""Processes that write until they are killed, and a parent that knows what they may have left behind.

Each worker's updates follow from its number and its count alone, and it tells each one, by a byte in a pipe, after the
call has returned. So the parent knows what was acknowledged, and the one update that may have been under way: what is
stored must be the one state or the other, in every key and every byte.
"""
import fcntl
import os
import signal
import time
import traceback

import journal
import lily
from sessions import Field, Session

ACKNOWLEDGED, WRONG = b".", b"!"


def filler(seed, sizes):
    """Text of a size that follows from the seed: short, around a page, long. Lines are torn where pages end."""
    return b"x" * sizes[seed * 2654435761 % 2**32 % len(sizes)]


class Worker:
    """One process at a time. `start` makes the next one, which continues from what the last one left in the file."""

    def __init__(self, path, name):
        self.path, self.name = path, name
        self.life = 0
        self.state = {}           # what is stored once all that was acknowledged is
        self.acknowledged = self.lost = self.under_way = 0
        self.pid = None

    # what a subclass defines: its keys, update number `count` as {key: text or None}, and how to make it
    def keys(self):
        raise NotImplementedError

    def update(self, count):
        raise NotImplementedError

    def work(self, tell):
        """Runs in the child process. Makes updates 1, 2, 3, … and calls tell() after each."""
        raise NotImplementedError

    def start(self):
        self.life += 1
        self.count = 0
        self.pipe, theirs = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.pipe)
                os.nice(10)  # the parent has to get to its kills among those who hammer
                self.work(lambda: os.write(theirs, ACKNOWLEDGED))
            except BaseException:
                os.write(theirs, WRONG + traceback.format_exc()[-3000:].encode())
            finally:
                os._exit(1)
        os.close(theirs)
        os.set_blocking(self.pipe, False)

    def drain(self):
        """Takes in the acknowledgements so far."""
        while True:
            try:
                told = os.read(self.pipe, 1 << 16)
            except BlockingIOError:
                return
            if not told:
                return
            whole, wrong, text = told.partition(WRONG)
            for _ in whole:
                self.count += 1
                self._apply(self.update(self.count))
            self.acknowledged += len(whole)
            assert not wrong, f"{self.name}: {text.decode(errors='replace')}"

    def _apply(self, changes):
        self.state.update(changes)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = None
        os.set_blocking(self.pipe, True)  # the other end is closed now: read to its end
        self.drain()
        os.close(self.pipe)

    def verify(self, stored):
        """Compares what is stored with what was acknowledged. `stored` returns the text of a key, or None."""
        found = {key: stored(key) for key in self.keys()}
        before = {key: self.state.get(key) for key in self.keys()}
        after = {**before, **self.update(self.count + 1)}
        if found == before:
            lost = 0
        elif found == after:
            lost = 0
            self.under_way += 1
        else:
            lost = sum(found[key] not in (before[key], after[key]) for key in found) or 1
        self.lost += lost
        self.state = found
        return "" if not lost else f"{self.name}, life {self.life}, update {self.count}: " + "; ".join(
            f"{key}: {_short(found[key])}, not {_short(before[key])} or {_short(after[key])}"
            for key in found if not found[key] == before[key] == after[key])


def _short(text):
    return "nothing" if text is None else f"{text[:40]!r} ({len(text)})"


class Setter(Worker):
    """Sets and removes keys of its own, one at a time."""

    def __init__(self, path, name, sizes):
        super().__init__(path, name)
        self.sizes = sizes

    def keys(self):
        return [b"%s%d" % (self.name.encode(), number) for number in range(8)]

    def update(self, count):
        key = self.keys()[count * 5 % 8]
        if count % 11 == 0:
            return {key: None}
        return {key: b'"%d.%d %s"' % (self.life, count, filler(self.life * 977 + count, self.sizes))}

    def work(self, tell):
        storage, count = lily.Storage(self.path), 0
        while True:
            count += 1
            for key, text in self.update(count).items():
                storage.remove(key) if text is None else storage.set(key, text)
            tell()


class Dispatcher(Worker):
    """A session whose updates change four fields at once."""
    NAMES = ["w", "x", "y", "z"]

    def keys(self):
        return [b"lily_session_" + name.encode() for name in self.NAMES]

    def update(self, count):
        text = b'"%d.%d %s"' % (self.life, count, filler(count, [10, 900, 1300, 5000]))
        return dict.fromkeys(self.keys(), text)

    def work(self, tell):
        storage, count = lily.Storage(self.path), 0
        session = Session(storage, [Field(name, lily.STRING) for name in self.NAMES], dict.fromkeys(self.NAMES, b""))
        while True:
            count += 1
            session.dispatch(**dict.fromkeys(self.NAMES, self.update(count)[b"lily_session_w"][1:-1]))
            tell()


class Compactor(Worker):
    """Sets, removes and syncs in a loop: each sync rewrites the file under the others."""

    def keys(self):
        return [b"compactor"]

    def update(self, count):
        return {b"compactor": b'"%d.%d"' % (self.life, count)} if count % 3 == 1 else {b"compactor": None} if count % 3 == 2 else {}

    def work(self, tell):
        storage, count = lily.Storage(self.path), 0
        while True:
            count += 1
            if count % 3 == 0:
                storage.sync()
            for key, text in self.update(count).items():
                storage.remove(key) if text is None else storage.set(key, text)
            tell()


class Keyless(Worker):
    """A worker that stores nothing that has to be there afterwards."""

    def keys(self):
        return []

    def update(self, count):
        return {}


class Reader(Keyless):
    """Polls: no damage is ever seen, no update in parts, and no key goes back to an older value."""

    def work(self, tell):
        storage, newest = lily.Storage(self.path, lily.READ_ONLY), {}
        while True:
            with lily.Storage(self.path, lily.READ_ONLY | lily.STRICT) as fresh:
                for shown in (storage.each(), fresh.each(), storage.each()):
                    assert len({text for key, (text, _) in shown.items() if key.startswith(b"lily_session_")}) <= 1
                    for key, (text, _) in shown.items():
                        version = tuple(map(int, text.strip(b'"').split(b" ")[0].split(b".")))
                        assert version >= newest.get(key, version), f"{key} went back from {newest[key]} to {version}"
                        newest[key] = version
            tell()


def snapshot(path):
    """Returns the file's bytes. They are read under its lock, as the page asks of a reader that must not meet a writer."""
    while True:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file.read()


def _header(path):
    """Returns what tells a file from the one that was there before it: its salt, because an inode's number is used again."""
    with open(path, "rb") as file:
        return file.read(journal.HEADER)


def run(path, workers, random, seconds, pause=0.012):
    """Lets the workers write, and kills one after another. Returns counts; `lost` must be 0.
    On a busy machine it goes on until it has seen a rewriting, because a storm without one proves little, but at most ten times as long."""
    counts = dict(kills=0, lost=0, rewrites_seen=0, largest_file=0)
    wrongs, start = [], time.monotonic()
    lily.Storage(path).close()
    header = _header(path)
    long_lived = lily.Storage(path, lily.READ_ONLY)
    try:
        for worker in workers:
            worker.start()
        while time.monotonic() < start + (seconds if counts["rewrites_seen"] else 10 * seconds) and not wrongs:
            time.sleep(random.random() * pause)
            for worker in workers:
                worker.drain()
            before, header = header, _header(path)
            counts["rewrites_seen"] += header != before
            counts["largest_file"] = max(counts["largest_file"], os.stat(path).st_size)
            victim = random.choice(workers)
            victim.kill()
            counts["kills"] += 1
            if random.random() < 0.5:
                wrong = victim.verify(long_lived.get)
            else:
                with lily.Storage(path, random.choice([0, lily.READ_ONLY, lily.STRICT])) as fresh:
                    wrong = victim.verify(fresh.get)
            if wrong:
                wrongs.append(wrong)
            if counts["kills"] % 10 == 0:
                data = snapshot(path)
                state = journal.read(data) if len(data) < 1 << 18 else None
                if state and state.damage:
                    wrongs.append(f"damage at {state.damaged}, {state.gaps} gaps")
            victim.start()
    finally:
        for worker in workers:
            if worker.pid:
                worker.kill()
    for worker in workers:  # all of them, at rest
        if wrong := worker.verify(long_lived.get):
            wrongs.append(wrong)
    with lily.Storage(path, lily.STRICT) as fresh:
        for worker in workers:
            worker.verify(fresh.get)
        shown = fresh.each()
    long_lived.close()
    state = journal.read(path.read_bytes())
    assert state.damage == 0
    assert {key: entry.text for key, entry in state.entries.items()} == {key: text for key, (text, _) in shown.items()}
    counts["lost"] = sum(worker.lost for worker in workers)
    counts["acknowledged"] = sum(worker.acknowledged for worker in workers if worker.keys())
    counts["found_though_not_acknowledged"] = sum(worker.under_way for worker in workers)
    counts["polls"] = sum(worker.acknowledged for worker in workers if not worker.keys())
    return counts, wrongs
