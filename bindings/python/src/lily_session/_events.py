"""The events of a session, and the states of its fields."""
import enum
from dataclasses import dataclass
from typing import NamedTuple, Optional

from ._native import lib


class EventKind(enum.IntEnum):
    """What happened to a field, or to the store."""

    REJECTED = lib.LILY_SESSION_EVENT_REJECTED
    """The stored value was not accepted. It stays until the field changes."""
    NEWER = lib.LILY_SESSION_EVENT_NEWER
    """A newer version of the field stored the value. It stays until the field changes."""
    FIELD_FAILED = lib.LILY_SESSION_EVENT_FIELD_FAILED
    """The field's value could not be read from the model."""
    WRITE_FAILED = lib.LILY_SESSION_EVENT_WRITE_FAILED
    """The field could not be stored, and is dirty: the next update tries again."""
    DAMAGED = lib.LILY_SESSION_EVENT_DAMAGED
    """Lines of the file were damaged, and skipped."""
    DIRECTORY = lib.LILY_SESSION_EVENT_DIRECTORY
    """Other users could exchange the file. See `StorageInfo.directory_is_open`."""
    CHANGED = lib.LILY_SESSION_EVENT_CHANGED
    """Somebody else changed the field, and the model was set to the new value."""
    REMOVED = lib.LILY_SESSION_EVENT_REMOVED
    """Somebody else removed the field. The model was reset to the value from before attach."""
    EXPIRED = lib.LILY_SESSION_EVENT_EXPIRED
    """The field expired. The model was reset to the value from before attach."""
    CLEARED = lib.LILY_SESSION_EVENT_CLEARED
    """During a refresh, the session was cleared, and the model was reset to the value from before attach. During any call, a change that
    could not be stored before a clear was dropped."""
    NOT_DURABLE = lib.LILY_SESSION_EVENT_NOT_DURABLE
    """What was written may not survive power loss."""
    NOT_REWRITTEN = lib.LILY_SESSION_EVENT_NOT_REWRITTEN
    """The file cannot be rewritten. It keeps growing, or still has what was removed or cleared."""
    NOTICE = lib.LILY_SESSION_EVENT_NOTICE
    """The store works, but is set up so that it may lose entries, or the like."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a field, or to the store."""

    kind: EventKind
    key: Optional[str]
    """The key of the field; None if the event is about the store."""
    error: Optional[BaseException] = None
    """The exception of a callback, or the Error for the event's status; None if nothing is wrong."""


class State(enum.IntEnum):
    """What storage holds of a field."""

    ABSENT = lib.LILY_SESSION_STATE_ABSENT
    """Nothing is stored."""
    LOADED = lib.LILY_SESSION_STATE_LOADED
    """A value is stored that the model has or had."""
    REJECTED = lib.LILY_SESSION_STATE_REJECTED
    """A value is stored that was not accepted."""
    EXPIRED = lib.LILY_SESSION_STATE_EXPIRED
    """The stored value has expired."""
    MIGRATED = lib.LILY_SESSION_STATE_MIGRATED
    """The stored value is of an older version and was migrated, or is stored under a former key."""
    NEWER = lib.LILY_SESSION_STATE_NEWER
    """The stored value is of a newer version of the field."""


class FieldState(NamedTuple):
    """What storage holds of a field, and whether the model has more."""

    state: State
    dirty: bool
    """True if the model has a change of the field that is not stored yet."""
