"""The numbers of include/lily_session.h, by their names."""

OK = 0
INVALID_ARGUMENT, DUPLICATE_KEY, NOT_FOUND, REENTRANT, UNSUPPORTED = -1, -2, -3, -4, -5
DECODE, ENCODE, CALLBACK, UPDATE, NEWER = -10, -11, -12, -13, -14
IO, NO_SPACE, NOT_DURABLE, PERMISSION, REFUSED, CORRUPT, QUOTA, BUSY = -20, -21, -22, -23, -24, -25, -26, -27

READ_ONLY, STRICT = 1, 2
PROCESS, POWER = 0, 1

REJECTED_EVENT, NEWER_EVENT, FIELD_FAILED, WRITE_FAILED, DAMAGED, DIRECTORY = 1, 2, 3, 4, 5, 6
CHANGED, REMOVED, EXPIRED_EVENT, CLEARED, NOT_DURABLE_EVENT, NOT_REWRITTEN, NOTICE = 7, 8, 9, 10, 11, 12, 13

ABSENT, LOADED, REJECTED, EXPIRED, MIGRATED, NEWER_STATE, DIRTY = 0, 1, 2, 3, 4, 5, 256

STATUS = {number: name for name, number in list(globals().items()) if isinstance(number, int) and number < 0} | {0: "OK"}
EVENT = {1: "REJECTED", 2: "NEWER", 3: "FIELD_FAILED", 4: "WRITE_FAILED", 5: "DAMAGED", 6: "DIRECTORY", 7: "CHANGED", 8: "REMOVED",
         9: "EXPIRED", 10: "CLEARED", 11: "NOT_DURABLE", 12: "NOT_REWRITTEN", 13: "NOTICE"}
STATE = {0: "ABSENT", 1: "LOADED", 2: "REJECTED", 3: "EXPIRED", 4: "MIGRATED", 5: "NEWER"}

# The steps that may rewrite the file. No rule says whether that works if the file may not grow.
SYNCING = {"sync", "flush", "detach", "free", "close", "open", "clear"}

PREFIX = "lily_session_"
MAX_TIME = 2**63 - 1


def state_name(state):
    return STATE[state & 255] + ("|DIRTY" if state & DIRTY else "")
