"""S25: a write that was given up must not be carried out later, when others may have written since."""
import time

import pytest

import lily
import proxy as proxies
from conftest import LONG
from store import LAZY, Session, Storage, code, eventually


@pytest.fixture
def slow(proxy):
    """A handle that waits 300 ms at most, and speaks through the proxy. The server knows all scripts, so that what arrives late could be done."""
    with Storage(proxy.url, timeout_ms=300) as storage, storage.scoped(b"user:1") as scope:
        scope.write(lily_session_a=b"0")
        scope.write(lily_session_a=None)
        scope.clear()
        scope.set(b"lily_session_a", b"0")
        yield scope


@pytest.fixture
def other(server):
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope:
        yield scope


WRITES = {
    "set": lambda scope: scope.set(b"lily_session_a", b"1"),
    "a batch": lambda scope: scope.write(lily_session_a=b"1", b=b"1"),
    "a removal": lambda scope: scope.write(lily_session_a=None),
    "modify": lambda scope: scope.modify(b"lily_session_a", lambda _: b"1"),
    "clear": lambda scope: scope.clear(),
}


def _held(proxy, write, scope):
    """Makes a write whose request is held back until it has failed."""
    if write == "modify":  # what it reads gets through, and what it writes is held
        def change(_):
            proxy.holding = True
            return b"1"
        assert code(scope.modify, b"lily_session_a", change) == lily.IO
    else:
        proxy.holding = True
        assert code(WRITES[write], scope) == lily.IO


def _arrived(proxy, server):
    """Lets through what is held, and returns once the server has seen all of it."""
    proxy.release()
    end = time.monotonic() + 10
    while proxy.connections() and time.monotonic() < end:
        time.sleep(0.005)
    assert not proxy.connections()
    with server.client() as client:
        client("PING")


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_arrives_late_is_refused(proxy, server, slow, other, write, numbers):
    _held(proxy, write, slow)
    other.write(lily_session_a=b"2", b=b"2")
    _arrived(proxy, server)
    assert {key: text for key, (text, _) in other.each().items()} == {b"lily_session_a": b"2", b"b": b"2"}
    numbers(late_writes=1)


@pytest.mark.parametrize("write", WRITES)
def test_it_is_refused_also_if_nobody_wrote_since(proxy, server, slow, other, write, numbers):
    _held(proxy, write, slow)
    _arrived(proxy, server)
    assert other.each() == {b"lily_session_a": (b"0", 0)}
    numbers(late_writes=1)


def test_an_update_that_arrives_late_is_refused(proxy, server, slow, other, numbers):
    with Session(slow, a=5, b=5) as session:
        session.dispatch(b=6)
        proxy.holding = True
        assert code(session.dispatch, a=1) == lily.IO
        assert session.model["a"] == 1 and session.state("a") & lily.STATE_DIRTY
        other.clear()
        other.set(b"lily_session_a", b"2")
        _arrived(proxy, server)
        assert other.get(b"lily_session_a") == b"2"
        eventually(session.persist)  # what failed was before the clear, so it is dropped
        assert other.get(b"lily_session_a") == b"2"
        session.refresh()
        assert session.model == {"a": 2, "b": 5}
    numbers(late_writes=1)


def test_an_update_that_failed_is_stored_by_the_next(proxy, server, slow, other):
    with Session(slow, a=5) as session:
        proxy.holding = True
        assert code(session.dispatch, a=1) == lily.IO
        _arrived(proxy, server)
        assert other.get(b"lily_session_a") == b"0"
        eventually(session.persist)
        assert other.get(b"lily_session_a") == b"1" and not session.state("a") & lily.STATE_DIRTY


def test_a_stopped_server_carries_out_nothing_old(start, numbers):
    server = start()
    with Storage(server.url, timeout_ms=150) as storage, storage.scoped(b"user:1") as scope, Storage(server.url) as two, \
            two.scoped(b"user:1") as other:
        for number in range(3):
            eventually(scope.set, b"lily_session_a", b'"before"')
            other.get(b"lily_session_a")
            server.stop()
            assert code(scope.set, b"lily_session_a", b'"late"') == lily.IO
            server.go_on()
            other.set(b"lily_session_a", b"%d" % number)
            assert other.get(b"lily_session_a") == b"%d" % number
            with server.client() as client:
                client("PING")  # by now the server has read all that was sent before
            assert other.get(b"lily_session_a") == b"%d" % number
            numbers(late_writes=1)


def test_a_write_is_not_sent_twice(proxy, server, slow, other):
    """A reply that is lost leaves open whether the write was made. It must not be made again over a later one."""
    for _ in range(5):
        proxy.silent = True
        assert code(slow.set, b"lily_session_a", b"1") == lily.IO
        other.set(b"lily_session_a", b"2")
        proxy.silent = False
        proxy.cut()
        eventually(slow.get, b"lily_session_a")
        assert other.get(b"lily_session_a") == b"2"


def test_a_clock_that_differs_from_the_servers_does_not_matter(proxy, server, other):
    """The storage's clock judges expiry alone; what is late is judged by the server's own clock."""
    with Storage(proxy.url, timeout_ms=300, now=1_000_000) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"1")
        assert other.get(b"lily_session_a") == b"1"
        proxy.holding = True
        assert code(scope.set, b"lily_session_a", b"2") == lily.IO
        _arrived(proxy, server)
        assert other.get(b"lily_session_a") == b"1"


def test_a_write_is_refused_at_the_moment_at_which_its_call_has_failed(server, other, numbers):
    """No millisecond is left in which a write could still be made of which its program was told that it was not."""
    count = 400 if LONG else 15
    for _ in range(count):
        with proxies.Proxy(server.address) as between, Storage(between.url, timeout_ms=60, flags=LAZY) as storage, storage.scoped(b"user:1") as scope:
            eventually(scope.set, b"lily_session_a", b"0")
            between.holding = True
            assert code(scope.set, b"lily_session_a", b"1") == lily.IO
            other.set(b"lily_session_a", b"2")
            _arrived(between, server)
            assert other.get(b"lily_session_a") == b"2"
    numbers(late_writes=count)
