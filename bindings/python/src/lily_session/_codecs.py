"""Codecs: what a field stores for a value, and what it makes of what is stored."""
import enum
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Sequence, Type

from ._values import ALL, JSON, Misfit, RawJSON, as_float, as_json, expected, parse

REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""Exceptions that refuse a value from storage. Any other exception is a mistake in the program. A value that is nested too deeply for
Python is one that somebody else may have stored."""


class Codec(NamedTuple):
    """Encodes and decodes the values of a field."""

    types: int
    """The types of lily_session_value that `encode` returns."""
    encode: Callable[[Any], Any]
    """Returns what is stored for a value: what JSON has, or RawJSON. Raises Misfit if the value does not fit."""
    decode: Callable[[Any], Any]
    """Returns the value for what is stored. Raises Misfit, or one of REFUSALS, to refuse it."""
    plain: bool = False
    """True if `encode` returns every value as it is, so that checking the types is enough."""
    raw: bool = False
    """True if `decode` takes JSON as text."""


ANYTHING = Codec(ALL, lambda value: value, lambda value: value, plain=True)


def exactly(kind: type) -> Callable[[Any], Any]:
    """Returns a function that returns values of this type, and refuses all others. True is no int here."""

    def check(value: Any) -> Any:
        if type(value) is not kind and (not isinstance(value, kind) or isinstance(value, bool)):
            raise expected("None" if kind is type(None) else kind.__name__, value)
        return value

    return check


def real(value: Any) -> float:
    """Returns a number as a float."""
    if type(value) is not float and (not isinstance(value, (int, float)) or isinstance(value, bool)):
        raise expected("float", value)
    return as_float(value)


def member_of(kind: Type[enum.Enum]) -> Callable[[Any], Any]:
    """Returns a function that returns the member of an enum that has a value."""

    def decode(value: Any) -> Any:
        try:
            return kind(value)
        except REFUSALS:
            pass
        except Exception as error:  # a mistake in the program's _missing_
            error.__context__ = None  # enum puts an exception there that quotes the value.
            raise
        raise Misfit(f"the value is not one of {kind.__name__}")  # The other exception quotes the value, which may be a secret.

    return decode


def literal(codecs: "List[Codec]", values: Sequence[Any]) -> Codec:
    """Returns the codec of some values. Each has the codec of its type."""
    codec = union(codecs)
    allowed = {(type(value), value) for value in values}
    names = " or ".join(map(repr, values))

    def check(value: Any) -> Any:
        try:
            if (type(value), value) in allowed:
                return value
        except TypeError:  # It has no hash.
            pass
        raise Misfit(f"expected {names}, found another {type(value).__name__}")

    return Codec(codec.types, lambda value: codec.encode(check(value)), lambda value: check(codec.decode(value)))


def union(members: "List[Codec]") -> Codec:
    """Returns the codec of a value that is of one of several types. The first that accepts what is stored is the one that reads it."""
    members.sort(key=lambda member: member.decode is real)  # last, as it also accepts integers
    types = 0
    for member in members:
        types |= member.types
    raw = any(member.raw for member in members)

    def decoded(member: Codec, stored: Any) -> Any:
        if isinstance(stored, RawJSON) and not member.raw:
            if not member.types & JSON:
                raise Misfit("the value is a list, a dict or a number of more than 64 bits")
            stored = parse(stored)
        return member.decode(stored)

    def encode(value: Any) -> Any:
        told: List[Misfit] = []
        for at, member in enumerate(members):
            try:
                encoded = member.encode(value)
            except Misfit as misfit:
                told.append(misfit)
                continue
            stored = as_json(encoded) if raw and member.types == JSON else encoded
            for earlier in members[:at]:
                try:
                    decoded(earlier, stored)
                except REFUSALS:
                    continue
                raise Misfit("the value would be read back as another type of the union")
            return encoded
        raise _of_several(told)

    def decode(stored: Any) -> Any:
        told: List[Misfit] = []
        for member in members:
            try:
                return decoded(member, stored)
            except Misfit as misfit:
                told.append(misfit)
        raise _of_several(told)

    return Codec(types, encode, decode, plain=all(member.plain for member in members), raw=raw)


def _of_several(told: "List[Misfit]") -> Misfit:
    """Returns the refusal that says most: the only one of a type that fits but for something inside, or one of all types together."""
    inside = [misfit for misfit in told if misfit.place or not misfit.says.startswith("expected ")]
    if len(inside) == 1:
        return inside[0]
    if inside or not told:
        return Misfit("the value is of none of the union's types")
    wanted = " or ".join(misfit.says[len("expected "):].partition(", found ")[0] for misfit in told)
    return Misfit(f"expected {wanted}, found {told[0].says.partition(', found ')[2]}")


def sequence(kind: Callable[[Iterable[Any]], Any], element: Codec, *, ordered: bool = True) -> Codec:
    """Returns the codec of a list, a tuple or a set, which is stored as a list. A set is stored in the order of its texts, so that equal sets
    are stored equally."""
    check, listed = exactly(kind), exactly(list)  # type: ignore[arg-type] # it is a class

    def encode(values: Any) -> Any:
        encoded = _each(element.encode, check(values), ordered)
        if ordered:
            return encoded
        if element.types & JSON:
            try:
                decode(parse(as_json(encoded)))
            except Misfit:
                raise
            except REFUSALS:
                pass
            else:
                return sorted(encoded, key=as_json)
            raise Misfit("a set cannot have what would be read back")  # The other exception may quote an element.
        return sorted(encoded, key=as_json)

    def decode(stored: Any) -> Any:
        return kind(_each(element.decode, listed(stored), True))

    return Codec(JSON, encode, decode)


def _each(function: Callable[[Any], Any], values: Iterable[Any], numbered: bool) -> "List[Any]":
    converted: List[Any] = []
    try:
        for value in values:
            converted.append(function(value))
    except Misfit as misfit:
        misfit.at(len(converted) if numbered else "*")
    return converted


def fixed(kind: type, make: Callable[[Iterable[Any]], Any], elements: "List[Codec]", least: int) -> Codec:
    """Returns the codec of a tuple with an element for each codec, or a named tuple, which is stored as a list. The last elements of one that
    others have stored may be missing, down to the number `least`."""
    check, listed = exactly(kind), exactly(list)

    def converted(functions: "List[Callable[[Any], Any]]", values: Any, least: int) -> "List[Any]":
        if not least <= len(values) <= len(functions):
            raise Misfit(f"expected {len(functions)} elements, found {len(values)}")
        found: List[Any] = []
        try:
            for function, value in zip(functions, values):
                found.append(function(value))
        except Misfit as misfit:
            misfit.at(len(found))
        return found

    encoders, decoders = [element.encode for element in elements], [element.decode for element in elements]
    return Codec(
        JSON, lambda values: converted(encoders, check(values), len(elements)),
        lambda stored: make(converted(decoders, listed(stored), least)),
    )  # fmt: skip


def mapping(element: Codec) -> Codec:
    """Returns the codec of a dict with keys of type str."""
    check = exactly(dict)

    def converted(function: Callable[[Any], Any], values: Any) -> Any:
        made = {}
        for key, value in check(values).items():
            if not isinstance(key, str):
                raise expected("str as the key of a dict", key)
            try:
                made[key] = function(value)
            except Misfit as misfit:
                misfit.at("*")  # The key is a part of the value, which may be a secret.
        return made

    return Codec(JSON, lambda values: converted(element.encode, values), lambda stored: converted(element.decode, stored))


class ObjectMember(NamedTuple):
    """A member of a JSON object whose names are known."""

    codec: Codec
    argument: str
    """What `make` calls it."""
    is_required: bool


class ObjectCodec:
    """Encodes and decodes a JSON object whose names are known. A name that it does not know is ignored: a newer version of the program may
    have stored it, and it stays until the value changes."""

    def __init__(self, check: Callable[[Any], Any], get: Callable[[Any, str], Any], make: Callable[..., Any], checks: bool) -> None:
        """check   returns a value, or raises Misfit
        get     returns a member, or raises LookupError if it may be absent and is
        make    returns the value for its members
        checks  is true if `make` may refuse what fits the members' codecs
        """
        self._check = check
        self._get = get
        self._make = make
        self._checks = checks
        self._listed = exactly(dict)
        self.members: Dict[str, ObjectMember] = {}

    def encode(self, value: Any) -> Any:
        self._check(value)
        encoded = {}
        for name, member in self.members.items():
            try:
                encoded[name] = member.codec.encode(self._get(value, name))
            except Misfit as misfit:
                misfit.at(name)
            except LookupError:
                if member.is_required:
                    raise Misfit(f"the member {name} is missing") from None
        if self._checks:
            self.decode(encoded)
        return encoded

    def decode(self, stored: Any) -> Any:
        given = {}
        self._listed(stored)
        for name, member in self.members.items():
            try:
                if name in stored:
                    given[member.argument] = member.codec.decode(stored[name])
                elif member.is_required:
                    raise Misfit("expected a value, found nothing")
            except Misfit as misfit:
                misfit.at(name)
        try:
            return self._make(**given)
        except REFUSALS as error:
            says = type(error).__name__
        raise Misfit(f"the class refuses it: {says}")  # The other exception may quote the value.
