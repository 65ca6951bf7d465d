"""Files that are not ours are refused, and stay as they are to the byte."""
import contextlib
import os
import re
import socket

import pytest

import journal
import lily
from examine import open_status
from journal import Writer, header_copy
from processes import Child

SALT, GENERATION = b"12345678", b"00000000b7e15163"
OURS = Writer().set(b"a", b"1").bytes()

NOT_OURS = {
    "text": b"Dear diary,\ntoday I wrote a file.\n",
    "one byte": b"x",
    "one newline": b"\n",
    "blanks": b" " * 200, "one blank": b" ", "a script": b"#!/bin/sh\nexit 0\n", "SQLite": b"SQLite format 3\0",
    "numbers": b"[1,2,3]\n[4,5,6]\n", "a byte order mark alone": b"\xef\xbb\xbf", "a newline and zeros": b"\n" + bytes(4095),
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(200),
    "JSON Lines": b'{"key":"theme","value":"dark"}\n' * 10,
    "JSON arrays": b'["1a2b3c4d",1,"set","lily_session_theme","dark",0]\n' * 5,
    "JSON": b'{"lily_session_theme":"dark"}',
    "zeros beyond a crash": bytes((1 << 20) + 1),
    "zeros and something": bytes(200) + b"x" + bytes(200),
    "zeros and a journal": bytes(4096) + OURS,
    "a longer beginning of ours": OURS[:5] + b"!" + OURS[6:10],
    "0xFF": b"\xff" * 300,
    "byte order mark": b"\xef\xbb\xbf" + OURS,
    "carriage returns": OURS.replace(b"\n", b"\r\n"),
    "UTF-16": OURS.decode().encode("utf-16"),
    "capitals": OURS.upper(),
    "no header": b"".join(Writer().set(b"a", b"1").lines) * 3,
    "a header too late": b"\n" + OURS,
    "wrong checks": OURS[:2] + b"00000000" + OURS[10:72] + b"00000000" + OURS[80:],
    "format 2": header_copy(SALT, GENERATION, version=2) * 2 + OURS[140:],
    "format 0": header_copy(SALT, GENERATION, version=0) * 2,
    "format 10": header_copy(SALT, GENERATION, version=10) * 2,
    "another name": header_copy(SALT, GENERATION, name=b"lily-sessiom") * 2,
    "capital salt": (lambda body: b'["%08x",%s\n' % (journal.crc32c(body), body))(
        b'0,"lily-session",1,"ABCDEFABCDEFABCD","00000000b7e15163"]') * 2,
    **{f"header {body[18:].decode()}": b'["%08x",%s\n' % (journal.crc32c(body), body) * 2 for body in (
        b'0,"lily-session",1,"8f3b0c6a92d1e45g","00000000b7e15163"]', b'0,"lily-session",1,"8f3b0c6a92d1e457","00000000b7e1516x"]',
        b'0,"lily-session",1,"8f3b0c6a92d1e457",00000000b7e1516300]', b'0,"lily-session",1,"8f3b0c6a92d1e4","00000000b7e1516300"]')},
    "sequence 1 in the header": (lambda body: b'["%08x",%s\n' % (journal.crc32c(body), body))(
        b'1,"lily-session",1,"1234567812345678","00000000b7e15163"]') * 2,
}


def unchanged(path):
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode, path.read_bytes()


@contextlib.contextmanager
def memory_within(megabytes):
    """Checks that the process never takes more than this on top of what it has."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    before = peak()
    yield
    assert peak() - before < megabytes << 10


def peak():
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])


@pytest.mark.parametrize("data", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_S20_not_ours_is_refused_and_stays(path, data):
    with pytest.raises(journal.Refused):
        journal.read(data)
    path.write_bytes(data)
    os.chmod(path, 0o640)
    before = unchanged(path)
    for flags in (0, lily.STRICT, lily.READ_ONLY, lily.READ_ONLY | lily.STRICT):
        assert open_status(path, flags) == lily.REFUSED
    assert unchanged(path) == before
    assert os.listdir(path.parent) == [path.name]


def test_S20_a_file_that_stops_being_ours_is_not_written(path):
    """Somebody puts another file in the place of an open one. It is not written to."""
    foreign = NOT_OURS["text"]
    for way in ("renamed over", "written over"):
        path.write_bytes(OURS)
        with lily.Storage(path) as storage:
            assert storage.get(b"a") == b"1"
            other = path.with_name("other")
            other.write_bytes(foreign)
            if way == "renamed over":
                os.replace(other, path)
            else:
                path.write_bytes(foreign)
            for attempt in (lambda: storage.set(b"a", b"2"), lambda: storage.get(b"a"), storage.each, storage.sync, storage.clear):
                try:
                    attempt()
                except lily.Failure as failure:
                    assert failure.code in (lily.REFUSED, lily.IO), way
            with pytest.raises(lily.Failure):
                storage.set(b"a", b"2")
            assert path.read_bytes() == foreign, way
        assert path.read_bytes() == foreign, way


@pytest.mark.parametrize("data, size", [(b"", 10 << 30), (OURS, 10 << 30), (OURS, (4 << 30) + 1), (NOT_OURS["text"], 10 << 30)])
def test_S20_a_huge_file_is_refused_unread(path, data, size):
    path.write_bytes(data)
    os.truncate(path, size)
    with memory_within(8):
        for flags in (0, lily.STRICT, lily.READ_ONLY):
            assert open_status(path, flags) == lily.REFUSED
    assert os.stat(path).st_size == size
    with path.open("rb") as file:
        assert file.read(len(data)) == data
    os.unlink(path)


def test_S20_an_endless_line_costs_no_memory(path):
    """Half a gigabyte without a newline, first as a tail, then as a line among others."""
    made, length = Writer().set(b"a", b"1"), 1 << 29
    path.write_bytes(made.bytes())
    os.truncate(path, length)
    with memory_within(160), lily.Storage(path, lily.STRICT) as storage:
        assert storage.each() == {b"a": (b"1", 0)}
    path.write_bytes(made.bytes())
    os.truncate(path, length)
    with path.open("ab") as file:
        file.write(b"\n" + made.set(b"b", b"2").lines[-1])
    with memory_within(160):
        assert open_status(path, lily.STRICT) == lily.CORRUPT
        with lily.Storage(path, lily.READ_ONLY) as storage:
            assert storage.each() == {b"a": (b"1", 0), b"b": (b"2", 0)}


def look(pipe, path):
    pipe.send({open_status(path, flags) for flags in range(4)})


def all_refused(path):
    """Opens the file in another process, as a pipe must not make it wait for somebody at the other end."""
    with Child(look, path) as child:
        assert child.pipe.poll(60), "still waiting"
        assert child.receive() == {lily.REFUSED}


def test_S20_other_kinds_of_files_are_refused(path, tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(OURS)
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    for make in (lambda: os.symlink(victim, path), lambda: os.symlink(tmp_path / "nowhere", path), lambda: os.link(victim, path),
                 lambda: os.mkfifo(path), lambda: socket.socket(socket.AF_UNIX).bind(path.name)):
        make()
        all_refused(path)
        if victim.stat().st_nlink == 2:
            all_refused(victim)
        os.unlink(path)
    os.mkdir(path)
    all_refused(path)
    all_refused("/dev/null")
    all_refused("/dev/zero")
    assert victim.read_bytes() == OURS and not (tmp_path / "nowhere").exists()
    with lily.Storage(victim) as storage:  # its second name is gone
        assert storage.get(b"a") == b"1"


def test_S18_a_link_on_the_way_is_followed(tmp_path):
    """A symbolic link to the folder is followed, because people have such links."""
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "link")
    with lily.Storage(tmp_path / "link/session.jsonl") as storage:
        storage.set(b"a", b"1")
        storage.remove(b"a")
        storage.sync()
    assert (tmp_path / "real/session.jsonl").exists()


def test_S20_a_prepared_temporary_file_harms_nobody(path, tmp_path):
    """A rewrite makes its own file: it neither follows a link that waits there, nor reads what lies there."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    for prepare in (lambda: os.symlink(victim, temporary), lambda: temporary.write_bytes(Writer().set(b"evil", b"1").bytes()),
                    lambda: os.link(victim, temporary), lambda: temporary.mkdir(), lambda: os.mkfifo(temporary)):
        with lily.Storage(path) as storage:
            storage.set(b"a", b"1")
            temporary = journal.temporary(path, journal.read(path.read_bytes()).salt)
            prepare()
            storage.set(b"b", b"1")
            storage.remove(b"b")
            storage.sync()
            assert storage.each() == {b"a": (b"1", 0)}
        assert victim.read_bytes() == b"precious"
        assert journal.read(path.read_bytes()).entries == {b"a": journal.Entry(b"1")}
        if temporary.is_dir():
            temporary.rmdir()
        assert not os.path.lexists(temporary)
    damaged = path.with_name(path.name + ".damaged")
    os.symlink(victim, damaged)
    path.write_bytes(path.read_bytes() + b"damage\n")
    with lily.Storage(path) as storage:
        storage.set(b"b", b"1")
        storage.remove(b"b")
        storage.sync()
        assert storage.each() == {b"a": (b"1", 0)}
    assert victim.read_bytes() == b"precious"


def test_S20_without_a_directory_or_a_file(tmp_path):
    assert open_status(tmp_path / "no" / "session.jsonl", 0) == lily.NOT_FOUND
    assert open_status(tmp_path / "session.jsonl", lily.READ_ONLY) == lily.NOT_FOUND
    assert os.listdir(tmp_path) == []
    assert open_status("", 0) == lily.INVALID_ARGUMENT
