"""Tests how annotations and field() define a field."""
import dataclasses
import enum
import gc
import sys
import traceback
import types
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Dict, List, Optional, Tuple, Union

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lily_session import DuplicateKeyError, EncodeError, Event, EventKind, InvalidArgumentError, Persistence, RawJSON, Runtime, State, Storage


class Color(enum.Enum):
    RED = "red"
    NONE = None
    SEVEN = 7


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Everything:
    a_str: str = "s"
    a_int: int = 1
    a_float: float = 1.5
    a_bool: bool = True
    a_none: None = None
    a_list: list = field(default_factory=list)  # type: ignore[type-arg]
    a_dict: dict = field(default_factory=dict)  # type: ignore[type-arg]
    numbers: List[float] = field(default_factory=list)
    names: Dict[str, List[int]] = field(default_factory=dict)
    pair: Tuple[str, ...] = ()
    perhaps: Optional[str] = None
    either: Union[int, str, None] = 0
    color: Color = Color.RED
    colors: Optional[List[Color]] = None
    level: Level = Level.LOW
    number: Union[float, int, None] = None
    count: Union[int, Color] = 0
    anything: Any = None
    text: RawJSON = RawJSON("[]")


def changed(model: Everything, changes: Dict[str, Any]) -> Everything:
    return dataclasses.replace(model, **changes)


def stored(changes: Dict[str, Any]) -> Storage:
    """Returns a storage that has the changed fields."""
    storage = Storage.memory()
    with Runtime(Everything(), changed) as runtime:
        runtime.attach(Persistence.of(Everything), storage)
        runtime.dispatch(changes)
    return storage


def test_every_annotation_survives() -> None:
    changes = {
        "a_str": "crème\0", "a_int": -(2**63), "a_float": -0.0, "a_bool": False, "a_list": [1, "x", None], "a_dict": {"k": [True]},
        "numbers": [1, 2.5], "names": {"a": [1]}, "pair": ("x", "y"), "perhaps": "so", "either": "text", "color": Color.SEVEN,
        "colors": [Color.RED, Color.NONE], "level": Level.HIGH, "number": 3, "count": Color.RED, "anything": {"a": 1.0}, "text": RawJSON('{"n":1.00}'),
    }  # fmt: skip
    storage = stored(changes)
    model = Everything()
    Runtime(model).attach(Persistence.of(Everything), storage)
    assert model == Everything(**changes)  # type: ignore[arg-type]
    assert type(model.numbers[0]) is float and type(model.number) is int and type(model.pair) is tuple and type(model.level) is Level
    assert storage.get_json("lily_session_text") == '{"n":1.00}'
    assert storage.get_json("lily_session_colors") == '["red",null]'
    assert storage.get_json("lily_session_a_list") == '[1,"x",null]'
    assert [item.key[13:] for item in storage.each()] == sorted(changes)


@pytest.mark.parametrize("name, json", [
    ("a_str", "1"), ("a_int", "1.5"), ("a_int", "true"), ("a_float", '"1"'), ("a_bool", "0"), ("a_none", "0"), ("a_list", "{}"),
    ("a_dict", "[]"), ("numbers", '["1"]'), ("names", '{"a":["1"]}'), ("pair", '"xy"'), ("perhaps", "1"), ("either", "1.5"),
    ("color", '"blue"'), ("colors", '["blue"]'), ("level", "3"),
])  # fmt: skip
def test_S3_what_does_not_fit_is_rejected(name: str, json: str) -> None:
    storage, model, events = Storage.memory(), Everything(), []  # type: ignore[var-annotated]
    storage.set(f"lily_session_{name}", RawJSON(json))
    session = Runtime(model).attach(Persistence.of(Everything), storage, on_event=events.append)
    assert model == Everything()
    assert session.field_state(name) == (State.REJECTED, False)
    assert [(event.kind, event.key) for event in events] == [(EventKind.REJECTED, name)]
    assert events[0].error is not None
    session.flush()
    assert storage.get_json(f"lily_session_{name}") == json


@pytest.mark.parametrize("name, value", [
    ("a_str", 1), ("a_int", 2**63), ("a_int", 1.5), ("a_bool", 1), ("a_float", float("nan")), ("perhaps", 1), ("a_list", [float("inf")]),
    ("a_str", "\ud800"), ("either", 1.5), ("text", "[]"),
])  # fmt: skip
def test_S7_what_cannot_be_stored_touches_no_other_field(name: str, value: object) -> None:
    storage, model = Storage.memory(), Everything()
    runtime: Runtime[Everything, Dict[str, Any]] = Runtime(model, lambda model, changes: model.__dict__.update(changes))
    session = runtime.attach(Persistence.of(Everything), storage)
    with pytest.raises(EncodeError, match=name) as caught:
        runtime.dispatch({name: value, "level": Level.HIGH})
    assert repr(value) not in str(caught.value)
    assert storage.get("lily_session_level") == 2
    assert f"lily_session_{name}" not in storage
    with pytest.raises(EncodeError):
        session.persist()
    setattr(model, name, getattr(Everything(), name))
    session.persist()


def test_an_int_is_a_float_too() -> None:
    assert stored({"a_float": 3}).get_json("lily_session_a_float") == "3.0"


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text().filter(lambda key: "\0" not in key), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a slow run on a busy machine is not a failure
@given(
    some.builds(
        Everything, a_str=some.text(), a_int=some.integers(-(2**63), 2**63 - 1), a_bool=some.booleans(),
        a_float=some.floats(allow_nan=False, allow_infinity=False), a_list=some.lists(json_values, max_size=3),
        a_dict=some.dictionaries(some.text().filter(lambda key: "\0" not in key), json_values, max_size=3),
        numbers=some.lists(some.floats(allow_nan=False, allow_infinity=False)), pair=some.lists(some.text()).map(tuple),
        perhaps=some.none() | some.text(), either=some.none() | some.text() | some.integers(-(2**63), 2**63 - 1),
        color=some.sampled_from(Color), colors=some.none() | some.lists(some.sampled_from(Color)), level=some.sampled_from(Level),
    )
)  # fmt: skip
def test_S2_round_trips(model: Everything) -> None:
    storage = Storage.memory()
    fresh = Everything()
    with Runtime(fresh) as runtime:
        session = runtime.attach(Persistence.of(Everything), storage)
        runtime.model = model
        session.persist()
    read = Everything()
    Runtime(read).attach(Persistence.of(Everything), storage)
    assert repr(read) == repr(model)  # repr distinguishes 1, True and 1.0, and also 0.0 and -0.0


@dataclass(frozen=True)
class Account:
    name: str = ""
    money: Decimal = Decimal(0)
    note: str = field(default="", init=False)


def test_field_overrides_and_the_rest() -> None:
    fields = Persistence.of(Account, exclude=["note"]).field(
        "money", encode=str, decode=Decimal, expires_after=timedelta(days=7), version=2
    )
    storage = Storage.memory()
    runtime: Runtime[Account, Decimal] = Runtime(Account(), lambda account, money: dataclasses.replace(account, money=money))
    session = runtime.attach(fields, storage)
    runtime.dispatch(Decimal("12.50"))
    assert storage["lily_session_money"] == "12.50"
    left = session.next_expiry()
    assert left is not None and timedelta(days=6) < left <= timedelta(days=7)
    second = Runtime(Account())
    second.attach(fields, storage)
    assert second.model == Account(money=Decimal("12.50"))
    with pytest.raises(DuplicateKeyError):
        fields.field("money")
    with pytest.raises(DuplicateKeyError):
        fields.field("name")  # the annotation defines the field


def test_a_decoder_refuses() -> None:
    fields = Persistence(Account).field("money", encode=str, decode=Decimal)
    storage, events = Storage.memory(), []  # type: ignore[var-annotated]
    storage["lily_session_money"] = "twelve"
    Runtime(Account()).attach(fields, storage, on_event=events.append)
    assert [(event.kind, type(event.error).__name__) for event in events] == [(EventKind.REJECTED, "InvalidOperation")]


def test_any_object_with_get_and_set() -> None:
    model = {"cart": ["apple"]}
    fields: "Persistence[Dict[str, List[str]]]" = Persistence()
    fields.field("cart", get=lambda model: model["cart"], set=lambda model, cart: model.update(cart=cart), type=List[str])
    storage = Storage.memory()
    runtime: Runtime[Dict[str, List[str]], str] = Runtime(model, lambda model, item: model["cart"].append(item))
    runtime.attach(fields, storage)
    runtime.dispatch("pear")  # changing a list in place is a change
    assert storage["lily_session_cart"] == ["apple", "pear"]


def test_S11_versions_and_former_keys() -> None:
    storage = Storage.memory()
    old = Persistence(Everything).field("a_int", version=1)
    with Runtime(Everything(), changed) as runtime:
        runtime.attach(old, storage)
        runtime.dispatch({"a_int": 20})

    asked = []

    def migrate(version: int, value: Any) -> str:
        asked.append((version, value))
        return f"{value} apples"

    new = Persistence(Everything).field("a_str", version=3, migrate=migrate, former_keys=["fruit", "a_int"])
    model = Everything()
    with Runtime(model).attach(new, storage) as session:
        assert (asked, model.a_str) == ([(1, 20)], "20 apples")
        assert session.field_state("a_str") == (State.MIGRATED, True)
    assert [item.key for item in storage.each()] == ["lily_session_a_str"]

    session = Runtime(Everything()).attach(Persistence(Everything).field("a_str", version=2), storage)
    assert session.field_state("a_str").state == State.NEWER


def test_S11_a_migration_refuses() -> None:
    def migrate(version: int, value: Any) -> str:
        raise LookupError(value)

    storage, events = Storage.memory(), []  # type: ignore[var-annotated]
    storage["lily_session_a_str"] = "old"
    model = Everything()
    Runtime(model).attach(Persistence(Everything).field("a_str", version=1, migrate=migrate), storage, on_event=events.append)
    assert (model.a_str, events[0].kind, storage["lily_session_a_str"]) == ("s", EventKind.REJECTED, "old")


def nothing(*_: Any) -> None:
    pass


@pytest.mark.parametrize("wrong, kind, says", [
    (lambda: Persistence(int), TypeError, "not a dataclass"),
    (lambda: Persistence.of(Everything, exclude=["colour"]), TypeError, "no field 'colour'"),
    (lambda: Persistence().field("a"), TypeError, "give it a get and a set"),
    (lambda: Persistence(Everything).field("missing"), TypeError, "no field 'missing'"),
    (lambda: Persistence().field("a", get=nothing), TypeError, "come together"),
    (lambda: Persistence(Everything).field("a_str", encode=str), TypeError, "come together"),
    (lambda: Persistence(Account).field("note"), TypeError, "frozen"),
    (lambda: Persistence(Everything).field("a_str", expires_after=timedelta(0)), InvalidArgumentError, "at least one millisecond"),
    (lambda: Persistence(Everything).field("a_str", expires_after=timedelta(-1)), InvalidArgumentError, "a_str"),
    (lambda: Persistence(Everything).field("a_str", version=-1), InvalidArgumentError, "version"),
    (lambda: Persistence().field("a\0b", get=nothing, set=nothing), InvalidArgumentError, "NUL"),
    (lambda: Persistence(Everything).field("a_str").field("a_str"), DuplicateKeyError, "a_str"),
    (lambda: Persistence(Everything).field("a_str").field("x", get=nothing, set=nothing, former_keys=["a_str"]), DuplicateKeyError, "x"),
    (lambda: Persistence().field("x", get=nothing, set=nothing, former_keys=["a\0"]), InvalidArgumentError, "former"),
])  # fmt: skip
def test_a_bad_field_is_told(wrong: Any, kind: "type[Exception]", says: str) -> None:
    with pytest.raises(kind, match=says):
        wrong()


def test_a_failed_field_leaves_the_list_as_it_was() -> None:
    fields = Persistence(Everything).field("a_str")
    with pytest.raises(DuplicateKeyError):
        fields.field("a_str")
    fields.field("a_int")
    storage = Storage.memory()
    with Runtime(Everything(), changed) as runtime:
        runtime.attach(fields, storage)
        runtime.dispatch({"a_int": 2})
    assert storage["lily_session_a_int"] == 2


@dataclass
class Diary:
    day: date = date(2030, 1, 1)
    days: Optional[List[date]] = None


def test_a_date_is_stored_as_text() -> None:
    storage, model = Storage.memory(), Diary()
    with Runtime(model) as runtime:
        session = runtime.attach(Persistence.of(Diary), storage)
        model.day, model.days = date(2031, 2, 3), [date(2032, 3, 4)]
        session.persist()
    assert storage["lily_session_day"] == "2031-02-03"
    read = Diary()
    Runtime(read).attach(Persistence.of(Diary), storage)
    assert read == model
    storage["lily_session_days"] = ["no date"]
    events: List[Event] = []
    Runtime(Diary()).attach(Persistence.of(Diary), storage, on_event=events.append)
    assert [(event.kind, event.key) for event in events] == [(EventKind.REJECTED, "days")]
    assert str(events[0].error) == "days: the str is not a date at [0]"


@dataclass
class Numbered:
    days: Dict[int, date] = field(default_factory=dict)
    first: complex = 0j


class Plan(enum.Enum):
    FREE = "free"


@dataclass
class Customer:
    plan: Plan = Plan.FREE
    tree: Any = None


def test_S2_an_event_does_not_quote_what_no_member_of_an_enum_is() -> None:
    storage, events = Storage.memory(), []  # type: Tuple[Storage, List[Event]]
    storage["lily_session_plan"] = "hunter-2"
    Runtime(Customer()).attach(Persistence(Customer).field("plan"), storage, on_event=events.append)
    assert [event.kind for event in events] == [EventKind.REJECTED] and "not one of Plan" in str(events[0].error)
    assert "hunter-2" not in "".join(traceback.format_exception(None, events[0].error, None))


def test_S28_a_value_that_is_nested_too_deeply_for_decode_is_refused() -> None:
    def leaves(tree: Any) -> Any:
        return sum(map(lambda each: leaves(each), tree)) if isinstance(tree, list) else 1

    def under(frames: int) -> None:
        if frames > 0:
            under(frames - 1)
        else:
            Runtime(Customer()).attach(fields, storage, on_event=events.append)

    storage, events = Storage.memory(), []  # type: Tuple[Storage, List[Event]]
    storage.set("lily_session_tree", RawJSON("[" * 500 + "]" * 500))
    fields = Persistence(Customer).field("tree", encode=lambda tree: tree, decode=leaves)
    gc.disable()  # What other tests left behind would be finalized where there is no room for a call.
    try:
        under(sys.getrecursionlimit() - 500)
    finally:
        gc.enable()
    assert [(event.kind, type(event.error)) for event in events] == [(EventKind.REJECTED, RecursionError)]


def test_without_pydantic_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    modules: Dict[str, Any] = sys.modules
    old = types.SimpleNamespace(VERSION="2.6.4", TypeAdapter=None, ValidationError=None)
    for module in (old, None):
        monkeypatch.setitem(modules, "pydantic", module)
        with pytest.raises(TypeError, match="'days'.*Dict.int, .*encode and a decode, or install pydantic"):
            Runtime(Numbered()).attach(Persistence.of(Numbered), Storage.memory())
    fields = Persistence.of(Numbered, exclude=["days"]).field("first", encode=complex.__repr__, decode=complex)
    storage, model = Storage.memory(), Numbered()
    storage["lily_session_first"] = "1j"
    Runtime(model).attach(fields, storage)
    assert model.first == 1j
