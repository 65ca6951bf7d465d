"""The functions that the library calls for runtimes and sessions. Importing this module gives them to the extension module."""
from typing import Any, Optional

from ._attachment import Attachment, ModelCell
from ._calls import keep
from ._errors import error_of, name_of
from ._events import Event, EventKind
from ._fields import Field
from ._native import ffi, lib
from ._slice import Slice


def _attachment(context: Any) -> Attachment:
    attachment: Attachment = ffi.from_handle(context)
    return attachment


def _of_row(row: Any) -> Slice:
    return _attachment(ffi.cast("lily_py_row *", row).session).slice


def _field(context: Any) -> Field:
    field: Field = ffi.from_handle(ffi.cast("lily_py_field *", context).field)
    return field


@ffi.def_extern(error=ffi.NULL, onerror=keep)
def lily_py_update(context: Any, model: Any, message: Any) -> Any:
    cell: ModelCell = ffi.from_handle(context)
    assert cell.update is not None
    before = cell.copy(cell.model) if cell.copy else None
    try:
        updated = cell.update(cell.model, ffi.from_handle(message))
    except BaseException:
        if cell.copy:
            cell.model = before
        raise
    if updated is not None:
        cell.model = updated
    cell.applied = True
    return context


@ffi.def_extern(error=ffi.NULL, onerror=keep)
def lily_py_take_slice(context: Any, model: Any) -> Any:
    slice = _attachment(context).slice
    slice.take()
    return slice.row


@ffi.def_extern(error=ffi.NULL, onerror=keep)
def lily_py_put_slice(context: Any, model: Any, row: Any) -> Any:
    _attachment(context).slice.put()
    return model


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_set(context: Any, row: Any, value: Any) -> int:
    slice = _of_row(row)
    return slice.set_field(slice.fields[ffi.cast("lily_py_field *", context).column], value)


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_each(context: Any, row: Any, visit: Any, visitor: Any) -> int:
    _of_row(row).visit_entries(_field(context), visit, visitor)
    return 0


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_set_entry(context: Any, row: Any, id: Any, value: Any) -> int:
    return _of_row(row).set_entry(_field(context), ffi.string(id).decode(), value)


@ffi.def_extern(error=0, onerror=keep)
def lily_py_revision(context: Any, row: Any) -> int:
    return _attachment(context).slice.number


@ffi.def_extern(onerror=keep)
def lily_py_event(context: Any, event: Any) -> None:
    attachment = _attachment(context)
    key = ffi.string(event.key).decode() if event.key else None
    why = ffi.string(lib.lily_session_last_error()).decode(errors="replace")  # before anything else is called
    error: Optional[BaseException] = None
    if key is not None:
        if event.kind == lib.LILY_SESSION_EVENT_REJECTED:
            error = attachment.slice.refusal(key)
        else:
            error = attachment.slice.failures.pop(key, None)
    if error is None and event.status:
        error = error_of(event.status, why or name_of(event.status), event.system_error, path=attachment.path)
    attachment.tell(Event(EventKind(event.kind), key, error))


@ffi.def_extern(onerror=keep)
def lily_py_ended(context: Any) -> None:
    attachment = _attachment(context)
    attachment.cell.attachments.pop(attachment, None)
