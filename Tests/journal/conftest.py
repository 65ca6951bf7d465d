"""Every test gets a guard against hangs, and a place for numbers that the run prints at its end."""
import faulthandler
import os

import pytest

LONG = os.environ.get("LILY_SESSION_LONG") == "1"
STORM = float(os.environ.get("LILY_SESSION_STORM", "1"))  # a storm lasts so many times as long as in make test
_numbers = {}


@pytest.fixture(autouse=True)
def own_files():
    """A journal that others may read is rewritten when it is opened, and most tests want theirs left as they made it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def hang_guard():
    """A call that never returns cannot be interrupted from Python: after a long time the run ends with a
    traceback of where it stood."""
    faulthandler.dump_traceback_later(3600 if LONG else 600, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def path(tmp_path):
    """Where a journal may be made."""
    return tmp_path / "session.jsonl"


@pytest.fixture
def numbers():
    """Records what a test counted; the run prints it at its end."""
    def record(**counts):
        for name, count in counts.items():
            _numbers[name] = _numbers.get(name, 0) + count
    return record


def pytest_terminal_summary(terminalreporter):
    if _numbers:
        terminalreporter.write_line("counted: " + ", ".join(f"{count} {name.replace('_', ' ')}"
                                                            for name, count in _numbers.items()))
