"""What a session tells of its fields and of its store."""
import enum
from dataclasses import dataclass
from typing import NamedTuple, Optional

from ._native import lib


class EventKind(enum.IntEnum):
    """What happened. `Event.key` is the field's, and None where it is the store."""

    REJECTED = lib.LILY_SESSION_EVENT_REJECTED
    """What is stored was not accepted; it stays until the field changes."""
    NEWER = lib.LILY_SESSION_EVENT_NEWER
    """What is stored is of a newer version of the field; it stays until the field changes."""
    FIELD_FAILED = lib.LILY_SESSION_EVENT_FIELD_FAILED
    """The field's value could not be taken."""
    WRITE_FAILED = lib.LILY_SESSION_EVENT_WRITE_FAILED
    """The field could not be stored, and is dirty: the next update tries again."""
    DAMAGED = lib.LILY_SESSION_EVENT_DAMAGED
    """Lines of the file were damaged, and skipped."""
    DIRECTORY = lib.LILY_SESSION_EVENT_DIRECTORY
    """Others could exchange the file: `StorageInfo.directory_is_open`."""
    CHANGED = lib.LILY_SESSION_EVENT_CHANGED
    """Another changed the field, and it was set."""
    REMOVED = lib.LILY_SESSION_EVENT_REMOVED
    """Another removed it, and it was set to its value from before it was filled in."""
    EXPIRED = lib.LILY_SESSION_EVENT_EXPIRED
    """It expired; likewise."""
    CLEARED = lib.LILY_SESSION_EVENT_CLEARED
    """The session was cleared; likewise. In any call: a change that could not be stored before a clear was dropped."""
    NOT_DURABLE = lib.LILY_SESSION_EVENT_NOT_DURABLE
    """What was written may not survive power loss."""
    NOT_REWRITTEN = lib.LILY_SESSION_EVENT_NOT_REWRITTEN
    """The file cannot be rewritten: it grows on, or still holds what was removed or cleared."""


@dataclass(frozen=True)
class Event:
    kind: EventKind
    key: Optional[str]
    error: Optional[BaseException] = None
    """What a callback raised, or the Error of the event's status; None where all is well."""


class State(enum.IntEnum):
    """What storage holds of a field."""

    ABSENT = lib.LILY_SESSION_STATE_ABSENT
    LOADED = lib.LILY_SESSION_STATE_LOADED
    """Stored, and what the model has or had."""
    REJECTED = lib.LILY_SESSION_STATE_REJECTED
    """Stored, but not accepted."""
    EXPIRED = lib.LILY_SESSION_STATE_EXPIRED
    MIGRATED = lib.LILY_SESSION_STATE_MIGRATED
    """Stored by an older version and migrated, or under a former key."""
    NEWER = lib.LILY_SESSION_STATE_NEWER
    """Stored by a newer version of the field."""


class FieldState(NamedTuple):
    state: State
    dirty: bool
    """The model has something that is not stored yet."""
