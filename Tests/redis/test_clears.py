"""S8, S25: nothing from before a clear is read after it, whatever writers, failures and cut connections there are."""
import random
import threading
import time

import lily
import proxy as proxies
from conftest import LONG
from store import LAZY, Session, Storage, code, eventually

WRITERS, FIELDS = 4, 3


class Storm:
    """Writers, clearers and readers of one scope.

    A writer numbers its values. `done[writer]` is the number of the last update that has returned, whether it was stored or not. A clearer notes
    these numbers before it clears, and after the clear they are `barred`: a reader that begins then must see none of them, and none before them.
    """

    def __init__(self, server, seed, seconds=None, reads=None):
        self.server, self.seconds, self.wanted = server, seconds, reads
        self.done, self.barred = [0] * WRITERS, [0] * WRITERS
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.wrong, self.reads, self.after, self.clears, self.stored, self.failed = [], 0, 0, 0, 0, 0
        self.random = random.Random(seed)
        self.between = proxies.Proxy(server.address, seed)
        self.between.cut_within = 20_000

    def run(self):
        roles = [(self._write, number) for number in range(WRITERS)] + [(self._clear, 0), (self._clear, 1), (self._read, 0), (self._read, 1)]
        threads = [threading.Thread(target=self._guarded, args=role) for role in roles]
        for thread in threads:
            thread.start()
        end = time.monotonic() + (self.seconds or 3000)
        while time.monotonic() < end and not self.wrong and (self.wanted is None or self.after < self.wanted):
            time.sleep(0.02)
        self.stop.set()
        for thread in threads:
            thread.join()
        self.between.close()

    def _guarded(self, role, number):
        try:
            role(number, random.Random(self.random.random()))
        except BaseException as error:
            self.wrong.append(f"{role.__name__} {number}: {error!r}")

    def _open(self, number):
        """Half of them speak through the proxy, which cuts connections."""
        return Storage(self.between.url if number % 2 else self.server.url, timeout_ms=500, flags=LAZY)

    def _write(self, writer, chance):
        number = 0
        with self._open(writer) as storage, storage.scoped(b"user:1") as scope:
            while not self.stop.is_set():
                try:
                    session = Session(scope, **{f"w{writer}f{field}": b"" for field in range(FIELDS)})
                except lily.Failure:
                    self.failed += 1
                    continue
                with session:
                    for _ in range(chance.randint(1, 40)):
                        number += 1
                        status = code(session.dispatch, **{f"w{writer}f{chance.randrange(FIELDS)}": b"%d" % number})
                        if chance.random() < 0.1:
                            code(session.persist)
                        self.done[writer] = number
                        if status == lily.OK:
                            self.stored += 1
                        else:
                            self.failed += 1

    def _clear(self, number, chance):
        with self._open(number) as storage, storage.scoped(b"user:1") as scope:
            while not self.stop.is_set():
                time.sleep(chance.random() * 0.02)
                before = list(self.done)
                if code(scope.clear) == lily.OK:
                    self.clears += 1
                    with self.lock:
                        self.barred = [max(pair) for pair in zip(self.barred, before)]

    def _read(self, number, _):
        with self._open(number) as storage, storage.scoped(b"user:1") as scope:
            while not self.stop.is_set():
                with self.lock:
                    barred, cleared = list(self.barred), self.clears
                try:
                    found = scope.each()
                except lily.Failure:
                    continue
                for key, (text, _) in found.items():
                    writer = int(key.removeprefix(b"lily_session_w").split(b"f")[0])
                    if int(text.strip(b'"')) <= barred[writer]:
                        self.wrong.append(f"{key} is {text}, but {barred[writer]} was cleared")
                self.reads += 1
                self.after += cleared > 0


def test_nothing_from_before_a_clear_comes_back(server, numbers):
    seed = time.time_ns() % 2**32 if LONG else 1
    storm = Storm(server, seed, **({"reads": 120_000} if LONG else {"seconds": 1.5}))
    storm.run()
    numbers(reads_after_clears=storm.after, clears=storm.clears, updates_in_storms=storm.stored, updates_that_failed=storm.failed,
            connections_cut=storm.between.cuts, wrong=len(storm.wrong))
    assert not storm.wrong, f"seed {seed}: {storm.wrong[:3]}"
    assert storm.after > 100 and storm.clears > 10 and storm.stored > 100 and storm.between.cuts > 3


def test_a_clear_is_met_by_each_session(server):
    """What was tried before it is dropped, and an event says so; what changes after it is stored."""
    with proxies.Proxy(server.address) as between, Storage(between.url, timeout_ms=200) as storage, storage.scoped(b"user:1") as scope, \
            Storage(server.url) as elsewhere, elsewhere.scoped(b"user:1") as other, Session(scope, a=0, b=0) as session:
        session.dispatch(a=1)
        between.refusing = True
        between.cut()
        assert code(session.dispatch, a=2) == lily.IO
        other.clear()
        between.refusing = False
        eventually(session.persist)
        session.dispatch(b=3)
        assert other.get(b"lily_session_a") is None and other.get(b"lily_session_b") == b"3"
        assert (10, lily.OK, 0, b"a") in session.events
