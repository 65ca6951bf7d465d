"""Tests backends: Python objects as stores."""
import gc
import socket
import sqlite3
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import pytest
from conftest import Clock

from lily_session import (
    Backend, Entry, InvalidArgumentError, NewerError, NotDurableError, NotFoundError, Persistence, Runtime, StorageError, Storage,
    UnsupportedError, clear,
)  # fmt: skip


class InDict(Backend):
    def __init__(self) -> None:
        self.entries: Dict[str, Entry] = {}
        self.generations: Dict[str, int] = {}
        self.log: List[str] = []

    def read(self, key: str) -> Optional[Entry]:
        return self.entries.get(key)

    def write(self, entries: Sequence[Entry], prefix: Optional[str], generation: int) -> None:
        if prefix is not None and self.generation(prefix) != generation:
            raise NewerError(f"{prefix} was cleared")
        self.log.append(f"write {len(entries)}")
        for entry in entries:
            if entry.json is None:
                self.entries.pop(entry.key, None)
            else:
                self.entries[entry.key] = entry

    def clear(self, prefix: str) -> None:
        self.generations[prefix] = self.generation(prefix) + 1
        self.entries = {key: entry for key, entry in self.entries.items() if not key.startswith(prefix)}

    def generation(self, prefix: str) -> int:
        return self.generations.get(prefix, 0)

    def each(self, prefix: str) -> Iterator[Entry]:
        return (entry for key, entry in self.entries.items() if key.startswith(prefix))

    def sync(self) -> None:
        self.log.append("sync")

    def close(self) -> None:
        self.log.append("close")


@dataclass
class Model:
    theme: str = "light"
    visits: int = 0


def test_a_session_in_a_backend(clock: Clock) -> None:
    backend = InDict()
    storage = Storage.backend(backend, clock=clock)
    runtime: Runtime[Model, Model] = Runtime(Model(), lambda model, new: new)
    fields = Persistence(Model).field("theme").field("visits", version=3)
    session = runtime.attach(fields, storage)
    runtime.dispatch(Model("crème", 1))
    assert backend.log == ["write 2"]
    assert backend.entries == {
        "lily_session_theme": Entry("lily_session_theme", '"crème"', 0, 0), "lily_session_visits": Entry("lily_session_visits", "1", 0, 3),
    }  # fmt: skip
    other = Runtime(Model())
    other.attach(fields, storage)
    assert other.model == Model("crème", 1)
    session.flush()
    assert backend.log[1:] == ["sync"]
    clear(storage)
    assert backend.entries == {} and backend.generations == {"lily_session_": 1}
    runtime.dispatch(Model("dark", 1))
    assert list(backend.entries) == ["lily_session_theme"]
    storage.set("own", [1], expires_at=clock.now)
    assert (storage.get("own"), list(storage)) == (None, ["lily_session_theme"])
    scope = storage.scoped("user:42")
    scope["key"] = 1
    assert list(scope) == ["key"] and len(backend.entries) == 3
    storage.remove("lily_session_theme")
    assert len(backend.entries) == 2


class Renewing(InDict):
    """A backend that renews in one step. `meanwhile` is what another program stores just before that."""

    meanwhile: Optional[str] = None

    def renew(self, entry: Entry) -> bool:
        self.log.append("renew")
        held = self.entries.get(entry.key)
        if held and self.meanwhile:
            held = self.entries[entry.key] = held._replace(json=self.meanwhile)
            self.meanwhile = None
        if held is None or (held.json, held.version) != (entry.json, entry.version):
            return False
        self.entries[entry.key] = entry
        return True


@pytest.mark.parametrize("backend", [InDict(), Renewing()], ids=["in two steps", "in one"])
def test_S9_an_entry_is_renewed(backend: InDict, clock: Clock) -> None:
    renewed = ["renew"] if isinstance(backend, Renewing) else ["write 1"]
    runtime: Runtime[Model, Model] = Runtime(Model(), lambda model, new: new)
    fields = Persistence(Model).field("theme", version=3, expires_after=timedelta(minutes=10))
    session = runtime.attach(fields, Storage.backend(backend, clock=clock))
    runtime.dispatch(Model("dark"))
    stored = backend.entries["lily_session_theme"]
    clock.go(minutes=1)
    session.touch("theme")
    assert backend.log == ["write 1", *renewed]
    assert backend.entries == {stored.key: stored._replace(expires_at_ms=stored.expires_at_ms + 60_000)}


def test_S9_what_another_stored_meanwhile_is_not_undone(clock: Clock) -> None:
    backend = Renewing()
    runtime: Runtime[Model, Model] = Runtime(Model(), lambda model, new: new)
    fields = Persistence(Model).field("theme", expires_after=timedelta(minutes=10))
    session = runtime.attach(fields, Storage.backend(backend, clock=clock))
    runtime.dispatch(Model("dark"))
    clock.go(minutes=1)
    backend.meanwhile = '"dim"'
    session.touch("theme")
    assert backend.log == ["write 1", "renew", "renew"]
    assert backend.entries["lily_session_theme"].json == '"dim"'
    backend.entries.clear()
    with pytest.raises(NotFoundError):
        session.touch("theme")


class Replacing(InDict):
    """A backend that replaces in one step. `meanwhile` is what another program does just before that."""

    meanwhile: Optional[Callable[[], object]] = None

    def replace(self, stored: Optional[Entry], entry: Entry, prefix: Optional[str], generation: int) -> bool:
        self.log.append("replace")
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        held = self.entries.get(entry.key)
        if (held and held[1::2]) != (stored and stored[1::2]):
            return False
        self.write([entry], prefix, generation)
        return True


def test_S27_a_value_is_replaced_in_one_step(clock: Clock) -> None:
    backend = Replacing()
    storage = Storage.backend(backend, clock=clock)
    model = Model()
    session = Runtime(model).attach(Persistence(Model).field("visits", version=3), storage)
    backend.meanwhile = lambda: backend.clear("lily_session_")  # nothing is stored before and after it
    assert session.modify("visits", lambda visits: visits + 1, 0) == model.visits == 1
    assert backend.log.count("replace") == 2
    backend.meanwhile = lambda: backend.write([Entry("lily_session_visits", "7", 0, 3)], None, 0)
    assert session.modify("visits", lambda visits: visits + 1, 0) == model.visits == 8
    backend.meanwhile = lambda: backend.clear("lily_session_")
    assert session.modify("visits", lambda visits: visits + 1, 100) == model.visits == 101
    assert backend.entries == {"lily_session_visits": Entry("lily_session_visits", "101", 0, 3)}
    assert backend.log.count("replace") == 6
    storage.modify("key", lambda value: value, "crème")
    assert backend.entries["key"] == Entry("key", '"crème"') and backend.log.count("replace") == 7
    # A backend that does not override it works, too.
    other = Storage.backend(InDict())
    assert [other.modify("key", lambda value: value + 1, 0) for _ in range(2)] == [1, 2]


class Listing(InDict):
    """A backend that lists its scopes."""

    def __init__(self, names: List[Any]) -> None:
        super().__init__()
        self.names = names

    def scopes(self) -> List[str]:
        self.log.append("scopes")
        return self.names


def test_S19_scopes_are_listed_by_the_backend() -> None:
    backend = Listing(["b", "crème", "empty"])
    for storage in (Storage.backend(InDict()), Storage.backend(backend)):
        for name in ("crème", "b", "hidden"):
            storage.scoped(name)["key"] = 1
        assert storage.scopes() == ["b", "crème"] + ["hidden"] * (backend.log == [])
        assert storage.sweep() == 0
    assert backend.log.count("scopes") == 2
    wrong: "list[tuple[Any, type[Exception]]]" = [
        ("", InvalidArgumentError), ("x" * 65, InvalidArgumentError), ("a\0b", InvalidArgumentError), (3, TypeError),
    ]  # fmt: skip
    for name, kind in wrong:
        backend.names = ["b", name]
        with pytest.raises(kind):
            storage.scopes()


def test_what_scopes_raises_comes_out() -> None:
    class Failing(InDict):
        failure: "type[Exception]" = StorageError

        def scopes(self) -> List[str]:
            raise self.failure("unplugged")

    storage = Storage.backend(Failing())
    with pytest.raises(StorageError, match="unplugged"):
        storage.scopes()
    Failing.failure = KeyError
    with pytest.raises(KeyError, match="unplugged"):
        storage.sweep()


def test_S12_without_a_sync_what_is_not_durable_stays_so() -> None:
    class Volatile(InDict):
        sync = Backend.sync  # not overridden

        def write(self, entries: Sequence[Entry], prefix: Optional[str], generation: int) -> None:
            super().write(entries, prefix, generation)
            raise NotDurableError("in memory only")

    backend = Volatile()
    storage = Storage.backend(backend)
    with pytest.raises(NotDurableError):
        storage["key"] = 1
    assert list(backend.entries) == ["key"] and storage.info().owes_sync
    with pytest.raises(NotDurableError):
        storage.sync()


def test_it_is_closed_and_let_go_once_nothing_needs_it() -> None:
    from lily_session._backend import _alive

    gc.collect()  # of other tests
    backend, before = InDict(), len(_alive)
    storage = Storage.backend(backend)
    session = Runtime(Model()).attach(Persistence.of(Model), storage)
    storage.close()
    assert "close" not in backend.log and len(_alive) == before + 1
    session.detach()
    assert backend.log.count("close") == 1 and len(_alive) == before


def test_what_close_raises_comes_out() -> None:
    class Unclosable(InDict):
        def close(self) -> None:
            raise OSError("still busy")

    storage = Storage.backend(Unclosable())
    with pytest.raises(OSError, match="still busy"):
        storage.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_close_raises_is_told_where_nobody_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unclosable(InDict):
        def close(self) -> None:
            raise OSError("still busy")

    told: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_value))
    Storage.backend(Unclosable())
    gc.collect()
    assert [str(error) for error in told] == ["still busy"]


def test_fileno() -> None:
    reader, writer = socket.socketpair()

    class Telling(InDict):
        def fileno(self) -> int:
            return reader.fileno()

    class Failing(InDict):
        def fileno(self) -> int:
            raise OSError("not connected")

    with reader, writer, Storage.backend(Telling()) as storage:
        assert not storage.wait(0)
        writer.send(b"news")
        assert storage.wait(0)
    with pytest.raises(OSError, match="not connected"):
        Storage.backend(Failing()).fileno()
    with pytest.raises(UnsupportedError):
        Storage.backend(InDict()).fileno()


def test_what_is_no_backend_is_refused() -> None:
    with pytest.raises(TypeError, match="dict is not a Backend"):
        Storage.backend({})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="abstract"):
        Backend()  # type: ignore[abstract]


@pytest.mark.parametrize("entry", [Entry("key", None), Entry("key", "\ud800"), Entry("key", "1", 2**64), ("key", "1"), 3])
def test_S20_nonsense_from_a_backend(entry: Any) -> None:
    class Nonsense(InDict):
        def read(self, key: str) -> Any:
            return entry

        def each(self, prefix: str) -> Any:
            return [entry]

    storage = Storage.backend(Nonsense())
    for function in (lambda: storage["key"], storage.each):
        with pytest.raises((TypeError, ValueError, OverflowError, AttributeError)):
            function()


def test_text_that_is_no_json_from_a_backend() -> None:
    backend = InDict()
    backend.entries["key"] = Entry("key", "{")
    storage = Storage.backend(backend)
    with pytest.raises(ValueError):
        storage["key"]


def test_a_failing_write_leaves_the_field_dirty() -> None:
    class Failing(InDict):
        fails = True

        def write(self, entries: Sequence[Entry], prefix: Optional[str], generation: int) -> None:
            if self.fails:
                raise StorageError("unplugged")
            super().write(entries, prefix, generation)

    backend = Failing()
    runtime: Runtime[Model, Model] = Runtime(Model(), lambda model, new: new)
    session = runtime.attach(Persistence.of(Model), Storage.backend(backend))
    with pytest.raises(StorageError, match="unplugged"):
        runtime.dispatch(Model("dark"))
    assert session.field_state("theme").dirty
    backend.fails = False
    session.persist()
    assert list(backend.entries) == ["lily_session_theme"]


def test_S16_it_may_be_called_from_many_threads() -> None:
    backend = InDict()
    storage = Storage.backend(backend)
    wrong: List[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(500):
                storage[name] = f"{name} {number}" * 10
                assert storage[name] == f"{name} {number}" * 10
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=[str(number)]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_S16_a_close_by_another_thread_waits_for_the_library() -> None:
    """The close comes where another thread's would do harm: before the library has taken the handle."""
    backend = InDict()

    class Closing(Persistence[Model]):
        @property
        def _handle(self) -> Any:
            if complete:
                storage.close()
            return self.kept

        @_handle.setter
        def _handle(self, handle: Any) -> None:
            self.kept = handle

    complete: List[bool] = []
    fields = Closing(Model).field("theme")
    complete.append(True)
    storage = Storage.backend(backend)
    runtime = Runtime(Model())
    session = runtime.attach(fields, storage)
    assert "close" not in backend.log
    session.detach()
    assert backend.log.pop() == "close"


def test_sqlite3_as_a_store() -> None:
    """A backend on SQLite, whose methods are one statement each."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript("CREATE TABLE entry (key PRIMARY KEY, json, expires, version); CREATE TABLE cleared (prefix PRIMARY KEY, times)")

    class InSQLite(Backend):
        def read(self, key: str) -> Optional[Entry]:
            row = database.execute("SELECT * FROM entry WHERE key = ?", [key]).fetchone()
            return row and Entry(*row)

        def write(self, entries: Sequence[Entry], prefix: Optional[str], generation: int) -> None:
            with database:
                if prefix is not None and self.generation(prefix) != generation:
                    raise NewerError("cleared meanwhile")
                database.executemany("DELETE FROM entry WHERE key = ?", [[entry.key] for entry in entries])
                database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", [entry for entry in entries if entry.json is not None])

        def clear(self, prefix: str) -> None:
            with database:
                database.execute("DELETE FROM entry WHERE substr(key, 1, ?) = ?", [len(prefix), prefix])
                database.execute("INSERT OR REPLACE INTO cleared VALUES (?, ?)", [prefix, self.generation(prefix) + 1])

        def generation(self, prefix: str) -> int:
            row = database.execute("SELECT times FROM cleared WHERE prefix = ?", [prefix]).fetchone()
            return int(row[0]) if row else 0

        def each(self, prefix: str) -> Iterator[Entry]:
            return map(Entry._make, database.execute("SELECT * FROM entry WHERE substr(key, 1, ?) = ?", [len(prefix), prefix]).fetchall())

    storage = Storage.backend(InSQLite())
    runtime: Runtime[Model, Model] = Runtime(Model(), lambda model, new: new)
    runtime.attach(Persistence.of(Model), storage)
    runtime.dispatch(Model("dark", 2))
    fresh = Runtime(Model())
    fresh.attach(Persistence.of(Model), storage)
    assert fresh.model == Model("dark", 2)
    clear(storage)
    assert list(storage) == []
    with pytest.raises(InvalidArgumentError):
        storage[""] = 1
    database.close()
