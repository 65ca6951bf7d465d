"""JSON text as the journal's page has it, checked byte by byte.

Python's own json is too kind for a second reader: it takes NaN, lone surrogates and the same name twice. This one is
strict, keeps to the bytes, and does not recurse, so that a million brackets cost nothing.
"""
import json
import math
import re

MAX_DEPTH = 512
MAX_VALUE = 16 << 20

_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_NUMBER = re.compile(rb'-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?')
_LITERAL = re.compile(rb'true|false|null')
_INTEGER = re.compile(rb'0|[1-9][0-9]*')


class NotJSON(ValueError):
    """The text does not match the page's grammar."""


def scan_string(text, at):
    """Returns the string at `at`, decoded to UTF-8, and the offset after it."""
    match = _STRING.match(text, at)
    if not match:
        raise NotJSON(f"no string at {at}")
    raw = match.group()
    try:
        decoded = raw.decode("utf-8")  # refuses overlong forms and encoded surrogates
        if b"\\" in raw:
            return json.loads(decoded).encode("utf-8"), match.end()  # a lone escaped surrogate fails here
        return raw[1:-1], match.end()
    except UnicodeError:
        raise NotJSON(f"not UTF-8 in the string at {at}") from None


def scan_integer(text, at):
    """A plain integer, without sign, fraction, exponent or leading zeros."""
    match = _INTEGER.match(text, at)
    if not match or match.end() - at > 20:
        raise NotJSON(f"no integer at {at}")
    return int(match.group()), match.end()


def _scan_scalar(text, at):
    if text[at:at + 1] == b'"':
        return scan_string(text, at)[1]
    match = _LITERAL.match(text, at)
    if match:
        return match.end()
    match = _NUMBER.match(text, at)
    if not match:
        raise NotJSON(f"no value at {at}")
    if math.isinf(float(match.group())):
        raise NotJSON(f"a number beyond a double at {at}")
    return match.end()


def _scan_name(text, at, names):
    name, at = scan_string(text, at)
    if name in names or b"\0" in name:
        raise NotJSON("a name twice, or with NUL")
    names.add(name)
    if text[at:at + 1] != b":":
        raise NotJSON(f"no colon at {at}")
    return at + 1


def scan_value(text, at):
    """Returns the offset after the value at `at`."""
    start, opened = at, []  # for each open object the names so far, for each open array None
    while True:
        first = text[at:at + 1]
        if first in (b"[", b"{"):
            if len(opened) == MAX_DEPTH:
                raise NotJSON("nested too deep")
            names = set() if first == b"{" else None
            at += 1
            if text[at:at + 1] == (b"}" if first == b"{" else b"]"):
                at += 1
            else:
                opened.append(names)
                if names is not None:
                    at = _scan_name(text, at, names)
                continue
        else:
            at = _scan_scalar(text, at)
        # a value has ended: close what ends with it, then go on with the next one
        while opened:
            after = text[at:at + 1]
            at += 1
            if after == b",":
                if opened[-1] is not None:
                    at = _scan_name(text, at, opened[-1])
                break
            if after != (b"]" if opened[-1] is None else b"}"):
                raise NotJSON(f"an array or object that does not go on at {at}")
            opened.pop()
        else:
            if at - start > MAX_VALUE:
                raise NotJSON("too big")
            return at


def check(text):
    """Raises NotJSON unless `text` is one value and nothing else."""
    if scan_value(text, 0) != len(text):
        raise NotJSON("something after the value")


def minified(text):
    """Returns `text` without the white space outside its strings."""
    return b"".join(part if part.startswith(b'"') else re.sub(rb"[ \t\r\n]+", b"", part)
                    for part in re.split(rb'("(?:[^"\\]|\\.)*")', text))
