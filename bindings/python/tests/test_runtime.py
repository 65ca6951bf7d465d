"""Tests models that change in place and frozen ones, parts of models, and the lifetime of a runtime."""
import copy
import dataclasses
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, List, Type

import pytest
from conftest import Clock

from lily_session import (
    EncodeError, Event, EventKind, InvalidArgumentError, Persistence, ReentrantError, Runtime, Storage, UnsupportedError,
)


@dataclass
class Model:
    theme: str = "light"
    visits: int = 0


@dataclass(frozen=True)
class Frozen:
    theme: str = "light"
    visits: int = 0


@dataclass(frozen=True)
class App:
    session: Frozen = Frozen()
    clicks: int = 0


def test_a_model_in_place(storage: Storage) -> None:
    storage["lily_session_visits"] = 4
    model = Model()
    runtime: Runtime[Model, str] = Runtime(model, lambda model, theme: setattr(model, "theme", theme))
    runtime.attach(Persistence.of(Model), storage)
    runtime.dispatch("dark")
    assert runtime.model is model
    assert model == Model("dark", 4)
    assert storage["lily_session_theme"] == "dark"


def test_a_frozen_model(storage: Storage) -> None:
    storage["lily_session_visits"] = 4
    first = Frozen()
    runtime: Runtime[Frozen, str] = Runtime(first, lambda model, theme: dataclasses.replace(model, theme=theme))
    runtime.attach(Persistence.of(Frozen), storage)
    assert (first, runtime.model) == (Frozen(), Frozen(visits=4))
    runtime.dispatch("dark")
    assert runtime.model == Frozen("dark", 4)
    assert [item.value for item in storage.each()] == ["dark", 4]


def test_a_frozen_slice_of_a_frozen_model(storage: Storage) -> None:
    storage["lily_session_visits"] = 4

    def click(app: App, times: int) -> App:
        return App(dataclasses.replace(app.session, visits=app.session.visits + times), app.clicks + times)

    runtime = Runtime(App(), click)
    runtime.attach(Persistence.of(Frozen), storage, get=lambda app: app.session,
                   set=lambda app, session: dataclasses.replace(app, session=session))
    assert runtime.model == App(Frozen(visits=4))
    runtime.dispatch(2)
    assert runtime.model == App(Frozen(visits=6), 2)
    assert storage["lily_session_visits"] == 6


def test_a_slice_that_lives_in_the_model(storage: Storage) -> None:
    storage["lily_session_visits"] = 4
    app = {"session": Model()}
    runtime: "Runtime[dict[str, Model], Any]" = Runtime(app)
    session = runtime.attach(Persistence.of(Model), storage, get=lambda app: app["session"])
    assert app["session"].visits == 4
    app["session"].visits = 5
    session.persist()
    assert storage["lily_session_visits"] == 5


def test_a_replaced_slice_needs_a_set(storage: Storage) -> None:
    storage["lily_session_visits"] = 4
    with pytest.raises(TypeError, match="needs a set"):
        Runtime(App()).attach(Persistence.of(Frozen), storage, get=lambda app: app.session)


def test_a_set_that_works_in_place(storage: Storage) -> None:
    storage["lily_session_visits"] = 4
    app = {"session": Frozen()}
    runtime: "Runtime[dict[str, Frozen], Any]" = Runtime(app)
    runtime.attach(Persistence.of(Frozen), storage, get=lambda app: app["session"], set=lambda app, session: app.update(session=session))
    assert app == {"session": Frozen(visits=4)} and runtime.model is app


def test_S5_only_what_changed_is_written(storage: Storage) -> None:
    runtime: Runtime[Model, int] = Runtime(Model(), lambda model, visits: setattr(model, "visits", visits))
    runtime.attach(Persistence.of(Model), storage)
    size = storage.info().file_bytes
    runtime.dispatch(0)
    assert storage.info().file_bytes == size
    runtime.dispatch(1)
    assert [item.key for item in storage.each()] == ["lily_session_visits"]


def test_S5_an_equal_object_of_another_type_is_a_change(storage: Storage) -> None:
    runtime: Runtime[Any, Any] = Runtime(Model(), lambda model, value: setattr(model, "value", value))
    fields: Persistence[Any] = Persistence()
    fields.field("value", get=lambda model: getattr(model, "value", None), set=lambda model, value: None)
    runtime.attach(fields, storage)
    for value, json in ((1, "1"), (True, "true"), (1.0, "1.0"), (0.0, "0.0"), (-0.0, "-0.0"), ("", '""'), (None, "null")):
        runtime.dispatch(value)
        assert storage.get_json("lily_session_value") == json


def test_S13_a_loop_of_its_own(storage: Storage) -> None:
    runtime: Runtime[Frozen, Any] = Runtime(Frozen())
    session = runtime.attach(Persistence.of(Frozen), storage)
    with pytest.raises(UnsupportedError):
        runtime.dispatch("anything")
    runtime.model = Frozen("dark", 1)
    assert storage.each() == []
    session.persist()
    assert storage["lily_session_theme"] == "dark"


def test_a_message_is_let_go(storage: Storage) -> None:
    class Message:
        pass

    import weakref

    message = Message()
    runtime: Runtime[Model, Message] = Runtime(Model(), lambda model, message: None)
    runtime.dispatch(message)
    alive = weakref.ref(message)
    del message
    assert alive() is None


def test_S15_what_runs_the_runtime_is_refused_in_its_callbacks(storage: Storage) -> None:
    refused: List[str] = []
    session = None

    def attempt() -> None:
        assert session is not None
        for name, function in (
            ("dispatch", lambda: runtime.dispatch("again")), ("model", lambda: setattr(runtime, "model", Model())),
            ("persist", session.persist), ("flush", session.flush), ("refresh", session.refresh),
            ("touch", lambda: session.touch("theme")), ("attach", lambda: runtime.attach(Persistence.of(Model), storage)),
        ):  # fmt: skip
            with pytest.raises(ReentrantError):
                function()
            refused.append(name)

    def update(model: Model, theme: str) -> None:
        attempt()
        storage["own"] = theme
        storage.clear()
        model.theme = theme

    runtime: Runtime[Model, str] = Runtime(Model(), update)
    session = runtime.attach(Persistence.of(Model), storage, on_event=lambda event: attempt())
    runtime.dispatch("dark")
    assert len(refused) == 7
    assert [(item.key, item.value) for item in storage.each()] == [("lily_session_theme", "dark"), ("own", "dark")]


def test_S15_a_refresh_that_is_refused_takes_no_events_from_the_one_that_runs(storage: Storage) -> None:
    def refresh(_: Event) -> None:
        for refused in (session.refresh, runtime.refresh):
            with pytest.raises(ReentrantError):
                refused()

    runtime = Runtime(Model())
    session = runtime.attach(Persistence.of(Model), storage, on_event=refresh)
    for number, running in enumerate([session.refresh, runtime.refresh]):
        storage["lily_session_theme"], storage["lily_session_visits"] = f"dark {number}", 1 + number
        assert [event.key for event in running()] == ["theme", "visits"]


@pytest.mark.parametrize("what", ["detach", "close"])
def test_S15_ending_inside_a_callback_waits_for_its_end(storage: Storage, what: str) -> None:
    def update(model: Model, visits: int) -> None:
        (session.detach if what == "detach" else runtime.close)()
        model.visits = visits

    runtime: Runtime[Model, int] = Runtime(Model(), update)
    session = runtime.attach(Persistence.of(Model), storage)
    runtime.dispatch(1)
    assert storage["lily_session_visits"] == 1
    with pytest.raises(InvalidArgumentError):
        session.persist()


def test_S15_a_storage_closed_inside_an_update_stays_open_for_the_session(path: Path) -> None:
    storage = Storage.open(path)

    def update(model: Model, visits: int) -> None:
        storage.close()
        model.visits = visits

    with Runtime(Model(), update) as runtime:
        runtime.attach(Persistence.of(Model), storage)
        runtime.dispatch(1)
        runtime.dispatch(2)
    with Storage.open(path) as storage:
        assert storage["lily_session_visits"] == 2


def test_a_closed_runtime_says_so(storage: Storage) -> None:
    def update(model: Model, message: int) -> None:
        pass

    with Runtime(Model(), update) as runtime:
        session = runtime.attach(Persistence.of(Model), storage)
        runtime.model.visits = 1
    assert storage["lily_session_visits"] == 1  # closing flushes
    runtime.close()
    session.detach()
    for function in (lambda: runtime.dispatch(1), lambda: runtime.attach(Persistence.of(Model), storage),
                     lambda: setattr(runtime, "model", Model()), session.persist, session.flush, session.refresh,
                     lambda: session.touch("theme"), lambda: session.field_state("theme")):  # fmt: skip
        with pytest.raises(InvalidArgumentError, match="closed|detached"):
            function()
    assert session.next_expiry() is None
    assert runtime.model == Model(visits=1)


def test_a_dropped_session_goes_on(storage: Storage) -> None:
    runtime: Runtime[Model, int] = Runtime(Model(), lambda model, visits: setattr(model, "visits", visits))
    runtime.attach(Persistence.of(Model), storage)
    import gc

    gc.collect()
    runtime.dispatch(3)
    assert storage["lily_session_visits"] == 3


def test_two_sessions_of_one_runtime(storage: Storage) -> None:
    other = Storage.memory()
    runtime: Runtime[Model, Model] = Runtime(Model(), lambda model, new: new)
    runtime.attach(Persistence.of(Model, exclude=["theme"]), storage)
    runtime.attach(Persistence.of(Model, exclude=["visits"]), other)
    runtime.dispatch(Model("dark", 1))
    assert [storage.each()[0].value, other.each()[0].value] == [1, "dark"]


class Counted:
    """A model whose revision says when it has changed."""

    revision, value, fails = 0, 0, False

    def __init__(self) -> None:
        self.reads: List[int] = []

    def get(self) -> int:
        self.reads.append(self.value)
        return 1 // 0 if self.fails else self.value

    def set(self, value: int) -> None:
        self.value = value


COUNTED: "Persistence[Counted]" = Persistence()
COUNTED.field("value", get=Counted.get, set=Counted.set)


def test_S27_all_sessions_of_a_runtime(path: Path, clock: Clock) -> None:
    app = App()
    with Storage.open(path, clock=clock) as one, Storage.memory(clock=clock) as two, Runtime(app) as runtime:
        fields = Persistence(Frozen).field("theme", expires_after=timedelta(minutes=2))
        runtime.attach(fields, one, get=lambda app: app.session, set=lambda app, session: dataclasses.replace(app, session=session))
        clicks = Persistence(App).field("clicks", expires_after=timedelta(minutes=1))
        runtime.attach(clicks, two)
        assert runtime.next_expiry() is None
        runtime.model = App(Frozen("dark"), 1)
        runtime.persist()
        assert (one["lily_session_theme"], two["lily_session_clicks"]) == ("dark", 1)
        assert runtime.next_expiry() == timedelta(minutes=1)
        one["lily_session_theme"] = "dim"
        two["lily_session_clicks"] = 2
        assert {(event.kind, event.key) for event in runtime.refresh()} == {(EventKind.CHANGED, "theme"), (EventKind.CHANGED, "clicks")}
        assert runtime.model == App(Frozen("dim"), 2)
        found = runtime.refresh()
        runtime.model = App(Frozen("dim"), "not a number")  # type: ignore[arg-type]
        with pytest.raises(EncodeError):
            runtime.persist()
        assert found == []  # the refresh is over, so the event of this failure is not among its events
        runtime.model = App(Frozen("dim"), 2)
    assert runtime.next_expiry() is None
    for function in (runtime.persist, runtime.refresh):
        with pytest.raises(InvalidArgumentError, match="closed"):
            function()


def test_S5_a_revision_spares_the_fields(storage: Storage) -> None:
    model = Counted()
    storage["lily_session_value"] = 7
    session = Runtime(model).attach(COUNTED, storage, revision=lambda model: model.revision)
    assert model.value == 7
    model.reads.clear()
    session.persist()
    assert model.reads == []
    size = storage.info().file_bytes
    model.revision = 1
    session.persist()
    assert (model.reads, storage.info().file_bytes) == ([7], size)
    model.revision, model.value = 2, 8
    session.persist()
    assert (model.reads, storage["lily_session_value"]) == ([7, 8], 8)


@pytest.mark.parametrize("revisions", [(0, -1), (-1, -2), (2**64 + 1, 2**64 + 2)])
def test_S5_a_revision_is_any_integer(storage: Storage, revisions: "tuple[int, int]") -> None:
    model = Counted()
    model.revision = revisions[0]
    session = Runtime(model).attach(COUNTED, storage, revision=lambda model: model.revision)
    model.revision, model.value = revisions[1], 8
    session.persist()
    assert storage["lily_session_value"] == 8


def test_S7_a_field_that_failed_is_read_again_at_the_same_revision(storage: Storage) -> None:
    model = Counted()
    session = Runtime(model).attach(COUNTED, storage, revision=lambda model: model.revision)
    model.revision, model.value, model.fails = 1, 2, True
    with pytest.raises(ZeroDivisionError):
        session.persist()
    model.fails = False
    session.persist()
    assert storage["lily_session_value"] == 2


def test_S16_threads_take_turns(storage: Storage) -> None:
    inside, most = 0, 0

    def update(model: Model, _: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        storage.get("lily_session_visits")  # lets the other threads run
        model.visits += 1
        inside -= 1

    runtime = Runtime(Model(), update)
    runtime.attach(Persistence.of(Model), storage)

    def work() -> None:
        for _ in range(100):
            runtime.dispatch(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, runtime.model.visits, storage["lily_session_visits"]) == (1, 400, 400)


def test_S16_threads_attach_one_list() -> None:
    wide = dataclasses.make_dataclass("wide", [(f"field{number}", int, 0) for number in range(40)])
    attached: "List[int]" = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(20):
            fields: Persistence[Any] = Persistence.of(wide)
            ready = threading.Barrier(3)

            def work() -> None:
                with Runtime(wide()) as runtime, Storage.memory() as storage:
                    ready.wait()
                    attached.append(len(runtime.attach(fields, storage)._attachment.slice.fields))

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert attached == [40] * 60


def test_S15_a_signal_handler_that_dispatches_does_not_disturb_the_outer_update(storage: Storage) -> None:
    refused: "List[BaseException]" = []
    given: "List[str]" = []

    def handle(*_: Any) -> None:
        try:
            runtime.dispatch("signal")
        except ReentrantError as error:
            refused.append(error)

    def update(model: Model, theme: str) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        given.append(theme)
        model.theme = theme

    runtime = Runtime(Model(), update)
    runtime.attach(Persistence.of(Model), storage)
    before = signal.signal(signal.SIGUSR1, handle)
    try:
        runtime.dispatch("dark")
        assert len(refused) == 1 and given == ["dark"] and storage["lily_session_theme"] == "dark"
        # Between the call of dispatch and that of the library, the signal's message comes first, and the other keeps its own.
        original, turns = Runtime._live_handle, [1]

        def interrupted(self: "Runtime[Any, Any]") -> Any:
            if turns.pop() if turns else False:
                self.dispatch("signal")
            return original(self)

        given.clear()
        refused.clear()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        Runtime._live_handle = interrupted  # type: ignore[method-assign]
        try:
            runtime.dispatch("blue")
        finally:
            Runtime._live_handle = original  # type: ignore[method-assign]
        assert given == ["signal", "blue"] and storage["lily_session_theme"] == "blue"
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_update_that_fails_half_way_is_undone_by_a_copy(storage: Storage) -> None:
    @dataclass
    class Cart:
        items: List[str] = field(default_factory=list)
        total: int = 0

    def add(cart: Cart, item: str) -> None:
        cart.items.append(item)
        cart.total += {"apple": 2}[item]

    cart = Cart()
    runtime = Runtime(cart, add, copy=copy.deepcopy)
    session = runtime.attach(Persistence.of(Cart), storage)
    runtime.dispatch("apple")
    assert runtime.model is cart and cart == Cart(["apple"], 2)
    with pytest.raises(KeyError):
        runtime.dispatch("pear")
    assert runtime.model == Cart(["apple"], 2)
    session.persist()
    runtime.dispatch("apple")
    assert storage["lily_session_items"] == ["apple", "apple"] and storage["lily_session_total"] == 4
    # Without a copy, the model has what the update changed until then.
    half = Runtime(Cart(), add)
    half.attach(Persistence.of(Cart), Storage.memory())
    with pytest.raises(KeyError):
        half.dispatch("pear")
    assert half.model == Cart(["pear"], 0)


@pytest.mark.parametrize("of", ["runtime", "session"])
@pytest.mark.parametrize("ends", [ZeroDivisionError, KeyboardInterrupt])
def test_a_with_block_that_an_exception_ends_does_not_store_half_a_change(storage: Storage, of: str, ends: "Type[BaseException]") -> None:
    model = Model()
    runtime: Runtime[Model, Any] = Runtime(model)
    session = runtime.attach(Persistence.of(Model), storage)
    with pytest.raises(ends):
        with runtime if of == "runtime" else session:
            model.visits = 1
            session.persist()
            model.theme = "half"
            raise ends
    assert {item.key: item.value for item in storage.each()} == {"lily_session_visits": 1}
    with pytest.raises(InvalidArgumentError, match="detached"):
        session.persist()
    with pytest.raises(SystemExit):
        with Runtime(model) as runtime:
            runtime.attach(Persistence.of(Model), storage)
            model.theme = "whole"
            sys.exit(0)
    assert storage["lily_session_theme"] == "whole"


def test_reprs_say_what_it_is_and_no_value(path: Path) -> None:
    storage = Storage.open(path)
    runtime: Runtime[Model, Any] = Runtime(Model("secret"))
    fields = Persistence.of(Model).field("visits")
    session = runtime.attach(fields, storage)
    assert repr(runtime) == "<lily_session.Runtime of Model, with 1 session>"
    assert repr(session) == f"<lily_session.Session in {path}: visits, theme>"
    assert repr(fields) == "<lily_session.Persistence of Model: visits, theme>"
    assert repr(storage) == f"<lily_session.Storage {path}>"
    runtime.close()
    assert (repr(runtime), repr(session)) == ("<lily_session.Runtime of Model, closed>", "<lily_session.Session detached: visits, theme>")
    assert repr(Storage.memory()) == "<lily_session.Storage without a file>"


@dataclass
class Default:
    items: List[int] = field(default_factory=list)


def test_the_default_place_has_to_be_named() -> None:
    with pytest.raises(InvalidArgumentError, match="application"):
        Runtime(Default()).attach(Persistence.of(Default))
