"""The library and the second reader agree about what a journal says, whoever wrote it."""
import json
import random
import re
import shutil
import subprocess

import pytest

import generate
import journal
import lily
import sessions
from conftest import LONG
from generate import NOW
from jsontext import minified


def agree(storage, path):
    """Checks that the handle shows what the file says."""
    state = journal.read(path.read_bytes())
    assert (state.damage, state.torn, state.newer) == (0, 0, False)
    shown = storage.each()
    assert shown == state.live(NOW)
    assert list(shown) == sorted(shown)
    return state


@pytest.mark.parametrize("seed", range(12 if LONG else 6))
def test_S2_S9_what_the_library_writes_the_page_explains(path, seed, numbers):
    rng, model = random.Random(seed), {}
    storage = lily.Storage(path, now=NOW)
    for step in range(400):
        kind, key = rng.random(), rng.choice(generate.KEYS)
        if kind < 0.70:
            text, deadline = generate.text(rng), rng.choice(generate.DEADLINES)
            storage.set(key, text, deadline)
            model[key] = minified(text), deadline
        elif kind < 0.87:
            storage.remove(key)
            model.pop(key, None)
        elif kind < 0.89:
            storage.clear()
            model = {key: entry for key, entry in model.items() if not key.startswith(b"lily_session_")}
        elif kind < 0.95:
            storage.sync()
        else:
            storage.close()
            storage = lily.Storage(path, now=NOW)
        live = {key: entry for key, entry in model.items() if not entry[1] or NOW < entry[1]}
        text = live.get(key)
        assert storage.get(key) == (text[0] if text else None)
        if step % 10 == 0:
            agree(storage, path)
            assert storage.each() == live
    with lily.Storage(path, lily.READ_ONLY | lily.STRICT, now=NOW) as reader:
        assert reader.each() == live
    storage.close()
    numbers(operations_compared=400)


@pytest.mark.parametrize("seed", range(40 if LONG else 16))
def test_what_the_second_writer_writes_the_library_reads(path, seed):
    rng = random.Random(1000 + seed)
    made = generate.writer(rng, 150)
    path.write_bytes(made.bytes())
    state = journal.read(made.bytes())
    for flags in (lily.READ_ONLY, lily.STRICT | lily.READ_ONLY):
        with lily.Storage(path, flags, now=NOW) as storage:
            assert storage.each() == state.live(NOW)
            for key in generate.KEYS:
                assert storage.get(key) == state.live(NOW).get(key, (None,))[0]
    assert path.read_bytes() == made.bytes()
    with lily.Storage(path, lily.STRICT, now=NOW) as storage:
        storage.set(b"new", b"[1]")
        storage.remove(rng.choice(generate.KEYS))
        storage.sync()
        assert agree(storage, path).entries[b"new"].text == b"[1]"


def test_appending_goes_on_where_another_writer_stopped(path):
    """A handle that is open sees the lines which another program appends, and its own come after them."""
    made = journal.Writer().set(b"a", b"1")
    path.write_bytes(made.bytes())
    with lily.Storage(path, lily.STRICT, now=NOW) as storage:
        for step in range(50):
            made.set(b"other", b"%d" % step)
            with path.open("ab") as file:
                file.write(made.lines[-1])
            assert storage.get(b"other") == b"%d" % step
            storage.set(b"own", b"%d" % step)
            state = agree(storage, path)
            made.sequence = state.sequence
            assert state.entries[b"own"].text == state.entries[b"other"].text == b"%d" % step


def test_each_walks_a_prefix_in_byte_order(path):
    with lily.Storage(path) as storage:
        for key in generate.KEYS:
            storage.set(key, b"1")
        assert list(storage.each()) == sorted(generate.KEYS)
        for prefix in [b"lily_session_", b"user", b"user2", b"k" * 1024, b"l", "é".encode(), b"nothing"]:
            assert list(storage.each(prefix)) == sorted(key for key in generate.KEYS if key.startswith(prefix))


def test_every_line_is_JSON_to_others(path):
    rng = random.Random(7)
    with lily.Storage(path, now=NOW) as storage:
        for _ in range(300):
            storage.set(rng.choice(generate.KEYS), generate.text(rng))
        session = sessions.Session(storage, [sessions.Field("x", lily.INT), sessions.Field("y", lily.INT)], {"x": 0, "y": 0})
        session.dispatch(x=1, y=2)
        session.close()
        data = path.read_bytes()
        lines = [json.loads(line) for line in data.decode().split("\n")[:-1]]
        assert lines[0] == lines[1] and lines[0][1:4] == [0, "lily-session", 1]
        assert [line[1] for line in lines[2:]] == list(range(1, len(lines) - 1))
        last = {line[3]: line[4] for line in lines if line[2] == "set"}
        for key, (text, _) in storage.each(b"user").items():
            assert json.loads(text) == last[key.decode()]
        if shutil.which("jq"):
            out = subprocess.run(["jq", "-c", ".[1]", str(path)], capture_output=True, check=True).stdout
            assert out.split() == [b"%d" % line[1] for line in lines]


def test_a_new_file_has_the_header_of_the_page(tmp_path):
    salts, generations = set(), set()
    for number in range(5):
        path = tmp_path / f"{number}.jsonl"
        with lily.Storage(path) as storage:
            storage.set(b"a", b"1")
        data = path.read_bytes()
        assert re.fullmatch(rb'\["[0-9a-f]{8}",0,"lily-session",1,"[0-9a-f]{16}","[0-9a-f]{16}"\]\n', data[:70])
        assert data[:70] == data[70:140] and path.stat().st_mode & 0o7777 == 0o600
        state = journal.read(data)
        salts.add(state.salt)
        generations.add(state.generation)
    assert len(salts) == len(generations) == 5


def test_a_rewritten_file_keeps_its_generation_and_gets_a_salt(path):
    with lily.Storage(path) as storage:
        storage.set(b"a", b"1")
        storage.set(b"b", b"2")
        before = journal.read(path.read_bytes())
        storage.remove(b"b")
        storage.sync()
        after = journal.read(path.read_bytes())
        assert (after.entries, after.damage, after.sequence) == ({b"a": journal.Entry(b"1")}, 0, 1)
        assert after.generation == before.generation and after.salt != before.salt
        storage.set(b"lily_session_a", b"1")
        storage.clear()
        cleared = journal.read(path.read_bytes())
        assert cleared.generation != after.generation and cleared.entries == after.entries
        storage.sync()
        assert journal.read(path.read_bytes()).generation == cleared.generation
    assert not list(path.parent.glob("*.tmp"))


def test_S5_S9_a_session_writes_one_line_with_deadline_and_version(path):
    fields = [sessions.Field("token", lily.STRING, expires_after_ms=5000), sessions.Field("cart", lily.JSON, version=3),
              sessions.Field("visits", lily.INT), sessions.Field("ratio", lily.REAL)]
    with lily.Storage(path, now=NOW) as storage:
        session = sessions.Session(storage, fields, {"token": b"", "cart": b"[]", "visits": 0, "ratio": 0.5})
        session.dispatch(token='t"é'.encode(), cart=b'{"b": 1, "a": [2 ]}', visits=-1)
        session.dispatch(ratio=0.1)
        session.dispatch()
        state = agree(storage, path)
        assert [operation[0] for _, operation in state.operations] == ["batch", "set"]
        assert state.entries == {
            b"lily_session_token": journal.Entry('"t\\"é"'.encode(), NOW + 5000),
            b"lily_session_cart": journal.Entry(b'{"b":1,"a":[2]}', 0, 3),
            b"lily_session_visits": journal.Entry(b"-1"), b"lily_session_ratio": journal.Entry(b"0.1")}
        session.close()


def test_a_version_survives_the_rewriting_of_the_file(path):
    made = journal.Writer().set(b"lily_session_a", b"1", NOW + 9, 4294967295).set(b"b", b"[]", 0, 7).set(b"c", b"1")
    path.write_bytes(made.bytes())
    with lily.Storage(path, now=NOW) as storage:
        storage.remove(b"c")
        storage.sync()
        state = agree(storage, path)
        assert state.entries == {b"lily_session_a": journal.Entry(b"1", NOW + 9, 4294967295), b"b": journal.Entry(b"[]", 0, 7)}
        model = {"a": 0}
        session = sessions.Session(storage, [sessions.Field("a", lily.INT, version=2)], model)
        assert model == {"a": 0} and session.state("a") == lily.STATE_NEWER
        assert session.events == [(lily.EVENT_NEWER, lily.NEWER, 0, b"a")]
        session.close()


def test_S9_what_has_expired_is_swept_when_the_file_is_rewritten(path):
    with lily.Storage(path, now=NOW) as storage:
        for key, deadline in [(b"past", 1), (b"now", NOW), (b"later", NOW + 1), (b"never", 0), (b"gone", 0)]:
            storage.set(key, b"1", deadline)
        storage.remove(b"gone")
        storage.sync()
        assert journal.read(path.read_bytes()).entries == {b"later": journal.Entry(b"1", NOW + 1), b"never": journal.Entry(b"1")}


@pytest.mark.parametrize("deadline, there", [(0, True), (1, False), (NOW - 1, False), (NOW, False), (NOW + 1, True),
                                             (2**63 - 1, True)])
def test_S9_a_deadline_counts_from_its_millisecond_on(path, deadline, there):
    with lily.Storage(path, now=NOW) as storage:
        storage.set(b"a", b"1", deadline)
        assert storage.get(b"a") == (b"1" if there else None)
        assert storage.each() == ({b"a": (b"1", deadline)} if there else {})
