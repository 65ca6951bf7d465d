"""S25: a Cluster, in which each scope is in one slot, and slots move between the nodes."""
import random
import threading
import time

import lily
from conftest import LONG
from store import Session, Storage, code


def test_scopes_are_on_all_nodes(cluster):
    with Storage(cluster.url) as storage:
        names = [b"user:%d" % number for number in range(30)]
        for name in names:
            with storage.scoped(name) as scope, Session(scope, a=0, b=0) as session:
                session.dispatch(a=1, b=2)
                session.touch("a")
        assert all(client("DBSIZE") > 0 for client in cluster.clients)
        assert sorted(storage.scopes()) == sorted(names)
        assert storage.info().entries == 60
        for name in names[:10]:
            with storage.scoped(name) as scope:
                scope.clear()
        assert sorted(storage.scopes()) == sorted(names[10:])
        storage.set(b"lily_session_root", b"1")
        assert storage.get(b"lily_session_root") == b"1"


def test_a_slot_that_has_moved(cluster):
    """MOVED: the library learns where the slot is, and asks there at once from then on."""
    with Storage(cluster.url) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"0")
        slot = cluster.slot("lily:{user:1}")
        for number in range(1, 5):
            target = (cluster.owner(slot) + 1) % 3
            cluster.move(slot, target)
            before = cluster.errors("MOVED")
            scope.set(b"lily_session_a", b"%d" % number)
            assert cluster.errors("MOVED") > before
            before = cluster.errors("MOVED")
            assert scope.get(b"lily_session_a") == b"%d" % number
            assert cluster.errors("MOVED") == before


def test_a_slot_that_is_moving(cluster):
    """ASK: the key is already there, but the slot is not, so only this call goes there."""
    with Storage(cluster.url) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"0")
        slot = cluster.slot("lily:{user:1}")
        target = (cluster.owner(slot) + 1) % 3
        source = cluster.begin_move(slot, target)
        scope.set(b"lily_session_a", b"1")
        cluster.move_keys(slot, source, target)
        before = cluster.errors("ASK")
        assert scope.get(b"lily_session_a") == b"1"
        scope.set(b"lily_session_a", b"2")
        scope.clear()
        scope.set(b"lily_session_a", b"3")
        assert scope.get(b"lily_session_a") == b"3"
        assert cluster.errors("ASK") >= before + 5
        cluster.end_move(slot, target)
        assert scope.get(b"lily_session_a") == b"3"


def test_slots_move_while_writers_run(cluster, numbers):
    """Each writer adds to counters that another one adds to, too, so that a write that is lost or made twice is seen."""
    scopes, writers = [b"user:%d" % number for number in range(6)], 3
    stop, wrong = threading.Event(), []
    added = [[0] * len(scopes) for _ in range(writers)]
    uncertain = [[0] * len(scopes) for _ in range(writers)]

    def write(writer):
        chance = random.Random(writer)
        try:
            with Storage(cluster.url, timeout_ms=3000) as storage:
                handles = [storage.scoped(name) for name in scopes]
                while not stop.is_set():
                    at = chance.randrange(len(scopes))
                    status = code(handles[at].modify, b"lily_session_count", lambda text: b"%d" % (int(text or 0) + 1))
                    if status == lily.OK:
                        added[writer][at] += 1
                    elif status != lily.BUSY:  # BUSY: others were faster each time, and nothing was changed
                        uncertain[writer][at] += 1
                for handle in handles:
                    handle.close()
        except BaseException as error:
            wrong.append(repr(error))
    threads = [threading.Thread(target=write, args=[writer]) for writer in range(writers)]
    for thread in threads:
        thread.start()
    slots = [cluster.slot(b"lily:{%s}" % name) for name in scopes]
    chance, moved = random.Random(1), 0
    try:
        while moved < (1500 if LONG else 40) and not wrong:
            slot = chance.choice(slots)
            target = chance.choice([number for number in range(3) if number != cluster.owner(slot)])
            source = cluster.begin_move(slot, target)
            time.sleep(chance.random() * 0.02)
            cluster.move_keys(slot, source, target)
            time.sleep(chance.random() * 0.02)
            cluster.end_move(slot, target)
            moved += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong
    with Storage(cluster.url) as storage:
        for at, name in enumerate(scopes):
            with storage.scoped(name) as scope:
                count, least = int(scope.get(b"lily_session_count") or 0), sum(one[at] for one in added)
                most = least + sum(one[at] for one in uncertain)
                assert least <= count <= most, f"{name}: {count}, not {least} to {most}"
    assert not sum(map(sum, uncertain)), f"{sum(map(sum, uncertain))} calls failed although no node was down"
    assert cluster.errors("MOVED") and cluster.errors("ASK")
    numbers(slots_moved=moved, writes_while_slots_moved=sum(map(sum, added)), MOVED=cluster.errors("MOVED"), ASK=cluster.errors("ASK"))


def test_the_watch_works_in_a_cluster(cluster):
    import select
    with Storage(cluster.url) as storage, Storage(cluster.url) as elsewhere:
        for number in range(6):
            with storage.scoped(b"user:%d" % number) as scope, elsewhere.scoped(b"user:%d" % number) as other, Session(scope, a=0) as session:
                assert scope.fd() >= 0
                session.refresh()
                other.set(b"lily_session_a", b"5")
                assert select.select([scope.fd()], [], [], 5)[0]
                session.refresh()
                assert session.model["a"] == 5


def test_any_node_leads_to_all(cluster):
    for node in cluster.nodes:
        with Storage(f"redis+cluster://127.0.0.1:1,127.0.0.1:{node.port}", timeout_ms=2000) as storage, storage.scoped(b"user:1") as scope:
            scope.set(b"lily_session_a", b"%d" % node.port)
            assert scope.get(b"lily_session_a") == b"%d" % node.port


def test_a_node_that_is_down(cluster):
    """The scopes of the other nodes work on, where the Cluster lets them. This test comes last, because it leaves the Cluster with two nodes."""
    for client in cluster.clients:
        client("CONFIG", "SET", "cluster-require-full-coverage", "no")
    with Storage(cluster.url, timeout_ms=500) as storage:
        handles = [storage.scoped(b"user:%d" % number) for number in range(12)]
        owners = [cluster.owner(cluster.slot(b"lily:{user:%d}" % number)) for number in range(12)]
        for handle in handles:
            handle.set(b"a", b"1")
        cluster.nodes[2].kill()
        for handle, owner in zip(handles, owners):
            status = code(handle.set, b"a", b"2")
            assert (status == lily.OK) == (owner != 2), (owner, lily.status_name(status))
            handle.close()
