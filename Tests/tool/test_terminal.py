"""Checks what differs at a terminal (width, colours, questions, progress), and which characters are never sent to it."""
import json
import os
import re
import signal
import struct
import subprocess
import unicodedata

import journal
import pytest

from conftest import TOOL, Terminal

SEQUENCE = re.compile(r"\x1b\[[0-9;]*[mK]")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_a_key_takes_one_line(home, columns):
    home.run("set", "cart", '["%s"]' % ("apple 日本語 " * 50))
    home.run("set", "short", "1")
    home.run("set", "k" * 60, "1")
    lines = SEQUENCE.sub("", home.terminal("list", columns=columns)).splitlines()
    assert len(lines) == 4
    assert max(map(width, lines)) <= columns
    assert "…" in lines[1]
    assert "…" not in home.run("list").out  # a pipe gets the whole text


def test_colours_only_on_a_terminal_and_never_with_NO_COLOR(home):
    home.run("set", "theme", '"dark"')
    assert "\x1b[" in home.terminal("list")
    assert "\x1b[" in home.terminal("list", environment={"NO_COLOR": ""})
    assert "\x1b" not in home.terminal("list", environment={"NO_COLOR": "1"})
    assert "\x1b" not in home.terminal("list", environment={"TERM": "dumb"})
    assert "\x1b" not in home.run("list").out
    assert "\x1b[31m" in home.terminal("get", "nope", code=1)
    assert "\x1b" not in home.run("get", "nope", code=1).err


@pytest.mark.parametrize("typed, code, left", [("y\n", 0, 0), ("yes\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), ("\x04", 1, 1)])
def test_clear_asks(home, typed, code, left):
    home.run("set", "theme", "1")
    text = home.terminal("clear", typed=typed, code=code)
    assert "Remove 1 key" in text
    assert len(journal.read(home.store().read_bytes()).entries) == left


def test_clear_with_yes_does_not_ask(home):
    home.run("set", "theme", "1")
    assert "[y/N]" not in home.terminal("clear", "--yes")


HOSTILE = "\x1b[31m\x07\x9b2J\u202e\u2028\x7f\ue000"


def test_nothing_in_a_store_steers_the_terminal(home):
    """Somebody else made this store, with names and values that consist of control characters."""
    text = '"\x7f\x9b31m\u202e\u2066\u200b\\u001b"'.encode()
    key = b"lily_session_" + HOSTILE.encode()
    scope = b"\0" + "\x1b]0;s\x07".encode() + b"\0"
    data = journal.Writer().set(key, text).set(scope + key, text).set(b"\x1b[2J", b"1").bytes()
    data += b'["00000000",9,"set","lily_session_' + HOSTILE.encode() + b'",1,0]\n'
    home.write(data)
    name = HOSTILE
    asked = [["list"], ["list", "--all"], ["list", "--json", "--all"], ["get", name], ["get", name, "--json"], ["scopes"], ["scopes", "--json"],
             ["verify"], ["verify", "--json"], ["export"], ["export", "--browser"], ["info"], ["get", "\x1b[2J"], ["set", name, "\x1b[31mred"],
             ["unset", name], ["list", "--scope", "\x1b]0;s\x07"]]
    codes = {"verify": 2, "get \x1b[2J": 1, "export": 2}
    for words in asked:
        code = codes.get(" ".join(words), codes.get(words[0], 0))
        seen = home.terminal(*words, code=code, environment={"NO_COLOR": "1"})
        bad = [c for c in seen if c in UNSEEN and c != "\n"]
        assert not bad, (words, bad, seen)


# The characters that cannot be seen or that control a terminal: Default_Ignorable_Code_Point of Unicode 15, controls, format characters,
# private use, line and paragraph separators, noncharacters, every space except U+0020, and the blanks of Braille, music, Egyptian and Khitan.
IGNORABLE = [0xAD, 0x34F, 0x61C, (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), 0x3164,
             (0xFE00, 0xFE0F), 0xFEFF, 0xFFA0, (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)]
UNSEEN = {chr(c) for part in IGNORABLE for c in (range(part[0], part[1] + 1) if isinstance(part, tuple) else [part])}
UNSEEN |= {chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in ("Cc", "Cf", "Co", "Zl", "Zp", "Zs")} - {" "}
UNSEEN |= {chr(c) for c in [0x2800, 0x1D159, 0x13441, 0x13442, 0x16FE4, 0x378, *range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF))]}
UNSEEN = sorted(c for c in UNSEEN if c != "\0" and not "\U000f0100" <= c < "\U000ffff0" and not "\U00100000" <= c < "\U0010fff0")


def test_what_cannot_be_seen_is_escaped_everywhere(home):
    """Each such character is escaped in a key, a value and a member's name, and no other character is."""
    def spelled(text):
        return "".join(f"\\u{unit:04x}" for c in text for unit in struct.unpack(f"<{len(c.encode('utf-16-le')) // 2}H", c.encode("utf-16-le")))

    parts = ["".join(UNSEEN[at:at + 100]) for at in range(0, len(UNSEEN), 100)]
    whole = journal.Writer()
    for number, part in enumerate(parts):
        text = part.translate(CONTROLS)
        whole.set(f"lily_session_k{number:03}{part}".encode(), f'{{"v{text}":["{text}"]}}'.encode())
    seen = " é 日本語 ∞ 🌸 e\u0301 ½ ﷺ  "
    home.write(whole.set(b"lily_session_seen", json.dumps(seen, ensure_ascii=False).encode()).bytes())
    shown = home.run("list").out
    assert not [hex(ord(c)) for c in UNSEEN if c in shown and c != "\n"]
    for number, part in enumerate(parts):
        text = spelled(part.translate(CONTROLS))
        assert f"k{number:03}{spelled(part)} " in shown and f'{{"v{text}":["{text}"]}} ' in shown
    assert seen in shown
    on_terminal = home.terminal("list", "--json", "--all", environment={"NO_COLOR": "1"})
    assert not [hex(ord(c)) for c in UNSEEN if c in on_terminal and c != "\n"]


@pytest.mark.parametrize("mark", ["\u0301", "\u1161"])
def test_marks_without_end_are_cut_as_other_text_is(home, mark):
    """They take no column, however many there are."""
    value = json.dumps("e" + mark * 1000, ensure_ascii=False)
    home.write(journal.Writer().set(b"lily_session_a", value.encode()).set(("lily_session_b" + mark * 300).encode(), b"1").bytes())
    text = home.terminal("list")
    assert "b" + mark * 8 + "\\u" in text and max(map(len, text.split("\n"))) < 160
    assert home.run("get", "a").out == value + "\n"


def test_a_blank_does_not_make_two_names_look_alike(home):
    names = ["theme", "theme ", "theme  ", " theme", "the me", "theme\u00a0", "\u2003theme", "theme\u3000", "theme\\u0020", " ", "  "]
    whole = journal.Writer()
    for name in names:
        whole.set(f"lily_session_{name}".encode(), b"1").set(f"\0{name}\0a".encode(), b"1")
    home.write(whole.bytes())
    for words in [["list"], ["scopes"]]:
        shown = [re.split("  +", line)[0] for line in home.run(*words).out.splitlines()[1:]]
        assert sorted(shown) == sorted([
            "theme", r"theme\u0020", r"theme\u0020\u0020", r"\u0020theme", "the me", r"theme\u00a0", r"\u2003theme", r"theme\u3000", r"theme\\u0020",
            r"\u0020", r"\u0020\u0020"])
    assert r"there is no key x\u0020 in" in home.run("get", "x ", code=1).err
    # A text in quotes needs no escapes at its ends, and JSON means the same with escapes and without.
    assert sorted(row["key"] for row in home.run("list", "--json").json) == sorted(f"lily_session_{name}" for name in names)
    assert '"lily_session_theme "' in home.run("list", "--json").out


def test_a_long_value_does_not_widen_the_rows_of_others_in_a_pipe(home):
    value = json.dumps("x" * 100_000)
    writer = journal.Writer().set(b"lily_session_long", value.encode())
    for at in range(50):
        writer = writer.set(b"lily_session_%d" % at, b"1")
    home.write(writer.bytes())
    lines = home.run("list").out.splitlines()
    assert [line for line in lines if len(line) > 200] == [next(line for line in lines if line.startswith("long "))]
    assert value in "".join(lines)


LONG = os.environ.get("LILY_SESSION_LONG") == "1"


@pytest.mark.skipif(not LONG, reason="valgrind takes half a minute, and runs in make check")
@pytest.mark.parametrize("character", ["\U0001f469\u200d\U0001f469\u200d\U0001f467", "\u200b", "\u3000"])
def test_what_is_escaped_costs_in_proportion_to_its_length(home, character):
    """Four times the length must not take sixteen times as many instructions."""
    def instructions(length, words):
        home.write(journal.Writer().set(b"lily_session_x", json.dumps(character * (length // len(character)), ensure_ascii=False).encode()).bytes())
        counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(TOOL), *words, "--app", "shop"]
        said = subprocess.run(counted, check=True, capture_output=True, text=True, env=home.environment).stderr
        return int(re.search(r"Collected : (\d+)", said)[1])

    for words in ["list"], ["export", "--browser"]:
        nothing, some, more = (instructions(length, words) for length in (1, 2_000, 8_000))
        assert more - nothing < 6 * (some - nothing)


CONTROLS = {ord(c): None for c in UNSEEN if c < " "}  # JSON writes these as escapes


@pytest.mark.parametrize("words", [
    ["--\x1b[31mx"], ["list", "--nope\u202e"], ["list", "a", "\u3164b\x1b]0;x\x07"], ["set", "a", "1", "--expires", "\x1b[2J"], ["\x1b[31mlist"],
    ["--store", "\u2800", "--app", "x", "list"], ["list", "--app", "../\x1b[2J"], ["get", "\x1b[2Jx\u200b"], ["list", "--scope", "\x1b" * 80],
    ["list", "--store", "/no/\x1b[2J\ufe0f"], ["set", "a", "1", "--store", "/no/\x1b/x"], ["import", "/no/\x1b[2J"], ["export", "-o", "/no/\x1b[2J"],
    ["list", "x", "y\nlily-session: all is well"], ["set", "a", "1", "--store", "/no/x\nlily-session: all is well/y"]])
def test_an_argument_that_is_refused_is_escaped_too(home, words):
    home.run("set", "x", "1")
    result = home.run(*words, code=None, app=None if {"--store", "--app"} & {*words} else "shop")
    assert result.code > 0 and result.out == ""
    assert not [c for c in result.err if c in UNSEEN and c != "\n"], result.err
    assert "\nlily-session: all" not in result.err


def test_a_hostile_path_is_shown_too(home):
    folder = home.path / "a\x1b[31mb"
    folder.mkdir()
    for words, code in [(["list"], 1), (["set", "a", "1"], 0), (["info"], 0), (["verify"], 0), (["where"], 0)]:
        assert "\x1b" not in home.terminal(*words, "--store", folder / "s.jsonl", app=None, code=code, environment={"NO_COLOR": "1"})


def test_values_are_escaped_on_a_terminal_and_byte_for_byte_in_a_pipe(home):
    text = '"\x9b31m é 日本語"'
    home.write(journal.Writer().set(b"lily_session_x", text.encode()).bytes())
    assert home.run("get", "x").bytes == text.encode() + b"\n"
    assert home.terminal("get", "x") == r'"\u009b31m é 日本語"' + "\n"
    assert "\\u009b" in home.run("list").out  # people read a table, also in a pager


def test_watch_shows_the_changes_of_others(home):
    home.run("set", "theme", '"dark"')
    terminal = Terminal([str(TOOL), "watch", "--app", "shop"], home, environment={"NO_COLOR": "1"})
    terminal.until("Ctrl-C")
    home.run("set", "theme", '"light"')
    terminal.until('set      theme  "light"')
    home.run("set", "theme", '"light"', "--expires", "7d")
    terminal.until('renewed  theme  "light"  (expires in 7 days)')
    home.run("set", "token", '"hunter-2"')
    terminal.until("set      token  ••••••")
    home.run("unset", "theme")
    terminal.until("removed  theme")
    home.run("clear", "--yes")
    terminal.until("cleared")
    home.run("set", "brief", "1", "--expires", "1s")
    terminal.until("expired  brief")
    terminal.process.send_signal(signal.SIGINT)
    assert "hunter-2" not in terminal.rest()
    assert terminal.code == -signal.SIGINT


def test_watch_in_a_pipe_is_lines_of_json(home):
    home.run("set", "theme", '"dark"')
    watcher = subprocess.Popen([str(TOOL), "watch", "--json", "--app", "shop"], env=home.environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        watcher.stderr.readline()
        home.run("set", "theme", "[1]")
        event = json.loads(watcher.stdout.readline())
        assert event.pop("time_ms") > 0
        assert event == {"event": "set", "key": "lily_session_theme", "value": [1]}
    finally:
        watcher.kill()
        watcher.communicate()


def test_long_work_shows_how_far_it_is_on_a_terminal(home):
    dump = home.path / "dump.json"
    dump.write_text('{%s}' % ",".join(f'"lily_session_{n}":"\\"{"x" * 100_000}\\""' for n in range(12)))
    shown = home.terminal("import", dump)
    assert "importing [" in shown and "\r\x1b[K" in shown
    assert "verifying [#" in home.terminal("verify")
    assert "verifying" not in home.run("verify").err
    home.run("clear", "--yes")
    home.run("set", "theme", "1")
    assert "verifying" not in home.terminal("verify")


def test_a_store_of_somebody_else_is_refused(home):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    home.run("set", "theme", '"dark"')
    os.chown(home.store(), 12345, 12345)
    before = home.store().read_bytes()
    for command in ["list", "get theme", "set theme 1", "verify", "compact --repair", "export", "clear --yes", "watch"]:
        result = home.run(*command.split(), code=3)
        assert "another user owns" in result.err and "dark" not in result.out
    assert home.store().read_bytes() == before


def test_what_is_no_store_is_refused_and_not_touched(home):
    for make in [lambda path: path.write_text("hello\n" * 100), lambda path: path.mkdir(), os.mkfifo,
                 lambda path: path.symlink_to("/etc/passwd")]:
        path = home.path / "other"
        make(path)
        for words in [["list"], ["set", "a", "1"], ["verify"], ["compact", "--repair"], ["import", "-"]]:
            home.run(*words, "--store", path, app=None, code=3, input=b"{}")
        if path.is_file() and not path.is_symlink():
            assert path.read_text() == "hello\n" * 100
        path.rmdir() if path.is_dir() else path.unlink()


def test_output_that_cannot_be_written_is_a_failure(home):
    home.run("set", "theme", "1")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(TOOL), "list", "--app", "shop"], stdout=full, env=home.environment, stderr=subprocess.DEVNULL)
    assert done.returncode == 3


def test_on_a_narrow_terminal_columns_are_left_out_and_nothing_is_wrapped(home):
    home.run("set", "a-name-of-some-length", '"a value of some length"', "--expires", "30d")
    home.run("set", "theme", '"blue"', "--scope", "a-scope-with-a-long-name")
    for columns, headings in [(80, "KEY VALUE TYPE EXPIRES VERSION"), (50, "KEY VALUE TYPE EXPIRES"), (40, "KEY VALUE TYPE"), (30, "KEY VALUE"), (8, "KEY VALUE")]:
        for words in ["list"], ["scopes"]:
            lines = SEQUENCE.sub("", home.terminal(*words, columns=columns)).splitlines()
            assert max(map(width, lines)) <= columns, (columns, lines)
            if words == ["list"]:
                assert lines[0].split()[:1] == ["KEY"] and len(lines[0].split()) == len(headings.split()), (columns, lines)


@pytest.mark.parametrize("when, piped, at_terminal", [("always", True, True), ("never", False, False), ("auto", False, True)])
def test_colours_can_be_asked_for(home, when, piped, at_terminal):
    home.run("set", "theme", '"dark"')
    for form in [f"--color={when}"], ["--color", when]:
        assert ("\x1b[" in home.run("list", *form).out) == piped and ("\x1b[" in home.run("get", "nope", *form, code=1).err) == piped
        assert ("\x1b[" in home.terminal("list", *form)) == at_terminal
    assert ("\x1b[" in home.run("list", f"--color={when}", environment={"NO_COLOR": "1"}).out) == (when == "always")
    home.run("list", "--color=red", code=64)


@pytest.mark.parametrize("environment, said", [
    ({"HOME": None}, "HOME is not set"), ({"HOME": "relative"}, "HOME is not an absolute path"), ({"XDG_STATE_HOME": "x"}, "XDG_STATE_HOME is not an absolute path")])
def test_a_home_that_is_none_is_named(home, environment, said):
    for name, value in environment.items():
        home.environment[name] = value
    home.environment = {name: value for name, value in home.environment.items() if value is not None}
    for words in ["list"], ["set", "a", "1"]:
        error = home.run(*words, code=None).err
        assert said in error and ("--store PATH" in error) == (said.startswith("HOME"))


def test_an_empty_scope_is_named(home):
    home.run("set", "a", "1")
    assert "a scope's name has 1 to 64 bytes" in home.run("list", "--scope", "", code=64).err
