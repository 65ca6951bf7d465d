"""Tests the types that a field may have without pydantic, and that nothing is stored that could not be read back."""
import dataclasses
import enum
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Dict, FrozenSet, List, Literal, NamedTuple, Optional, Set, Tuple, TypedDict, Union
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lily_session import DecodeError, EncodeError, Event, Persistence, RawJSON, Runtime, Storage


class Point(NamedTuple):
    x: int
    y: int = 3


class Size(TypedDict):
    size: int


class Options(Size, total=False):
    name: str


class Level(enum.Enum):
    LOW = 1


@dataclass
class Node:
    number: int = 0
    below: "List[Node]" = field(default_factory=list)


@dataclass(frozen=True)
class Range:
    low: int
    high: int = 10
    width: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"{self.low} is too much")


VALUES: "List[Tuple[Any, Any, str]]" = [
    (datetime, datetime(2030, 1, 2, 3, 4, 5, 6), '"2030-01-02T03:04:05.000006"'),
    (datetime, datetime(2030, 1, 2, tzinfo=timezone.utc), '"2030-01-02T00:00:00+00:00"'),
    (date, date(2030, 1, 2), '"2030-01-02"'),
    (time, time(1, 2, 3), '"01:02:03"'),
    (timedelta, timedelta(days=2, seconds=3), '"P2DT3S"'),
    (timedelta, -timedelta(days=1, microseconds=5), '"-P1DT0.000005S"'),
    (UUID, UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
    (Path, Path("/a/crème"), '"/a/crème"'),
    (PurePosixPath, PurePosixPath("a"), '"a"'),
    (Decimal, Decimal("1.50"), '"1.50"'),
    (bytes, b"\xff\0", '"/wA="'),
    (Literal["a", 1, True, None, Level.LOW], True, "true"),
    (Literal["a", 1, True, None, Level.LOW], 1, "1"),
    (Tuple[int, str], (1, "a"), '[1,"a"]'),
    (Tuple[()], (), "[]"),
    (tuple, (1, "a"), '[1,"a"]'),
    (Tuple[Point, ...], (Point(1), Point(2, 4)), "[[1,3],[2,4]]"),
    (Set[str], {"b", "a", "c"}, '["a","b","c"]'),
    (FrozenSet[date], frozenset([date(2030, 1, 2), date(2030, 1, 1)]), '["2030-01-01","2030-01-02"]'),
    (Options, {"size": 1}, '{"size":1}'),
    (Options, {"size": 1, "name": "a"}, '{"size":1,"name":"a"}'),
    (Node, Node(1, [Node(2), Node(3, [Node()])]), '{"number":1,"below":[{"number":2,"below":[]},{"number":3,"below":[{"number":0,"below":[]}]}]}'),
    (Range, Range(3, 4), '{"low":3,"high":4}'),
    (Dict[str, Optional[Node]], {"a": None, "b": Node()}, '{"a":null,"b":{"number":0,"below":[]}}'),
    (Union[int, date, None], date(2030, 1, 2), '"2030-01-02"'),
    (Optional[RawJSON], None, "null"),
    (Optional[RawJSON], RawJSON('{"a":1.00}'), '{"a":1.00}'),
    (Union[int, RawJSON], 3, "3"),
    (Annotated[int, "in seconds"], 3, "3"),
    (List[float], [1, 2.5], "[1.0,2.5]"),
]


def fields(annotation: Any) -> "Persistence[Dict[str, Any]]":
    return Persistence[Dict[str, Any]]().field(
        "value", get=lambda model: model["value"], set=lambda model, value: model.update(value=value), type=annotation
    )


@pytest.mark.parametrize("annotation, value, json", VALUES)
def test_S2_a_value_is_stored_and_read(annotation: Any, value: Any, json: str) -> None:
    storage, model, read = Storage.memory(), {"value": value}, {"value": None}
    session = Runtime(model).attach(fields(annotation), storage)
    session.mark("value")
    session.persist()
    assert storage.get_json("lily_session_value") == json
    Runtime(read).attach(fields(annotation), storage)
    assert read == model and type(read["value"]) is type(value)
    assert session.modify("value", lambda stored: stored) == value


@pytest.mark.parametrize("annotation, value, says", [
    (List[int], ["7"], r"expected int, found str at \[0\]"),
    (Dict[str, List[int]], {"secret": [1, None]}, r"expected int, found NoneType at \*\[1\]"),
    (Dict[str, int], {1: 1}, "expected str as the key of a dict, found int"),
    (dict, {"a": [{None: 1}]}, "expected str as the key of a dict, found NoneType"),
    (dict, {"a": float("nan")}, "a number is NaN"),
    (list, [{1, 2}], "set is not JSON"),
    (datetime, date(2030, 1, 1), "expected datetime, found date"),
    (date, datetime(2030, 1, 1), "expected date, found datetime"),
    (UUID, "phone", "expected UUID, found str"),
    (Path, "phone", "expected Path, found str"),
    (Path, Path("\udce9"), "surrogate"),
    (Decimal, 1.5, "expected Decimal, found float"),
    (bytes, "a", "expected bytes, found str"),
    (Literal["a", 1], True, "expected 'a' or 1, found another bool"),
    (Literal["a", 1], [], "expected 'a' or 1, found another list"),
    (Tuple[int, str], (1,), "expected 2 elements, found 1"),
    (Tuple[int, ...], [1], "expected tuple, found list"),
    (Set[int], {"a"}, r"expected int, found str at \*"),
    (Point, (1, 2), "expected Point, found tuple"),
    (Point, Point(1, None), r"expected int, found NoneType at \[1\]"),  # type: ignore[arg-type]
    (Options, {}, "the member size is missing"),
    (Options, {"size": 1, "secret": 2}, "a key that Options has not"),
    (Node, Node(0, [Node("a")]), r"expected int, found str at below\[0\].number"),  # type: ignore[arg-type]
    (Level, 1, "expected Level, found int"),
    (Union[int, date], "a", "expected int or date, found str"),
    (Union[str, Path], Path("a"), "read back as another type of the union"),
    (Union[List[int], Tuple[int, ...]], (1,), "read back as another type of the union"),
    (Union[int, List[int]], ["a"], r"expected int, found str at \[0\]"),
    (float, 2**53 + 1, "none that a float can be"),
    (float, 10**400, "none that a float can be"),
    (int, 2**63, "more than 64 bits"),
])  # fmt: skip
def test_S7_a_value_that_does_not_fit_is_not_stored(annotation: Any, value: Any, says: str) -> None:
    storage, events, model = Storage.memory(), [], {"value": value}  # type: Tuple[Storage, List[Event], Dict[str, Any]]
    session = Runtime(model).attach(fields(annotation), storage, on_event=events.append)  # What the model has does not keep it from starting.
    session.mark("value")
    with pytest.raises(EncodeError, match=f"^value: .*{says}"):
        session.persist()
    assert list(storage) == [] and isinstance(events[-1].error, EncodeError)
    assert "secret" not in repr(events)


@pytest.mark.parametrize("annotation, json, says", [
    (int, '"secret"', "the stored value is a string, which the field does not accept"),
    (Optional[int], "[1]", "the stored value is an array, which the field does not accept"),
    (float, "true", "the stored value is true or false, which the field does not accept"),
    (datetime, '"2030-01-01"', "the str is not a datetime"),
    (date, '"2030-13-01"', "the str is not a date"),
    (timedelta, '"P1DT"', "the str is not a timedelta"),
    (timedelta, '"P9999999999999D"', "the str is not a timedelta"),
    (UUID, "5", "the stored value is a number, which the field does not accept"),
    (Decimal, '"secret"', "the str is not a Decimal"),
    (bytes, '"*"', "the str is not a bytes"),
    (Tuple[int, str], "[1]", r"expected 2 elements, found 1"),
    (Point, "[]", r"expected 2 elements, found 0"),
    (Options, '{"name":"a"}', "expected a value, found nothing at size"),
    (Node, '{"below":[{"number":"secret"}]}', r"expected int, found str at below\[0\].number"),
    (Range, '{"low":11}', "the class refuses it: ValueError"),
    (Range, "{}", "expected a value, found nothing at low"),
    (Dict[str, int], '{"secret":[]}', r"expected int, found list at \*"),
])  # fmt: skip
def test_S3_a_refusal_says_why_and_where_without_the_value(annotation: Any, json: str, says: str) -> None:
    storage, events, model = Storage.memory(), [], {"value": None}  # type: Tuple[Storage, List[Event], Dict[str, Any]]
    storage.set("lily_session_value", RawJSON(json))
    Runtime(model).attach(fields(annotation), storage, on_event=events.append)
    refused = [event.error for event in events if event.kind.name == "REJECTED"]
    assert len(refused) == 1 and isinstance(refused[0], DecodeError) and "secret" not in repr(refused)
    with pytest.raises(DecodeError, match=f"^value: {says}$"):
        raise refused[0]


@pytest.mark.parametrize("json, value", [
    ('{"low":3,"new":[1]}', Range(3)),  # a newer version of the program has stored a member that this one does not know
    ('"2030-01-02T00:00:00Z"', datetime(2030, 1, 2, tzinfo=timezone.utc)),
    ('"PT1H30M"', timedelta(hours=1, minutes=30)),
    ("[1]", Point(1)),
    ("[1,1,2]", {1, 2}),
])  # fmt: skip
def test_what_others_may_have_stored(json: str, value: Any) -> None:
    storage, model = Storage.memory(), {"value": None}
    storage.set("lily_session_value", RawJSON(json))
    Runtime(model).attach(fields(Set[int] if isinstance(value, set) else type(value)), storage)
    assert model["value"] == value


def test_S7_what_a_class_refuses_is_not_stored() -> None:
    wrong = Range(3)
    object.__setattr__(wrong, "high", 1)
    model: Dict[str, Any] = {"value": Range(1)}
    session = Runtime(model).attach(fields(Range), Storage.memory())
    model["value"] = wrong
    with pytest.raises(EncodeError, match="the class refuses it: ValueError"):
        session.persist()


@dataclass
class Other:
    low: int = 0


def test_classes_that_look_alike_in_JSON_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(TypeError, match="look alike in JSON"):
        fields(Union[Range, Other])

    @dataclass
    class Initial:
        seed: dataclasses.InitVar[int]

    with pytest.raises(TypeError, match="Initial, whose seed is no member"):
        fields(Initial)


everything = some.fixed_dictionaries({
    "when": some.none() | some.datetimes(timezones=some.none() | some.just(timezone.utc)), "day": some.dates(), "span": some.timedeltas(),
    "id": some.uuids(), "price": some.decimals(allow_nan=False), "data": some.binary(), "words": some.sets(some.text()),
})  # fmt: skip


@dataclass
class Everything:
    when: Optional[datetime] = None
    day: date = date(2030, 1, 1)
    span: timedelta = timedelta(0)
    id: UUID = UUID(int=0)
    price: Decimal = Decimal(0)
    data: bytes = b""
    words: Set[str] = field(default_factory=set)


@settings(max_examples=50, deadline=None)
@given(everything)
def test_S2_round_trips(values: Dict[str, Any]) -> None:
    storage, model, read = Storage.memory(), Everything(), Everything()
    session = Runtime(model).attach(Persistence.of(Everything), storage)
    for name, value in values.items():
        setattr(model, name, value)
    session.persist()
    Runtime(read).attach(Persistence.of(Everything), storage)
    assert read == model and repr(read.price) == repr(model.price)


@dataclass(frozen=True)
class Holder:
    anything: Any = None


@pytest.mark.parametrize("annotation, value", [
    (set, {(1, 2)}), (Set[Any], {1, (3,)}), (FrozenSet[Any], frozenset({(1,)})), (Set[Tuple[Any, ...]], {((1,),)}),
    (Set[Holder], {Holder((1,))}), (Dict[str, Set[Any]], {"a": {()}}),
])  # fmt: skip
def test_a_set_of_what_would_be_read_back_as_lists_is_not_stored(annotation: Any, value: Any) -> None:
    storage, model = Storage.memory(), Holder()
    runtime = Runtime(model)
    session = runtime.attach(Persistence(Holder).field("anything", type=Union[annotation, None]), storage, on_event=lambda event: None)
    runtime.model = Holder(value)
    with pytest.raises(EncodeError, match="a set cannot have what would be read back"):
        session.persist()
    assert list(storage) == []


def test_an_object_that_contains_itself_is_not_stored() -> None:
    storage, model = Storage.memory(), Program()
    session = Runtime(model).attach(Persistence.of(Program), storage, on_event=lambda event: None)
    model.node.below.append(model.node)
    model.count = 5
    with pytest.raises(EncodeError, match="^node: the value is nested too deeply$"):
        session.persist()
    with pytest.raises(EncodeError, match="^node: the value is nested too deeply$"):
        session.modify("node", lambda node: model.node, default=Node())
    assert dict(storage) == {"lily_session_count": 5}  # The other field is stored.


@dataclass
class Program:
    node: Node = field(default_factory=Node)
    count: int = 0
