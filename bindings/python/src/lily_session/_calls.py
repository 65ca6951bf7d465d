"""Calls into the library, and the exceptions that callbacks raise during them."""
import atexit
import threading
import weakref
from traceback import print_exc
from types import TracebackType
from typing import Any, Callable, NoReturn, Optional, Type

from ._errors import Error, InvalidArgumentError, last_error


class Owner:
    """Owns a handle of the library, which a copy would give back once more."""

    _ends_last = False
    """True if others may use its handle, and have to end before it."""

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        self = super().__new__(cls)
        _owners.add(self)
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

    def _program_ends(self) -> None:
        """Ends what would call Python when it is ended."""


_owners: "weakref.WeakSet[Owner]" = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Ends what calls Python while that can still run callbacks: a storage of the program's own, or with its clock."""
    for owner in sorted(_owners, key=lambda owner: owner._ends_last):
        try:
            owner._program_ends()
        except Exception:
            print_exc()


class _Kept:
    """Exceptions of callbacks since this thread's innermost call into the library began. They must not cross a C frame."""

    raised: Optional[BaseException] = None
    """The first exception of a callback. The call raises it."""
    failed: Optional[Error] = None
    """The last error whose status a callback returned. The call raises it if it returns that status, too."""


class _Thread(threading.local):
    kept: Optional[_Kept] = None
    lent: object = None


_thread = _Thread()


def keep(kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]) -> None:
    """Keeps an exception that a callback raised, for the call to raise. If there are several, the call raises the first."""
    kept = _thread.kept = _thread.kept or _Kept()
    if kept.raised is None:
        kept.raised = error.with_traceback(traceback)


def keep_status(error: Error) -> int:
    """Keeps the error of a callback whose status the library acts on, and returns that status. The call raises the error if it returns
    the same status."""
    if error.status == 0:
        raise error  # It has no status, so it is handled like any other exception.
    kept = _thread.kept = _thread.kept or _Kept()
    kept.failed = error
    return error.status


def lend_until_next(memory: object) -> None:
    """Keeps memory alive that the library reads after a callback has returned, until the next call of this function on this thread."""
    _thread.lent = memory


def call(function: Callable[..., Optional[int]], *arguments: Any, file: bool = False) -> None:
    """Calls a function that returns a status or nothing. Raises the exception that a callback raised during the call, or otherwise the
    exception for a status that is a failure. `file` is true if a NOT_FOUND is about a file, and not about a key."""
    outer = _thread.kept
    if outer is not None:  # This call is made inside a callback.
        _thread.kept = None
    try:
        status = function(*arguments)
    finally:
        kept = _thread.kept
        if kept is not outer:
            _thread.kept = outer
    if kept is None and not status:
        return
    error = kept.raised if kept else None
    if error is None:
        if not status:
            return
        error = kept.failed if kept else None
        if error is None or error.status != status:
            error = last_error(status, file=file)
    try:
        raise error
    finally:
        del error, kept  # The exception's traceback refers to this frame, which would be a reference cycle.


def call_for_value(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function that returns a value instead of a status, and returns that value."""
    values: "list[Any]" = []
    call(lambda: values.append(function(*arguments)))
    return values[0]


def c_string(value: str, what: str = "the key") -> bytes:
    """Returns the bytes of an argument that is a C string in the library. Only a NUL is checked here; the library checks the rest."""
    if "\0" in value:
        raise InvalidArgumentError(f"{what} contains a NUL character")
    return value.encode("utf-8", "surrogatepass")
