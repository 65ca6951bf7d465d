"""Derives from an annotation which JSON a field accepts, and how its values are encoded and decoded."""
import enum
import sys
import typing
from operator import attrgetter
from typing import Annotated, Any, Dict, Tuple, TypeVar, Union

from ._codecs import ANYTHING, Codec, ObjectCodec, ObjectMember, exactly, fixed, literal, mapping, member_of, real, sequence, union
from ._pydantic import msgspec_codec, pydantic_codec
from ._records import Record, is_of_pydantic, record_of
from ._texts import TEXTS
from ._values import BOOL, INT, JSON, NULL, REAL, STRING, Misfit, RawJSON, expected

V = TypeVar("V")

_ENTRIES = object()

Map = Annotated[Dict[str, V], _ENTRIES]
"""The annotation of a dict whose entries are stored each under a key of its own: `cookies: Map[str]`."""

_UNIONS: "tuple[object, ...]" = (Union,)
if sys.version_info >= (3, 10):
    import types

    _UNIONS += (types.UnionType,)

_SCALARS = {bool: BOOL, int: INT, float: REAL, str: STRING, type(None): NULL, None: NULL}
_SEQUENCES = {list: True, tuple: True, set: False, frozenset: False}  # true if the order counts
_OF_PYDANTIC = ("pydantic", "pydantic_core", "annotated_types")


class _Unknown(TypeError):
    pass


def entry_of(annotation: Any) -> Any:
    """Returns the annotation of the values of a Map, or None if the annotation is not one."""
    return typing.get_args(annotation.__origin__)[1] if _ENTRIES in getattr(annotation, "__metadata__", ()) else None


def codec_of(annotation: Any, what: str) -> Codec:
    """Returns the codec for an annotation. pydantic, if it is installed, supplies it for annotations that are not known here."""
    try:
        return _Builder().codec(annotation)
    except _Unknown as unknown:
        codec = pydantic_codec(annotation)
        if codec is not None:
            return codec
        raise TypeError(
            f"{what}: cannot store values of {unknown}. Give the field an encode and a decode, or install pydantic 2.7 or newer."
        ) from None


class _Builder:
    """Makes the codec of one annotation."""

    def __init__(self) -> None:
        self._known: Dict[type, Codec] = {}  # the records so far, as a record may contain itself

    def codec(self, annotation: Any) -> Codec:
        origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is Annotated:
            return self._annotated(annotation, parts)
        if getattr(origin, "_name", None) in ("Required", "NotRequired", "ReadOnly"):
            return self.codec(parts[0])
        if annotation in (Any, object):
            return ANYTHING
        if annotation is RawJSON:
            return Codec(JSON, exactly(RawJSON), exactly(RawJSON), plain=True, raw=True)
        if annotation in _SCALARS:
            check = real if annotation is float else exactly(annotation or type(None))
            return Codec(_SCALARS[annotation], check, check, plain=True)
        if annotation in TEXTS:
            return TEXTS[annotation]
        if origin in _UNIONS:
            return self._union(parts)
        if origin is typing.Literal:
            return literal([self.codec(kind) for kind in dict.fromkeys(type(value) for value in parts)], parts)
        if annotation is dict or (origin is dict and parts[0] is str):
            return mapping(self._inside(parts[1])) if parts else Codec(JSON, exactly(dict), exactly(dict))
        if (origin or annotation) in _SEQUENCES:
            return self._sequence(origin or annotation, parts, annotation)
        if isinstance(annotation, type):
            return self._of_class(annotation)
        raise _Unknown(annotation)

    def _inside(self, annotation: Any) -> Codec:
        """Returns the codec of a part of a value."""
        codec = self.codec(annotation)
        if codec.raw:
            raise _Unknown("RawJSON inside another value")
        return codec

    def _annotated(self, annotation: Any, parts: "tuple[Any, ...]") -> Codec:
        makers = {type(note).__module__.partition(".")[0] for note in parts[1:]}
        if makers.intersection(_OF_PYDANTIC) or any(hasattr(note, "__get_pydantic_core_schema__") for note in parts[1:]):
            raise _Unknown(annotation)
        codec = self.codec(parts[0])
        return msgspec_codec(annotation, codec) if "msgspec" in makers else codec

    def _union(self, parts: "tuple[Any, ...]") -> Codec:
        if sum(record_of(part) is not None for part in parts) > 1:
            raise _Unknown("a union of classes, whose objects look alike in JSON")
        return union([self.codec(part) for part in parts])

    def _sequence(self, kind: Any, parts: "tuple[Any, ...]", annotation: Any) -> Codec:
        if kind is list and not parts:
            return Codec(JSON, exactly(list), exactly(list))
        if kind is not tuple or not parts or parts[1:] == (...,):
            if annotation == Tuple[()]:
                return fixed(tuple, tuple, [], 0)
            return sequence(kind, self._inside(parts[0]) if parts else ANYTHING, ordered=_SEQUENCES[kind])
        elements = [self._inside(part) for part in parts if part != ()]  # Tuple[()] has the part () in Python 3.10
        return fixed(tuple, tuple, elements, len(elements))

    def _of_class(self, kind: Any) -> Codec:
        if kind in self._known:
            return self._known[kind]
        if issubclass(kind, enum.Enum):
            return self._enum(kind)
        names = getattr(kind, "_fields", None)
        if names is not None and issubclass(kind, tuple):
            hints, defaults = typing.get_type_hints(kind, include_extras=True), getattr(kind, "_field_defaults", ())
            elements = [self._inside(hints.get(name, Any)) for name in names]
            return fixed(kind, lambda parts: kind(*parts), elements, len(elements) - len(defaults))
        if hasattr(kind, "__required_keys__"):
            return self._typed_dict(kind)
        record = None if is_of_pydantic(kind) else record_of(kind)
        if record is None:
            raise _Unknown(kind)
        return self._record(kind, record)

    def _typed_dict(self, kind: Any) -> Codec:
        hints = typing.get_type_hints(kind, include_extras=True)

        def check(value: Any) -> None:
            if not isinstance(value, dict):
                raise expected(kind.__name__, value)
            if not hints.keys() >= value.keys():
                raise Misfit(f"the dict has a key that {kind.__name__} has not")

        return self._object(kind, ObjectCodec(check, lambda value, name: value[name], dict, False),
                            {name: (hint, name, name in kind.__required_keys__) for name, hint in hints.items()})

    def _record(self, kind: Any, record: Record) -> Codec:
        if record.required():
            raise _Unknown(f"{kind.__name__}, whose {record.required()[0]} is no member that can be stored")

        def check(value: Any) -> None:
            if type(value) is not kind:
                raise expected(kind.__name__, value)

        return self._object(kind, ObjectCodec(check, getattr, kind, record.checks), {
            member.name: (record.annotation(member.name), member.argument, member.is_required)
            for member in record.members.values() if member.argument is not None
        })  # fmt: skip

    def _object(self, kind: type, made: ObjectCodec, members: "Dict[str, Tuple[Any, str, bool]]") -> Codec:
        codec = self._known[kind] = Codec(JSON, made.encode, made.decode)
        for name, (annotation, argument, is_required) in members.items():
            made.members[name] = ObjectMember(self._inside(annotation), argument, is_required)
        return codec

    def _enum(self, kind: Any) -> Codec:
        types = 0
        for member in kind:
            types |= self.codec(type(member.value)).types
        if types & JSON or not types:
            raise _Unknown(kind)
        check, value = exactly(kind), attrgetter("value")
        return Codec(types, lambda member: value(check(member)), member_of(kind))
