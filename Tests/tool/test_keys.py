"""Tests the commands that show and change keys."""
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import journal
import pytest

from conftest import TOOL


def entries(home, app="shop"):
    return journal.read(home.store(app).read_bytes()).entries


def test_short_keys_are_those_of_fields(home):
    home.run("set", "theme", '"dark"')
    home.run("set", "lily_session_visits", "4")
    assert {key: entry.text for key, entry in entries(home).items()} == {b"lily_session_theme": b'"dark"', b"lily_session_visits": b"4"}
    assert home.run("get", "lily_session_theme").out == home.run("get", "theme").out == '"dark"\n'


def test_all_means_keys_as_they_are_written(home):
    home.run("set", "--all", "theme", "1")
    assert set(entries(home)) == {b"theme"}
    assert "--all" in home.run("get", "theme", code=1).err
    assert home.run("get", "theme", "--all").out == "1\n"
    assert home.run("list").out == ""
    home.run("set", "theme", "2")
    assert [entry["key"] for entry in home.run("list", "--all", "--json").json] == ["lily_session_theme", "theme"]
    home.run("unset", "--all", "theme")
    assert set(entries(home)) == {b"lily_session_theme"}


@pytest.mark.parametrize("word, stored", [
    ("dark", b'"dark"'), ("two words", b'"two words"'), ("01", b'"01"'), ("crème", '"crème"'.encode()), ('a"b\\', rb'"a\"b\\"'),
    ("\x1b[31m", rb'"\u001b[31m"'), ("", b'""')])
def test_plain_words_are_stored_as_strings_and_it_says_so(home, word, stored):
    result = home.run("set", "theme", word)
    assert entries(home)[b"lily_session_theme"].text == stored
    assert "stored as the string " + stored.decode() in result.err


@pytest.mark.parametrize("text", [
    "-5", "-0.5e3", "12345678901234567890", "1.50", "true", "null", '"dark"', '[1,{"a":"b"}]', '{"b":1,"a":2}'])
def test_S2_values_are_stored_byte_for_byte(home, text):
    result = home.run("set", "x", text)
    assert entries(home)[b"lily_session_x"].text == text.encode()
    assert "string" not in result.err
    assert home.run("get", "x").out == text + "\n"
    assert home.run("get", "x", "--json").out == '{"key":"lily_session_x","value":%s}\n' % text


def test_a_plain_word_is_stored_with_no_more_escapes_than_json_needs(home):
    word = "12\u00a0€ \u3000\u200d "
    result = home.run("set", "x", word)
    assert entries(home)[b"lily_session_x"].text == f'"{word}"'.encode()
    assert r'stored as the string "12\u00a0€ \u3000\u200d "' in result.err


@pytest.mark.parametrize("words", [["-1token", "topsecret"], ["-5", "4"], ["-token", "topsecret"], ["-x=y", "topsecret"], ["--all", "-1token", "topsecret"],
                                   ["-1token", "--", "topsecret"], ["-1token"], ["-1token", "-5"]])
def test_a_key_that_looks_like_an_option_is_refused_with_advice(home, words):
    result = home.run("set", *words, code=64)
    assert "-- " in result.err and "begins with -" in result.err and "topsecret" not in result.err
    assert not home.store().exists()


def test_a_value_that_looks_like_an_option_is_refused_and_not_shown(home):
    result = home.run("set", "token", "-hunter-2", code=64)
    assert "lily-session set -- KEY VALUE" in result.err and "hunter" not in result.err and not home.store().exists()


@pytest.mark.parametrize("words, key, text", [
    (["a", "-5"], "a", b"-5"), (["a", "-1token"], "a", b'"-1token"'), (["a", "-5", "--all"], "a", b"-5"), (["--expires", "7d", "a", "-5"], "a", b"-5"),
    (["a", "--expires", "7d", "-5"], "a", b"-5"), (["a", "--expires=7d", "-5", "--all"], "a", b"-5"), (["a", "-5", "--"], "a", b"-5"),
    (["a", "--", "-5"], "a", b"-5"), (["--", "a", "-5"], "a", b"-5"), (["--", "-1token", "topsecret"], "-1token", b'"topsecret"'),
    (["--", "-1", "-2"], "-1", b"-2"), (["--", "-token", "-x"], "-token", b'"-x"'), (["--all", "--", "--all", "1"], "--all", b"1")])
def test_key_and_value_keep_their_places(home, words, key, text):
    home.run("set", "--store", "s.jsonl", *words, app=None)
    stored = journal.read((home.path / "s.jsonl").read_bytes()).entries
    prefix = "" if "--all" in words[:words.index("--") if "--" in words else None] else "lily_session_"
    assert {name: entry.text for name, entry in stored.items()} == {(prefix + key).encode(): text}


@pytest.mark.parametrize("words", [["a", "-5", "b"], ["a", "b", "-5"], ["a", "--expires", "-1", "5"], ["a", "-5", "--nope"], ["a", "b", "-x"]])
def test_what_is_too_much_beside_a_negative_number_is_refused(home, words):
    home.run("set", *words, code=64)
    assert not home.store().exists()


@pytest.mark.parametrize("words, reason", [
    (["set", "a", "Bearer", "hunter-2"], "Unexpected argument '<argument 4>'"),
    (["set", "a", "b", "hunter-2", "hunter-3"], "'<argument 4>', '<argument 5>'"), (["set", "a", "--hunter-2"], "Missing expected argument"),
    (["set", "a", "--hunter=2", "b"], "Unknown option '--<argument 3>'"), (["set", "a", "b", "-hunter-2"], "Unexpected argument '-<argument 4>'"),
    (["set", "a", "-5", "hunter-2"], "'<argument 4>'"), (["set", "--all=hunter-2", "a", "b"], "'--all' does not take any value, but '<argument 2>'"),
    (["set", "a", "b", "--all=hunter-2"], "'<argument 4>'"), (["set", "--", "a", "b", "--hunter-2"], "'--<argument 5>'"),
    (["set", "a", "---hunter-2"], "Invalid option: ---<argument 3>"), (["set", "-hunter-2"], "the key begins with -"),
    (["set", "-hunter-2", "a"], "the key begins with -"), (["set", "a", "-hunter-2"], "the value begins with -"),
    (["set", "a", "--expires", "hunter-2"], "Missing expected argument '<json>'"),
    (["set", "a", "b", "--expires", "hunter-2"], "--expires needs a number"), (["set", "a", "b", "--expires=hunter-2"], "--expires needs a number"),
    (["set", "a", "--expires", "-2", "hunter"], "Missing value for '--expires"), (["set", "a", "--store=", "hunter-2"], "Missing expected"),
    (["set", "a", b"hunter-\xff"], "argument 3 is not UTF-8\n"), (["set", b"hunter-\xff", "a"], "argument 2 is not UTF-8\n"),
    (["sett", "a", "hunter-2"], "there is no command sett\n  Did you mean set?"), (["--", "set", "a", "hunter-2"], "'<argument 4>'"),
    (["set", "a", '{"hunter-2":1,"hunter-2":2}'], "duplicate name at byte"), (["set", "a", '["hunter-2"'], "too early at byte 11"),
    (["get", "a", "hunter-2"], "Unexpected argument '<argument 3>'"), (["list", "--app", "x", "a", "b", "hunter-2"], "'<argument 5>', '<argument 6>'"),
    (["clear", "hunter-2"], "'<argument 2>'"), (["get", "--", "a", "--hunter-2"], "'--<argument 4>'"), (["get", "-", "hunter-2"], "'<argument 3>'"),
    (["get", "--", "--all", "hunter-2"], "'<argument 4>'"), (["get", "a", "-1unter"], "Unknown option '-<argument 3>'"),
    (["get", "a", "--nope=hunter-2"], "Unknown option '--nope'"), (["get", "a", "--all=hunter-2"], "'--all' does not take any value, but '<argument 3>'"),
    (["get", "a", b"hunter-\xff"], "argument 3 is not UTF-8\n"), (["help", "set", b"hunter-\xff"], "argument 3 is not UTF-8\n"),
    (["ste", "a", "hunter-2"], "there is no command ste\n  Did you mean set?")])
def test_no_message_quotes_what_may_be_a_value(home, words, reason):
    done = subprocess.run([TOOL, *words], env=home.environment, cwd=home.path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (64, "") and reason in done.stderr and "unter" not in done.stderr, done
    assert not home.store("lily-session").exists()


@pytest.mark.parametrize("words, reason", [
    (["get", "a", "--al"], "Unknown option '--al'. Did you mean '--all'?"), (["get", "a", "-x"], "Unknown option '-x'"),
    (["lst"], "there is no command lst\n  Did you mean list?"), (["help", "lst"], "there is no command lst\n  Did you mean list?"),
    (["frobnicate"], "there is no command frobnicate\n  lily-session help lists the commands."), (["sweep", "--limit", "all"], "The value 'all' is invalid for '--limit <number>'"),
    (["sweep", "--limit=all"], "The value 'all' is invalid for '--limit <number>'"), (["list", "--store", b"shop-\xff"], "argument 3 is not UTF-8: shop-"),
    (["--al", "list"], "Unknown option '--al'"), (["import", b"dump-\xff"], "argument 2 is not UTF-8: dump-")])
def test_what_is_no_value_is_quoted(home, words, reason):
    done = subprocess.run([TOOL, *words], env=home.environment, cwd=home.path, capture_output=True, text=True)
    assert done.returncode == 64 and reason in done.stderr, done


@pytest.mark.parametrize("text", ["[1,", '{"a":1,"a":2}', '"dark', '"\\ud800"', "[" * 600 + "]" * 600])
def test_what_begins_as_json_and_is_none_is_refused(home, text):
    home.run("set", "x", "1")
    before = home.store().read_bytes()
    home.run("set", "x", text, code=64)
    assert home.store().read_bytes() == before


def test_a_value_from_standard_input(home):
    home.run("set", "cart", "-", input=b' [1, "a b"] \n')
    assert entries(home)[b"lily_session_cart"].text == b'[1,"a b"]'
    home.run("set", "cart", "-", input=b"dark", code=64)


def test_types(home):
    for number, text in enumerate(["null", "true", "-3", "1e3", "18446744073709551616", '"a"', "[]", "{}"]):
        home.run("set", f"x{number}", text)
    types = [line.split()[2] for line in home.run("list").out.splitlines()[1:]]
    assert types == ["null", "boolean", "integer", "real", "real", "string", "array", "object"]


def test_S9_expiry(home):
    home.run("set", "a", "1", "--expires", "7d")
    home.run("set", "b", "1", "--expires", "1h30m")
    home.run("set", "c", "1")
    words = [" ".join(line.split()[3:-1]) for line in home.run("list").out.splitlines()[1:]]
    assert words == ["in 7 days", "in 90 minutes", "never"]
    a = entries(home)[b"lily_session_a"].deadline
    home.run("set", "a", "2")
    assert entries(home)[b"lily_session_a"].deadline == a
    home.run("set", "a", "2", "--expires", "never")
    assert entries(home)[b"lily_session_a"].deadline == 0
    for wrong in ["7", "d", "7x", "0s", "-1d", "99999999999999999999d"]:
        home.run("set", "a", "3", "--expires=" + wrong, code=64)
    assert entries(home)[b"lily_session_a"].text == b"2"


def test_S11_the_version_that_a_program_gave_stays(home):
    home.write(journal.Writer().set(b"lily_session_x", b"1", version=3).bytes())
    assert home.run("list").out.split()[-1] == "3"
    home.run("set", "x", "2")
    assert entries(home)[b"lily_session_x"] == (b"2", 0, 3)


def test_unset_removes_what_is_there_and_names_what_is_not(home):
    for key in "abc":
        home.run("set", key, "1")
    result = home.run("unset", "nope", "a", "none", code=1)
    assert "there is no key nope in" in result.err and "there is no key none in" in result.err and "no key a " not in result.err
    assert set(entries(home)) == {b"lily_session_b", b"lily_session_c"}
    home.run("unset", "b")
    assert set(entries(home)) == {b"lily_session_c"}


@pytest.mark.parametrize("is_damaged", [False, True])
@pytest.mark.parametrize("others", [[], ["theme"]])
def test_unset_erases_a_value_that_is_not_visible(home, is_damaged, others):
    """It has expired, or its line is damaged."""
    whole = journal.Writer().set(b"lily_session_token", b'"hunter-2"', deadline=0 if is_damaged else 1).set(b"lily_session_theme", b"1").bytes()
    home.write(whole.replace(b"lily_session_token", b"lily_session_tokem") if is_damaged else whole)
    assert "there is no key token" in home.run("unset", "token", *others, code=1).err
    assert b"hunter" not in b"".join(file.read_bytes() for file in home.store().parent.iterdir())
    assert set(entries(home)) == {b"lily_session_theme"} - {b"lily_session_" + key.encode() for key in others}


def test_S19_scopes(home):
    home.run("set", "theme", "1")
    for scope in ["user:42", "user:4"]:
        home.run("set", "theme", json.dumps(scope), "--scope", scope)
    home.run("set", "--all", "other", "1", "--scope", "user:4")
    assert home.run("get", "theme").out == "1\n"
    assert home.run("get", "theme", "--scope", "user:42").out == '"user:42"\n'
    assert home.run("scopes", "--json").json == [{"scope": "user:4", "keys": 2, "bytes": 32}, {"scope": "user:42", "keys": 1, "bytes": 27}]
    home.run("clear", "--yes", "--scope", "user:4")
    assert [line.split()[:2] for line in home.run("scopes").out.splitlines()] == [["SCOPE", "KEYS"], ["user:4", "1"], ["user:42", "1"]]
    assert home.run("get", "theme").out == "1\n"
    home.run("list", "--scope", "", code=64)
    home.run("list", "--scope", "x" * 65, code=64)


def test_S8_clear_without_a_terminal_wants_yes(home):
    home.run("set", "theme", "1")
    home.run("set", "--all", "other", "1")
    before = home.store().read_bytes()
    result = home.run("clear", code=64)
    assert home.store().read_bytes() == before and "--yes" in result.err
    home.run("clear", "--yes")
    assert set(entries(home)) == {b"other"}


def test_columns_line_up_with_wide_characters(home):
    for key, text in [("a", '"日本語"'), ("b", '"e\u0301"'), ("c", '"x"'), ("d", '"🌸"')]:
        home.run("set", key, text)
    # Each of the characters of a and d takes two columns, and the two code points of b take one.
    assert home.run("list").out.splitlines()[1:] == [
        'a    "日本語"  string  never    0', 'b    "e\u0301"       string  never    0', 'c    "x"       string  never    0',
        'd    "🌸"      string  never    0']


def test_where_a_store_is(home):
    assert home.run("where").out == f"{home.store()}\n"
    assert not home.store().parent.exists()
    assert home.run("where", environment={"XDG_STATE_HOME": "/x"}).out == "/x/shop/session.jsonl\n"
    assert home.run("where", environment={"LILY_SESSION_DIR": "/y", "XDG_STATE_HOME": "/x"}).out == "/y/shop/session.jsonl\n"
    assert home.run("where", app=None).out == f"{home.store('lily-session')}\n"
    assert home.run("where", "--store", "a.jsonl", app=None).out == f"{home.path}/a.jsonl\n"
    assert home.run("where", "--store", "/\u0301x", app=None).out == "/\u0301x\n"  # a mark makes one character with the slash
    assert home.run("where", "--json").json == {"path": str(home.store()), "exists": False}
    home.run("where", app="../x", code=64)
    home.run("where", "--store", "x", code=64)  # run() adds --app, which --store excludes


def test_a_store_that_is_not_there_is_not_made_by_looking(home):
    home.run("set", "theme", "1", app="cafe")
    for command in ["list", "get x", "unset x", "clear --yes", "info", "verify", "compact", "watch", "export", "scopes"]:
        assert "--app cafe" in home.run(*command.split(), code=1).err
    assert not home.store().parent.exists()
    elsewhere = {"LILY_SESSION_DIR": str(home.path / "\u0600")}  # this sign makes one character with the slash behind it
    home.run("set", "theme", "1", app="cafe", environment=elsewhere)
    assert "--app cafe" in home.run("list", code=1, environment=elsewhere).err
    assert "folder" in home.run("set", "a", "1", "--store", home.path / "no/x.jsonl", app=None, code=3).err


def test_info(home):
    home.run("set", "theme", '"dark"')
    home.run("set", "--all", "other", "1")
    home.run("set", "x", "1", "--scope", "s")
    info = home.run("info", "--json").json
    assert info["changed_ms"] == int(home.store().stat().st_mtime_ns / 1e6)
    del info["changed_ms"]
    assert info == {"path": str(home.store()), "keys": 1, "other_keys": 1, "scopes": 1, "layout": "one", "live_bytes": 18 + 6 + 5 + 1 + 3 + 14 + 1,
                    "file_bytes": home.store().stat().st_size, "damaged_lines": 0, "directory_is_open": False, "format": 1}


@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63)])
def test_info_of_a_file_from_another_age(home, seconds):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # tmpfs takes any time
        store = Path(folder, "x.jsonl")
        home.run("set", "theme", "1", "--store", store, app=None)
        os.utime(store, (0, seconds))
        assert home.run("info", "--json", "--store", store, app=None).json["keys"] == 1
        assert "changed" in home.run("info", "--store", store, app=None).out


# ------------------------------------------------------------------------------------------------ what is not guessed

@pytest.mark.parametrize("stored", ["41", "1.5", "true", "[1]", '{"a":1}'])
@pytest.mark.parametrize("word", ["forty", "01"])
def test_a_plain_word_does_not_change_the_type_of_what_is_stored(home, stored, word):
    home.run("set", "visits", stored)
    before = home.store().read_bytes()
    said = home.run("set", "visits", word, code=64).err
    assert "nothing was stored: visits has a" in said and f"""'"{word}"'""" in said and "--force" in said
    assert home.store().read_bytes() == before
    home.run("set", "visits", word, "--force")
    assert entries(home)[b"lily_session_visits"].text == f'"{word}"'.encode()
    home.run("set", "visits", word)  # in place of a string


def test_the_refusal_shows_no_secret(home):
    home.run("set", "pin", "1234")
    said = home.run("set", "pin", "hunter-2", code=64).err
    assert "pin has an integer" in said and "hunter" not in said


@pytest.mark.parametrize("old", ['"light"', "null"])
def test_a_plain_word_takes_the_place_of_a_string_and_of_nothing(home, old):
    home.run("set", "theme", old)
    home.run("set", "theme", "dark")
    home.run("set", "theme", "5")  # JSON says its type itself
    assert entries(home)[b"lily_session_theme"].text == b"5"


@pytest.mark.parametrize("key, words, reason", [
    ("", [], "a key is empty"), ("lily_session_", ["--all"], "a key is empty"), ("", ["--all"], "a key is empty"), ("k" * 769, [], "a key is too long"),
    ("k" * 1025, ["--all"], "a key is too long")])
def test_a_key_that_no_program_can_own_is_refused(home, key, words, reason):
    assert reason in home.run("set", key, "1", *words, code=64).err
    assert not home.store().exists()


def test_the_longest_keys_are_stored(home):
    home.run("set", "k" * 768, "1")
    home.run("set", "k" * 1024, "1", "--all")
    assert set(entries(home)) == {b"lily_session_" + b"k" * 768, b"k" * 1024}


def test_a_key_that_was_misspelled_is_found(home):
    for key in ["theme", "authToken", "visits"]:
        home.run("set", key, "1")
    home.run("set", "--all", "window", "1")
    for wrong, meant in [("tehme", "theme"), ("visit", "visits"), ("authtoken", "authToken")]:
        assert home.run("get", wrong, code=1).err.endswith(f"\n  Did you mean {meant}?\n")
    assert home.run("unset", "--all", "windwo", code=1).err.endswith("Did you mean window?\n")
    assert home.run("get", "nothing", code=1).err.endswith("lily-session list shows the keys.\n")


def test_a_key_that_has_expired_is_said_to_have(home):
    home.write(journal.Writer().set(b"lily_session_a", b"1", 1).bytes())
    assert home.run("get", "a", code=1).err == f"lily-session: there is no key a in {home.store()} any more: it has expired\n"


@pytest.mark.parametrize("value, text", [('"two\\nlines"', "two\nlines"), ('"\\u00e9\\ud83c\\udf38\\/"', "é🌸/"), ('""', ""), ("[1,2]", "[1,2]"), ("5", "5")])
def test_get_raw_prints_the_text_of_a_string(home, value, text):
    home.run("set", "x", value)
    assert home.run("get", "x", "--raw").out == text + "\n"
    home.run("get", "x", "--raw", "--json", code=64)


def test_get_raw_steers_no_terminal(home):
    home.run("set", "x", '"a\\u001b[31m\\nb"')
    assert home.terminal("get", "x", "--raw") == "a\\u001b[31m\nb\n"


def test_get_default_stands_in_for_what_is_not_there(home):
    assert home.run("get", "x", "--default", "fallback").out == "fallback\n"  # there is no store
    home.run("set", "y", "1")
    assert home.run("get", "x", "--default", "").out == "\n"
    assert home.run("get", "y", "--default", "2").out == "1\n"
    home.run("set", "token", "-", input=b'"hunter-2"')
    assert home.run("get", "token", "--default", "2", code=2).out == ""  # it is there, and secret
    home.run("get", "x", "--default", "2", "--json", code=64)
    home.store().write_text("no store\n")
    home.run("get", "x", "--default", "2", code=3)


@pytest.mark.parametrize("text, deadline", [
    ("2035-01-31", 2053814400), ("2035-01-31T18:30", 2053881000), ("2035-01-31 18:30:05", 2053881005), ("2035-01-31T18:30Z", 2053881000),
    ("2096-02-29", 3981312000)])
def test_an_expiry_may_be_a_date(home, text, deadline):
    home.run("set", "x", "1", "--expires", text)
    assert entries(home)[b"lily_session_x"].deadline == deadline * 1000
    assert home.run("list").out.splitlines()[1].split()[-2] == text[:10]


def test_a_date_is_one_of_the_users_time_zone(home):
    home.run("set", "x", "1", "--expires", "2035-07-31T18:30", environment={"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"})
    assert entries(home)[b"lily_session_x"].deadline == 2069512200_000  # 16:30 UTC, as it is summer


@pytest.mark.parametrize("wrong", ["2035-02-30", "2035-13-01", "2035-1-1", "2035-01-31T24:00", "2035-01-31T", "1999-01-01", "0000-01-01", "2035/01/31"])
def test_what_is_no_date_to_come_is_refused(home, wrong):
    home.run("set", "x", "1", "--expires", wrong, code=64)
    assert not home.store().exists() or not entries(home)


def test_what_expires_far_from_now_is_shown_with_its_date(home):
    home.write(journal.Writer().set(b"lily_session_a", b"1", 2**63 - 1).set(b"lily_session_b", b"1", 253_402_214_399_000).bytes())
    assert [re.split("  +", line)[3] for line in home.run("list").out.splitlines()[1:]] == ["after 9999", "9999-12-30"]
