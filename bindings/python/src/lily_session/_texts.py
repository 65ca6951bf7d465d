"""Codecs of the standard library's types that are stored as text, in the forms that other tools use, too: ISO 8601, base64."""
import re
from base64 import b64decode, b64encode
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PosixPath, PurePath, PurePosixPath
from typing import Any, Callable, Dict, Type
from uuid import UUID

from ._codecs import REFUSALS, Codec, exactly
from ._values import STRING, Misfit, expected

_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?")


def _text_codec(kind: Type[Any], encode: Callable[[Any], str], decode: Callable[[str], Any], but: "tuple[type, ...]" = ()) -> Codec:
    """Returns the codec of a type. `but` are types that are of this type, too, and would be read back as it."""

    def encoded(value: Any) -> str:
        if not isinstance(value, kind) or isinstance(value, but):
            raise expected(kind.__name__, value)
        return encode(value)

    text_of = exactly(str)

    def decoded(stored: Any) -> Any:
        text = text_of(stored)
        try:
            return decode(text)
        except REFUSALS:
            pass
        raise Misfit(f"the str is not a {kind.__name__}")  # The other exception may quote the text.

    return Codec(STRING, encoded, decoded)


def _datetime(text: str) -> datetime:
    if len(text) <= len("2030-01-01"):
        raise ValueError("a date without a time")
    return datetime.fromisoformat(text[:-1] + "+00:00" if text[-1] in "Zz" else text)


def _duration(value: timedelta) -> str:
    sign, value = ("-", -value) if value.days < 0 else ("", value)
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return f"{sign}P{value.days}DT{value.seconds}{fraction}S"


def _timedelta(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or text[-1] in "PT":
        raise ValueError("not a duration")
    sign, days, hours, minutes, seconds, fraction = found.groups("0")
    value = timedelta(int(days), int(seconds), int(fraction.ljust(6, "0")), minutes=int(minutes), hours=int(hours))
    return -value if sign == "-" else value


TEXTS: Dict[type, Codec] = {
    datetime: _text_codec(datetime, datetime.isoformat, _datetime),
    date: _text_codec(date, date.isoformat, date.fromisoformat, but=(datetime,)),
    time: _text_codec(time, time.isoformat, time.fromisoformat),
    timedelta: _text_codec(timedelta, _duration, _timedelta),
    UUID: _text_codec(UUID, str, UUID),
    Decimal: _text_codec(Decimal, str, Decimal),
    bytes: _text_codec(bytes, lambda value: b64encode(value).decode(), lambda text: b64decode(text, validate=True)),
    **{kind: _text_codec(kind, str, kind) for kind in (Path, PosixPath, PurePath, PurePosixPath)},
}
"""A subclass of one of these types is read back as the type of the annotation."""
