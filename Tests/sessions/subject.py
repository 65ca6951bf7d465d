"""A process that runs cases. Whatever a case does to it is an outcome, even a crash."""
import multiprocessing
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import threading
import traceback

import compare
import generate

HANG = 30  # seconds that one case may take
NOBODY = 65534


class Outcome:
    """Why a case failed. Two outcomes with the same `kind` are about the same fault."""

    def __init__(self, what, step=None, index=None, expected=None, found=None):
        self.what, self.step, self.index, self.expected, self.found = what, step, index, expected, found
        self.kind = (re.sub(r" of (session \d+|[hu]\d)", "", what), step and step[0])

    def __str__(self):
        return re.sub(r"x{40,}", "xx…", self.whole)

    @property
    def whole(self):
        if self.step is None:
            return self.what + (f"\n{self.found}" if self.found else "")
        return f"after {self.step}: {self.what}\n  expected {self.expected}\n  found    {self.found}"


def outcome(steps, folder):
    """Returns the outcome, which is None if the two agree, and how many steps were made."""
    signal.alarm(HANG)
    try:
        return None, compare.run(steps, folder)
    except compare.Disagreement as it:
        return Outcome(it.what, it.step, it.index, it.expected, it.found), it.index
    except Exception as it:
        return Outcome(f"the tests' own fault: {it!r}"[:100], found="".join(traceback.format_exception(it)[-3:])), 0
    finally:
        signal.alarm(0)


def scratch():
    """Returns a folder, in memory if possible, because the cases do not depend on the disk."""
    memory = pathlib.Path("/dev/shm")
    return tempfile.mkdtemp(prefix="lily-sessions-", dir=memory if os.access(memory, os.W_OK | os.X_OK) else None)


def unprivileged(folder):
    """Becomes another user if this is root, because root always has all rights and some cases take rights away."""
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


class Subject:
    """A child process that serves requests: a list of steps, or a range of seeds to generate cases from. After a crash it begins anew."""

    def __init__(self):
        self.folder = None

    _pipes = set()  # this process's ends of the pipes. A new child closes them, because otherwise other children would wait for ever
    _beginning = threading.Lock()

    def begin(self):
        self.folder = scratch()
        with Subject._beginning:
            self.pipe, theirs = multiprocessing.Pipe()
            Subject._pipes.add(self.pipe)
            self.pid = os.fork()
        if self.pid == 0:
            try:
                for pipe in Subject._pipes:
                    pipe.close()
                self.serve(theirs)
            except EOFError:
                os._exit(0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(70)
        theirs.close()

    def serve(self, pipe):
        inside = os.path.join(self.folder, "store")
        os.mkdir(inside, 0o700)
        os.chmod(self.folder, 0o711)
        unprivileged(inside)
        while True:
            request = pipe.recv()
            if isinstance(request, list):
                pipe.send(outcome(request, inside))
                continue
            for seed in request:
                pipe.send(seed)
                pipe.send(outcome(generate.case(seed), inside))
            pipe.send(None)

    def end(self):
        """Ends the child. Returns how it ended."""
        if self.folder is None:
            return None
        with Subject._beginning:
            Subject._pipes.discard(self.pipe)
            self.pipe.close()
        _, status = os.waitpid(self.pid, 0)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return Outcome("it hangs" if number == signal.SIGALRM else f"it crashes: {signal.Signals(number).name}")
        return None if os.WEXITSTATUS(status) == 0 else Outcome("the tests' own fault")

    def run(self, steps):
        """Returns the outcome of one case, or None if the two agree."""
        if self.folder is None:
            self.begin()
        try:
            self.pipe.send(list(steps))
            return self.pipe.recv()[0]
        except (EOFError, ConnectionError):
            return self.end()

    def run_seeds(self, seeds):
        """Yields (seed, outcome, steps) for each seed of a range."""
        while seeds:
            if self.folder is None:
                self.begin()
            seed = seeds.start
            try:
                self.pipe.send(seeds)
                while (seed := self.pipe.recv()) is not None:
                    yield seed, *self.pipe.recv()
                return
            except (EOFError, ConnectionError):
                ended = self.end()
            yield seed, ended, 0
            seeds = range(seed + 1, seeds.stop)
