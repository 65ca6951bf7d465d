"""Tests scopes at both places: inside the store's file, and in files of their own."""
import os
import pathlib
import random
import re
import subprocess
import tempfile
import time

import journal
import pytest

import scopefiles
from conftest import PATIENCE, TOOL
from test_completion import HOSTILE, OFFERABLE, PLAIN, offered

LONG = os.environ.get("LILY_SESSION_LONG") == "1"
LATER = int(time.time() * 1000) + 10**9


def writer(*texts, deadline=0):
    """Returns a journal with a key for each text."""
    whole = journal.Writer()
    for number, text in enumerate(texts):
        whole.set(b"lily_session_k%d" % number, text, deadline)
    return whole


def with_files(home, scopes, own=b"1"):
    """Makes a store whose scopes are files, and returns its path."""
    store = home.write(writer(own).bytes())
    store.with_name("session.jsonl.d").mkdir(mode=0o700, exist_ok=True)
    scopefiles.make(store, scopes)
    return store


def files(store):
    return {path: path.read_bytes() for path in store.parent.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------ every command

@pytest.fixture(params=["one", "files"])
def layout(request, home):
    """Makes a store of each kind, and returns the path of the file that has the entries of the scope user:42."""
    store = home.write(writer(b"1").bytes())
    if request.param == "files":
        store.with_name("session.jsonl.d").mkdir(mode=0o700)
        return scopefiles.file_of(store, b"user:42")
    return store


def test_every_command_finds_the_scope(home, layout):
    in_scope = ["--scope", "user:42"]
    assert home.run("list", *in_scope).err == f"there are no such keys in {layout}\n"
    assert home.run("where", *in_scope).out == f"{layout}\n"
    home.run("set", "theme", '"blue"', "--expires", "7d", *in_scope)
    home.run("set", "pin", "7", *in_scope)
    assert home.run("get", "theme", *in_scope).out == '"blue"\n'
    assert home.run("get", "theme", code=1).err.startswith("lily-session: there is no key theme in ")
    assert [row["key"] for row in home.run("list", "--json", *in_scope).json] == ["lily_session_pin", "lily_session_theme"]
    assert b"blue" in layout.read_bytes()
    home.run("unset", "theme", *in_scope)
    assert b"blue" not in layout.read_bytes()  # what is removed leaves the file
    dump = home.run("export", *in_scope).out
    home.run("clear", "--yes", *in_scope)
    assert home.run("list", "--json", *in_scope).json == []
    home.run("import", *in_scope, input=dump.encode())
    assert home.run("get", "pin", "--show-secrets", *in_scope).out == "7\n"
    home.run("compact", *in_scope)
    assert "No damage." in home.run("verify", *in_scope).out
    info = home.run("info", "--json", *in_scope).json
    assert (info["path"], info["keys"]) == (str(layout), 1)
    assert home.run("list", "--json").json == [{"key": "lily_session_k0", "value": 1}]  # the store itself has not changed


class Watching:
    """A watch that runs while the test goes on."""

    def __init__(self, home, *words, environment={}):
        self.log = home.path / "watch.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen([TOOL, "watch", "--app", "shop", "--json", *words], stdout=out, stderr=out,
                                            env=home.environment | environment)
        self.until("watching ")

    def until(self, text):
        for _ in range(PATIENCE * 500):
            if text in self.log.read_text():
                return
            time.sleep(0.002)
        raise AssertionError(f"{text} does not come after {self.log.read_text()}")

    def end(self):
        self.process.kill()
        self.process.wait()


def test_a_watch_sees_the_scope_before_it_has_a_file(home, layout):
    watch = Watching(home, "--scope", "user:42")
    try:
        home.run("set", "a", "1", "--scope", "user:42")
        watch.until('"event":"set"')
        home.run("unset", "a", "--scope", "user:42")
        watch.until('"event":"removed"')
    finally:
        watch.end()


def test_a_watch_misses_no_change_that_comes_while_it_reads(home):
    """Pairs of changes come so soon after each other that the watch reads the first one while the second is made."""
    writer, random_numbers = journal.Writer(), random.Random(7)
    store = home.write(writer.set(b"lily_session_a", b"0").bytes())
    watch = Watching(home)
    try:
        with store.open("ab", buffering=0) as file:
            for number in range(1, 2001 if LONG else 601, 2):
                for text in (number, number + 1):
                    file.write(writer.set(b"lily_session_a", b"%d" % text).lines[-1])
                    end = time.perf_counter_ns() + random_numbers.randrange(1_000_000)
                    while time.perf_counter_ns() < end:
                        pass
                watch.until(f'"value":{number + 1}}}')
    finally:
        watch.end()


def test_an_export_does_not_replace_the_store_or_the_scopes_file(home, layout):
    home.run("set", "a", "1", "--scope", "user:42")
    before = files(home.store())
    for path in {home.store(), layout}:
        assert "it is the store itself" in home.run("export", "--scope", "user:42", "-o", path, code=64).err
    assert files(home.store()) == before


def test_nothing_is_made_by_looking_or_removing(home):
    store = with_files(home, {})
    before = set(store.parent.rglob("*"))
    for words in [["list"], ["info"], ["verify"], ["export"], ["where"]]:
        home.run(*words, "--scope", "nobody")
    home.run("get", "a", "--scope", "nobody", code=1)
    home.run("unset", "a", "--scope", "nobody", code=1)
    assert "there is no scope of this name" in home.run("compact", "--scope", "nobody", code=1).err
    for words in [["scopes"], ["scopes", "--json"], ["info"], ["verify"], ["sweep"]]:
        home.run(*words)
    assert set(store.parent.rglob("*")) == before
    home.run("clear", "--yes", "--scope", "nobody")  # a program that has the scope open is told by the count of clears
    assert {path.name for path in set(store.parent.rglob("*")) - before if path.is_file()} == {"cleared"}


# ------------------------------------------------------------------------------------------------ the list

SCOPES = {b"user:42": [b"1", b"22"], "Ärger".encode(): [b"1"], b"B": [b"1"], b"a": [b"1"]}


def test_the_list_is_the_same_at_both_places_but_for_the_ages(home):
    whole = journal.Writer()
    for name, texts in SCOPES.items():
        for number, text in enumerate(texts):
            whole.set(b"\0" + name + b"\0lily_session_k%d" % number, text)
    home.write(whole.set(b"\0over\0x", b"1", 1).bytes())
    one = home.run("scopes", "--json").json
    assert [row["scope"].encode() for row in one] == sorted(SCOPES)
    assert one[2] == {"scope": "user:42", "keys": 2, "bytes": 33}
    table = home.run("scopes")
    assert re.search(r"^SCOPE +KEYS +SIZE\nB +1 +16 bytes$", table.out, re.M) and not table.err
    store = with_files(home, {name: writer(*texts).bytes() for name, texts in SCOPES.items()} | {b"over": writer(b"1", deadline=1).bytes()})
    for number, (name, age) in enumerate(zip(sorted(SCOPES), [0, 200, 7200, 86400 * 9])):
        os.utime(scopefiles.file_of(store, name), ns=(0, time.time_ns() - age * 10**9))
        one[number]["written_ms"] = scopefiles.file_of(store, name).stat().st_mtime_ns // 10**6
    assert home.run("scopes", "--json").json == one
    table = home.run("scopes")
    assert [line.split("  ")[-1].strip() for line in table.out.splitlines()] == ["WRITTEN", "just now", "3 minutes ago", "2 hours ago", "9 days ago"]
    assert table.err == "1 scope has nothing left; lily-session sweep removes them\n"


@pytest.mark.parametrize("seconds, age", [(2**63 - 1, "just now"), (-(2**63), "over a century ago")])
def test_any_time_of_a_file_can_be_shown(home, seconds, age):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # tmpfs takes any time
        store = pathlib.Path(folder, "x.jsonl")
        store.write_bytes(writer(b"1").bytes())
        scopefiles.make(store, {b"a": writer(b"1").bytes()})
        os.utime(scopefiles.file_of(store, b"a"), (0, seconds))
        assert home.run("scopes", "--store", store, app=None).out.endswith(age + "\n")
        assert home.run("scopes", "--json", "--store", store, app=None).json[0]["keys"] == 1


def test_a_list_of_very_many_scopes_needs_no_memory_for_what_is_in_them(home):
    def memory(words):  # KiB
        code = f"import resource, subprocess; subprocess.run({[str(TOOL), *words, '--app', 'shop']}, check=True, stdout=subprocess.DEVNULL);" \
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        return int(subprocess.run(["python3", "-c", code], env=home.environment, check=True, capture_output=True, timeout=PATIENCE).stdout)

    data = writer(b'"' + b"x" * 100_000 + b'"').bytes()
    for words in [["scopes"], ["verify"]]:
        with_files(home, {b"user:0": data})
        least = memory(words)
        with_files(home, {b"user:%d" % number: data for number in range(200)})  # 20 MB
        assert memory(words) < least + 5000, words
    assert home.run("scopes").out.count("user:") == 200


def test_a_file_that_cannot_be_used_is_counted(home):
    with_files(home, {b"a": writer(b"1").bytes(), b"b": b"junk\n" * 99})
    done = home.run("scopes", code=2)
    assert done.out.split()[4] == "a" and "1 file or folder of scopes cannot be used" in done.err and "verify" in done.err
    assert home.run("scopes", "--json", code=2).json[0]["scope"] == "a"


def test_a_hostile_name_does_not_steer_the_terminal(home):
    with_files(home, {b"\x1b[31mred": writer(b"1").bytes(), "‮".encode(): writer(b"1").bytes()})
    shown = home.terminal("scopes", environment={"NO_COLOR": "1"})
    assert "\\u001b[31mred" in shown and "\\u202e" in shown and "\x1b" not in shown


# ------------------------------------------------------------------------------------------------ sweep

def test_a_sweep_removes_what_is_over_and_nothing_else(home):
    over, living = writer(b"1", deadline=1).bytes(), writer(b"1", deadline=LATER).bytes()
    damaged = over.replace(b'"set"', b'"sex"', 1)
    store = with_files(home, {b"living": living, b"damaged": damaged, b"junk": b"junk\n" * 99, b"cleared": journal.Writer().clear().bytes()}
                       | {b"over%d" % number: over for number in range(5)})
    first = home.run("sweep", "--json", "--limit", "2").json["removed"]  # it looks at two files, of which it may have to leave both
    assert first <= 2
    assert home.run("sweep", "--json", "--limit", "9").json == {"removed": 6 - first}
    assert home.run("sweep").out == "removed 0 scopes\n"
    left = {scopefiles.name_of(path) for path in store.parent.rglob("*.jsonl") if path != store}
    assert left == {b"living", b"damaged", b"junk"}


def test_a_sweep_of_scopes_inside_the_file(home):
    whole = writer(b"1").set(b"\0a\0x", b'"gone"', 1).set(b"\0b\0x", b"1").set(b"\0c\0x", b"2", 1)
    store = home.write(whole.bytes())
    before = store.read_bytes()
    assert home.run("sweep", "--limit", "1").out == "removed 1 scope\n"
    store.write_bytes(before)
    assert [home.run("sweep").out for _ in range(2)] == ["removed 2 scopes\n", "removed 0 scopes\n"]
    assert b"gone" not in store.read_bytes() and set(scopefiles.inside(store)) == {b"", b"b"}


# ------------------------------------------------------------------------------------------------ verify

def test_verify_names_everything_that_is_wrong_with_the_files(home):
    sound = writer(b"1").bytes()
    store = with_files(home, {b"a": sound, b"bad": sound.replace(b'"set"', b'"sex"', 1), b"junk": b"junk\n" * 99, b"second": sound})
    folder = store.with_name("session.jsonl.d")
    place = scopefiles.file_of(store, b"a").parent
    wrong = folder / ("00" if place.name != "00" else "01")
    wrong.mkdir()
    os.link(scopefiles.file_of(store, b"second"), home.path / "second")
    (place / "a.jsonl.damaged").write_text("")  # its journal is there
    (place / "a.jsonl.00112233.tmp").write_text("")
    (place / "cleared").write_text("0000000000000001\n")
    things = {
        "damaged": [scopefiles.file_of(store, b"bad")], "unusable": [scopefiles.file_of(store, b"junk"), scopefiles.file_of(store, b"second")],
        "misplaced": [wrong / "a.jsonl"],
        "leftover": [wrong / f"{scopefiles.file_of(store, b'gone').name}.x", wrong / "y"],
        "foreign": [folder / "notes", folder / "0", folder / "AA", place / "notes", place / "A.jsonl", place / "sub.jsonl", place / "fifo.jsonl", wrong / "cleared"],
        "link": [folder / "ff", place / "link.jsonl"]}
    gone = scopefiles.file_of(store, b"gone")
    gone.parent.mkdir(exist_ok=True)
    things["leftover"] = [gone.with_name(gone.name + end) for end in [".damaged", ".replacement", ".0123abcd.tmp"]]
    for path in things["misplaced"] + things["leftover"] + things["foreign"][:1] + things["foreign"][3:5]:
        path.write_bytes(sound)
    for path in things["foreign"][1:3] + [things["foreign"][5]]:
        path.mkdir()
    os.mkfifo(things["foreign"][6])
    things["foreign"][7].mkdir()
    if things["link"][0].exists():
        things["link"].pop(0)
    else:
        things["link"][0].symlink_to(place)
    things["link"][-1].symlink_to(store)
    before = files(home.store())
    report = home.run("verify", "--json", code=2).json
    found = {(finding["kind"], finding["path"]) for finding in report["scope_findings"]}
    assert found == {(kind, str(path)) for kind, paths in things.items() for path in paths}
    assert report["damaged"] == 0 and report["scope_files"] == 4
    assert {finding["scope"] for finding in report["scope_findings"] if "scope" in finding} == {"bad", "junk", "second"}
    text = home.run("verify", code=2).out
    for paths in things.values():
        for path in paths:
            assert f"{path}  " in text
    assert f"{len(found)} things are wrong there." in text and "4 files of scopes" in text
    assert files(home.store()) == before
    # What is damaged is shown and repaired by the scope's name.
    assert "skipped" in home.run("verify", "--scope", "bad", code=2).out
    home.run("compact", "--repair", "--scope", "bad")
    assert "damaged" not in {finding["kind"] for finding in home.run("verify", "--json", code=2).json["scope_findings"]}


@pytest.mark.parametrize("kind", ["link", "foreign"])
def test_verify_does_not_follow_what_is_in_the_folders_place(home, kind):
    store = with_files(home, {b"a": writer(b"1").bytes()})
    folder = store.with_name("session.jsonl.d")
    folder.rename(home.path / "elsewhere")
    folder.symlink_to(home.path / "elsewhere") if kind == "link" else folder.write_text("")
    assert [(f["kind"], f["path"]) for f in home.run("verify", "--json", code=2).json["scope_findings"]] == [(kind, str(folder))]
    assert "symbolic link" in home.run("list", "--scope", "a", code=3).err
    home.run("scopes", code=2 if kind == "link" else 0)


def test_a_store_whose_files_are_sound_has_no_damage(home):
    with_files(home, {name: writer(*texts).bytes() for name, texts in SCOPES.items()})
    assert home.run("verify").out.count("No damage.\n") == 2
    report = home.run("verify", "--json").json
    assert (report["scope_files"], report["scope_findings"]) == (4, [])


# ------------------------------------------------------------------------------------------------ both, and neither

def test_a_store_with_scopes_at_both_places_is_not_used_until_the_move_is_complete(home):
    store = home.write(writer(b"1").set(b"\0inner\0lily_session_x", b"1").bytes())
    scopefiles.make(store, {b"outer": writer(b"1").bytes()})
    assert home.run("list", "--json").json
    for words in [["list", "--scope", "inner"], ["list", "--scope", "outer"], ["set", "a", "1", "--scope", "new"], ["sweep"]]:
        assert "scopes --to-files" in home.run(*words, code=3).err
    listed = home.run("scopes")
    assert "inner" in listed.out and "outer" in listed.out and "completes the move" in listed.err
    assert home.run("info", "--json").json["layout"] == "both" and "completes the move" in home.run("info").out
    assert [finding["kind"] for finding in home.run("verify", "--json", code=2).json["scope_findings"]] == ["inner"]
    home.run("scopes", "--to-files")
    assert {row["scope"] for row in home.run("scopes", "--json").json} == {"inner", "outer"}
    info = home.run("info", "--json").json
    assert (info["layout"], info["scopes"]) == ("files", 2)


@pytest.mark.parametrize("words, reason", [
    ("scopes --to-files --to-one", "opposites"), ("scopes --scope a", "leave out --scope"), ("scopes --to-one --scope a", "leave out --scope"),
    ("scopes --to-one --json", "--json is for the list"), ("sweep --limit 0", "1 or more"), ("sweep --limit=-1", "1 or more"), ("sweep --limit x", "limit"),
    ("sweep --scope a", "leave out --scope"), ("list --scope ", "a scope's name has 1 to 64 bytes"), ("where --scope ", "a scope's name has 1 to 64 bytes"),
    (f"set x 1 --scope {'x' * 65}", "a scope's name has 1 to 64 bytes")])
def test_bad_input_is_refused_with_a_reason(home, words, reason):
    store = with_files(home, {b"a": writer(b"1").bytes()})
    before = files(store)
    assert reason in home.run(*words.split(" "), code=64).err
    assert files(store) == before


@pytest.mark.parametrize("words", ["scopes", "scopes --to-files", "scopes --to-one", "sweep"])
def test_there_has_to_be_a_store(home, words):
    assert "there is no store at" in home.run(*words.split(), code=1).err
    assert not home.store().parent.exists()


# ------------------------------------------------------------------------------------------------ completion

def test_scopes_in_files_are_offered_if_their_names_are_plain(home):
    names = [name for name in HOSTILE + PLAIN if name]
    store = with_files(home, {name.encode(): b"" for name in names})
    (store.with_name("session.jsonl.d") / "00").mkdir(exist_ok=True)
    (store.with_name("session.jsonl.d") / "00" / "$(touch PWNED).jsonl").write_text("")
    found = offered(home, "list", "--app", "shop", "--scope", "")
    assert sorted(found) == sorted(name for name in names if OFFERABLE.fullmatch(name)) and set(found) >= set(PLAIN)
    assert set(offered(home, "scopes", "--app", "shop", "--to")) == {"--to-files", "--to-one"}
    assert offered(home, "sweep", "--li") == ["--limit"] and offered(home, "sweep", "--limit", "") == []
    assert not list(home.path.rglob("PWNED"))
