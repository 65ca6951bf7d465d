"""Who may read and write: modes, owners, read-only handles, files and directories."""
import os
import shutil
import tempfile

import pytest

import journal
import lily
from examine import open_status
from journal import Writer
from processes import Child

NOBODY = 65534


def fails_with(code, call, *arguments):
    with pytest.raises(lily.Failure) as raised:
        call(*arguments)
    assert raised.value.code == code


def as_nobody(pipe, body, *arguments):
    """Runs the body as nobody, because modes do not restrict root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    body(*arguments)


@pytest.fixture
def folder():
    """A directory that nobody owns, not below one that only root may pass."""
    made = tempfile.mkdtemp(dir="/tmp")
    if os.geteuid() == 0:
        os.chown(made, NOBODY, NOBODY)
    yield made
    os.chmod(made, 0o700)
    shutil.rmtree(made)


def run(body, *arguments):
    with Child(as_nobody, body, *arguments):
        pass


@pytest.mark.parametrize("data", [b"", b"\0" * 100, Writer().header[:90]], ids=["empty", "zeros", "half a header"])
def test_READ_ONLY_reads_a_creation_cut_short_as_empty(path, data):
    path.write_bytes(data)
    with lily.Storage(path, lily.READ_ONLY) as storage:
        assert storage.get(b"a") is None and storage.each() == {}
        assert path.read_bytes() == data
        with lily.Storage(path) as writer:
            writer.set(b"a", b"1")
            assert storage.get(b"a") == b"1"


def read_only_folder(folder):
    with lily.Storage(folder + "/session.jsonl") as storage:
        storage.set(b"a", b"1")
        storage.set(b"b", b"2")
    os.chmod(folder, 0o500)
    assert open_status(folder + "/other.jsonl", 0) == lily.PERMISSION
    with lily.Storage(folder + "/session.jsonl") as storage:
        storage.set(b"a", b"2")
        storage.remove(b"b")
        for _ in range(2):  # the new file cannot be made: the old one is synced and goes on, and what was removed is overwritten in it
            storage.sync()
        assert storage.each() == {b"a": (b"2", 0)}
        storage.set(b"c", b"3")
    assert os.listdir(folder) == ["session.jsonl"]
    with open(folder + "/session.jsonl", "rb") as file:
        state = journal.read(file.read())
    assert state.damage == 0 and state.live(0) == {b"a": (b"2", 0), b"c": (b"3", 0)}


def test_a_directory_that_may_not_be_written(folder):
    run(read_only_folder, folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_owners_file_is_refused(path):
    path.write_bytes(Writer().set(b"a", b"1").bytes())
    os.chown(path, NOBODY, NOBODY)
    for flags in (0, lily.READ_ONLY, lily.STRICT):
        assert open_status(path, flags) == lily.REFUSED
    assert path.stat().st_uid == NOBODY


def test_a_relative_path_stays_where_it_was(tmp_path):
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        storage = lily.Storage("session.jsonl")
        os.chdir("/")
        storage.set(b"a", b"1")
        storage.remove(b"a")
        storage.set(b"b", b"1")
        storage.sync()
        storage.close()
    finally:
        os.chdir(before)
    with lily.Storage(tmp_path / "session.jsonl") as storage:
        assert storage.each() == {b"b": (b"1", 0)}
