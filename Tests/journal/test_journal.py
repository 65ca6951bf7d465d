"""Tests of the second reader: one that accepted everything would make the other tests blind."""
import pathlib
import random

import pytest

import generate
import journal
import jsontext
from journal import Entry, Refused, Writer, read

PAGE = pathlib.Path(__file__).resolve().parent / "../../docs/format.md"


@pytest.mark.parametrize("data, crc", [
    (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
    (bytes.fromhex("01c00000000000000000000000000000140000000000040000000014000000182800000000000000"
                   "0200000000000000"), 0xD9963A56)])
def test_crc_vectors_of_RFC_3720(data, crc):
    assert journal.crc32c(data) == crc
    assert journal.crc32c(data[9:], journal.crc32c(data[:9])) == crc


def test_the_example_of_the_page_is_a_journal():
    blocks = PAGE.read_bytes().split(b"```")
    example = next(block for block in blocks if block.startswith(b'\n["'))[1:]
    assert example.startswith(b'["')
    state = read(example)
    assert (state.damage, state.torn, state.sequence, state.entries) == (0, 0, 3, {})
    assert state.operations[0][1] == ("set", b"lily_session_theme", Entry(b'"dark"'))
    assert state.generation == b"00000000b7e15164"


def test_what_is_written_is_read():
    made = Writer().set(b"a", b"1").set(b"lily_session_b", b'"x"', 5, 7).batch(journal.set_item(b"c", b"[]"), journal.remove_item(b"a"))
    state = read(made.moved().clear(b"lily_session_", b"0" * 16).bytes() + b'["torn')
    assert state.entries == {b"c": Entry(b"[]")}
    assert (state.damage, state.torn, state.moved, state.newer) == (0, 6, True, False)
    assert state.generation == b"0" * 16


def test_a_bad_line_is_skipped_and_a_gap_counted():
    made = Writer().set(b"a", b"1").set(b"b", b"1").set(b"c", b"1").set(b"a", b"2")
    lines = list(made.lines)
    lines[1] = lines[1].replace(b"1", b"2", 1)
    state = read(made.header + b"".join(lines))
    assert set(state.entries) == {b"a", b"c"} and len(state.damaged) == 1 and state.gaps == 1
    state = read(made.header + b"".join(made.lines[1:]))
    assert state.gaps == 1 and set(state.entries) == {b"a", b"b", b"c"}
    state = read(made.header + b"".join([made.lines[0], made.lines[3], made.lines[0]]))
    assert state.entries[b"a"].text == b"2" and state.gaps == 1 and len(state.damaged) == 1


@pytest.mark.parametrize("text", [
    b"", b" 1", b"1 ", b"[1, 2]", b'{"a": 1}', b"01", b"1.", b".5", b"+1", b"-", b"1e", b"0x1", b"NaN", b"Infinity",
    b"1e999", b"-1e999", b"1" * 400, b"tru", b"[1,]", b"[,1]", b"{,}", b'{"a"}', b'{"a":}', b"{1:2}", b"[1}", b"[", b"]",
    b'"', b'"\n"', b'"\\x"', b'"\\u12g4"', b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\u0041"', b'"\xff"', b'"\xc0\xaf"',
    b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b"\xef\xbb\xbf1", b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"\\u0000":1}',
    b"[" * 513 + b"]" * 513, b"[" * 1_000_000, b"'a'", b"1//", b"nul", b"[[]", b"1,2"], ids=lambda text: repr(text[:20]))
def test_what_is_not_JSON(text):
    with pytest.raises(jsontext.NotJSON):
        jsontext.check(text)


@pytest.mark.parametrize("text", [
    b"0", b"-0", b"1e5", b"1e-999", b"123456789012345678901234567890", b"1.0E+10", b'""', b'"\\u0000"', b'"\x7f"',
    b'"\\ud83d\\ude00"', '"é\U0001f600\u2028\uffff"'.encode(), b'{"a":{"a":[]},"b":{}}', b"[" * 512 + b"]" * 512, b"[[],{}]",
    b'[{"a":[1,{"b":null}]},2]'])
def test_what_is_JSON(text):
    jsontext.check(text)


@pytest.mark.parametrize("data", [
    b"x", b"hello\n", b"\x89PNG\r\n\x1a\n" + bytes(200), b'{"a":1}\n{"b":2}\n', b"\0" * 10 + b"x",
    b"\xef\xbb\xbf" + Writer().bytes(), Writer().bytes().replace(b"\n", b"\r\n"),
    journal.header_copy(b"12345678", b"0" * 16, version=2) * 2, journal.header_copy(b"12345678", b"0" * 16, b"lily-sessiom") * 2,
    journal.header_copy(b"12345678", b"A" * 16) * 2, Writer().bytes().upper()])
def test_what_is_not_a_journal(data):
    with pytest.raises(Refused):
        read(data)


def test_one_good_header_is_enough():
    data = Writer().set(b"a", b"1").bytes()
    for at in range(journal.HEADER):
        for broken in (at, at + journal.HEADER):
            flipped = bytearray(data)
            flipped[broken] ^= 1
            state = read(bytes(flipped))
            assert state.entries == {b"a": Entry(b"1")} and state.damage == 1


def test_a_creation_cut_short_begins_anew():
    header = Writer().header
    for cut in range(len(header)):
        assert read(header[:cut]).begun_anew
    assert read(bytes(1 << 20)).begun_anew and not read(header).begun_anew
    with pytest.raises(Refused):
        read(bytes((1 << 20) + 1))


def test_random_journals_are_read_without_damage():
    for seed in range(30):
        made = generate.writer(random.Random(seed), 60)
        state = read(made.bytes())
        assert (state.damage, state.torn, state.newer, len(state.operations)) == (0, 0, False, 60)
