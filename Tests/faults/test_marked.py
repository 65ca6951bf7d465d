"""Lets other programs act while a call takes long. Above all, they replace a marked file, which is one that others could open (docs/format.md),
without its lock."""
import fcntl
import os
import socket

import pytest

import faults
import journal
import sweep
from faults import BUSY, IO, OK

OLD, NEW = {b"stored": b'"s3cret-old"'}, {b"stored": b'"s3cret-new"'}
# The file's lock cannot be had from the second time on, until the file has been replaced.
LOCKED = " renameat:replacement@1=none>flock:journal@1+=none flock:journal@2+=EWOULDBLOCK"


def write(path, entries, mode):
    file = journal.Writer()
    for key, text in entries.items():
        file.set(key, text)
    path.write_bytes(file.bytes())
    path.chmod(mode)


@pytest.fixture
def path():
    """A marked file, and beside it `next`, a new one with the same entries that could take its place."""
    path = faults.fresh()
    write(path, OLD, 0o1600)
    write(path.with_name("next"), OLD, 0o600)
    return path


@pytest.fixture
def replacement(path):
    """The name of a new file, and `next` open and locked, as the process has it that replaces the file."""
    with open(path.with_name("next"), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path.with_name(path.name + ".replacement"), file


def run(numbers, path, rules, *meanwhile, least=1):
    """Runs the script. At least so many of the rules must have come about."""
    made = faults.script(path, what="few", rules=rules, meanwhile=meanwhile, calls=True)
    numbers(faults=len(made.fired))
    assert len(made.fired) >= least and (made.status, made.stderr, made.violations) == (0, b"", [])
    return made


def shown(made):
    """Returns what the handle showed after each step."""
    return [faults.view(mark) for mark in made.marks if mark[0] == b"V"]


# ---- what has taken long

@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("call", ["openat", "write", "fsync", "renameat"])
def test_a_rewriting_fails_after_the_file_was_replaced(call, error, path, numbers):
    """The update goes into the new file. In the old one it would be lost."""
    made = run(numbers, path, f"{call}:tmp@1=meanwhile:{error}", faults.visit(path))
    sweep.judge(path, made, {OK}, OLD)


def test_a_new_header_fails_after_the_file_was_replaced(path, numbers):
    """The file was emptied. The update goes into the one that has taken its place, not behind a header in the old one."""
    path.chmod(0o600)
    made = run(numbers, path, "flock:journal@2=meanwhile>fsync:tmp@1=meanwhile:EIO", f": >{path.name}", f"mv next {path.name}", least=2)
    sweep.judge(path, made, {OK}, OLD)


def test_a_sync_fails_after_the_file_was_replaced(path, numbers):
    """It touches nothing that belongs to the new file, and says that it has to be called again."""
    rules = "fsync:tmp@1=EIO fsync:tmp@2=EIO fsync:tmp@3=meanwhile:EIO"
    made = run(numbers, path, rules, f"{faults.visit(path)} && cp {path.name} {path.name}.damaged", least=3)
    assert made.statuses("sync") == [("sync", BUSY)] and path.with_name(path.name + ".damaged").exists()
    sweep.judge(path, made, {OK, BUSY}, OLD)


@pytest.mark.parametrize("rules", [
    "fsync:tmp@1=none>fstatat:replacement@1=meanwhile",  # before the rename
    "fsync:tmp@1=EIO>fstatat:replacement@1=meanwhile",  # after the rewriting has failed
    "fsync:tmp@1=EIO>fstatat:replacement@3=meanwhile",  # before the next change, which is no reason to try again
])
def test_the_file_is_replaced_between_two_looks(rules, path, numbers):
    """That nobody is replacing the file may mean that somebody has. So the path is looked up after that."""
    replaces = f"cp {path.name} next && mv next {path.name} && {faults.programs() / 'check'} {path.name} >/dev/null"
    made = run(numbers, path, rules, replaces, least=2)
    assert {status for _, status in made.statuses()} == {OK}
    assert set(faults.check(path).shown) == {b"first", b"last", b"probe"}


# ---- a process that replaces the file

def test_a_file_that_is_being_replaced_is_left_alone(path, replacement, numbers):
    """The replacement comes while a rewriting is at its fsync. Nothing is renamed over it, nor appended to what it has copied."""
    name, file = replacement
    made = run(numbers, path, "fsync:tmp@1=meanwhile", f"mv next {name.name}")
    assert made.statuses("put", "remove") == [("put", BUSY), ("remove", BUSY), ("put", BUSY)] and name.exists()
    os.rename(name, path)
    file.close()
    sweep.judge(path, made, {OK, BUSY}, OLD)


def test_what_was_read_before_is_not_put_into_the_replacement(path, numbers):
    """The file was overwritten by another of the same length. Without its lock that can be seen only by reading it anew."""
    write(path.with_name("next"), NEW, 0o600)
    made = run(numbers, path, "openat:replacement@1=meanwhile" + LOCKED, f"cp next {path.name}")
    assert shown(made)[1][b"stored"] == NEW[b"stored"]


def test_what_was_read_in_the_middle_of_a_change_is_read_again(path, numbers):
    """What looked like damage to the process that wanted to replace the file, and has given up, is whole when it gets the lock."""
    rules = "openat:replacement@1=meanwhile>unlinkat:replacement@1=meanwhile>flock:journal@1+=none flock:journal@2+=EWOULDBLOCK"
    made = run(numbers, path, rules, f"sed s/old/odd/ {path.name} >bad && cp bad {path.name}", f"cp next {path.name}", least=3)
    sweep.judge(path, made, {OK}, OLD)


def test_a_replacement_that_has_lost_its_name(path, replacement, numbers):
    """Another process's has the name now: it is neither renamed nor removed."""
    name, file = replacement
    before = path.read_bytes()
    made = run(numbers, path, "fsync:replacement@1=meanwhile" + LOCKED, f"mv next {name.name}")
    assert made.statuses("put", "remove") == [("put", BUSY), ("remove", BUSY), ("put", BUSY)]
    assert name.samefile(f"/proc/self/fd/{file.fileno()}") and path.read_bytes() == before


def test_a_signal_does_not_shorten_the_time_that_others_are_given(path, numbers):
    made = run(numbers, path, "flock:replacement@1=none>nanosleep@1=EINTR" + LOCKED, least=3)
    sleeps = [call == "nanosleep" for call, _ in made.calls[made.calls.index(("flock", "replacement")):]]
    assert sleeps[sleeps.index(True) + 1]
    sweep.judge(path, made, {OK}, OLD)


# ---- what has the replacement's name

def make_socket(name):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(name))


@pytest.mark.parametrize("make", [make_socket, os.mkfifo, os.mkdir, lambda name: name.symlink_to("nowhere")],
                         ids=["socket", "FIFO", "folder", "link"])
def test_what_is_no_file_is_no_replacement(make, path, numbers):
    make(path.with_name(path.name + ".replacement"))
    made = run(numbers, path, "", least=0)
    sweep.judge(path, made, {OK}, OLD)


@pytest.mark.parametrize("error", ["EMFILE", "ENFILE", "EACCES"])
def test_a_replacement_that_cannot_be_opened(error, path, replacement, numbers):
    """One that is there may be at work. That there is none is seen without a descriptor."""
    sweep.judge(path, run(numbers, path, f"openat:replacement@1+={error}", least=0), {OK}, OLD)
    write(path, OLD, 0o1600)
    os.rename(path.with_name("next"), replacement[0])
    made = run(numbers, path, f"openat:replacement@1+={error}")
    assert {status for _, status in made.statuses()} == {sweep.STATUS.get(error, IO)} and path.stat().st_mode & 0o7777 == 0o1600


@pytest.mark.parametrize("error", ["EIO", "EACCES"])
def test_a_replacement_that_cannot_be_looked_up(error, path, numbers):
    """Who cannot find out whether another process is at work says why, and not that one is."""
    made = faults.script(path, what="erase", rules=f"fsync:tmp@1=none>fstatat:replacement@1+={error}")
    numbers(faults=1)
    sweep.judge(path, made, sweep.expected(error, "fstatat"), OLD)
    assert len(made.fired) == 2 and {status for _, status in made.statuses()} > {OK}
