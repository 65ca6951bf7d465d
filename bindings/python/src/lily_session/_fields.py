"""Fields, and lists of fields that are attached to a runtime."""
import dataclasses
import threading
import typing
from datetime import timedelta
from operator import attrgetter
from typing import Any, Callable, Collection, Dict, Generic, Optional, Sequence, Type, TypeVar

from ._annotations import ANYTHING, REFUSALS, Codec, codec_of, entry_of
from ._calls import c_string, call, keep
from ._errors import InvalidArgumentError
from ._native import ffi, lib
from ._values import fill_value, loads

S = TypeVar("S")
V = TypeVar("V")

# This is the address of the function, because cffi before 1.16 does not accept a C function as a pointer to one.
_GET = ffi.addressof(lib, "lily_py_get")


class Field:
    """A field or a map in the form in which sessions use it. The key of a map is its prefix, its column means nothing, and `get` and `set` are
    about the whole dict, which is changed in place if `set` is None."""

    def __init__(self, key: str, column: int, get: Callable[[Any], Any], set: Optional[Callable[[Any, Any], Any]], codec: Codec,
                 migrate: Optional[Callable[[int, Any], Any]]) -> None:
        self.key = key
        self.column = column
        self.get = get
        self.set = set
        self.codec = codec
        self.types, self.encode, self.decode, self.raw = codec
        self.migrate = migrate
        self.lent = threading.local()  # keeps the last result of migrate alive; sessions of several threads may share the field
        self._handle = ffi.new_handle(self)
        self.context = ffi.new("lily_py_field *", (column, self._handle))


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_migrate(context: Any, version: int, stored: Any, out_value: Any) -> int:
    field: Field = ffi.from_handle(ffi.cast("lily_py_field *", context).field)
    assert field.migrate is not None
    try:
        field.lent.memory = fill_value(out_value, field.migrate(version, loads(stored, field.raw)), field.types)
    except REFUSALS:
        return int(lib.LILY_SESSION_ERROR_DECODE)
    return 0


class Persistence(Generic[S]):
    """An ordered list of fields of a session object, `S`.

    `Persistence.of(Settings)` makes a list of all fields of a dataclass. `Persistence(Settings)` makes an empty list; what you do not
    tell `field()` is taken from the dataclass. With `Persistence()` you must tell `field()` everything.

    A list may be attached any number of times. A session does not have fields that are added after it was attached.
    """

    def __init__(self, session: Optional[Type[S]] = None) -> None:
        if session is not None and not (isinstance(session, type) and dataclasses.is_dataclass(session)):
            # An object is not quoted, as it may be a dataclass object, which would show its values.
            given = session.__name__ if isinstance(session, type) else f"an object of type {type(session).__name__}"
            raise TypeError(f"{given} is not a dataclass: use Persistence(), and give each field a get and a set")
        self._session = session
        self._hints = typing.get_type_hints(session, include_extras=True) if session is not None else {}
        self._fields: "list[Field]" = []
        self._maps: "list[Field]" = []
        self._others: "list[str]" = []  # fields of the dataclass that field() has not added; attach adds them
        self._completing = threading.Lock()  # several threads may attach a list that one of them has built
        self._handle = ffi.gc(lib.lily_session_persistence_new(), lib.lily_session_persistence_free)

    @classmethod
    def of(cls, session: Type[S], *, exclude: Collection[str] = ()) -> "Persistence[S]":
        """Returns a list of all fields of a dataclass except the excluded ones, each stored under its name. A field whose annotation is a
        Map is a map, whose entries are stored each under the name, a slash and its key.

        A field that is not stored keeps the value that the model has. field() and map() may be called for one of the fields to set its
        options; such fields come first in the list.
        """
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
        """Adds a field to the end of the list, and returns the list.

        key            the field's key; it is stored under "lily_session_" followed by this key
        get, set       functions that read the field from a session object, and set it: in place, or by returning a new object. If
                       they are None, the field is the attribute with the name `key`
        type           the type of the field, as an annotation; None means the annotation in the dataclass, or any JSON value if there
                       is none
        encode         converts a value to one that JSON has (None, bool, int, float, str, list, dict), or to RawJSON
        decode         converts it back. To refuse a stored value, decode, set and migrate raise ValueError, TypeError, LookupError,
                       ArithmeticError or RecursionError: the stored value stays, and an event reports it. attach or refresh raises any
                       other exception
        expires_after  how long a stored value lasts after its last write or touch(); None means for ever
        version        the version of the value's shape; a value that a newer version stored is left alone
        migrate        takes the older version and the stored value, in the form that decode takes, and returns what decode is given
        former_keys    former keys of the field, the latest first
        """
        if (get is None) != (set is None):
            raise TypeError(f"field {key!r}: give both get and set, or neither (they come together)")
        if (encode is None) != (decode is None):
            raise TypeError(f"field {key!r}: give both encode and decode, or neither (they come together)")
        if get is None or set is None:
            get, set = self._attribute(key)
        field = Field(key, len(self._fields), get, set, self._codec(key, type, encode, decode), migrate)
        former = [ffi.new("char[]", c_string(name, "a former key")) for name in former_keys]
        names = ffi.new("char *[]", [*former, ffi.NULL])
        encoded = ffi.new("char[]", c_string(key))
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

    def map(
        self,
        name: str,
        *,
        prefix: Optional[str] = None,
        get: Optional[Callable[[S], Dict[str, V]]] = None,
        set: Optional[Callable[[S, Dict[str, V]], Optional[S]]] = None,
        type: Any = None,
        encode: Optional[Callable[[V], Any]] = None,
        decode: Optional[Callable[[Any], V]] = None,
        expires_after: Optional[timedelta] = None,
        version: int = 0,
        migrate: Optional[Callable[[int, Any], Any]] = None,
    ) -> "Persistence[S]":
        """Adds a map to the list, a dict whose keys are not known when the program is written, and returns the list. Each entry is stored under
        a key of its own, so two programs that change different entries lose nothing. What holds for a field holds for each entry by
        itself, and calls that take the key of a field take that of an entry: the prefix and the entry's own key.

        name    the map is the attribute with this name, if `get` is None
        prefix  what the keys of the entries begin with, after "lily_session_"; None means the name and a slash
        get     returns the dict of a session object
        set     puts a new dict into a session object, in place or by returning a new object; None means that the dict is changed in place
        type    the type of the entries' values; None means that of the Map in the dataclass, or any JSON value if there is none

        The other arguments are as for field(), for each entry.
        """
        if set is not None and get is None:
            raise TypeError(f"map {name!r}: give a get, too")
        if (encode is None) != (decode is None):
            raise TypeError(f"map {name!r}: give both encode and decode, or neither (they come together)")
        if get is None:
            get, put = self._attribute(name)
            set = put if self._is_frozen() else None
        prefix = f"{name}/" if prefix is None else prefix
        if type is None:
            type = entry_of(self._hints.get(name))
        entry = Field(prefix, 0, get, set, self._codec(prefix, type, encode, decode), migrate)
        encoded = ffi.new("char[]", c_string(prefix, "the prefix"))
        given = ffi.new("lily_session_map *", {
            "size": ffi.sizeof("lily_session_map"), "prefix": encoded, "types": entry.types, "each": lib.lily_py_each,
            "set": lib.lily_py_set_entry, "context": entry.context, "expires_after_ms": _milliseconds(prefix, expires_after),
            "version": _version(prefix, version), "migrate": lib.lily_py_migrate if migrate else ffi.NULL,
        })  # fmt: skip
        call(lib.lily_session_map_add, self._handle, given)
        self._maps.append(entry)
        if name in self._others:
            self._others.remove(name)
        return self

    def _complete(self) -> "tuple[tuple[Field, ...], tuple[Field, ...]]":
        """Adds the fields of the dataclass that are left. Returns all fields in the library's order, and all maps."""
        with self._completing:
            for name in self._others[:]:
                if entry_of(self._hints[name]) is None:
                    self.field(name)
                else:
                    self.map(name)
            return tuple(self._fields), tuple(self._maps)

    def _is_frozen(self) -> bool:
        return self._session is not None and bool(self._session.__dataclass_params__.frozen)  # type: ignore[attr-defined]

    def _attribute(self, name: str) -> "tuple[Callable[[S], Any], Callable[[S, Any], Optional[S]]]":
        if self._session is None:
            raise TypeError(f"field {name!r}: give it a get and a set, or use Persistence(SomeDataclass)")
        fields = {field.name: field for field in dataclasses.fields(self._session)}  # type: ignore[arg-type]
        if name not in fields:
            raise TypeError(f"{self._session.__name__} has no field {name!r}: give it a get and a set")
        if not self._is_frozen():
            return attrgetter(name), lambda session, value: setattr(session, name, value)
        if not fields[name].init:
            raise TypeError(f"field {name!r}: the __init__ of the frozen dataclass does not set it: give it a get and a set")
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
    if milliseconds == 0:  # The library takes 0 for never.
        raise InvalidArgumentError(f"field {key!r}: expires_after must be at least one millisecond")
    return milliseconds


def _version(key: str, version: int) -> int:
    if not 0 <= version < 2**32:
        raise InvalidArgumentError(f"field {key!r}: the version must be between 0 and 2**32 - 1")
    return version
