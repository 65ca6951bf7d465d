"""S25: what the server holds, so that other programs can read it and older ones of ours understand it; and how long it holds it."""
import re
import time

import pytest

import lily
from store import Session, Storage, code

SCOPE = "lily:{user:42}"
DAY = 24 * 3600 * 1000


@pytest.fixture
def scope(server):
    with Storage(server.url) as storage, storage.scoped(b"user:42") as scope:
        yield scope


def test_a_scope_is_a_hash(scope, look):
    scope.set(b"lily_session_theme", b'"dark"')
    scope.set(b"lily_session_", b"2")
    scope.set(b"other", b"[1]")
    assert look("KEYS", "*") == [SCOPE.encode()]
    found = look.hash(SCOPE)
    assert found[b"theme"] == b'"dark"' and found[b"\xffother"] == b"[1]"
    assert {key: text for key, (text, _) in scope.each().items()} == {b"lily_session_theme": b'"dark"', b"lily_session_": b"2", b"other": b"[1]"}


def test_deadline_and_version_stand_before_the_value(scope, look):
    deadline = time.time_ns() // 1_000_000 + DAY
    scope.set(b"lily_session_a", b"1", deadline)
    assert look("HGET", SCOPE, "a") == b"@%d,0,1" % deadline
    assert scope.each() == {b"lily_session_a": (b"1", deadline)}
    look("HSET", SCOPE, "b", "@0,7,2")
    assert scope.get(b"lily_session_b") == b"2"


def test_what_another_program_wrote_is_read(scope, look):
    look("HSET", SCOPE, "a", '{"x":[1, 2]}', b"\xffplain", '"p"')
    assert scope.get(b"lily_session_a") in (b'{"x":[1, 2]}', b'{"x":[1,2]}')
    assert scope.get(b"plain") == b'"p"'
    assert set(scope.each()) == {b"lily_session_a", b"plain"}


def test_values_and_keys_are_bytes(scope):
    texts = [b'"\xc3\xa9\xf0\x9f\x92\xa9"', b'"\\u0000\\n"', b"-0.0", b'{"":{}}', b'"' + b"x" * 100_000 + b'"', b'"@1,2,3"', b'""']
    keys = [f"lily_session_é\r\n{{{number}}}".encode() for number in range(len(texts))]
    for key, text in zip(keys, texts):
        scope.set(key, text)
    assert {key: text for key, (text, _) in scope.each().items()} == dict(zip(keys, texts))
    assert [scope.get(key) for key in keys] == texts


@pytest.mark.parametrize("name", ["a", "user:42", "}{", "{", "a b", "é" * 32, "*", "[a-z]", "x\r\n", "\\*"])
def test_names_of_scopes(server, name):
    with Storage(server.url) as storage, storage.scoped(name.encode()) as scope, storage.scoped(b"other") as other:
        scope.set(b"lily_session_a", b"1")
        other.set(b"lily_session_a", b"2")
        storage.set(b"lily_session_a", b"3")
        assert sorted(storage.scopes()) == sorted([name.encode(), b"other"])
        scope.clear()
        assert (scope.get(b"lily_session_a"), other.get(b"lily_session_a"), storage.get(b"lily_session_a")) == (None, b"2", b"3")


def test_keys_of_others_are_no_scopes(server, look):
    look("SET", "cart", "1")
    look("HSET", "lily:x", "a", "1")
    look("HSET", "lily:{x", "a", "1")
    look("SADD", "other:{x}", "1")
    with Storage(server.url) as storage:
        assert storage.scopes() == [] and storage.each() == {}
        storage.clear()
    assert sorted(look("KEYS", "*"))[:1] == [b"cart"] and look("HGETALL", "lily:x") == [b"a", b"1"]


def test_a_batch_is_written_whole_or_not_at_all(scope, look):
    scope.write(lily_session_a=b"1", b=b"2")
    assert scope.each() == {b"lily_session_a": (b"1", 0), b"b": (b"2", 0)}
    assert code(scope.write, c=b"3", d=b"{") == lily.DECODE
    scope.write(lily_session_a=None, b=b"4")
    assert scope.each() == {b"b": (b"4", 0)}


def test_thousands_of_fields_in_one_step(scope, look):
    """In one script, which cannot take so many arguments at once."""
    many = {f"lily_session_{number}": b"%d" % number for number in range(9_000)}
    scope.write(**many)
    assert len(scope.each()) == len(many) and look("HLEN", SCOPE) in (len(many), len(many) + 1)
    scope.write(**dict.fromkeys(many, None), kept=b"1")
    assert scope.each() == {b"kept": (b"1", 0)}
    scope.write(**many)
    scope.clear()
    assert scope.each() == {b"kept": (b"1", 0)}


def test_a_value_of_16_mib(server):
    text = b'"' + b"x" * ((16 << 20) - 2) + b'"'
    with Storage(server.url, timeout_ms=30_000) as storage:
        storage.set(b"lily_session_a", text)
        assert storage.get(b"lily_session_a") == text


def test_the_generation_is_kept_under_the_empty_name(scope, look):
    scope.set(b"lily_session_a", b"1")
    scope.clear()
    first = int(look("HGET", SCOPE, ""))
    scope.clear()
    second = int(look("HGET", SCOPE, ""))
    now = time.time_ns() // 1_000_000
    assert now - 10_000 < first < second < now + 10_000
    look("HSET", SCOPE, "", now + DAY)  # a clock that was ahead
    scope.clear()
    assert int(look("HGET", SCOPE, "")) == now + DAY + 1


def test_idle_scopes_end_after_30_days(scope, look):
    scope.set(b"lily_session_a", b"1")
    assert 30 * DAY - 60_000 < look("PTTL", SCOPE) <= 30 * DAY


@pytest.mark.parametrize("idle_ms, least, most", [(60_000, 1, 60_000), (-1, -1, -1)])
def test_idle_ms(server, look, idle_ms, least, most):
    with Storage(server.url, idle_ms=idle_ms) as storage, storage.scoped(b"user:42") as scope:
        scope.set(b"lily_session_a", b"1")
        assert least <= look("PTTL", SCOPE) <= most
        scope.clear()
        assert look("PTTL", SCOPE) > 0, "what a clear leaves ends some time"
        scope.set(b"lily_session_a", b"1")
        assert least <= look("PTTL", SCOPE) <= most
        with Session(scope, a=0) as session:
            look("PEXPIRE", SCOPE, 1000)
            session.touch("a")
        assert least <= look("PTTL", SCOPE) <= most


def test_a_deadline_later_than_the_idle_time_is_kept(server, look):
    with Storage(server.url, idle_ms=1000) as storage, storage.scoped(b"user:42") as scope:
        now = time.time_ns() // 1_000_000
        scope.set(b"lily_session_a", b"1", now + DAY)
        scope.set(b"lily_session_b", b"2")
        assert DAY - 60_000 < look("PTTL", SCOPE) <= DAY + 60_000


def test_a_scope_ends_with_its_idle_time(server):
    with Storage(server.url, idle_ms=50) as storage, storage.scoped(b"user:42") as scope:
        scope.set(b"lily_session_a", b"1")
        time.sleep(0.1)
        assert scope.get(b"lily_session_a") is None and storage.scopes() == []


def test_what_a_log_in_stores_after_a_clear_stays(server, look):
    """The mark that a clear leaves has a time to live of its own, which must not take what is stored later."""
    with Storage(server.url, idle_ms=-1) as storage, storage.scoped(b"user:42") as scope, Session(scope, a=0) as session:
        session.dispatch(a=1)
        scope.clear()
        session.dispatch(a=2)
        assert look("PTTL", SCOPE) == -1
        scope.clear()
        scope.write(lily_session_a=b"3")
        assert look("PTTL", SCOPE) == -1


def test_an_expired_entry_reads_as_absent(server):
    with Storage(server.url, now=1_000_000) as storage, storage.scoped(b"user:42") as scope:
        scope.set(b"lily_session_a", b"1", 1_000_000)
        scope.set(b"lily_session_b", b"1", 1_000_001)
        assert scope.get(b"lily_session_a") is None and scope.get(b"lily_session_b") == b"1"
        assert list(scope.each()) == [b"lily_session_b"]


def test_a_clear_leaves_other_keys(scope, look):
    scope.set(b"lily_session_a", b'"SECRET"')
    scope.set(b"other", b"1")
    scope.clear()
    assert scope.each() == {b"other": (b"1", 0)}
    assert not re.search(b"SECRET", b"".join(look("HGETALL", SCOPE)))


def test_what_is_stored_is_counted(server):
    with Storage(server.url) as storage, storage.scoped(b"user:42") as scope:
        scope.set(b"lily_session_a", b"1")
        storage.set(b"b", b"22")
        info = storage.info()
        assert (info.entries, info.path, info.owes_sync) == (2, None, 0) and info.live_bytes >= len(b"lily_session_a" b"1" b"b" b"22")


def test_a_sweep_leaves_what_lives(server):
    with Storage(server.url, now=1_000_000) as storage, storage.scoped(b"dead") as dead, storage.scoped(b"alive") as alive:
        dead.set(b"lily_session_a", b"1", 999_999)
        alive.set(b"lily_session_a", b"1")
        storage.sweep()
        assert storage.scopes() == [b"alive"] and alive.get(b"lily_session_a") == b"1"
