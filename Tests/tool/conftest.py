"""Gives the tests a place of their own for stores, the command as a program, and a terminal."""
import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import termios

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "build" / ("unoptimised" if "LILY_SESSION_UNOPTIMISED" in os.environ else "bin") / "lily-session"
sys.path.insert(0, str(ROOT / "Tests/journal"))  # journal.py, the second reader and writer
PATIENCE = 120  # s; only a run that hangs takes so long


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


class Home:
    """A home directory, with stores in it."""

    def __init__(self, path):
        self.path = path
        self.environment = {"HOME": str(path), "PATH": f"{TOOL.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "TZ": "UTC",
                            "TERM": "xterm-256color"}

    def store(self, app="shop"):
        return self.path / f".local/state/{app}/session.jsonl"

    def write(self, data, app="shop"):
        self.store(app).parent.mkdir(parents=True, exist_ok=True)
        self.store(app).write_bytes(data)
        return self.store(app)

    def run(self, *arguments, input=b"", app="shop", code=0, environment={}):
        """Runs the command on a store, without a terminal."""
        words = [str(TOOL), *map(str, arguments), *(["--app", app] if app else [])]
        done = subprocess.run(words, input=input, capture_output=True, timeout=PATIENCE, env=self.environment | environment, cwd=self.path)
        result = Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
        assert code is None or result.code == code, (result.code, result.out, result.err)
        result.bytes = done.stdout
        return result

    def terminal(self, *arguments, columns=80, typed=None, app="shop", code=0, environment={}):
        """Runs the command at a terminal. Returns all that it prints. `typed` is typed once the command asks."""
        terminal = Terminal([str(TOOL), *map(str, arguments), *(["--app", app] if app else [])], self, columns, environment)
        if typed is not None:
            terminal.until("? [y/N] ")
            terminal.type(typed)
        text = terminal.rest()
        assert terminal.code == code, (terminal.code, text)
        return text


class Terminal:
    def __init__(self, words, home, columns=80, environment={}):
        self.controller, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        # Ctrl-C must work, also if these tests run in the background, where processes are told to ignore it.
        self.process = subprocess.Popen(words, stdin=inside, stdout=inside, stderr=inside, env=home.environment | environment,
                                        cwd=home.path, start_new_session=True, preexec_fn=self._at_terminal)
        os.close(inside)
        self.text = b""

    @staticmethod
    def _at_terminal():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # shells need a controlling terminal

    def _more(self):
        ready, _, _ = select.select([self.controller], [], [], PATIENCE)
        assert ready, f"nothing more comes after {self.text!r}"
        try:
            data = os.read(self.controller, 65536)
        except OSError:  # EIO: the other side is closed
            data = b""
        self.text += data
        return data

    def until(self, text):
        while text.encode() not in self.text:
            assert self._more(), f"it ended after {self.text!r}"

    def type(self, text):
        os.write(self.controller, text.encode())

    def rest(self):
        while self._more():
            pass
        self.code = self.process.wait(PATIENCE)
        os.close(self.controller)
        return self.text.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "ada"
    path.mkdir()
    return Home(path)


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """Returns the library that stands between the command and the kernel; Tests/faults/shim.c describes it."""
    path = tmp_path_factory.mktemp("shim") / "libshim.so"
    sources = [ROOT / "Tests/faults" / name for name in ("shim.c", "shim_rules.c")]
    subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-O1", "-shared", "-fPIC", "-o", path, *sources], check=True)
    return path
