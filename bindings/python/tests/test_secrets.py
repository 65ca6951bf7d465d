"""Tests that no text of the binding quotes a value: neither exceptions, with all that led to them, nor events, nor warnings."""
import enum
import traceback
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

import lily_session._values
from lily_session import Backend, DecodeError, EncodeError, Entry, Event, EventKind, Item, Persistence, RawJSON, Runtime, Storage

SECRET = "ada-secret-7"


def told(error: Optional[BaseException]) -> str:
    """Returns all texts of an exception and of those that led to it, also if a traceback does not show them."""
    if error is None:
        return ""
    texts = [repr(error), *traceback.format_exception(None, error, error.__traceback__)]
    return "".join(texts) + told(error.__cause__) + told(error.__context__)


class Plan(enum.Enum):
    FREE = "free"


class Looked(enum.Enum):
    FREE = "free"

    @classmethod
    def _missing_(cls, value: object) -> "Looked":
        return cls[str(value)]  # raises KeyError


class Mistaken(enum.Enum):
    FREE = "free"

    @classmethod
    def _missing_(cls, value: object) -> "Mistaken":
        raise AssertionError("a mistake")


Values = Dict[str, Any]


def fields(**options: Any) -> "Persistence[Values]":
    return Persistence[Values]().field("value", get=lambda model: model.get("value"), set=lambda model, value: model.update(value=value), **options)


def check_refused(annotation: Any, right: Any, json: str, says: str) -> None:
    """Checks that a stored value is refused with a text and without the value, by attach and by a modification."""
    storage, events, model = Storage.memory(), [], {"value": right}  # type: Tuple[Storage, List[Event], Values]
    session = Runtime(model).attach(fields(type=annotation), storage)
    storage.set("lily_session_value", RawJSON(json))
    with pytest.raises(DecodeError) as caught:
        session.modify("value", lambda value: value)
    Runtime(model).attach(fields(type=annotation), storage, on_event=events.append)
    assert events[0].kind == EventKind.REJECTED and isinstance(events[0].error, DecodeError)
    assert str(events[0].error) == f"value: {says}"
    assert str(caught.value) == f"value: the stored value is not one that the field accepts: {says}"
    assert SECRET not in repr(events) + told(events[0].error) + told(caught.value)


@pytest.mark.parametrize("annotation", [Plan, Looked])
def test_S2_an_enum_does_not_quote_what_no_member_is(annotation: Any) -> None:
    check_refused(annotation, annotation.FREE, f'"{SECRET}"', f"the value is not one of {annotation.__name__}")


def test_a_mistake_in_an_enum_comes_out_without_what_enum_says() -> None:
    storage, model = Storage.memory(), {"value": Mistaken.FREE}  # type: Tuple[Storage, Values]
    storage["lily_session_value"] = SECRET
    with pytest.raises(AssertionError, match="^a mistake$") as caught:
        Runtime(model).attach(fields(type=Mistaken), storage)
    assert SECRET not in told(caught.value)


def test_S2_modify_does_not_pass_on_what_decode_says() -> None:
    storage, model = Storage.memory(), {}  # type: Tuple[Storage, Values]
    session = Runtime(model).attach(fields(encode=str, decode=int), storage)
    storage["lily_session_value"] = SECRET
    with pytest.raises(DecodeError, match="not one that the field accepts: ValueError$") as caught:
        session.modify("value", lambda value: value)
    assert SECRET not in told(caught.value)


def test_an_object_instead_of_its_class_is_not_quoted() -> None:
    @dataclass
    class Login:
        pin: str

    for given in (Login(SECRET), {"pin": SECRET}):
        with pytest.raises(TypeError, match="an object of type (Login|dict) is not a class") as caught:
            Persistence.of(given)  # type: ignore[arg-type]
        assert SECRET not in told(caught.value)


def test_a_backends_text_with_a_surrogate_is_not_quoted() -> None:
    class Spoiled(Backend):
        def read(self, key: str) -> Entry:
            return Entry(key, f'"{SECRET}\udc80"')

        def write(self, entries: Sequence[Entry], prefix: Optional[str], generation: int) -> None: ...

        def clear(self, prefix: str) -> None: ...

        def generation(self, prefix: str) -> int:
            return 0

        def each(self, prefix: str) -> List[Entry]:
            return [self.read("key")]

    storage = Storage.backend(Spoiled())
    for function in (lambda: storage["key"], storage.each):
        with pytest.raises(ValueError, match="an entry for 'key' with a surrogate$") as caught:
            function()
        assert SECRET not in told(caught.value)


def test_json_does_not_quote_a_key_of_a_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EncodeError) as caught:
        Storage.memory().set("key", {SECRET: object()})
    assert SECRET not in told(caught.value)

    # Python 3.14 adds these notes.
    def encode(value: Any) -> str:
        error = TypeError("not serializable")
        vars(error)["__notes__"] = [f"when serializing dict item {SECRET!r}"]
        raise error

    monkeypatch.setattr(lily_session._values, "_encode", encode)
    with pytest.raises(EncodeError, match="not serializable") as caught:
        Storage.memory().set("key", {SECRET: object()})
    assert SECRET not in told(caught.value) and not getattr(caught.value, "__notes__", [])


def test_a_text_that_is_not_json_is_not_in_the_exception() -> None:
    item = Item("key", RawJSON(SECRET), None)
    with pytest.raises(DecodeError, match="^the text is not JSON at character 0$") as caught:
        item.value
    assert not hasattr(caught.value, "doc") and SECRET not in told(caught.value)
