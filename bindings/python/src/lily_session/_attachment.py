"""Fields that are attached: what the library is given of a model, and what it sets in it."""
from contextlib import suppress
from operator import index
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Optional

from ._calls import Lock, c_string, call, call_for_value, keep, keep_refused
from ._codecs import REFUSALS
from ._errors import DecodeError, EncodeError, ForkedError, InvalidArgumentError, MissingKeyError, ReentrantError
from ._events import Event
from ._fields import Field, Persistence
from ._log import log
from ._native import ffi, lib
from ._records import without_quotation
from ._values import IMMUTABLE, Misfit, fill_value, loads

if TYPE_CHECKING:
    from ._storage import Storage

_UNKNOWN = object()
"""A mark that no field has as its value."""


class ModelCell:
    """The model of a runtime, and what updates it. The runtime, which owns it, and its attachments share it, so that these need not refer to
    the runtime: such a cycle would stay until the garbage collector finds it."""

    def __init__(self, model: Any, update: Optional[Callable[[Any, Any], Any]], copy: Optional[Callable[[Any], Any]]) -> None:
        self.model = model
        self.update = update
        self.copy = copy
        self.applied = False  # true if the call that runs stores whole changes only: `update` has returned, or there was none to call
        self.lock = Lock()
        self.attachments: "Dict[Attachment, Any]" = {}  # with the handle of each, until the library has released it


class NotTogether(Exception):
    """The class of a frozen model refuses values that it was to be given together. The attachment knows which to refuse in the next try."""


def stays_unstored(error: Optional[BaseException]) -> bool:
    """Returns true if what ends a `with` block may have ended it in the middle of a change."""
    return error is not None and not isinstance(error, (SystemExit, GeneratorExit))


def slide_all(attachments: "List[Attachment]", failure: Optional[Exception]) -> None:
    """Renews the expiries that slide, after a call that may have failed. Raises the first failure."""
    for attachment in attachments:
        try:
            attachment.slide()
        except Exception as error:
            failure = failure or error
    if failure is not None:
        try:
            raise failure
        finally:
            del failure


class Attachment:
    """Fields that are attached. All but the callbacks of the library is called with the lock."""

    def __init__(self, cell: ModelCell, persistence: Persistence[Any], storage: "Optional[Storage]", get: Optional[Callable[[Any], Any]],
                 set: Optional[Callable[[Any, Any], Any]], revision: Optional[Callable[[Any], int]],
                 on_event: Optional[Callable[[Event], object]]) -> None:
        self.cell = cell
        self.lock = cell.lock
        self.storage = storage
        self._flags = storage._flags if storage else 0
        self.handle: Any = None
        """The library's session; None once it has ended."""
        self.found: "Optional[List[Event]]" = None
        """The events of the refresh that runs; None if none runs."""
        self.followers: "List[Deque[Event]]" = []
        """The queues of events that somebody iterates over."""
        self.wake: "List[Callable[[], object]]" = []
        """What wakes those who wait for an event, or for the end."""
        self.at_once = False
        """True if a frozen model is replaced for each field, because a second try would do something twice."""
        self.refusing: "Dict[str, BaseException]" = {}
        """The fields that are refused, because a frozen model did not take them together with the others."""
        self.persistence = persistence  # It keeps what the library passes to the callbacks of the fields.
        self._get = get
        self._set = set
        self._revision = revision
        self._on_event = on_event
        # The library reads the row in C, without calling Python. `_filled` has the value that each cell was filled with, if the cell needs
        # no change while the field has that object; otherwise _UNKNOWN.
        self.fields, self.maps = persistence._complete()
        self._row = ffi.new("lily_py_row *", {"cells": len(self.fields)})
        self._cells = [self._row.cells + column for column in range(len(self.fields))]
        self._filled: "list[Any]" = [_UNKNOWN] * len(self.fields)
        self._memory: "list[Any]" = [None] * len(self.fields)
        self._sliding = [field for field in self.fields if field.slides]
        self._slice: Any = None
        self._changes: "Dict[str, Any]" = {}  # what a frozen slice will be replaced with
        self._copied: "list[Field]" = []  # the maps that got a new dict since the slice was taken
        self._failures: "dict[str, BaseException]" = {}  # why a field's value could not be read from the model, for its event
        self._refusals: "dict[str, BaseException]" = {}  # why a field's stored value was refused, for its event
        self._number = 0  # the slice's revision
        self._row_number: Optional[int] = None  # the revision that the row was filled at; None if it has to be filled again

    def attach(self, runtime: Any) -> None:
        try:
            try:
                self._attach(runtime)
            except NotTogether:
                self._attach(runtime)
        finally:
            self.refusing.clear()

    def _attach(self, runtime: Any) -> None:
        storage = self.storage._live_handle() if self.storage else ffi.NULL  # The config does not keep it, and another thread may close it.
        context = ffi.new_handle(self)
        self._row.session = context
        config = ffi.new("lily_session_config *", {
            "size": ffi.sizeof("lily_session_config"), "storage": storage,
            "get": lib.lily_py_take_slice, "set": lib.lily_py_put_slice,
            "revision": lib.lily_py_revision if self._revision else ffi.NULL, "on_event": lib.lily_py_event,
            "context": context, "release": lib.lily_py_ended,
        })  # fmt: skip
        out = ffi.new("lily_session **")
        # The cell keeps this alive until the library has released it, even if the program does not keep the session.
        self.cell.attachments[self] = context
        try:
            call(lib.lily_session_attach, runtime, self.persistence._handle, config, out, path=self.path, file=self.storage is None)
            self.handle = out[0]
        except BaseException:
            call(lib.lily_session_abandon, out[0])  # The library has attached it, but a callback raised an exception.
            raise

    @property
    def path(self) -> Optional[str]:
        """The path of the file, for exceptions."""
        return self.storage._path if self.storage else None

    def fill(self, function: Callable[..., int], *arguments: Any) -> None:
        """Calls a function of the library that sets fields and can be called again."""
        try:
            try:
                call(function, *arguments, path=self.path)
            except NotTogether:
                call(function, *arguments, path=self.path)
        finally:
            self.refusing.clear()

    def detach(self) -> None:
        """Does what Session.detach() does."""
        try:
            with self.lock:
                if self.handle:
                    self._flush_and_end()
        except ForkedError:
            self.handle = None  # A thread of the parent was using it, so it cannot even be given back.

    def _flush_and_end(self) -> None:
        try:
            with suppress(ReentrantError, ForkedError):
                try:
                    self.slide()
                finally:
                    call(lib.lily_session_persist if self._flags & lib.LILY_SESSION_NO_SYNC else lib.lily_session_flush, self.handle, path=self.path)
        finally:
            self._end(lib.lily_session_detach)

    def abandon(self) -> None:
        """Ends without a flush."""
        try:
            with self.lock:
                if self.handle:
                    self._end(lib.lily_session_abandon)
        except ForkedError:
            self.handle = None

    def _end(self, function: Callable[[Any], None]) -> None:
        handle, self.handle = self.handle, None
        call(function, handle)
        self.wake_all()

    def slide(self) -> None:
        """Renews each expiry that slides and of which more than half has passed. Nobody asks for less, and a file would be written at each
        update otherwise. A field that fails does not affect the others; raises the first failure."""
        if not self._sliding or not self.handle or self._flags & lib.LILY_SESSION_READ_ONLY:
            return
        failure: Optional[Exception] = None
        least = call_for_value(lib.lily_session_next_expiry, self.handle)
        for field in self._sliding:
            # The least of all fields spares looking for the field's own in most calls.
            if not 0 <= least * 2 < field.slides:
                continue
            try:
                left = self._left(field, least)
                if left is not None and left * 2 < field.slides:
                    with suppress(MissingKeyError):  # It has expired.
                        call(lib.lily_session_touch, self.handle, c_string(field.key), path=self.path)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            try:
                raise failure
            finally:
                del failure

    def _left(self, field: Field, least: int) -> Optional[int]:
        """Returns how many milliseconds are left until what is stored for a field expires, or None if nothing is, or for ever. If the program
        has closed its storage, this is not known, and `least` is returned."""
        try:
            return self.storage._milliseconds_left("lily_session_" + field.key) if self.storage else least
        except InvalidArgumentError:
            return least

    def field_of(self, key: str) -> Optional[Field]:
        """Returns the field or the map that a key belongs to."""
        fields = (field for field in self.fields if field.key == key)
        return next(fields, None) or next((map for map in self.maps if key.startswith(map.key)), None)

    def tell(self, event: Event) -> None:
        """Passes an event on to all who wait for it."""
        if self.found is not None:
            self.found.append(event)
            for follower in self.followers:
                follower.append(event)
            self.wake_all()
        if self._on_event is not None:
            self._on_event(event)
        else:
            log(event)

    def refusal(self, key: str) -> Optional[BaseException]:
        """Returns the exception of a callback that refused the stored value of a field; None if it was the library."""
        field = self.field_of(key)
        migration = field.refusal() if field else None  # migrate does not know the attachment
        return self._refusals.pop(key, None) or migration

    def wake_all(self) -> None:
        for wake in self.wake[:]:
            wake()

    def take(self) -> None:
        """Takes the current session object out of the model, and fills its row."""
        model = self.cell.model
        self._copied.clear()
        self._changes.clear()
        self._slice = model if self._get is None else self._get(model)
        if self._revision is None:
            self._fill_cells()
            return
        self._number = index(self._revision(self._slice)) & 2**64 - 1
        if self._number != self._row_number:
            self._row_number = self._number
            self._fill_cells()

    def _fill_cells(self) -> None:
        """Reads the values of all fields, in one call from the library. A field that fails does not affect the others."""
        number = 0
        for field, filled in zip(self.fields, self._filled):
            try:
                value = field.get(self._slice)
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
        self._failures[key] = error
        return int(0 if isinstance(error, EncodeError) else lib.LILY_SESSION_ERROR_CALLBACK)

    def visit_entries(self, map: Field, visit: Any, visitor: Any) -> None:
        """Gives the library all entries of a map. An entry that fails does not affect the others."""
        out = ffi.new("lily_session_value *")
        for id, value in map.get(self._slice).items():
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
                replaced = field.set(self._slice, decoded)
                if replaced is not None:
                    self._slice = replaced
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
                self._changes[map.replaces] = dict(map.get(self._slice))
            changing: "dict[str, Any]" = self._changes[map.replaces]
            return changing
        if map.set is not None and map not in self._copied:
            self._copied.append(map)
            replaced = map.set(self._slice, dict(map.get(self._slice)))
            if replaced is not None:
                self._slice = replaced
        entries: "dict[str, Any]" = map.get(self._slice)
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
            updated = self._set(self.cell.model, self._slice)
            if updated is not None:
                self.cell.model = updated
        elif self._get is None:
            self.cell.model = self._slice
        elif self._slice is not self._get(self.cell.model):
            raise TypeError("a new session object was made: attach needs a set that puts it into the model")

    def _replace(self) -> None:
        """Replaces a frozen slice once, so that its class sees all new values together."""
        record = self.persistence._record
        changes, self._changes = self._changes, {}
        if not changes or record is None:
            return
        try:
            self._slice = without_quotation(record.replaced, self._slice, changes)
            return
        except REFUSALS as error:
            if self.at_once:
                raise
            first = error
        # Some of them together are not a value of the class. Those that it takes one after the other stay.
        taken: Dict[str, Any] = {}
        for name, value in changes.items():
            try:
                without_quotation(record.replaced, self._slice, {**taken, name: value})
                taken[name] = value
            except REFUSALS as error:
                self.refusing.update({field.key: error for field in (*self.fields, *self.maps) if field.replaces == name})
        if len(taken) == len(changes):
            raise first
        raise NotTogether
