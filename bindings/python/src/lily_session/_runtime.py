"""A model, its update function, and the sessions that store what changes."""
import threading
from datetime import timedelta
from types import TracebackType
from typing import Any, Callable, Generic, NoReturn, Optional, Type, TypeVar, overload

from ._calls import Owner, call, call_for_value, keep
from ._errors import InvalidArgumentError
from ._events import Event
from ._fields import Persistence
from ._native import ffi, lib
from ._session import Session
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
    def __init__(self: "Runtime[M, NoReturn]", model: M, update: None = None) -> None: ...

    @overload
    def __init__(self, model: M, update: Callable[[M, Message], Optional[M]]) -> None: ...

    def __init__(self, model: M, update: Optional[Callable[[M, Message], Optional[M]]] = None) -> None:
        self._model = model
        self._update = update
        self._message: Any = None
        self._sessions: "set[Session]" = set()
        self._lock = threading.RLock()
        self._self = ffi.new_handle(self)
        out = ffi.new("lily_session_runtime **")
        # The library takes this object for the model. It holds the real model, which can so be replaced without telling the library.
        call(lib.lily_session_runtime_new, self._self, lib.lily_py_update if update else ffi.NULL, self._self, out)
        self._handle = out[0]

    def dispatch(self, message: Message) -> None:
        """Updates the model, and stores the fields that changed, in one write for each session.

        If it raises the exception of `update`, or InvalidArgumentError, ReentrantError or UnsupportedError, the message was not applied.
        After any other exception it was applied, and the next update, persist or flush tries again to store what could not be stored.
        """
        with self._lock:
            self._message = message
            try:
                call(lib.lily_session_runtime_dispatch, self._live_handle(), ffi.NULL)
            finally:
                self._message = None

    @property
    def model(self) -> M:
        """The current model. You may assign another one; persist() then stores the fields that differ."""
        return self._model

    @model.setter
    def model(self, model: M) -> None:
        with self._lock:
            call(lib.lily_session_runtime_set_model, self._live_handle(), self._self)
            self._model = model

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
        on_event  is called for what happens to single fields and the store. The call that caused the event raises its exceptions

        If a callback raises an exception, attach raises it, and nothing is attached; the model may have been filled in part.
        """
        with self._lock:
            session = Session(self, persistence, storage, get, set, revision, on_event)
            session._attach(self._live_handle(), persistence)
            return session

    def persist(self) -> None:
        """Does what Session.persist() does, for each session. Raises the first failure; the other sessions are persisted all the same."""
        with self._lock:
            call(lib.lily_session_runtime_persist, self._live_handle())

    def refresh(self) -> "list[Event]":
        """Does what Session.refresh() does, for each session, and returns the events of all. Raises the first failure; the other sessions
        are refreshed all the same."""
        with self._lock:
            handle = self._live_handle()
            outer = [(session, session._found) for session in self._sessions]  # as in Session.refresh()
            found: "list[Event]" = []
            for session, _ in outer:
                session._found = found
            try:
                call(lib.lily_session_runtime_refresh, handle)
            finally:
                for session, events in outer:
                    session._found = events
            return found

    def next_expiry(self) -> Optional[timedelta]:
        """Returns the least of what Session.next_expiry() returns for each session, or None if no stored field expires."""
        with self._lock:
            return until(call_for_value(lib.lily_session_runtime_next_expiry, self._handle)) if self._handle else None

    def close(self) -> None:
        """Detaches the sessions, and ends the runtime. Raises the first failure that Session.detach() raises. A second call does nothing."""
        with self._lock:
            if not self._handle:
                return
            failure: Optional[BaseException] = None
            for session in list(self._sessions):
                try:
                    session.detach()
                except BaseException as error:
                    failure = failure or error
            handle, self._handle = self._handle, None
            call(lib.lily_session_runtime_free, handle)
            if failure is not None:
                try:
                    raise failure
                finally:
                    del failure

    def __enter__(self) -> "Runtime[M, Message]":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        # This does not flush, because the garbage collector may run at any time, on any thread. What was dispatched has been stored.
        if getattr(self, "_handle", None):
            for session in list(self._sessions):
                session._abandon()
            handle, self._handle = self._handle, None
            call(lib.lily_session_runtime_free, handle)

    def _program_ends(self) -> None:
        for session in list(self._sessions):
            if session._storage is not None and session._storage._calls_back:
                session._abandon()

    def _live_handle(self) -> Any:
        if not self._handle:
            raise InvalidArgumentError("the runtime is closed")
        return self._handle


@ffi.def_extern(error=ffi.NULL, onerror=keep)
def lily_py_update(context: Any, model: Any, message: Any) -> Any:
    runtime: Runtime[Any, Any] = ffi.from_handle(context)
    assert runtime._update is not None
    updated = runtime._update(runtime._model, runtime._message)
    if updated is not None:
        runtime._model = updated
    return context
