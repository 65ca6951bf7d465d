"""The exceptions: one for each status of the library, each a built-in one too where there is one that fits."""
import errno
import io
from typing import ClassVar

from ._native import ffi, lib


class Error(Exception):
    """What the library answers when it fails. Its text names keys, never values."""

    status: ClassVar[int] = 0
    """The number of the C library's status."""


class InvalidArgumentError(Error, ValueError):
    """A value out of range, text that is not UTF-8, or an object that was closed."""

    status = lib.LILY_SESSION_ERROR_INVALID_ARGUMENT


class DuplicateKeyError(Error, ValueError):
    """Another field is stored under this key already."""

    status = lib.LILY_SESSION_ERROR_DUPLICATE_KEY


class NotFoundError(Error, LookupError):
    """No such key, no such field, or no such file."""

    status = lib.LILY_SESSION_ERROR_NOT_FOUND


class MissingKeyError(NotFoundError, KeyError):
    """No such key, or no such field."""

    __str__ = Exception.__str__  # KeyError's would put the sentence into quotes


class MissingFileError(NotFoundError, FileNotFoundError):
    """No such file or directory."""


class ReentrantError(Error, RuntimeError):
    """Called from inside a callback of the same runtime."""

    status = lib.LILY_SESSION_ERROR_REENTRANT


class UnsupportedError(Error, io.UnsupportedOperation):
    """This object cannot do that."""

    status = lib.LILY_SESSION_ERROR_UNSUPPORTED


class ForkedError(Error, RuntimeError):
    """The storage was opened by the parent process: a child opens its own."""

    status = lib.LILY_SESSION_ERROR_FORKED


class DecodeError(Error, ValueError):
    """The text is not JSON, or not of an accepted type."""

    status = lib.LILY_SESSION_ERROR_DECODE


class EncodeError(Error, ValueError):
    """The field's value cannot be stored: its type, NaN, an integer over 64 bits, a surrogate, too big."""

    status = lib.LILY_SESSION_ERROR_ENCODE


class CallbackError(Error, RuntimeError):
    """A callback failed. What it raised comes out of the call instead; this is for events."""

    status = lib.LILY_SESSION_ERROR_CALLBACK


class UpdateError(Error, RuntimeError):
    """The update function refused the message. What it raised comes out of the call instead."""

    status = lib.LILY_SESSION_ERROR_UPDATE


class NewerError(Error):
    """Written by a newer version of the program, or of the library."""

    status = lib.LILY_SESSION_ERROR_NEWER


class StorageError(Error, OSError):
    """The system, or the store, refused. `errno` is set where it is known."""

    status = lib.LILY_SESSION_ERROR_IO


class NoSpaceError(StorageError):
    """The disk, its quota or the file size limit is full."""

    status = lib.LILY_SESSION_ERROR_NO_SPACE


class NotDurableError(StorageError):
    """Stored, and visible to all, but it may not survive power loss."""

    status = lib.LILY_SESSION_ERROR_NOT_DURABLE


class PermissionDeniedError(StorageError, PermissionError):
    """The file, its directory or `read_only` does not allow it."""

    status = lib.LILY_SESSION_ERROR_PERMISSION


class RefusedError(StorageError):
    """Not a file of the library's: another format, owner or kind, or linked twice. With `strict`, a directory that is open to others."""

    status = lib.LILY_SESSION_ERROR_REFUSED


class CorruptError(StorageError):
    """The file is damaged, and was opened with `strict`."""

    status = lib.LILY_SESSION_ERROR_CORRUPT


class QuotaError(StorageError):
    """Over a size limit."""

    status = lib.LILY_SESSION_ERROR_QUOTA


class BusyError(StorageError, TimeoutError):
    """Another process held the store's lock for five seconds."""

    status = lib.LILY_SESSION_ERROR_BUSY


_ERRNO = {NoSpaceError: errno.ENOSPC, MissingFileError: errno.ENOENT, QuotaError: errno.EDQUOT}
_CLASSES = {
    kind.status: kind
    for kind in (
        InvalidArgumentError, DuplicateKeyError, MissingKeyError, ReentrantError, UnsupportedError, ForkedError, DecodeError,
        EncodeError, CallbackError, UpdateError, NewerError, StorageError, NoSpaceError, NotDurableError, PermissionDeniedError,
        RefusedError, CorruptError, QuotaError, BusyError,
    )
}  # fmt: skip


def error_of(status: int, text: str, system_error: int = 0, *, file: bool = False) -> Error:
    """The exception for a status. `file`: what was not found is a file."""
    kind = _CLASSES.get(status, Error)
    if file and kind is MissingKeyError:
        kind = MissingFileError
    error = kind(text)
    if isinstance(error, OSError):
        error.errno = system_error or _ERRNO.get(kind)
    return error


def last_error(status: int, *, file: bool = False) -> Error:
    """The exception for a status that was just answered on this thread."""
    return error_of(status, ffi.string(lib.lily_session_last_error()).decode(errors="replace"), file=file)


def name_of(status: int) -> str:
    return str(ffi.string(lib.lily_session_status_name(status)).decode())
