"""Tests what is logged if a session has no event handler."""
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List

import pytest

from lily_session import Event, Persistence, RawJSON, Runtime, Storage


@dataclass
class Model:
    theme: str = "light"
    visits: int = 0
    pin: int = 0


def spoiled() -> Storage:
    storage = Storage.memory()
    storage.write({"lily_session_theme": ["secret"], "lily_session_pin": "secret"})
    return storage


FIELDS = Persistence.of(Model).field("pin", encode=str, decode=int)


def test_S3_a_refusal_is_not_silent(caplog: pytest.LogCaptureFixture) -> None:
    Runtime(Model()).attach(FIELDS, spoiled())
    assert [(record.name, record.levelno, record.getMessage()) for record in caplog.records] == [
        ("lily_session", logging.WARNING, "pin: the stored value was refused: ValueError; it stays until the field changes"),
        ("lily_session", logging.WARNING, "theme: the stored value is an array, which the field does not accept; it stays until the field changes"),
    ]


def test_a_handler_of_events_is_told_instead(caplog: pytest.LogCaptureFixture, events: List[Event]) -> None:
    Runtime(Model()).attach(FIELDS, spoiled(), on_event=events.append)
    assert len(events) == 2 and caplog.records == []


def test_what_is_no_failure_and_what_a_call_raises_is_not_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model: Any = Model()
    with Storage.open(path) as one, Storage.open(path) as two:
        session = Runtime(model).attach(Persistence.of(Model), one)
        two["lily_session_visits"] = 3
        assert len(session.refresh()) == 1
        model.visits = "three"
        with pytest.raises(ValueError):
            session.persist()
        assert caplog.records == []
        model.visits = 3


def test_damage_is_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Storage.open(path) as storage:
        storage["lily_session_visits"] = 3
        storage["lily_session_theme"] = "dark"
    path.write_bytes(path.read_bytes().replace(b'visits",3', b'visits",4'))
    with Storage.open(path) as storage:
        Runtime(Model()).attach(Persistence.of(Model), storage)
    assert [record.getMessage() for record in caplog.records] == ["lines of the file are damaged; they were skipped"]


def test_a_program_that_sets_nothing_up_prints_it_and_loads_logging_only_then() -> None:
    program = """
import sys
from dataclasses import dataclass
from lily_session import *
@dataclass
class Model: theme: str = "light"
storage = Storage.memory()
Runtime(Model()).attach(Persistence.of(Model), storage)
print("logging" in sys.modules)
storage["lily_session_theme"] = 3
Runtime(Model()).attach(Persistence.of(Model), storage)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (
        "False\n", "theme: the stored value is a number, which the field does not accept; it stays until the field changes\n"
    )  # fmt: skip
