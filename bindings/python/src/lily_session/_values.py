"""Python values as lily_session_value, and back."""
import json
from typing import Any

from ._native import ffi, lib

NULL: int = lib.LILY_SESSION_NULL
BOOL: int = lib.LILY_SESSION_BOOL
INT: int = lib.LILY_SESSION_INT
REAL: int = lib.LILY_SESSION_REAL
STRING: int = lib.LILY_SESSION_STRING
JSON: int = lib.LILY_SESSION_JSON

IMMUTABLE = frozenset((type(None), bool, int, float, str))
"""Of exactly these types, one object is always one value."""


class RawJSON(str):
    """JSON text as it is stored: for a field that keeps it so, and for an `encode` that makes JSON itself."""

    __slots__ = ()


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dumps(value: Any) -> bytes:
    """JSON text of anything that `json` knows. RawJSON is that already."""
    # Surrogates and NaN go through, for the library to refuse.
    return (value if isinstance(value, RawJSON) else _encode(value)).encode("utf-8", "surrogatepass")


def loads(value: Any, raw: bool) -> Any:
    """What the library hands to `set`. `raw`: JSON as text."""
    content = getattr(value, "as")
    kind = value.type
    if kind == STRING or kind == JSON:
        text = ffi.unpack(content.text.bytes, content.text.length).decode()
        if kind == STRING:
            return text
        return RawJSON(text) if raw else json.loads(text)
    if kind == BOOL:
        return content.boolean
    if kind == INT:
        return content.integer
    if kind == REAL:
        return content.real
    return None


def store(out: Any, value: Any, types: int) -> Any:
    """Fills a lily_session_value, and gives what its text lives in. What it cannot hold is left without a type, which the library
    takes for a value that does not fit."""
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
    else:
        memory = ffi.from_buffer(dumps(value))
        content.text.bytes, content.text.length = memory, len(memory)
        out.type = JSON
        return memory
    return None
