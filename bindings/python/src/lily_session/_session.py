"""Sessions: fields that are attached to a runtime and a storage."""
import contextlib
import os
from collections import deque
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Deque, Optional, Type, TypeVar

from ._attachment import Attachment, stays_unstored
from ._calls import Unique, c_string, call, call_for_value
from ._codecs import ANYTHING
from ._errors import InvalidArgumentError, UnsupportedError
from ._events import Event, FieldState, State
from ._modify import Modification
from ._native import ffi, lib
from ._sliding import slide_all
from ._times import until

if TYPE_CHECKING:
    import asyncio

    from ._runtime import Runtime

V = TypeVar("V")


class Session(Unique):
    """Fields that Runtime.attach() has attached. It lasts until detach(), which the end of a `with` block calls, or until its runtime is
    closed."""

    def __init__(self, runtime: "Runtime[Any, Any]", attachment: Attachment) -> None:
        """Programs use Runtime.attach() instead."""
        self._runtime = runtime  # It lasts as long as one of its sessions is kept.
        self._attachment = attachment
        attachment.attach(runtime._live_handle())

    def __repr__(self) -> str:
        state = f"in {self._attachment.path or 'memory'}" if self._attachment.handle else "detached"
        return f"<lily_session.Session {state}: {', '.join(field.key for field in self._attachment.slice.fields)}>"

    def persist(self) -> None:
        """Stores the fields that the program changed in the model, as dispatch does after an update."""
        with self._attachment.lock:
            failure: Optional[Exception] = None
            try:
                try:
                    self._call(lib.lily_session_persist)
                except Exception as error:
                    failure = error
                slide_all([self._attachment], failure)
            finally:
                del failure  # The exception's traceback refers to this frame, which would be a reference cycle.

    def flush(self) -> None:
        """Persists, and makes what is stored survive power loss."""
        with self._attachment.lock:
            try:
                self._attachment.slide()
            finally:
                self._call(lib.lily_session_flush)

    def refresh(self) -> "list[Event]":
        """Persists, and then sets the fields that others changed. Fields that were removed, cleared (even by this session) or have expired
        are reset to the values they had before attach. Returns an event for each change. If `set` fails, no change is kept, and the next
        refresh tries again."""
        attachment = self._attachment
        with attachment.lock:
            outer = attachment.found  # not None if an event of a refresh called this, which is refused; that refresh goes on
            found: "list[Event]" = []
            attachment.found = found
            try:
                attachment.fill(lib.lily_session_refresh, self._live_handle())
            finally:
                attachment.found = outer
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
        at the same time: for counters and lists that several programs change. Returns the new value, and sets the field in the model to
        what storage then holds, which may already be a newer value of another program.

        key      the field's key
        change   takes the stored value, as the field decodes it, and returns a new one. It is called again if another program stores
                 something meanwhile, so it must change nothing itself. If it raises an exception, nothing changes, and modify raises it
        default  what `change` takes if nothing is stored
        """
        encoded = c_string(key)
        field = self._attachment.slice.field_of(key)
        codec = field.codec if field else ANYTHING  # The library refuses a key of no field.
        modification = Modification(key, codec, change, default)
        self._set_at_once(lib.lily_session_modify, encoded, lib.lily_py_modify, ffi.new_handle(modification))
        return modification.new

    def reset(self, key: str) -> None:
        """Removes what is stored for a field, and sets the field in the model to the value that it had before attach."""
        self._set_at_once(lib.lily_session_reset, c_string(key))

    def next_expiry(self) -> Optional[timedelta]:
        """Returns the time until the next stored field that this session has loaded or stored expires, or None if none expires."""
        with self._attachment.lock:
            handle = self._attachment.handle
            return until(call_for_value(lib.lily_session_next_expiry, handle)) if handle else None

    def field_state(self, key: str) -> FieldState:
        """Returns what storage holds of a field now, or what it was last seen to hold if it cannot be read."""
        out = ffi.new("int32_t *")
        self._call(lib.lily_session_field_state, c_string(key), out)
        return FieldState(State(out[0] & ~lib.LILY_SESSION_STATE_DIRTY), bool(out[0] & lib.LILY_SESSION_STATE_DIRTY))

    async def changes(self) -> AsyncIterator[Event]:
        """Yields an event for each change by others, and for each field that expires, until the session is detached. It refreshes whenever
        the storage reports a change. It uses no thread; while it waits, the event loop runs. Several iterations of one session see every
        event each, also those of a refresh() that the program calls.

        A change wakes this again until each session that is attached through the same Storage object has refreshed. A session that is
        never refreshed would wake the others without end, so give it a Storage object of its own.
        """
        attachment = self._attachment
        if attachment.storage is None:
            raise UnsupportedError("the session uses the default storage: open it with Storage.open(), and attach with that object")
        # The descriptor is a duplicate: the loop has one reader for each descriptor, and the program may close the storage during a wait.
        descriptor = os.dup(attachment.storage.fileno())
        events: "Deque[Event]" = deque()
        attachment.followers.append(events)
        try:
            while attachment.handle:
                with attachment.lock:  # Another thread may detach the session.
                    if attachment.handle:
                        self.refresh()
                while events:
                    yield events.popleft()
                await self._wait_for_change(descriptor, events)
        finally:
            attachment.followers[:] = [queue for queue in attachment.followers if queue is not events]
            os.close(descriptor)

    async def _wait_for_change(self, descriptor: int, events: "Deque[Event]") -> None:
        import asyncio  # only here, because most programs do not need it, and loading it takes longer than all the rest

        attachment = self._attachment
        loop = asyncio.get_running_loop()
        change: "asyncio.Future[None]" = loop.create_future()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # A loop that is closed wakes nobody.
                loop.call_soon_threadsafe(_finish, change)

        loop.add_reader(descriptor, _finish, change)
        attachment.wake.append(wake)  # from here on, an event of another refresh and a detach finish the wait
        try:
            left = self.next_expiry()
            if attachment.handle and not events:  # The session may have been detached since.
                await asyncio.wait([change], timeout=None if left is None else left.total_seconds())
        finally:
            attachment.wake.remove(wake)
            loop.remove_reader(descriptor)

    def detach(self) -> None:
        """Flushes, or only persists if the storage was opened with `no_sync`, and then ends the session even if that fails. Raises what
        flushing or persisting raises. A second call does nothing. Inside a callback of the runtime it takes effect when the outermost call
        returns. In a child of fork the session is only forgotten."""
        self._attachment.detach()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        """Detaches. If an exception other than SystemExit and GeneratorExit ends the `with` block, changes that are not stored yet are not
        stored: they may be half of what the program was about to change."""
        if stays_unstored(error):
            self._attachment.abandon()
        else:
            self.detach()

    def _live_handle(self) -> Any:
        if not self._attachment.handle:
            raise InvalidArgumentError("the session is detached")
        return self._attachment.handle

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        with self._attachment.lock:
            call(function, self._live_handle(), *arguments, path=self._attachment.path)

    def _set_at_once(self, function: Callable[..., int], *arguments: Any) -> None:
        """Calls a function that sets one field, and must not be called again for it."""
        with self._attachment.lock:
            slice = self._attachment.slice
            before, slice.at_once = slice.at_once, True
            try:
                self._call(function, *arguments)
            finally:
                slice.at_once = before


def _finish(change: "asyncio.Future[None]") -> None:
    if not change.done():
        change.set_result(None)
