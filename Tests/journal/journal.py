"""A second reader and writer of the journal, written from docs/format.md alone.

It knows nothing of the library: they have only the page in common.
"""
import functools
import re
import secrets
from dataclasses import dataclass, field
from typing import NamedTuple

from jsontext import NotJSON, scan_integer, scan_string, scan_value

HEADER = 70
MAX_LINE = 64 << 20
MAX_NEWER = 1 << 20
MAX_FILE = 4 << 30
MAX_ZEROS = 1 << 20
MAX_INT = 2**63 - 1
MAX_SEQUENCE = 2**32

_HEADER = re.compile(rb'\["[0-9a-f]{8}",0,"lily-session",1,"([0-9a-f]{16})","([0-9a-f]{16})"\]\n')
_PATTERN = b'["xxxxxxxx",0,"lily-session",1,"xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx"]\n' * 2
_SCOPE = re.compile(rb"\0[^\0]{1,64}\0")
_GENERATION = re.compile(rb'"[0-9a-f]{16}"')
_LINE = re.compile(rb'\["([0-9a-f]{8})",')


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


@functools.lru_cache(maxsize=16)  # a test reads the same lines several times, and some have 16 MiB
def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    table = _TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Refused(Exception):
    """The file is not a journal, and must not be changed."""


class Entry(NamedTuple):
    text: bytes
    deadline: int = 0
    version: int = 0


@dataclass
class State:
    salt: bytes = b""
    generation: bytes = b""
    entries: dict = field(default_factory=dict)
    operations: list = field(default_factory=list)  # what was applied, in order: (sequence, operation)
    sequence: int = 0
    damaged: list = field(default_factory=list)     # offsets of the lines that were skipped
    gaps: int = 0                                   # places where lines are missing
    torn: int = 0                                   # bytes after the last newline
    newer: bool = False
    moved: bool = False
    begun_anew: bool = False                        # a creation that was cut short: nothing is in it

    @property
    def damage(self):
        return len(self.damaged) + self.gaps

    def live(self, now, scope=b""):
        """Returns key -> (text, deadline) of the store, or of the scope of this name, without what has expired."""
        scope = scope and b"\0" + scope + b"\0"
        return {key[len(scope):]: (entry.text, entry.deadline) for key, entry in self.entries.items()
                if scope_of(key) == scope != key and (not entry.deadline or now < entry.deadline)}


# ------------------------------------------------------------------------------------------------------------ reading

def scope_of(key):
    """Returns the scope that a key begins with, with its NULs, if it is in a scope."""
    match = _SCOPE.match(key)
    return match.group() if match else b""


def _string(text, at, least=0):
    value, at = scan_string(text, at)
    rest = value[len(scope_of(value)):]
    if len(value) < least or len(rest) > 1024 or b"\0" in rest:
        raise NotJSON("a key or prefix out of range")
    return value, at


def _integer(text, at, least, most):
    value, at = scan_integer(text, at)
    if not least <= value <= most:
        raise NotJSON("an integer out of range")
    return value, at


def _comma(text, at):
    if text[at:at + 1] != b",":
        raise NotJSON(f"no comma at {at}")
    return at + 1


def _item(text, at):
    """A set or remove at `at`: the operation and the offset after it, or None for another name."""
    if text.startswith(b'"set",', at):
        key, at = _string(text, at + 6, least=1)
        start = _comma(text, at)
        end = scan_value(text, start)
        deadline, at = _integer(text, _comma(text, end), 0, MAX_INT)
        version = 0
        if text[at:at + 1] == b",":
            version, at = _integer(text, at + 1, 1, 2**32 - 1)
        return ("set", key, Entry(bytes(text[start:end]), deadline, version)), at
    if text.startswith(b'"remove",', at):
        key, at = _string(text, at + 9, least=1)
        return ("remove", key), at
    return None


def _batch(text, at):
    items = []
    while True:
        item = _item(text, at + 1) if text[at:at + 1] == b"[" else None
        if item is None or text[item[1]:item[1] + 1] != b"]":
            raise NotJSON("not an item of a batch")
        items.append(item[0])
        at = item[1] + 1
        if text[at:at + 1] == b"]":
            return ("batch", items), at + 1
        at = _comma(text, at)


def _operation(text, at):
    item = _item(text, at)
    if item:
        return item
    if text.startswith(b'"clear",', at):
        prefix, at = _string(text, at + 8)
        if prefix != scope_of(prefix) + b"lily_session_":
            raise NotJSON("not the sessions of a scope")
        generation = _GENERATION.match(text, _comma(text, at))
        if not generation:
            raise NotJSON("not a generation")
        return ("clear", prefix, generation.group()[1:-1]), generation.end()
    if text.startswith(b'"moved"', at):
        return ("moved",), at + 7
    if text.startswith(b'"batch",[', at):
        return _batch(text, at + 9)
    start = at
    name, at = scan_string(text, at)
    if b"\\" in text[start:at] or name in (b"set", b"remove", b"clear", b"moved", b"batch"):
        raise NotJSON("a known operation, badly formed, or a name with escapes")
    while text[at:at + 1] == b",":
        at = scan_value(text, at + 1)
    return ("newer", name), at


def temporary(path, salt):
    """Returns the name of the new file when a file with this salt is rewritten."""
    return path.with_name("%s.%08x.tmp" % (path.name, crc32c(salt) ^ 0xFFFFFFFF))


def _is_checked(line, salt):
    match = _LINE.match(line)
    return match is not None and crc32c(line[12:], crc32c(salt)) == int(match[1], 16)


def parse_line(line, salt):
    """Returns (sequence, operation) of a line without its newline. Raises NotJSON where it is damaged."""
    if len(line) + 1 > MAX_LINE or not _is_checked(line, salt):
        raise NotJSON("too long, not a line, or its check fails")
    sequence, at = _integer(line, 12, 1, MAX_SEQUENCE)
    operation, at = _operation(line, _comma(line, at))
    if line[at:] != b"]":
        raise NotJSON("something after the operation")
    if operation[0] == "newer" and len(line) + 1 > MAX_NEWER:
        raise NotJSON("too long for an operation that is not known")
    return sequence, operation


def _apply(state, operation):
    name = operation[0]
    if name == "set":
        state.entries[operation[1]] = operation[2]
    elif name == "remove":
        state.entries.pop(operation[1], None)
    elif name == "batch":
        for item in operation[1]:
            _apply(state, item)
    elif name == "clear":
        _, prefix, generation = operation
        for key in [key for key in state.entries if key.startswith(prefix)]:
            del state.entries[key]
        if scope := scope_of(prefix):
            state.entries[scope] = Entry(b'"%s"' % generation)
        else:
            state.generation = generation
    elif name == "moved":
        state.moved = True
    elif name == "newer":
        state.newer = True


def _header(data):
    """Returns the state that the header begins, or None where both copies are damaged."""
    state, damaged = None, []
    for at in (0, HEADER):
        copy = data[at:at + HEADER]
        match = _HEADER.fullmatch(copy)
        if not match or crc32c(copy[12:69]) != int(copy[2:10], 16):
            damaged.append(at)
        elif state is None:
            state = State(salt=bytes.fromhex(match[1].decode()), generation=match[2], damaged=damaged)
    return state


def _creation_cut_short(data):
    if len(data) <= MAX_ZEROS and not data.strip(b"\0"):
        return True
    digits = b"0123456789abcdef"
    return len(data) < len(_PATTERN) and all(
        byte in digits if like == ord("x") else byte == like for byte, like in zip(data, _PATTERN))


def read(data):
    """Returns the State that the bytes of a journal describe. Raises Refused where they are not a journal."""
    if len(data) > MAX_FILE:
        raise Refused("too big")
    if _creation_cut_short(data):
        return State(begun_anew=True)
    state = _header(data)
    if state is None:
        raise Refused("no header")
    behind_one = data[HEADER:max(data.find(b"\n", HEADER), HEADER)]
    at = HEADER if state.damaged == [HEADER] and _is_checked(behind_one, state.salt) else 2 * HEADER
    while (end := data.find(b"\n", at)) >= 0:
        try:
            sequence, operation = parse_line(data[at:end], state.salt)
            if sequence <= state.sequence:
                raise NotJSON("a copy")
        except NotJSON:
            state.damaged.append(at)
        else:
            state.gaps += sequence != state.sequence + 1
            state.sequence = sequence
            state.operations.append((sequence, operation))
            _apply(state, operation)
        at = end + 1
    state.torn = max(len(data) - at, 0)
    return state


# ------------------------------------------------------------------------------------------------------------ writing

def quoted(value):
    """A JSON string, with nothing escaped but what must be."""
    def escaped(match):
        return b"\\" + match[0] if match[0] in b'"\\' else b"\\u%04x" % match[0][0]
    return b'"' + re.sub(rb'["\\\x00-\x1f]', escaped, value) + b'"'


def header_copy(salt, generation, name=b"lily-session", version=1):
    body = b'0,%s,%d,%s,%s]' % (quoted(name), version, quoted(salt.hex().encode()), quoted(generation))
    return b'["%08x",%s\n' % (crc32c(body), body)


def set_item(key, text, deadline=0, version=0):
    return b'"set",%s,%s,%d' % (quoted(key), text, deadline) + (b",%d" % version if version else b"")


def remove_item(key):
    return b'"remove",' + quoted(key)


class Writer:
    """Makes journals, wrong ones too: `raw` gives any bytes a check that holds."""

    def __init__(self, salt=None, generation=None):
        self.salt = salt or secrets.token_bytes(8)
        self.generation = generation or secrets.token_hex(8).encode()
        self.lines = []
        self.sequence = 0

    def raw(self, operation, sequence=None):
        if sequence is None:
            self.sequence += 1
            sequence = b"%d" % self.sequence
        body = b"%s,%s]" % (sequence, operation)
        self.lines.append(b'["%08x",%s\n' % (crc32c(body, crc32c(self.salt)), body))
        return self

    def set(self, key, text, deadline=0, version=0):
        return self.raw(set_item(key, text, deadline, version))

    def remove(self, key):
        return self.raw(remove_item(key))

    def clear(self, prefix=b"lily_session_", generation=None):
        return self.raw(b'"clear",%s,"%s"' % (quoted(prefix), generation or secrets.token_hex(8).encode()))

    def moved(self):
        return self.raw(b'"moved"')

    def batch(self, *items):
        return self.raw(b'"batch",[%s]' % b",".join(b"[%s]" % item for item in items))

    @property
    def header(self):
        return header_copy(self.salt, self.generation) * 2

    def bytes(self):
        return self.header + b"".join(self.lines)
