"""S25: a primary that is replaced. Sentinel says which server is the primary; what replicas had acknowledged stays."""
import time

import lily
from conftest import LONG
from servers import until
from store import LAZY, Session, Storage, code, eventually, failure
from test_durability import kill_and_compare, Writer


def test_failovers_lose_nothing_that_a_replica_had(watched, numbers, slowest):
    all_of_it = watched(appendonly="yes", appendfsync="no")
    for _ in range(55 if LONG else 1):
        killed = []

        def fail_over():
            killed.append(all_of_it.fail_over())

        acknowledged, lost = kill_and_compare(lambda: [Writer(all_of_it.url, name, replicas=1) for name in (b"a", b"b")], fail_over,
                                              all_of_it.url, lambda: None)
        numbers(failovers=1, writes_before_failovers=acknowledged, lost=len(lost))
        assert acknowledged > 0 and not lost
        all_of_it.restore(killed[0])


def test_a_handle_follows_the_primary(watched, slowest):
    all_of_it = watched()
    with Storage(all_of_it.url, timeout_ms=500) as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        session.dispatch(a=1)
        old = all_of_it.fail_over()
        _, took = eventually(session.dispatch, a=2)
        slowest("until writes work after Sentinel named another primary", took)
        with all_of_it.primary().client() as client:
            assert client.hash("lily:{user:1}")[b"a"] == b"2"
        # The old one comes back, and believes for a while that it is still the primary.
        old.start()
        for number in range(100):
            session.dispatch(a=number + 3)
            with Storage(all_of_it.url) as another, another.scoped(b"user:1") as same:
                assert same.get(b"lily_session_a") == b"%d" % (number + 3)
        with all_of_it.primary().client() as client:
            assert client.hash("lily:{user:1}")[b"a"] == b"102"


def test_a_frozen_primary_that_was_replaced_takes_no_write(watched):
    """It goes on as if nothing had happened, and does not know yet that there is another. What goes to it would be lost."""
    all_of_it = watched()
    with Storage(all_of_it.url, timeout_ms=1000, replicas=1) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"1")
        old = all_of_it.primary()
        old.stop()
        until(lambda: all_of_it.named_by_all() not in (None, old.port), 60, "the failover")
        assert code(scope.set, b"lily_session_a", b"2") != lily.OK or all_of_it.named_by_all() != old.port
        old.go_on()
        acknowledged = 0
        deadline = time.monotonic() + 10
        while acknowledged < 20:
            assert time.monotonic() < deadline
            if code(scope.set, b"lily_session_a", b"%d" % (acknowledged + 100)) in (lily.OK, lily.NOT_DURABLE):
                acknowledged += 1
        with all_of_it.primary().client() as client:
            assert client.hash("lily:{user:1}")[b"a"] == b"119"


def test_a_switch_on_purpose(watched):
    """SENTINEL FAILOVER: the old primary lives, and replies READONLY once it is a replica."""
    all_of_it = watched()
    with Storage(all_of_it.url, timeout_ms=3000) as storage:
        storage.set(b"a", b"1")
        old = all_of_it.primary()
        with all_of_it.sentinels[0].client() as client:
            client("SENTINEL", "FAILOVER", "shop")
        until(lambda: all_of_it.named_by_all() not in (None, old.port), 60, "the failover")
        until(lambda: old.role() == "slave", 30, "the end of the old primary's role")
        storage.set(b"a", b"2")
        with all_of_it.primary().client() as client:
            assert b'2' in client("HGETALL", client("KEYS", "lily:*")[0])


def test_one_sentinel_is_enough(watched):
    all_of_it = watched()
    for sentinel in all_of_it.sentinels[:2]:
        sentinel.kill()
    with Storage(all_of_it.url, timeout_ms=2000) as storage:
        storage.set(b"a", b"1")
        assert storage.get(b"a") == b"1"
    with Storage(all_of_it.url + "/3", timeout_ms=2000) as storage:
        assert storage.get(b"a") is None, "another database"


def test_what_sentinel_cannot_name(watched):
    all_of_it = watched()
    failed = failure(Storage, all_of_it.url.replace("/shop", "/other"), timeout_ms=500)
    assert failed.code == lily.IO and b"other" in failed.text, failed
    for sentinel in all_of_it.sentinels:
        sentinel.kill()
    assert code(Storage, all_of_it.url, timeout_ms=500) == lily.IO
    with Storage(all_of_it.url, timeout_ms=500, flags=LAZY) as storage:
        assert code(storage.get, b"a") == lily.IO


def test_the_watch_follows_the_primary(watched):
    import select
    all_of_it = watched()
    with Storage(all_of_it.url, timeout_ms=500) as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        assert scope.fd() >= 0
        session.dispatch(a=1)
        session.refresh()
        all_of_it.fail_over()
        assert select.select([scope.fd()], [], [], 10)[0], "the lost connection wakes"
        eventually(session.refresh)
        with Storage(all_of_it.url, timeout_ms=2000) as elsewhere, elsewhere.scoped(b"user:1") as other:
            other.set(b"lily_session_a", b"7")
        assert select.select([scope.fd()], [], [], 5)[0]
        session.refresh()
        assert session.model["a"] == 7
