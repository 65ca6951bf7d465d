"""Full disks and size limits: NO_SPACE changes nothing, logging out works, and the process lives."""
import ctypes
import os
import resource
import signal

import pytest

import journal
import lily
from processes import Child
from sessions import Field, Session

CLONE_NEWNS, MS_REC_PRIVATE = 0x20000, 0x44000


def no_space(call, *arguments):
    try:
        call(*arguments)
    except lily.Failure as failure:
        assert failure.code == lily.NO_SPACE
        return True
    return False


def write_short(pipe, path, more):
    """The limit cuts a line in the middle. SIGXFSZ has its default action here, which is to end the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.stat(path).st_size + more, resource.RLIM_INFINITY))
    with lily.Storage(path) as storage:
        before = path.read_bytes()
        assert no_space(storage.set, b"b", b'"%s"' % (b"x" * 1000))
        assert path.read_bytes() == before and storage.each() == {b"a": (b"1", 0)}
        model = {"f": b""}
        session = Session(storage, [Field("f", lily.STRING)], model)
        assert no_space(lambda: session.dispatch(f=b"y" * 1000))
        assert session.events[0][:2] == (lily.EVENT_WRITE_FAILED, lily.NO_SPACE) and session.events[0][3] == b"f"
        assert path.read_bytes() == before and model["f"] == b"y" * 1000
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        session.dispatch()
        assert storage.get(b"lily_session_f") == b'"%s"' % (b"y" * 1000)
        session.close()


@pytest.mark.parametrize("more", [0, 1, 11, 12, 13, 40, 500])
def test_S6_a_write_that_comes_out_short_leaves_nothing(path, more):
    with lily.Storage(path) as other:
        other.set(b"a", b"1")
        with Child(write_short, path, more):
            pass
        assert set(other.each()) == {b"a", b"lily_session_f"}
    assert journal.read(path.read_bytes()).damage == 0


def small_disk(pipe, folder):
    """A tmpfs of 256 KiB that only this process sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    mounted = libc.unshare(CLONE_NEWNS) == 0 \
        and libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) == 0 \
        and libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=256k") == 0
    if not mounted:
        pipe.send("no mount")
        return
    path = folder / "session.jsonl"
    (folder / "ballast").write_bytes(bytes(1 << 16))
    with lily.Storage(path) as storage:
        storage.set(b"lily_session_token", b'"secret"')
        storage.set(b"other", b"1")
        count = 0
        while not no_space(storage.set, b"k%d" % count, b'"%s"' % (b"x" * 2000)):
            count += 1
        assert 20 < count < 120
        before = path.read_bytes()
        assert no_space(storage.set, b"more", b'"%s"' % (b"x" * 5000))
        assert path.read_bytes() == before
        storage.clear()
        assert storage.get(b"lily_session_token") is None
        storage.remove(b"other")
        for number in range(count - 2):
            storage.remove(b"k%d" % number)
        kept = {b"k%d" % number for number in range(count - 2, count)}
        with lily.Storage(path, lily.STRICT) as again:
            assert set(again.each()) == kept
        storage.sync()  # there may be no room for a new file yet
        assert set(storage.each()) == kept
        os.unlink(folder / "ballast")
        storage.remove(b"k%d" % (count - 1))
        kept.remove(b"k%d" % (count - 1))
        storage.sync()  # now there is, and much is free again
        storage.set(b"more", b'"%s"' % (b"x" * 2000))
        storage.sync()
        assert journal.read(path.read_bytes()).live(0) == storage.each()
        assert b"secret" not in path.read_bytes()
        assert set(storage.each()) == kept | {b"more"}
    pipe.send("done")


def test_S8_logging_out_works_on_a_full_disk(tmp_path):
    with Child(small_disk, tmp_path) as child:
        if child.receive() == "no mount":
            pytest.skip("only root may mount a file system")
