"""The file is deleted, replaced, linked or cut while a handle has it open: reads show what is there, writes land there."""
import os

import pytest

import journal
import lily
from journal import Writer


@pytest.fixture
def storage(path):
    opened = lily.Storage(path)
    opened.set(b"a", b"1")
    opened.set(b"lily_session_f", b"1")
    opened.set(b"b", b"2")
    yield opened
    opened.close()


ALL = {b"a": (b"1", 0), b"lily_session_f": (b"1", 0), b"b": (b"2", 0)}


def goes_on(path, storage, expected):
    """Checks that what is written now is in the file at the path, for this handle and for new ones."""
    storage.set(b"new", b"3")
    expected = {**expected, b"new": (b"3", 0)}
    assert storage.each() == expected
    state = journal.read(path.read_bytes())
    assert {key: entry.text for key, entry in state.entries.items()} == {key: text for key, (text, _) in expected.items()}
    assert state.torn == 0
    storage.sync()
    with lily.Storage(path) as again:
        assert again.each() == expected
    assert path.stat().st_mode & 0o7777 == 0o600


def test_deleted(path, storage):
    os.unlink(path)
    assert storage.get(b"a") is None and storage.each() == {}
    storage.sync()
    assert not path.exists()  # neither creates a file
    storage.remove(b"a")
    goes_on(path, storage, {})


def test_deleted_and_made_anew_by_another(path, storage):
    os.unlink(path)
    with lily.Storage(path) as other:
        other.set(b"c", b"1")
        assert storage.each() == {b"c": (b"1", 0)}
        goes_on(path, storage, {b"c": (b"1", 0)})
        assert other.get(b"new") == b"3"


def test_deleted_under_a_reader(path, storage):
    with lily.Storage(path, lily.READ_ONLY) as reader:
        os.unlink(path)
        assert reader.get(b"a") is None and reader.each() == {}
        storage.set(b"new", b"3")
        assert reader.each() == {b"new": (b"3", 0)}


def test_deleted_with_its_directory(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with lily.Storage(folder / "session.jsonl") as storage:
        storage.set(b"a", b"1")
        for name in os.listdir(folder):
            os.unlink(folder / name)
        folder.rmdir()
        assert storage.get(b"a") is None
        with pytest.raises(lily.Failure) as raised:
            storage.set(b"a", b"2")
        assert raised.value.code in (lily.NOT_FOUND, lily.IO)
        assert not folder.exists()
        folder.mkdir()


def test_replaced_by_an_older_copy(path, storage):
    older = path.read_bytes()
    storage.set(b"a", b'"later"')
    storage.set(b"c", b"1")
    copy = path.with_name("copy")
    copy.write_bytes(older)
    copy.chmod(0o600)
    os.replace(copy, path)
    assert storage.get(b"a") == b"1" and storage.each() == ALL
    goes_on(path, storage, ALL)


@pytest.mark.parametrize("lines", [0, 1, 2, 5, 200])
def test_replaced_by_another_journal(path, storage, lines):
    made = Writer()
    for number in range(lines):
        made.set(b"k%d" % (number % 7), b"%d" % number)
    copy = path.with_name("copy")
    copy.write_bytes(made.bytes())
    copy.chmod(0o600)
    os.replace(copy, path)
    expected = {key: (entry.text, 0) for key, entry in journal.read(made.bytes()).entries.items()}
    assert storage.each() == expected
    goes_on(path, storage, expected)


def test_overwritten_in_place_by_an_older_copy(path, storage):
    older = path.read_bytes()
    storage.set(b"a", b'"later"')
    path.write_bytes(older)
    assert storage.get(b"a") == b"1" and storage.each() == ALL
    goes_on(path, storage, ALL)


def test_overwritten_in_place_by_a_shorter_journal(path, storage):
    made = Writer().set(b"z", b"1")
    path.write_bytes(made.bytes())
    assert storage.each() == {b"z": (b"1", 0)}
    goes_on(path, storage, {b"z": (b"1", 0)})


def test_overwritten_in_place_by_a_longer_journal(path, storage):
    """The file never seems shorter than what was read of it. Only the lines after that place show that it is another file."""
    made = Writer()
    for number in range(50):
        made.set(b"z", b"%d" % number)
    path.write_bytes(made.bytes())
    assert storage.get(b"z") == b"49" and storage.each() == {b"z": (b"49", 0)}
    goes_on(path, storage, {b"z": (b"49", 0)})


def test_cut_at_every_byte_while_open(path, storage):
    data = path.read_bytes()
    storage.close()
    ends = [index + 1 for index, byte in enumerate(data) if byte == 10]
    for cut in range(0, len(data), 3):
        path.write_bytes(data)
        storage.__init__(path)
        assert storage.each() == ALL
        os.truncate(path, cut)
        expected = dict(list(ALL.items())[:max(sum(end <= cut for end in ends) - 2, 0)])
        assert storage.each() == expected, cut
        storage.set(b"new", b"3")
        assert storage.each() == {**expected, b"new": (b"3", 0)}, cut
        with lily.Storage(path, lily.STRICT) as again:
            assert again.each() == {**expected, b"new": (b"3", 0)}, cut
        storage.close()
    storage.handle = None


def test_moved_away(path, storage):
    """Nothing in a file says that it was renamed; the path is looked at with the next sync."""
    os.replace(path, path.with_name("elsewhere"))
    storage.sync()
    storage.set(b"x", b"1")
    storage.sync()
    goes_on(path, storage, storage.each())
    assert storage.get(b"x") == b"1"


def test_hard_linked(path, storage):
    other = path.with_name("other")
    os.link(path, other)
    assert storage.get(b"a") == b"1" and storage.each() == ALL
    written = True
    try:
        storage.set(b"a", b"2")
    except lily.Failure as failure:
        assert failure.code == lily.REFUSED
        written = False
    assert storage.get(b"a") == (b"2" if written else b"1")
    assert journal.read(path.read_bytes()).entries[b"a"].text == storage.get(b"a")
    os.unlink(other)
    goes_on(path, storage, storage.each())


@pytest.mark.parametrize("first", ["read", "write"])
def test_hard_linked_and_rewritten_by_another(path, storage, first):
    """The old file lives on under its other name, with one link: only the line "moved" in it shows that the path has a new one."""
    other = path.with_name("other")
    with lily.Storage(path) as rewriter:  # opened before the link is made: afterwards it would be refused
        os.link(path, other)
        rewriter.remove(b"b")
        rewriter.set(b"c", b"3")
        rewriter.sync()
        rewriter.set(b"c", b"4")
        assert os.stat(other).st_nlink == 1 and not os.path.samefile(path, other)
        old = other.read_bytes()
        assert journal.read(old).moved
        expected = {b"a": (b"1", 0), b"lily_session_f": (b"1", 0), b"c": (b"4", 0)}
        if first == "read":
            assert storage.get(b"c") == b"4" and storage.each() == expected
        goes_on(path, storage, expected)
        assert other.read_bytes() == old
        assert rewriter.get(b"new") == b"3"


def test_hard_linked_and_the_path_unlinked(path, storage):
    """The link count stays 1: only the path shows that this is no longer the file."""
    other = path.with_name("other")
    os.link(path, other)
    os.unlink(path)
    storage.sync()
    storage.set(b"x", b"1")
    storage.sync()
    assert storage.get(b"x") == b"1"
    goes_on(path, storage, storage.each())


def test_edited_by_hand(path, storage):
    """An editor writes a new file and renames it; a line that it changed no longer has its check."""
    data = path.read_bytes().replace(b'"a",1', b'"a",7')
    copy = path.with_name("copy")
    copy.write_bytes(data)
    copy.chmod(0o600)
    os.replace(copy, path)
    expected = {key: value for key, value in ALL.items() if key != b"a"}
    assert storage.get(b"a") is None and storage.each() == expected
    goes_on(path, storage, expected)
