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


def _attached() -> Any:
    return Runtime(Settings()).attach(Persistence.of(Settings).map("recent", get=lambda model: {}), Storage.memory())


@pytest.mark.parametrize(("call", "told"), [
    (lambda: Storage.memory(clock=datetime.now(timezone.utc)), "a clock is a function that returns a datetime"),
    (_a_clock_of_another_type, "a time is a datetime, and not an object of type float"),
    (lambda: Persistence(Settings).field("theme", expires_after=3600), "field 'theme': expires_after is a timedelta"),
    (lambda: open_session("x", Settings), "takes an object, and Settings is a class"),
    (lambda: Persistence.of(Settings()), "an object of type Settings is not a class"),
    (lambda: Runtime(Settings()).attach(Storage.memory(), Persistence.of(Settings)), "a Persistence and then a Storage"),
    (lambda: Runtime(Settings()).attach(Persistence.of(Settings), "session.jsonl"), "given a Persistence and a str"),
    (lambda: Storage.memory().get(3), "the key must be a str, and not an object of type int"),
    (lambda: Storage.memory().set(b"key", 1), "the key must be a str, and not an object of type bytes"),
    (lambda: Storage.memory().remove(None), "the key must be a str"),
    (lambda: Storage.memory().write({3: 1}), "the key must be a str"),
    (lambda: Storage.memory().modify(3, lambda stored: stored), "the key must be a str"),
    (lambda: Storage.memory().each(3), "the prefix must be a str"),
    (lambda: Storage.memory().scoped(42), "the scope must be a str"),
    (lambda: Storage.open(application=3), "the application's name must be a str"),
    (lambda: _attached().mark(3), "the key must be a str"),
    (lambda: _attached().modify(3, lambda stored: stored), "the key must be a str"),
    (lambda: Persistence(Settings).field("theme", former_keys=[3]), "a former key must be a str"),
    (lambda: Storage.open("s.jsonl", durability="POWER"), "a durability is a Durability, and not an object of type str"),
    (lambda: Storage.redis(durability=None), "a durability is a Durability"),
    (lambda: Storage.redis(3), "the address must be a str"),
    (lambda: Storage.redis(timeout=5), "the time-out is a timedelta, and not an object of type int"),
])  # fmt: skip
def test_a_wrong_argument_is_named(call: "Callable[[], Any]", told: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert told in str(caught.value)
