"""SIGKILL in a storm: S12's promise that what was acknowledged survives the death of any process.

LILY_SESSION_LONG=1 lets each storm go on for minutes.
"""
import random
import select
import time

import pytest

import journal
import lily
import storm
import storm_scopes
from conftest import LONG, STORM

SMALL, PAGES, LARGE = [3, 40, 120, 300], [10, 3900, 4096, 5000], [200, 20_000, 90_000]


def weather(path, workers, seconds, numbers, capsys, seed, **more):
    if LONG:
        seed = random.randrange(2**32)
    counts, wrongs = storm.run(path, workers, random.Random(seed), 120 if LONG else seconds * STORM, **more)
    numbers(kills=counts["kills"], acknowledged_under_SIGKILL=counts["acknowledged"], lost=counts["lost"],
            found_though_not_acknowledged=counts["found_though_not_acknowledged"], rewrites_seen=counts["rewrites_seen"],
            storm_polls=counts["polls"])
    with capsys.disabled():
        print("", ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items()), f"(seed {seed})")
    assert not wrongs
    assert counts["lost"] == 0
    assert counts["acknowledged"] > counts["kills"] > 0  # a storm in which nothing happened proves nothing
    return counts


def test_S12_SIGKILL_storm_while_the_file_is_rewritten(path, numbers, capsys):
    workers = [storm.Setter(path, "small", SMALL), storm.Setter(path, "pages", PAGES), storm.Dispatcher(path, "dispatcher"),
               storm.Compactor(path, "compactor"), storm.Reader(path, "reader")]
    counts = weather(path, workers, 6, numbers, capsys, seed=1)
    assert counts["rewrites_seen"] > 0 and counts["polls"] > 0


def test_S12_SIGKILL_storm_past_4_MiB(path, numbers, capsys):
    """Nobody syncs and few open the file, so that it grows until an update rewrites it."""
    workers = [storm.Setter(path, "large", LARGE), storm.Setter(path, "pages", PAGES), storm.Setter(path, "small", SMALL),
               storm.Dispatcher(path, "dispatcher")]
    counts = weather(path, workers, 12, numbers, capsys, seed=2, pause=0.5)
    assert counts["rewrites_seen"] > 0


def test_S12_SIGKILL_tears_a_line(path, numbers):
    """One writer of long lines, killed while it writes: the next one cuts off what was torn, and loses nothing of its own.
    How many lines are torn depends on the file system; on some no line is."""
    worker, rng, torn, kills = storm.Setter(path, "torn", [3000, 5000, 9000]), random.Random(3), 0, 0
    end = time.monotonic() + (60 if LONG else 4 * STORM)
    with lily.Storage(path) as storage:
        while time.monotonic() < end:
            worker.start()
            select.select([worker.pipe], [], [])  # it has begun to write
            time.sleep(rng.random() * 0.002)
            worker.kill()
            kills += 1
            with path.open("rb") as file:
                file.seek(-1, 2)
                torn += file.read() != b"\n"
            storage.set(b"own", b"%d" % kills)
            assert not worker.verify(storage.get) and storage.get(b"own") == b"%d" % kills
            if kills % 20 == 0:
                with lily.Storage(path, lily.STRICT) as fresh:
                    assert fresh.each() == storage.each()
    numbers(kills=kills, torn_lines=torn, lost=worker.lost, acknowledged_under_SIGKILL=worker.acknowledged)
    assert worker.lost == 0 and kills > 0


@pytest.mark.parametrize("seed", [0])
def test_S12_SIGKILL_at_the_first_opening(path, numbers, seed):
    """The creation of the file is cut short again and again. The next process begins it anew, and loses nothing that was acknowledged."""
    rng, made = random.Random(seed), 0
    for _ in range(3000 if LONG else 150):
        worker = storm.Setter(path, "first", SMALL)
        worker.start()
        pause = time.monotonic() + rng.random() * 0.004
        while time.monotonic() < pause:
            pass
        worker.kill()
        made += path.exists()
        if path.exists():
            assert journal.read(path.read_bytes()).damage == 0
        # Killed between making it and writing to it: nobody can tell that from a store that was emptied.
        with lily.Storage(path, 0 if path.exists() and path.stat().st_size == 0 else lily.STRICT) as storage:
            assert not worker.verify(storage.get) and worker.lost == 0
            storage.set(b"x", b"1")
        with lily.Storage(path, lily.STRICT) as storage:
            assert storage.get(b"x") == b"1"
        path.unlink()
    assert made
    numbers(kills=_ + 1)


def test_S23_SIGKILL_storm_with_sweeps(path, numbers, capsys):
    """What a user has stored is there, and what a user has cleared does not come back, although sweeps remove files at any moment."""
    workers = [storm_scopes.Users(path, "a"), storm_scopes.Users(path, "b"), storm_scopes.Guests(path, "guests"),
               storm_scopes.Sweeper(path, "first"), storm_scopes.Sweeper(path, "second")]
    seed = random.randrange(2**32) if LONG else 4
    counts, wrongs = storm_scopes.run(path, workers, random.Random(seed), 180 if LONG else 6 * STORM)
    numbers(kills=counts["kills"], acknowledged_under_SIGKILL=counts["acknowledged"], lost=counts["lost"], scopes_swept=counts["swept"])
    with capsys.disabled():
        print("", ", ".join(f"{name} {count}" for name, count in counts.items()), f"(seed {seed})")
    assert not wrongs
    assert counts["lost"] == 0 and counts["swept"] > 0 and counts["acknowledged"] > counts["kills"] > 0
