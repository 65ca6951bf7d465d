import faulthandler
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from lily_session import Backend, Event, Storage

# Python cannot interrupt a call that never returns.
faulthandler.dump_traceback_later(1800, exit=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


@pytest.fixture
def storage(path: Path) -> Iterator[Storage]:
    with Storage.open(path) as storage:
        yield storage


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **how: float) -> None:
        self.now += timedelta(**how)


class Silent(Backend):
    """A backend that has nothing, and cannot tell of changes."""

    def read(self, key: str) -> None:
        return None

    def write(self, entries: Any, prefix: Any, generation: int) -> None: ...

    def clear(self, prefix: str) -> None: ...

    def generation(self, prefix: str) -> int:
        return 0

    def each(self, prefix: str) -> List[Any]:
        return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> List[Event]:
    """A list for events; pass its append to attach."""
    return []
