"""Tests that a wrong argument is told at the call that was given it, and by its name."""
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable

import pytest

import lily_session

# A type checker would find these mistakes, too.
Persistence: Any = lily_session.Persistence
Runtime: Any = lily_session.Runtime
Storage: Any = lily_session.Storage
open_session: Any = lily_session.open


@dataclass
class Settings:
    theme: str = "light"


def _a_clock_of_another_type() -> None:
    with Storage.memory(clock=time.time) as storage, Runtime(Settings()) as runtime:
        runtime.attach(Persistence.of(Settings), storage)


@pytest.mark.parametrize(("call", "told"), [
    (lambda: Storage.memory(clock=datetime.now(timezone.utc)), "a clock is a function that returns a datetime"),
    (_a_clock_of_another_type, "a time is a datetime, and not an object of type float"),
    (lambda: Persistence(Settings).field("theme", expires_after=3600), "field 'theme': expires_after is a timedelta"),
    (lambda: open_session("x", Settings), "takes an object, and Settings is a class"),
    (lambda: Persistence.of(Settings()), "an object of type Settings is not a class"),
    (lambda: Runtime(Settings()).attach(Storage.memory(), Persistence.of(Settings)), "a Persistence and then a Storage"),
    (lambda: Runtime(Settings()).attach(Persistence.of(Settings), "session.jsonl"), "given a Persistence and a str"),
])  # fmt: skip
def test_a_wrong_argument_is_named(call: "Callable[[], Any]", told: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert told in str(caught.value)
