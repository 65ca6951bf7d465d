"""A program learns that its server deletes sessions of its own accord, once, and without another round trip."""
import pytest

import lily
import servers
from conftest import LONG
from store import LAZY, Session, Storage, code, eventually

NOTICE = 13
POLICIES = ["allkeys-lru", "volatile-ttl"] + (["allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random"] if LONG else [])


class Told(Session):
    """A session that keeps the texts of its notices."""

    def __init__(self, storage):
        self.notices = []
        super().__init__(storage, a=0)

    def _event(self, context, event):
        super()._event(context, event)
        if event.contents.kind == NOTICE:
            self.notices.append((event.contents.status, event.contents.key, lily.last_error()))


def notices(storage, scope=b"user:1"):
    """Returns the notices of an attach."""
    with storage.scoped(scope) as place, Told(place) as session:
        assert lily.last_error() == b"", "attach has succeeded"
        return session.notices


@pytest.fixture
def set_policy(server):
    def set_policy(policy):
        with server.client() as client:
            client("CONFIG", "SET", "maxmemory-policy", policy)
    yield set_policy
    set_policy("noeviction")


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_that_deletes_sessions_is_told_once(server, set_policy, policy):
    set_policy(policy)
    with Storage(server.url) as storage:
        [(status, key, text)] = notices(storage)
        assert status == lily.NOT_DURABLE and key is None
        assert policy.encode() in text and b"127.0.0.1:%d" % server.port in text, text
        assert notices(storage) == [] == notices(storage, b"user:2")
    with Storage(server.url) as again:
        assert len(notices(again)) == 1, "each storage tells it"


def test_a_policy_that_keeps_sessions_is_not_told(server):
    with Storage(server.url) as storage:
        assert notices(storage) == []


@pytest.mark.parametrize("policy", POLICIES)
def test_such_a_policy_deletes_sessions(start, policy):
    """All scopes have a time to live, so that `volatile-…` concerns them, too: the mark of a clear, by which a log-out is noticed, even if the
    storage was opened with idle_ms -1."""
    server = start(maxmemory_policy=policy)
    with Storage(server.url, idle_ms=-1 if policy.startswith("volatile") else 0) as storage, server.client() as client:
        with storage.scoped(b"user:1") as scope:
            scope.set(b"lily_session_a", b"1")
            scope.clear()
        client("CONFIG", "SET", "maxmemory", client.info("memory")["used_memory"])
        servers.until(lambda: client("PING") and client("EXISTS", "lily:{user:1}") == 0 or _fill(client), what="the deletion")


def _fill(client):
    """Has the server look for memory. That may fail, once nothing is left that it may delete."""
    try:
        client("APPEND", "other", b"x" * 1000)
    except servers.ReplyError as error:
        assert str(error).startswith("OOM")


def test_without_the_right_nothing_is_told(server, set_policy):
    set_policy("allkeys-lru")
    with server.client() as client:
        for rights, count in [(servers.RIGHTS, 0), (servers.RIGHTS + ("+info",), 1)]:
            client("ACL", "SETUSER", "shop", "reset", "on", ">SECRETVALUE", *rights)
            with Storage(f"redis://shop:SECRETVALUE@127.0.0.1:{server.port}") as storage:
                told = notices(storage)
                assert len(told) == count and all(b"SECRETVALUE" not in text for _, _, text in told), told
                with storage.scoped(b"user:1") as scope:
                    scope.set(b"lily_session_a", b"1")
        client("ACL", "DELUSER", "shop")


def test_a_server_that_comes_later_is_told_of(start, dead_port):
    with Storage(f"redis://127.0.0.1:{dead_port}", flags=LAZY) as storage:
        assert code(notices, storage) == lily.IO
        start(port=dead_port, maxmemory_policy="allkeys-lru")
        told, _ = eventually(notices, storage)
        assert len(told) == 1


def test_it_costs_no_round_trip(proxy, set_policy):
    set_policy("allkeys-lru")
    with Storage(proxy.url) as storage:
        assert proxy.trips == 2, "the greeting, and the look at the whole storage"
        assert len(notices(storage)) == 1
        assert proxy.trips == 3, "the attach"


@pytest.mark.parametrize("spoiled", [b"$0\r\n\r\n", b"$-1\r\n", b":7\r\n", b"*0\r\n", b"$19\r\nmaxmemory_policy:\r\n\r\n",
                                     b"$60\r\nmaxmemory_policy:\x1b[31m" + b"\xff" * 38 + b"\r\n"])
def test_what_the_server_says_may_be_anything(proxy, spoiled):
    def spoil(data):
        begin = data.find(b"\r\n# Memory\r\n")
        if begin < 0:
            return data
        begin = data.rindex(b"$", 0, begin)
        return data[:begin] + spoiled  # it is the last reply of the greeting
    proxy.spoil = spoil
    with Storage(proxy.url) as storage:
        told = notices(storage)
        assert bool(told) == (b"\x1b" in spoiled) and all(b"\x1b" not in text and b"\xff" not in text for _, _, text in told), told
