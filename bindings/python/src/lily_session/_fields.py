"""Fields, and lists of fields that are attached to a runtime."""
import threading
from datetime import timedelta
from operator import attrgetter
from typing import Any, Callable, Collection, Dict, Generic, Optional, Sequence, Type, TypeVar, cast

from ._annotations import codec_of, entry_of
from ._calls import Lock, Unique, c_string, call, keep, takes
from ._codecs import ANYTHING, REFUSALS, Codec
from ._errors import InvalidArgumentError
from ._native import ffi, lib
from ._records import record_of, without_quotation
from ._values import RawJSON, fill_value, loads

S = TypeVar("S")
T = TypeVar("T")
V = TypeVar("V")

# This is the address of the function, because cffi before 1.16 does not accept a C function as a pointer to one.
_GET = ffi.addressof(lib, "lily_py_get")


class Field:
    """A field or a map in the form in which sessions use it. The key of a map is its prefix, its column means nothing, and `get` and `set` are
    about the whole dict, which is changed in place if `set` is None."""

    def __init__(self, key: str, column: int, get: Callable[[Any], Any], set: Optional[Callable[[Any, Any], Any]], codec: Codec,
                 migrate: Optional[Callable[[int, Any], Any]], replaces: Optional[str]) -> None:
        self.key = key
        self.column = column
        self.get = get
        self.set = set
        self.replaces = replaces  # the member that this is of a record that is replaced when it changes, instead of `set`
        self.codec = codec
        self.types, self.encode, self.decode, self.plain, self.raw = codec
        self.migrate = migrate
        self.slides = 0  # the milliseconds that an expiry that slides lasts; 0 if it does not
        self.lent = threading.local()  # the last result of migrate, and its refusal; sessions of several threads may share the field

    def refusal(self) -> Optional[BaseException]:
        """Returns the exception with which migrate refused a value on this thread, once."""
        refusal: Optional[BaseException] = self.lent.__dict__.pop("refusal", None)
        return refusal


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_migrate(context: Any, version: int, stored: Any, out_value: Any) -> int:
    field: Field = ffi.from_handle(ffi.cast("lily_py_field *", context).field)
    assert field.migrate is not None
    try:  # This thread alone uses what it lends, and the library reads it before it calls anything else.
        field.lent.memory = fill_value(out_value, field.migrate(version, loads(stored, field.raw)), field.types)
    except REFUSALS as error:
        field.lent.refusal = error
        return int(lib.LILY_SESSION_ERROR_DECODE)
    return 0


class Persistence(Unique, Generic[S]):
    """An ordered list of fields of a session object, `S`.

    `Persistence.of(Settings)` makes a list of all fields of a dataclass, or of a class of attrs, msgspec or pydantic. `Persistence(Settings)`
    makes an empty list; what you do not tell `field()` is taken from the class. With `Persistence()` you must tell `field()` everything.

    A list may be attached any number of times. A session does not have fields that are added after it was attached.
    """

    def __init__(self, session: Optional[Type[S]] = None) -> None:
        self._session = session
        self._record = record_of(session)
        if session is not None and self._record is None:
            # An object is not quoted, as it may be a dataclass object, which would show its values.
            if not isinstance(session, type):
                raise TypeError(f"an object of type {type(session).__name__} is not a class: pass the class of the model")
            raise TypeError(f"{session.__name__} is not a dataclass: use Persistence(), and give each field a get and a set")
        self._fields: "list[Field]" = []
        self._maps: "list[Field]" = []
        self._contexts: "list[Any]" = []  # what the library passes to the callbacks of the fields
        self._others: "list[str]" = []  # fields of the class that field() has not added; attach adds them
        self._completing = Lock()  # several threads may attach a list that one of them has built
        self._handle = ffi.gc(lib.lily_session_persistence_new(), lib.lily_session_persistence_free)

    @classmethod
    def of(cls, session: Type[T], *, exclude: Collection[str] = ()) -> "Persistence[T]":
        """Returns a list of all fields of a class except the excluded ones, each stored under its name. A field whose annotation is a
        Map is a map, whose entries are stored each under the name, a slash and its key.

        A field that is not stored keeps the value that the model has. field() and map() may be called for one of the fields to set its
        options; such fields come first in the list.
        """
        persistence: "Persistence[Any]" = cls(session)  # type: ignore[arg-type] # S is T here
        assert persistence._record is not None
        if isinstance(exclude, str):
            raise TypeError(f"exclude must be a list of names, such as [{exclude!r}]")
        unknown = set(exclude).difference(persistence._record.members)
        if unknown:
            raise TypeError(f"{session.__name__} has no field {sorted(unknown)[0]!r} to exclude")
        persistence._others = [name for name in persistence._record.members if name not in exclude]
        return cast("Persistence[T]", persistence)

    def __repr__(self) -> str:
        keys = [field.key for field in self._fields] + [f"{map.key}*" for map in self._maps] + self._others
        return f"<lily_session.Persistence of {self._session.__name__ if self._session else 'any object'}: {', '.join(keys)}>"

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
        sliding: bool = False,
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
        encode         converts a value to one that JSON has (None, bool, int, float, str, list, dict), or to RawJSON. With a `type`,
                       the result must be of that type, and decode is called with such values only
        decode         converts it back. To refuse a stored value, decode, set and migrate raise ValueError, TypeError, LookupError,
                       ArithmeticError or RecursionError: the stored value stays, and an event reports it. attach or refresh raises any
                       other exception
        expires_after  how long a stored value lasts after its last write or touch(); None means for ever
        sliding        True renews the expiry at dispatch(), persist(), flush() and detach(), too, if more than half of its time has passed
        version        the version of the value's shape; a value that a newer version stored is left alone
        migrate        takes the older version and the stored value, in the form that decode takes, and returns what decode is given
        former_keys    former keys of the field, the latest first
        """
        what = f"field {key!r}"
        if (get is None) != (set is None):
            raise TypeError(f"{what}: give both get and set, or neither (they come together)")
        if isinstance(former_keys, str):
            raise TypeError(f"{what}: former_keys must be a list, such as [{former_keys!r}]")
        if sliding and expires_after is None:
            raise TypeError(f"{what}: sliding needs an expires_after")
        replaces = None
        if get is None or set is None:
            get, set, replaces = self._attribute(key)
        else:
            takes(f"{what}: get", get, "model")
            takes(f"{what}: set", set, "model", "value")
        field = Field(key, len(self._fields), get, set, self._codec(key, type, encode, decode), migrate, replaces)
        _check_migrate(what, version, migrate)
        if sliding:
            field.slides = _milliseconds(key, expires_after)
        former = [ffi.new("char[]", c_string(name, "a former key")) for name in former_keys]
        names = ffi.new("char *[]", [*former, ffi.NULL])
        encoded = ffi.new("char[]", c_string(key))
        given = ffi.new("lily_session_field *", {
            "size": ffi.sizeof("lily_session_field"), "key": encoded, "types": field.types, "get": _GET,
            "set": lib.lily_py_set, "context": self._context(field), "expires_after_ms": _milliseconds(key, expires_after),
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
        what = f"map {name!r}"
        if set is not None and get is None:
            raise TypeError(f"{what}: give a get, too")
        replaces = None
        if get is None:
            get, set, replaces = self._attribute(name)
            set = None  # The dict is changed in place, or replaced in a record that is replaced.
        else:
            takes(f"{what}: get", get, "model")
        if set is not None:
            takes(f"{what}: set", set, "model", "entries")
        prefix = f"{name}/" if prefix is None else prefix
        if type is None:
            type = entry_of(self._annotation(name))
        entry = Field(prefix, 0, get, set, self._codec(prefix, type, encode, decode), migrate, replaces)
        _check_migrate(what, version, migrate)
        encoded = ffi.new("char[]", c_string(prefix, "the prefix"))
        given = ffi.new("lily_session_map *", {
            "size": ffi.sizeof("lily_session_map"), "prefix": encoded, "types": entry.types, "each": lib.lily_py_each,
            "set": lib.lily_py_set_entry, "context": self._context(entry), "expires_after_ms": _milliseconds(prefix, expires_after),
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
                if entry_of(self._annotation(name)) is None:
                    self.field(name)
                else:
                    self.map(name)
            return tuple(self._fields), tuple(self._maps)

    def _context(self, field: Field) -> Any:
        """Returns what the library passes to the callbacks of a field. The field does not keep it, which would be a reference cycle."""
        handle = ffi.new_handle(field)
        context = ffi.new("lily_py_field *", (field.column, handle))
        self._contexts += [handle, context]
        return context

    def _annotation(self, name: str) -> Any:
        """Returns the annotation in the class, or None if there is none."""
        return self._record.annotation(name) if self._record is not None and name in self._record.members else None

    def _attribute(self, name: str) -> "tuple[Callable[[S], Any], Optional[Callable[[S, Any], Optional[S]]], Optional[str]]":
        """Returns how a member of the class is read and set, and its name if the object is replaced instead."""
        record = self._record
        if record is None:
            raise TypeError(f"field {name!r}: give it a get and a set, or use Persistence(SomeDataclass)")
        if name not in record.members:
            raise TypeError(f"{record.kind.__name__} has no field {name!r}: give it a get and a set")
        if not record.frozen:
            assign = record.assign
            return attrgetter(name), lambda session, value: without_quotation(assign, session, name, value), None
        if record.members[name].argument is None:
            raise TypeError(f"field {name!r}: the __init__ of the frozen class does not set it: give it a get and a set")
        return attrgetter(name), None, name

    def _codec(self, key: str, annotation: Any, encode: Any, decode: Any) -> Codec:
        what = f"field {key!r}"
        if (encode is None) != (decode is None):
            raise TypeError(f"{what}: give both encode and decode, or neither (they come together)")
        if encode is None:
            annotation = self._annotation(key) if annotation is None else annotation
            return ANYTHING if annotation is None else codec_of(annotation, what)
        takes(f"{what}: encode", encode, "value")
        takes(f"{what}: decode", decode, "stored")
        if annotation is None:
            return ANYTHING._replace(encode=encode, decode=decode, plain=False)
        stored = codec_of(annotation, what)

        def encoded(value: Any) -> Any:
            made = encode(value)
            return made if isinstance(made, RawJSON) else stored.encode(made)

        return stored._replace(encode=encoded, decode=lambda value: decode(stored.decode(value)), plain=False)


def _check_migrate(what: str, version: int, migrate: Any) -> None:
    if migrate is not None:
        takes(f"{what}: migrate", migrate, "version", "stored")
        if version == 0:
            raise TypeError(f"{what}: migrate needs a version: it is called for values of older ones, and there is none before 0")


def _milliseconds(key: str, after: Optional[timedelta]) -> int:
    if after is None:
        return 0
    if not isinstance(after, timedelta):
        raise TypeError(f"field {key!r}: expires_after is a timedelta, and was given an object of type {type(after).__name__}")
    milliseconds = after // timedelta(milliseconds=1)
    if milliseconds == 0:  # The library takes 0 for never.
        raise InvalidArgumentError(f"field {key!r}: expires_after must be at least one millisecond")
    return milliseconds


def _version(key: str, version: int) -> int:
    if not 0 <= version < 2**32:
        raise InvalidArgumentError(f"field {key!r}: the version must be between 0 and 2**32 - 1")
    return version
