"""Tests verify, and compact with a repair. The second writer makes the journals."""
import os
import re
import subprocess
from random import Random

import journal
import pytest

from conftest import TOOL

KINDS = ["header", "check", "grammar", "copied", "missing", "newer", "torn"]


def writer(removes=True):
    last = journal.remove_item(b"lily_session_a") if removes else journal.set_item(b"lily_session_a", b"2")
    return journal.Writer().set(b"lily_session_a", b"1").set(b"lily_session_b", b'"hunter-2"').batch(
        journal.set_item(b"lily_session_c", b"3"), last).set(b"lily_session_d", b"4")


def damage(kind, removes=True):
    """Returns a journal with one fault, and its place: (bytes, line, first byte)."""
    whole = writer(removes)
    if kind == "header":
        return whole.bytes().replace(b"lily-session", b"lily-sessioN", 1), 1, 0
    if kind == "check":
        data = whole.bytes().replace(b"hunter-2", b"hunter-3")
        return data, 4, data.index(b"\n", 140) + 1
    if kind == "grammar":
        whole.raw(b'"set","lily_session_e",[1,0')
    elif kind == "copied":
        whole.lines.append(whole.lines[1])
    elif kind == "missing":
        whole.sequence += 2
        whole.set(b"lily_session_e", b"5")
    elif kind == "newer":
        whole.raw(b'"rename","a","b"')
    elif kind == "torn":
        return whole.bytes() + b'["00000000",5,"set","lily_se', 7, len(whole.bytes())
    return whole.bytes(), 7, len(whole.bytes()) - len(whole.lines[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_each_damage_is_found_where_it_is_and_nothing_is_touched(home, kind):
    data, line, offset = damage(kind)
    path = home.write(data)
    path.chmod(0o644)
    before = path.stat()
    harmless = kind in ("newer", "torn")
    report = home.run("verify", "--json", code=0 if harmless else 2).json
    assert [(f["kind"], f["line"], f["offset"]) for f in report["findings"]] == [(kind, line, offset)]
    assert report["damaged"] == (0 if harmless else 1)
    text = home.run("verify", code=0 if harmless else 2).out
    assert re.search(rf"(?m)^{line} +{offset} ", text)
    assert ("No damage." in text) == harmless
    assert ("compact --repair would keep" in text) != harmless
    assert "hunter" not in text
    after = path.stat()
    assert path.read_bytes() == data and list(path.parent.iterdir()) == [path]
    assert (after.st_mode, after.st_mtime_ns, after.st_ino) == (before.st_mode, before.st_mtime_ns, before.st_ino)


def test_it_agrees_with_the_second_reader_on_every_flipped_byte(home):
    """A wrong byte is found at every place. The command and the second reader skip the same lines, and report the same number of entries."""
    data = writer().bytes()
    for at in range(70, len(data), 9):
        wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        home.write(wrong)
        state = journal.read(wrong)
        report = home.run("verify", "--json", code=None)
        skipped = [f["offset"] for f in report.json["findings"] if f["kind"] not in ("missing", "torn", "newer")]
        assert (report.code, skipped, report.json["entries"]) == (2 if state.damaged else 0, state.damaged, len(state.entries)), at


SECRET = b"Qx7Zk9Wm4Lp2"


def damaged_lines(line, random):
    """Yields the line with every byte changed to every other value, cut at every byte, without each byte, and with several bytes wrong."""
    for at in range(len(line)):
        for value in range(256):
            if value != line[at] and value != 0x0A:
                yield line[:at] + bytes([value]) + line[at + 1:]
        yield line[:at]
        yield line[:at] + line[at + 1:]
    for _ in range(3000):
        wrong = bytearray(line)
        for _ in range(random.randint(2, 8)):
            # These bytes are most likely to mislead a reader that looks for keys, because it relies on them.
            wrong[random.randrange(len(wrong))] = random.choice(b'"",,[]\\:set0' + bytes([random.choice(range(11, 256))]))
        start, length = random.randrange(len(wrong)), random.randint(0, 20)
        yield bytes(wrong if random.random() < 0.5 else wrong[:start] + wrong[start + length:])


def test_nothing_of_a_damaged_line_is_shown(home):
    """What looks like a key may be a value, because the wrong byte may be the quote between them."""
    whole = journal.Writer().set(b"lily_session_a", b'"%s"' % SECRET).batch(
        journal.set_item(b"lily_session_b", b'{"k":["%s"]}' % SECRET, 7), journal.remove_item(b"lily_session_c")).set(
        b"\0scope\0lily_session_d", b'["%s","%s"]' % (SECRET, SECRET))
    lines, random = list(whole.lines), Random(1)
    damaged = [wrong + b"\n" for line in lines for wrong in damaged_lines(line[:-1], random)]
    parts = [SECRET[at:at + 4].decode() for at in range(len(SECRET) - 3)]
    # One file has all damaged lines, so that one run reads them. Then some are the last line, without a newline, and some the only one.
    files = [b"".join(lines + damaged)]
    few = 40 if "LILY_SESSION_LONG" in os.environ else 20
    files += [b"".join(lines[:2]) + wrong[:-1] for wrong in random.sample(damaged, few)] + [wrong for wrong in random.sample(damaged, few)]
    header = whole.bytes()[:-sum(map(len, lines))]
    for number, content in enumerate(files):
        home.write(header + content)
        for form in [["verify"], ["verify", "--json"]]:
            said = home.run(*form, code=None)
            assert said.code in (0, 2)
            if number == 0 and form == ["verify"]:
                assert said.out.count("skipped: ") == 500 and re.search(r"(?m)^… and \d+ more lines, which verify --json shows$", said.out)
            elif number == 0:
                assert said.out.count('"kind"') > len(damaged) * 0.99
            for part in parts:
                assert part not in said.out + said.err, part


def test_a_copy_of_the_header_that_is_gone_is_the_only_damage(home):
    home.write(writer().bytes()[70:])
    report = home.run("verify", "--json", code=2).json
    assert [(f["kind"], f["line"], f["offset"]) for f in report["findings"]] == [("header", 2, 70)] and report["damaged"] == 1


def test_a_finding_is_a_place_a_length_and_a_kind(home):
    data, line, offset = damage("check")
    home.write(data)
    assert home.run("verify", "--json", code=2).json["findings"] == [
        {"line": line, "offset": offset, "length": data.index(b"\n", offset) - offset, "kind": "check"}]
    assert re.search(rf"(?m)^{line} +{offset} +{data.index(bytes([10]), offset) - offset} +skipped", home.run("verify", code=2).out)


@pytest.mark.parametrize("form", [["verify"], ["verify", "--json"]])
def test_memory_does_not_grow_with_what_is_damaged(home, form):
    def kilobytes(lines):
        home.write(writer().bytes() + b"\n" * lines)
        process = subprocess.Popen([str(TOOL), *form, "--app", "shop"], env=home.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 2
        return usage.ru_maxrss

    assert kilobytes(400_000) < kilobytes(400) + 16_384


def test_the_table_has_five_hundred_rows_and_json_has_all(home):
    for lines, left in [(500, ""), (501, "… and 1 more line, which verify --json shows\n"), (3000, "… and 2500 more lines, which verify --json shows\n")]:
        home.write(writer().bytes() + b"\n" * lines)
        said = home.run("verify", code=2).out
        rows, summary = said.split(f"{home.store()}: ")
        assert rows.count("skipped: ") == 500 and rows.endswith(left or "checksum is wrong\n") and ("more line" in rows) == bool(left)
        assert f"damaged in {lines} places" in summary
        report = home.run("verify", "--json", code=2).json
        assert [finding["line"] for finding in report["findings"]] == list(range(7, 7 + lines)) and report["damaged"] == lines


def test_lines_missing_beyond_the_skipped_ones(home):
    whole = writer()
    del whole.lines[2]
    data = whole.bytes().replace(b"hunter-2", b"hunter-3")
    home.write(data)
    report = home.run("verify", code=2).out
    assert "skipped: the checksum is wrong" in report and "a line is missing before this line" in report


def test_what_shows_a_damaged_store_says_so(home):
    data, _, _ = damage("check")
    home.write(data)
    for words, code in [(["list"], 0), (["export"], 2)]:
        assert "lily-session verify" in home.run(*words, code=code).err
    assert "lily-session verify" in home.run("info").out
    home.write(writer().bytes())
    assert "verify" not in home.run("list").err + home.run("info").out


def test_what_was_begun_and_never_written(home):
    for data in [b"", b"\0" * 4096, writer().bytes()[:100]]:
        path = home.write(data)
        assert "nothing was ever stored" in home.run("verify").out
        assert path.read_bytes() == data


def test_compact_leaves_a_damaged_file_alone(home):
    data, _, _ = damage("check")
    path = home.write(data)
    result = home.run("compact", code=3)
    assert "--repair" in result.err
    assert path.read_bytes() == data and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["header", "check", "grammar", "copied", "missing"])
def test_a_repair_keeps_the_original_and_what_can_be_read(home, kind):
    data, _, _ = damage(kind, removes=False)  # the copy does not have what comes before a removal
    path = home.write(data)
    entries = journal.read(data).entries
    result = home.run("compact", "--repair")
    kept = path.with_name("session.jsonl.damaged")
    assert kept.read_bytes() == data and str(kept) in result.err
    assert kept.stat().st_mode & 0o777 == 0o600
    after = journal.read(path.read_bytes())
    assert after.entries == entries and after.damage == 0
    home.run("verify")
    home.write(data)
    assert "in place of the existing one" in home.run("verify", code=2).out


def test_compact_leaves_only_what_is_stored(home):
    whole = journal.Writer()
    for number in range(100):
        whole.set(b"lily_session_n", b"%d" % number)
    path = home.write(whole.set(b"lily_session_v", b"1", 0, 7).bytes())
    home.run("compact")
    after = journal.read(path.read_bytes())
    assert after.entries == {b"lily_session_n": (b"99", 0, 0), b"lily_session_v": (b"1", 0, 7)}
    assert len(after.operations) == 2 and list(path.parent.iterdir()) == [path]


def test_a_newer_format_is_not_written_to(home):
    data, _, _ = damage("newer")
    path = home.write(data)
    for words in [["compact"], ["compact", "--repair"], ["set", "a", "1"]]:
        assert "newer" in home.run(*words, code=3).err
    assert path.read_bytes() == data
    assert home.run("get", "d").out == "4\n"


def test_a_newer_format_is_discarded_where_that_is_said(home):
    data, _, _ = damage("newer", removes=False)
    path = home.write(data)
    assert "--repair" in home.run("compact", "--discard-unknown", code=64).err
    assert path.read_bytes() == data
    home.run("compact", "--repair", "--discard-unknown")
    assert path.with_name("session.jsonl.damaged").read_bytes() == data
    home.run("set", "a", "1")
    assert home.run("get", "d").out == "4\n"


def test_log_out_of_a_newer_format(home):
    data, _, _ = damage("newer")
    path = home.write(data)
    home.run("clear", "--yes")
    assert journal.read(path.read_bytes()).entries == {}


def test_lines_longer_than_a_chunk(home):
    """The examination holds one chunk of the file in memory at a time."""
    whole = journal.Writer().set(b"lily_session_a", b'"%s"' % (b"x" * 3_000_000)).set(b"lily_session_b", b'"%s"' % (b"y" * 1_500_000))
    whole.lines[0] = whole.lines[0].replace(b"xx", b"xy", 1)
    home.write(whole.bytes())
    report = home.run("verify", "--json", code=2).json
    assert [(f["line"], f["offset"], f["length"]) for f in report["findings"]] == [(3, 140, len(whole.lines[0]) - 1)]
    assert report["lines"] == 2 and report["entries"] == 1


def test_a_line_longer_than_any_writer_writes(home):
    whole = writer()
    whole.lines.insert(2, b"x" * (journal.MAX_LINE + 1) + b"\n")
    home.write(whole.bytes())
    report = home.run("verify", "--json", code=2).json
    offset = 140 + sum(map(len, whole.lines[:2]))
    assert [(f["kind"], f["line"], f["offset"], f["length"]) for f in report["findings"]] == [("too-long", 5, offset, journal.MAX_LINE + 1)]
    assert report["entries"] == 3
