"""Tests a session in one call."""
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict

import pytest

import lily_session
from lily_session import DuplicateKeyError, EventKind, InvalidArgumentError, Persistence, Storage


@dataclass
class Model:
    theme: str = "light"
    visits: int = 0


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LILY_SESSION_DIR", str(tmp_path))
    return tmp_path / "shop/session.jsonl"


def test_S27_it_fills_the_model_and_stores_what_changes(place: Path) -> None:
    model = Model()
    with lily_session.open("shop", model) as session:
        assert session.model is model and session.storage.path == place
        model.theme = "dark"
        session.persist()
        assert session.storage["lily_session_theme"] == "dark"
        model.visits = 1
    model = Model()
    session = lily_session.open("shop", model)
    assert model == Model("dark", 1)
    session.reset("theme")
    session.close()
    session.close()
    with pytest.raises(InvalidArgumentError, match="detached"):
        session.persist()
    with pytest.raises(InvalidArgumentError, match="closed"):
        session.storage.info()
    with Storage.open(place) as storage:
        assert {item.key: item.value for item in storage.each()} == {"lily_session_visits": 1}


def test_S27_other_models(place: Path) -> None:
    @dataclass(frozen=True)
    class Frozen:
        visits: int = 0

    first = Frozen()
    with lily_session.open("shop", first) as session:
        session.model = replace(session.model, visits=7)
    values: Dict[str, Any] = {"visits": 0}
    fields = Persistence[Dict[str, Any]]().field("visits", get=lambda values: values["visits"], set=lambda values, visits: values.update(visits=visits))
    with lily_session.open("shop", values, fields) as other:
        assert values == other.model == {"visits": 7}
    with lily_session.open("shop", first) as session:
        assert (first, session.model) == (Frozen(), Frozen(7))


def test_S10_it_learns_of_what_others_do(place: Path) -> None:
    model = Model()
    with lily_session.open("shop", model) as session, Storage.open(place) as theirs:
        theirs["lily_session_theme"] = "dark"
        assert [event.kind for event in session.refresh()] == [EventKind.CHANGED]
        assert model.theme == "dark"


def test_S27_what_cannot_be_opened(place: Path) -> None:
    with pytest.raises(InvalidArgumentError):
        lily_session.open("no/name", Model())
    with pytest.raises(TypeError, match="not a dataclass"):
        lily_session.open("shop", {})
    with pytest.raises(DuplicateKeyError):
        lily_session.open("shop", Model(), Persistence(Model).field("theme").field("theme"))
    assert not place.exists()
