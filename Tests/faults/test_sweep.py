"""Lets every call that the library makes below the journal's directory fail, come out short, or be the last one, in both durabilities.
What was acknowledged is there as a whole. Anything else is there as a whole or not at all. Then everything works again."""
import pytest

import faults
import oracle
import sweep
from faults import LONG, OK, PERMISSION

DURABILITIES = ["process", "power"]


def sweep_through(numbers, runs, allowed, kind):
    wrongs, count = [], 0
    for rule, path, run in runs:
        count += 1
        try:
            # A header without its last newline looks like that of a journal that was cut.
            sweep.judge(path, run, allowed, damage=int(rule == "write@1=tear:-1"))
        except oracle.Wrong as wrong:
            wrongs.append(f"{rule}: {wrong}")
    numbers(**{kind: count}, wrong=len(wrongs))
    assert not wrongs, f"{len(wrongs)} of {count}:\n" + "\n".join(wrongs[:12])
    return count


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("call, error", [(call, error) for call, errors in sweep.ERRORS.items() for error in errors])
def test_a_call_fails_once_and_for_ever(call, error, durability, numbers):
    count = 0
    for forever in ["", "+"] if error not in sweep.ONCE_ONLY else [""]:
        runs = sweep.points(call, f"{forever}={error}", durability)
        count += sweep_through(numbers, runs, sweep.expected(error, call), "faults")
    assert count or call == "ftruncate"  # ftruncate is called only after something has failed


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("action", ["kill", "kill-after"])
def test_SIGKILL_before_and_after_each_call(action, durability, numbers):
    assert sweep_through(numbers, sweep.points("any", f"={action}", durability), {OK}, "kills") > (300 if LONG else 25)


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("call", ["write", "renameat", "fsync"])
def test_SIGKILL_after_each_step_that_changes_the_file(call, durability, numbers):
    """Even the short run tries every such call, because a change that took two steps would then be half done."""
    assert sweep_through(numbers, sweep.points(call, "=kill-after", durability, stride=1), {OK}, "kills") > 2


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("tear", sweep.TEARS)
def test_SIGKILL_in_the_middle_of_each_write(tear, durability, numbers):
    """The next writer cuts the fragment off, and nothing else is lost."""
    assert sweep_through(numbers, sweep.points("write", f"={tear}", durability), {OK}, "kills") > 8


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("action", ["kill", "kill-after", "tear:12"])
def test_SIGKILL_of_one_of_two_processes(action, durability, numbers):
    """The two take turns and rewrite the file under each other. The one that is left goes on as if it had been alone."""
    runs = sweep.points("write" if "tear" in action else "any", f"={action}", durability, "shared")
    assert sweep_through(numbers, runs, {OK}, "kills") > 5


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("call, error", [("write", "ENOSPC"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("renameat", "EIO"), ("flock", "ENOLCK"),
                                         ("openat", "EMFILE"), ("pread", "EIO")])
def test_a_call_fails_in_one_of_two_processes(call, error, durability, numbers):
    assert sweep_through(numbers, sweep.points(call, f"={error}", durability, "shared", stride=1), sweep.expected(error, call), "faults")


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("call, error", [(call, error) for call, errors in sweep.ERRORS.items() for error in errors] + [("mkdirat", "ENOSPC")])
def test_S23_a_call_fails_where_a_scope_is_a_file(call, error, durability, numbers):
    """The file is made, swept while handles and a session have it open, and made again."""
    stride = None if LONG else 2 * sweep.STRIDE.get(call, 2)
    sweep_through(numbers, sweep.points(call, f"={error}", durability, "scope", stride=stride), sweep.expected(error, call), "faults")


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("action", ["kill", "kill-after"])
def test_S23_SIGKILL_where_a_scope_is_a_file(action, durability, numbers):
    stride = None if LONG else 2 * sweep.STRIDE["any"]
    assert sweep_through(numbers, sweep.points("any", f"={action}", durability, "scope", stride=stride), {OK}, "kills") > (300 if LONG else 25)


@pytest.mark.parametrize("call, stride", [("any", sweep.STRIDE["any"]), ("inotify_add_watch", 1)])
def test_S23_a_sweep_comes_at_any_call(call, stride, numbers):
    """It removes nothing but files in which nothing is stored, such as one that has just been made. So no step fails. The sweep itself may find
    the lock of the storage's own file held."""
    at, count = 1, 0
    while True:
        path = faults.fresh()
        run = faults.script(path, what="scope", rules=f"mkdirat@1=none>{call}@{at}=meanwhile", meanwhile=[faults.visit(path, "sweep") + " || true"])
        if len(run.fired) < 2:
            break
        sweep.judge(faults.file_of_scope(path), run, {OK})
        at, count = at + (1 if LONG else stride), count + 1
    numbers(faults=count)
    assert count > 10


@pytest.mark.parametrize("before, never", [("", {"pwrite", "fcntl"}), ("renameat@1+=EACCES>", {"renameat", "fallocate"})],
                         ids=["rewritten", "overwritten"])
@pytest.mark.parametrize("call, error", [(call, errors[0]) for call, errors in sweep.ERRORS.items() if call not in sweep.HARMLESS]
                         + [("getdents64", "EIO"), ("pwrite", "EIO"), ("fcntl", "EACCES")])
def test_a_call_fails_while_values_are_removed(call, error, before, never, numbers):
    """A sync is not OK while a removed value is in the file or beside it. If the file can be rewritten, the short run, too, tries every
    call."""
    runs = sweep.points(call, f"={error}", "process", "erase", stride=None if before else 1, after=before)
    count = sweep_through(numbers, runs, sweep.expected(error, call) | {PERMISSION}, "faults")
    assert count or call in never | {"ftruncate"}


def test_the_script_without_faults(numbers):
    for durability in DURABILITIES:
        path = faults.fresh()
        run = faults.script(path, durability, calls=True)
        found = sweep.judge(path, run, {OK})
        assert not run.killed and len(found.shown) == 4
        made = {call for call, _ in run.calls}
        assert set(sweep.ERRORS) - {"ftruncate"} <= made | {"fdatasync"}, "a call that the sweep means is never made"
