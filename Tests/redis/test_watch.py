"""S10, S25: the descriptor that says that something was changed by another program."""
import select
import time

import pytest

import lily
from store import LAZY, Session, Storage, code


@pytest.fixture
def storage(either):
    with Storage(either.url) as storage:
        yield storage


@pytest.fixture
def other(either):
    """A scope as another program has it."""
    with Storage(either.url) as storage, storage.scoped(b"user:1") as scope:
        yield scope


@pytest.fixture
def session(storage):
    """A session that is watched."""
    with storage.scoped(b"user:1") as scope, Session(scope, a=0, b=0) as session:
        assert scope.fd() >= 0
        session.scope = scope
        session.dispatch(a=1)
        session.refresh()
        assert not _wakes(scope, 0.1)
        yield session


def _wakes(storage, seconds=5):
    """Returns true if the descriptor becomes readable within this time."""
    return bool(select.select([storage.fd()], [], [], seconds)[0])


def _is_quiet(session):
    session.refresh()
    return not _wakes(session.scope, 0.1)


def test_a_foreign_change_wakes(session, other):
    for number in range(5):  # more than once: tracking is used up by each change, and must be renewed
        other.set(b"lily_session_a", b"%d" % (number + 10))
        assert _wakes(session.scope)
        session.refresh()
        assert session.model["a"] == number + 10
        assert _is_quiet(session)


def test_an_own_change_does_not_wake(session):
    for number in range(5):
        session.dispatch(a=number + 2)
        session.touch("a")
        assert not _wakes(session.scope, 0.1)


def test_a_foreign_change_wakes_after_own_changes(session, other):
    """The server forgets a key that was changed, whoever did, so each write must make it remember again."""
    for number in range(5):
        session.dispatch(a=number + 2)
        session.dispatch(b=number + 2)
        assert not _wakes(session.scope, 0.05)
        other.set(b"lily_session_b", b"%d" % (number + 50))
        assert _wakes(session.scope)
        session.refresh()
        assert session.model["b"] == number + 50


def test_it_stays_readable_until_the_session_has_refreshed(session, other):
    other.set(b"lily_session_a", b"5")
    assert _wakes(session.scope)
    assert _wakes(session.scope, 0)
    session.scope.get(b"lily_session_a")
    assert _wakes(session.scope, 0), "a get is no refresh"
    session.dispatch(b=9)
    assert _wakes(session.scope, 0), "nor is an update"
    assert _is_quiet(session)


def test_a_change_of_another_scope_does_not_wake(session, other, either):
    with Storage(either.url) as elsewhere, elsewhere.scoped(b"user:2") as two:
        two.set(b"lily_session_a", b"1")
        two.clear()
        elsewhere.set(b"lily_session_a", b"1")
        assert not _wakes(session.scope, 0.1)


def test_a_clear_wakes(session, other):
    other.clear()
    assert _wakes(session.scope)
    session.refresh()
    assert session.model["a"] == 0 and session.events[-1][0] == 10
    assert _is_quiet(session)


def test_a_removal_wakes(session, other):
    other.remove(b"lily_session_a")
    assert _wakes(session.scope)
    session.refresh()
    assert session.model["a"] == 0
    assert _is_quiet(session)


@pytest.mark.parametrize("command", [("FLUSHALL",), ("FLUSHDB",), ("DEL", "lily:{user:1}"), ("UNLINK", "lily:{user:1}"),
                                     ("PEXPIRE", "lily:{user:1}", "50"), ("RENAME", "lily:{user:1}", "away")])
def test_what_the_server_does_wakes(session, either, command):
    with either.client() as client:
        client(*command)
    assert _wakes(session.scope)
    end = time.monotonic() + 5
    while session.model["a"] != 0 and time.monotonic() < end:
        session.refresh()
    assert session.model["a"] == 0


def test_a_scope_that_nobody_has_written_is_watched_too(storage, other):
    with storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        scope.fd()
        assert not _wakes(scope, 0.1)
        other.set(b"lily_session_a", b"3")
        assert _wakes(scope)
        session.refresh()
        assert session.model["a"] == 3


def test_each_scope_has_its_own_descriptor(storage, other):
    with storage.scoped(b"user:1") as one, storage.scoped(b"user:2") as two, Session(one, a=0) as first, Session(two, a=0) as second:
        assert one.fd() >= 0 and two.fd() >= 0 and one.fd() != two.fd() and one.fd() == one.fd()
        first.refresh()
        second.refresh()
        other.set(b"lily_session_a", b"3")
        assert _wakes(one) and not _wakes(two, 0.1)


def test_many_scopes_are_watched(storage, either):
    scopes = [storage.scoped(b"user:%d" % number) for number in range(50)]
    watched = [Session(scope, a=0) for scope in scopes]
    for scope, session in zip(scopes, watched):
        scope.fd()
        session.refresh()
    with Storage(either.url) as elsewhere:
        for number in (0, 17, 49):
            with elsewhere.scoped(b"user:%d" % number) as other:
                other.set(b"lily_session_a", b"9")
            assert _wakes(scopes[number])
    assert [number for number, scope in enumerate(scopes) if _wakes(scope, 0)] == [0, 17, 49]
    for session in watched:
        session.close()
    for scope in scopes:
        scope.close()


def test_the_whole_storage_is_watched(storage, either):
    with Session(storage, a=0) as session, Storage(either.url) as elsewhere:
        assert storage.fd() >= 0
        session.refresh()
        elsewhere.set(b"lily_session_a", b"4")
        assert _wakes(storage)
        session.refresh()
        assert session.model["a"] == 4


def test_by_tls(start, certificates):
    tls = start(tls=certificates)
    options = {"ca_file": certificates.authority}
    with Storage(tls.url, **options) as storage, Storage(tls.url, **options) as elsewhere, storage.scoped(b"user:1") as scope, \
            elsewhere.scoped(b"user:1") as other, Session(scope, a=0) as session:
        assert scope.fd() >= 0
        session.refresh()
        for number in range(3):
            session.dispatch(a=number + 1)
            assert not _wakes(scope, 0.1)
            other.set(b"lily_session_a", b"%d" % (number + 50))
            assert _wakes(scope)
            session.refresh()
            assert session.model["a"] == number + 50


def test_a_lost_connection_wakes(start):
    """What was missed meanwhile nobody knows, so the program is to look."""
    server = start()
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        session.dispatch(a=1)
        scope.fd()
        session.refresh()
        with server.client() as client:
            client("CLIENT", "KILL", "TYPE", "pubsub")
            client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            client("HSET", "lily:{user:1}", "a", "2")
        assert _wakes(scope)
        end = time.monotonic() + 5
        while session.model["a"] != 2 and time.monotonic() < end:
            code(session.refresh)
        assert session.model["a"] == 2
        with Storage(server.url) as elsewhere, elsewhere.scoped(b"user:1") as other:
            session.refresh()
            other.set(b"lily_session_a", b"3")
            assert _wakes(scope), "the watch goes on by another connection"


def test_without_a_server_there_is_a_descriptor_or_none(dead_port):
    with Storage(f"redis://127.0.0.1:{dead_port}", flags=LAZY, timeout_ms=200) as storage:
        assert storage.fd() >= -1
        assert code(storage.get, b"a") == lily.IO
