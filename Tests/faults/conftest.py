import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "journal"), str(HERE.parent / "support")]
from recorded import count, hang_guard, numbers, pytest_terminal_summary  # noqa: E402,F401

count(faults=0, kills=0, power_loss_states=0, lost=0, wrong=0)
