"""Gives every test a guard against hangs, and the numbers that the run prints at its end."""
import faulthandler
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "journal")]
from faults import LONG  # noqa: E402

_numbers = dict(faults=0, kills=0, power_loss_states=0, lost=0, wrong=0)


@pytest.fixture(autouse=True)
def hang_guard():
    faulthandler.dump_traceback_later(7200 if LONG else 300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def numbers():
    def record(**counts):
        for name, count in counts.items():
            _numbers[name] = _numbers.get(name, 0) + count
    return record


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("counted: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in _numbers.items()))
