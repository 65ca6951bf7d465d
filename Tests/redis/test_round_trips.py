"""P9: how often each call waits for the server, counted by a proxy."""
import pytest

from store import Session, Storage, code


@pytest.fixture
def storage(proxy):
    """A storage that has met the server before: it is connected, and its scripts are known there."""
    with Storage(proxy.url) as storage:
        with storage.scoped(b"warm") as warm, Session(warm, a=0) as session, storage.scoped(b"warm") as other:
            session.dispatch(a=1)
            session.touch("a")
            warm.modify(b"lily_session_a", lambda _: b"2")
            other.clear()
            session.dispatch(a=2)
        yield storage


@pytest.fixture
def trips(proxy):
    """Returns a function that makes a call and returns how many round trips it took."""
    def count(call, *arguments, **options):
        before = proxy.trips
        call(*arguments, **options)
        return proxy.trips - before
    return count


FIELDS = {f"field{number}": number for number in range(20)}


def test_a_session_of_20_fields(storage, trips, server):
    with storage.scoped(b"user:42") as scope, Storage(server.url) as elsewhere, elsewhere.scoped(b"user:42") as other:
        other.write(**{f"lily_session_{name}": b"%d" % (value + 100) for name, value in FIELDS.items()})
        made = []
        assert trips(lambda: made.append(Session(scope, **FIELDS))) == 1, "attach"
        [session] = made
        assert session.model["field3"] == 103
        assert trips(session.dispatch, field3=1) == 1, "one field changed"
        assert trips(session.dispatch, **dict.fromkeys(FIELDS, 7)) == 1, "all fields changed"
        assert trips(session.dispatch) == 0, "no field changed"
        assert trips(session.persist) == 0, "nothing to persist"
        assert trips(session.refresh) == 1, "refresh"
        assert trips(session.touch, "field3") == 1, "touch"
        other.clear()
        assert trips(session.dispatch, field3=2) == 2, "the first update after somebody's clear"
        assert trips(session.dispatch, field3=3) == 1, "the next update"
        assert trips(scope.clear) == 1, "clear"
        assert trips(session.dispatch, field3=4) <= 2, "an update after a clear of this program"
        assert trips(session.close) == 0, "detach"


def test_the_calls_of_a_storage(storage, trips):
    with storage.scoped(b"user:42") as scope:
        assert trips(scope.set, b"lily_session_a", b"1") == 1
        assert trips(scope.get, b"lily_session_a") == 1
        assert trips(scope.get, b"missing") == 1
        assert trips(scope.write, lily_session_a=b"2", b=b"3", c=None) == 1
        assert trips(scope.modify, b"lily_session_a", lambda _: b"4") == 2
        assert trips(scope.remove, b"lily_session_a") <= 2, "an absent key is left alone"
        assert trips(scope.each) == 1
        assert trips(scope.clear) == 1
        assert trips(code, scope.sync) <= 2


def test_opening_a_scope_asks_nothing(storage, trips):
    def use():
        storage.scoped(b"user:42").close()
    assert trips(use) == 0


def test_a_request(storage, trips, numbers):
    """A server's request: it opens the scope, attaches, changes a field and detaches."""
    def request(number):
        with storage.scoped(b"user:42") as scope, Session(scope, **FIELDS) as session:
            session.dispatch(field1=number)
    assert [trips(request, number) for number in range(100, 110)] == [2] * 10
    numbers(requests_of_two_round_trips=10)


def test_a_script_that_the_server_has_forgotten_costs_one_more(storage, trips, server):
    with storage.scoped(b"user:42") as scope, server.client() as client:
        scope.set(b"a", b"1")
        client("SCRIPT", "FLUSH")
        assert trips(scope.set, b"a", b"2") == 2
        assert trips(scope.set, b"a", b"3") == 1
