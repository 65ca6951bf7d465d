"""Runs Tests/cases, the data that every language runs. Its README explains it."""
import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Union

import pytest

from lily_session import DecodeError, EncodeError, InvalidArgumentError, MissingKeyError, Persistence, RawJSON, Runtime, State, Storage

FOLDER = Path(__file__).resolve().parents[3] / "Tests/cases"
TYPES = {"NULL": None, "BOOL": bool, "INT": int, "REAL": float, "STRING": str, "JSON": RawJSON}
Case = Dict[str, Any]


def cases(name: str) -> pytest.MarkDecorator:
    all_of_them = json.loads((FOLDER / f"{name}.json").read_text())
    assert len(all_of_them) > 20
    return pytest.mark.parametrize("case", all_of_them, ids=lambda case: case["name"])


def text(spelled: Any) -> str:
    """Returns the text of a case. Bytes that are not UTF-8 become surrogates."""
    return data(spelled).decode("utf-8", "surrogateescape")


def data(spelled: Any) -> bytes:
    if isinstance(spelled, str):
        return spelled.encode("utf-8", "surrogatepass")
    if isinstance(spelled, list):
        return b"".join(map(data, spelled))
    if "hex" in spelled:
        return bytes.fromhex(spelled["hex"])
    return data(spelled["repeat"]) * int(spelled["times"])


def value(spelled: Case) -> Any:
    kind = spelled["type"]
    if kind == "REAL":
        return struct.unpack(">d", bytes.fromhex(spelled["bits"]))[0]
    if kind == "STRING":
        return text(spelled["value"])
    return RawJSON(text(spelled["text"])) if kind == "JSON" else spelled.get("value")


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    return struct.pack(">d", one) == struct.pack(">d", other) if isinstance(one, float) else bool(one == other)


class Holder:
    """A model with one field that accepts the types of a case."""

    def __init__(self, case: Case, storage: Storage, first: object) -> None:
        self.value = first
        # The field also accepts another type, for the value that it has before that of the case.
        kinds: List[Any] = [TYPES[name] for name in case["types"]] + [type(first)]
        self.runtime: "Runtime[Holder, Any]" = Runtime(self, lambda holder, message: setattr(holder, "value", message))
        fields: "Persistence[Holder]" = Persistence()
        fields.field("field", get=lambda holder: holder.value, set=lambda holder, value: setattr(holder, "value", value),
                     type=Union[tuple(kinds)])
        self.session = self.runtime.attach(fields, storage)


@cases("values")
def test_S2_a_value_is_stored_as(case: Case) -> None:
    with Storage.memory() as storage:
        Holder(case, storage, 31337).runtime.dispatch(value(case["set"]))
        assert storage.get_json("lily_session_field").encode() == data(case["stored"])


@cases("unstorable")
def test_S7_a_value_is_not_stored(case: Case) -> None:
    if case["name"] == "type/int_for_real":
        pytest.skip("Python's annotations take an int for a float: it is stored as a real")
    first = {"REAL": 1.0, "STRING": "at first", "JSON": RawJSON("[]"), "INT": 1, "BOOL": False, "NULL": None}[case["types"][0]]
    with Storage.memory() as storage:
        holder = Holder(case, storage, first)
        with pytest.raises(EncodeError):
            holder.runtime.dispatch(value(case["set"]))
        assert storage.each() == []
        holder.value = first
        holder.runtime.close()


@cases("hydrate")
def test_S3_a_field_is_set_to(case: Case) -> None:
    unset = SimpleNamespace()
    with Storage.memory() as storage:
        storage.set("lily_session_field", RawJSON(text(case["stored"])))
        model = SimpleNamespace(value=unset)
        fields: "Persistence[SimpleNamespace]" = Persistence()
        fields.field("field", get=lambda model: None, set=lambda model, value: setattr(model, "value", value),
                     type=Union[tuple(TYPES[name] for name in case["types"])])
        session = Runtime(model).attach(fields, storage)
        if case["value"] == "rejected":
            assert model.value is unset
            assert session.field_state("field").state == State.REJECTED
        else:
            assert same(model.value, value(case["value"]))
            assert session.field_state("field").state == State.LOADED


@cases("texts")
def test_S2_a_text_comes_out_as_it_went_in(case: Case, path: Path) -> None:
    with Storage.open(path) as storage:
        storage.set("k", RawJSON(text(case["json"])))
        assert storage.get_json("k").encode() == data(case["stored"])
    with Storage.open(path) as storage:
        assert storage.get_json("k").encode() == data(case["stored"])


@cases("refused")
def test_S2_a_text_is_refused(case: Case) -> None:
    with Storage.memory() as storage:
        with pytest.raises(DecodeError):
            storage.set("k", RawJSON(text(case["json"])))
        with pytest.raises(MissingKeyError):
            storage["k"]


@cases("keys")
def test_S1_what_is_a_key(case: Case) -> None:
    key = text(case["key"])
    with Storage.memory() as storage:
        for is_key, use in (
            (case["storage"], lambda: storage.set(key, 1)),
            (case["field"], lambda: Persistence().field(key, get=lambda model: 1, set=lambda model, value: None)),
        ):
            if is_key:
                use()
            else:
                with pytest.raises(InvalidArgumentError):
                    use()
