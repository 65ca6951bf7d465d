"""A file with an operation of a newer format is read, and never written: S20, and the page's table of operations."""
import pytest

import journal
import lily
from examine import open_status, reads
from generate import NOW
from journal import Writer

NEWER = {
    "no argument": b'"later"', "one": b'"later",1', "many": b'"later","b",[1,{"x":null}],-1.5e3,true', "empty name": b'""',
    "a name that begins like ours": b'"sets","b",1,0', "our name in capitals": b'"SET","b",1,0', "not ASCII": '"lätér",""'.encode(),
    "deep": b'"later",' + b"[" * 512 + b"]" * 512, "long": b'"later","%s"' % (b"x" * 100_000),
}


def fails_with(code, call, *arguments):
    with pytest.raises(lily.Failure) as raised:
        call(*arguments)
    assert raised.value.code == code


@pytest.mark.parametrize("tail", [b"", b'["torn'], ids=["whole", "torn"])
@pytest.mark.parametrize("operation", NEWER.values(), ids=NEWER.keys())
def test_S20_newer_is_read_and_not_written(path, operation, tail):
    made = Writer().set(b"lily_session_a", b"1").raw(operation).set(b"b", b"2").remove(b"c").set(b"d", b"3", NOW)
    data = made.bytes() + tail
    state = journal.read(data)
    assert state.newer and not state.damage
    path.write_bytes(data)
    for flags in (0, lily.STRICT):
        with lily.Storage(path, flags, now=NOW) as storage:
            expected = {b"lily_session_a": (b"1", 0), b"b": (b"2", 0)}
            assert storage.each() == expected
            assert storage.get(b"b") == b"2" and storage.get(b"d") is None
            fails_with(lily.NEWER, storage.set, b"b", b"3")
            fails_with(lily.NEWER, storage.set, b"new", b"3")
            fails_with(lily.NEWER, storage.remove, b"b")
            storage.sync()
            assert storage.each() == expected
            assert path.read_bytes() == data
        assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]
    with lily.Storage(path, now=NOW) as storage:
        storage.clear()  # log-out matters more than a line that cannot be read
        assert storage.each() == {b"b": (b"2", 0)}
        storage.set(b"b", b"3")
    assert not journal.read(path.read_bytes()).newer


def test_S20_newer_among_damage_is_not_rewritten(path):
    """Damage and removed values would both cause a rewriting, which the newer line forbids."""
    made = Writer().set(b"a", b"1").raw(b'"later"').raw(b'"set","a",NaN,0').remove(b"b")
    data = made.bytes() + b"\n" + b"x" * 10
    path.write_bytes(data)
    assert open_status(path, lily.STRICT) == lily.CORRUPT
    with lily.Storage(path) as storage:
        assert storage.get(b"a") == b"1"
        fails_with(lily.NEWER, storage.set, b"a", b"2")
        storage.sync()
    assert path.read_bytes() == data and list(path.parent.iterdir()) == [path]


def test_S20_a_newer_program_writes_while_the_file_is_open(path):
    made = Writer().set(b"a", b"1")
    path.write_bytes(made.bytes())
    with lily.Storage(path) as storage:
        assert storage.get(b"a") == b"1"
        data = made.raw(b'"later",1').set(b"a", b"2").bytes()
        with path.open("ab") as file:
            file.write(data[path.stat().st_size:])
        assert storage.get(b"a") == b"2"
        fails_with(lily.NEWER, storage.set, b"a", b"3")
        storage.sync()
        assert path.read_bytes() == data
    assert path.read_bytes() == data


def test_S20_a_damaged_newer_line_is_only_damage(path):
    """A check that fails says nothing: the line may have been anything, so it does not stop writers."""
    made = Writer().set(b"a", b"1").raw(b'"later",1')
    data = made.bytes().replace(b"later", b"lat3r")
    path.write_bytes(data)
    with lily.Storage(path) as storage:
        storage.set(b"a", b"2")
        assert storage.get(b"a") == b"2"


@pytest.mark.parametrize("more", [0, 1])
def test_S20_a_newer_line_is_at_most_1_MiB(path, more):
    frame = len(Writer().raw(b'"later",""').lines[0])
    made = Writer().set(b"a", b"1").raw(b'"later","%s"' % (b"x" * ((1 << 20) - frame + more)))
    assert len(made.lines[1]) == (1 << 20) + more
    state = reads(path, made.bytes(), {b"a": (b"1", 0)})
    assert state.newer == (more == 0) and state.damage == more
    with lily.Storage(path, now=NOW) as storage:
        if state.newer:
            fails_with(lily.NEWER, storage.set, b"a", b"2")
        else:
            storage.set(b"a", b"2")
