"""Calls into the library, and the exceptions that callbacks raise during them."""
import atexit
import inspect
import os
import threading
import weakref
from traceback import print_exc
from types import TracebackType
from typing import Any, Callable, NoReturn, Optional, Type, TypeVar

from ._errors import Error, ForkedError, InvalidArgumentError, last_error


O = TypeVar("O", bound="Owner")


class Unique:
    """An object that cannot be copied, because a copy would share what the library has, and give it back once more."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")


class Owner(Unique):
    """Owns a handle of the library that may have to be given back before Python ends."""

    _ends_last = False
    """True if others may use its handle, and have to end before it."""

    def __new__(cls: "Type[O]", *arguments: Any, **named: Any) -> "O":  # Any as its result would hide the class from type checkers.
        self = object.__new__(cls)
        _owners.add(self)
        return self

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


_forks = 0
"""How often this process was made by a fork, for Lock."""


def _forked() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_forked)


class Lock:
    """A lock of one thread at a time, which that thread may take again. In a child of fork it raises ForkedError if another thread held it
    then: that thread does not exist in the child, so nobody would ever release it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._forks = _forks

    def __enter__(self) -> None:
        if self._forks == _forks:
            self._lock.acquire()
        elif self._lock.acquire(blocking=False):
            self._forks = _forks
        else:
            raise ForkedError("another thread was using this object when the process forked: make one of its own")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def takes(what: str, function: Any, *arguments: str) -> None:
    """Raises TypeError if a callback of the program cannot be called with so many arguments. Later this would look as if it had refused a
    value."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        if callable(function):
            return  # Some built-in functions do not say what they take.
        raise TypeError(f"{what} must be a function") from None
    try:
        signature.bind(*arguments)
    except TypeError as error:
        wrong = str(error)
    else:
        return
    raise TypeError(f"{what} is called with ({', '.join(arguments)}): {wrong}")


class _Kept:
    """Exceptions of callbacks since this thread's innermost call into the library began. They must not cross a C frame."""

    raised: Optional[BaseException] = None
    """The first exception of a callback. The call raises it."""
    failed: Optional[Error] = None
    """An error whose status a callback returned, or the library will. The call raises it if it returns that status, too."""


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


def keep_refused(error: Error) -> None:
    """Keeps the error for a value that the library will refuse, for the call to raise if it returns that status: the first one, as the
    library does."""
    kept = _thread.kept = _thread.kept or _Kept()
    kept.failed = kept.failed or error


def lend_until_next(memory: object) -> None:
    """Keeps memory alive that the library reads after a callback has returned, until the next call of this function on this thread."""
    _thread.lent = memory


def call(function: Callable[..., Optional[int]], *arguments: Any, path: Optional[str] = None, file: bool = False) -> None:
    """Calls a function that returns a status or nothing. Raises the exception that a callback raised during the call, or otherwise the
    exception for a status that is a failure. `path` and `file` are for that exception, as in error_of()."""
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
            error = last_error(status, path=path, file=file)
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
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, and not an object of type {type(value).__name__}")
    if "\0" in value:
        raise InvalidArgumentError(f"{what} contains a NUL character")
    return value.encode("utf-8", "surrogatepass")
