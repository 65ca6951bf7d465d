"""Checks what each fault reports to a program, step by step, and what is in the files afterwards."""
import pytest

import faults
import sweep
from faults import BUSY, IO, NO_SPACE, NOT_DURABLE, OK, PERMISSION, REFUSED

WRITES = ("update", "put", "remove", "clear", "touch")


def judged(numbers, rule, durability="process", what="everything", path=None, stored=None, allowed=None, damage=0):
    path = path or faults.fresh()
    run = faults.script(path, durability, what, rule, calls=True)
    numbers(faults=len(run.fired))
    everything = set(faults.NAMES.values())
    found = sweep.judge(path, run, everything if allowed is None else allowed, stored, damage)
    return run, found


def failures(run, *whats):
    return [(what, status) for what, status in run.statuses(*whats) if status != OK]


@pytest.mark.parametrize("error, status", [("ENOSPC", NO_SPACE), ("EDQUOT", NO_SPACE), ("EFBIG", NO_SPACE), ("EIO", IO),
                                           ("EACCES", PERMISSION), ("EPERM", PERMISSION), ("EROFS", PERMISSION)])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_write_that_fails_once_fails_one_step_with_its_status(error, status, durability, numbers):
    run, found = judged(numbers, f"write:journal@5={error}", durability)
    assert failures(run) == [("put", status)]


@pytest.mark.parametrize("error, status", [("ENOSPC", NO_SPACE), ("EDQUOT", NO_SPACE), ("EIO", IO)])
def test_a_write_that_fails_for_ever_fails_every_change_and_nothing_else(error, status, numbers):
    run, found = judged(numbers, f"write@2+={error}")
    assert {what for what, _ in failures(run)} == {"update", "put", "clear", "touch", "flush"}  # removing succeeds, because the key is absent
    assert {result for _, result in failures(run)} == {status} and found.shown == {}


def test_an_interrupted_call_is_made_again(numbers):
    for call in ["write", "openat", "pread", "flock", "fallocate"]:
        run, _ = judged(numbers, f"{call}@2=EINTR", allowed={OK})
        assert run.fired
    run, _ = judged(numbers, "write@5=short:9>write@1=ENOSPC>ftruncate@1=EINTR")
    assert len(run.fired) == 3 and failures(run) == [("put", NO_SPACE)]


@pytest.mark.parametrize("error, status", [("ENOLCK", IO), ("EWOULDBLOCK", BUSY)])
def test_a_lock_that_cannot_be_had_is_said_and_nothing_is_written(error, status, numbers):
    path = faults.fresh()
    faults.script(path, what="few")
    before = path.read_bytes()
    run = faults.script(path, what="few", rules=f"flock@1+={error}")
    numbers(faults=1)
    assert run.statuses() == [("open", status)] * 2 and path.read_bytes() == before
    run, _ = judged(numbers, f"flock@3+={error}")
    assert {result for _, result in failures(run)} == {status} and failures(run, *WRITES)


@pytest.mark.parametrize("what", ["everything", "shared"])
def test_what_changes_after_a_clear_is_not_dropped_with_it(what, numbers):
    """A write that gets no lock does not learn of the clear before it. The next write does, and must not drop what came after the clear,
    whether this handle or another process has cleared."""
    for rule, path, run in sweep.points("flock", "=ENOLCK", "process", what, stride=1):
        numbers(faults=1)
        sweep.judge(path, run, {OK, IO})


@pytest.mark.parametrize("error", ["EMFILE", "ENFILE"])
def test_no_descriptor_is_left(error, numbers):
    """Opening fails, leaves nothing behind, and works the next time. While rewriting, only the call that asked for it fails."""
    for rule in ["openat:directory@1", "openat:journal@1"]:
        run, _ = judged(numbers, f"{rule}={error}")
        assert failures(run) == [("open", IO)]
    run, _ = judged(numbers, f"openat:tmp@1+={error}", allowed={OK, IO})
    assert run.fired and {what for what, _ in failures(run)} <= {"sync", "flush"}


@pytest.mark.parametrize("error", ["EROFS", "EACCES"])
def test_a_file_that_may_only_be_read_is_read(error, numbers):
    path = faults.fresh()
    faults.script(path, what="few")
    stored = {b"first": None, b"last": None}
    before = path.read_bytes()
    # The rules let pass the opening for reading and, before it, if rights are missing, the search for a file that never got its mode. All
    # later ones are for writing.
    later = 4 if error == "EACCES" else 3
    run = faults.script(path, what="few", rules=f"openat:journal@1={error} openat:journal@{later}+={error}")
    numbers(faults=2)
    views = [faults.view(mark) for mark in run.marks if mark[0] == b"V"]
    assert run.statuses()[0] == ("open", OK) and set(failures(run)) == {("put", PERMISSION), ("remove", PERMISSION)}
    assert all(set(view) == set(stored) for view in views) and path.read_bytes() == before


@pytest.mark.parametrize("error", ["EROFS", "EACCES"])
def test_a_file_that_may_be_written_again_is_written_by_the_next_write(error, numbers):
    path = faults.fresh()
    faults.script(path, what="few")
    run = faults.script(path, what="few", rules=f"openat:journal@1={error}")
    numbers(faults=1)
    assert len(run.fired) == 1 and failures(run) == []


@pytest.mark.parametrize("rule, results", [
    ("mkdirat@1=EACCES", [PERMISSION, OK]), ("mkdirat@2=ENOSPC", [NO_SPACE, OK]), ("mkdirat@1+=EROFS", [PERMISSION] * 2),
    ("mkdirat@1+=EDQUOT", [NO_SPACE] * 2)])
def test_a_default_place_that_cannot_be_made(rule, results, numbers):
    """The failure is reported once, and the next open makes the place. It is never open to others, and no other place is used instead."""
    path = faults.fresh()
    run = faults.script(path, what="place", rules=rule)
    numbers(faults=len(run.fired))
    assert [status for _, status in run.statuses("open")] == results
    journals = [file.relative_to(path.parent).as_posix() for file in path.parent.rglob("*") if file.is_file()]
    assert journals == (["state/script/session.jsonl"] if results[-1] == OK else [])
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in path.parent.rglob("*"))
    if journals:
        sweep.judge(path.parent / journals[0], run, set(results))


@pytest.mark.parametrize("rule", ["inotify_init1@1+=EMFILE", "eventfd@1+=EMFILE", "epoll_create1@1+=EMFILE", "epoll_ctl@1+=ENOSPC", "inotify_add_watch@1+=ENOSPC", "inotify_add_watch@1+=EACCES"])
def test_a_watch_that_cannot_be_had_costs_nothing_else(rule, numbers):
    """The descriptor is -1, and each read looks at the file itself, as always."""
    run, _ = judged(numbers, rule, allowed={OK})
    assert run.fired and ("watch", OK) in run.statuses()


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_sync_that_fails_once_is_answered_by_a_new_file(error, numbers):
    """The library writes a new file, and never syncs the same file again. Then everything returns OK."""
    run, _ = judged(numbers, f"fdatasync@3={error}", "power", allowed={OK})
    calls = [call for call in run.calls if call[0] in ("fdatasync", "fsync", "renameat")]
    failed = [at for at, call in enumerate(calls) if call[0] == "fdatasync"][2]
    assert calls[failed + 1:failed + 4] == [("fsync", "tmp"), ("renameat", "tmp"), ("fsync", "directory")]


def test_a_disk_that_takes_nothing_durably_is_said_each_time(numbers):
    """Everything works, each change returns NOT_DURABLE, and nothing else fails."""
    path = faults.fresh()
    run = faults.script(path, "power", rules="fdatasync@1+=EIO fsync@1+=EIO")
    numbers(faults=2)
    found = sweep.judge(path, run, {OK, NOT_DURABLE})
    results = run.statuses("update", "put", "remove", "clear")
    assert {status for _, status in results} == {NOT_DURABLE} and len(found.shown) == 4


def test_a_directory_that_cannot_be_synced_makes_nothing_durable(numbers):
    """Neither the handle that rewrote the file nor the other one acknowledges anything as durable until such a sync works."""
    run, _ = judged(numbers, "fsync:directory@1+=EIO", "power")
    assert {status for _, status in run.statuses("update", "put", "clear")} == {NOT_DURABLE}
    run, _ = judged(numbers, "renameat@1=none>fsync:directory@1+=EIO", "power")
    assert len(run.fired) == 2
    fail = [at for at, mark in enumerate(run.marks) if mark[0] == b"A" and int(mark[2]) == NOT_DURABLE][0]
    begun = {mark[1]: mark for mark in run.marks if mark[0] == b"B"}
    changes = [(begun[mark[1]][2], int(mark[2])) for mark in run.marks[fail + 1:]
               if mark[0] == b"A" and begun[mark[1]][3].decode() in ("put", "update", "clear")]
    assert {handle for handle, _ in changes} == {b"1", b"2"} and {status for _, status in changes} == {NOT_DURABLE}
    run, _ = judged(numbers, "renameat@1=none>fsync:directory@1=EIO", "power")
    assert len(run.fired) == 2 and len(failures(run)) <= 1


@pytest.mark.parametrize("rule", ["fsync:tmp@1=EIO", "renameat:tmp@1=EXDEV", "renameat:tmp@1=EACCES", "write:tmp@1=ENOSPC"])
def test_rewriting_that_fails_once_is_told_once_in_both_durabilities(rule, numbers):
    """If overwriting also fails, only the sync that should erase the removed values reports it. On a full disk it makes room and tries once
    more."""
    for durability in ["process", "power"]:
        run, _ = judged(numbers, rule + " pwrite@1+=EIO", durability)
        assert run.fired and {what for what, _ in failures(run)} == (set() if "ENOSPC" in rule else {"sync"})


@pytest.mark.parametrize("error", ["EINVAL", "ENOTSUP"])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_file_system_that_has_no_sync_of_directories_has_nothing_to_sync(error, durability, numbers):
    run, _ = judged(numbers, f"fsync:directory@1+={error}", durability, allowed={OK})
    assert run.fired


@pytest.mark.parametrize("error", ["EPERM", "ENOTSUP"])
def test_a_mode_that_cannot_be_set_is_no_failure_where_the_file_is_ours_alone(error, numbers):
    run, _ = judged(numbers, f"fchmod@1+={error}", allowed={OK})
    assert run.fired and not any(mark[0] == b"E" and mark[2] == b"6" for mark in run.marks)  # and no event reports a directory that is open


BEGINNINGS = {"empty": b"", "2 bytes": b'["', "40 bytes": b'["5e6cd272",0,"lily-session",1,"a81b6b17', "70 zeros": bytes(70),
              "140 zeros": bytes(140)}


@pytest.mark.parametrize("content", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_a_creation_that_a_crash_cut_short_is_begun_anew(content, numbers):
    """The file has no bytes, half a header, or zeros because blocks were never written. Any call of the new creation may fail or be the
    last one."""
    for rule in ["", "ftruncate@1=EIO", "fchmod@1=EIO", "write@1=ENOSPC", "write@1=tear:60", "any@6=kill", "any@8=kill", "any@10=kill"]:
        path = faults.fresh()
        path.write_bytes(content)
        run = faults.script(path, what="few", rules=rule)
        numbers(faults=len(run.fired) - run.killed, kills=int(run.killed))
        sweep.judge(path, run, {OK, IO, NO_SPACE})


RUINS = {"5000 zeros": bytes(5000), "1 MiB of zeros": bytes(1 << 20)}


@pytest.mark.parametrize("content", RUINS.values(), ids=RUINS.keys())
def test_a_journal_of_which_only_zeros_are_left_is_kept_beside_the_new_one(content, numbers):
    """Something was stored in the journal. The next write begins it anew. Whichever call fails or is the last one then, the file or its copy
    still has what was there. The script removes nothing, because a removal also removes the copy."""
    for rule in ["ftruncate@1=EIO", "write@1=ENOSPC", "openat:tmp@1=EMFILE", "renameat@1=EIO", "any@8=kill", "any@12=kill", "any@16=kill"]:
        path = faults.fresh()
        path.write_bytes(content)
        run = faults.script(path, what="grow", rules=rule)
        numbers(faults=len(run.fired) - run.killed, kills=int(run.killed))
        sweep.judge(path, run, {OK, IO, NO_SPACE}, damage=1)
        copy = path.with_name(path.name + ".damaged")
        assert content in ((path.read_bytes(), copy.read_bytes()) if copy.exists() else (path.read_bytes(),))


def test_what_is_not_a_journal_is_never_written_to(numbers):
    """This holds even while the library meets a fault."""
    content = b"dear diary, this is no journal\n" * 50
    for rule in ["pread@1=EIO", "pread@1=short:5", "pread@1=short:0", "ftruncate@1=none", "statx@2=EIO", "flock@1=EINTR"]:
        path = faults.fresh()
        path.write_bytes(content)
        run = faults.script(path, what="few", rules=rule)
        assert {status for _, status in run.statuses()} <= {REFUSED, IO} and path.read_bytes() == content
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]
