"""The library's times, UTC in milliseconds since 1970, as datetime's."""
from datetime import datetime, timedelta, timezone
from typing import Optional

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(time: datetime) -> int:
    """Without a zone it is local time, as everywhere in `datetime`."""
    return (time.astimezone(timezone.utc) - _EPOCH) // _MILLISECOND


def time(milliseconds: int) -> Optional[datetime]:
    """None for 0, which is never. What `datetime` cannot say is its latest time."""
    if milliseconds == 0:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)
