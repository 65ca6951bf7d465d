"""Derives from an annotation which JSON a field accepts, and how its values are encoded and decoded."""
import enum
import sys
import typing
from operator import attrgetter
from typing import Annotated, Any, Callable, Dict, Iterator, NamedTuple, Optional, Type, TypeVar, Union

from ._errors import DecodeError
from ._values import BOOL, INT, JSON, NULL, REAL, STRING, UNFIT, RawJSON

REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""Exceptions that refuse a value from storage. Any other exception is a mistake in the program. A value that is nested too deeply for
Python is one that somebody else may have stored."""

V = TypeVar("V")

_ENTRIES = object()

Map = Annotated[Dict[str, V], _ENTRIES]
"""The annotation of a dict whose entries are stored each under a key of its own: `cookies: Map[str]`."""

_UNIONS: "tuple[object, ...]" = (Union,)
if sys.version_info >= (3, 10):
    import types

    _UNIONS += (types.UnionType,)


class Codec(NamedTuple):
    """Encodes and decodes the values of a field."""

    types: int
    encode: Optional[Callable[[Any], Any]]
    """None if a value is stored as it is."""
    decode: Callable[[Any], Any]
    raw: bool = False
    """True if `decode` takes JSON as text."""


ANYTHING = Codec(NULL | BOOL | INT | REAL | STRING | JSON, None, lambda value: value)
_SCALARS = {bool: BOOL, int: INT, float: REAL, str: STRING, type(None): NULL, None: NULL}


class _Unknown(TypeError):
    pass


def entry_of(annotation: Any) -> Any:
    """Returns the annotation of the values of a Map, or None if the annotation is not one."""
    return typing.get_args(annotation.__origin__)[1] if _ENTRIES in getattr(annotation, "__metadata__", ()) else None


def codec_of(annotation: Any, what: str) -> Codec:
    """Returns the codec for an annotation. pydantic, if it is installed, supplies it for annotations that are not known here."""
    try:
        return _codec(annotation)
    except _Unknown as unknown:
        try:
            from pydantic import VERSION, TypeAdapter, ValidationError

            if tuple(map(int, VERSION.split(".")[:2])) < (2, 7):  # Older ones can only warn of a value that does not fit.
                raise ImportError
        except ImportError:
            raise TypeError(
                f"{what}: cannot store values of {unknown}. Give the field an encode and a decode, or install pydantic 2.7 or newer."
            ) from None
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    # The texts of pydantic's exceptions and warnings quote the value, which may be a secret, so none of them is passed on.

    def encode(value: Any) -> Any:
        try:
            return RawJSON(adapter.dump_json(value, warnings="error"), "utf-8")
        except REFUSALS:
            return UNFIT

    def decode(text: str) -> Any:
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            names = set(_names_in(adapter.core_schema))
            told = "; ".join(
                each["type"] + (f" at {_place(each['loc'], names)}" if each["loc"] else "")
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            )
        except REFUSALS as error:
            told = type(error).__name__
        raise DecodeError(f"the value does not fit the annotation: {told}")

    return Codec(JSON, encode, decode, raw=True)


def _names_in(schema: object, are_names: bool = False) -> "Iterator[str]":
    """Yields the names that a schema of pydantic gives to fields. `are_names` is true if strings in it are such names."""
    if isinstance(schema, str) and are_names:
        yield schema
    elif isinstance(schema, (list, tuple)):
        for part in schema:
            yield from _names_in(part, are_names)
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if key == "fields" and isinstance(part, dict):
                yield from part
                yield from _names_in([*part.values()])
            elif key not in ("default", "metadata"):  # These are the program's own objects.
                yield from _names_in(part, key in ("name", "validation_alias"))


def _place(location: "tuple[Union[int, str], ...]", names: "set[str]") -> str:
    """Returns the place in a value that pydantic found a mistake at. A name that is not one of the fields' may be a key of a dict, which
    is a part of the value."""
    return ".".join(str(part) if isinstance(part, int) or part in names else "*" for part in location)


def _codec(annotation: Any) -> Codec:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _codec(parts[0])
    if annotation in (Any, object):
        return ANYTHING
    if annotation is RawJSON:
        return Codec(JSON, None, _checked(RawJSON), raw=True)
    if annotation in _SCALARS:
        return Codec(_SCALARS[annotation], None, _real if annotation is float else _checked(annotation or type(None)))
    if origin in _UNIONS:
        return _union([_codec(part) for part in parts])
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        types = 0
        for member in annotation:
            types |= _codec(type(member.value)).types
        if types & JSON or not types:
            raise _Unknown(annotation)
        return Codec(types, attrgetter("value"), _member_of(annotation))
    if annotation in (list, dict):
        return Codec(JSON, None, _checked(annotation))
    if origin is list:
        return _sequence(list, _codec(parts[0]))
    if origin is tuple and parts[1:] == (...,):
        return _sequence(tuple, _codec(parts[0]))
    if origin is dict and parts[0] is str:
        return _mapping(_codec(parts[1]))
    raise _Unknown(annotation)


def _checked(kind: type) -> Callable[[Any], Any]:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise DecodeError(f"the value is not of type {kind.__name__}")
        return value

    return decode


def _member_of(kind: Type[enum.Enum]) -> Callable[[Any], Any]:
    def decode(value: Any) -> Any:
        try:
            return kind(value)
        except REFUSALS:
            pass
        except Exception as error:  # a mistake in the program's _missing_
            error.__context__ = None  # enum puts an exception there that quotes the value.
            raise
        raise DecodeError(f"the value is not one of {kind.__name__}")  # The other exception quotes the value, which may be a secret.

    return decode


def _real(value: Any) -> float:
    if type(value) not in (int, float):
        raise DecodeError("the value is not a number")
    return float(value)


def _union(members: "list[Codec]") -> Codec:
    members.sort(key=lambda member: member.decode is _real)  # last, as it also accepts integers
    types = 0
    for member in members:
        types |= member.types

    def encode(value: Any) -> Any:
        for member in members:
            try:
                encoded = value if member.encode is None else member.encode(value)
                member.decode(encoded)
                return encoded
            except (*REFUSALS, AttributeError):
                pass
        return value  # The library will refuse it.

    def decode(value: Any) -> Any:
        for member in members:
            try:
                return member.decode(value)
            except REFUSALS:
                pass
        raise DecodeError("the value is of none of the union's types")

    return Codec(types, None if all(member.encode is None for member in members) else encode, decode, any(member.raw for member in members))


def _sequence(kind: Callable[..., Any], element: Codec) -> Codec:
    if element.raw:
        raise _Unknown(f"{kind.__name__} of RawJSON")
    inner, check = element.encode, _checked(list)
    encode = None if inner is None else lambda values: [inner(value) for value in values]
    return Codec(JSON, encode, lambda values: kind(element.decode(value) for value in check(values)))


def _mapping(element: Codec) -> Codec:
    if element.raw:
        raise _Unknown("dict of RawJSON")
    inner, check = element.encode, _checked(dict)
    encode = None if inner is None else lambda values: {key: inner(value) for key, value in values.items()}
    return Codec(JSON, encode, lambda values: {key: element.decode(value) for key, value in check(values).items()})
