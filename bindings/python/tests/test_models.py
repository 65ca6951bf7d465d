"""Tests models that are classes of attrs, msgspec and pydantic, frozen ones, and classes whose annotations cannot all be resolved."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Dict, List

import pytest

import lily_session
from lily_session import EncodeError, Event, EventKind, Map, Persistence, Runtime, State, Storage

if TYPE_CHECKING:
    from nowhere import Window  # type: ignore[import-not-found]


@dataclass(frozen=True)
class Range:
    low: int = 0
    high: int = 10
    names: Map[int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        made.append(1)
        if self.low > self.high:
            raise ValueError("low > high")


made: List[int] = []


def test_S3_a_frozen_model_is_filled_at_once() -> None:
    storage = Storage.memory()
    storage.write({"lily_session_low": 50, "lily_session_high": 60, "lily_session_names/a": 1})
    runtime = Runtime(Range())
    made.clear()
    session = runtime.attach(Persistence.of(Range), storage)
    assert (runtime.model.low, runtime.model.high, runtime.model.names, made) == (50, 60, {"a": 1}, [1])
    storage.write({"lily_session_low": 70, "lily_session_high": 80, "lily_session_names/b": 2})
    made.clear()
    assert [event.key for event in session.refresh()] == ["low", "high", "names/b"]
    assert (runtime.model.low, runtime.model.high, runtime.model.names, made) == (70, 80, {"a": 1, "b": 2}, [1])
    assert session.modify("high", lambda high: high + 1) == runtime.model.high == 81
    with pytest.raises(Exception):
        session.modify("high", lambda high: 1)
    session.reset("low")
    assert runtime.model.low == 0


def test_S3_what_a_frozen_model_does_not_take_together_is_refused(events: List[Event]) -> None:
    storage = Storage.memory()
    storage.write({"lily_session_low": 50, "lily_session_high": 20, "lily_session_names/a": 1})
    runtime = Runtime(Range())
    session = runtime.attach(Persistence.of(Range), storage, on_event=events.append)
    assert (runtime.model.low, runtime.model.high, runtime.model.names) == (0, 20, {"a": 1})
    assert [(event.kind, event.key, type(event.error)) for event in events] == [(EventKind.REJECTED, "low", ValueError)]
    assert session.field_state("low") == (State.REJECTED, False) and session.field_state("high").state == State.LOADED
    session.flush()
    assert storage["lily_session_low"] == 50
    storage["lily_session_high"] = 60
    session.refresh()
    storage["lily_session_low"] = 55
    session.refresh()
    assert (runtime.model.low, runtime.model.high) == (55, 60)
    events.clear()
    storage["lily_session_high"] = 5
    assert [(event.kind, event.key) for event in runtime.refresh()] == [(EventKind.REJECTED, "high")]
    assert runtime.model.high == 60


def test_S3_a_frozen_model_is_given_the_others_in_any_order(events: List[Event]) -> None:
    @dataclass(frozen=True)
    class Scale(Range):
        unit: str = "m"

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.unit not in ("m", "km"):
                raise ValueError("unknown unit")

    storage = Storage.memory()
    storage.write({"lily_session_low": 50, "lily_session_high": 60, "lily_session_unit": "mile"})
    runtime = Runtime(Scale())
    session = runtime.attach(Persistence.of(Scale), storage, on_event=events.append)
    assert (runtime.model.low, runtime.model.high, runtime.model.unit) == (50, 60, "m")
    assert [(event.kind, event.key) for event in events] == [(EventKind.REJECTED, "unit")]
    storage.write({"lily_session_low": 70, "lily_session_high": 65, "lily_session_unit": "km"})
    events.clear()
    assert [(event.kind.name, event.key) for event in session.refresh()] == [("REJECTED", "low"), ("CHANGED", "high"), ("CHANGED", "unit")]
    assert (runtime.model.low, runtime.model.high, runtime.model.unit) == (50, 65, "km")


@dataclass
class Program:
    theme: str = "light"
    window: Window = None
    child: "List[Child]" = field(default_factory=list)


@dataclass
class Child(Program):
    age: int = 0


def test_annotations_of_excluded_fields_do_not_matter() -> None:
    storage, model, read = Storage.memory(), Child(), Child()
    fields = Persistence.of(Child, exclude=["window", "child"])
    session = Runtime(model).attach(fields, storage)
    model.theme, model.age = "dark", 3
    session.persist()
    Runtime(read).attach(fields, storage)
    assert read == model
    with pytest.raises(NameError, match="Window"):
        Runtime(Program()).attach(Persistence.of(Program), storage)


def test_a_class_of_attrs() -> None:
    attrs: Any = pytest.importorskip("attrs", reason="models of attrs are tested where it is installed")

    Point: Any = attrs.make_class("Point", {"x": attrs.field(default=0, type=int, validator=attrs.validators.ge(0))})
    for make in attrs.define, attrs.frozen:

        class Bare:
            theme: str = "light"
            _points: List[Point] = attrs.field(factory=list)
            visits: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))

        Model: Any = make(Bare)
        attrs.resolve_types(Model, None, {"Point": Point})  # It is a name of this function.
        storage = Storage.memory()
        runtime: Runtime[Any, Any] = Runtime(Model())
        session = runtime.attach(Persistence.of(Model), storage)
        runtime.model = Model("dark", [Point(3)], 5)
        session.persist()
        assert storage["lily_session__points"] == [{"x": 3}]
        read: Runtime[Any, Any] = Runtime(Model())
        read.attach(Persistence.of(Model), storage)
        assert read.model == Model("dark", [Point(3)], 5)
        wrong = Point(1)
        object.__setattr__(wrong, "x", -1)
        runtime.model = Model("dark", [wrong])
        with pytest.raises(EncodeError, match=r"_points: the class refuses it: ValueError at \[0\]"):
            session.persist()


def test_a_class_of_msgspec() -> None:
    msgspec: Any = pytest.importorskip("msgspec", reason="models of msgspec are tested where it is installed")
    for frozen in False, True:
        Point: Any = msgspec.defstruct("Point", [("x", int, 0)])
        points: Any = List
        age: Any = Annotated
        members = [("theme", str, "light"), ("points", points[Point], []), ("age", age[int, msgspec.Meta(ge=0)], 0)]
        Model: Any = msgspec.defstruct("Model", members, frozen=frozen)
        storage = Storage.memory()
        runtime: Runtime[Any, Any] = Runtime(Model())
        session = runtime.attach(Persistence.of(Model), storage)
        runtime.model = Model("dark", [Point(3)], 7)
        session.persist()
        read: Runtime[Any, Any] = Runtime(Model())
        read.attach(Persistence.of(Model), storage)
        assert read.model == Model("dark", [Point(3)], 7)
        runtime.model = Model("dark", [], -1)
        with pytest.raises(EncodeError, match="age: the value does not meet the constraints"):
            session.persist()
        storage["lily_session_age"] = -5
        events: List[Event] = []
        Runtime(Model()).attach(Persistence.of(Model), storage, on_event=events.append)
        assert [(event.kind, event.key) for event in events] == [(EventKind.REJECTED, "age")]


def test_a_class_of_pydantic() -> None:
    pydantic: Any = pytest.importorskip("pydantic", minversion="2.7", reason="what pydantic adds is tested where it is installed")
    for frozen in False, True:
        Point = pydantic.create_model("Point", x=(int, 0))
        Model = pydantic.create_model(
            "Model", __config__=pydantic.ConfigDict(frozen=frozen, validate_assignment=True), theme=(str, "light"),
            point=(Point, Point()), age=(int, pydantic.Field(0, ge=0, alias="Age")),
        )  # fmt: skip
        storage = Storage.memory()
        runtime: Runtime[Any, Any] = Runtime(Model())
        session = runtime.attach(Persistence.of(Model), storage)
        runtime.model = Model(theme="dark", point=Point(x=3), Age=7)
        session.persist()
        assert storage["lily_session_point"] == {"x": 3}
        read: Runtime[Any, Any] = Runtime(Model())
        read.attach(Persistence.of(Model), storage)
        assert read.model == Model(theme="dark", point=Point(x=3), Age=7)
        runtime.model = Model.model_construct(theme="dark", age=-1)
        with pytest.raises(EncodeError, match="age: the value does not fit the annotation: greater_than_equal"):
            session.persist()
        storage["lily_session_age"] = -5
        events: List[Event] = []
        Runtime(Model()).attach(Persistence.of(Model), storage, on_event=events.append)
        assert [(event.kind, event.key, str(event.error)) for event in events] == [
            (EventKind.REJECTED, "age", "age: the value does not fit the annotation: greater_than_equal")
        ]


def test_a_validator_of_pydantics_model_is_not_quoted() -> None:
    pydantic: Any = pytest.importorskip("pydantic", minversion="2.7", reason="what pydantic adds is tested where it is installed")

    def check(model: Any) -> Any:
        if model.pin == "secret":
            raise ValueError("secret")
        return model

    base = pydantic.create_model("base", pin=(str, ""))
    Model = pydantic.create_model("Model", __base__=base, __validators__={"check": pydantic.model_validator(mode="after")(check)})
    Frozen = pydantic.create_model("Frozen", __base__=Model, __cls_kwargs__={"frozen": True})
    storage, events = Storage.memory(), []  # type: ignore[var-annotated]
    storage["lily_session_pin"] = "secret"
    runtime: Runtime[Any, Any] = Runtime(Frozen())
    runtime.attach(Persistence.of(Frozen), storage, on_event=events.append)
    assert [(event.kind, str(event.error)) for event in events] == [(EventKind.REJECTED, "pin: the model refuses the value: ValidationError")]
    assert runtime.model.pin == ""


def test_a_session_in_one_call_says_what_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, events: List[Event]) -> None:
    monkeypatch.setenv("LILY_SESSION_DIR", str(tmp_path))
    with Storage.open(application="shop") as storage:
        storage["lily_session_low"] = "many"
    with lily_session.open("shop", Range(), on_event=events.append) as session:
        session.model = replace(session.model, high=20)
    assert [(event.kind, event.key, str(event.error)) for event in events] == [(EventKind.REJECTED, "low", "low: the stored value is a string, which the field does not accept")]


no_argument: Any = lambda: {}


@pytest.mark.parametrize("wrong, says", [
    (lambda: fields(set=lambda value: None), r"set is called with \(model, value\): too many positional"),
    (lambda: fields(get=lambda: None), "get is called with"),
    (lambda: fields(get=3), "get must be a function"),
    (lambda: fields(encode=lambda: 1, decode=int), "encode is called with"),
    (lambda: fields(encode=str, decode=lambda one, two: 1), r"decode is called with \(stored\): missing a required"),
    (lambda: fields(version=1, migrate=lambda old: old), r"migrate is called with \(version, stored\)"),
    (lambda: fields(migrate=lambda version, old: old), "migrate needs a version"),
    (lambda: fields(former_keys="old"), r"former_keys must be a list, such as \['old'\]"),
    (lambda: fields(sliding=True), "sliding needs an expires_after"),
    (lambda: Persistence.of(Range, exclude="low"), "exclude must be a list"),
    (lambda: Persistence[Dict[str, Any]]().map("a", get=no_argument), "get is called with"),
])  # fmt: skip
def test_a_mistake_in_the_program_is_raised_and_not_taken_for_a_refusal(wrong: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        wrong()


def fields(**given: Any) -> "Persistence[Dict[str, Any]]":
    options: Dict[str, Any] = {"get": lambda model: model["value"], "set": lambda model, value: model.update(value=value), **given}
    return Persistence[Dict[str, Any]]().field("value", **options)


def test_a_type_beside_encode_and_decode_is_checked_before_them() -> None:
    storage, events = Storage.memory(), []  # type: ignore[var-annotated]
    listed = fields(type=str, encode=lambda value: value, decode=lambda text: text.upper())
    storage["lily_session_value"] = ["no", "text"]
    model: Dict[str, Any] = {"value": "a"}
    session = Runtime(model).attach(listed, storage, on_event=events.append)
    assert [(event.kind, str(event.error)) for event in events] == [(EventKind.REJECTED, "value: the stored value is an array, which the field does not accept")]
    model["value"] = 3
    with pytest.raises(EncodeError, match="expected str, found int"):
        session.persist()


def test_why_a_migration_refused_is_told(events: List[Event]) -> None:
    def migrate(version: int, stored: Any) -> Any:
        raise LookupError(stored)

    storage = Storage.memory()
    storage["lily_session_value"] = "old"
    Runtime({"value": "a"}).attach(fields(version=1, migrate=migrate), storage, on_event=events.append)
    assert [(event.kind, type(event.error)) for event in events] == [(EventKind.REJECTED, LookupError)]
