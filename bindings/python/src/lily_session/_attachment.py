"""Fields that are attached to a model and a storage."""
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Optional

from ._calls import Lock, call
from ._errors import ForkedError, ReentrantError
from ._events import Event
from ._fields import Persistence
from ._log import log
from ._native import ffi, lib
from ._slice import NotTogether, Slice
from ._sliding import Sliding

if TYPE_CHECKING:
    from ._storage import Storage


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


def stays_unstored(error: Optional[BaseException]) -> bool:
    """Returns true if what ends a `with` block may have ended it in the middle of a change."""
    return error is not None and not isinstance(error, (SystemExit, GeneratorExit))


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
        self.persistence = persistence  # It keeps what the library passes to the callbacks of the fields.
        self.slice = Slice(cell, persistence, get, set, revision)
        self._on_event = on_event
        self._sliding = Sliding(self.slice.fields, storage)

    def attach(self, runtime: Any) -> None:
        try:
            try:
                self._attach(runtime)
            except NotTogether:
                self._attach(runtime)
        finally:
            self.slice.refusing.clear()

    def _attach(self, runtime: Any) -> None:
        storage = self.storage._live_handle() if self.storage else ffi.NULL  # The config does not keep it, and another thread may close it.
        context = ffi.new_handle(self)
        self.slice.row.session = context
        config = ffi.new("lily_session_config *", {
            "size": ffi.sizeof("lily_session_config"), "storage": storage,
            "get": lib.lily_py_take_slice, "set": lib.lily_py_put_slice,
            "revision": lib.lily_py_revision if self.slice.revision else ffi.NULL, "on_event": lib.lily_py_event,
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
            self.slice.refusing.clear()

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
        """Renews the expiries that slide, unless nothing may be written."""
        if self.handle and not self._flags & lib.LILY_SESSION_READ_ONLY:
            self._sliding.renew(self.handle, self.path)

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

    def wake_all(self) -> None:
        for wake in self.wake[:]:
            wake()
