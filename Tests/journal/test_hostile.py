"""Lines that no writer makes, with a check that holds: none of them is applied, and nothing else suffers."""
import pytest

import lily
from conftest import LONG
from examine import reads, survives
from generate import NOW
from journal import Writer, read


def value(text):
    return b'"set","b",%s,0' % text


VALUES = {
    "a million brackets": b"[" * 1_000_000,
    "a million braces": b'{"a":' * 1_000_000,
    "513 deep": b"[" * 513 + b"]" * 513,
    "513 deep with objects": b'[{"a":' * 256 + b"[]" + b"}]" * 256,
    "1e999": b"1e999", "-1e999": b"-1e999", "inside an array": b"[1,[1e999]]", "400 digits": b"1" * 400,
    "100000 deep": b"[" * 100_000 + b"]" * 100_000, "open brace": b"{", "comma at the end of an object": b'{"a":1,}', "two values outside": b"1 2",
    "NaN": b"NaN", "Infinity": b"Infinity", "-Infinity": b"-Infinity", "nan": b"nan", "hexadecimal": b"0x10",
    "leading zero": b"01", "plus": b"+1", "point at the end": b"1.", "point first": b".5", "bare exponent": b"1e",
    "bare minus": b"-", "bare word": b"dark", "single quotes": b"'dark'", "capital": b"True", "half a word": b"tru",
    "no value": b"", "comma at the end": b"[1,]", "comma first": b"[,1]", "two values": b"[1 2]", "unbalanced": b"[1}",
    "unclosed": b"[1", "closed twice": b"[1]]", "comment": b"[1/**/]", "name without value": b'{"a"}',
    "number for a name": b"{1:2}", "a name twice": b'{"a":1,"a":2}', "a name twice, escaped": b'{"a":1,"\\u0061":2}',
    "a name twice, deep": b'[{"x":{"a":1,"b":2,"a":3}}]', "NUL in a name": b'{"a\\u0000":1}',
    "lone high surrogate": b'"\\ud800"', "lone low surrogate": b'"\\udc00"', "surrogates reversed": b'"\\udc00\\ud800"',
    "high surrogate and a letter": b'"\\ud800\\u0041"', "raw surrogate": b'"\xed\xa0\x80"', "invalid byte": b'"\xff"',
    "overlong slash": b'"\xc0\xaf"', "overlong NUL": b'"\xc0\x80"', "overlong three": b'"\xe0\x80\xaf"',
    "beyond U+10FFFF": b'"\xf4\x90\x80\x80"', "cut character": b'"\xe2\x82"', "stray continuation": b'"\x80"',
    "raw NUL": b'"a\0b"', "raw tab": b'"a\tb"', "raw control": b'"\x1f"', "raw NUL outside": b"[1,\x002]",
    "wrong escape": b'"\\x41"', "half an escape": b'"\\u12"', "unclosed string": b'"abc',
    "byte order mark": b"\xef\xbb\xbf1", "blank before": b" 1", "blank after": b"1 ", "blank within": b"[1, 2]",
    "blank after a name": b'{"a": 1}', "tab within": b"[1,\t2]",
}


@pytest.mark.parametrize("text", VALUES.values(), ids=VALUES.keys())
def test_S20_hostile_value(path, text):
    skipped(path, value(text))
    skipped(path, b'"batch",[["set","c","new",0],["set","b",%s,0]]' % text)
    if text:
        skipped(path, b'"batch",[["set","b",%s,0],["set","c","new",0]]' % text)


OPERATIONS = {
    "extra member": b'"set","b",1,0,1,1', "extra string": b'"set","b",1,0,1,"x"', "version 0": b'"set","b",1,0,0',
    "version beyond": b'"set","b",1,0,4294967296', "version as string": b'"set","b",1,0,"1"', "version -1": b'"set","b",1,0,-1',
    "version real": b'"set","b",1,0,1.0', "no deadline": b'"set","b",1', "negative deadline": b'"set","b",1,-1',
    "deadline -0": b'"set","b",1,-0', "deadline beyond": b'"set","b",1,9223372036854775808',
    "deadline 2^64": b'"set","b",1,18446744073709551616', "deadline of 1000 digits": b'"set","b",1,' + b"1" * 1000,
    "deadline as string": b'"set","b",1,"0"', "deadline real": b'"set","b",1,0.0', "deadline with exponent": b'"set","b",1,1e3',
    "deadline null": b'"set","b",1,null', "deadline with zeros": b'"set","b",1,00', "deadline true": b'"set","b",1,true',
    "no value": b'"set","b"', "no key": b'"set"', "key a number": b'"set",1,1,0', "key null": b'"set",null,1,0',
    "key an array": b'"set",["b"],1,0', "key empty": b'"set","",1,0', "key of 1025": b'"set","%s",1,0' % (b"b" * 1025),
    "key with NUL": b'"set","b\\u0000",1,0', "key with raw NUL": b'"set","b\0",1,0', "key invalid": b'"set","b\xff",1,0',
    "key overlong": b'"set","\xc1\xa2",1,0', "key with a lone surrogate": b'"set","\\ud800",1,0', "key unquoted": b'"set",b,1,0',
    "key with a wrong escape": b'"set","\\xb",1,0', "key with a raw tab": b'"set","b\t",1,0',
    "comma at the end": b'"set","b",1,0,', "closed twice": b'"set","b",1,0]', "NUL at the end": b'"set","b",1,0\0',
    "remove and more": b'"remove","b",0', "remove nothing": b'"remove"', "remove a number": b'"remove",1', "remove empty": b'"remove",""',
    "remove an array": b'"remove",["b"]', "clear nothing": b'"clear"', "clear a number": b'"clear",1,"0123456789abcdef"',
    "clear without generation": b'"clear","b"', "clear short": b'"clear","b","0"',
    "clear capital": b'"clear","b","ABCDEF0123456789"', "clear number": b'"clear","b",1',
    "clear and more": b'"clear","b","0123456789abcdef",1',
    "clear no prefix": b'"clear","0123456789abcdef"', "clear of 1025": b'"clear","%s","0123456789abcdef"' % (b"b" * 1025),
    "clear invalid": b'"clear","\xff","0123456789abcdef"', "moved and more": b'"moved",1', "moved twice": b'"moved","moved"',
    "batch empty": b'"batch",[]', "batch nothing": b'"batch"', "batch of an object": b'"batch",{}', "batch of a number": b'"batch",1',
    "batch of a string": b'"batch",["set","b",1,0]',
    "batch and more": b'"batch",[["remove","b"]],1', "batch with a clear": b'"batch",[["clear","","0123456789abcdef"]]',
    "batch with moved": b'"batch",[["moved"]]', "batch in a batch": b'"batch",[["batch",[["remove","b"]]]]',
    "batch with a wrong item": b'"batch",[["remove","b"],["set","c"]]', "batch with a comma": b'"batch",[["remove","b"],]',
    "batch with a number": b'"batch",[["remove","b"],1]', "batch with an empty item": b'"batch",[["remove","b"],[]]',
    "batch with another name": b'"batch",[["remove","b"],["later","b"]]', "batch unclosed": b'"batch",[["remove","b"]',
    "a name that is a number": b"1", "a name that is null": b"null", "no name": b"", "an array for a name": b'["set","b",1,0]', "capital name": b'set,"b",1,0',
    "a name with an escape": b'"l\\u0061ter"', "our name with an escape": b'"s\\u0065t","b",1,0',
    "only an escape": b'"\\u0000"',
    "newer with bad values": b'"later",[1,}', "newer with a comma": b'"later",', "newer with NaN": b'"later",NaN',
    "newer with a blank": b'"later", 1', "newer with a blank at the end": b'"later",1 ',
    "newer with a blank within": b'"later",[1, 2]',
    "newer closed early": b'"later",1],2', "newer closed twice": b'"later",1]', "newer with a name twice": b'"later",{"a":1,"a":2}',
    "newer with a raw NUL": b'"later","\0"', "newer and an open array": b'"later",[1',
    "newer invalid": b'"l\xff"', "newer deep": b'"later",' + b"[" * 513 + b"]" * 513,
    "closed early": b'"remove","b"],1', "blank": b'"remove", "b"', "blank first": b' "remove","b"', "blank before a comma": b'"set" ,"b",1,0', "blank at the end": b'"set","b",1,0 ', "not closed": b'"remove","b',
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_S20_hostile_operation(path, operation):
    skipped(path, operation)


@pytest.mark.parametrize("sequence", [
    b'"4"', b"4.0", b"4e0", b"-4", b"+4", b"04", b"0", b"", b"null", b"[4]", b" 4", b"4 ", b"9223372036854775808", b"18446744073709551620",
    b"4" * 1000, b"true", b"0x4", b"3", b"1"], ids=repr)
def test_S20_hostile_sequence(path, sequence):
    skipped(path, b'"set","b","hostile",0', sequence)


def skipped(path, operation, sequence=None):
    """Checks that the line is skipped, and that the lines before and after it are applied."""
    made = Writer().set(b"a", b'"before"').set(b"b", b'"kept"').set(b"c", b'"old"').raw(operation, sequence)
    if sequence is not None:
        made.sequence += 1
    made.set(b"d", b'"after"', NOW + 1)
    expected = {b"a": (b'"before"', 0), b"b": (b'"kept"', 0), b"c": (b'"old"', 0), b"d": (b'"after"', NOW + 1)}
    state = survives(path, made.bytes(), expected)
    assert len(state.damaged) == 1 and not state.newer


def test_S20_a_bad_line_with_a_high_sequence_hides_nothing(path):
    made = Writer().set(b"a", b"1").raw(b'"set","b",NaN,0', b"9000000000000000000").set(b"c", b"3").set(b"a", b"4")
    survives(path, made.bytes(), {b"a": (b"4", 0), b"c": (b"3", 0)})


@pytest.mark.parametrize("sequence", [2**31, 2**32 - 1])
def test_S20_high_sequences(path, sequence):
    """The gap before such a line counts as damage, but the line is applied."""
    survives(path, Writer().set(b"a", b"1").raw(b'"set","b",2,0', b"%d" % sequence).bytes(), {b"a": (b"1", 0), b"b": (b"2", 0)})


def test_S20_the_highest_sequence(path):
    """No line can follow this sequence, so the file is rewritten, and nothing is lost."""
    path.write_bytes(Writer().set(b"a", b"1").raw(b'"set","b",2,0', b"%d" % 2**32).bytes())
    with lily.Storage(path, now=NOW) as storage:
        storage.set(b"c", b"3")
        assert storage.each() == {b"a": (b"1", 0), b"b": (b"2", 0), b"c": (b"3", 0)}
    assert read(path.read_bytes()).sequence < 10


@pytest.mark.parametrize("sequence", [2**32 + 1, 2**53 + 1, 2**63 - 1, 2**64])
def test_S20_a_sequence_that_no_file_comes_to(path, sequence):
    skipped(path, b'"set","b",2,0', b"%d" % sequence)


def test_S20_limits_that_are_allowed(path):
    """What is just within the limits is read."""
    deep = b"[" * 512 + b"]" * 512
    made = Writer().set(b"k" * 1024, deep).set(b"max", b"1", 2**63 - 1, 2**32 - 1).set(b"nul", b'"\\u0000"')
    made.set("\U0001f33c".encode(), b"1" * 300).clear(b"\0" + b"s" * 64 + b"\0lily_session_").raw(b'"set","\\u0062",1e-999,0')
    expected = {b"k" * 1024: (deep, 0), b"max": (b"1", 2**63 - 1), b"nul": (b'"\\u0000"', 0), "\U0001f33c".encode(): (b"1" * 300, 0),
                b"b": (b"1e-999", 0)}
    state = survives(path, made.bytes(), expected)
    assert not state.damage


@pytest.mark.skipif(not LONG, reason="the second reader takes half a minute, and runs in make check")
def test_S20_a_value_of_16_MiB(path):
    big = b'"%s"' % (b"x" * (16 * 1024 * 1024 - 2))
    assert not survives(path, Writer().set(b"big", big).bytes(), {b"big": (big, 0)}).damage


@pytest.mark.skipif(not LONG, reason="the second reader takes half a minute, and runs in make check")
def test_S20_a_value_beyond_16_MiB_and_a_line_beyond_64(path):
    big = b'"%s"' % (b"x" * (16 * 1024 * 1024 - 1))
    skipped(path, value(big))
    made = Writer().set(b"a", b"1")
    made.sequence += 1
    body = b"x" * (65 << 20) + b"\n"
    data = made.bytes() + body + Writer(made.salt).raw(b'"set","b",2,0', b"3").lines[0]
    path.write_bytes(data)
    survives(path, data, {b"a": (b"1", 0), b"b": (b"2", 0)})
