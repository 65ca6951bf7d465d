"""The conformance cases of Tests/c, which journals, memory and the backends of programs pass, on a server."""
import os
import pathlib
import re
import subprocess

import pytest

import store

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "build/tests-c-redis"
C_TESTS = ROOT / "Tests/c"
PROGRAMS = sorted(path.stem for path in C_TESTS.glob("*/test_*.c") if "\nCASE" in path.read_text())


@pytest.fixture(scope="module")
def programs():
    """Builds all programs at once."""
    places = [f"LIBDIR={os.path.relpath(store.LIBRARIES, C_TESTS)}", f"OUT={os.path.relpath(OUT, C_TESTS)}"]
    built = subprocess.run(["make", "-C", str(C_TESTS), "--no-print-directory", f"-j{os.cpu_count()}", "SERVER=redis", *places, "build"],
                           capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]


@pytest.mark.parametrize("program", PROGRAMS)
def test_cases(programs, durable, program, numbers):
    environment = {**os.environ, "LILY_SESSION_TEST_REDIS": durable.url}
    ran = subprocess.run([str(OUT / program), "*__on_a_server"], env=environment, capture_output=True, text=True, errors="replace", timeout=300)
    report = "\n".join(line for line in (ran.stdout + ran.stderr).splitlines() if not re.match(r"\[ RUN|\[       OK", line))
    assert ran.returncode == 0, report
    passed = int(re.search(r"\[  PASSED  \] (\d+) test", report)[1])
    assert passed > 0
    numbers(conformance_cases=passed)
