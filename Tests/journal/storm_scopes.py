"""Processes that serve users in scopes that are files, sweepers beside them, and a parent that kills them (storm.py)."""
import time

import lily
import storm

FLAGS = lily.SCOPE_FILES | lily.NO_SYNC
TOKEN, VISITS = b"lily_session_token", b"lily_session_visits"


class Users(storm.Worker):
    """Serves users of its own, a request at a time, as a server does: it opens the scope, changes something, and closes it. Each key is a scope
    and a key in it. A user logs in, is seen, and logs out; then a sweep may remove the file at any moment."""
    USERS = 6

    def keys(self):
        return [b"%s:%d/%s" % (self.name.encode(), user, key) for user in range(self.USERS) for key in (TOKEN, VISITS)]

    def update(self, count):
        user = b"%s:%d/" % (self.name.encode(), count * 5 % self.USERS)
        value = b'"%d.%d %s"' % (self.life, count, b"x" * (count * 37 % 300))
        if count % 7 == 0:
            return {user + TOKEN: None, user + VISITS: None}  # a log-out
        return {user + TOKEN: value} if count % 3 else {user + VISITS: value}

    def work(self, tell):
        parent, count = lily.Storage(self.path, FLAGS), 0
        # A handle that stays open while the file comes and goes.
        kept = parent.scoped(b"%s:0" % self.name.encode())
        while True:
            count += 1
            changes = self.update(count)
            name = next(iter(changes)).split(b"/")[0]
            scope = kept if name.endswith(b":0") else parent.scoped(name)
            if None in changes.values():
                scope.clear()
            for key, text in changes.items():
                if text is not None:
                    scope.set(key.split(b"/")[1], text)
            if scope is not kept:
                scope.close()
            tell()


class Guests(storm.Keyless):
    """Makes scopes whose entries expire at once, so that sweeps have something to remove."""

    def work(self, tell):
        parent, count = lily.Storage(self.path, FLAGS), 0
        while True:
            count += 1
            scope = parent.scoped(b"%s:%d" % (self.name.encode(), count % 50))
            scope.set(TOKEN, b"1", int(time.time() * 1000) + 1)
            scope.close()
            tell()


class Sweeper(storm.Keyless):
    """Sweeps, in steps and as a whole."""

    def work(self, tell):
        parent, count = lily.Storage(self.path, FLAGS), 0
        while True:
            count += 1
            if parent.sweep(0 if count % 4 == 0 else 3):
                tell()


def stored(path):
    """Returns a function that tells what is stored under a key of a scope."""
    def get(key):
        scope, key = key.split(b"/")
        with lily.Storage(path, FLAGS) as parent, parent.scoped(scope) as storage:
            return storage.get(key)
    return get


def run(path, workers, random, seconds, pause=0.012):
    """Lets the workers run, and kills one after another. Returns counts, and what is wrong."""
    counts, wrongs, end = dict(kills=0, lost=0, swept=0), [], time.monotonic() + seconds
    get = stored(path)
    for worker in workers:
        worker.start()
    try:
        while time.monotonic() < end and not wrongs:
            time.sleep(random.random() * pause)
            for worker in workers:
                worker.drain()
            victim = random.choice(workers)
            victim.kill()
            counts["kills"] += 1
            wrong = victim.verify(get)
            if wrong:
                wrongs.append(wrong)
            victim.start()
    finally:
        for worker in workers:
            worker.kill()
    for worker in workers:
        wrong = worker.verify(get)
        if wrong:
            wrongs.append(wrong)
        counts["lost"] += worker.lost
        counts["swept"] += worker.acknowledged if isinstance(worker, Sweeper) else 0
    counts["acknowledged"] = sum(worker.acknowledged for worker in workers)
    return counts, wrongs
