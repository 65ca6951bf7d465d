"""Builds the shim and the programs that run under it, and runs them."""
import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = pathlib.Path(os.environ.get("LILY_SESSION_LIBRARY", ROOT / "build/lib/liblily_session.so")).resolve()
LONG = os.environ.get("LILY_SESSION_LONG") == "1"
SECRET = b"s3cret"  # every value that the script stores contains this

OK = 0
NAMES = {"OK": 0, "NOT_FOUND": -3, "UPDATE": -13, "NEWER": -14, "IO": -20, "NO_SPACE": -21, "NOT_DURABLE": -22,
         "PERMISSION": -23, "REFUSED": -24, "CORRUPT": -25, "QUOTA": -26, "BUSY": -27}
globals().update(NAMES)
WRITE_FAILED, EVENT_DIRECTORY, EVENT_CLEARED, EVENT_NOT_DURABLE = 4, 6, 10, 11

MEMORY = pathlib.Path("/dev/shm")


@functools.cache
def scratch():
    """Returns a folder for all runs, in memory if possible, because what is proved there does not depend on the disk."""
    parent = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lily-faults-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def programs():
    """Returns a folder with libshim.so, script and check, built for LIBRARY. The processes that this one starts use the same."""
    if built := os.environ.get("LILY_FAULTS_PROGRAMS"):
        return pathlib.Path(built)
    out = scratch() / "programs"
    out.mkdir()
    cc = [os.environ.get("CC", "cc"), "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*cc, "-shared", "-fPIC", "-o", out / "libshim.so", HERE / "shim.c", HERE / "shim_rules.c"], check=True)
    for name in ("script", "check"):
        subprocess.run([*cc, f"-I{ROOT / 'include'}", "-o", out / name, HERE / f"{name}.c", HERE / "marks.c", LIBRARY,
                        f"-Wl,-rpath,{LIBRARY.parent}"], check=True)
    os.environ["LILY_FAULTS_PROGRAMS"] = str(out)
    return out


class Run:
    """The result of a script that ran under faults."""

    def __init__(self, status, marks, stderr, report):
        self.status, self.stderr = status, stderr
        self.marks = [line.split(b"\t") for line in marks.split(b"\n")[:-1]]
        lines = [line.split(b" ") for line in report.split(b"\n")[:-1]]
        self.fired = {int(line[1]): (line[2].decode(), line[3].decode()) for line in lines if line[0] == b"fired"}
        self.calls = [(line[1].decode(), line[2].decode()) for line in lines if line[0] == b"call"]
        self.violations = [b" ".join(line).decode() for line in lines if line[0] == b"violation:"]

    @property
    def killed(self):
        return self.status < 0

    def statuses(self, *whats):
        """Returns (what, status) of the steps that returned a status, in order."""
        begun = {mark[1]: mark[3].decode() for mark in self.marks if mark[0] == b"B"}
        return [(begun[mark[1]], int(mark[2])) for mark in self.marks
                if mark[0] == b"A" and (begun[mark[1]] in whats if whats else begun[mark[1]] not in ("detach", "close"))]


def script(path, durability="process", what="everything", rules="", trace=None, calls=False, size_limit=None, meanwhile=()):
    """Runs the script on the journal at `path`, with rules as shim.h describes them. `meanwhile` has the commands for actions of that name,
    which run in the journal's folder. Returns the Run."""
    report = scratch() / f"report-{os.getpid()}"
    report.unlink(missing_ok=True)
    environment = {**os.environ, "LD_PRELOAD": str(programs() / "libshim.so"), "LILY_SHIM_DIRECTORY": str(path.parent),
                   "LILY_SHIM_REPORT": str(report), "LILY_SHIM_RULES": rules}
    if meanwhile:
        environment["LILY_SHIM_MEANWHILE"] = "\n".join(meanwhile)
    if trace:
        environment["LILY_SHIM_TRACE"] = str(trace)
    if calls:
        environment["LILY_SHIM_CALLS"] = "1"
    command = [programs() / "script", path, durability, what] + ([str(size_limit)] if size_limit else [])
    # The marks go to a file, because reading a pipe would take longer than all that the script does. A limit on files would stop them there.
    with open(scratch() / f"marks-{os.getpid()}", "w+b") as marks:
        to = subprocess.PIPE if size_limit else marks
        done = subprocess.run(command, cwd=path.parent, env=environment, stdout=to, stderr=subprocess.PIPE, timeout=120)
        marks.seek(0)
        said = done.stdout if size_limit else marks.read()
    return Run(done.returncode, said, done.stderr, report.read_bytes() if report.exists() else b"")


def file_of_scope(path):
    """Returns the path of the file of the one scope of a storage. If there is none, returns one in an empty folder."""
    return next(path.parent.glob(f"{path.name}.d/*/*.jsonl"), path.with_name("nothing.jsonl"))


def visit(path, what="visit"):
    """Returns the command of a process that comes by, for `meanwhile`. Its clock is the shim's, too."""
    return f"LD_PRELOAD={programs() / 'libshim.so'} LILY_SHIM_RULES= {programs() / 'script'} {path} process {what} >/dev/null"


class Found:
    """What a later program found in a journal: the status of opening, the stored values, damage, and whether it could go on."""

    def __init__(self, marks):
        self.open_status, self.shown, self.damaged, self.probe, self.again = None, None, 0, None, None
        for line in marks:
            mark = line.split(b"\t")
            if mark[0] == b"O" and self.open_status is None:
                self.open_status = int(mark[1])
            elif mark[0] == b"V" and mark[1] == b"1":
                self.shown, self.damaged = view(mark), int(mark[3])
            elif mark[0] == b"V":
                self.again = view(mark)
            elif mark[0] == b"P":
                self.probe = int(mark[1])

    def wrong(self, is_full=False):
        """Returns why a program could not go on with the store, or "" if it could. If `is_full`, there may be no room for more."""
        if self.open_status != OK or self.shown is None:
            return f"it does not open: {self.open_status}"
        if is_full and self.probe == NAMES["NO_SPACE"] and self.again == self.shown:
            return ""
        if self.probe != OK or self.again != {**self.shown, b"probe": b'"probe"'}:
            return f"what is set next is not there: {self.probe}"
        return ""


def view(mark):
    """Returns the entries of a V line, or None if they could not be read."""
    return None if int(mark[2]) else dict(zip(mark[4::2], mark[5::2], strict=True))


@functools.cache
def checker():
    """Returns a process without faults, which checks one journal after the other."""
    process = subprocess.Popen([programs() / "check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    atexit.register(process.communicate)
    return process


def check(path):
    """Returns what another process finds in a journal. It had none open."""
    process = checker()
    process.stdin.write(os.fsencode(path) + b"\n")
    process.stdin.flush()
    lines = []
    while (line := process.stdout.readline()) != b".\n":
        assert line[:2] in (b"O\t", b"V\t", b"P\t"), f"the checker says {line!r} at {path}"
        lines.append(line[:-1])
    return Found(lines)


disk = None  # the folder for new journals; None: the scratch folder


def fresh():
    """Returns the path of a journal that does not exist yet, in an empty folder."""
    folder = (disk or scratch()) / f"run-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder / "s.jsonl"
