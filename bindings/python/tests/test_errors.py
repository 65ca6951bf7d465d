"""Tests the exceptions, and that calls raise the exceptions of callbacks unchanged."""
import copy
import errno
import gc
import pickle
import traceback
import weakref
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, List

import pytest

import lily_session
from lily_session import Backend, Entry, Error, Event, EventKind, NewerError, Persistence, Runtime, State, Storage, StorageError
from lily_session._errors import error_of, name_of
from lily_session._native import lib

STATUSES = {name: getattr(lib, name) for name in dir(lib) if name.startswith("LILY_SESSION_ERROR_")}


def test_each_status_has_a_class_of_its_own() -> None:
    assert len(STATUSES) == 19
    classes = {type(error_of(status, "what happened")) for status in STATUSES.values()}
    assert len(classes) == 19 and Error not in classes
    for name, status in STATUSES.items():
        error = error_of(status, "what happened")
        assert (error.status, name_of(status), str(error)) == (status, name, "what happened")
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error) and str(copy) == str(error)
        assert type(error).__name__ in lily_session.__all__
    assert type(error_of(-99, "of a newer library")) is Error


@pytest.mark.parametrize("kind, builtin", [
    ("InvalidArgumentError", ValueError), ("DuplicateKeyError", ValueError), ("NotFoundError", LookupError), ("MissingKeyError", KeyError),
    ("MissingFileError", FileNotFoundError), ("ReentrantError", RuntimeError), ("UnsupportedError", OSError), ("DecodeError", ValueError),
    ("EncodeError", ValueError), ("StorageError", OSError), ("NoSpaceError", OSError), ("PermissionDeniedError", PermissionError),
    ("BusyError", TimeoutError), ("ForkedError", RuntimeError),
])  # fmt: skip
def test_which_are_built_in_ones_too(kind: str, builtin: "type[Exception]") -> None:
    assert issubclass(getattr(lily_session, kind), (builtin, Error))
    assert issubclass(getattr(lily_session, kind), builtin)


@pytest.mark.parametrize("kind", ["StorageError", "NoSpaceError", "PermissionDeniedError", "BusyError", "MissingFileError", "UnsupportedError"])
def test_an_error_of_the_system_has_what_every_OSError_has(kind: str) -> None:
    error = getattr(lily_session, kind)("cannot open a: Permission denied", errno.EACCES, "/a")
    for each in error, pickle.loads(pickle.dumps(error)), copy.copy(error):
        assert type(each) is type(error) and str(each) == "cannot open a: Permission denied"
        assert (each.errno, each.strerror, each.filename) == (errno.EACCES, "Permission denied", "/a")
    assert repr(error) == f"{kind}('cannot open a: Permission denied')"
    error = getattr(lily_session, kind)("of the program's own")
    assert (error.errno, error.strerror, error.filename) == (None, None, None)


def test_an_error_of_a_call_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with pytest.raises(StorageError) as caught:
        Storage.open(tmp_path)
    assert (caught.value.errno, caught.value.filename) == (errno.EISDIR, str(tmp_path)) and caught.value.strerror
    with Storage.open(path, quota_bytes=30) as storage:
        model = Model()
        events: List[Event] = []
        session = Runtime(model).attach(Persistence.of(Model), storage, on_event=events.append)
        model.value = 10**18
        for function in (session.persist, session.flush, lambda: storage.set("a", "x" * 100), session._runtime.persist):
            with pytest.raises(lily_session.QuotaError) as over:
                function()
            assert (over.value.errno, over.value.filename) == (errno.EDQUOT, str(path))
        assert isinstance(events[0].error, OSError) and events[0].error.filename == str(path)
        session._attachment.abandon()


class Boom(Exception):
    pass


def boom(*_: Any) -> Any:
    raise Boom("here")


@dataclass
class Model:
    value: int = 0


def comes_out(function: Callable[[], object]) -> None:
    """Checks that an exception is unchanged: it has the same type, a traceback down to where it was raised, and no context."""
    with pytest.raises(Boom, match="^here$") as caught:
        function()
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "boom"
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def test_update() -> None:
    runtime: Runtime[Model, int] = Runtime(Model(), boom)
    storage = Storage.memory()
    runtime.attach(Persistence.of(Model), storage)
    comes_out(lambda: runtime.dispatch(1))
    assert (runtime.model, storage.each()) == (Model(), [])


def fields(**callbacks: Any) -> "Persistence[Model]":
    given = {"get": lambda model: model.value, "set": lambda model, value: setattr(model, "value", value), **callbacks}
    return Persistence(Model).field("value", **given)


@pytest.mark.parametrize("callbacks", [{"get": boom}, {"encode": boom, "decode": int}])
def test_get_and_encode(callbacks: Any) -> None:
    comes_out(lambda: Runtime(Model()).attach(fields(**callbacks), Storage.memory()))


@pytest.mark.parametrize("callbacks", [{"set": boom}, {"decode": boom, "encode": int}, {"migrate": boom, "version": 1}])
def test_set_decode_and_migrate(callbacks: Any) -> None:
    storage = Storage.memory()
    storage["lily_session_value"] = 1
    runtime: Runtime[Model, Any] = Runtime(Model())
    events: List[Event] = []
    comes_out(lambda: runtime.attach(fields(**callbacks), storage, on_event=events.append))
    assert [(event.kind, event.key) for event in events] == [(EventKind.REJECTED, "value")]
    assert "migrate" in callbacks or isinstance(events[0].error, Boom)
    # Nothing is attached, so another session may have this key.
    session = runtime.attach(fields(), storage)
    assert session.field_state("value").state == State.LOADED


def test_S7_a_get_that_fails_later_touches_no_other_field() -> None:
    fails = False

    def get(model: Model) -> int:
        return boom() if fails else model.value

    events: List[Event] = []
    storage, model = Storage.memory(), Model()
    list_of_two = fields(get=get).field("other", get=lambda model: model.value, set=lambda model, value: None)
    runtime: Runtime[Model, int] = Runtime(model, lambda model, value: setattr(model, "value", value))
    session = runtime.attach(list_of_two, storage, on_event=events.append)
    fails = True
    comes_out(lambda: runtime.dispatch(5))
    assert (model.value, list(storage)) == (5, ["lily_session_other"])
    assert [(event.kind, event.key, type(event.error)) for event in events] == [(EventKind.FIELD_FAILED, "value", Boom)]
    fails = False
    session.persist()
    assert storage["lily_session_value"] == 5


@pytest.mark.parametrize("callbacks", [{"get": boom}, {"revision": boom}, {"get": lambda model: Model(), "set": boom}])
def test_the_callbacks_of_attach(callbacks: Any) -> None:
    storage = Storage.memory()
    storage["lily_session_value"] = 1
    comes_out(lambda: Runtime(Model()).attach(Persistence.of(Model), storage, **callbacks))


def test_on_event() -> None:
    storage = Storage.memory()
    storage["lily_session_value"] = "no integer"
    comes_out(lambda: Runtime(Model()).attach(Persistence.of(Model), storage, on_event=boom))


def test_clock() -> None:
    storage = Storage.memory(clock=boom)
    comes_out(lambda: storage.get("key"))


def test_a_clock_that_fails_loses_nothing() -> None:
    fails = False

    def clock() -> datetime:
        return boom() if fails else datetime.now(timezone.utc)

    storage = Storage.memory(clock=clock)
    runtime: Runtime[Model, int] = Runtime(Model(), lambda model, value: setattr(model, "value", value))
    session = runtime.attach(Persistence(Model).field("value", expires_after=timedelta(days=1)), storage)
    runtime.dispatch(1)
    fails = True
    comes_out(lambda: runtime.dispatch(2))
    comes_out(session.next_expiry)
    fails = False
    assert storage["lily_session_value"] == 2
    assert (session.next_expiry() or timedelta(0)) > timedelta(hours=23)


def test_an_interrupt_comes_out_too() -> None:
    def update(model: Model, message: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runtime(Model(), update).dispatch(1)


def test_one_that_an_inner_call_raised() -> None:
    storage = Storage.memory()
    runtime: Runtime[Model, str] = Runtime(Model(), lambda model, key: storage[key])
    with pytest.raises(KeyError, match="missing"):
        runtime.dispatch("missing")


def test_one_that_is_caught_inside_is_over() -> None:
    inner = Storage.memory(clock=boom)

    def update(model: Model, value: int) -> None:
        comes_out(lambda: inner.get("key"))
        model.value = value

    storage = Storage.memory()
    runtime = Runtime(Model(), update)
    runtime.attach(Persistence.of(Model), storage)
    runtime.dispatch(1)
    assert storage["lily_session_value"] == 1


def test_the_first_of_several() -> None:
    first = Boom("first")

    def on_event(event: Event) -> None:
        raise Boom("second")

    def get(model: Model) -> int:
        if model.value:
            raise first
        return 0

    runtime: Runtime[Model, int] = Runtime(Model(), lambda model, value: setattr(model, "value", value))
    runtime.attach(fields(get=get), Storage.memory(), on_event=on_event)
    with pytest.raises(Boom) as caught:
        runtime.dispatch(1)
    assert caught.value is first


def test_one_raised_before_does_not_come_out_of_an_inner_call() -> None:
    storage, found = Storage.memory(), []
    storage["key"] = 1

    def get(model: Model) -> int:
        return boom() if model.value else 0

    runtime: Runtime[Model, int] = Runtime(Model(), lambda model, value: setattr(model, "value", value))
    runtime.attach(fields(get=get), storage, on_event=lambda event: found.append(storage["key"]))
    comes_out(lambda: runtime.dispatch(1))
    assert found == [1]


def test_an_exception_is_gone_with_its_last_reference() -> None:
    runtime: Runtime[Model, int] = Runtime(Model(), boom)
    storage = Storage.memory()
    gc.disable()
    try:
        for function in (lambda: runtime.dispatch(1), lambda: storage["missing"]):
            try:
                function()
            except (Boom, KeyError) as error:
                alive = weakref.ref(error)
            assert alive() is None
    finally:
        gc.enable()


class Broken(Backend):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def fail(self, *_: Any) -> Any:
        raise self.error

    read = write = clear = each = fail  # type: ignore[assignment]

    def generation(self, prefix: str) -> int:
        return 0


@pytest.mark.parametrize("error", [Boom("the disk is gone"), Error("of no status"), lily_session.QuotaError("over"), lily_session.BusyError("later")])
def test_a_backends_own_comes_out_itself(error: Exception) -> None:
    storage = Storage.backend(Broken(error))
    for function in (lambda: storage["key"], lambda: storage.set("key", 1), storage.each, storage.clear):
        with pytest.raises(type(error)) as caught:
            function()
        assert caught.value is error


def test_a_status_that_the_library_acts_on_does_not() -> None:
    class Once(Broken):
        entries: "List[Entry]" = []

        def read(self, key: str) -> None:
            return None

        def write(self, entries: Any, prefix: Any, generation: int) -> None:
            if generation == 0:
                raise NewerError("cleared meanwhile")
            self.entries = entries

        def generation(self, prefix: str) -> int:
            self.asked = getattr(self, "asked", 0) + 1
            return min(self.asked - 1, 1)

    backend = Once(Boom())
    runtime: Runtime[Model, int] = Runtime(Model(), lambda model, value: setattr(model, "value", value))
    runtime.attach(Persistence.of(Model), Storage.backend(backend))
    runtime.dispatch(1)
    assert [(entry.key, entry.json) for entry in backend.entries] == [("lily_session_value", "1")]
