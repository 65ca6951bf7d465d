"""Tests one file system: `on_disk.py fill|empty|exhaust|sweep|storm <folder>`. Prints what it counted, and exits with another status than 0
if something was lost or wrong."""
import json
import os
import pathlib
import random
import sys

import faults
import oracle
import sweep
from faults import LONG, NO_SPACE, NOT_DURABLE, OK

sys.path.append(str(faults.HERE.parent / "journal"))


def fill():
    """Sets keys until the disk is full. Then everything can still be read, and removing and clearing work."""
    kept = 0
    for durability in ["process", "power"]:
        path = faults.fresh()
        run = faults.script(path, durability, "fill")
        sweep.judge(path, run, {OK, NO_SPACE, NOT_DURABLE}, is_full=True)
        puts = [status for _, status in run.statuses("put")]
        kept += puts.count(OK)
        assert puts.count(OK) > 4 and puts[-1] == NO_SPACE, puts
        assert dict(run.statuses("update"))["update"] == NO_SPACE
        told = run.statuses("remove", "clear")
        assert len(told) > 5 and {status for _, status in told} == {OK}, told
        assert all(int(mark[2]) == OK for mark in run.marks if mark[0] == b"V")
    return dict(faults=2, sets_before_the_disk_was_full=kept)


def fill_and_empty():
    """Fills the disk with the journal alone. Once everything is removed, there is room for something else."""
    path = faults.fresh()
    run = faults.script(path, what="fill")
    found = sweep.judge(path, run, {OK, NO_SPACE})
    assert not found.shown, "the disk is too large for the script to empty it again"
    return dict(faults=1)


def exhaust_reserve():
    """Removes one small entry after the other from a full disk, until even that returns NO_SPACE, which changes nothing. This and other
    handles can read what is left, and once there is some room, everything works again."""
    import lily
    path, ballast = faults.fresh(), faults.disk / "ballast"
    ballast.write_bytes(bytes(8192))
    stored = {}
    with lily.Storage(path) as storage, lily.Storage(path) as other:
        def full(call, *arguments):
            before = path.read_bytes()
            try:
                call(*arguments)
            except lily.Failure as failure:
                assert failure.code == NO_SPACE and path.read_bytes() == before
                return True
            return False
        while not full(storage.set, b"k%d" % len(stored), b"1"):
            stored[b"k%d" % len(stored)] = b"1", 0
        count, removed = len(stored), 0
        for key in list(stored):
            if full(storage.remove, key):
                break
            del stored[key]
            removed += 1
        # The reserve is 16 KiB, and a line that removes a key has about 30 bytes.
        assert 300 < removed < count, f"{removed} of {count} were removed"
        assert full(storage.remove, key) and full(other.remove, key) and full(other.set, b"more", b"1")
        assert storage.each() == other.each() == stored and other.get(key) == b"1"
        ballast.unlink()
        storage.remove(key)
        del stored[key]
        try:
            storage.sync()
        except lily.Failure as failure:  # there may be no room for a new file beside the old one
            assert failure.code == NO_SPACE
        assert storage.each() == other.each() == stored
        with lily.Storage(path, lily.STRICT) as again:
            assert again.each() == stored
    return dict(faults=1, removals_from_the_reserve=removed)


def sweep_small():
    """Tries some kills, some torn lines and some failing calls."""
    counts = dict(faults=0, kills=0)
    plan = [("any", "=kill", 49), ("any", "=kill-after", 51), ("write", "=tear:4096", 9), ("write", "=tear:12", 9),
            ("write", "=ENOSPC", 9), ("fdatasync", "=EIO", 2), ("fsync", "=EIO", 2), ("renameat", "=EIO", 1)]
    for durability in ["process", "power"]:
        for call, action, stride in plan:
            allowed = {OK} if "kill" in action or "tear" in action else {OK, NO_SPACE, NOT_DURABLE, faults.IO}
            for rule, path, run in sweep.points(call, action, durability, stride=(stride + 19) // 20 if LONG else stride):
                try:
                    sweep.judge(path, run, allowed)
                except oracle.Wrong as wrong:
                    sys.exit(f"{durability}, {rule}: {wrong}")
                counts["kills" if run.killed else "faults"] += 1
    return counts


def storm_of_kills(wanted, seconds):
    """Kills four processes that write, one of which also rewrites, in rounds of `seconds`, until `wanted` were killed. A busy machine kills
    less often in a round, so the kills are counted and not the time."""
    import lily
    import storm
    counts = dict(kills=0, lost=0, acknowledged=0, rounds_with_a_rewrite=0)
    seed = random.randrange(2**32) if LONG else 1
    while counts["kills"] < wanted or not counts["rounds_with_a_rewrite"]:
        path = faults.fresh()
        workers = [storm.Setter(path, "small", [3, 40, 120, 300]), storm.Setter(path, "pages", [10, 3900, 4096, 5000]),
                   storm.Dispatcher(path, "dispatcher"), storm.Compactor(path, "compactor")]
        lily.Storage(path).close()
        header = path.read_bytes()[:70]
        found, wrongs = storm.run(path, workers, random.Random(seed), seconds)
        if wrongs or found["lost"]:
            sys.exit(f"seed {seed}: " + "; ".join(wrongs))
        for name in ("kills", "lost", "acknowledged"):
            counts[name] += found[name]
        counts["rounds_with_a_rewrite"] += path.read_bytes()[:70] != header
        seed += 1
    assert counts["acknowledged"] > counts["kills"], counts
    return counts


def main():
    what, where = sys.argv[1], pathlib.Path(sys.argv[2])
    os.environ.setdefault("LILY_SESSION_LIBRARY", str(faults.LIBRARY))
    faults.disk = where
    if what == "fill":
        counts = fill()
    elif what == "empty":
        counts = fill_and_empty()
    elif what == "exhaust":
        counts = exhaust_reserve()
    elif what == "sweep":
        counts = sweep_small()
    else:
        counts = storm_of_kills(1000, 30) if LONG else storm_of_kills(12, 1.5)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
