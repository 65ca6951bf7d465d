"""A storage on a server of Redis, which $LILY_SESSION_TEST_REDIS gives: redis://host:port. It must sync what it acknowledges."""
import functools
import os
import pathlib
import sys
import urllib.parse

import api

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "redis"))

URL = os.environ.get("LILY_SESSION_TEST_REDIS")
PREFIX = "lily_session_"


class Server:
    """The database that a process has for its cases. It is empty at the start of each."""

    def __init__(self):
        import resp  # only who has a server needs it
        import store
        self.store, place = store, urllib.parse.urlsplit(URL)
        self.client = resp.Client((place.hostname, place.port))
        self.database = os.getpid() % int(self.client("CONFIG", "GET", "databases")[1])
        self.client("SELECT", self.database)

    def empty(self):
        self.client("FLUSHDB")

    def open(self, clock, handle):
        """Opens a storage. Returns the status."""
        options = self.store.Options(size=api.c.sizeof(self.store.Options), url=f"{URL}/{self.database}".encode(), clock=clock, timeout_ms=10_000)
        return self.store.redis_open(api.c.byref(options), api.c.byref(handle))

    def stored(self):
        """Returns {(scope, key): (text, deadline, version)}."""
        found = {}
        for name in self.client("KEYS", "*"):
            scope = name.decode().removeprefix("lily:{").removesuffix("}")
            for field, value in self.client.hash(name).items():
                if field == b"":
                    continue  # the generation
                key = field[1:].decode() if field[:1] == b"\xff" else PREFIX + field.decode()
                text, deadline, version = value.decode(), 0, 0
                if value[:1] == b"@":
                    deadline, version, text = text[1:].split(",", 2)
                found[scope, key] = text, int(deadline), int(version)
        return found


@functools.cache
def _of_process(_):
    return Server()


def of_this_process():
    """Returns the server. A child of fork has a connection and a database of its own."""
    return _of_process(os.getpid())
