"""Converts Python values to lily_session_value, and back."""
import json
from typing import Any

from ._errors import DecodeError
from ._native import ffi, lib

NULL: int = lib.LILY_SESSION_NULL
BOOL: int = lib.LILY_SESSION_BOOL
INT: int = lib.LILY_SESSION_INT
REAL: int = lib.LILY_SESSION_REAL
STRING: int = lib.LILY_SESSION_STRING
JSON: int = lib.LILY_SESSION_JSON

IMMUTABLE = frozenset((type(None), bool, int, float, str))
"""An object of exactly one of these types never changes its value."""


class RawJSON(str):
    """JSON text that is stored as it is: the value of a field that keeps JSON text, or the result of an `encode` that makes JSON itself."""

    __slots__ = ()


UNFIT = object()
"""What an `encode` returns for a value that does not fit the field's annotation. The library refuses it, as any value of a wrong type."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def as_json(value: Any) -> RawJSON:
    """Returns the JSON text of a value that `json` can encode. RawJSON is JSON text already."""
    if isinstance(value, RawJSON):
        return value
    try:
        return RawJSON(_encode(value))
    except Exception as error:
        vars(error).pop("__notes__", None)  # Since Python 3.14 the notes quote keys of dicts, which are parts of the value.
        raise


def dumps(value: Any) -> bytes:
    """Returns the JSON text of a value as bytes."""
    # Surrogates and NaN are passed on; the library refuses them.
    return as_json(value).encode("utf-8", "surrogatepass")


def parse(text: str) -> Any:
    """Returns the value that a JSON text stands for."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    raise DecodeError("the text is not JSON")  # The other exception has all of the text, which may be a secret.


def loads(value: Any, raw: bool) -> Any:
    """Returns the Python value that the library passes to `set`. If `raw` is true, JSON is returned as text."""
    content = getattr(value, "as")
    kind = value.type
    if kind == STRING or kind == JSON:
        text = ffi.unpack(content.text.bytes, content.text.length).decode()
        if kind == STRING:
            return text
        return RawJSON(text) if raw else parse(text)
    if kind == BOOL:
        return content.boolean
    if kind == INT:
        return content.integer
    if kind == REAL:
        return content.real
    return None


def fill_value(out: Any, value: Any, types: int) -> Any:
    """Fills a lily_session_value, and returns the memory that its text is in, or None if it has no text. A value that it cannot hold is
    left without a type, which makes the library refuse it."""
    content = getattr(out, "as")
    out.type = 0
    if isinstance(value, str):
        memory = ffi.from_buffer(dumps(value) if isinstance(value, RawJSON) else value.encode("utf-8", "surrogatepass"))
        content.text.bytes, content.text.length = memory, len(memory)
        out.type = JSON if isinstance(value, RawJSON) else STRING
        return memory
    if value is None:
        out.type = NULL
    elif isinstance(value, bool):
        content.boolean = value
        out.type = BOOL
    elif isinstance(value, int) and types & (INT | REAL) != REAL:
        if -(2**63) <= value < 2**63:
            content.integer = value
            out.type = INT
    elif isinstance(value, (int, float)):
        content.real = value
        out.type = REAL
    elif value is not UNFIT:
        memory = ffi.from_buffer(dumps(value))
        content.text.bytes, content.text.length = memory, len(memory)
        out.type = JSON
        return memory
    return None
