"""Fields, and the list of them that is attached to a runtime."""
import dataclasses
import typing
from datetime import timedelta
from operator import attrgetter
from typing import Any, Callable, Collection, Generic, Optional, Sequence, Type, TypeVar

from ._annotations import ANYTHING, REFUSALS, Codec, codec_of
from ._calls import call, keep, text
from ._errors import InvalidArgumentError
from ._native import ffi, lib
from ._values import loads, store

S = TypeVar("S")
V = TypeVar("V")

# Its address, as cffi before 1.16 takes no function of C's for a pointer to one.
_GET = ffi.addressof(lib, "lily_py_get")


class Field:
    """One field as sessions use it."""

    def __init__(self, key: str, column: int, get: Callable[[Any], Any], set: Callable[[Any, Any], Any], codec: Codec,
                 migrate: Optional[Callable[[int, Any], Any]]) -> None:
        self.key = key
        self.column = column
        self.get = get
        self.set = set
        self.types, self.encode, self.decode, self.raw = codec
        self.migrate = migrate
        self.memory: Any = None  # of what migrate gave last
        self._handle = ffi.new_handle(self)
        self.context = ffi.new("lily_py_field *", (column, self._handle))


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_migrate(context: Any, version: int, stored: Any, out_value: Any) -> int:
    field: Field = ffi.from_handle(ffi.cast("lily_py_field *", context).field)
    assert field.migrate is not None
    try:
        field.memory = store(out_value, field.migrate(version, loads(stored, field.raw)), field.types)
    except REFUSALS:
        return int(lib.LILY_SESSION_ERROR_DECODE)
    return 0


class Persistence(Generic[S]):
    """An ordered list of fields of a session object, `S`.

    `Persistence.of(Settings)` takes them all from a dataclass. `Persistence(Settings)` begins empty, and takes from the dataclass
    what `field()` is not told; `Persistence()` has to be told everything.

    A list may be attached any number of times. Sessions do not see what is added after.
    """

    def __init__(self, session: Optional[Type[S]] = None) -> None:
        if session is not None and not (isinstance(session, type) and dataclasses.is_dataclass(session)):
            raise TypeError(f"{session!r} is not a dataclass: begin with Persistence(), and tell each field its get and set")
        self._session = session
        self._hints = typing.get_type_hints(session, include_extras=True) if session is not None else {}
        self._fields: "list[Field]" = []
        self._others: "list[str]" = []  # of the dataclass, that field() has said nothing of: they are added by attach
        self._handle = ffi.gc(lib.lily_session_persistence_new(), lib.lily_session_persistence_free)

    @classmethod
    def of(cls, session: Type[S], *, exclude: Collection[str] = ()) -> "Persistence[S]":
        """All fields of a dataclass but those that are excluded, each stored under its name. The model's own values are the
        defaults: a field that is not stored keeps the one it has. What field() says of one of them holds for it, and those come
        first."""
        persistence = cls(session)
        names = [field.name for field in dataclasses.fields(session)]  # type: ignore[arg-type] # it is one, as just checked
        unknown = set(exclude).difference(names)
        if unknown:
            raise TypeError(f"{session.__name__} has no field {sorted(unknown)[0]!r} to exclude")
        persistence._others = [name for name in names if name not in exclude]
        return persistence

    def field(
        self,
        key: str,
        *,
        get: Optional[Callable[[S], V]] = None,
        set: Optional[Callable[[S, V], Optional[S]]] = None,
        type: Any = None,
        encode: Optional[Callable[[V], Any]] = None,
        decode: Optional[Callable[[Any], V]] = None,
        expires_after: Optional[timedelta] = None,
        version: int = 0,
        migrate: Optional[Callable[[int, Any], Any]] = None,
        former_keys: Sequence[str] = (),
    ) -> "Persistence[S]":
        """Adds a field to the end, and gives the list back.

        key            stored as "lily_session_" and this
        get, set       read it from a session object, and set it: in place, or by returning a new object. Left out, it is the
                       attribute of this name
        type           what it is, as an annotation; left out, the dataclass's own, else whatever JSON can say
        encode         makes of a value what JSON can say (None, bool, int, float, str, list, dict), or RawJSON
        decode         makes a value of that. It refuses by ValueError, TypeError, LookupError or ArithmeticError; so do set and
                       migrate: what is stored stays, and an event tells. Whatever else they raise comes out of attach or refresh
        expires_after  its last write, or touch()
        version        of the value's shape; what a newer version has stored is left alone
        migrate        is given the older version and what was stored, as decode would be, and returns what decode is then given
        former_keys    that it was stored under before, the latest first
        """
        if (get is None) != (set is None):
            raise TypeError(f"field {key!r}: get and set come together")
        if (encode is None) != (decode is None):
            raise TypeError(f"field {key!r}: encode and decode come together")
        if get is None or set is None:
            get, set = self._attribute(key)
        field = Field(key, len(self._fields), get, set, self._codec(key, type, encode, decode), migrate)
        former = [ffi.new("char[]", text(name, "a former key")) for name in former_keys]
        names = ffi.new("char *[]", [*former, ffi.NULL])
        encoded = ffi.new("char[]", text(key))
        given = ffi.new("lily_session_field *", {
            "size": ffi.sizeof("lily_session_field"), "key": encoded, "types": field.types, "get": _GET,
            "set": lib.lily_py_set, "context": field.context, "expires_after_ms": _milliseconds(key, expires_after),
            "version": _version(key, version), "migrate": lib.lily_py_migrate if migrate else ffi.NULL,
            "former_keys": names if former else ffi.NULL,
        })  # fmt: skip
        call(lib.lily_session_field_add, self._handle, given)
        self._fields.append(field)
        if key in self._others:
            self._others.remove(key)
        return self

    def _complete(self) -> "tuple[Field, ...]":
        """What a session has, in the library's order."""
        for name in self._others[:]:
            self.field(name)
        return tuple(self._fields)

    def _attribute(self, name: str) -> "tuple[Callable[[S], Any], Callable[[S, Any], Optional[S]]]":
        if self._session is None:
            raise TypeError(f"field {name!r}: give it a get and a set, or begin with Persistence(SomeDataclass)")
        fields = {field.name: field for field in dataclasses.fields(self._session)}  # type: ignore[arg-type]
        if name not in fields:
            raise TypeError(f"{self._session.__name__} has no field {name!r}: give it a get and a set")
        if not self._session.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            return attrgetter(name), lambda session, value: setattr(session, name, value)
        if not fields[name].init:
            raise TypeError(f"field {name!r}: it is not set by the frozen dataclass's __init__: give it a get and a set")
        replace: Callable[..., S] = dataclasses.replace
        return attrgetter(name), lambda session, value: replace(session, **{name: value})

    def _codec(self, key: str, annotation: Any, encode: Any, decode: Any) -> Codec:
        what = f"field {key!r}"
        if encode is not None:
            return (ANYTHING if annotation is None else codec_of(annotation, what))._replace(encode=encode, decode=decode)
        if annotation is None:
            annotation = self._hints.get(key, Any)
        return codec_of(annotation, what)


def _milliseconds(key: str, after: Optional[timedelta]) -> int:
    if after is None:
        return 0
    milliseconds = after // timedelta(milliseconds=1)
    if milliseconds == 0:  # which is never, to the library
        raise InvalidArgumentError(f"field {key!r} cannot expire at once")
    return milliseconds


def _version(key: str, version: int) -> int:
    if not 0 <= version < 2**32:
        raise InvalidArgumentError(f"field {key!r}: a version has 32 bits, without a sign")
    return version
