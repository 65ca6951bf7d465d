"""Loses power at every point of what the library did, and tries everything that a disk may hold then.

With POWER, every acknowledged update is there, in every state. With PROCESS, the store has the state after some update, and
everything that a sync acknowledged. With both, nothing is there that was never stored, and programs can go on with the store.
"""
import random
import shutil

import pytest

import faults
import oracle
import powerloss
from faults import LONG

SAMPLES = 12 if LONG else 2
MOST = 100_000 if LONG else 700


def record(durability, rules="", what="everything"):
    trace = faults.scratch() / "trace"
    trace.unlink(missing_ok=True)
    run = faults.script(faults.fresh(), durability, what, rules, trace=trace, calls=True)
    assert run.status == 0 and not run.stderr
    return run, trace.read_bytes()


def list_states(trace, durability, rng, every):
    """Yields the states that a trace may leave, each once for each promise."""
    seen, states = set(), []
    for state, is_beginning, is_new, promise, where in powerloss.crashes(trace, durability == "power", rng, SAMPLES, every):
        key = (hash(tuple(sorted(state.items()))), promise.safe, len(promise.states))
        if key not in seen:
            seen.add(key)
            states.append((state, is_beginning, is_new, promise.now(), where))
    return states


def replay(numbers, trace, durability, seed=1, most=MOST, every=1):
    """Checks the states of a trace, or a sample of them if there are many."""
    rng = random.Random(seed)
    folder = faults.scratch() / "disk"
    wrongs, refused = [], 0
    states = list_states(trace, durability, rng, every)
    if len(states) > most:
        states = rng.sample(states, most)
    for state, is_beginning, is_new, promise, where in states:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in state.items():
            (folder / name).write_bytes(content)
        try:
            if not promise.check(faults.check(folder / "s.jsonl"), is_beginning, is_new):
                refused += 1
                assert (folder / "s.jsonl").read_bytes() == state["s.jsonl"], "what is not recognised was changed"
        except oracle.Wrong as wrong:
            wrongs.append(f"{where}: {wrong}")
    numbers(power_loss_states=len(states), lost=len(wrongs), refused_before_the_first_sync=refused)
    assert not wrongs, f"{len(wrongs)} of {len(states)}:\n" + "\n".join(wrongs[:12])
    return len(states)


@pytest.mark.parametrize("durability", ["process", "power"])
def test_power_is_lost_at_every_point(numbers, durability):
    _, trace = record(durability)
    assert replay(numbers, trace, durability) >= 90


@pytest.mark.parametrize("durability", ["process", "power"])
def test_power_is_lost_where_what_was_removed_is_overwritten(numbers, durability):
    """What shared a line with the overwritten value was synced in another line before."""
    run, trace = record(durability, rules="openat:tmp@1+=EACCES")
    assert any(operation.name == "overwrite" for operation in powerloss.read_trace(trace))
    assert replay(numbers, trace, durability) >= 90


@pytest.mark.parametrize("durability", ["process", "power"])
def test_power_is_lost_under_two_processes(numbers, durability):
    """Each process rewrites the file under the other, so that each acknowledges what it writes to a file that it did not make."""
    run, trace = record(durability, what="shared")
    processes = {operation.arguments[0].split(".")[0] for operation in powerloss.read_trace(trace) if operation.name == "write"}
    assert len(processes) == 2 and sum(call == ("renameat", "tmp") for call in run.calls) >= 2
    assert replay(numbers, trace, durability) >= 90


@pytest.mark.parametrize("rule", [
    "fdatasync:journal@{}=EIO", "fsync:tmp@{}=EIO", "fsync:directory@{}=EIO", "renameat@{}=none>fsync:directory@1+=EIO"])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_power_is_lost_after_a_sync_failed_in_one_of_two_processes(numbers, durability, rule):
    replay_each(numbers, durability, rule, "shared")


@pytest.mark.parametrize("rule", [
    "fdatasync:journal@{}=EIO", "fdatasync:journal@{}+=EIO", "fsync:tmp@{}=EIO", "fsync:tmp@{}+=EIO", "fsync:directory@{}=EIO",
    "fsync:directory@{}+=EIO", "fdatasync:journal@{}=EIO>fsync:tmp@1=EIO", "fdatasync:journal@{}=EIO>renameat@1=EIO",
    "fdatasync:journal@{}=EIO>fsync:directory@1=EIO"])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_power_is_lost_after_a_sync_failed(numbers, durability, rule):
    """The pages of a sync that failed stay zeros on disk, though programs still read what was written. A program that syncs the same file
    again and trusts the result loses data. If the sync of a directory failed, no handle acknowledges what depends on it."""
    replay_each(numbers, durability, rule, "everything")


def replay_each(numbers, durability, rule, what):
    """Replays the traces of the rule at the first such call, at the second, and so on."""
    at, count = 1, 0
    while True:
        run, trace = record(durability, rule.format(at), what)
        if len(run.fired) < 1 + rule.count(">"):
            break
        count += replay(numbers, trace, durability, seed=at, most=160 if LONG else 40, every=1 if LONG else 8)
        numbers(faults=len(run.fired))
        at += 1 if LONG else 3 if at > 1 else 1
    assert count or rule.count(">") or durability == "power" and ":tmp" in rule
