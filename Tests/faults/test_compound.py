"""Lets a fault meet what another fault left: fragments that cannot be cut off, a rewriting that stopped half-way, damage."""
import shutil

import pytest

import faults
import journal
import oracle
import sweep
from faults import IO, LONG, NO_SPACE, NOT_DURABLE, OK, PERMISSION

SHORT = [1, 12, 13, -1]  # cut before the check, at its end, one byte further, and before the newline


def judge_all(numbers, runs, allowed, damage=0, stored=None):
    """Judges every run, and reports all that are wrong together. `runs` yields (what it is, path, run)."""
    wrongs, count = [], 0
    for what, path, run in runs:
        count += 1
        numbers(**{"kills" if run.killed else "faults": 1 if run.killed else len(run.fired)})
        try:
            yield what, path, run, sweep.judge(path, run, allowed, stored, damage)
        except oracle.Wrong as wrong:
            wrongs.append(f"{what}: {wrong}")
    numbers(wrong=len(wrongs))
    assert count, "it never happened"
    assert not wrongs, f"{len(wrongs)} of {count}:\n" + "\n".join(wrongs[:12])


def written_shorter(durability, then):
    """Yields runs in which the n-th line comes out short and the call after it fails, for n = 1, 2, …"""
    for length in SHORT:
        for error in ["ENOSPC", "EIO"]:
            # A header without its last newline is a whole copy and a torn one. If it stays, it is taken for a journal that was cut.
            at = 2 if length == -1 and "ftruncate" in then else 1
            while True:
                rule = f"write@{at}=short:{length}>write@1={error}{then}"
                path = faults.fresh()
                run = faults.script(path, durability, rules=rule)
                if 1 not in run.fired:
                    break
                yield rule, path, run
                at += 1 if LONG else 4


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_line_that_comes_out_short_is_cut_back(durability, numbers):
    """No handle ever sees any part of the line, not even as damage."""
    allowed = {OK, NO_SPACE, IO}
    for _ in judge_all(numbers, written_shorter(durability, ""), allowed):
        pass


@pytest.mark.parametrize("then", [">ftruncate@1=EIO", ">ftruncate@1=EIO>pread@1=EIO", ">ftruncate@1=EIO>statx@1=EIO",
                                  ">ftruncate@1=EIO>flock@1=ENOLCK"])
def test_a_fragment_that_could_not_be_cut_back_is_cut_off_by_the_next(then, numbers):
    for _ in judge_all(numbers, written_shorter("process", then), {OK, NO_SPACE, IO}):
        pass


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_fragment_that_cannot_be_cut_off_at_all_spoils_nothing(durability, numbers):
    """The fragment becomes a damaged line of its own. What was refused does not come back, and what is acknowledged later is there."""
    for _ in judge_all(numbers, written_shorter(durability, ">ftruncate@1+=EIO"), {OK, NO_SPACE, IO}, damage=1):
        pass


def torn(length):
    """Makes a journal whose writer was killed in the middle of a line. Returns its path and what is stored in it."""
    path = faults.fresh()
    run = faults.script(path, rules=f"write@5=tear:{length}")
    assert run.killed
    return path, oracle.walk(run.marks)[-1][0]  # without the update that was cut short


@pytest.mark.parametrize("length", SHORT + [4096])
@pytest.mark.parametrize("rule, damage, allowed", [
    ("", 0, {OK}),
    ("ftruncate@1=EIO", 1, {OK}),
    ("ftruncate@1+=EIO", 1, {OK}),
    ("ftruncate@1+=EIO>write@1=EIO", 1, {OK, IO}),
    ("pread@1=EIO", 0, {OK, IO}),
    ("pread@2=EIO", 0, {OK, IO}),
    ("ftruncate@1=kill", 0, {OK}),
    ("ftruncate@1=EIO>write@1=kill-after", 1, {OK}),
])
def test_a_later_process_meets_a_fragment_and_a_fault(length, rule, damage, allowed, numbers):
    path, stored = torn(length)
    run = faults.script(path, what="few", rules=rule)
    for _, _, _, found in judge_all(numbers, [(rule, path, run)], allowed, damage, stored):
        data = path.read_bytes()
        assert data.endswith(b"\n") and found.damaged <= damage


def rewriting(actions, what, durability="process"):
    """Yields each call from the one that makes the new file on."""
    for action in actions:
        for rule, path, run in sweep.points("any", f"={action}", durability, what, stride=1 if LONG else 12, after="openat:tmp@1=none>"):
            yield rule, path, run


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_compactor_that_is_killed_leaves_one_whole_file_or_the_other(durability, numbers):
    """What a killed compactor leaves of the new file is never read, and the next rewriting removes it."""
    left = []

    def killed():
        for rule, path, run in rewriting(["kill", "kill-after"], "everything", durability):
            left.append(any(path.parent.glob(path.name + ".*.tmp")))
            yield rule, path, run
    for _, path, run, found in judge_all(numbers, killed(), {OK}):
        stale = journal.temporary(path, journal.read(path.read_bytes()).salt)
        stale.write_bytes(b"not to be read\n")
        shown = {**found.shown, b"probe": b'"probe"'}
        again = faults.script(path, durability, "few")
        oracle.walk(again.marks, shown)
        faults.script(path, durability, "everything")  # rewrites
        assert not stale.exists()
    assert sum(left) > 2


def test_a_compactor_that_an_update_sets_off_is_killed(numbers):
    """Past 4 MiB the update itself rewrites the file, without waiting for a sync."""
    runs = sweep.points("any", "=kill", "process", "grow", stride=2 if LONG else 4, after="openat:tmp@1=none>")
    for _ in judge_all(numbers, (one for one, _ in zip(runs, range(20 if LONG else 5))), {OK}):
        pass


@pytest.mark.parametrize("call, error", [
    ("openat:tmp", "EMFILE"), ("openat:tmp", "ENOSPC"), ("openat:tmp", "EACCES"), ("fchmod:tmp", "EPERM"), ("write:tmp", "ENOSPC"),
    ("write:tmp", "EIO"), ("fsync:tmp", "EIO"), ("fsync:tmp", "ENOSPC"), ("renameat:tmp", "EACCES"), ("renameat:tmp", "EXDEV"),
    ("renameat:tmp", "EIO")])
@pytest.mark.parametrize("forever", ["", "+"])
def test_rewriting_that_fails_leaves_the_old_file(call, error, forever, numbers):
    """Nothing is left of the new file, and the old one is whole. What was removed is overwritten in the old file, so that nothing is
    reported. If even that fails, only the call that asked for it reports why the removed values are still there. Other users' rights to the
    new file are not a reason."""
    path = faults.fresh()
    list(judge_all(numbers, [(f"{call} {error}", path, faults.script(path, rules=f"{call}@1{forever}={error}"))], {OK}))
    assert not any(path.parent.glob(path.name + ".*.tmp"))
    path = faults.fresh()
    run = faults.script(path, rules=f"{call}@1{forever}={error} pwrite@1+=EIO", calls=True)
    assert not any(path.parent.glob(path.name + ".*.tmp"))  # this is checked before anything else rewrites the file
    told = OK if call.startswith("fchmod") else sweep.STATUS.get(error, IO)
    list(judge_all(numbers, [(f"{call} {error}", path, run)], {OK, told}))
    failed = [what for what, status in run.statuses() if status != OK]
    assert set(failed) <= {"sync", "flush"}
    if forever:
        assert (told == OK) == (not failed)


NOT_REWRITTEN = "openat:tmp@1+=EACCES>"


@pytest.mark.parametrize("call, actions", [("pwrite", ["kill", "kill-after", "tear:1", "tear:20", "tear:-1"]), ("fcntl", ["kill", "kill-after"]),
                                           ("fdatasync", ["kill", "kill-after"])])
def test_a_process_that_is_killed_while_it_overwrites(call, actions, numbers):
    """No stored value is lost. If only a part of a line was overwritten, that line is damaged, and held no stored value."""
    for action in actions:
        runs = sweep.points(call, f"={action}", "process", after=NOT_REWRITTEN)
        for _ in judge_all(numbers, runs, {OK}, damage=1 if "tear" in action else 0):
            pass


@pytest.mark.parametrize("rule", ["pwrite@1=EIO", "pwrite@2=EIO", "pwrite@1=short:7", "pwrite@2=EINTR", "fcntl@1=EPERM", "fcntl@2=EPERM", "fdatasync@1=EIO"])
def test_overwriting_that_fails_costs_nothing(rule, numbers):
    path = faults.fresh()
    run = faults.script(path, rules=NOT_REWRITTEN + rule)
    list(judge_all(numbers, [(rule, path, run)], {OK, IO, PERMISSION, NOT_DURABLE}))
    assert len(run.fired) == 2


def test_an_update_that_cannot_rewrite_is_stored_all_the_same(numbers):
    path = faults.fresh()
    run = faults.script(path, what="grow", rules="write:tmp@1+=ENOSPC")
    list(judge_all(numbers, [("past 4 MiB", path, run)], {OK}))
    assert 0 in run.fired


def damaged_journal():
    """Makes a journal of 110 KB with a damaged line, which the next opening rewrites. Returns its folder and what is stored."""
    folder = faults.scratch() / "damaged"
    if not folder.exists():
        path = faults.fresh()
        faults.script(path, what="fat")
        data = bytearray(path.read_bytes())
        data[20_000] ^= 1
        path.write_bytes(data)
        shutil.copytree(path.parent, folder)
        path.write_bytes(data)
        damaged_journal.stored = faults.check(path).shown
        assert len(damaged_journal.stored) == 2 and path.read_bytes()[:70] != data[:70]  # opening rewrote it
    return folder, damaged_journal.stored


def prepared(rule):
    folder, stored = damaged_journal()
    path = faults.fresh()
    shutil.copy(folder / path.name, path)
    return path, stored, faults.script(path, what="few", rules=rule)


@pytest.mark.parametrize("action", ["=kill", "=kill-after", "=EIO", "=ENOSPC"])
def test_a_damaged_file_is_kept_whole_before_it_is_rewritten(action, numbers):
    """Whatever happens on the way, the file is the one that was there, or a copy of that is beside it."""
    original = (damaged_journal()[0] / "s.jsonl").read_bytes()
    calls = ["any"] if "kill" in action else ["openat", "write", "fsync", "renameat", "unlinkat", "pread", "fchmod"]
    kept = count = 0
    for call in calls:
        at = 1
        while True:
            path, stored, run = prepared(f"{call}@{at}{action}")
            if not run.fired:
                break
            count += 1
            allowed = {OK} if "kill" in action else {OK, IO, NO_SPACE, NOT_DURABLE}
            copy = path.with_name(path.name + ".damaged")
            now = path.read_bytes()
            has_removed = any(mark[0] == b"B" and mark[3] == b"remove" for mark in run.marks)  # it is removed from the copy, too
            if now[:70] != original[:70]:
                kept += 1
                assert has_removed or copy.read_bytes().startswith(original), f"{call}@{at}{action}: rewritten, and not kept"
            else:
                assert now.startswith(original)
            list(judge_all(numbers, [(f"{call}@{at}{action}", path, run)], allowed, 2, stored))  # the damaged line, and the gap
            at += 1 if LONG or call != "any" else 3
    assert kept and (count > kept or "kill" not in action)  # a program that is not killed tries again, and ends with a new file
