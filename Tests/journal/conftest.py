import os
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from recorded import LONG, hang_guard, numbers, pytest_terminal_summary  # noqa: E402,F401

STORM = float(os.environ.get("LILY_SESSION_STORM", "1"))  # a storm lasts so many times as long as in make test


@pytest.fixture(autouse=True)
def own_files():
    """A journal that others may read is rewritten when it is opened, and most tests want theirs left as they made it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def path(tmp_path):
    """Where a journal may be made."""
    return tmp_path / "session.jsonl"
