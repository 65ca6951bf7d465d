"""Expiries that slide: what is stored for a field lasts while the field is in use."""
from contextlib import suppress
from typing import TYPE_CHECKING, Any, List, Optional, Sequence

from ._calls import c_string, call, call_for_value
from ._errors import DecodeError, InvalidArgumentError, MissingKeyError, NewerError
from ._fields import Field
from ._native import lib

if TYPE_CHECKING:
    from ._attachment import Attachment
    from ._storage import Storage


class Sliding:
    """The fields of an attachment whose expiries slide."""

    def __init__(self, fields: "Sequence[Field]", storage: "Optional[Storage]") -> None:
        self._fields = [field for field in fields if field.slides]
        self._storage = storage

    def renew(self, session: Any, path: Optional[str]) -> None:
        """Renews each expiry of which more than half has passed. Nobody asks for less, and a file would be written at each update otherwise.
        A field that fails does not affect the others; raises the first failure."""
        if not self._fields:
            return
        failure: Optional[Exception] = None
        least = call_for_value(lib.lily_session_next_expiry, session)
        for field in self._fields:
            # The least of all fields spares looking for the field's own in most calls.
            if not 0 <= least * 2 < field.slides:
                continue
            try:
                left = self._left(field, least)
                if left is not None and left * 2 < field.slides:
                    with suppress(MissingKeyError, NewerError, DecodeError):  # It has expired, or is not this field's value.
                        call(lib.lily_session_touch, session, c_string(field.key), path=path)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            try:
                raise failure
            finally:
                del failure

    def _left(self, field: Field, least: int) -> Optional[int]:
        """Returns how many milliseconds are left until what is stored for a field expires, or None if nothing is, or for ever. If the program
        has closed its storage, this is not known, and `least` is returned."""
        try:
            return self._storage._milliseconds_left("lily_session_" + field.key) if self._storage else least
        except InvalidArgumentError:
            return least


def slide_all(attachments: "List[Attachment]", failure: Optional[Exception]) -> None:
    """Renews the expiries that slide, after a call that may have failed. Raises the first failure."""
    for attachment in attachments:
        try:
            attachment.slide()
        except Exception as error:
            failure = failure or error
    if failure is not None:
        try:
            raise failure
        finally:
            del failure
