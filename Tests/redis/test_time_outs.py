"""S25, S20: no call waits longer than its time-out, whatever the peer sends, and none uses memory without bound.

The bounds that fail a test are generous, because a machine may be busy. `make check` prints by how much a time-out was really exceeded.
"""
import pathlib
import random
import re

import pytest

import hostile
import lily
from conftest import LONG
from processes import Child
from store import LAZY, Session, Storage, eventually, timed

TIMEOUT = 200
GRACE = 1500  # ms by which a test lets a time-out be exceeded
MEMORY = 64 << 20
FAILURES = {lily.IO, lily.BUSY, lily.PERMISSION, lily.UNSUPPORTED, lily.REFUSED, lily.NO_SPACE, lily.NOT_DURABLE, lily.DECODE}


@pytest.fixture
def in_time(slowest):
    def check(call, *arguments, timeout=TIMEOUT, allowed=FAILURES, **options):
        status, took = timed(call, *arguments, **options)
        slowest("beyond the time-out", took - timeout)
        assert took < timeout + GRACE, f"{took:.0f} ms"
        assert status in allowed, lily.status_name(status)
        return status
    return check


def _peak():
    """Returns the most memory that this process had, in bytes."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) * 1024


def _forget_peak():
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def _open_apart(url):
    """Opens in a process of its own, because a call that never ends can be ended only so. Returns the status, the ms and the bytes it took."""
    def body(pipe):
        _forget_peak()
        before = _peak()
        status, took = timed(Storage, url, timeout_ms=TIMEOUT)
        pipe.send((status, took, _peak() - before))
    child = Child(body)
    if not child.pipe.poll(10):
        child.kill()
        pytest.fail("the call did not end")
    try:
        return child.receive()
    finally:
        child.end()


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_opening_by_a_hostile_server(kind, slowest):
    with hostile.Hostile(kind) as server:
        status, took, memory = _open_apart(server.url)
        slowest("beyond the time-out", took - TIMEOUT)
        assert status in FAILURES, lily.status_name(status)
        assert took < TIMEOUT + GRACE and memory < MEMORY, f"{took:.0f} ms, {memory >> 20} MiB"


CALLS = {
    "get": lambda scope: scope.get(b"lily_session_a"),
    "set": lambda scope: scope.set(b"lily_session_a", b"1"),
    "each": lambda scope: scope.each(),
    "clear": lambda scope: scope.clear(),
    "attach": lambda scope: Session(scope, a=0).close(),
    "scopes": lambda scope: scope.parent.scopes(),
    "info": lambda scope: scope.parent.info(),
}


@pytest.fixture
def scope(proxy):
    with Storage(proxy.url, timeout_ms=TIMEOUT) as storage, storage.scoped(b"user:1") as scope:
        scope.parent = storage
        scope.set(b"lily_session_a", b"1")
        yield scope


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("trouble", ["silent", "deaf", "trickle", "delay"])
def test_calls_of_a_server_that_is_slow(proxy, scope, in_time, call, trouble):
    setattr(proxy, trouble, {"trickle": 0.05, "delay": 5}.get(trouble, True))
    in_time(CALLS[call], scope)
    setattr(proxy, trouble, {"trickle": 0, "delay": 0}.get(trouble, False))
    proxy.cut()
    eventually(scope.each)
    assert scope.get(b"lily_session_a") in (b"1", None), "another connection is used"


def test_a_server_that_reads_nothing(start, in_time):
    """A large value does not fit what the system takes for a connection. Its checking takes time, too, so this is not recorded."""
    server = start()
    value = b'"' + b"x" * (4 << 20) + b'"'
    with Storage(server.url, timeout_ms=TIMEOUT) as storage:
        storage.set(b"a", b"1")
        server.stop()
        status, took = timed(storage.set, b"a", value)
        assert status == lily.IO and took < TIMEOUT + GRACE
        in_time(Storage, server.url, timeout_ms=TIMEOUT)
        server.go_on()
        assert eventually(storage.get, b"a")[0] == b"1"


def test_opening_through_what_is_slow(proxy, in_time):
    for trouble, value in [("silent", True), ("trickle", 0.05), ("delay", 5), ("refusing", True)]:
        setattr(proxy, trouble, value)
        in_time(Storage, proxy.url, timeout_ms=TIMEOUT)
        setattr(proxy, trouble, type(value)())
    with Storage(proxy.url, timeout_ms=TIMEOUT) as storage:
        storage.set(b"a", b"1")


def test_a_host_that_does_not_answer(in_time):
    """192.0.2.0/24 is for documentation alone: nobody replies, or the network refuses at once."""
    in_time(Storage, "redis://192.0.2.1:6379", timeout_ms=TIMEOUT)
    with Storage("redis://192.0.2.1:6379", timeout_ms=TIMEOUT, flags=LAZY) as storage:
        in_time(storage.get, b"a")


def test_a_hostile_sentinel_and_a_hostile_cluster(in_time):
    for kind in hostile.KINDS if LONG else ["garbage", "silence", "an array without end", "a trickle", "errors"]:
        with hostile.Hostile(kind) as server:
            at = server.url.removeprefix("redis://")
            in_time(Storage, f"redis+sentinel://{at}/shop", timeout_ms=TIMEOUT)
            in_time(Storage, f"redis+cluster://{at}", timeout_ms=TIMEOUT)


def test_tls_with_a_server_that_is_silent(in_time, certificates):
    with hostile.Hostile("silence") as server:
        in_time(Storage, server.url.replace("redis://127.0.0.1", "rediss://localhost"), timeout_ms=TIMEOUT, ca_file=certificates.authority)


@pytest.mark.parametrize("spoiled", [b"*2147483647\r\n", b"$2147483647\r\nabc", b"*1\r\n" * 10000, b"*-5\r\n", b"$99999999999999999999\r\n",
                                     b"*3\r\n$1\r\na\r\n:1\r\n$-1\r\n", b":7\r\n", b"+OK\r\n", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"\r\n", b"",
                                     b"*1\r\n$0\r\n\r\n", b"*2\r\n*0\r\n*0\r\n", b"%1\r\n+a\r\n+b\r\n", b"-\r\n", b"-MOVED 1 0.0.0.0:0\r\n",
                                     b"-MOVED 99999 x\r\n", b"-ASK -1 :::1\r\n", b"-NOSCRIPT\r\n", b"-UNKNOWN \xff\r\n", b"$3\r\nabcd\r\n"])
def test_replies_that_a_call_does_not_expect(proxy, scope, in_time, spoiled):
    """A call may find such a reply to be what it asked for, where it is of the right form; it neither crashes nor waits too long."""
    for call in CALLS.values():
        _forget_peak()
        before = _peak()
        proxy.spoil = lambda _: spoiled
        in_time(call, scope, allowed=FAILURES | {lily.OK, lily.NOT_FOUND, lily.NEWER})
        assert _peak() - before < MEMORY
    proxy.spoil = None
    proxy.cut()
    eventually(scope.set, b"lily_session_a", b"1")
    assert scope.get(b"lily_session_a") == b"1"


def _mutate(random, data):
    """Returns bytes that are almost those that the server has sent."""
    data = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = random.randrange(256)
        elif kind == 1:
            del data[at:at + random.randint(1, 10)]
        elif kind == 2:
            data[at:at] = random.choice([b"*", b"$", b":", b"+", b"-", b"\r\n", b"-1", b"2147483647", b"9" * 30, b"\x00"])
        elif kind == 3 and at < len(data):
            data[at] = random.choice(b"0123456789\r\n*$:+-")
        else:
            del data[at:]
        if not data:
            break
    return bytes(data)


def test_replies_with_mistakes(proxy, server, numbers, slowest):
    """Fuzzing: replies are spoiled at random, in a process of its own, so that a crash is an outcome."""
    count = 20_000 if LONG else 400
    seed = random.randrange(2**32) if LONG else 1
    chance = random.Random(seed)
    proxy.spoil = lambda data: _mutate(chance, data) if chance.random() < 0.5 else data

    def body(pipe):
        worst = 0
        with Storage(proxy.url, timeout_ms=20, flags=LAZY) as storage, storage.scoped(b"user:1") as scope:
            scope.parent = storage
            calls = list(CALLS.values())
            for number in range(count):
                status, took = timed(calls[number % len(calls)], scope)
                assert status in FAILURES | {lily.OK, lily.NOT_FOUND, lily.NEWER, lily.INVALID_ARGUMENT}, lily.status_name(status)
                worst = max(worst, took - 20)
        pipe.send((worst, _peak()))
    before = _peak()
    with Child(body) as child:
        worst, peak = child.receive()
    slowest("beyond the time-out, of replies with mistakes", worst)
    assert worst < GRACE and peak - before < 4 * MEMORY, f"seed {seed}"
    numbers(spoiled_replies=count)
