"""A session in one call, for a program that changes its model itself."""
from typing import Any, Generic, NoReturn, Optional, TypeVar

from ._fields import Persistence
from ._runtime import Runtime
from ._session import Session
from ._storage import Storage

M = TypeVar("M")


class OpenSession(Session, Generic[M]):
    """A session of open(), with a runtime and a storage of its own."""

    _runtime: "Runtime[M, NoReturn]"
    _storage: Storage

    def __init__(self, application: str, model: M, persistence: "Persistence[M]") -> None:
        """Programs use open() instead."""
        super().__init__(Runtime(model), persistence, Storage.open(application=application), None, None, None, None)
        self._attach(self._runtime._live_handle(), persistence)

    @property
    def model(self) -> M:
        """The current model: the object that open() was given, unless its dataclass is frozen. You may assign another one; persist() then
        stores the fields that differ."""
        return self._runtime.model

    @model.setter
    def model(self, model: M) -> None:
        self._runtime.model = model

    @property
    def storage(self) -> Storage:
        """The storage, which is closed when the session ends."""
        return self._storage

    def detach(self) -> None:
        """Does what Session.detach() does, and closes the storage."""
        try:
            super().detach()
        finally:
            self._runtime.close()
            self._storage.close()

    close = detach

    def __enter__(self) -> "OpenSession[M]":
        return self


def open(application: str, model: M, persistence: "Optional[Persistence[M]]" = None) -> "OpenSession[M]":
    """Fills a model from the file in the default place, and returns a session that stores the fields that the program changes: at each
    persist(), and at the end of the session, which is close() or the end of a `with` block.

    application  the program's name, as for Storage.open()
    model        a dataclass object, or with a `persistence` any object
    persistence  the fields; None means all fields of the dataclass
    """
    return OpenSession(application, model, Persistence.of(type(model)) if persistence is None else persistence)
