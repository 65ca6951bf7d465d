"""S21: the reference model of sessions (Tests/sessions) runs beside the library at random, on a server."""
import os
import re
import subprocess

from conftest import LONG
from servers import ROOT


def test_the_model_agrees(durable, numbers):
    amount = ["--count", "30000", "--seconds", "900"] if LONG else ["--seed", "1", "--count", "200"]
    ran = subprocess.run([str(ROOT / "Tests/sessions/run"), "--until-wrong", *amount], capture_output=True, text=True,
                         env={**os.environ, "LILY_SESSION_TEST_REDIS": durable.url})
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    sequences, steps = re.search(r"counted: (\d+) sequences of sessions, (\d+) steps", ran.stdout).groups()
    numbers(sequences_of_sessions=int(sequences), steps_of_sessions=int(steps))
