"""A session in one call, for a program that changes its model itself."""
from types import TracebackType
from typing import Callable, Generic, NoReturn, Optional, Type, TypeVar

from ._attachment import Attachment
from ._events import Event
from ._fields import Persistence
from ._runtime import Runtime
from ._session import Session
from ._storage import Storage

M = TypeVar("M")


class OpenSession(Session, Generic[M]):
    """A session of open(), with a runtime and a storage of its own."""

    def __init__(self, application: str, model: M, persistence: "Persistence[M]", on_event: "Optional[Callable[[Event], object]]") -> None:
        """Programs use open() instead."""
        self._own: "Runtime[M, NoReturn]" = Runtime(model)
        self._storage = Storage.open(application=application)
        super().__init__(self._own, Attachment(self._own._cell, persistence, self._storage, None, None, None, on_event))

    @property
    def model(self) -> M:
        """The current model: the object that open() was given, unless its dataclass is frozen. You may assign another one; persist() then
        stores the fields that differ."""
        return self._own.model

    @model.setter
    def model(self, model: M) -> None:
        self._own.model = model

    @property
    def storage(self) -> Storage:
        """The storage, which is closed when the session ends."""
        return self._storage

    def detach(self) -> None:
        """Does what Session.detach() does, and closes the storage."""
        try:
            super().detach()
        finally:
            self._close()

    close = detach

    def __enter__(self) -> "OpenSession[M]":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]) -> None:
        try:
            super().__exit__(kind, error, traceback)
        finally:
            self._close()

    def _close(self) -> None:
        self._own.close()
        self._storage.close()


def open(application: str, model: M, persistence: "Optional[Persistence[M]]" = None, *,
         on_event: "Optional[Callable[[Event], object]]" = None) -> "OpenSession[M]":
    """Fills a model from the file in the default place, and returns a session that stores the fields that the program changes: at each
    persist(), and at the end of the session, which is close() or the end of a `with` block.

    application  the program's name, as for Storage.open()
    model        a dataclass object or one of attrs, msgspec or pydantic, or with a `persistence` any object
    persistence  the fields; None means all fields of the model's class
    on_event     as for Runtime.attach()
    """
    if isinstance(model, type):
        raise TypeError(f"open() takes an object, and {model.__name__} is a class")
    return OpenSession(application, model, Persistence.of(type(model)) if persistence is None else persistence, on_event)
