"""Sessions: fields that are attached to a runtime and a storage."""
import contextlib
import os
from datetime import timedelta
from operator import index
from types import TracebackType
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Optional, Type, TypeVar

from ._annotations import ANYTHING, REFUSALS
from ._calls import Owner, c_string, call, call_for_value, keep
from ._errors import ForkedError, InvalidArgumentError, ReentrantError, UnsupportedError, error_of, name_of
from ._events import Event, EventKind, FieldState, State
from ._fields import Field, Persistence
from ._modify import Modification
from ._native import ffi, lib
from ._times import until
from ._values import IMMUTABLE, fill_value, loads

if TYPE_CHECKING:
    import asyncio

    from ._runtime import Runtime
    from ._storage import Storage

V = TypeVar("V")

_UNKNOWN = object()
"""A mark that no field has as its value."""


class Session(Owner):
    """Fields that Runtime.attach() has attached. It lasts until detach(), which the end of a `with` block calls, or until its runtime is
    closed."""

    def __init__(self, runtime: "Runtime[Any, Any]", persistence: Persistence[Any], storage: "Optional[Storage]",
                 get: Optional[Callable[[Any], Any]], set: Optional[Callable[[Any, Any], Any]],
                 revision: Optional[Callable[[Any], int]], on_event: Optional[Callable[[Event], object]]) -> None:
        self._runtime = runtime
        self._storage = storage
        self._get = get
        self._set = set
        self._revision = revision
        self._on_event = on_event
        self._handle: Any = None
        self._self = ffi.new_handle(self)
        # The library reads the row in C, without calling Python. `_filled` has the value that each cell was filled with, if the cell needs
        # no change while the field has that object; otherwise _UNKNOWN.
        self._fields, self._maps = persistence._complete()
        self._row = ffi.new("lily_py_row *", {"session": self._self, "cells": len(self._fields)})
        self._cells = [self._row.cells + column for column in range(len(self._fields))]
        self._filled: "list[Any]" = [_UNKNOWN] * len(self._fields)
        self._memory: "list[Any]" = [None] * len(self._fields)
        self._slice: Any = None
        self._copied: "list[Field]" = []  # the maps that got a new dict since the slice was taken
        self._raised: "dict[str, BaseException]" = {}  # exceptions of a field's callbacks, for its event
        self._found: "Optional[list[Event]]" = None  # events of the refresh that runs; None if none runs
        self._number = 0  # the slice's revision
        self._row_number: Optional[int] = None  # the revision that the row was filled at; None if it has to be filled again
        self._waiting: "list[asyncio.Future[None]]" = []

    def persist(self) -> None:
        """Stores the fields that the program changed in the model, as dispatch does after an update."""
        self._call(lib.lily_session_persist)

    def flush(self) -> None:
        """Persists, and makes what is stored survive power loss."""
        self._call(lib.lily_session_flush)

    def refresh(self) -> "list[Event]":
        """Persists, and then sets the fields that others changed. Fields that were removed, cleared (even by this session) or have expired
        are reset to the values they had before attach. Returns an event for each change. If `set` fails, no change is kept, and the next
        refresh tries again."""
        with self._runtime._lock:
            outer = self._found  # not None if an event of a refresh called this, which is refused; that refresh goes on
            found = self._found = []
            try:
                self._call(lib.lily_session_refresh)
            finally:
                self._found = outer
            return found

    def mark(self, key: str) -> None:
        """Makes the next update, persist, flush or detach store a field, even if it does not change, such as a default that the user
        confirmed. It may be called inside an update function, and then that update stores the field."""
        self._call(lib.lily_session_mark, c_string(key))

    def touch(self, key: str) -> None:
        """Persists, and then renews the expiry of what is stored for a field, by storing the same value again."""
        self._call(lib.lily_session_touch, c_string(key))

    def modify(self, key: str, change: Callable[[Any], V], default: Any = None) -> V:
        """Persists, and then replaces what is stored for a field by what `change` makes of it, without losing what another program stores
        at the same time: for counters and lists that several programs change. Sets the field in the model to the new value, and returns
        that.

        key      the field's key
        change   takes the stored value, as the field decodes it, and returns a new one. It is called again if another program stores
                 something meanwhile, so it must change nothing itself. If it raises an exception, nothing changes, and modify raises it
        default  what `change` takes if nothing is stored
        """
        field = next((field for field in self._fields if field.key == key), None) or next((map for map in self._maps if key.startswith(map.key)), None)
        codec = field.codec if field else ANYTHING  # The library refuses a key of no field.
        modification = Modification(codec, change, default)
        self._call(lib.lily_session_modify, c_string(key), lib.lily_py_modify, ffi.new_handle(modification))
        return modification.new

    def reset(self, key: str) -> None:
        """Removes what is stored for a field, and sets the field in the model to the value that it had before attach."""
        self._call(lib.lily_session_reset, c_string(key))

    def next_expiry(self) -> Optional[timedelta]:
        """Returns the time until the next stored field that this session has loaded or stored expires, or None if none expires."""
        with self._runtime._lock:
            return until(call_for_value(lib.lily_session_next_expiry, self._handle)) if self._handle else None

    def field_state(self, key: str) -> FieldState:
        """Returns what storage holds of a field now, or what it was last seen to hold if it cannot be read."""
        out = ffi.new("int32_t *")
        self._call(lib.lily_session_field_state, c_string(key), out)
        return FieldState(State(out[0] & ~lib.LILY_SESSION_STATE_DIRTY), bool(out[0] & lib.LILY_SESSION_STATE_DIRTY))

    async def changes(self) -> AsyncIterator[Event]:
        """Yields an event for each change by others, and for each field that expires, until the session is detached. It refreshes whenever
        the storage reports a change. It uses no thread; while it waits, the event loop runs.

        A change wakes this again until each session that is attached through the same Storage object has refreshed. A session that is
        never refreshed would wake the others without end, so give it a Storage object of its own.
        """
        if self._storage is None:
            raise UnsupportedError("the session uses the default storage: open it with Storage.open(), and attach with that object")
        # The descriptor is a duplicate: the loop has one reader for each descriptor, and the program may close the storage during a wait.
        descriptor = os.dup(self._storage.fileno())
        try:
            while self._handle:
                with self._runtime._lock:  # Another thread may detach the session.
                    found = self.refresh() if self._handle else []
                for event in found:
                    yield event
                await self._wait_for_change(descriptor)
        finally:
            os.close(descriptor)

    async def _wait_for_change(self, descriptor: int) -> None:
        import asyncio  # only here, because most programs do not need it, and loading it takes longer than all the rest

        loop = asyncio.get_running_loop()
        change: "asyncio.Future[None]" = loop.create_future()
        loop.add_reader(descriptor, _finish, change)
        self._waiting.append(change)  # from here on, a detach finishes it
        try:
            left = self.next_expiry()
            if self._handle:  # The session may have been detached since.
                await asyncio.wait([change], timeout=None if left is None else left.total_seconds())
        finally:
            self._waiting.remove(change)
            loop.remove_reader(descriptor)

    def detach(self) -> None:
        """Flushes, or only persists if the storage was opened with `no_sync`, and then ends the session even if that fails. Raises what
        flushing or persisting raises. A second call does nothing. Inside a callback of the runtime it takes effect when the outermost call
        returns. In a child of fork the session is only forgotten."""
        with self._runtime._lock:
            if not self._handle:
                return
            try:
                with contextlib.suppress(ReentrantError, ForkedError):
                    if self._storage is not None and self._storage._no_sync:
                        self.persist()
                    else:
                        self.flush()
            finally:
                handle, self._handle = self._handle, None
                call(lib.lily_session_detach, handle)
                for change in self._waiting[:]:
                    with contextlib.suppress(RuntimeError):  # A loop that is closed wakes nobody.
                        change.get_loop().call_soon_threadsafe(_finish, change)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        self.detach()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._abandon()

    def _abandon(self) -> None:
        """Ends the session without a flush."""
        handle, self._handle = self._handle, None
        call(lib.lily_session_abandon, handle)

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        with self._runtime._lock:
            if not self._handle:
                raise InvalidArgumentError("the session is detached")
            call(function, self._handle, *arguments)

    def _attach(self, runtime: Any, persistence: Persistence[Any]) -> None:
        storage = self._storage._live_handle() if self._storage else ffi.NULL  # The config does not keep it, and another thread may close it.
        config = ffi.new("lily_session_config *", {
            "size": ffi.sizeof("lily_session_config"), "storage": storage,
            "get": lib.lily_py_take_slice, "set": lib.lily_py_put_slice,
            "revision": lib.lily_py_revision if self._revision else ffi.NULL, "on_event": lib.lily_py_event,
            "context": self._self, "release": lib.lily_py_ended,
        })  # fmt: skip
        out = ffi.new("lily_session **")
        # The runtime keeps the session alive until the library has released it, even if the program does not keep it.
        self._runtime._sessions.add(self)
        try:
            call(lib.lily_session_attach, runtime, persistence._handle, config, out, file=self._storage is None)
            self._handle = out[0]
        except BaseException:
            call(lib.lily_session_abandon, out[0])  # The library has attached it, but a callback raised an exception.
            raise

    def _fill_row(self) -> None:
        """Takes the current session object out of the model, and fills its row."""
        model = self._runtime._model
        self._copied.clear()
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
        for field, filled in zip(self._fields, self._filled):
            try:
                value = field.get(self._slice)
                if value is not filled:
                    self._fill_cell(number, field, value)
            except BaseException as error:
                self._cells[number].status = lib.LILY_SESSION_ERROR_CALLBACK
                self._filled[number] = _UNKNOWN
                self._row_number = None
                self._raised[field.key] = error
                keep(type(error), error, error.__traceback__)
            number += 1

    def _visit_entries(self, map: Field, visit: Any, visitor: Any) -> None:
        """Gives the library all entries of a map. An entry that fails does not affect the others."""
        out = ffi.new("lily_session_value *")
        for id, value in map.get(self._slice).items():
            try:
                if not isinstance(id, str):
                    raise TypeError(f"the map {map.key!r} has a key that is not a str")
                name = c_string(id)
            except Exception as error:
                keep(type(error), error, error.__traceback__)
                continue
            try:
                memory = fill_value(out, value if map.encode is None else map.encode(value), map.types)
            except BaseException as error:
                out.type = 0  # The library refuses it.
                memory = None
                self._raised[map.key + id] = error
                keep(type(error), error, error.__traceback__)
            visit(visitor, name, out)
            del memory

    def _entries_to_change(self, map: Field) -> "dict[str, Any]":
        """Returns the dict of a map. If it must not be changed in place, the slice gets a copy, once after it was taken."""
        if map.set is not None and map not in self._copied:
            self._copied.append(map)
            replaced = map.set(self._slice, dict(map.get(self._slice)))
            if replaced is not None:
                self._slice = replaced
        entries: "dict[str, Any]" = map.get(self._slice)
        return entries

    def _refused(self, key: str, error: BaseException) -> int:
        """Returns the status for a stored value with which `decode` or `set` raised this exception, or raises it."""
        self._raised[key] = error
        if isinstance(error, REFUSALS):
            return int(lib.LILY_SESSION_ERROR_DECODE)
        raise error

    def _fill_cell(self, column: int, field: Field, value: Any) -> None:
        cell = self._cells[column]
        encoded = value if field.encode is None else field.encode(value)
        self._memory[column] = fill_value(cell.value, encoded, field.types)
        cell.status = 0
        self._filled[column] = value if field.encode is None and type(value) in IMMUTABLE else _UNKNOWN


def _finish(change: "asyncio.Future[None]") -> None:
    if not change.done():
        change.set_result(None)


@ffi.def_extern(error=ffi.NULL, onerror=keep)
def lily_py_take_slice(context: Any, model: Any) -> Any:
    session: Session = ffi.from_handle(context)
    session._fill_row()
    return session._row


@ffi.def_extern(error=ffi.NULL, onerror=keep)
def lily_py_put_slice(context: Any, model: Any, row: Any) -> Any:
    session: Session = ffi.from_handle(context)
    runtime = session._runtime
    if session._set is not None:
        updated = session._set(runtime._model, session._slice)
        if updated is not None:
            runtime._model = updated
    elif session._get is None:
        runtime._model = session._slice
    elif session._slice is not session._get(runtime._model):
        raise TypeError("a new session object was made: attach needs a set that puts it into the model")
    return model


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_set(context: Any, row: Any, value: Any) -> int:
    session: Session = ffi.from_handle(ffi.cast("lily_py_row *", row).session)
    field = session._fields[ffi.cast("lily_py_field *", context).column]
    session._row_number = None
    assert field.set is not None
    try:
        replaced = field.set(session._slice, field.decode(loads(value, field.raw)))
    except BaseException as error:
        return session._refused(field.key, error)
    if replaced is not None:
        session._slice = replaced
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_each(context: Any, row: Any, visit: Any, visitor: Any) -> int:
    session: Session = ffi.from_handle(ffi.cast("lily_py_row *", row).session)
    session._visit_entries(ffi.from_handle(ffi.cast("lily_py_field *", context).field), visit, visitor)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_set_entry(context: Any, row: Any, id: Any, value: Any) -> int:
    session: Session = ffi.from_handle(ffi.cast("lily_py_row *", row).session)
    map: Field = ffi.from_handle(ffi.cast("lily_py_field *", context).field)
    name = ffi.string(id).decode()
    try:
        if value:
            decoded = map.decode(loads(value, map.raw))
            session._entries_to_change(map)[name] = decoded
        else:
            session._entries_to_change(map).pop(name, None)
    except BaseException as error:
        return session._refused(map.key + name, error)
    return 0


@ffi.def_extern(error=0, onerror=keep)
def lily_py_revision(context: Any, row: Any) -> int:
    session: Session = ffi.from_handle(context)
    return session._number


@ffi.def_extern(onerror=keep)
def lily_py_event(context: Any, event: Any) -> None:
    session: Session = ffi.from_handle(context)
    key = ffi.string(event.key).decode() if event.key else None
    error = session._raised.pop(key, None) if key is not None else None
    if error is None and event.status:
        error = error_of(event.status, f"{key or 'the store'}: {name_of(event.status)}", event.system_error)
    told = Event(EventKind(event.kind), key, error)
    if session._found is not None:
        session._found.append(told)
    if session._on_event is not None:
        session._on_event(told)


@ffi.def_extern(onerror=keep)
def lily_py_ended(context: Any) -> None:
    session: Session = ffi.from_handle(context)
    session._runtime._sessions.discard(session)
