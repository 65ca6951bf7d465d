"""S19: scopes in the file as the page has them, and what the library makes of scopes that others wrote."""
import random

import pytest

import generate
import journal
import lily
from conftest import LONG
from generate import NOW
from jsontext import minified
from journal import Entry, Writer

SCOPES = [b"user", b"user2", b"user:42", b"u" * 64, "\U0001f33c\u2028".encode(), b"lily_session_", b'a"b\\c']


def agree(storage, scopes, path):
    state = journal.read(path.read_bytes())
    assert (state.damage, state.newer) == (0, False)
    assert storage.each() == state.live(NOW)
    for name, scope in scopes.items():
        assert scope.each() == state.live(NOW, name), name
    return state


@pytest.mark.parametrize("seed", range(6 if LONG else 3))
def test_S19_what_the_library_writes_the_page_explains(path, seed):
    rng = random.Random(seed)
    storage = lily.Storage(path, now=NOW)
    scopes = {name: storage.scoped(name) for name in SCOPES}
    models = {name: {} for name in [b"", *SCOPES]}
    for step in range(300):
        name, key = rng.choice(list(models)), rng.choice(generate.KEYS)
        where, model = scopes.get(name, storage), models[name]
        kind = rng.random()
        if kind < 0.7:
            text, deadline = generate.text(rng), rng.choice([0, 0, NOW + 1])
            where.set(key, text, deadline)
            model[key] = minified(text), deadline
        elif kind < 0.85:
            where.remove(key)
            model.pop(key, None)
        elif kind < 0.92:
            where.clear()
            models[name] = {key: entry for key, entry in model.items() if not key.startswith(b"lily_session_")}
        else:
            where.sync()
        if step % 10 == 0:
            agree(storage, scopes, path)
            assert storage.each() == models[b""]
            assert all(scopes[name].each() == models[name] for name in SCOPES)
    for scope in scopes.values():
        scope.close()
    storage.close()


@pytest.mark.parametrize("seed", range(10 if LONG else 5))
def test_S19_what_the_second_writer_writes_the_library_reads(path, seed):
    rng, made = random.Random(seed), Writer()
    for _ in range(150):
        scope = rng.choice([b"", b"\0" + rng.choice(SCOPES) + b"\0"])
        key, kind = scope + rng.choice(generate.KEYS), rng.random()
        if kind < 0.7:
            made.set(key, minified(generate.text(rng)), rng.choice(generate.DEADLINES))
        elif kind < 0.9:
            made.batch(journal.remove_item(key), journal.set_item(key, b"[]"), journal.remove_item(scope + b"user"))
        else:
            made.clear(scope + b"lily_session_")
    path.write_bytes(made.bytes())
    with lily.Storage(path, lily.STRICT, now=NOW) as storage:
        scopes = {name: storage.scoped(name) for name in SCOPES}
        agree(storage, scopes, path)
        for scope in (storage, *scopes.values()):
            scope.set(b"gone", b"1")
            scope.remove(b"gone")
        storage.sync()
        agree(storage, scopes, path)
        for scope in scopes.values():
            scope.close()


def test_S19_a_clear_raises_the_generation_of_its_scope_alone(path):
    with lily.Storage(path, now=NOW) as storage:
        user, user2 = storage.scoped(b"user"), storage.scoped(b"user2")
        for where in (storage, user, user2):
            where.set(b"lily_session_a", b"1")
            where.set(b"b", b"2")
        before = journal.read(path.read_bytes())
        user.clear()
        after = journal.read(path.read_bytes())
        assert after.generation == before.generation
        changed = {key for key in {*before.entries, *after.entries} if before.entries.get(key) != after.entries.get(key)}
        assert changed == {b"\0user\0", b"\0user\0lily_session_a"}
        storage.remove(b"b")
        storage.sync()
        rewritten = journal.read(path.read_bytes())
        assert rewritten.entries == {key: entry for key, entry in after.entries.items() if key != b"b"}
        storage.clear()
        cleared = journal.read(path.read_bytes())
        assert cleared.generation != before.generation and cleared.entries[b"\0user\0"] == after.entries[b"\0user\0"]
        assert storage.each() == {} and user.each() == {b"b": (b"2", 0)} and len(user2.each()) == 2
        user.close()
        user2.close()


@pytest.mark.parametrize("key", [b"\0", b"\0\0", b"\0\0a", b"\0user", b"a\0", b"a\0user\0b", b"\0user\0a\0", b"\0user\0\0x\0a",
                                 b"\0%s\0a" % (b"u" * 65), b"\0user\0" + b"k" * 1025], ids=repr)
@pytest.mark.parametrize("operation", ["set", "remove", "clear", "batch"])
def test_S20_keys_that_are_in_no_scope(path, key, operation):
    """A line with such a key is damage, and changes no store."""
    made = Writer().set(b"a", b"1").set(b"\0user\0a", b"2")
    made.raw({"set": journal.set_item(key, b"9"), "remove": journal.remove_item(key),
              "clear": b'"clear",%s,"0123456789abcdef"' % journal.quoted(key),
              "batch": b'"batch",[[%s],[%s]]' % (journal.remove_item(b"a"), journal.remove_item(key))}[operation]).set(b"c", b"3")
    state = journal.read(made.bytes())
    assert len(state.damaged) == 1 and state.generation == made.generation
    path.write_bytes(made.bytes())
    with pytest.raises(lily.Failure) as raised:
        lily.Storage(path, lily.STRICT)
    assert raised.value.code == lily.CORRUPT
    with lily.Storage(path, now=NOW) as storage, storage.scoped(b"user") as user:
        assert storage.each() == state.live(NOW) == {b"a": (b"1", 0), b"c": (b"3", 0)}
        assert user.each() == state.live(NOW, b"user") == {b"a": (b"2", 0)}


def test_S20_limits_of_keys_in_scopes(path):
    key, name = b"k" * 1024, b"u" * 64
    made = Writer().set(b"\0" + name + b"\0" + key, b"1").set(b"\0" + name + b"\0", b'"0123456789abcdef"')
    path.write_bytes(made.bytes())
    with lily.Storage(path, lily.STRICT, now=NOW) as storage, storage.scoped(name) as scope:
        assert storage.each() == {} and scope.each() == {key: (b"1", 0)}
        scope.set(key, b"2")
        storage.set(b"gone", b"1")
        storage.remove(b"gone")
        storage.sync()
        assert journal.read(path.read_bytes()).entries == {
            b"\0" + name + b"\0" + key: Entry(b"2"), b"\0" + name + b"\0": Entry(b'"0123456789abcdef"')}
