"""Measures a dispatch that changes and stores one of 20 fields, and the same in other stores that Python programs use.

    python bench.py [FOLDER]      prints JSON: microseconds for an update, the best of many short rounds of each, taken in turn

The other stores are told which value changed; the session finds it out itself. All but one keep an update when the process is killed,
and may lose it when the power fails (sqlite3: WAL, synchronous=NORMAL). Packages that are not installed are left out.
"""
import contextlib
import dataclasses
import dbm.dumb
import json
import shelve
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, MutableMapping

import lily_session

FIELDS = 20
ROUNDS, UPDATES = 60, 100
KINDS = [(str, "value"), (int, 7), (float, 1.5), (bool, True)]

fields = [(f"field_{at}", *KINDS[at % 4]) for at in range(FIELDS)]
Model = dataclasses.make_dataclass("Model", [(name, kind, default) for name, kind, default in fields])
Frozen = dataclasses.make_dataclass("Frozen", [(name, kind, default) for name, kind, default in fields], frozen=True)


Put = Callable[[int], None]


def session(path: Path, end: contextlib.ExitStack, model: type, update: Callable) -> Put:
    storage = end.enter_context(lily_session.Storage.open(path / "session.jsonl"))
    runtime = end.enter_context(lily_session.Runtime(model(), update))
    runtime.attach(lily_session.Persistence.of(model), storage)
    return runtime.dispatch


def in_place(model: object, value: int) -> None:
    model.field_1 = value


def frozen(model: object, value: int) -> object:
    return dataclasses.replace(model, field_1=value)


def sqlite(path: Path, end: contextlib.ExitStack) -> Put:
    database = end.enter_context(contextlib.closing(sqlite3.connect(path / "store.db", isolation_level=None)))
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE session (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
    database.executemany("INSERT INTO session VALUES (?, ?)", [(name, json.dumps(default)) for name, _, default in fields])

    def put(value: int) -> None:
        database.execute("INSERT OR REPLACE INTO session VALUES ('field_1', ?)", (json.dumps(value),))

    return put


def put_into(mapping: MutableMapping) -> Put:
    for name, _, default in fields:
        mapping[name] = default

    def put(value: int) -> None:
        mapping["field_1"] = value

    return put


def shelf(path: Path, end: contextlib.ExitStack) -> Put:
    return put_into(end.enter_context(shelve.open(str(path / "shelf"))))


def synced_shelf(path: Path, end: contextlib.ExitStack) -> Put:
    shelf = end.enter_context(shelve.open(str(path / "shelf")))
    put, sync = put_into(shelf), shelf.sync

    def put_and_sync(value: int) -> None:
        put(value)
        sync()

    return put_and_sync


def diskcache(path: Path, end: contextlib.ExitStack) -> Put:
    from diskcache import Cache

    return put_into(end.enter_context(Cache(str(path))))


def sqlitedict(path: Path, end: contextlib.ExitStack) -> Put:
    from sqlitedict import SqliteDict

    mapping = end.enter_context(SqliteDict(str(path / "dict.db"), encode=json.dumps, decode=json.loads))
    put, commit = put_into(mapping), mapping.commit

    def put_and_commit(value: int) -> None:
        put(value)
        commit()

    return put_and_commit


def rounds(put: Put) -> Iterator[float]:
    """Yields the best time so far after each round, in seconds for an update."""
    value, best = 0, float("inf")
    while True:
        start = time.perf_counter()
        for value in range(value + 1, value + 1 + UPDATES):
            put(value)
        best = min(best, (time.perf_counter() - start) / UPDATES)
        yield best


STORES: Dict[str, Callable[[Path, contextlib.ExitStack], Put]] = {
    "lily-session": lambda path, end: session(path, end, Model, in_place),
    "lily-session, frozen model": lambda path, end: session(path, end, Frozen, frozen),
    "sqlite3": sqlite,
    "shelve": synced_shelf,
    "shelve, lost when killed": shelf,
    "diskcache": diskcache,
    "sqlitedict": sqlitedict,
}


def main() -> None:
    with contextlib.ExitStack() as end:
        folder = end.enter_context(tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None))
        running = {}
        for name, make in STORES.items():
            path = Path(folder, name)
            path.mkdir()
            with contextlib.suppress(ImportError):
                running[name] = rounds(make(path, end))
        for _ in range(ROUNDS):
            best = {name: next(each) for name, each in running.items()}
        kept_by = dbm.whichdb(str(Path(folder, "shelve", "shelf")))
    print(json.dumps({
        "benchmark": "one of 20 fields changed",
        "unit": "microseconds",
        "python": sys.version.split()[0],
        "shelve_is_kept_by": kept_by,
        "results": {name: round(seconds * 1e6, 2) for name, seconds in best.items()},
    }, indent=2))


if __name__ == "__main__":
    main()
