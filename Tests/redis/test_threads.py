"""S16: a handle of a server is used by many threads. What one of them is given was asked by itself."""
import os
import re
import subprocess
import threading
import time

import pytest

import lily
import proxy as proxies
from conftest import LONG
from servers import ROOT
from store import LAZY, LIBRARIES, Storage, code

PROGRAM = ROOT / "Tests/redis/programs/threads.c"


def _run(program, url, seconds, numbers, before=(), **environment):
    ran = subprocess.run([*before, str(program), url, str(seconds)], env={**os.environ, **environment}, capture_output=True, text=True,
                         timeout=seconds * 20 + 60)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-6000:]
    return int(re.match(r"(\d+) calls, 0 wrong", ran.stdout)[1])


def test_threads_share_a_handle(server, numbers, tmp_path):
    program = tmp_path / "threads"
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", f"-I{ROOT}/include", "-o",
                    str(program), str(PROGRAM), f"-L{LIBRARIES}", f"-Wl,-rpath,{LIBRARIES}", "-llily_session_redis", "-llily_session"], check=True)
    numbers(calls_of_threads=_run(program, server.url, 30 if LONG else 0.5, numbers))
    with server.client() as client:
        assert int(client.info("clients")["connected_clients"]) < 20


@pytest.mark.skipif(not LONG, reason="only make check builds the library with ThreadSanitizer")
@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_threads_under_thread_sanitizer(server, start, certificates, numbers, way):
    subprocess.run([str(ROOT / "Tests/redis/build-tsan")], check=True)
    # A name would be looked up by a thread of libc's own, which ThreadSanitizer does not know.
    url = server.url if way == "tcp" else start(tls=certificates).url.replace("localhost", "127.0.0.1")
    # ThreadSanitizer's shadow memory has fixed addresses. setarch -R switches off random addresses, which could lie there.
    numbers(calls_under_ThreadSanitizer=_run(ROOT / "build/tsan/redis-threads", url, 20, numbers, ["setarch", "-R"],
                                             TSAN_OPTIONS="halt_on_error=1:exitcode=66", SWIFT_BACKTRACE="enable=no",
                                             SSL_CERT_FILE=certificates.authority))


def test_connections_are_bounded(server, proxy):
    """Many threads share a few connections. All of them are served in time."""
    with Storage(proxy.url, timeout_ms=5000) as storage:
        statuses = []

        def work(number):
            with storage.scoped(b"user:%d" % number) as scope:
                for value in range(20):
                    statuses.append(code(scope.set, b"a", b"%d" % value))
                    assert scope.get(b"a") == b"%d" % value
        threads = [threading.Thread(target=work, args=[number]) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [lily.OK] * 1200
        assert proxy.connections() <= 40


def test_a_thread_that_waits_delays_no_other_beyond_its_time_out(server, slowest):
    """A reply that does not come holds one connection. Threads that wait for a free one have their own deadlines."""

    with proxies.Proxy(server.address) as between, Storage(between.url, timeout_ms=300, flags=LAZY) as storage:
        storage.set(b"a", b"1")
        between.silent = True
        times = []

        def work():
            begin = time.monotonic()
            assert code(storage.get, b"a") in (lily.IO, lily.BUSY)
            times.append((time.monotonic() - begin) * 1000)
        threads = [threading.Thread(target=work) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        slowest("beyond the time-out, of 60 threads", max(times) - 300)
        assert len(times) == 60 and max(times) < 300 + 1500


def test_no_reply_reaches_another_thread(server, numbers):
    """Connections are cut and calls time out all the while. A reply that comes late must not be taken for another call's."""
    count = 20_000 if LONG else 800
    with proxies.Proxy(server.address, 1) as between, Storage(between.url, timeout_ms=30, flags=LAZY) as storage:
        with Storage(server.url) as direct:
            for number in range(8):
                with direct.scoped(b"user:%d" % number) as scope:
                    scope.set(b"lily_session_name", b"%d" % number)
        between.cut_within = 30_000
        wrong, right = [], [0] * 8
        end = time.monotonic() + (300 if LONG else 20)

        def work(number):
            with storage.scoped(b"user:%d" % number) as scope:
                while sum(right) < count and time.monotonic() < end and not wrong:
                    try:
                        found = scope.get(b"lily_session_name")
                    except lily.Failure:
                        time.sleep(0.002)
                        continue
                    if found == b"%d" % number:
                        right[number] += 1
                    else:
                        wrong.append((number, found))
        threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            between.delay = 0.05  # longer than a call waits
            time.sleep(0.01)
            between.delay = 0
            time.sleep(0.2)
        assert not wrong and sum(right) > count / 10, (wrong[:5], right)
        numbers(replies_to_the_right_thread=sum(right))
