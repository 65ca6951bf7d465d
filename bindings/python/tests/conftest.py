import faulthandler
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Iterator, List

import pytest

from lily_session import Event, Storage

# Python cannot interrupt a call that never returns.
faulthandler.dump_traceback_later(300, exit=True)


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> List[Event]:
    """A list for events; pass its append to attach."""
    return []
