"""Random keys, JSON texts and journals, from a seed."""
import journal
from jsontext import minified

NOW = 1_800_000_000_000
DEADLINES = [0, 0, 0, 0, 1, NOW - 1, NOW, NOW + 1, NOW + 3_600_000, 2**63 - 1]

KEYS = [b"lily_session_theme", b"lily_session_token", b"lily_session_", b"lily_sessio", b"user", b"user2", b"k" * 1024,
        "é".encode(), "e\u0301".encode(), "\U0001f33c".encode(), "\u2028\u2029".encode(), b'quote"back\\slash/',
        b"line\nfeed\ttab\x01\x1f\x7f", b" blank ", b"[]{},:", b"set"]

_STRINGS = [b"", b"dark", b" white  space ", b"\\u0000", b"\\n\\t\\\"\\\\\\/\\b\\f\\r", "é\u2028\U0001f33c".encode(),
            b"\\u00e9\\ud83c\\udf3c", b"\\u001f\x7f", b"[1, 2]", b"\\\\", b"\\\\\\\""]
_NUMBERS = [b"0", b"-0", b"1", b"-1", b"1e5", b"1E+2", b"1.50", b"-0.0e-0", b"9007199254740993", b"9223372036854775807",
            b"-9223372036854775808", b"9223372036854775808", b"100000000000000000000", b"1e+21", b"1e-999",
            b"1.7976931348623157e308", b"0.1000000000000000055511151231257827"]


def _space(random):
    return random.choice([b"", b"", b"", b" ", b"\n", b"\t \r\n"])


def _string(random):
    return b'"%s"' % b"".join(random.choices(_STRINGS, k=random.randrange(4)))


def text(random, depth=4):
    """JSON text with white space here and there."""
    kind = random.randrange(8 if depth else 5)
    if kind == 0:
        return random.choice([b"true", b"false", b"null"])
    if kind <= 2:
        return random.choice(_NUMBERS)
    if kind <= 4:
        return _string(random)
    if kind == 5:
        return b'"%s"' % (b"x" * random.choice([100, 4000, 4096, 9000]))
    space = lambda: _space(random)
    items = [space() + text(random, depth - 1) + space() for _ in range(random.randrange(5))]
    if kind == 6:
        return b"[%s]" % (b",".join(items) or space())
    names = random.sample([b"a", b"b", b"\\u0061b", b"", b"long name", "é".encode()], len(items))
    members = [b'%s"%s"%s:%s' % (space(), name, space(), item) for name, item in zip(names, items)]
    return b"{%s}" % (b",".join(members) or space())


def spelled(random, key):
    """Returns the key as a JSON string, in one of the spellings that mean the same."""
    if random.random() < 0.7:
        return journal.quoted(key)
    out = b""
    for character in key.decode():
        units = character.encode("utf-16-be")
        escapes = b"".join(b"\\u%02x%02x" % (units[i], units[i + 1]) for i in range(0, len(units), 2))
        plain = journal.quoted(character.encode())[1:-1]
        out += escapes if random.random() < 0.5 else plain
    return b'"%s"' % out


def item(random):
    """Returns a set or remove as a line has it."""
    key = spelled(random, random.choice(KEYS))
    if random.random() < 0.25:
        return b'"remove",' + key
    version = random.choice([b"", b"", b",1", b",4294967295"])
    return b'"set",%s,%s,%d%s' % (key, minified(text(random)), random.choice(DEADLINES), version)


def writer(random, lines):
    """Returns a journal of that many random lines, in every spelling that the page allows."""
    made = journal.Writer()
    for _ in range(lines):
        kind = random.random()
        if kind < 0.6:
            made.raw(item(random))
        elif kind < 0.9:
            made.raw(b'"batch",[%s]' % b",".join(b"[%s]" % item(random) for _ in range(random.randrange(1, 6))))
        elif kind < 0.95:
            made.moved()
        else:
            made.clear()
    return made
