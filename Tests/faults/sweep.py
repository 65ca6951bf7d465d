"""Tries one fault at a time: at the first such call, at the second, and so on, until there is no further call."""
import faults
import oracle
from faults import BUSY, IO, LONG, NO_SPACE, NOT_DURABLE, OK, PERMISSION

# The errors that each call is made to return. EINTR comes once, because a call that is interrupted each time would never end.
ERRORS = {
    "openat": ["EMFILE", "ENFILE", "EACCES", "EROFS", "EIO", "ENOSPC", "EINTR"],
    "write": ["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EINTR", "short:1", "short:12", "short:-1"],
    "fsync": ["EIO", "ENOSPC"],
    "fdatasync": ["EIO", "ENOSPC", "EDQUOT"],
    "renameat": ["EACCES", "EXDEV", "EIO", "ENOSPC"],
    "unlinkat": ["EACCES", "EIO"],
    "flock": ["ENOLCK", "EWOULDBLOCK", "EINTR"],
    "pread": ["EIO", "EINTR", "short:1", "short:100"],
    "fstat": ["EIO"],
    "fstatat": ["EIO", "EACCES"],
    "statx": ["EIO"],
    "fallocate": ["ENOSPC", "EDQUOT", "ENOTSUP", "EINTR"],
    "fchmod": ["EPERM", "EIO"],
    "ftruncate": ["EIO"],
    "close": ["EIO", "EINTR"],
    "inotify_init1": ["EMFILE"],
    "inotify_add_watch": ["ENOSPC", "EACCES"],
    "eventfd": ["EMFILE"],
    "epoll_create1": ["EMFILE"],
    "epoll_ctl": ["ENOSPC"],
    "getrandom": ["ENOSYS", "EINTR"],
}
# If one of these calls fails, no step fails.
HARMLESS = {"close", "inotify_init1", "inotify_add_watch", "eventfd", "epoll_create1", "epoll_ctl"}
ONCE_ONLY = {"EINTR", "short:12", "short:-1"}
TEARS = ["tear:1", "tear:12", "tear:13", "tear:4096", "tear:-1"]
# There are many of these calls, so that in the short run only every n-th of them fails.
STRIDE = {"statx": 29, "fstatat": 23, "flock": 7, "pread": 7, "write": 3, "fdatasync": 3, "pwrite": 2, "any": 13}

STATUS = {"ENOSPC": NO_SPACE, "EDQUOT": NO_SPACE, "EFBIG": NO_SPACE, "EACCES": PERMISSION, "EPERM": PERMISSION,
          "EROFS": PERMISSION, "EWOULDBLOCK": BUSY, "EINTR": OK, "none": OK}


def expected(action, call):
    """Returns the statuses that a step may return after this fault."""
    if ":" in action or action.startswith("kill") or action == "EINTR" or call in HARMLESS:
        return {OK}
    return {OK, STATUS.get(action, IO)} | ({NOT_DURABLE} if call != "flock" or action != "EWOULDBLOCK" else set())


def judge(path, run, allowed, stored=None, damage=0, is_full=False):
    """Raises Wrong if a run, or what it left, breaks a promise. Returns what a later program found."""
    if run.violations:
        raise oracle.Wrong(run.violations[0])
    if run.stderr or not (run.status == 0 or run.killed):
        raise oracle.Wrong(f"exit {run.status}, and on the standard error output {run.stderr[-300:]!r}")
    told = {status for _, status in run.statuses()}
    if not told <= allowed:
        raise oracle.Wrong(f"statuses {sorted(told - allowed)}, in {[s for s in run.statuses() if s[1] not in allowed][:3]}")
    if any(status == NOT_DURABLE for _, status in run.statuses("open", "attach")):
        raise oracle.Wrong("NOT_DURABLE by what changes nothing")
    marks = run.marks
    if any(call == "fstatat" for call, _ in run.fired.values()):
        # If folders could not be examined, they may belong to anybody, and attach reports that.
        marks = [mark for mark in marks if mark[0] != b"E" or int(mark[1]) != faults.EVENT_DIRECTORY]
    possibilities = oracle.walk(marks, stored, damage)
    found = faults.check(path)
    oracle.check_found(found, possibilities, damage, is_full)
    return found


def points(call, action, durability, what="everything", prepare=None, stride=None, after=""):
    """Runs with `action` at the first, second, … call. Yields (rule, path, run) for each run in which it happened."""
    at, step = 1, stride or (1 if LONG else STRIDE.get(call, 1))
    while True:
        rule = f"{after}{call}@{at}{action}"
        path = faults.fresh()
        if prepare:
            prepare(path)
        run = faults.script(path, durability, what, rule)
        if len(run.fired) < 1 + bool(after):
            return
        yield rule, path if what != "scope" else faults.file_of_scope(path), run
        at += step
