"""S16: a child of fork opens its own storage. It cannot use its parent's, nor disturb it."""
import os
import threading

import lily
from processes import Child
from store import Session, Storage, code


def test_a_child_cannot_use_an_inherited_storage(server):
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope, Session(scope, a=0) as session:
        session.dispatch(a=1)
        scope.fd()

        def body(pipe):
            statuses = [code(call) for call in (
                lambda: scope.get(b"lily_session_a"), lambda: scope.set(b"lily_session_a", b"9"), lambda: scope.remove(b"lily_session_a"),
                scope.clear, scope.each, storage.scopes, storage.info, session.refresh, lambda: session.touch("a"),
                lambda: session.dispatch(a=9))]
            pipe.send(statuses)
            session.close()
            scope.close()
            storage.close()
            with Storage(server.url) as own, own.scoped(b"user:1") as mine:
                mine.set(b"lily_session_b", b"2")
        with Child(body) as child:
            assert child.receive() == [lily.FORKED] * 10
        assert scope.get(b"lily_session_a") == b"1" and scope.get(b"lily_session_b") == b"2"
        session.dispatch(a=2)
        assert scope.get(b"lily_session_a") == b"2"


def test_what_a_child_closes_stays_open_for_the_parent(server, proxy):
    """The child's closing sends nothing on the parent's connections, by TLS neither."""
    with Storage(proxy.url) as storage:
        storage.set(b"a", b"1")
        connections = proxy.connections()
        with Child(lambda _: storage.close()):
            pass
        before = proxy.trips
        assert storage.get(b"a") == b"1"
        assert proxy.trips == before + 1 and proxy.connections() == connections


def test_by_tls(start, certificates):
    tls = start(tls=certificates)
    with Storage(tls.url, ca_file=certificates.authority) as storage:
        storage.set(b"a", b"1")
        with Child(lambda _: storage.close()):
            pass
        assert storage.get(b"a") == b"1"


def test_a_fork_while_threads_are_at_work(server):
    """Whatever locks the threads hold at that moment, the child does not wait for them."""
    stop = threading.Event()
    with Storage(server.url) as storage:
        def work(number):
            while not stop.is_set():
                storage.set(b"a%d" % number, b"1")
        threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    os._exit(0 if code(storage.get, b"a0") == lily.FORKED and code(storage.set, b"a0", b"1") == lily.FORKED else 1)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_descriptors_are_not_inherited_by_other_programs(server):
    before = set(os.listdir("/proc/self/fd"))
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"a", b"1")
        scope.fd()
        for name in set(os.listdir("/proc/self/fd")) - before:
            if os.path.exists(f"/proc/self/fd/{name}"):
                assert not os.get_inheritable(int(name)), os.readlink(f"/proc/self/fd/{name}")
