"""S25: what the library answers to each trouble that a server may have."""
import errno
import os
import time

import pytest

import lily
from store import LAZY, Session, Storage, answered, code, eventually, failure, timed

WRITE_FAILED = lily.EVENT_WRITE_FAILED


@pytest.fixture
def scope(server):
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"1")
        yield scope


@pytest.fixture
def configured(look):
    """Returns a function that sets options of the server until the test ends."""
    before = {}

    def configure(**options):
        for name, value in options.items():
            name = name.replace("_", "-")
            before.setdefault(name, look("CONFIG", "GET", name)[1])
            look("CONFIG", "SET", name, value)
    yield configure
    for name, value in before.items():
        look("CONFIG", "SET", name, value)


def test_a_server_that_goes_down_and_comes_back(start, slowest):
    """The update is kept, and stored once the server is back. Meanwhile each call fails at once, and says why."""
    server = start()
    with Storage(server.url, timeout_ms=500) as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0, b=0) as session:
        session.dispatch(a=1)
        server.kill()
        failed, begin = failure(session.dispatch, a=2), time.monotonic()
        assert failed.code == lily.IO and time.monotonic() - begin < 2
        kind, status, system_error, key = session.events[-1]
        assert (kind, status, key) == (WRITE_FAILED, lily.IO, b"a") and system_error in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE), \
            errno.errorcode.get(system_error, system_error)
        assert session.model["a"] == 2 and session.state("a") & lily.STATE_DIRTY
        times = []
        for number in range(50):
            status, took = timed(session.dispatch, b=number + 1)
            assert status == lily.IO
            times.append(took)
        slowest("a call while the server is down", sorted(times)[len(times) // 2])
        assert sorted(times)[len(times) // 2] < 20
        failed = failure(scope.get, b"lily_session_a")
        assert failed.code == lily.IO and f"127.0.0.1:{server.port}".encode() in failed.text, failed
        assert os.strerror(errno.ECONNREFUSED).encode() in failed.text, failed
        server.start()
        _, took = eventually(session.persist)
        slowest("until writes work after the server is back", took)
        assert took < 3000
        assert {key: text for key, (text, _) in scope.each().items()} == {b"lily_session_a": b"2", b"lily_session_b": b"50"}


def test_a_connection_that_was_cut_while_it_was_idle(server, proxy):
    """Nothing was sent yet, so the call may use another connection."""
    with Storage(proxy.url) as storage:
        storage.set(b"a", b"1")
        for number in range(20):
            proxy.cut()
            assert eventually(storage.get, b"a")[0] == b"1"


def test_a_server_that_closes_idle_connections(server, configured, look):
    with Storage(server.url) as storage:
        storage.set(b"a", b"1")
        look("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(0.05)
        assert code(storage.set, b"a", b"2") == lily.OK, "the library can see that the server has closed the connection"


def test_restarts_do_not_bring_a_wrong_generation(start):
    """A server that has lost everything has no generation any more, which must not block writes."""
    server = start()
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        session.dispatch(a=1)
        scope.clear()
        session.dispatch(a=2)
        server.kill()
        server.start()
        eventually(session.dispatch, a=3)
        session.refresh()
        session.dispatch(a=4)
        assert scope.get(b"lily_session_a") == b"4"


def test_memory_is_used_up(scope, configured, look):
    configured(maxmemory_policy="noeviction", maxmemory=1)
    with Session(scope, a=0) as session:
        failed = failure(session.dispatch, a=5)
        assert failed.code == lily.NO_SPACE and session.events[-1][:2] == (WRITE_FAILED, lily.NO_SPACE), failed
        assert scope.get(b"lily_session_a") == b"1"
        scope.clear()
        assert scope.get(b"lily_session_a") is None
        configured(maxmemory=0)
        session.dispatch(a=6)
        assert scope.get(b"lily_session_a") == b"6"


def test_the_server_cannot_save(start, tmp_path):
    """MISCONF: the server refuses writes because its disk does."""
    server = start(save="3600 1")
    with Storage(server.url) as storage, server.client() as look:
        storage.set(b"lily_session_a", b"1")
        gone = tmp_path / "gone"
        gone.mkdir()
        look("CONFIG", "SET", "dir", gone)
        gone.rmdir()
        look("BGSAVE")
        deadline = time.monotonic() + 10
        while look.info("persistence")["rdb_last_bgsave_status"] != "err":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert code(storage.set, b"lily_session_a", b"2") == lily.NO_SPACE
        assert storage.get(b"lily_session_a") == b"1"


def test_a_replica_refuses_writes(start):
    """READONLY: by its own address a replica is asked again until the time is over. Reading works."""
    primary = start(repl_diskless_sync_delay=0)
    replica = start(replicaof=f"127.0.0.1 {primary.port}")
    with replica.client() as look:
        deadline = time.monotonic() + 20
        while look.info("replication")["master_link_status"] != "up":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with Storage(replica.url, timeout_ms=300, flags=LAZY) as storage:
            assert answered(storage.set, b"a", b"1") == lily.BUSY
            look("REPLICAOF", "NO", "ONE")
            eventually(storage.set, b"a", b"1")
            assert storage.get(b"a") == b"1"


def test_a_replica_that_has_lost_its_primary(start, dead_port):
    """MASTERDOWN: it does not even read."""
    replica = start(replicaof=f"127.0.0.1 {dead_port}", replica_serve_stale_data="no")
    with Storage(replica.url, timeout_ms=300, flags=LAZY) as storage:
        assert answered(storage.get, b"a") == lily.BUSY
        assert answered(storage.set, b"a", b"1") == lily.BUSY


def test_a_server_that_loads(start):
    """LOADING: opening says that it is too early, and with LAZY the calls do. They work once the server has loaded."""
    server = start(rdbcompression="no")
    with server.client() as client:
        client("DEBUG", "POPULATE", 1000, "key", 100)
        client("SAVE")
    server.kill()
    with server.configuration.open("a") as file:
        file.write("key-load-delay 2000\nloading-process-events-interval-bytes 1024\n")
    server.start(wait=False)
    assert answered(Storage, server.url, timeout_ms=700) == lily.BUSY
    with Storage(server.url, timeout_ms=700, flags=LAZY) as storage:
        assert answered(storage.set, b"a", b"1") == lily.BUSY
        eventually(storage.set, b"a", b"1")
        assert storage.get(b"a") == b"1"


def test_a_script_that_runs_for_ever(start):
    """BUSY: another program's script blocks the server, which replies so after a while."""
    server = start(lua_time_limit=50)
    with Storage(server.url, timeout_ms=400) as storage:
        storage.set(b"a", b"1")
        with server.client() as client, server.client() as other:
            client.send("EVAL", "while true do end", 0)
            time.sleep(0.2)
            failed, begin = failure(storage.get, b"a"), time.monotonic()
            assert failed.code in (lily.BUSY, lily.IO) and time.monotonic() - begin < 2
            other("SCRIPT", "KILL")
        eventually(storage.get, b"a")


def test_a_password_that_was_changed(start):
    server = start(requirepass="SECRETVALUE")
    with Storage(server.url) as storage:
        storage.set(b"a", b"1")
        with server.client() as client:
            client("CONFIG", "SET", "requirepass", "SECRETVALUE2")
            client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        failed = failure(storage.get, b"a")
        assert failed.code == lily.PERMISSION and b"SECRETVALUE" not in failed.text, failed
    assert failure(Storage, server.url).code == lily.PERMISSION


def test_rights_that_were_taken_away(server, scope, look):
    look("ACL", "SETUSER", "shop", "reset", "on", "nopass", "~*", "&*", "+@all")
    with Storage(f"redis://shop:x@127.0.0.1:{server.port}") as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        session.dispatch(a=2)
        look("ACL", "SETUSER", "shop", "resetkeys", "~other:*")
        failed = failure(session.dispatch, a=3)
        assert failed.code == lily.PERMISSION and session.events[-1][:2] == (WRITE_FAILED, lily.PERMISSION), failed
        look("ACL", "SETUSER", "shop", "~*")
        eventually(session.persist)
        assert scope.get(b"lily_session_a") == b"3"
    look("ACL", "DELUSER", "shop")


def test_no_connection_is_left(start):
    """The server has as many clients as it lets in."""
    server = start(maxclients=40)
    clients = []
    try:
        while True:
            clients.append(server.client())
            clients[-1]("PING")
    except Exception:  # the server refuses by an error or by the end of the connection
        pass
    assert code(Storage, server.url, timeout_ms=300) in (lily.IO, lily.BUSY)
    for client in clients:
        client.close()
    with Storage(server.url) as storage:
        storage.set(b"a", b"1")


def test_a_message_names_no_value(scope, look, configured):
    configured(maxmemory_policy="noeviction", maxmemory=1)
    failed = failure(scope.set, b"lily_session_a", b'"SECRETVALUE"')
    assert failed.code == lily.NO_SPACE and failed.text and b"SECRETVALUE" not in failed.text and b"\n" not in failed.text
