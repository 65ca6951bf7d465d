"""The exceptions. Each status of the library has one, which is also a built-in exception if there is one that fits."""
import errno
import io
import os
from typing import Any, ClassVar, Optional

from ._native import ffi, lib


class Error(Exception):
    """A failure that the library reports. Its text may name keys, but never values."""

    status: ClassVar[int] = 0
    """The number of the C library's status; 0 if there is none."""


class _SystemError(Error, OSError):
    """A failure that has what every OSError has: `errno`, `strerror` and `filename`. Each is None if it is not known."""

    def __init__(self, text: str = "", errno: Optional[int] = None, filename: Optional[str] = None) -> None:
        OSError.__init__(self, errno, None if errno is None else os.strerror(errno), filename)
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._text!r})"

    def __reduce__(self) -> Any:
        return type(self), (self._text, self.errno, self.filename)


class InvalidArgumentError(Error, ValueError):
    """A value is out of range, a text is not UTF-8, or the object was closed."""

    status = lib.LILY_SESSION_ERROR_INVALID_ARGUMENT


class DuplicateKeyError(Error, ValueError):
    """Another field is stored under this key already."""

    status = lib.LILY_SESSION_ERROR_DUPLICATE_KEY


class NotFoundError(Error, LookupError):
    """There is no such key, field or file."""

    status = lib.LILY_SESSION_ERROR_NOT_FOUND


class MissingKeyError(NotFoundError, KeyError):
    """There is no such key or field."""

    __str__ = Exception.__str__  # KeyError's __str__ would put the sentence in quotes.


class MissingFileError(_SystemError, NotFoundError, FileNotFoundError):
    """There is no such file or directory."""


class ReentrantError(Error, RuntimeError):
    """The call was made from inside a callback of the same runtime."""

    status = lib.LILY_SESSION_ERROR_REENTRANT


class UnsupportedError(_SystemError, io.UnsupportedOperation):
    """This object cannot do that."""

    status = lib.LILY_SESSION_ERROR_UNSUPPORTED


class ForkedError(Error, RuntimeError):
    """The parent process opened the storage. A child must open its own."""

    status = lib.LILY_SESSION_ERROR_FORKED


class DecodeError(Error, ValueError):
    """The text is not JSON, or it stands for a value that is not accepted."""

    status = lib.LILY_SESSION_ERROR_DECODE


class EncodeError(Error, ValueError):
    """The value cannot be stored: it does not fit its annotation or is not what JSON has, is NaN, has a surrogate, or is too big."""

    status = lib.LILY_SESSION_ERROR_ENCODE


class CallbackError(Error, RuntimeError):
    """A callback failed. Only events have this; the call raises the callback's own exception instead."""

    status = lib.LILY_SESSION_ERROR_CALLBACK


class UpdateError(Error, RuntimeError):
    """The update function refused the message. The call raises the function's own exception instead."""

    status = lib.LILY_SESSION_ERROR_UPDATE


class NewerError(Error):
    """A newer version of the program or of the library wrote it."""

    status = lib.LILY_SESSION_ERROR_NEWER


class StorageError(_SystemError):
    """The system or the store refused. `errno`, `strerror` and `filename` are set if they are known."""

    status = lib.LILY_SESSION_ERROR_IO


class NoSpaceError(StorageError):
    """The disk, its quota or the file size limit is full."""

    status = lib.LILY_SESSION_ERROR_NO_SPACE


class NotDurableError(StorageError):
    """The change is stored, and visible to all, but may not survive power loss."""

    status = lib.LILY_SESSION_ERROR_NOT_DURABLE


class PermissionDeniedError(StorageError, PermissionError):
    """The file, its directory or `read_only` does not allow it."""

    status = lib.LILY_SESSION_ERROR_PERMISSION


class RefusedError(StorageError):
    """The file is not one of this library: it has another format, owner or kind, or is linked twice. Or it was opened with `strict`, and
    other users could exchange it."""

    status = lib.LILY_SESSION_ERROR_REFUSED


class CorruptError(StorageError):
    """The file is damaged, and was opened with `strict`."""

    status = lib.LILY_SESSION_ERROR_CORRUPT


class QuotaError(StorageError):
    """The change would exceed a size limit."""

    status = lib.LILY_SESSION_ERROR_QUOTA


class BusyError(StorageError, TimeoutError):
    """Another process held the store's lock for five seconds, or others kept changing what modify() was to change."""

    status = lib.LILY_SESSION_ERROR_BUSY


_ERRNO: "dict[type[Error], int]" = {NoSpaceError: errno.ENOSPC, MissingFileError: errno.ENOENT, QuotaError: errno.EDQUOT}
_CLASSES = {
    kind.status: kind
    for kind in (
        InvalidArgumentError, DuplicateKeyError, MissingKeyError, ReentrantError, UnsupportedError, ForkedError, DecodeError,
        EncodeError, CallbackError, UpdateError, NewerError, StorageError, NoSpaceError, NotDurableError, PermissionDeniedError,
        RefusedError, CorruptError, QuotaError, BusyError,
    )
}  # fmt: skip


def error_of(status: int, text: str, system_error: int = 0, *, path: Optional[str] = None, file: bool = False) -> Error:
    """Returns the exception for a status. `path` is the path of the storage; `file` is true if a NOT_FOUND is about a file, and not about a
    key."""
    kind: "type[Error]" = _CLASSES.get(status, Error)
    if file and kind is MissingKeyError:
        kind = MissingFileError
    return kind(text, system_error or _ERRNO.get(kind), path) if issubclass(kind, _SystemError) else kind(text)


def last_error(status: int, *, path: Optional[str] = None, file: bool = False) -> Error:
    """Returns the exception for the status that the library has just returned on this thread."""
    text = ffi.string(lib.lily_session_last_error()).decode(errors="replace")
    return error_of(status, text, lib.lily_session_last_system_error(), path=path, file=file)


def name_of(status: int) -> str:
    return str(ffi.string(lib.lily_session_status_name(status)).decode())
