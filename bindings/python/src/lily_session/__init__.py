"""Saves selected fields of your program's state and restores them at the next start.

    @dataclass
    class Settings:
        theme: str = "light"
        visits: int = 0

    settings = Settings()
    with lily_session.open("shop", settings) as session:  # fills the settings from the file
        settings.theme = "dark"
        session.persist()  # stores what changed
        session.modify("visits", lambda visits: visits + 1, default=0)  # counts right, even if others count at the same time

A program that changes its model by messages, or that has storages of its own, uses Runtime and Storage:

    with Storage.open(application="shop") as storage, Runtime(Settings(), update) as runtime:
        session = runtime.attach(Persistence.of(Settings), storage)
        runtime.dispatch("visit")  # updates the model, and stores what changed

The C library's header, lily_session.h, documents the contract of everything here.
"""
from ._annotations import Map
from ._backend import Backend, Entry
from ._errors import (
    BusyError,
    CallbackError,
    CorruptError,
    DecodeError,
    DuplicateKeyError,
    EncodeError,
    Error,
    ForkedError,
    InvalidArgumentError,
    MissingFileError,
    MissingKeyError,
    NewerError,
    NoSpaceError,
    NotDurableError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    ReentrantError,
    RefusedError,
    StorageError,
    UnsupportedError,
    UpdateError,
)
from ._events import Event, EventKind, FieldState, State
from ._facts import Durability, Item, StorageInfo
from ._fields import Persistence
from ._native import ffi as _ffi
from ._native import lib as _lib
from ._open import OpenSession, open
from ._runtime import Runtime
from ._session import Session
from ._storage import REMOVE, Removal, Storage, clear
from ._values import RawJSON


def version() -> str:
    """Returns the C library's version."""
    return str(_ffi.string(_lib.lily_session_version()).decode())


# Before 1.0 a minor version may change what this module was compiled for.
_COMPILED = f"{_lib.LILY_SESSION_VERSION_MAJOR}.{_lib.LILY_SESSION_VERSION_MINOR}"
if version().split(".")[:2] != _COMPILED.split("."):
    raise ImportError(f"lily_session was compiled for library version {_COMPILED}, but found version {version()}: install it again")

__all__ = [
    "Backend", "BusyError", "CallbackError", "CorruptError", "DecodeError", "DuplicateKeyError", "Durability", "EncodeError", "Entry",
    "Error", "Event", "EventKind", "FieldState", "ForkedError", "InvalidArgumentError", "Item", "Map", "MissingFileError",
    "MissingKeyError", "NewerError", "NoSpaceError", "NotDurableError", "NotFoundError", "OpenSession", "PermissionDeniedError", "Persistence",
    "QuotaError", "REMOVE", "RawJSON", "ReentrantError", "RefusedError", "Removal", "Runtime", "Session", "State", "Storage", "StorageError",
    "StorageInfo", "UnsupportedError", "UpdateError", "clear", "open", "version",
]  # fmt: skip
