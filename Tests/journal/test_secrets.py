"""What was removed leaves the disk, what was damaged is kept aside, and no message quotes a value."""
import os

import pytest

import journal
import lily
import sessions
from generate import NOW
from journal import Writer

SECRET = b"hunter2-correct-horse"


def on_disk(path, needle=SECRET):
    """Returns the names of the files beside the journal, and of the journal, that hold these bytes."""
    return [name for name in os.listdir(path.parent) if needle in path.with_name(name).read_bytes()]


@pytest.mark.parametrize("way", ["remove", "clear"])
@pytest.mark.parametrize("end", ["sync", "close"])
@pytest.mark.parametrize("durability", [lily.PROCESS, lily.POWER], ids=["process", "power"])
def test_S8_a_removed_secret_leaves_the_file(path, way, end, durability):
    storage = lily.Storage(path, durability=durability)
    storage.set(b"kept", b'"kept"')
    for number in range(3):
        storage.set(b"lily_session_token", b'"%s%d"' % (SECRET, number))
    assert on_disk(path)
    storage.remove(b"lily_session_token") if way == "remove" else storage.clear()
    storage.sync() if end == "sync" else storage.close()
    assert not on_disk(path)
    assert os.listdir(path.parent) == [path.name]
    assert journal.read(path.read_bytes()).entries == {b"kept": journal.Entry(b'"kept"')}
    if end == "sync":
        assert storage.each() == {b"kept": (b'"kept"', 0)}
        storage.close()


def test_S8_a_removal_by_another_handle_is_swept_too(path):
    """The handle that removed a value may be killed before its sync. The next handle that writes and syncs takes the value out of the
    file."""
    first, second = lily.Storage(path), lily.Storage(path)
    first.set(b"lily_session_token", b'"%s"' % SECRET)
    second.remove(b"lily_session_token")
    first.set(b"other", b"1")
    first.sync()
    assert not on_disk(path)
    second.close()
    first.close()


DAMAGES = {"a flipped bit": lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
           "a foreign line": lambda data: data + b"what is this?\n",
           "a lost line": lambda data: data[:140] + data[data.index(b"\n", 140) + 1:]}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("tail", [b"", b'["torn'], ids=["whole", "torn"])
def test_S20_the_damaged_original_is_kept_aside(path, damage, tail):
    made = Writer().set(b"a", b"1").set(b"b", b"2").set(b"lily_session_c", b"3").set(b"d", b"4")
    original = damage(made.bytes())
    path.write_bytes(original + tail)
    aside = path.with_name(path.name + ".damaged")
    with lily.Storage(path) as storage:
        expected = dict(storage.each())
        assert expected == journal.read(original).live(NOW)
        storage.set(b"e", b"5")
        rewrite(storage)
        assert storage.each() == {**expected, b"e": (b"5", 0), b"fill": (b"1", 0)}
        state = journal.read(path.read_bytes())
        assert state.damage == 0 and state.sequence == len(state.entries)  # it was rewritten
        kept = aside.read_bytes()
        # the torn tail had been cut off before; what was appended since are whole lines
        assert kept.startswith(original) and kept.endswith(b"\n")
        assert journal.read(kept).damage == journal.read(original).damage
        assert aside.stat().st_mode & 0o7777 == 0o600 and aside.stat().st_nlink == 1
        rewrite(storage)
        assert aside.read_bytes() == kept  # a whole file that is rewritten does not touch it
        storage.clear()
        storage.sync()
        assert not aside.exists()
        assert b"lily_session_c" not in storage.each() and storage.get(b"e") == b"5"
    assert os.listdir(path.parent) == [path.name]


def test_S8_damage_from_before_a_clear_is_not_kept(path):
    """The damaged line may hold the very secret that the clear is to remove."""
    made = Writer().set(b"lily_session_token", b'"%s"' % SECRET).set(b"a", b"1")
    path.write_bytes(made.bytes().replace(b"lily_session_token", b"lily_session_tokem"))
    with lily.Storage(path) as storage:
        assert storage.each() == {b"a": (b"1", 0)}
        storage.set(b"lily_session_b", b"1")
        storage.clear()
        storage.sync()
        assert storage.each() == {b"a": (b"1", 0)}
    assert not on_disk(path) and os.listdir(path.parent) == [path.name]


def rewrite(storage):
    """Writes far more than stays stored, so that a sync rewrites the file, though nothing is removed."""
    for _ in range(40):
        storage.set(b"fill", b'"%s"' % (b"x" * 4000))
    storage.set(b"fill", b"1")
    storage.sync()


def test_S20_a_second_damage_leaves_one_copy(path):
    for number in range(3):
        with lily.Storage(path) as storage:
            storage.set(b"a", b"%d" % number)
        with path.open("ab") as file:
            file.write(b"damage %d\n" % number)
        with lily.Storage(path) as storage:
            rewrite(storage)
            assert storage.each() == {b"a": (b"%d" % number, 0), b"fill": (b"1", 0)}
        assert sorted(os.listdir(path.parent)) == [path.name, path.name + ".damaged"]


def test_S2_no_message_quotes_a_value(path):
    messages = []

    def note(call, *arguments):
        try:
            call(*arguments)
        except lily.Failure as failure:
            messages.append(failure.text)
            assert failure.text and b"\n" not in failure.text
            failure.text.decode()
        else:
            raise AssertionError("no failure")
    made = Writer().set(b"lily_session_token", b'"%s"' % SECRET)
    path.write_bytes(made.bytes() + b'["%s\n' % SECRET)
    note(lily.Storage, path, lily.STRICT)
    with lily.Storage(path) as storage:
        for text in (b'"%s' % SECRET, SECRET, b'{"%s":1,"%s":1}' % (SECRET, SECRET), b'["%s",1e999]' % SECRET, b'"%s\xff"' % SECRET,
                     b'"%s" x' % SECRET, b'["%s\\ud800"]' % SECRET, b"[" * 600 + SECRET):
            note(storage.set, b"lily_session_token", text)
        note(storage.set, b"lily_session_token", b'"%s"' % SECRET, -1)
        assert storage.get(b"lily_session_token") == b'"%s"' % SECRET
        fields = [sessions.Field("token", lily.INT), sessions.Field("cart", lily.JSON)]
        session = sessions.Session(storage, fields, {"token": 7, "cart": b"1"})
        assert (lily.EVENT_REJECTED, lily.DECODE, 0, b"token") in session.events
        assert (lily.EVENT_DAMAGED, lily.CORRUPT, 0, None) in session.events
        note(lambda: session.dispatch(cart=b'{"%s"' % SECRET))
        session.close()
    path.write_bytes(SECRET * 20)
    note(lily.Storage, path)
    assert len(messages) == 12 and not any(SECRET[:7] in message for message in messages)
    lily.Storage(path.with_name("new")).close()
    assert lily.last_error() == b""
