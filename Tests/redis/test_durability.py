"""S12, S25: what was acknowledged is still there after the server was killed, and what may be lost is told."""
import random
import threading
import time

import pytest

import lily
from conftest import LONG
from store import LAZY, Session, Storage, code, eventually

ALWAYS = {"appendonly": "yes", "appendfsync": "always"}
EVERYSEC = {"appendonly": "yes", "appendfsync": "everysec"}


class Writer:
    """Counts up a value of its own in a thread, and remembers the last one that was acknowledged."""

    def __init__(self, url, name, **options):
        self.key, self.acknowledged, self.tried, self.statuses = b"lily_session_" + name, 0, 0, {}
        self.stop, self.url, self.options = threading.Event(), url, {"timeout_ms": 500, **options}
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        with Storage(self.url, flags=LAZY, **self.options) as storage, storage.scoped(b"user:1") as scope:
            while not self.stop.is_set():
                self.tried += 1
                status = code(scope.set, self.key, b"%d" % self.tried)
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == lily.OK:
                    self.acknowledged = self.tried

    def end(self):
        self.stop.set()
        self.thread.join()
        return self.acknowledged


def kill_and_compare(start_writers, kill, url, restart):
    """Kills the server while writers are at work. Returns how many values were acknowledged, and which were lost."""
    writers = start_writers()
    until = time.monotonic() + 10
    while not all(writer.acknowledged for writer in writers) and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(random.random() * 0.2)
    kill()
    for writer in writers:
        writer.end()
    restart()
    with Storage(url, timeout_ms=5000) as storage, storage.scoped(b"user:1") as scope:
        lost = [(writer.key, writer.acknowledged) for writer in writers if int(scope.get(writer.key) or 0) < writer.acknowledged]
        scope.clear()
    return sum(writer.acknowledged for writer in writers), lost


@pytest.mark.parametrize("program", ["redis-server", "valkey-server"])
def test_kills_with_appendfsync_always(start, numbers, program):
    server = start(program, **ALWAYS)
    for _ in range(60 if LONG else 2):
        acknowledged, lost = kill_and_compare(
            lambda: [Writer(server.url, b"a"), Writer(server.url, b"b", durability=lily.POWER)], server.kill, server.url, server.start)
        numbers(kills_of_servers=1, writes_before_kills=acknowledged, lost=len(lost))
        assert acknowledged > 0 and not lost


def test_kills_with_appendfsync_everysec_and_power(start, numbers):
    """WAITAOF waits until the server has synced. Redis 7.0 does not have it, Valkey has."""
    server = start("valkey-server", **EVERYSEC)
    for _ in range(10 if LONG else 1):
        acknowledged, lost = kill_and_compare(lambda: [Writer(server.url, b"a", durability=lily.POWER, timeout_ms=3000)], server.kill,
                                              server.url, server.start)
        numbers(kills_of_servers=1, writes_before_kills=acknowledged, lost=len(lost))
        assert acknowledged > 0 and not lost


def test_power_is_acknowledged_only_if_it_is_so(start):
    """POWER: OK with appendfsync always, otherwise NOT_DURABLE where the server cannot be asked to sync."""
    for settings, expected in [(ALWAYS, lily.OK), (EVERYSEC, lily.NOT_DURABLE), ({}, lily.NOT_DURABLE)]:
        server = start(**settings)
        with Storage(server.url, durability=lily.POWER) as storage, storage.scoped(b"user:1") as scope:
            assert storage.info().durability == lily.POWER
            assert code(scope.set, b"lily_session_a", b"1") == expected
            assert scope.get(b"lily_session_a") == b"1", "NOT_DURABLE means that it is stored"
            assert code(scope.modify, b"lily_session_a", lambda _: b"2") == expected
            assert code(scope.remove, b"lily_session_a") == expected
            assert code(scope.clear) == expected
            assert code(scope.sync) == expected
            with Session(scope, a=0) as session:
                assert code(session.dispatch, a=1) == expected
                assert not session.state("a") & lily.STATE_DIRTY
                assert [event[0] for event in session.events] == ([] if expected == lily.OK else [11])


def test_power_by_waitaof(start):
    server = start("valkey-server", **EVERYSEC)
    with Storage(server.url, durability=lily.POWER, timeout_ms=5000) as storage:
        storage.set(b"lily_session_a", b"1")
    server.kill()
    server.start()
    with Storage(server.url) as storage:
        assert storage.get(b"lily_session_a") == b"1"


def test_process_is_acknowledged_at_once(start):
    for settings in ({}, EVERYSEC, ALWAYS):
        server = start(**settings)
        with Storage(server.url) as storage:
            storage.set(b"lily_session_a", b"1")
            assert storage.info().durability == lily.PROCESS
            assert code(storage.sync) == (lily.OK if settings is ALWAYS else lily.NOT_DURABLE)


def test_replicas(start):
    """WAIT: NOT_DURABLE says that too few replicas have the write in time. It is stored all the same."""
    primary = start(repl_diskless_sync_delay=0)
    with Storage(primary.url, replicas=1, timeout_ms=200) as storage:
        begin = time.monotonic()
        assert code(storage.set, b"lily_session_a", b"1") == lily.NOT_DURABLE and time.monotonic() - begin < 2
        assert storage.get(b"lily_session_a") == b"1"
    replica = start(replicaof=f"127.0.0.1 {primary.port}")
    with replica.client() as client:
        deadline = time.monotonic() + 20
        while client.info("replication")["master_link_status"] != "up":
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with Storage(primary.url, replicas=1, timeout_ms=3000) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"2")
        with replica.client() as client:
            assert client.hash("lily:{user:1}")[b"a"] == b"2", "the replica has it when the call has returned"
        scope.clear()
        with replica.client() as client:
            assert b"a" not in client.hash("lily:{user:1}")
        replica.stop()
        begin = time.monotonic()
        assert code(scope.set, b"lily_session_a", b"3") == lily.NOT_DURABLE and time.monotonic() - begin < 6
        replica.go_on()


@pytest.mark.parametrize("settings", [{}, EVERYSEC], ids=["no AOF", "everysec"])
def test_the_library_works_on_after_a_kill(start, settings):
    """What the server itself loses is lost, but nothing is wrong then: the next update is stored."""
    server = start(**settings)
    with Storage(server.url, timeout_ms=300) as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        for number in range(1, 4):
            session.dispatch(a=number)
            server.kill()
            server.start()
            eventually(session.dispatch, a=number * 10)
            eventually(session.persist)
            assert scope.get(b"lily_session_a") == b"%d" % (number * 10)
