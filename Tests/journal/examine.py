"""What every damaged, hostile or odd file is put through, and the real journal that the damage starts from."""
import journal
import lily
import sessions
from generate import NOW

PROBE = b"probe"


def open_status(path, flags):
    """Opens a storage, closes it again, and returns the status of opening."""
    try:
        lily.Storage(path, flags, now=NOW).close()
    except lily.Failure as failure:
        return failure.code
    return lily.OK


def reads(path, data, expected):
    """Checks that the library reads `data` as `expected`, with every flag, and leaves it as it is."""
    path.write_bytes(data)
    state = journal.read(data)
    assert state.live(NOW) == expected
    if not state.begun_anew:
        strict = open_status(path, lily.STRICT | lily.READ_ONLY)
        assert strict == (lily.CORRUPT if state.damage else lily.OK), state
        with lily.Storage(path, lily.READ_ONLY, now=NOW) as storage:
            assert storage.each() == expected
        assert path.read_bytes() == data
    with lily.Storage(path, now=NOW) as storage:
        assert storage.each() == expected
        for key, (text, _) in expected.items():
            assert storage.get(key) == text
    return state


def goes_on(path, expected):
    """Checks that a value that is stored now is there after reopening, with all that was there before."""
    expected = {**expected, PROBE: (b'"here"', 0)}
    with lily.Storage(path, now=NOW) as storage:
        storage.set(PROBE, b'"here"')
        assert storage.each() == expected
    with lily.Storage(path, now=NOW) as storage:
        assert storage.each() == expected
    state = journal.read(path.read_bytes())
    assert state.live(NOW) == expected and state.torn == 0


def survives(path, data, expected):
    state = reads(path, data, expected)
    goes_on(path, expected)
    return state


def real_journal(path):
    """Returns a journal as the library leaves it: a dozen lines with everything in them."""
    fields = [sessions.Field("token", lily.STRING), sessions.Field("cart", lily.JSON, version=2),
              sessions.Field("visits", lily.INT, expires_after_ms=60_000)]
    with lily.Storage(path, now=NOW) as storage:
        session = sessions.Session(storage, fields, {"token": b"", "cart": b"[]", "visits": 0})
        storage.set(b"other", b'{"a": [1, null]}')
        storage.set(b"lily_session_gone", b'"before the clear"')
        session.dispatch(token=b"first", cart=b'{"rose":1}')
        storage.set("é".encode(), b"1.50", NOW + 1000)
        storage.remove(b"other")
        storage.clear()
        storage.set(b"other", '"\u2028 again \\"*J\\""'.encode())
        session.dispatch(token=b"second", cart=b'[{"lily":3}]', visits=1)
        storage.set(b"past", b"true", NOW)
        session.dispatch(visits=2)
        storage.set(b"last", b"-0")
        storage.remove("é".encode())
        storage.set(b"end", b'""')
        data = path.read_bytes()  # before the session ends: its flush would rewrite the file
        session.close()
    state = journal.read(data)
    assert state.sequence == len(state.operations) == 13 and state.damage == 0
    return data


def lines_of(data):
    """Returns the lines after the header, each with its newline."""
    return [line + b"\n" for line in data[140:].split(b"\n")[:-1]]


def outcome(operations):
    """Returns key -> (text, deadline) after these operations, without any knowledge of files."""
    entries = {}
    for operation in operations:
        for item in operation[1] if operation[0] == "batch" else [operation]:
            if item[0] == "set":
                entries[item[1]] = item[2]
            elif item[0] == "remove":
                entries.pop(item[1], None)
            elif item[0] == "clear":
                entries = {key: entry for key, entry in entries.items() if not key.startswith(item[1])}
    return {key: (text, deadline) for key, (text, deadline, _) in entries.items() if not deadline or NOW < deadline}
