"""Tests real file systems: full ones, and one of each kind, with kills and faults on it."""
import json
import sys

import pytest

import disks
import faults
import sweep
from faults import LONG, NO_SPACE, OK


def on(kind, what, numbers):
    faults.programs()  # they are built once for all disks
    status, said = disks.run(kind, [sys.executable, faults.HERE / "on_disk.py", what])
    if status is None:
        pytest.skip(f"not tried on {kind}: {said}")
    assert status == 0, said[-3000:]
    counts = json.loads(said.splitlines()[-1])
    numbers(**counts)
    return counts


@pytest.mark.parametrize("size", ["40k", "64k", "100k", "256k"])
def test_logging_out_works_on_a_full_disk(size, numbers):
    """NO_SPACE changes nothing. Removing and clearing use the reserve. What is stored can be read."""
    on(f"tmpfs:{size}", "fill", numbers)


def test_an_emptied_disk_has_room_again(numbers):
    on("tmpfs:40k", "empty", numbers)


def test_a_reserve_that_is_exhausted_is_said(numbers):
    on("tmpfs:64k", "exhaust", numbers)


@pytest.mark.parametrize("limit", [1, 100, 140, 200, 5000, 20_000, 70_000])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_limit_on_the_size_of_files_is_a_full_disk(limit, durability, numbers):
    """RLIMIT_FSIZE cuts lines at any byte, and SIGXFSZ does not end the process."""
    path = faults.fresh()
    run = faults.script(path, durability, "fill", size_limit=limit)
    numbers(faults=1)
    assert not run.killed
    sweep.judge(path, run, {OK, NO_SPACE, faults.NOT_DURABLE}, is_full=True)
    assert NO_SPACE in [status for _, status in run.statuses()]


# The short run has the two that programs meet most, on machines and in containers.
KINDS = ["ext4", "xfs", "btrfs", "tmpfs", "overlay"] if LONG else ["ext4", "overlay"]


@pytest.mark.parametrize("kind", KINDS)
def test_faults_and_kills_on_each_file_system(kind, numbers):
    counts = on(kind, "sweep", numbers)
    assert counts["kills"] > 20 and counts["faults"] > 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_storm_of_kills_on_each_file_system(kind, numbers):
    assert on(kind, "storm", numbers)["kills"] >= (1000 if LONG else 12)


@pytest.mark.skipif(not LONG, reason="only in the long run")
def test_thousands_of_kills(numbers):
    import on_disk
    counts = on_disk.storm_of_kills(5000, 30)
    numbers(**counts)
