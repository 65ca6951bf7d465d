"""Values as a case describes them, and their JSON text (S2).

A value is a tuple: ("n",), ("b", True), ("i", 5), ("r", 0.5), ("s", "text"), ("j", '{"a":1}'). Text that is not UTF-8 is
written with surrogates, as Python's surrogateescape does. ("missing",) is the value of an entry that a map does not have.
"""
import json
import math

NULL, BOOL, INT, REAL, STRING, JSON = 1, 2, 4, 8, 16, 32
MISSING = ("missing",)
BIT = {"n": NULL, "b": BOOL, "i": INT, "r": REAL, "s": STRING, "j": JSON}


def of_case(value):
    """Returns the value that a case describes: ["s", 50000] is a string of that length."""
    return ("s", "x" * value[1]) if value[0] == "s" and isinstance(value[1], int) else tuple(value)


def written_out(text):
    """Returns the stored text that a case describes: 50000 is a string of that length."""
    return '"' + "x" * text + '"' if isinstance(text, int) else text


def is_text(payload):
    try:
        payload.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def text_of(value, types):
    """Returns the JSON text of a field's value, or None if it cannot be stored: it has another type, or is NaN, not UTF-8 or not JSON."""
    kind, payload = value[0], value[1] if len(value) > 1 else None
    if not BIT[kind] & types:
        return None
    if kind == "n":
        return "null"
    if kind == "b":
        return "true" if payload else "false"
    if kind == "i":
        return str(payload)
    if kind == "r":
        return repr(payload) if math.isfinite(payload) else None
    if kind == "s":
        return json.dumps(payload, ensure_ascii=False) if is_text(payload) else None
    return payload if is_json(payload) else None


def decoded(text, types):
    """Returns the value as the first of NULL, BOOL, INT, REAL, STRING, JSON that fits it among the types, or None if no type fits."""
    value = None
    if text == "null":
        value = ("n",)
    elif text in ("true", "false"):
        value = ("b", text == "true")
    elif text[0] in "-0123456789":
        integer = not set(text) & set(".eE") and -2**63 <= int(text) < 2**63
        value = ("i", int(text)) if integer and types & INT else ("r", float(text))
    elif text[0] == '"':
        value = ("s", json.loads(text))
    if value is not None and BIT[value[0]] & types:
        return value
    return ("j", text) if types & JSON else None


def same(a, b):
    """Returns True if two values are the same in their native form. Reals are compared by their bits (S5)."""
    if a[0] == "r" and b[0] == "r":
        return a[1].hex() == b[1].hex()
    return a == b


def migrated(version, text, types):
    """Returns what the test's migrate makes of a stored text: a number ten times as large, or a string with the version it came from.
    Returns None if it refuses."""
    value = decoded(text, INT | STRING | JSON)
    if value[0] == "i" and types & INT:
        return ("i", value[1] * 10)
    if value[0] == "s" and types & STRING:
        return ("s", f"{value[1]}<{version}")
    return None


def grown(value):
    """Returns a number that is one more, or a longer string; None for any other value."""
    kind, payload = value[0], value[1] if len(value) > 1 else None
    if kind in "ir":
        return kind, payload + 1
    if kind == "s":
        return kind, payload + "+"
    if kind == "j" and payload.lstrip("-").isdigit():
        return kind, str(int(payload) + 1)
    return None
