"""Tests sessions: events, refresh, expiry and clear."""
import select
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from conftest import Clock

from lily_session import (
    DecodeError, EncodeError, Event, EventKind, InvalidArgumentError, MissingKeyError, NotFoundError, Persistence, QuotaError, Runtime, Session,
    State, Storage, clear,
)  # fmt: skip


@dataclass
class Model:
    theme: str = "light"
    visits: int = 0
    token: str = ""


FIELDS = Persistence.of(Model).field("token", expires_after=timedelta(minutes=10))


def attached(storage: Storage, model: Model, fields: "Persistence[Model]" = FIELDS, **options: Any) -> Session:
    runtime: Runtime[Model, Any] = Runtime(model)
    return runtime.attach(fields, storage, **options)


def kinds(events: List[Event]) -> "list[tuple[EventKind, str | None]]":
    return [(event.kind, event.key) for event in events]


def test_S10_refresh_takes_over_what_others_did(path: Path, events: List[Event]) -> None:
    ours, theirs = Model(), Model()
    with Storage.open(path) as one, Storage.open(path) as two:
        session, other = attached(one, ours, on_event=events.append), attached(two, theirs)
        descriptor = one.fileno()
        assert session.refresh() == []
        theirs.theme, theirs.visits = "dark", 2
        other.persist()
        assert select.select([descriptor], [], [], 10)[0]
        found = session.refresh()
        assert kinds(found) == [(EventKind.CHANGED, "theme"), (EventKind.CHANGED, "visits")]
        assert found == events and found[0].error is None
        assert ours == theirs
        two.remove("lily_session_visits")
        assert session.field_state("visits").state == State.ABSENT and ours.visits == 2  # the state is what storage holds now
        assert kinds(session.refresh()) == [(EventKind.REMOVED, "visits")]
        clear(two)
        assert kinds(session.refresh()) == [(EventKind.CLEARED, "theme")]
        assert ours == Model()
        session.detach()
        assert two.each() == []


def test_S10_a_refresh_takes_over_all_or_nothing(storage: Storage, events: List[Event]) -> None:
    @dataclass
    class App:
        model: Model

    fails = False

    def put(app: App, model: Model) -> None:
        if fails:
            raise OSError("not now")
        app.model = model

    runtime: Runtime[App, Any] = Runtime(App(Model()))
    session = runtime.attach(FIELDS, storage, get=lambda app: replace(app.model), set=put, on_event=events.append)
    storage["lily_session_theme"], storage["lily_session_visits"] = "dark", 2
    fails = True
    with pytest.raises(OSError, match="not now"):
        session.refresh()
    assert runtime.model == App(Model()) and events == []
    fails = False
    assert kinds(session.refresh()) == [(EventKind.CHANGED, "theme"), (EventKind.CHANGED, "visits")]
    assert runtime.model == App(Model("dark", 2))


def test_S10_a_dirty_field_is_left_alone(path: Path) -> None:
    ours = Model()
    with Storage.open(path, quota_bytes=45) as one, Storage.open(path) as two:
        session = attached(one, ours)
        ours.theme = "too long for the quota, by far"
        two["lily_session_theme"] = "dark"
        with pytest.raises(QuotaError):
            session.refresh()
        assert ours.theme.startswith("too long")
        assert session.field_state("theme").dirty
        ours.theme = "dim"
        session.detach()


def test_S5_S10_a_marked_field_is_stored_changed_or_not(path: Path) -> None:
    model = Model()
    with Storage.open(path) as one, Storage.open(path) as two:
        session = attached(one, model)
        session.mark("theme")  # the value is still the default
        assert session.field_state("theme") == (State.ABSENT, True)
        assert two.get("lily_session_theme") is None
        session.persist()
        assert two["lily_session_theme"] == "light"
        assert session.field_state("theme") == (State.LOADED, False)
        two["lily_session_theme"] = "dark"
        session.persist()
        assert two["lily_session_theme"] == "dark"
        session.mark("theme")
        session.persist()
        assert two["lily_session_theme"] == model.theme == "light"


def test_S15_a_field_is_marked_inside_an_update() -> None:
    with Storage.memory() as storage:
        session: Session
        runtime: Runtime[Model, str] = Runtime(Model(), lambda model, key: session.mark(key))
        session = runtime.attach(FIELDS, storage, revision=lambda model: 0)
        runtime.dispatch("theme")
        assert list(storage) == ["lily_session_theme"]


def test_S6_a_failed_write_is_told_and_tried_again(events: List[Event]) -> None:
    with Storage.memory(quota_bytes=50) as storage:
        model = Model()
        session = attached(storage, model, on_event=events.append)
        storage["other"] = "x" * 30
        model.theme = "dark as the night"
        with pytest.raises(QuotaError, match="theme"):
            session.persist()
        assert kinds(events) == [(EventKind.WRITE_FAILED, "theme")]
        assert isinstance(events[0].error, QuotaError)
        assert session.field_state("theme") == (State.ABSENT, True)
        storage.remove("other")
        session.persist()
        assert storage["lily_session_theme"] == "dark as the night"


def test_S9_expiry(clock: Clock) -> None:
    with Storage.memory(clock=clock) as storage:
        model = Model()
        session = attached(storage, model)
        assert session.next_expiry() is None
        with pytest.raises(MissingKeyError):
            session.touch("token")
        model.token = "grace"
        session.persist()
        assert session.next_expiry() == timedelta(minutes=10)
        clock.go(minutes=9)
        assert session.next_expiry() == timedelta(minutes=1)
        storage["lily_session_token"] = 17  # stored by another program; touch looks at what storage holds now
        with pytest.raises(DecodeError):
            session.touch("token")
        storage["lily_session_token"] = "grace"
        session.touch("token")
        assert session.next_expiry() == timedelta(minutes=10)
        assert storage.each()[0].expires_at == clock.now + timedelta(minutes=10)
        clock.go(minutes=10)
        assert session.next_expiry() == timedelta(0)
        assert session.field_state("token").state == State.EXPIRED
        assert kinds(session.refresh()) == [(EventKind.EXPIRED, "token")]
        assert model.token == ""
        assert session.next_expiry() is None


def test_S9_an_expiry_that_slides(clock: Clock) -> None:
    fields = Persistence.of(Model).field("token", expires_after=timedelta(minutes=10), sliding=True).field("visits", expires_after=timedelta(days=1))
    storage = Storage.memory(clock=clock)
    model = Model()
    runtime: Runtime[Model, str] = Runtime(model, lambda model, theme: setattr(model, "theme", theme))
    session = runtime.attach(fields, storage)
    runtime.dispatch("dark")
    model.token, model.visits = "grace", 3
    session.persist()

    def left() -> timedelta:
        expires_at = storage.each("lily_session_token")[0].expires_at
        assert expires_at is not None
        return expires_at - clock.now

    minutes = 10
    updates: "List[Callable[[], None]]" = [lambda: runtime.dispatch("dim"), session.persist, session.flush, runtime.persist]
    for update in updates:
        clock.go(minutes=4)
        update()
        assert left() == timedelta(minutes=6)  # less than half has passed, so nothing is written
        clock.go(minutes=2)
        update()
        assert left() == timedelta(minutes=minutes)
    clock.go(minutes=6)
    session.detach()
    assert left() == timedelta(minutes=minutes)
    with runtime.attach(fields, storage) as session:
        clock.go(minutes=11)
        session.persist()  # It has expired, and does not come back.
        assert "lily_session_token" not in storage
        assert [event.key for event in session.refresh()] == ["token"]


@pytest.mark.parametrize("others", [
    dict(theme=timedelta(minutes=1)), dict(visits=timedelta(days=1)), dict(theme=timedelta(minutes=1), visits=timedelta(days=1)),
])  # fmt: skip
def test_S9_each_expiry_slides_by_its_own_time(clock: Clock, path: Path, others: "Dict[str, timedelta]") -> None:
    fields = Persistence.of(Model).field("token", expires_after=timedelta(hours=10), sliding=True)
    for key, after in others.items():
        fields.field(key, expires_after=after, sliding=key == "visits")
    with Storage.open(path, clock=clock) as storage, attached(storage, model := Model(), fields=fields) as session:

        def left(key: str) -> timedelta:
            expires_at = storage.each("lily_session_" + key)[0].expires_at
            assert expires_at is not None
            return expires_at - clock.now

        model.token, model.theme, model.visits = "grace", "dark", 3
        session.persist()
        before = path.read_bytes()
        for _ in range(4):  # The theme has expired meanwhile.
            clock.go(hours=1)
            session.persist()
            session.flush()
        assert path.read_bytes() == before
        clock.go(hours=2)
        session.persist()
        assert left("token") == timedelta(hours=10)
        assert "visits" not in others or left("visits") == timedelta(hours=18)
        storage.remove("lily_session_token")  # A field that is absent does not make the others be written.
        after_removal = path.read_bytes()
        session.persist()
        assert path.read_bytes() == after_removal
        if "visits" in others:
            clock.go(hours=7)
            session.flush()
            assert left("visits") == timedelta(days=1)


def test_S9_an_expiry_slides_by_the_clock_of_the_system(path: Path) -> None:
    fields = Persistence.of(Model).field("token", expires_after=timedelta(days=1), sliding=True)
    storage = Storage.open(path)
    storage.set("lily_session_token", "grace", expires_at=datetime.now(timezone.utc) + timedelta(hours=1))
    session = attached(storage, Model(), fields=fields)
    session.persist()
    expiry = storage.each()[0].expires_at
    assert expiry is not None and expiry > datetime.now(timezone.utc) + timedelta(hours=20)
    before = path.read_bytes()
    session.persist()
    assert path.read_bytes() == before
    storage.set("lily_session_token", "grace", expires_at=datetime.now(timezone.utc) + timedelta(hours=1))
    session.refresh()
    storage.close()  # The session goes on.
    session.persist()
    with Storage.open(path) as storage:
        expiry = storage.each()[0].expires_at
        assert expiry is not None and expiry > datetime.now(timezone.utc) + timedelta(hours=20)
    session.detach()


@pytest.mark.parametrize("way", ["persist", "flush", "detach", "dispatch", "runtime"])
def test_S9_an_expiry_slides_although_another_field_cannot_be_stored(clock: Clock, way: str) -> None:
    fields = Persistence.of(Model).field("token", expires_after=timedelta(hours=10), sliding=True)
    storage, model = Storage.memory(clock=clock), Model()
    runtime: Runtime[Model, None] = Runtime(model, lambda model, message: None)
    session = runtime.attach(fields, storage, on_event=lambda event: None)
    model.token = "grace"
    session.persist()
    wrong: Any = object()
    model.theme = wrong
    clock.go(hours=6)
    ways: "Dict[str, Callable[[], None]]" = {
        "persist": session.persist, "flush": session.flush, "detach": session.detach, "dispatch": lambda: runtime.dispatch(None),
        "runtime": runtime.persist,
    }  # fmt: skip
    with pytest.raises(EncodeError, match="theme"):
        ways[way]()
    assert storage.each("lily_session_token")[0].expires_at == clock.now + timedelta(hours=10)


def test_S9_a_refused_message_does_not_slide_half_a_change_into_the_storage(clock: Clock) -> None:
    def update(model: Model, message: None) -> None:
        model.theme = "half"
        raise EncodeError("the program's own")

    storage, model = Storage.memory(clock=clock), Model()
    runtime: Runtime[Model, None] = Runtime(model, update)
    session = runtime.attach(Persistence.of(Model).field("token", expires_after=timedelta(hours=10), sliding=True), storage)
    model.token = "grace"
    session.persist()
    clock.go(hours=6)
    with pytest.raises(EncodeError, match="own"):
        runtime.dispatch(None)
    assert list(storage) == ["lily_session_token"]


@pytest.mark.parametrize("of_others", ["newer", "refused"])
def test_S9_what_is_not_the_fields_value_does_not_slide(clock: Clock, of_others: str) -> None:
    def fields(version: int) -> "Persistence[Model]":
        return Persistence.of(Model).field("token", expires_after=timedelta(hours=10), sliding=True, version=version)

    storage = Storage.memory(clock=clock)
    expires_at = clock() + timedelta(hours=10)
    if of_others == "newer":
        newer = attached(storage, Model(), fields(2))
        newer._runtime.model.token = "t"
        newer.detach()
    else:
        storage.set("lily_session_token", 17, expires_at=expires_at)
    model = Model()
    session = attached(storage, model, fields(1))
    clock.go(hours=6)
    model.theme = "dark"
    session.persist()
    session.flush()
    session.detach()
    assert [(item.key, item.expires_at) for item in storage.each()] == [("lily_session_theme", None), ("lily_session_token", expires_at)]


def test_S9_an_expiry_does_not_slide_where_nothing_may_be_written(path: Path) -> None:
    fields = Persistence.of(Model).field("token", expires_after=timedelta(hours=1), sliding=True)
    with Storage.open(path) as storage:
        storage.set("lily_session_token", "grace", expires_at=datetime.now(timezone.utc) + timedelta(minutes=1))
    before = path.read_bytes()
    with Storage.open(path, read_only=True) as storage, attached(storage, model := Model(), fields=fields) as session:
        session.persist()
    assert model.token == "grace" and path.read_bytes() == before


def test_S27_reset(storage: Storage, events: List[Event]) -> None:
    model = Model(theme="grey")
    session = attached(storage, model, on_event=events.append)
    model.theme = "dark"
    session.persist()
    model.theme = "not stored yet"
    session.reset("theme")
    assert (model.theme, storage.get("lily_session_theme"), events) == ("grey", None, [])
    assert session.field_state("theme") == (State.ABSENT, False)
    session.detach()
    assert list(storage) == []


def test_no_such_field() -> None:
    with Storage.memory() as storage:
        session = attached(storage, Model())
        for function in (session.mark, session.touch, session.field_state):
            with pytest.raises(NotFoundError, match="no such field"):
                function("colour")
            with pytest.raises(InvalidArgumentError, match="NUL"):
                function("a\0b")


def test_S8_clear_at_log_out(storage: Storage) -> None:
    model = Model()
    storage["own"] = 1
    session = attached(storage, model)
    model.token = "grace"
    session.persist()
    clear(storage)
    session.flush()
    assert list(storage) == ["own"]
    assert session.field_state("token") == (State.ABSENT, False)


def test_S8_a_clear_is_news_also_of_ones_own(events: List[Event]) -> None:
    with Storage.memory(quota_bytes=60) as storage:
        model = Model()
        session = attached(storage, model, on_event=events.append)
        model.visits = 3
        session.persist()
        model.theme = "x" * 100
        with pytest.raises(QuotaError):
            session.persist()
        clear(storage)
        assert session.field_state("visits") == (State.ABSENT, False)
        # The theme was never stored, so its change is dropped, and the refresh does not reset it.
        assert kinds(session.refresh()) == [(EventKind.CLEARED, "theme"), (EventKind.CLEARED, "visits")]
        assert [event.error for event in events[-2:]] == [None, None]
        assert model == Model(theme="x" * 100)
        session.persist()
        assert list(storage) == []


def test_S8_what_a_log_out_changes_itself_stays(storage: Storage) -> None:
    def log_out(model: Model, message: None) -> None:
        clear(storage)
        model.token = ""

    runtime: Runtime[Model, None] = Runtime(Model(), log_out)
    session = runtime.attach(Persistence.of(Model), storage)
    runtime.model.token, runtime.model.visits = "grace", 3
    session.persist()
    runtime.dispatch(None)
    assert list(storage) == ["lily_session_token"]
    assert kinds(session.refresh()) == [(EventKind.CLEARED, "visits")]
    assert runtime.model == Model() and storage["lily_session_token"] == ""


def test_damage_is_told(path: Path, events: List[Event]) -> None:
    with Storage.open(path) as storage:
        storage["lily_session_visits"] = 3
        storage["lily_session_theme"] = "dark"
    path.write_bytes(path.read_bytes().replace(b'visits",3', b'visits",4'))
    model = Model()
    with Storage.open(path) as storage:
        attached(storage, model, on_event=events.append)
        assert kinds(events) == [(EventKind.DAMAGED, None)]
        assert storage.info().damaged_lines > 0
    assert model == Model("dark")


def test_an_event_of_a_field_that_another_program_spoiled(path: Path, events: List[Event]) -> None:
    with Storage.open(path) as storage:
        model = Model()
        session = attached(storage, model, on_event=events.append)
        storage["lily_session_visits"] = "many"
        assert kinds(session.refresh()) == kinds(events) == [(EventKind.REJECTED, "visits")]
        assert model.visits == 0
        model.visits = 1
        session.persist()
        assert storage["lily_session_visits"] == 1


@pytest.mark.parametrize("no_sync", [False, True])
def test_the_end_of_a_with_stores_and_says_what_fails(path: Path, no_sync: bool) -> None:
    model = Model()
    storage = Storage.open(path, quota_bytes=30, no_sync=no_sync)
    with pytest.raises(QuotaError):
        with attached(storage, model) as session:
            model.theme = "x" * 100
    with pytest.raises(InvalidArgumentError, match="detached"):
        session.persist()
    session.detach()


@pytest.mark.parametrize("end", ["detach", "with", "close"])
@pytest.mark.parametrize("no_sync", [False, True])
def test_S24_the_end_of_a_session_does_not_sync_if_it_is_told_so(path: Path, no_sync: bool, end: str) -> None:
    with Storage.open(path, scope_files=True, no_sync=no_sync) as parent, parent.scoped("user:1") as scope:
        for storage in (parent, scope):
            runtime: Runtime[Model, Any] = Runtime(Model())
            session = runtime.attach(FIELDS, storage)
            session.flush()
            assert not storage.info().owes_sync
            runtime.model.theme = "dark"
            if end == "with":
                with session:
                    pass
            else:
                (session.detach if end == "detach" else runtime.close)()
            assert storage["lily_session_theme"] == "dark" and storage.info().owes_sync == no_sync
