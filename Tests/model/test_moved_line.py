"""Leads the library along a path that the model found: it reads a moved line before the rename, and the file has a second name."""
import fcntl
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "journal"))
import journal  # noqa: E402
import lily  # noqa: E402


def test_a_reader_does_not_settle_that_a_moved_line_is_void(tmp_path):
    path, new = tmp_path / "session.jsonl", tmp_path / "new"
    old = journal.Writer()
    old.set(b"a", b"1")
    path.write_bytes(old.bytes())
    path.chmod(0o600)
    rewritten = journal.Writer()
    rewritten.set(b"a", b"1")
    new.write_bytes(rewritten.bytes())
    length = path.stat().st_size
    with lily.Storage(path) as storage:
        assert storage.get(b"a") == b"1"
        os.link(path, tmp_path / "snapshot")
        with open(path, "ab") as compactor:
            fcntl.flock(compactor, fcntl.LOCK_EX)
            old.moved()
            compactor.write(old.bytes()[length:])
            compactor.flush()
            reader = threading.Thread(target=storage.get, args=[b"a"])  # it may wait for the lock
            reader.start()
            time.sleep(0.3)
            os.rename(new, path)
        reader.join()
        storage.set(b"b", b"2")
        assert storage.get(b"b") == b"2"
        assert b"b" in journal.read(path.read_bytes()).entries, "acknowledged, and written to a file that has no path"
