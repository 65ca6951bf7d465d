"""Converts between datetime and the library's times, which are UTC in milliseconds since 1970."""
from datetime import datetime, timedelta, timezone
from typing import Optional

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


def to_milliseconds(time: datetime) -> int:
    """Converts a datetime. One without a time zone is local time, as everywhere in `datetime`."""
    if not isinstance(time, datetime):
        raise TypeError(f"a time is a datetime, and not an object of type {type(time).__name__}")
    return (time.astimezone(timezone.utc) - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> Optional[datetime]:
    """Converts a time of the library. Returns None for 0, which means never, and the latest datetime for a time beyond it."""
    if milliseconds == 0:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)


def until(milliseconds: int) -> Optional[timedelta]:
    """Converts the time until an expiry. Returns None for a negative number, which means that nothing expires."""
    try:
        return None if milliseconds < 0 else timedelta(milliseconds=milliseconds)
    except OverflowError:
        return timedelta.max
