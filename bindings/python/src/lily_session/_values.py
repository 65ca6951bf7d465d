"""Converts Python values to lily_session_value, and back."""
import json
from typing import Any, List, NoReturn, Union

from ._errors import DecodeError, EncodeError
from ._native import ffi, lib

NULL: int = lib.LILY_SESSION_NULL
BOOL: int = lib.LILY_SESSION_BOOL
INT: int = lib.LILY_SESSION_INT
REAL: int = lib.LILY_SESSION_REAL
STRING: int = lib.LILY_SESSION_STRING
JSON: int = lib.LILY_SESSION_JSON
ALL: int = NULL | BOOL | INT | REAL | STRING | JSON

IMMUTABLE = frozenset((type(None), bool, int, float, str))
"""An object of exactly one of these types never changes its value."""


class RawJSON(str):
    """JSON text: the value of a field that keeps JSON text, or the result of an `encode` that makes JSON itself. It is stored as it is, but
    for the white space between its parts, which goes."""

    __slots__ = ()


class Misfit(ValueError):
    """A value does not fit its annotation, or is not what JSON has. It tells what was expected and where, and never the value itself."""

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says
        self.place: "List[str]" = []

    def at(self, step: Union[int, str]) -> NoReturn:
        """Adds the step to the place that leads to what has raised this, and raises it again."""
        self.place.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        raise self

    def __str__(self) -> str:
        place = "".join(reversed(self.place))
        return f"{self.says} at {place.lstrip('.')}" if place else self.says


def expected(what: str, value: object) -> Misfit:
    """Returns the exception for a value that is of another type."""
    return Misfit(f"expected {what}, found {type(value).__name__}")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def as_json(value: Any) -> RawJSON:
    """Returns the JSON text of a value that JSON has. RawJSON is JSON text already."""
    if isinstance(value, RawJSON):
        return value
    try:
        text = _encode(value)
    except TypeError as error:
        # It quotes no value, and names the type. Its notes, which Python 3.14 adds, quote keys.
        says = str(error) if type(error) is TypeError else type(error).__name__
    except ValueError as error:  # It quotes the number.
        says = "an object contains itself" if str(error).startswith("Circular") else "a number is NaN, infinite or too long"
    except RecursionError:
        says = "the value is nested too deeply"
    else:
        if type(value) not in IMMUTABLE:
            _check_keys(value)
        return RawJSON(text)
    raise Misfit(says)


def _check_keys(value: Any) -> None:
    """Refuses keys that are not str, which `json` would turn into str without a word, so that they would be read back as such."""
    containers = [value]
    while containers:
        container = containers.pop()
        if isinstance(container, dict):
            for key in container:
                if not isinstance(key, str):
                    raise expected("str as the key of a dict", key)
            container = container.values()
        elif not isinstance(container, (list, tuple)):
            continue
        containers += [part for part in container if type(part) not in IMMUTABLE]


def as_float(number: Union[int, float]) -> float:
    """Returns a number as a float, if it is one exactly."""
    try:
        converted = float(number)
    except OverflowError:
        converted = 0.0
    if isinstance(number, int) and converted != number:
        raise Misfit("the int is none that a float can be")
    return converted


def as_bytes(text: str) -> bytes:
    """Returns the UTF-8 of a text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    raise Misfit("a str has a surrogate, which UTF-8 cannot have")  # The other exception quotes the text.


def dumps(value: Any) -> bytes:
    """Returns the JSON text of a value as bytes, for the functions of a storage."""
    if isinstance(value, RawJSON):
        return value.encode("utf-8", "surrogatepass")  # The library refuses surrogates, as it does what is not JSON.
    try:
        return as_bytes(as_json(value))
    except Misfit as misfit:
        says = str(misfit)
    raise EncodeError(says)


def parse(text: str) -> Any:
    """Returns the value that a JSON text stands for."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        says = f"the text is not JSON at character {error.pos}"
    raise DecodeError(says)  # The other exception has all of the text, which may be a secret.


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
    """Fills a lily_session_value, and returns the memory that its text is in, or None if it has no text. Raises Misfit for a value that is of
    none of the types."""
    content = getattr(out, "as")
    kind, memory = JSON, None
    if isinstance(value, str):
        memory = ffi.from_buffer(as_bytes(value))
        kind = JSON if isinstance(value, RawJSON) else STRING
    elif value is None:
        kind = NULL
    elif isinstance(value, bool):
        content.boolean = value
        kind = BOOL
    elif isinstance(value, int) and types & (INT | REAL) != REAL:
        if not -(2**63) <= value < 2**63:
            raise Misfit("the int needs more than 64 bits")
        content.integer = value
        kind = INT
    elif isinstance(value, (int, float)):
        content.real = as_float(value)
        kind = REAL
    else:
        memory = ffi.from_buffer(as_bytes(as_json(value)))
    if not kind & types:
        raise expected(_names_of(types), value)
    if memory is not None:
        content.text.bytes, content.text.length = memory, len(memory)
    out.type = kind
    return memory


def _names_of(types: int) -> str:
    names = {NULL: "None", BOOL: "bool", INT: "int", REAL: "float", STRING: "str", JSON: "JSON"}
    return " or ".join(name for kind, name in names.items() if kind & types)
