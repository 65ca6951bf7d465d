"""What the suites in Python share: a guard against hangs, and numbers that a run prints at its end, where scripts/count-tried finds them.
A conftest.py takes in all of it."""
import faulthandler
import os

import pytest

LONG = os.environ.get("LILY_SESSION_LONG") == "1"
_numbers = {}


def count(**counts):
    """Adds what was counted. A number that is printed even if it is 0 is counted as 0 at first."""
    for name, number in counts.items():
        _numbers[name] = _numbers.get(name, 0) + number


@pytest.fixture(autouse=True)
def hang_guard():
    """A call that never returns cannot be interrupted from Python: after a long time the run ends with a traceback of where it stood."""
    faulthandler.dump_traceback_later(7200 if LONG else 600, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def numbers():
    """Records what a test counted; the run prints the sums at its end."""
    return count


def pytest_terminal_summary(terminalreporter):
    if _numbers:
        terminalreporter.write_line("counted: " + ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in _numbers.items()))
