"""Calls into the library, and the exceptions that callbacks raise meanwhile."""
import threading
from types import TracebackType
from typing import Any, Callable, Optional, Type

from ._errors import Error, InvalidArgumentError, last_error


class _Kept:
    """What callbacks have raised since this thread's innermost call into the library began. It crosses no C frame."""

    raised: Optional[BaseException] = None
    answered: Optional[Error] = None


class _Thread(threading.local):
    kept: Optional[_Kept] = None
    lent: object = None


_thread = _Thread()


def keep(kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]) -> None:
    """For what a callback raises. Of several exceptions the first comes out of the call."""
    kept = _thread.kept = _thread.kept or _Kept()
    if kept.raised is None:
        kept.raised = error.with_traceback(traceback)


def answer(error: Error) -> int:
    """For callbacks whose status the library itself acts on: the exception comes out if the library passes the status on."""
    if error.status == 0:
        raise error  # it says no more than any other exception
    kept = _thread.kept = _thread.kept or _Kept()
    kept.answered = error
    return error.status


def lend(memory: object) -> None:
    """Keeps what the library reads after a callback has returned, until the next such on this thread."""
    _thread.lent = memory


def call(function: Callable[..., Optional[int]], *arguments: Any, file: bool = False) -> None:
    """Calls what answers a status, or nothing. Raises what a callback raised meanwhile, else what a failing status says.
    `file`: what is not found is a file."""
    outer = _thread.kept
    if outer is not None:  # inside a callback
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
        error = kept.answered if kept else None
        if error is None or error.status != status:
            error = last_error(status, file=file)
    try:
        raise error
    finally:
        del error, kept  # the exception's traceback has this frame


def ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls what answers something else than a status."""
    answers: "list[Any]" = []
    call(lambda: answers.append(function(*arguments)))
    return answers[0]


def text(value: str, what: str = "the key") -> bytes:
    """For a parameter that is a C string. Anything else that is wrong with it the library says."""
    if "\0" in value:
        raise InvalidArgumentError(f"{what} has a NUL in it")
    return value.encode("utf-8", "surrogatepass")
