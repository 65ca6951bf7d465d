"""Tests modifications: nothing is lost, whoever else stores at the same time."""
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, List, Optional

import pytest
from conftest import Clock

from lily_session import (
    DecodeError, EncodeError, Event, MissingKeyError, NewerError, Persistence, RawJSON, ReentrantError, Runtime, Session, State, Storage,
)  # fmt: skip


@dataclass
class Model:
    visits: int = 0
    theme: str = "light"
    tags: List[str] = field(default_factory=list)


def attached(storage: Storage, model: Model, fields: "Optional[Persistence[Model]]" = None, **options: Any) -> Session:
    runtime: Runtime[Model, Any] = Runtime(model)
    return runtime.attach(fields or Persistence.of(Model), storage, **options)


def one_more(visits: int) -> int:
    return visits + 1


def test_S27_two_sessions_count(path: Path, events: List[Event]) -> None:
    ours, theirs = Model(), Model()
    with Storage.open(path) as one, Storage.open(path) as two:
        session, other = attached(one, ours, on_event=events.append), attached(two, theirs)
        assert session.modify("visits", one_more, 0) == 1
        assert other.modify("visits", one_more, 0) == 2
        assert (ours.visits, theirs.visits) == (1, 2)
        assert session.modify("visits", one_more, 0) == 3
        assert (ours.visits, two["lily_session_visits"], events) == (3, 3, [])
        assert session.field_state("visits") == (State.LOADED, False)
        session.detach()
        other.detach()
        assert [item.key for item in two.each()] == ["lily_session_visits"]


def test_S27_it_is_made_again_when_overtaken(path: Path) -> None:
    model = Model()
    given: List[Any] = []

    def change(tags: Optional[List[str]]) -> List[str]:
        given.append(tags)
        if len(given) == 1:
            two["lily_session_tags"] = ["theirs"]
        return [*(tags or []), "ours"]

    with Storage.open(path) as one, Storage.open(path) as two:
        assert attached(one, model).modify("tags", change) == ["theirs", "ours"]
        assert given == [None, ["theirs"]]
        assert model.tags == two["lily_session_tags"] == ["theirs", "ours"]


def test_S27_it_persists_what_the_program_changed(storage: Storage) -> None:
    model = Model()
    session = attached(storage, model)
    model.visits, model.theme = 40, "dark"
    session.modify("visits", one_more)
    assert (model.visits, storage["lily_session_visits"], storage["lily_session_theme"]) == (41, 41, "dark")


def test_S27_a_frozen_model_and_a_codec(storage: Storage) -> None:
    @dataclass(frozen=True)
    class Frozen:
        balance: Decimal = Decimal(0)

    runtime = Runtime(Frozen())
    session = runtime.attach(Persistence(Frozen).field("balance", encode=str, decode=Decimal), storage)
    assert session.modify("balance", lambda balance: balance + Decimal("1.5"), Decimal(1)) == Decimal("2.5")
    session.modify("balance", lambda balance: balance * 2)
    assert runtime.model == Frozen(Decimal(5)) and storage["lily_session_balance"] == "5.0"


def boom(*_: Any) -> Any:
    raise ZeroDivisionError("boom")


def test_S27_an_exception_comes_out_and_nothing_changes(storage: Storage, events: List[Event]) -> None:
    model = Model()
    session = attached(storage, model, on_event=events.append)
    session.modify("visits", one_more, 4)
    with pytest.raises(ZeroDivisionError, match="boom"):
        session.modify("visits", boom)
    with pytest.raises(EncodeError):
        session.modify("visits", lambda visits: "not an integer")
    with pytest.raises(MissingKeyError):
        session.modify("no such field", boom)
    with pytest.raises(EncodeError, match=r"tags: expected str, found object at \[0\]"):
        session.modify("tags", lambda tags: [object()])
    storage["key"] = 1
    with pytest.raises(ZeroDivisionError, match="boom"):
        storage.modify("key", boom)
    with pytest.raises(EncodeError):
        storage.modify("key", lambda value: object())
    with pytest.raises(EncodeError):
        session.modify("theme", lambda theme: "\ud800")
    assert {item.key: item.value for item in storage.each()} == {"key": 1, "lily_session_visits": 5}
    assert (model, events) == (Model(5), [])
    assert session.modify("visits", one_more) == 6


def test_S27_what_is_not_the_fields_value_stays(storage: Storage) -> None:
    session = attached(storage, Model())
    for json, kind in (('"no integer"', "visits"), ("[1]", "tags")):
        storage.set(f"lily_session_{kind}", RawJSON(json))
        with pytest.raises(DecodeError, match="not one that the field accepts"):
            session.modify(kind, boom)
        assert storage.get_json(f"lily_session_{kind}") == json


def test_S11_versions(storage: Storage) -> None:
    newer = attached(storage, Model(), Persistence(Model).field("visits", version=1, migrate=lambda version, stored: stored * 10))
    older = attached(storage, Model())
    older.modify("visits", one_more, 3)
    assert newer.modify("visits", one_more) == 41
    with pytest.raises(NewerError):
        older.modify("visits", boom)


def test_S15_it_is_a_callback_of_the_runtime(storage: Storage) -> None:
    session = attached(storage, Model())
    with pytest.raises(ReentrantError):
        session.modify("visits", lambda visits: session.modify("visits", one_more, 0))
    # A storage may be used.
    assert session.modify("visits", lambda visits: storage.modify("key", one_more, 1), 0) == storage["key"] == 2


def test_S27_a_storages_own_key(clock: Clock) -> None:
    storage = Storage.memory(clock=clock).scoped("user:42")
    assert storage.modify("key", lambda value: [value], "nothing") == ["nothing"]
    storage.set("key", 1, expires_at=clock.now + timedelta(minutes=1))
    assert storage.modify("key", one_more) == 2
    assert storage.each()[0].expires_at == clock.now + timedelta(minutes=1)  # as before
    storage.modify("key", lambda value: RawJSON(" { } "))
    assert storage.get_json("key") == "{}"
    clock.go(minutes=1)
    assert storage.modify("key", lambda value: value) is None
    assert storage.get_json("key") == "null"


PROCESS = """
import sys
from dataclasses import dataclass
from lily_session import Persistence, Runtime, Storage

@dataclass
class Model:
    visits: int = 0

with Storage.open(sys.argv[1]) as storage, Runtime(Model()) as runtime:
    session = runtime.attach(Persistence.of(Model), storage)
    for _ in range(250):
        session.modify("visits", lambda visits: visits + 1, 0)
        storage.modify("calls", lambda calls: calls + 1, 0)
"""


def test_S27_four_processes_count_to_1000(path: Path) -> None:
    counting = [subprocess.Popen([sys.executable, "-c", PROCESS, str(path)]) for _ in range(4)]
    assert [process.wait(timeout=200) for process in counting] == [0] * 4
    with Storage.open(path) as storage:
        assert {item.key: item.value for item in storage.each()} == {"calls": 1000, "lily_session_visits": 1000}
