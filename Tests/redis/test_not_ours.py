"""S4, S7, S25: what somebody else has put where the library keeps its entries: another type, garbage for a value, a name or a generation."""
import pytest

import lily
from store import Session, Storage, code, failure

SCOPE = "lily:{user:1}"


@pytest.fixture
def scope(server):
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"1")
        yield scope


@pytest.mark.parametrize("make", [("SET", "x"), ("SADD", "x"), ("RPUSH", "x"), ("XADD", "*", "a", "1")])
def test_another_type_under_our_key(server, look, make):
    look(make[0], SCOPE, *make[1:])
    dump = look("DUMP", SCOPE)
    with Storage(server.url) as storage, storage.scoped(b"user:1") as scope:
        for call in [lambda: scope.get(b"lily_session_a"), lambda: scope.set(b"lily_session_a", b"1"), lambda: scope.remove(b"lily_session_a"),
                     scope.each, scope.clear, lambda: Session(scope, a=0)]:
            failed = failure(call)
            assert failed.code == lily.REFUSED and SCOPE.encode() in failed.text, failed
        with storage.scoped(b"user:2") as other:
            other.set(b"lily_session_a", b"1")
    assert look("DUMP", SCOPE) == dump


@pytest.mark.parametrize("garbage", [b"", b"{", b"nonsense", b"\xff\xfe", b"@", b"@1", b"@x,0,1", b"@1,2", b"@99999999999999999999,0,1", b"@0,-1,1",
                                     b"@0,99999999999,1", b"@0,0,", b"@0,0,{", b"@-5,0,1", b'"\x00"', b"1 2", b"[" * 600])
def test_a_garbage_value_is_rejected_alone(scope, look, garbage):
    """S4, S7: it stays as it is until the field changes, and hides no other field."""
    look("HSET", SCOPE, "a", garbage, "b", "2")
    with Session(scope, a=7, b=7) as session:
        assert session.model == {"a": 7, "b": 2}
        assert [event[0] for event in session.events] == [lily.EVENT_REJECTED] and session.state("a") == lily.STATE_REJECTED
        session.dispatch(b=3)
        assert look("HGET", SCOPE, "a") == garbage
        assert code(scope.get, b"lily_session_a") == lily.DECODE and code(scope.get, b"lily_session_b") == lily.OK
        session.dispatch(a=8)
        assert scope.get(b"lily_session_a") == b"8"


@pytest.mark.parametrize("name", [b"\xff\xff\xfe", b"\xc3\x28", b"a\x00b", b"x" * 5000, b"\xff"])
def test_a_garbage_name_hides_nothing(scope, look, name):
    look("HSET", SCOPE, name, "1")
    assert scope.get(b"lily_session_a") == b"1"
    assert b"lily_session_a" in scope.each()
    with Session(scope, a=7) as session:
        assert session.model == {"a": 1}
        session.dispatch(a=2)
    scope.clear()
    assert scope.get(b"lily_session_a") is None


@pytest.mark.parametrize("garbage", [b"", b"x", b"-1", b"1.5", b"99999999999999999999999", b"18446744073709551615", b"9223372036854775807", b"1e3",
                                     b"0x10", b" 7", b"\xff", b"nan", b"inf"])
def test_a_garbage_generation_does_not_block(scope, look, garbage):
    """Log-out always works, and what is stored after it is kept."""
    with Session(scope, a=0) as session:
        session.dispatch(a=5)
        look("HSET", SCOPE, "", garbage)
        code(session.dispatch, a=6)
        session.refresh()
        session.dispatch(a=7)
        assert scope.get(b"lily_session_a") == b"7"
        scope.clear()
        assert scope.get(b"lily_session_a") is None and int(look("HGET", SCOPE, "")) > 0
        session.persist()
        assert scope.get(b"lily_session_a") is None
        session.dispatch(a=8)
        assert scope.get(b"lily_session_a") == b"8"


def test_a_generation_that_cannot_be_raised(scope, look):
    """Whatever number was put there, a write from before a clear does not come after it."""
    look("HSET", SCOPE, "", 2**63 - 1)
    with Session(scope, a=0) as session, Session(scope, a=0) as other:
        session.dispatch(a=5)
        other.model["a"] = 6
        assert code(scope.clear) == lily.OK
        assert scope.get(b"lily_session_a") is None
        session.dispatch(a=7)
        assert scope.get(b"lily_session_a") == b"7"
