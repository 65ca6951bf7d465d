"""Tests that an export has everything in a store, and that an import into an empty place makes the same store."""
import json
import random
import subprocess

import journal
import pytest

import scopefiles
from conftest import TOOL

LATEST = 2**63 - 1
VALUES = ["null", "true", "-0", "1.50", "12345678901234567890", "1.5E-7", '""', '"é\\u0001\\ud83c\\udf38"', '"\\u202e\u202e"', "[]", "{}", '{"a":[1,{"b":null}],"Ä":""}',
          "[" * 500 + "]" * 500, '"' + "x" * 70_000 + '"']
NAMES = ["theme", "authToken", "", "a b", "ключ", "\x1b[31m", 'quo"te\\', "map/" + "i" * 500, "\U0001f338", "e\u0301", "\u00e9"]
SCOPES = ["user:42", "user:4", "user:420", "Ä", "e\u0301", "\u00e9", "\x01" * 64, 'a"b\\c/d', "..", ".hidden", "CON", " ", "x" * 64]


def generated(seed):
    """Returns {scope: {key: Entry}} with everything that a store may have. The scope b"" is the store itself."""
    numbers = random.Random(seed)

    def part(count):
        keys = ["lily_session_" + name for name in NAMES] + [name for name in NAMES if name] + ["lily_session_" + "k" * 1011, "w" * 1024]
        return {key.encode(): journal.Entry(numbers.choice(VALUES).encode(), numbers.choice([0, 0, 4_000_000_000_000, LATEST]), numbers.choice([0, 0, 1, 2**32 - 1]))
                for key in numbers.sample(keys, count)}
    return {b"": part(20), **{scope.encode(): part(numbers.randrange(1, 6)) for scope in SCOPES}}


def write(home, parts, layout):
    """Writes the store with the second writer, and what has expired beside what has not."""
    def writer(entries, prefix=b"", whole=None):
        whole = whole or journal.Writer()
        for key, (text, deadline, version) in entries.items():
            whole.set(prefix + key, text, deadline, version)
        return whole.set(prefix + b"lily_session_expired", b'"gone"', 1)

    whole = writer(parts[b""])
    for scope, entries in parts.items():
        if scope and layout == "one":
            writer(entries, b"\0" + scope + b"\0", whole)
    store = home.write(whole.set(b"\0all expired\0lily_session_a", b"1", 1).bytes())
    if layout == "files":
        scopefiles.make(store, {scope: writer(entries).bytes() for scope, entries in parts.items() if scope})


@pytest.mark.parametrize("layout", ["one", "files"])
def test_a_back_up_that_is_restored_is_the_same_store(home, layout):
    parts = generated(layout)
    write(home, parts, layout)
    home.run("export", "-o", "backup.json")
    dump = (home.path / "backup.json").read_bytes()
    assert home.run("export").bytes == dump and json.loads(dump)
    said = home.run("import", "backup.json", app="other").err
    count = len(parts[b""])
    assert said == f"imported {count} keys, and {sum(map(len, parts.values())) - count} keys in {len(SCOPES)} scopes, into {home.store('other')}\n"
    assert scopefiles.inside(home.store("other")) == parts
    # The order of the entries and their bytes are the same, too, and once more from where the scopes are files.
    assert home.run("export", app="other").bytes == dump
    assert not home.run("diff", home.store(), home.store("other"), app=None).out
    home.run("scopes", "--to-files", app="other")
    home.store("third").with_name("session.jsonl.d").mkdir(mode=0o700, parents=True)
    home.run("import", app="third", input=home.run("export", app="other").bytes)
    assert scopefiles.in_files(home.store("third")) == {scope: entries for scope, entries in parts.items() if scope}
    assert scopefiles.inside(home.store("third")) == {b"": parts[b""]}


@pytest.fixture
def scoped(home):
    """A store with a key of its own and two scopes."""
    home.run("set", "theme", '"dark"')
    home.run("set", "theme", '"blue"', "--scope", "user:42")
    home.run("set", "visits", "3", "--scope", "user:7")
    return home


def taken(home, app="other"):
    return {scope.decode(): {key.decode().removeprefix("lily_session_"): entry.text.decode() for key, entry in entries.items()}
            for scope, entries in scopefiles.inside(home.store(app)).items()}


@pytest.mark.parametrize("out, into, expected", [
    ([], [], {"": {"theme": '"dark"'}, "user:42": {"theme": '"blue"'}, "user:7": {"visits": "3"}}),
    (["--scopes"], ["--scopes"], {"": {"theme": '"dark"'}, "user:42": {"theme": '"blue"'}, "user:7": {"visits": "3"}}),
    (["--no-scopes"], [], {"": {"theme": '"dark"'}}), ([], ["--no-scopes"], {"": {"theme": '"dark"'}}),
    (["--scope", "user:42"], [], {"": {"theme": '"blue"'}}), (["--scope", "user:42"], ["--scope", "x"], {"x": {"theme": '"blue"'}}),
    ([], ["--scope", "user:42"], {"user:42": {"theme": '"blue"'}}), (["--no-scopes"], ["--scope", "x"], {"x": {"theme": '"dark"'}})])
def test_which_scopes_are_exported_and_imported(scoped, out, into, expected):
    scoped.run("import", *into, app="other", input=scoped.run("export", *out).bytes)
    assert taken(scoped) == expected


def test_an_import_of_a_scope_that_is_not_there_stores_nothing(scoped):
    said = scoped.run("import", "--scope", "user:4", app="other", input=scoped.run("export").bytes, code=1).err
    assert "none of the name user:4\n" in said and not scoped.store("other").exists()


def test_a_browser_has_no_scopes_and_an_export_for_it_says_so(scoped):
    result = scoped.run("export", "--browser", code=2)
    assert result.json == {"lily_session_theme": '"dark"'} and "left out 2 scopes: a browser has none" in result.err
    assert scoped.run("export", "--browser", "--no-scopes").json == result.json
    assert scoped.run("export", "--browser", "--scope", "user:42").json == {"lily_session_theme": '"blue"'}
    scoped.run("set", "--all", "other", "1")
    assert "1 key outside the prefix lily_session_ is not in the output" in scoped.run("export", "--browser", "--no-scopes").err
    assert scoped.run("export", "--browser", "--no-scopes", "--all").json == {"lily_session_theme": '"dark"', "other": "1"}


def test_what_cannot_be_exported_is_named(home):
    write(home, {b"": {b"a": journal.Entry(b"1")}, b"whole": {b"a": journal.Entry(b"1")}, b"broken": {b"a": journal.Entry(b"1")},
                 b"damaged": {b"a": journal.Entry(b"1"), b"b": journal.Entry(b"2")}}, "files")
    scopefiles.file_of(home.store(), b"broken").write_bytes(b"hello\n" * 100)
    damaged = scopefiles.file_of(home.store(), b"damaged")
    damaged.write_bytes(damaged.read_bytes().replace(b'"a",1', b'"a",7'))
    result = home.run("export", "-o", "backup.json", code=2)
    assert f"damaged lines were skipped, and are not in the output: {damaged}\n" in result.err and "left out because it cannot be used: broken (" in result.err
    assert [(row.get("scope"), row["key"]) for row in json.loads((home.path / "backup.json").read_text())] == [
        (None, "a"), ("damaged", "b"), ("whole", "a")]


def test_a_move_that_was_interrupted_is_completed_first(scoped):
    scoped.store().with_name("session.jsonl.d").mkdir(mode=0o700)
    scopefiles.make(scoped.store(), {b"user:42": journal.Writer().set(b"a", b"1").bytes()})
    assert "--to-files or --to-one completes the move" in scoped.run("export", code=3).err
    assert scoped.run("export", "--no-scopes").json == [{"key": "lily_session_theme", "value": "dark"}]


@pytest.mark.parametrize("scope", ["", "x" * 65, "a\\u0000b"])
def test_a_name_that_no_scope_can_have_is_left_out(home, scope):
    dump = '[{"scope":"%s","key":"a","value":1},{"key":"b","value":2}]' % scope
    assert "a scope's name has 1 to 64 bytes" in home.run("import", input=dump.encode(), code=2).err
    assert taken(home, "shop") == {"": {"b": "2"}}


@pytest.mark.parametrize("scope", ["1", "null", '["a"]', '"\\ud800"'])
def test_an_entry_of_an_unknown_scope_is_not_one_of_the_store_itself(home, scope):
    assert "nothing was imported" in home.run("import", input=b'[{"scope":%s,"key":"a","value":1}]' % scope.encode(), code=64).err
    assert not home.store().exists()


def test_the_list_of_what_was_left_out_has_an_end(home):
    dump = [{"key": f"lily_session_token{number}", "value": 1} for number in range(250)] + [{"key": f"k{number}", "value": 1, "masked": True} for number in range(250)]
    said = home.run("import", input=json.dumps(dump).encode(), code=2).err
    assert said.count("left out k") == 100 and "left out 150 more\n" in said
    assert said.count("\n") < 110
    said = home.run("export").err
    assert "lily_session_token0" not in said and "token0, token1, " in said and said.endswith(" and 230 more\n")
    assert home.terminal("export", code=2).count("token") == 20


def test_secrets_of_scopes_are_named_with_the_scope(scoped):
    scoped.run("set", "token", "-", "--scope", "user:42", input=b'"hunter-2"')
    assert "values that look secret: token of user:42\n" in scoped.run("export").err
    shown = scoped.terminal("export", code=2)
    assert "hunter" not in shown and "left out because they look secret: token of user:42" in shown


def test_an_import_that_fails_says_what_it_has_stored(scoped):
    """A limit of file sizes stands for a full disk."""
    scoped.run("set", "big", "-", "--scope", "user:9", input=json.dumps("x" * 300_000).encode())
    dump = scoped.run("export").bytes
    done = subprocess.run(["bash", "-c", 'ulimit -f 200; trap "" XFSZ; exec "$0" import --app other', TOOL], env=scoped.environment, input=dump,
                          capture_output=True)
    assert done.returncode == 3 and b"3 keys were imported before this" in done.stderr, done
    scoped.run("import", app="other", input=dump)
    assert taken(scoped)["user:9"]["big"] == json.dumps("x" * 300_000)


def test_a_store_with_nothing_but_scopes_says_so(home):
    home.run("set", "theme", '"blue"', "--scope", "user:42")
    said = home.run("list").err
    assert said == f"there are no such keys in {home.store()}; it has 1 scope, which lily-session scopes lists, and --scope NAME shows the keys of one\n"
    assert "scope" not in home.run("list", "--scope", "user:1").err
