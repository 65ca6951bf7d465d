"""A real journal is cut at every byte, has every bit flipped, and has its lines lost, copied and mixed up."""
import pytest

import examine
import journal
import lily
from conftest import LONG
from examine import lines_of, outcome, survives
from generate import NOW
from journal import HEADER


@pytest.fixture
def real(path):
    return examine.real_journal(path)


def operations_of(data):
    salt = journal.read(data).salt
    return [journal.parse_line(line[:-1], salt)[1] for line in lines_of(data)]


def test_S20_truncate_at_every_byte(path, real, numbers):
    ends = [index + 1 for index, byte in enumerate(real) if byte == 10]
    operations = operations_of(real)
    for cut in range(len(real)):
        whole = sum(end <= cut for end in ends) - 2
        expected = outcome(operations[:max(whole, 0)])
        path.write_bytes(real[:cut])
        # If the file was emptied, or cut in the second copy of its header, something was lost. If it was cut in the first copy, it may never
        # have been longer.
        lost = cut == 0 or HEADER <= cut < 2 * HEADER
        assert examine.open_status(path, lily.STRICT) == (lily.CORRUPT if lost else lily.OK)
        survives(path, real[:cut], expected)
    numbers(truncations=len(real))


def test_S20_flip_every_bit(path, real, numbers):
    """A flip destroys its own line, and also the next one if it hits the newline between them. No other line is lost, and no
    value is read that was never written. The short run flips two bits of each byte."""
    operations, lines = operations_of(real), lines_of(real)
    line_at, start = [], 2 * HEADER
    for number, line in enumerate(lines):
        line_at += [number] * len(line)
        start += len(line)
    assert start == len(real)
    for at in range(len(real)):
        lost = set()
        if at >= 2 * HEADER:
            lost = {line_at[at - 2 * HEADER]} | ({line_at[at - 2 * HEADER] + 1} if real[at] == 10 else set())
        expected = outcome([operation for number, operation in enumerate(operations) if number not in lost])
        bits = range(8) if LONG else [at % 8, (at + 3) % 8]
        for bit in bits:
            flipped = bytearray(real)
            flipped[at] ^= 1 << bit
            path.write_bytes(flipped)
            state = journal.read(bytes(flipped))
            # a lost last newline makes a torn tail, which is no damage
            assert bool(state.damage) == (at != len(real) - 1)
            assert examine.open_status(path, lily.STRICT) == (lily.CORRUPT if state.damage else lily.OK), (at, bit)
            with lily.Storage(path, now=NOW) as storage:
                assert storage.each() == expected == state.live(NOW), (at, bit)
            if (at * 8 + bit) % 61 == 0:
                survives(path, bytes(flipped), expected)
    numbers(bit_flips=len(bits) * len(real))


def headless(path, data):
    """The header is lost, which is damage. What the lines say is there, before and after the file is rewritten."""
    path.write_bytes(data)
    assert examine.open_status(path, lily.STRICT) == lily.CORRUPT
    assert examine.open_status(path, lily.READ_ONLY) == lily.OK and path.read_bytes() == data
    with lily.Storage(path, now=NOW) as storage:
        found = storage.each()
        for _ in range(40):  # far more than stays stored, so that a sync rewrites the file
            storage.set(b"new", b'"%s"' % (b"x" * 4000))
        storage.set(b"new", b"1")
        storage.sync()
        assert storage.each() == {**found, b"new": (b"1", 0)}
    kept = path.with_name(path.name + ".damaged")
    # What is damaged before something is removed is not kept.
    assert kept.exists() == (b'"clear"' not in data and b'"remove"' not in data)
    if kept.exists():
        assert kept.read_bytes().startswith(data)
        kept.unlink()
    assert examine.open_status(path, lily.STRICT) == lily.OK
    assert journal.read(path.read_bytes()).live(NOW) == {**found, b"new": (b"1", 0)}
    return found


def test_S20_both_headers_hit_costs_no_line(path, real):
    """If both copies of the header are damaged, the lines show which salt their checks use."""
    expected = journal.read(real).live(NOW)
    for at in range(0, HEADER, 7):
        broken = bytearray(real)
        broken[at] ^= 4
        broken[HEADER + (at * 31) % HEADER] ^= 4
        assert headless(path, bytes(broken)) == expected


@pytest.mark.parametrize("length", [140, 141, 300, 512])
def test_S20_the_first_sector_is_lost(path, real, length):
    whole = [start for start in range(140, len(real)) if real[start - 1] == 10]
    first = min(start for start in whole if start >= length)
    expected = outcome(operations_of(real)[whole.index(first):])
    assert headless(path, bytes(length) + real[length:]) == expected
    assert headless(path, b"\xff" * length + real[length:]) == expected
    assert headless(path, real[first:]) == expected


def test_S20_a_copy_of_the_header_that_is_gone_takes_no_line_with_it(path, real):
    """The lines begin behind the other copy, for each reader, and for the command that looks for damage."""
    state = survives(path, real[70:], journal.read(real).live(NOW))
    assert state.damaged == [70] and not state.gaps


def test_S20_without_a_header_two_lines_have_to_agree(path, real):
    """One line alone, the same line twice, or lines of another format do not show that the file is a journal."""
    first, second = lines_of(real)[:2]
    newer = journal.header_copy(b"12345678", b"00000000b7e15163", version=2)
    for data in (bytes(140) + first, bytes(140) + first * 3, bytes(140) + second + first, newer * 2 + first + second, first, b"x\n" + first):
        path.write_bytes(data)
        assert examine.open_status(path, 0) == lily.REFUSED
        assert path.read_bytes() == data
    assert headless(path, first + second) == outcome(operations_of(real)[:2])


def test_S20_delete_each_line(path, real):
    operations, lines = operations_of(real), lines_of(real)
    for number in range(len(lines)):
        rest = lines[:number] + lines[number + 1:]
        state = survives(path, real[:140] + b"".join(rest), outcome(operations[:number] + operations[number + 1:]))
        assert state.gaps == (number < len(lines) - 1) and not state.damaged


def test_S20_duplicate_each_line(path, real):
    operations, lines = operations_of(real), lines_of(real)
    for number, line in enumerate(lines):
        for place in (number, len(lines) - 1):
            more = lines[:place + 1] + [line] + lines[place + 1:]
            state = survives(path, real[:140] + b"".join(more), outcome(operations))
            assert len(state.damaged) == 1 and not state.gaps


def test_S20_swap_each_two_lines(path, real):
    """The line with the higher sequence now comes first and counts. The other one is skipped."""
    operations, lines = operations_of(real), lines_of(real)
    for number in range(len(lines) - 1):
        mixed = lines[:number] + [lines[number + 1], lines[number]] + lines[number + 2:]
        state = survives(path, real[:140] + b"".join(mixed), outcome(operations[:number] + operations[number + 1:]))
        assert len(state.damaged) == 1 and state.gaps == 1


def test_S20_lines_of_another_store(path, real, tmp_path):
    operations, lines = operations_of(real), lines_of(real)
    stranger = journal.Writer(generation=journal.read(real).generation)
    for _ in lines:
        stranger.set(b"other", b'"stranger"')
    for number in range(len(lines)):
        mixed = lines[:number] + [stranger.lines[number]] + lines[number + 1:]
        survives(path, real[:140] + b"".join(mixed), outcome(operations[:number] + operations[number + 1:]))
        more = lines[:number] + [stranger.lines[number]] + lines[number:]
        survives(path, real[:140] + b"".join(more), outcome(operations))
    # the header of one file over the lines of another: none of them counts
    survives(path, stranger.header + b"".join(lines), {})


@pytest.mark.parametrize("extra", [b"\n", b"\r\n", b"\n\n\n", b" \n", b"\xef\xbb\xbf\n", b"[]\n", b"null\n", b"\0" * 4096 + b"\n",
                                   b"[\n", b'[""]\n', b'["00000000"]\n', b'["XXXXXXXX",2,"set","other",1,0]\n',
                                   b'["00000000",1,"set","other","x",0]\n', b"x" * 100_000 + b"\n"], ids=lambda extra: repr(extra[:12]))
def test_S20_a_foreign_line_between_the_others(path, real, extra):
    operations, lines = operations_of(real), lines_of(real)
    for number in range(len(lines) + 1):
        mixed = lines[:number] + [extra] + lines[number:]
        state = survives(path, real[:140] + b"".join(mixed), outcome(operations))
        assert len(state.damaged) == extra.count(b"\n")
    header_again = lines[:3] + [real[:70]] + lines[3:]
    survives(path, real[:140] + b"".join(header_again), outcome(operations))


def test_S20_carriage_returns_glued_lines_and_byte_order_marks(path, real):
    operations, lines = operations_of(real), lines_of(real)
    for number in range(len(lines)):
        rest = outcome(operations[:number] + operations[number + 1:])
        for changed in (lines[number][:-1] + b"\r\n", lines[number][:-1] + b" \n", lines[number][:-2] + b"\n", b"\xef\xbb\xbf" + lines[number],
                        b" " + lines[number], b"[" + lines[number], lines[number][:2] + b"G" + lines[number][3:],
                        lines[number][:10].upper() + lines[number][10:]):
            if changed == lines[number]:
                continue  # no letter in this check
            survives(path, real[:140] + b"".join(lines[:number] + [changed] + lines[number + 1:]), rest)
        if number + 1 < len(lines):
            rest = outcome(operations[:number] + operations[number + 2:])
            survives(path, real[:140] + b"".join(lines[:number] + [lines[number][:-1]] + lines[number + 1:]), rest)


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 4096, b"\0" * (1 << 20), b"[", b'["1a2b3c4d",99,"set","other"', b"\xff" * 100,
                                  b"\r", b" "], ids=lambda tail: f"{tail[:8]!r}x{len(tail)}")
def test_S20_a_tail_is_not_damage(path, real, tail):
    state = survives(path, real + tail, outcome(operations_of(real)))
    assert state.damage == 0 and state.torn == len(tail)


def test_S20_a_whole_line_without_its_newline_has_not_been_written(path, real):
    made = journal.Writer(journal.read(real).salt)
    made.sequence = 13
    made.set(b"end", b'"not yet"')
    survives(path, real + made.lines[0][:-1], outcome(operations_of(real)))


@pytest.mark.parametrize("size", [0, 1, 69, 70, 139, 140])
def test_S20_zeros_begin_anew(path, size):
    survives(path, bytes(size), {})


@pytest.mark.parametrize("data", [bytes(141), bytes(4096), bytes(1 << 20), 100], ids=["141 zeros", "4096 zeros", "1 MiB of zeros", "cut"])
def test_S20_a_ruin_opens_as_empty_and_is_kept(path, real, data):
    """It was a journal, and nothing of it can be read. An event says so, and what is left of it is kept beside the new file."""
    data = real[:data] if isinstance(data, int) else data
    path.write_bytes(data)
    assert examine.open_status(path, lily.STRICT) == lily.CORRUPT
    with lily.Storage(path) as storage:
        assert storage.each() == {}
        assert path.read_bytes() == data  # there is nothing to be written yet
        storage.set(b"a", b"1")
        assert storage.each() == {b"a": (b"1", 0)}
    assert path.with_name(path.name + ".damaged").read_bytes() == data
    assert examine.open_status(path, lily.STRICT) == lily.OK


def test_S20_an_empty_file_is_no_new_one_under_STRICT(path):
    path.write_bytes(b"")
    for flags in (lily.STRICT, lily.STRICT | lily.READ_ONLY):
        assert examine.open_status(path, flags) == lily.CORRUPT
    assert path.read_bytes() == b""
    path.unlink()
    assert examine.open_status(path, lily.STRICT) == lily.OK
    path.write_bytes(b"")
    assert examine.open_status(path, 0) == lily.OK and path.stat().st_size == 140
