"""A model, its update function, and the sessions that store what changes."""
from datetime import timedelta
from types import TracebackType
from typing import Any, Callable, Generic, NoReturn, Optional, Type, TypeVar, overload

from . import _callbacks  # noqa: F401 # It defines what the library calls.
from ._attachment import Attachment, ModelCell, stays_unstored
from ._calls import Owner, call, call_for_value
from ._errors import ForkedError, InvalidArgumentError, StorageError
from ._events import Event
from ._fields import Persistence
from ._native import ffi, lib
from ._session import Session
from ._slice import NotTogether
from ._sliding import slide_all
from ._storage import Storage
from ._times import until

M = TypeVar("M")
S = TypeVar("S")
Message = TypeVar("Message")


class Runtime(Owner, Generic[M, Message]):
    """A model, and the function that updates it.

    `update(model, message)` changes the model in place, or returns the model that replaces it. It refuses a message by raising an
    exception: the model is kept, and dispatch() raises the exception. A program without an `update` function changes
    `runtime.model` itself, and calls persist() of its sessions.

    A runtime and its sessions may be used from any thread. If several threads call them, one works and the others wait. A call that
    would run the runtime again from inside one of its callbacks raises ReentrantError.
    """

    @overload
    def __init__(self: "Runtime[M, NoReturn]", model: M, update: None = None, *, copy: Optional[Callable[[M], M]] = None) -> None: ...

    @overload
    def __init__(self, model: M, update: Callable[[M, Message], Optional[M]], *, copy: Optional[Callable[[M], M]] = None) -> None: ...

    def __init__(self, model: M, update: Optional[Callable[[M, Message], Optional[M]]] = None, *,
                 copy: Optional[Callable[[M], M]] = None) -> None:
        """copy  makes a copy of the model, such as copy.deepcopy, before each update. If the update raises an exception, that copy becomes the
                 model, so that nothing of what the update has changed until then remains"""
        self._cell = ModelCell(model, update, copy)
        self._lock = self._cell.lock
        self._context = ffi.new_handle(self._cell)
        out = ffi.new("lily_session_runtime **")
        # The library takes the cell for the model. It holds the real model, which can so be replaced without telling the library.
        call(lib.lily_session_runtime_new, self._context, lib.lily_py_update if update else ffi.NULL, self._context, out)
        self._handle = out[0]

    def __repr__(self) -> str:
        sessions = len(self._cell.attachments)
        state = f"with {sessions} session{'' if sessions == 1 else 's'}" if self._handle else "closed"
        return f"<lily_session.Runtime of {type(self._cell.model).__name__}, {state}>"

    def dispatch(self, message: Message) -> None:
        """Updates the model, and stores the fields that changed, in one write for each session.

        If it raises the exception of `update`, or InvalidArgumentError, ReentrantError or UnsupportedError, the message was not applied.
        After any other exception it was applied, and the next update, persist or flush tries again to store what could not be stored.

        If `update` changes the model in place and raises an exception half-way, the model has the changes until then, and the next update
        or persist stores them. The argument `copy` of Runtime prevents that.
        """
        with self._lock:
            # Each call has its own message, because a signal handler may dispatch another one at any time.
            given = ffi.new_handle(message)
            self._cell.applied = False
            self._call_and_slide(lib.lily_session_runtime_dispatch, given)

    @property
    def model(self) -> M:
        """The current model. You may assign another one; persist() then stores the fields that differ."""
        model: M = self._cell.model
        return model

    @model.setter
    def model(self, model: M) -> None:
        with self._lock:
            call(lib.lily_session_runtime_set_model, self._live_handle(), self._context)
            self._cell.model = model

    @overload
    def attach(self, persistence: Persistence[M], storage: Optional[Storage] = None, *,
               revision: Optional[Callable[[M], int]] = None, on_event: Optional[Callable[[Event], object]] = None) -> Session: ...

    @overload
    def attach(self, persistence: Persistence[S], storage: Optional[Storage] = None, *, get: Callable[[M], S],
               set: Optional[Callable[[M, S], Optional[M]]] = None, revision: Optional[Callable[[S], int]] = None,
               on_event: Optional[Callable[[Event], object]] = None) -> Session: ...

    def attach(self, persistence: Persistence[Any], storage: Optional[Storage] = None, *, get: Optional[Callable[[M], Any]] = None,
               set: Optional[Callable[[M, Any], Optional[M]]] = None, revision: Optional[Callable[[Any], int]] = None,
               on_event: Optional[Callable[[Event], object]] = None) -> Session:
        """Fills the model's fields from storage, and from then on stores the fields that change. It writes nothing itself.

        storage   the storage; None means the default place, which a Python program has to name: Storage.open(application=…)
        get       returns the object in the model that has the fields; None means that the model itself has them
        set       puts a new such object into the model, in place or by returning a new model
        revision  returns a number that differs when a field may have changed; while it is the same, fields are not compared
        on_event  is called for what happens to single fields and the store. The call that caused the event raises its exceptions. Without
                  it, values that are refused and damage are logged as warnings of the logger "lily_session"

        If a callback raises an exception, attach raises it, and nothing is attached; the model may have been filled in part.
        """
        if not isinstance(persistence, Persistence) or not isinstance(storage, (Storage, type(None))):
            given = f"a {type(persistence).__name__} and a {type(storage).__name__}"
            raise TypeError(f"attach() takes a Persistence and then a Storage, and was given {given}")
        with self._lock:
            return Session(self, Attachment(self._cell, persistence, storage, get, set, revision, on_event))

    def persist(self) -> None:
        """Does what Session.persist() does, for each session. Raises the first failure; the other sessions are persisted all the same."""
        with self._lock:
            self._cell.applied = True
            self._call_and_slide(lib.lily_session_runtime_persist)

    def refresh(self) -> "list[Event]":
        """Does what Session.refresh() does, for each session, and returns the events of all. Raises the first failure; the other sessions
        are refreshed all the same."""
        with self._lock:
            attachments = list(self._cell.attachments)
            outer = [attachment.found for attachment in attachments]  # as in Session.refresh()
            found: "list[Event]" = []
            for attachment in attachments:
                attachment.found = found
            try:
                try:
                    self._call(lib.lily_session_runtime_refresh)
                except NotTogether:
                    self._call(lib.lily_session_runtime_refresh)
            finally:
                for attachment, events in zip(attachments, outer):
                    attachment.found = events
                    attachment.slice.refusing.clear()
            return found

    def next_expiry(self) -> Optional[timedelta]:
        """Returns the least of what Session.next_expiry() returns for each session, or None if no stored field expires."""
        with self._lock:
            return until(call_for_value(lib.lily_session_runtime_next_expiry, self._handle)) if self._handle else None

    def close(self) -> None:
        """Detaches the sessions, and ends the runtime. Raises the first failure that Session.detach() raises. A second call does nothing."""
        self._end(Attachment.detach)

    def _end(self, end: Callable[[Attachment], None]) -> None:
        failure: Optional[BaseException] = None
        try:
            with self._lock:
                if not self._handle:
                    return
                for attachment in list(self._cell.attachments):
                    try:
                        end(attachment)
                    except BaseException as error:
                        failure = failure or error
                handle, self._handle = self._handle, None
                call(lib.lily_session_runtime_free, handle)
        except ForkedError:
            self._handle = None  # A thread of the parent was using it, so it cannot even be given back.
        if failure is not None:
            try:
                raise failure
            finally:
                del failure

    def __enter__(self) -> "Runtime[M, Message]":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        """Closes. If an exception other than SystemExit and GeneratorExit ends the `with` block, changes that are not stored yet are not
        stored, as for a session."""
        self._end(Attachment.abandon if stays_unstored(error) else Attachment.detach)

    def __del__(self) -> None:
        # This does not flush, because the garbage collector may run at any time, on any thread. What was dispatched has been stored.
        if getattr(self, "_handle", None):
            self._end(Attachment.abandon)

    def _program_ends(self) -> None:
        for attachment in list(self._cell.attachments):
            if attachment.storage is not None and attachment.storage._calls_back:
                attachment.abandon()

    def _call_and_slide(self, function: Callable[..., int], *arguments: Any) -> None:
        """Calls a function that stores what changed, and then renews the expiries that slide, also if a field could not be stored."""
        failure: Optional[Exception] = None
        try:
            try:
                self._call(function, *arguments)
            except Exception as error:
                if not self._cell.applied:  # Renewing persists, which would store what `update` may have changed by half.
                    raise
                failure = error
            slide_all(list(self._cell.attachments), failure)
        finally:
            del failure  # as in Session.persist()

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        try:
            call(function, self._live_handle(), *arguments)
        except StorageError as error:
            paths = {attachment.path for attachment in self._cell.attachments}
            if error.filename is None and len(paths) == 1:
                error.filename = paths.pop()
            raise

    def _live_handle(self) -> Any:
        if not self._handle:
            raise InvalidArgumentError("the runtime is closed")
        return self._handle
