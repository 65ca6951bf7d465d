"""The part of a model that has the fields of an attachment: what the library is given of it, and what it sets in it."""
from operator import index
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

from ._calls import c_string, keep, keep_refused
from ._codecs import REFUSALS
from ._errors import DecodeError, EncodeError
from ._fields import Field, Persistence
from ._native import ffi, lib
from ._records import without_quotation
from ._values import IMMUTABLE, Misfit, fill_value, loads

if TYPE_CHECKING:
    from ._attachment import ModelCell

_UNKNOWN = object()
"""A mark that no field has as its value."""


class NotTogether(Exception):
    """The class of a frozen model refuses values that it was to be given together. The slice knows which to refuse in the next try."""


class Slice:
    """A session object, which is the model or a part of it, and the row of its values, which the library reads."""

    def __init__(self, cell: "ModelCell", persistence: Persistence[Any], get: Optional[Callable[[Any], Any]],
                 set: Optional[Callable[[Any, Any], Any]], revision: Optional[Callable[[Any], int]]) -> None:
        self.at_once = False
        """True if a frozen object is replaced for each field, because a second try would do something twice."""
        self.refusing: "Dict[str, BaseException]" = {}
        """The fields that are refused, because a frozen object did not take them together with the others."""
        self.failures: "Dict[str, BaseException]" = {}
        """Why a field's value could not be read from the model, for its event."""
        self._cell = cell
        self._record = persistence._record
        self._get = get
        self._set = set
        self.revision = revision
        """The program's function that returns the revision of the object, or None."""
        # The library reads the row in C, without calling Python. `_filled` has the value that each cell was filled with, if the cell needs
        # no change while the field has that object; otherwise _UNKNOWN.
        self.fields, self.maps = persistence._complete()
        self.row = ffi.new("lily_py_row *", {"cells": len(self.fields)})
        self._cells = [self.row.cells + column for column in range(len(self.fields))]
        self._filled: "list[Any]" = [_UNKNOWN] * len(self.fields)
        self._memory: "list[Any]" = [None] * len(self.fields)
        self._object: Any = None
        self._changes: "Dict[str, Any]" = {}  # what a frozen object will be replaced with
        self._copied: "list[Field]" = []  # the maps that got a new dict since the object was taken
        self._refusals: "Dict[str, BaseException]" = {}  # why a field's stored value was refused, for its event
        self.number = 0
        """The revision of the object."""
        self._row_number: Optional[int] = None  # the revision that the row was filled at; None if it has to be filled again

    def field_of(self, key: str) -> Optional[Field]:
        """Returns the field or the map that a key belongs to."""
        fields = (field for field in self.fields if field.key == key)
        return next(fields, None) or next((map for map in self.maps if key.startswith(map.key)), None)

    def refusal(self, key: str) -> Optional[BaseException]:
        """Returns the exception of a callback that refused the stored value of a field; None if it was the library."""
        field = self.field_of(key)
        migration = field.refusal() if field else None  # migrate does not know the attachment
        return self._refusals.pop(key, None) or migration

    def take(self) -> None:
        """Takes the current session object out of the model, and fills its row."""
        model = self._cell.model
        self._copied.clear()
        self._changes.clear()
        self._object = model if self._get is None else self._get(model)
        if self.revision is None:
            self._fill_cells()
            return
        self.number = index(self.revision(self._object)) & 2**64 - 1
        if self.number != self._row_number:
            self._row_number = self.number
            self._fill_cells()

    def _fill_cells(self) -> None:
        """Reads the values of all fields, in one call from the library. A field that fails does not affect the others."""
        number = 0
        for field, filled in zip(self.fields, self._filled):
            try:
                value = field.get(self._object)
                if value is not filled:
                    self._fill_cell(number, field, value)
            except BaseException as error:
                self._filled[number] = _UNKNOWN
                self._row_number = None
                cell = self._cells[number]
                cell.status = self._failed(field.key, error, cell.value)
            number += 1

    def _fill_cell(self, column: int, field: Field, value: Any) -> None:
        cell = self._cells[column]
        self._memory[column] = fill_value(cell.value, value if field.plain else field.encode(value), field.types)
        cell.status = 0
        self._filled[column] = value if field.plain and type(value) in IMMUTABLE else _UNKNOWN

    def _failed(self, key: str, error: BaseException, value: Any) -> int:
        """Keeps the exception of a field that cannot be stored, for its event and for the call to raise. Returns the status of the cell."""
        if isinstance(error, RecursionError):  # such as of an object that contains itself
            error = Misfit("the value is nested too deeply")
        if isinstance(error, Misfit):
            value.type = 0  # The library refuses it. An attach goes on then, which must not fail because of what the model has.
            error = EncodeError(f"{key}: {error}")
            keep_refused(error)
        else:
            keep(type(error), error, error.__traceback__)
        self.failures[key] = error
        return int(0 if isinstance(error, EncodeError) else lib.LILY_SESSION_ERROR_CALLBACK)

    def visit_entries(self, map: Field, visit: Any, visitor: Any) -> None:
        """Gives the library all entries of a map. An entry that fails does not affect the others."""
        out = ffi.new("lily_session_value *")
        for id, value in map.get(self._object).items():
            memory = name = None
            try:
                if not isinstance(id, str):
                    raise TypeError(f"the map {map.key!r} has a key that is not a str")
                name = c_string(id)
                memory = fill_value(out, value if map.plain else map.encode(value), map.types)
            except BaseException as error:
                out.type = 0  # The library refuses it.
                self._failed(map.key if name is None else map.key + id, error, out)
            if name is not None:
                visit(visitor, name, out)
            del memory

    def set_field(self, field: Field, value: Any) -> int:
        self._row_number = None
        try:
            if field.key in self.refusing:
                raise self.refusing[field.key]
            decoded = field.decode(loads(value, field.raw))
            if field.replaces is not None:
                self._changes[field.replaces] = decoded
                if self.at_once:
                    self._replace()
            else:
                assert field.set is not None
                replaced = field.set(self._object, decoded)
                if replaced is not None:
                    self._object = replaced
        except BaseException as error:
            return self._refused(field.key, error)
        return 0

    def set_entry(self, map: Field, name: str, value: Any) -> int:
        """Sets an entry of a map, or removes it if `value` is NULL."""
        try:
            if map.key in self.refusing:
                raise self.refusing[map.key]
            if value:
                decoded = map.decode(loads(value, map.raw))
                self._entries_to_change(map)[name] = decoded
            else:
                self._entries_to_change(map).pop(name, None)
            if self.at_once:
                self._replace()
        except BaseException as error:
            return self._refused(map.key + name, error)
        return 0

    def _entries_to_change(self, map: Field) -> "dict[str, Any]":
        """Returns the dict of a map. If it must not be changed in place, the slice gets a copy, once after it was taken."""
        if map.replaces is not None:
            if map.replaces not in self._changes:
                self._changes[map.replaces] = dict(map.get(self._object))
            changing: "dict[str, Any]" = self._changes[map.replaces]
            return changing
        if map.set is not None and map not in self._copied:
            self._copied.append(map)
            replaced = map.set(self._object, dict(map.get(self._object)))
            if replaced is not None:
                self._object = replaced
        entries: "dict[str, Any]" = map.get(self._object)
        return entries

    def _refused(self, key: str, error: BaseException) -> int:
        """Returns the status for a stored value with which `decode` or `set` raised this exception, or raises it."""
        self._refusals[key] = DecodeError(f"{key}: {error}") if isinstance(error, Misfit) else error
        if isinstance(error, REFUSALS):
            return int(lib.LILY_SESSION_ERROR_DECODE)
        raise error

    def put(self) -> None:
        """Puts the session object back into the model."""
        self._replace()
        if self._set is not None:
            updated = self._set(self._cell.model, self._object)
            if updated is not None:
                self._cell.model = updated
        elif self._get is None:
            self._cell.model = self._object
        elif self._object is not self._get(self._cell.model):
            raise TypeError("a new session object was made: attach needs a set that puts it into the model")

    def _replace(self) -> None:
        """Replaces a frozen slice once, so that its class sees all new values together."""
        record = self._record
        changes, self._changes = self._changes, {}
        if not changes or record is None:
            return
        try:
            self._object = without_quotation(record.replaced, self._object, changes)
            return
        except REFUSALS as error:
            if self.at_once:
                raise
            first = error
        # Some of them together are not a value of the class. Those that it takes one after the other, in any order, stay.
        taken: Dict[str, Any] = {}
        refused: Dict[str, BaseException] = {}
        tries = list(changes)
        while tries:
            for name in tries:
                try:
                    without_quotation(record.replaced, self._object, {**taken, name: changes[name]})
                    taken[name] = changes[name]
                    refused.pop(name, None)
                except REFUSALS as error:
                    refused[name] = error
            tries = list(refused) if len(refused) < len(tries) else []
        if not refused:
            raise first
        self.refusing = {field.key: refused[field.replaces] for field in (*self.fields, *self.maps) if field.replaces in refused}
        raise NotTogether
