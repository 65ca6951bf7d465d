"""Several processes on one file: S10, S8 and S16 for sharing, clearing, locking and forking."""
import fcntl
import os
import resource
import signal
import time

import pytest

import journal
import lily
from conftest import LONG
from generate import NOW
from processes import Child
from sessions import Field, Session

FIELDS = [Field(name, lily.INT) for name in "abcde"]


def set_many(pipe, path, who, count):
    storage = lily.Storage(path)
    pipe.send("open")
    pipe.recv()
    for number in range(count):
        text = b'"%s %d"' % (who, number)
        storage.set(b"%s%d" % (who, number % 5), text)
        storage.set(b"shared", text)
        if number % 20 == 0:
            time.sleep(0.001)  # so that they take turns, however few processors there are


def test_S10_four_processes_at_once_lose_nothing(path, numbers):
    """All sets of all processes are in the file, and those of a process in its order."""
    count, names = 5000 if LONG else 1000, [b"first", b"second", b"third", b"fourth"]
    children = [Child(set_many, path, who, count) for who in names]
    for child in children:
        assert child.receive() == "open"
    for child in children:
        child.send()
    for child in children:
        child.end()
    state = journal.read(path.read_bytes())
    assert state.damage == 0 and state.sequence == len(names) * 2 * count
    written = [operation for _, operation in state.operations]
    for who in names:
        own = [operation[2].text for operation in written if operation[1] == b"shared" and operation[2].text.startswith(b'"' + who)]
        assert own == [b'"%s %d"' % (who, number) for number in range(count)]
    with lily.Storage(path, lily.STRICT) as storage:
        assert storage.each() == state.live(NOW)
        for who in names:
            for number in range(5):
                assert storage.get(b"%s%d" % (who, number)) == b'"%s %d"' % (who, count - 5 + number)
    turns = sum(a[2].text[:3] != b[2].text[:3] for a, b in zip(written, written[1:]))
    assert turns > 10  # they really ran at the same time
    numbers(sets_by_four_processes=len(names) * 2 * count)


def set_own(pipe, path, who):
    with lily.Storage(path) as storage:
        assert storage.get(b"kept") == b"1"
        pipe.send("open")
        pipe.recv()
        storage.set(who, b'"waited"')
        assert storage.get(who) == b'"waited"'


def test_S10_writers_that_wait_for_a_compactor_write_to_its_new_file(path):
    """Three writers have the old file open. The compactor holds its lock until the rename is done."""
    old, new = journal.Writer().set(b"kept", b"1"), journal.Writer().set(b"kept", b"1")
    path.write_bytes(old.bytes())
    length, temporary = path.stat().st_size, path.with_name("new")
    names = [b"a", b"b", b"c"]
    children = [Child(set_own, path, who) for who in names]
    for child in children:
        assert child.receive() == "open"
    with path.open("ab") as compactor:
        fcntl.flock(compactor, fcntl.LOCK_EX)
        for child in children:
            child.send()
        time.sleep(0.1)  # some of them, or all, wait by then; those that come later find the same
        compactor.write(old.moved().bytes()[length:])
        compactor.flush()
        temporary.write_bytes(new.bytes())
        os.rename(temporary, path)
    for child in children:
        child.end()
    state = journal.read(path.read_bytes())
    assert state.damage == 0 and state.salt == new.salt
    assert {key: entry.text for key, entry in state.entries.items()} == {b"kept": b"1", **dict.fromkeys(names, b'"waited"')}


def set_much(pipe, path, who, count):
    """Sends the salts of the files that it has seen, and the largest size."""
    storage, files, largest = lily.Storage(path), set(), 0
    for number in range(count):
        storage.set(b"%s%d" % (who, number % 5), b'"%d %s"' % (number, b"x" * 40_000))
        with path.open("rb") as file:
            files.add(file.read(journal.HEADER))  # the salt tells them apart; an inode's number is used again
            largest = max(largest, os.fstat(file.fileno()).st_size)
        if number % 50 == 0:  # so that neither is done before the other begins
            pipe.send(None)
            pipe.recv()
    pipe.send((files, largest))


def test_S12_updates_alone_keep_a_file_from_growing(path):
    """Past 4 MiB and 16 times what is stored, an update rewrites the file under the other process, which loses nothing."""
    count = 1000
    with Child(set_much, path, b"first", count) as first, Child(set_much, path, b"second", count) as second:
        for _ in range(count // 50):
            for child in (first, second):
                child.receive()
            for child in (first, second):
                child.send()
        seen = [child.receive() for child in (first, second)]
    with lily.Storage(path, lily.READ_ONLY | lily.STRICT) as storage:
        for who in (b"first", b"second"):
            for number in range(5):
                assert storage.get(b"%s%d" % (who, number)) == b'"%d %s"' % (count - 5 + number, b"x" * 40_000)
        live = sum(len(key) + len(text) for key, (text, _) in storage.each().items())
        assert len(storage.each()) == 10
    files, largest = set.union(*(files for files, _ in seen)), max(largest for _, largest in seen)
    assert len(files) > 3 and 4 << 20 < largest < 16 * live + 50_000


def test_S10_two_handles_in_one_process_see_each_other(path):
    first, second = lily.Storage(path), lily.Storage(path)
    for number in range(200):
        first.set(b"first", b"%d" % number)
        assert second.get(b"first") == b"%d" % number
        second.set(b"second", b"%d" % number)
        assert first.each()[b"second"] == (b"%d" % number, 0)
        if number % 50 == 0:
            second.remove(b"first")
            second.sync()
            assert first.get(b"first") is None
    first.close()
    second.set(b"second", b"-1")
    second.close()
    with lily.Storage(path, lily.STRICT) as storage:
        assert storage.each() == {b"first": (b"199", 0), b"second": (b"-1", 0)}


def dispatch_until_told(pipe, path):
    """Counts until the parent sends something, which gets the last number."""
    number = 0
    with lily.Storage(path) as storage:
        session = Session(storage, FIELDS, dict.fromkeys("abcde", 0))
        while not pipe.poll():
            number += 1
            session.dispatch(**dict.fromkeys("abcde", number))
            if number % 100 == 0:
                storage.set(b"gone", b"1")
                storage.remove(b"gone")
                session.flush()
        session.close()
    pipe.recv()
    pipe.send(number)


def test_S5_an_update_is_seen_whole_or_not_at_all(path, numbers):
    lily.Storage(path).close()
    polls, seen = 0, set()
    with Child(dispatch_until_told, path) as child, lily.Storage(path) as reader, lily.Storage(path, lily.READ_ONLY) as other:
        while polls < 4000 or len(seen) < 100:
            for storage in (reader, other):
                shown = storage.each(b"lily_session_")
                values = {text for text, _ in shown.values()}
                assert len(shown) in (0, 5) and len(values) <= 1
                seen |= values
                polls += 1
            if polls % 10 == 0:
                with lily.Storage(path, lily.READ_ONLY | lily.STRICT) as fresh:
                    model = dict.fromkeys("abcde", 0)
                    Session(fresh, FIELDS, model).close()
                    assert len(set(model.values())) == 1
        last = child.ask()
        assert {text for text, _ in reader.each().values()} == {b"%d" % last}
    numbers(polls_for_whole_updates=polls)


def log_in(pipe, path, limited):
    """Runs a session that obeys commands: a dict is dispatched, "limit" forbids its file to grow, "free" allows it again. It
    returns a status or, if asked, a state: asking looks at the file, which a test may not want."""
    with lily.Storage(path) as storage:
        session = Session(storage, [Field("token", lily.STRING), Field("theme", lily.STRING)], {"token": b"", "theme": b""})
        if not limited:
            session.dispatch(token=b"secret", theme=b"dark")
        pipe.send("ready")
        while (message := pipe.recv()) != "end":
            code = lily.OK
            if message == "limit":
                resource.setrlimit(resource.RLIMIT_FSIZE, (os.stat(path).st_size, resource.RLIM_INFINITY))
            elif message == "free":
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            elif message == "state":
                code = session.state("token")
            else:
                try:
                    session.dispatch(**message)
                except lily.Failure as failure:
                    code = failure.code
            pipe.send(code)
        session.close()


def test_S8_a_clear_is_not_undone_by_unchanged_fields(path):
    with Child(log_in, path, False) as child:
        assert child.receive() == "ready"
        with lily.Storage(path) as storage:
            assert storage.get(b"lily_session_token") == b'"secret"'
            storage.set(b"other", b"1")
            storage.clear()
            child.ask({})
            assert storage.each() == {b"other": (b"1", 0)}
            assert child.ask({"theme": b"light"}) == lily.OK
            assert storage.each() == {b"other": (b"1", 0), b"lily_session_theme": (b'"light"', 0)}
            storage.clear()
            storage.sync()  # rewrites the file under the other process
            child.ask({})
            assert storage.each() == {b"other": (b"1", 0)}
            assert child.ask({"token": b"new"}) == lily.OK
            assert storage.get(b"lily_session_token") == b'"new"'
            storage.clear()
            child.send("end")
            child.end()
            assert storage.each() == {b"other": (b"1", 0)}


@pytest.mark.parametrize("filled", [True, False], ids=["something to clear", "nothing to clear"])
@pytest.mark.parametrize("rewritten", [True, False], ids=["rewritten", "appended"])
def test_S8_a_failed_write_does_not_come_back_after_a_clear(path, filled, rewritten):
    with Child(log_in, path, not filled) as child:
        assert child.receive() == "ready"
        child.ask("limit")
        assert child.ask({"token": b"failed"}) == lily.NO_SPACE and child.ask("state") & lily.STATE_DIRTY
        with lily.Storage(path) as storage:
            storage.clear()
            if rewritten:
                storage.sync()
            child.ask("free")
            assert child.ask({"theme": b"light"}) == lily.OK
            assert child.ask({}) == lily.OK
            assert storage.each() == {b"lily_session_theme": (b'"light"', 0)}
            assert child.ask("state") == lily.STATE_ABSENT
            child.send("end")
            child.end()
            assert storage.each() == {b"lily_session_theme": (b'"light"', 0)}


def test_S6_a_failed_write_is_tried_again(path):
    with Child(log_in, path, True) as child:
        assert child.receive() == "ready"
        child.ask("limit")
        assert child.ask({"token": b"later"}) == lily.NO_SPACE and child.ask("state") & lily.STATE_DIRTY
        with lily.Storage(path) as storage:
            assert storage.each() == {}
            child.ask("free")
            assert child.ask({}) == lily.OK and child.ask("state") == lily.STATE_LOADED
            assert storage.get(b"lily_session_token") == b'"later"'
        child.send("end")


def hold_lock(pipe, path):
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pipe.send("held")
        pipe.recv()
    pipe.send("free")


def test_S10_a_stopped_lock_holder_makes_writers_busy_and_no_reader(path):
    with lily.Storage(path) as storage:
        storage.set(b"lily_session_a", b"1")
        session = Session(storage, [Field("a", lily.INT)], {"a": 0})
        with Child(hold_lock, path) as holder:
            assert holder.receive() == "held"
            holder.stop()
            begun = time.monotonic()
            with pytest.raises(lily.Failure) as raised:
                storage.set(b"b", b"2")
            assert raised.value.code == lily.BUSY
            assert 1 < time.monotonic() - begun < 120
            assert storage.get(b"lily_session_a") == b"1" and storage.each() == {b"lily_session_a": (b"1", 0)}
            with pytest.raises(lily.Failure) as raised:
                session.dispatch(a=2)
            assert raised.value.code == lily.BUSY
            assert session.state("a") == lily.STATE_LOADED | lily.STATE_DIRTY
            assert [event[:2] + event[3:] for event in session.events] == [(lily.EVENT_WRITE_FAILED, lily.BUSY, b"a")]
            assert journal.read(path.read_bytes()).sequence == 1
            holder.signal(signal.SIGCONT)
            assert holder.ask() == "free"
        storage.set(b"b", b"2")
        session.dispatch()
        assert storage.each() == {b"lily_session_a": (b"2", 0), b"b": (b"2", 0)}
        session.close()


def test_S10_a_stopped_lock_holder_and_a_damaged_line_keep_no_reader_out(path):
    """What is damaged for longer than a change takes is not just being written."""
    with lily.Storage(path) as storage:
        for key in b"a", b"b":
            storage.set(key, b"1")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"a"', b'"A"'))
    with Child(hold_lock, path) as holder:
        assert holder.receive() == "held"
        holder.stop()
        with lily.Storage(path, lily.READ_ONLY) as reader:
            assert reader.each() == {b"b": (b"1", 0)}
            with path.open("ab") as file:
                file.write(b'["00000000",9,"set","c",1,0]\n')
            assert reader.each() == {b"b": (b"1", 0)}
        holder.signal(signal.SIGCONT)
        assert holder.ask() == "free"


def test_S10_a_killed_lock_holder_delays_nobody(path):
    with lily.Storage(path) as storage:
        storage.set(b"a", b"1")
        holder = Child(hold_lock, path)
        assert holder.receive() == "held"
        holder.stop()
        holder.kill()
        storage.set(b"a", b"2")
        assert storage.get(b"a") == b"2"


def use_inherited(pipe, path, storage, session):
    for call in (lambda: storage.get(b"a"), lambda: storage.set(b"a", b"9"), lambda: storage.remove(b"a"), storage.each,
                 storage.sync, storage.clear, lambda: session.dispatch(f=9), session.persist, session.flush):
        try:
            call()
            raise AssertionError("not refused")
        except lily.Failure as failure:
            assert failure.code == lily.FORKED
    session.close()
    storage.close()
    with lily.Storage(path) as own:
        assert own.get(b"a") == b"1"
        own.set(b"child", b"1")
        own.remove(b"gone")


def test_S16_a_child_of_fork_opens_its_own(path):
    with lily.Storage(path) as storage:
        storage.set(b"a", b"1")
        storage.set(b"gone", b"1")
        session = Session(storage, [Field("f", lily.INT)], {"f": 0})
        for number in range(1, 4):
            with Child(use_inherited, path, storage, session):
                session.dispatch(f=number)  # while the child lives
                storage.set(b"parent", b"%d" % number)
            assert storage.each() == {b"a": (b"1", 0), b"child": (b"1", 0), b"parent": (b"%d" % number, 0),
                                      b"lily_session_f": (b"%d" % number, 0)}
        session.close()
    with lily.Storage(path, lily.STRICT) as storage:
        assert len(storage.each()) == 4
