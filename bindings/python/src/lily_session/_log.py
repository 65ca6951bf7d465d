"""Events that nobody handles. Otherwise a stored value that is refused would be lost without a word."""
from ._errors import Error
from ._events import Event, EventKind

_FAILURES = {
    EventKind.REJECTED: "the stored value was refused",
    EventKind.NEWER: "a newer version of the program stored the value",
    EventKind.DAMAGED: "lines of the file were damaged, and skipped",
    EventKind.DIRECTORY: "other users could exchange the file",
    EventKind.NOT_DURABLE: "what was written may not survive power loss",
    EventKind.NOT_REWRITTEN: "the file cannot be rewritten, and keeps growing or still has what was removed",
    EventKind.NOTICE: "the store works, but may lose entries, or the like",
}
"""What nothing else reports. The call raises an exception if a field cannot be read or stored."""


def log(event: Event) -> None:
    """Logs an event that reports a failure, as a warning of the logger "lily_session"."""
    says = _FAILURES.get(event.kind)
    if says is None:
        return
    import logging  # only here, because most programs have no failures, and loading it takes longer than this package

    if isinstance(event.error, Error):
        text = str(event.error)  # It names the key.
    else:  # The text of an exception of the program's own may quote the value, which may be a secret.
        why = "" if event.error is None else f": {type(event.error).__name__}"
        text = f"{event.key or 'the store'}: {says}{why}"
    stays = "" if event.key is None else "; it stays until the field changes"
    logging.getLogger("lily_session").warning("%s%s", text, stays)
