"""Tests maps: dicts whose entries are stored each under a key of its own."""
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from conftest import Clock

from lily_session import (
    DuplicateKeyError, EncodeError, Event, EventKind, InvalidArgumentError, Map, Persistence, RawJSON, Runtime, Session, State, Storage,
)  # fmt: skip


@dataclass
class Editor:
    theme: str = "light"
    recent: Map[int] = field(default_factory=dict)
    windows: Map[List[int]] = field(default_factory=dict)


def attached(storage: Storage, model: Any, fields: "Optional[Persistence[Any]]" = None, **options: Any) -> Session:
    runtime: Runtime[Any, Any] = Runtime(model)
    return runtime.attach(fields or Persistence.of(type(model)), storage, **options)


def values(storage: Storage) -> Dict[str, Any]:
    return {item.key[len("lily_session_"):]: item.value for item in storage.each()}


def test_S27_each_entry_has_a_key_of_its_own(path: Path, events: List[Event]) -> None:
    ours, theirs = Editor(), Editor()
    recent = ours.recent
    with Storage.open(path) as one, Storage.open(path) as two:
        session, other = attached(one, ours, on_event=events.append), attached(two, theirs)
        ours.recent["/etc/motd"], ours.windows["crème"] = 12, [1, 2]
        theirs.recent["/tmp/x"] = 7
        session.persist()
        other.persist()
        assert values(one) == {"recent//etc/motd": 12, "recent//tmp/x": 7, "windows/crème": [1, 2]}
        assert [(event.kind, event.key) for event in session.refresh()] == [(EventKind.CHANGED, "recent//tmp/x")]
        assert ours.recent is recent and recent == {"/etc/motd": 12, "/tmp/x": 7}
        ours.windows["crème"].append(3)
        del recent["/tmp/x"]
        session.persist()
        assert values(one) == {"recent//etc/motd": 12, "windows/crème": [1, 2, 3]}
        assert {(event.kind, event.key) for event in other.refresh()} == {
            (EventKind.REMOVED, "recent//tmp/x"), (EventKind.CHANGED, "recent//etc/motd"), (EventKind.CHANGED, "windows/crème"),
        }  # fmt: skip
        assert theirs == ours
        assert attached(Storage.open(path, read_only=True), Editor())._runtime.model == ours


def test_S27_a_frozen_model_keeps_its_dict() -> None:
    @dataclass(frozen=True)
    class Frozen:
        recent: Map[int] = field(default_factory=dict)

    storage = Storage.memory()
    storage.write({f"lily_session_recent/{number}": number for number in range(100)})
    first = Frozen()
    runtime = Runtime(first)
    copies: List[int] = []

    def put(model: Frozen, recent: Dict[str, int]) -> Frozen:
        copies.append(1)
        return Frozen(recent)

    fields = Persistence(Frozen).map("recent", get=lambda model: model.recent, set=put)
    session = runtime.attach(fields, storage)
    assert first == Frozen({}) and len(runtime.model.recent) == 100 and copies == [1]
    second = runtime.model
    storage.write({"lily_session_recent/0": -1, "lily_session_recent/1": -1})
    session.refresh()
    assert copies == [1, 1] and (second.recent["0"], runtime.model.recent["0"], runtime.model.recent["1"]) == (0, -1, -1)
    # Without a set, the dataclass's own way is used.
    runtime = Runtime(first)
    runtime.attach(Persistence.of(Frozen), storage)
    assert first == Frozen({}) and len(runtime.model.recent) == 100


def test_S27_a_value_that_is_refused_is_so_by_itself(storage: Storage, events: List[Event]) -> None:
    storage["lily_session_recent/a"], storage["lily_session_recent/b"], storage["lily_session_recent/c"] = 1, "no number", 3
    model = Editor()
    session = attached(storage, model, on_event=events.append)
    assert model.recent == {"a": 1, "c": 3}
    assert [(event.kind, event.key) for event in events] == [(EventKind.REJECTED, "recent/b")]
    model.recent["a"] = 2
    session.persist()
    assert (storage["lily_session_recent/a"], storage["lily_session_recent/b"]) == (2, "no number")
    # A decoder refuses one, too.
    prices: Dict[str, Decimal] = {}
    storage.write({"lily_session_prices/a": "1.5", "lily_session_prices/b": "x"})
    fields = Persistence[Dict[str, Decimal]]().map("prices", get=lambda prices: prices, encode=str, decode=Decimal)
    session = attached(storage, prices, fields, on_event=events.append)
    assert prices == {"a": Decimal("1.5")} and events[-1].key == "prices/b" and isinstance(events[-1].error, ArithmeticError)
    assert session.modify("prices/a", lambda price: price * 2) == prices["a"] == Decimal("3")
    assert storage["lily_session_prices/a"] == "3.0"


def test_S7_an_entry_that_cannot_be_stored_touches_no_other(storage: Storage) -> None:
    model = Editor()
    session = attached(storage, model)
    recent: Dict[Any, Any] = model.recent
    recent.update(a=1, b="no number", c=3)
    with pytest.raises(EncodeError):
        session.persist()
    assert values(storage) == {"recent/a": 1, "recent/c": 3}
    model.recent["b"] = 2
    model.windows.update(a=[object()], b=[2])  # type: ignore[list-item]
    with pytest.raises(EncodeError, match=r"windows/a: expected int, found object at \[0\]"):
        session.persist()
    assert values(storage) == {"recent/a": 1, "recent/b": 2, "recent/c": 3, "windows/b": [2]}
    del model.windows["a"]

    def encode(number: int) -> str:
        if number == 2:
            raise ZeroDivisionError("boom")
        return str(number)

    other = Storage.memory()
    with pytest.raises(ZeroDivisionError, match="boom"):
        attached(other, {}, Persistence[Dict[str, int]]().map("n", get=lambda numbers: numbers, encode=encode, decode=int)).modify("n/a", lambda n: 2)
    numbers = {"a": 1}
    failing = attached(other, numbers, Persistence[Dict[str, int]]().map("n", get=lambda numbers: numbers, encode=encode, decode=int))
    numbers.update(b=2, c=3)
    with pytest.raises(ZeroDivisionError, match="boom"):
        failing.persist()
    assert values(other) == {"n/c": "3"}
    failing.reset("n/b")
    for wrong, kind in ((7, TypeError), ("a\0", InvalidArgumentError), ("", EncodeError), ("x" * 513, EncodeError)):
        recent.update({wrong: 1, "d": recent.get("d", 0) + 1})
        with pytest.raises(kind):
            session.persist()
        del recent[wrong]
        assert storage["lily_session_recent/d"] == model.recent["d"]
    session.detach()


def test_S27_an_entry_is_like_a_field(clock: Clock) -> None:
    storage = Storage.memory(clock=clock)
    model = Editor()
    fields = Persistence(Editor).map("recent", prefix="files:", expires_after=timedelta(minutes=1), version=1, migrate=lambda version, stored: stored * 10)
    storage["lily_session_files:old"] = 5
    session = attached(storage, model, fields)
    assert model.recent == {"old": 50}
    assert session.field_state("files:old").state == State.MIGRATED
    assert session.modify("files:new", lambda count: count + 1, 0) == model.recent["new"] == 1
    clock.go(seconds=30)
    session.touch("files:new")
    session.mark("files:old")
    session.persist()
    assert storage["lily_session_files:old"] == 50
    assert session.next_expiry() == timedelta(minutes=1)
    session.reset("files:old")
    assert model.recent == {"new": 1}
    clock.go(minutes=1)
    assert [(event.kind, event.key) for event in session.refresh()] == [(EventKind.EXPIRED, "files:new")]
    assert model.recent == {}


def test_S1_prefixes_and_keys_do_not_meet() -> None:
    with pytest.raises(DuplicateKeyError):
        Persistence(Editor).map("recent", prefix="the").field("theme")
    with pytest.raises(DuplicateKeyError):
        Persistence(Editor).map("recent").map("windows", prefix="recent/windows/")
    fields = Persistence(Editor).map("recent", prefix="a")
    with pytest.raises(InvalidArgumentError):
        fields.map("windows", prefix="")
    wrong: Any
    for wrong in ({"set": print}, {"encode": str}):
        with pytest.raises(TypeError, match="too|together"):
            fields.map("windows", **wrong)
    with pytest.raises(TypeError, match="no field 'other'"):
        fields.map("other")


def test_S5_a_revision_spares_the_entries(storage: Storage) -> None:
    model = Editor()
    session = attached(storage, model, revision=lambda model: int(model.theme == "dark"))
    model.recent["a"] = 1
    session.persist()
    assert values(storage) == {}
    model.theme = "dark"
    session.persist()
    assert values(storage) == {"recent/a": 1, "theme": "dark"}


PROCESS = """
import sys
from dataclasses import dataclass, field
import lily_session

@dataclass
class Model:
    cookies: lily_session.Map[str] = field(default_factory=dict)

model = Model()
with lily_session.open("maps", model) as session:
    for number in range(25):
        model.cookies[f"{sys.argv[1]}.{number}"] = "x"
        session.persist()
        if number % 5 == 4:
            session.refresh()
"""


def test_S27_four_processes_lose_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LILY_SESSION_DIR", str(tmp_path))
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, str(number)]) for number in range(4)]
    assert [process.wait(timeout=200) for process in running] == [0] * 4
    with Storage.open(tmp_path / "maps/session.jsonl") as storage:
        assert len(storage.each("lily_session_cookies/")) == 100


def test_raw_json(storage: Storage) -> None:
    model: Dict[str, RawJSON] = {}
    session = attached(storage, model, Persistence[Dict[str, RawJSON]]().map("raw", get=lambda model: model, type=RawJSON))
    model["a"] = RawJSON('{"b":1.0}')
    session.persist()
    assert storage.get_json("lily_session_raw/a") == '{"b":1.0}'
