"""Tests that nothing is told of what pydantic says of a value, because it quotes the value."""
import warnings
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any, Callable, Dict, List, Optional, Set, Union
from zoneinfo import ZoneInfo

import pytest
from test_secrets import SECRET, check_refused, told

from lily_session import EncodeError, Event, EventKind, Map, Persistence, Runtime, Storage

pytest.importorskip("pydantic", minversion="2.7", reason="what pydantic adds is tested where it is installed")

from pydantic import (  # noqa: E402
    AfterValidator, AliasChoices, AliasPath, BaseModel, ConfigDict, Field, ImportString, PlainSerializer, PlainValidator, PrivateAttr, SecretStr,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass  # noqa: E402
from typing_extensions import Annotated, Literal, TypedDict  # noqa: E402


class Checked(BaseModel):
    model_config = ConfigDict(validate_assignment=True)
    low: int = 0
    high: int = 10

    @model_validator(mode="after")
    def check(self) -> "Checked":
        if self.low > self.high:
            raise ValueError("low > high")
        return self


def test_S3_a_value_that_a_check_of_all_members_refuses_is_not_left_in_the_model(events: List[Event]) -> None:
    storage = Storage.memory()
    storage["lily_session_low"] = 50
    model = Checked()
    session = Runtime(model).attach(Persistence.of(Checked), storage, on_event=events.append)
    assert [(event.kind, event.key) for event in events] == [(EventKind.REJECTED, "low")] and model == Checked()
    session.detach()
    assert storage["lily_session_low"] == 50


class Password(BaseModel):
    kind: Literal["password"]


class Key(BaseModel):
    kind: Literal["key"]


class Place(BaseModel):
    street: int = 0


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pin: int = 0
    pins: Dict[str, List[int]] = {}
    default: Place = Place()
    either: Annotated[int, Field(validation_alias=AliasChoices("first", "second"), serialization_alias="first")] = 0
    renamed: Annotated[int, Field(alias="Named")] = 0


@dataclass
class Account:
    login: Login
    others: "List[Account]" = field(default_factory=list)


class Pinned(TypedDict):
    pin: int


Strict = Annotated[Pinned, Field(description="by pydantic")]


def looked_up(name: Optional[bytes]) -> Optional[bytes]:
    names: Dict[Optional[bytes], Optional[bytes]] = {None: None}
    return names[name]


@pytest.mark.parametrize("annotation, right, json, says", [
    (Annotated[Union[Password, Key], Field(discriminator="kind")], Key(kind="key"), '{"kind":"%s"}', "union_tag_invalid"),
    (ZoneInfo, ZoneInfo("UTC"), '"%s"', "zoneinfo_str"),
    (ImportString, None, '"%s"', "import_error"),
    (Set[SecretStr], set(), '[["%s"]]', "string_type at 0"),
    (Login, Login(), '{"pin":"%s"}', "int_parsing at pin"),
    (Login, Login(), '{"second":"%s"}', "int_parsing at second"),
    (Login, Login(), '{"Named":"%s"}', "int_parsing at Named"),
    (Login, Login(), '{"pins":{"%s":[1,"x"]}}', "int_parsing at pins.*.1"),
    (Login, Login(), '{"default":{"street":"%s"}}', "int_parsing at default.street"),
    (Login, Login(), '{"%s":1}', "extra_forbidden at *"),
    (Account, Account(Login()), '{"login":{},"others":[{"login":{"pin":"%s"}}]}', "int_parsing at others.0.login.pin"),
    (Dict[str, Strict], {}, '{"%s":{"pin":"x"}}', "int_parsing at *.pin"),
    (Dict[int, date], {}, '{"%s":"2030-01-01"}', "int_parsing at *.*"),
    (Annotated[Union[bytes, None], AfterValidator(looked_up)], None, '"%s"', "KeyError"),
])  # fmt: skip
def test_S2_a_stored_value_is_not_quoted(annotation: Any, right: Any, json: str, says: str) -> None:
    check_refused(annotation, right, json % SECRET, f"the value does not fit the annotation: {says}")


def spoiled(login: Login) -> Login:
    wrong: Any = SECRET
    login.pin = wrong  # Python allows it.
    return login


@pytest.mark.parametrize("annotation, right, wrong", [
    (Login, Login, lambda: spoiled(Login())),
    (Optional[Login], Login, lambda: spoiled(Login())),
    (date, lambda: date(2030, 1, 1), lambda: SECRET),
    (Set[int], lambda: {1}, lambda: [SECRET]),
    (Set[int], lambda: {1}, lambda: {SECRET}),
    (Set[str], lambda: {"x"}, lambda: {SECRET + "\udc80"}),
    (Annotated[bytes, PlainSerializer(looked_up, when_used="unless-none")], lambda: None, lambda: SECRET.encode()),
])  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_and_not_quoted(
    annotation: Any, right: Callable[[], Any], wrong: Callable[[], Any], events: List[Event], capfd: pytest.CaptureFixture[str]
) -> None:
    model: Dict[str, Any] = {"value": right(), "count": 0}
    fields = Persistence[Dict[str, Any]]().field("value", get=lambda model: model["value"], set=lambda model, value: None, type=annotation)
    fields.field("count", get=lambda model: model["count"], set=lambda model, value: None, type=int)
    storage = Storage.memory()
    session = Runtime(model).attach(fields, storage, on_event=events.append)
    model.update(value=wrong(), count=1)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for store in (session.persist, lambda: session.modify("value", lambda value: model["value"])):
            with pytest.raises(EncodeError) as caught:
                store()
            assert SECRET not in told(caught.value)
    assert not warned and "".join(capfd.readouterr()) == ""
    assert [(event.kind, event.key, type(event.error)) for event in events[:1]] == [(EventKind.FIELD_FAILED, "value", EncodeError)]
    assert SECRET not in repr(events)
    assert {item.key: item.value for item in storage.each()} == {"lily_session_count": 1}  # The other field is stored.


def test_an_entry_of_a_map_that_does_not_fit_is_refused_and_not_quoted(events: List[Event]) -> None:
    @dataclass
    class Logins:
        logins: Map[Login] = field(default_factory=dict)

    storage, model = Storage.memory(), Logins()
    session = Runtime(model).attach(Persistence.of(Logins), storage, on_event=events.append)
    model.logins.update(ada=spoiled(Login()), grace=Login(pin=7))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(EncodeError) as caught:
            session.persist()
    assert SECRET not in told(caught.value) + repr(events) and [event.key for event in events] == ["logins/ada"]
    assert list(storage) == ["lily_session_logins/grace"]


class Secret(BaseModel):
    password: SecretStr = SecretStr("")


class Partly(BaseModel):
    kept: int = 0
    left_out: int = Field(default=7, exclude=True)


class Elsewhere(BaseModel):
    number: int = Field(default=0, validation_alias=AliasChoices("first", "second"))


class Cached(BaseModel):
    at: datetime = datetime(2030, 1, 1, tzinfo=timezone.utc)
    _cache: int = PrivateAttr(0)


class WithoutEquality:
    def __init__(self, text: str) -> None:
        self.text = text


Opaque = Annotated[WithoutEquality, PlainValidator(WithoutEquality), PlainSerializer(lambda value: value.text, return_type=str)]


def cached() -> Cached:
    made = Cached(at=datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")))
    made._cache = 5
    return made


@pytest.mark.parametrize("annotation, value, is_stored", [
    (SecretStr, SecretStr(SECRET), False),
    (SecretStr, SecretStr(""), True),
    (Secret, Secret(password=SecretStr(SECRET)), False),
    (List[Secret], [Secret(password=SecretStr(SECRET))], False),
    (Partly, Partly(kept=1, left_out=8), False),
    (Partly, Partly(kept=1), True),
    (Elsewhere, Elsewhere.model_validate({"first": 5}), False),
    (Cached, cached(), True),
    (Dict[str, List[Cached]], {"a": [cached()]}, True),
    (Opaque, WithoutEquality("x"), True),
])  # fmt: skip
def test_what_does_not_read_back_as_the_same_is_not_stored(annotation: Any, value: Any, is_stored: bool) -> None:
    model: Dict[str, Any] = {"value": None}
    fields = Persistence[Dict[str, Any]]().field(
        "value", get=lambda model: model["value"], set=lambda model, value: model.update(value=value), type=Optional[annotation]
    )
    storage = Storage.memory()
    session = Runtime(model).attach(fields, storage, on_event=lambda event: None)
    model["value"] = value
    if is_stored:
        session.persist()
        assert list(storage) == ["lily_session_value"]
    else:
        with pytest.raises(EncodeError, match="value: the value would be read back as another") as caught:
            session.persist()
        assert SECRET not in told(caught.value) and list(storage) == []


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")
    token: str = Field(default="", validation_alias=AliasChoices(AliasPath("tokens", 0), "tok", "TOKEN"))
    inside: int = Field(default=0, validation_alias=AliasPath("outer", "inside"))
    count: int = 0
    _cache: int = PrivateAttr(0)


class Derived(BaseModel):
    model_config = ConfigDict(frozen=True)
    token: str = None  # type: ignore[assignment] # pydantic does not check defaults
    parts: List[int] = []
    total: int = 0
    made: Any = Field(default_factory=object)

    @model_validator(mode="after")
    def add_up(self) -> "Derived":
        self.__dict__["total"] = sum(self.parts)
        return self


def test_S3_a_frozen_model_is_filled_although_its_defaults_are_not_valid(events: List[Event]) -> None:
    storage = Storage.memory()
    storage["lily_session_parts"] = [1, 2]
    model = Derived()
    runtime: Runtime[Any, Any] = Runtime(model)
    session = runtime.attach(Persistence.of(Derived, exclude=["token", "total", "made"]), storage, on_event=events.append)
    assert (runtime.model.token, runtime.model.parts, runtime.model.total) == (None, [1, 2], 3) and events == []
    assert runtime.model.made is model.made
    runtime.model.parts.append(3)
    session.persist()
    assert storage["lily_session_parts"] == [1, 2, 3]


@pydantic_dataclass(frozen=True)
class FrozenData:
    count: int = 0
    token: str = None  # type: ignore[assignment]
    names: List[str] = field(default_factory=list)
    made: int = field(default=0, init=False)


def test_S3_so_is_a_frozen_dataclass_of_pydantic(events: List[Event]) -> None:
    storage = Storage.memory()
    storage["lily_session_count"] = 5
    model = FrozenData(names=["a"])
    runtime: Runtime[Any, Any] = Runtime(model)
    session = runtime.attach(Persistence.of(FrozenData, exclude=["token", "made"]), storage, on_event=events.append)
    assert runtime.model == FrozenData(count=5, names=["a"]) and events == []
    storage["lily_session_names"] = ["b"]
    session.refresh()
    assert runtime.model == FrozenData(count=5, names=["b"])


class ByName(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)
    inside: int = Field(default=0, validation_alias=AliasPath("outer", "inside"))


def test_S3_a_frozen_model_keeps_what_its_aliases_and_extra_members_hold() -> None:
    storage = Storage.memory()
    storage.write({"lily_session_token": "abc", "lily_session_count": 1})
    made: Any = Frozen
    model = made(outer={"inside": 4}, other=9)
    model._cache = 7
    runtime = Runtime(model)
    session = runtime.attach(Persistence.of(Frozen, exclude=["inside"]), storage)
    for token, count in ("abc", 1), ("abc", 2), ("def", 2):
        storage.write({"lily_session_token": token, "lily_session_count": count})
        session.refresh()
        now: Any = runtime.model
        assert (now.token, now.count, now.inside, now.other, now._cache) == (token, count, 4, 9, 7)
    session.persist()
    assert storage["lily_session_token"] == "def"
    with pytest.raises(TypeError, match="'inside': the __init__ of the frozen class does not set it"):
        Runtime(Frozen()).attach(Persistence.of(Frozen), storage)
    storage["lily_session_inside"] = 3
    named = Runtime(ByName())
    named.attach(Persistence.of(ByName), storage)
    assert named.model.inside == 3
