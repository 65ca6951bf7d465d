"""Tests export and import, in the command's own form and in that of a browser. The files in browser/ come from a real one."""
import json
import os
import pathlib
import signal
import subprocess

import journal
import pytest

from conftest import ROOT, TOOL

MADE = pathlib.Path(__file__).parent / "browser"


def entries(home, app="shop"):
    return journal.read(home.store(app).read_bytes()).entries


def fill(home):
    whole = journal.Writer().set(b"lily_session_theme", b'"dark"').set(b"lily_session_token", b'"\xc3\xa9\\u0001"', 4_000_000_000_000, 3)
    home.write(whole.set(b"other", b"1.50").set('lily_session_日"\\'.encode(), '{"b":[1,2],"a":"日"}'.encode()).bytes())


def test_what_is_exported_is_imported(home):
    fill(home)
    result = home.run("export", "--all")
    assert json.loads(result.out)[1] == {"key": "lily_session_token", "value": "é\u0001", "expires_at_ms": 4_000_000_000_000, "version": 3}
    assert "lily_session_token" in result.err  # it warns that a secret is in the export
    home.run("import", "--all", input=result.bytes, app="other")
    assert entries(home, "other") == entries(home)
    assert len(journal.read(home.store("other").read_bytes()).operations) == 1  # it is written in one step
    # An import into an existing store replaces the same keys; other keys stay.
    home.run("set", "theme", "1", app="other")
    home.run("set", "mine", "1", app="other")
    home.run("import", input=result.bytes, app="other")
    assert {**entries(home), b"lily_session_mine": (b"1", 0, 0)} == entries(home, "other")


def test_the_browsers_form_goes_there_and_back(home):
    fill(home)
    dump = home.run("export", "--browser")
    assert json.loads(dump.out) == {"lily_session_theme": '"dark"', "lily_session_token": '"é\\u0001"',
                                    'lily_session_日"\\': '{"b":[1,2],"a":"日"}'}
    home.run("import", input=dump.bytes, app="other")
    assert {key: entry.text for key, entry in entries(home, "other").items()} == {
        key: entry.text for key, entry in entries(home).items() if key != b"other"}


def test_what_a_store_does_not_take_is_named_and_left_out(home):
    dump = {"lily_session_a": "1", "lily_session_b": "hello", "lily_session_c": "", "lily_session_d": "NaN", "lily_session_e": "[1,]",
            "lily_session_f": "\ud800", "lily_session_g\ud800": "1", "lily_session_" + "x" * 1024: "1", "seen": "1"}
    result = home.run("import", input=json.dumps(dump).encode(), code=2)
    assert set(entries(home)) == {b"lily_session_a"}
    for key in "bcdef":
        assert f"left out {key}: " in result.err
    assert result.err.count("left out") == 7 and "1 key outside the prefix" in result.err
    home.run("import", "--all", input=b'{"seen":"1"}')
    assert b"seen" in entries(home)


def test_the_last_of_one_name_counts_and_space_is_taken_away(home):
    home.run("import", input=b' { "lily_session_a" : "1" , "lily_session_a": "[1, \\"a b\\"]" }\n')
    assert entries(home)[b"lily_session_a"].text == b'[1,"a b"]'


@pytest.mark.parametrize("wrong", [
    b"", b"1", b'"x"', b"{", b"[", b'{"a"}', b'{"a":1}', b'{"a":"1"', b'{"a":"1",}', b'{"a":"1"}x', b'{"a":{}}', b"[1]", b'[{"value":1}]',
    b'[{"key":"a","value":1,"expires_at_ms":-1}]', b'[{"key":"a","value":1,"version":4294967296}]', b'{"a":"\\"}', b'{"a" "1"}', b"\xff\xfe{"])
def test_what_is_no_export_changes_nothing(home, wrong):
    result = home.run("import", "--all", input=wrong, code=64)
    assert "nothing was imported" in result.err and not home.store().exists()


@pytest.mark.skipif(os.environ.get("LILY_SESSION_LONG") != "1", reason="it takes a minute, and runs in make check")
def test_escapes_count_in_a_line(home):
    """Each key is written with the scope's name, of which every byte takes six here, and a line has an end."""
    dump = {f"lily_session_{number}": "1" for number in range(170_000)}
    home.run("import", "--scope", "\x01" * 64, input=json.dumps(dump).encode())
    assert len(entries(home)) == len(dump)


def test_a_character_without_end(home):
    """Swift takes very long to compare a letter that has very many marks, as a name in somebody's file may have."""
    name = "e" + "\u0301\u0323" * 2**16
    value = json.dumps({name: 1}, ensure_ascii=False, separators=(",", ":"))
    home.write(journal.Writer().set(b"lily_session_a", value.encode()).bytes())
    assert home.run("get", "a").out == value + "\n"
    assert value in home.run("list", "--json").out
    for dump in ({"lily_session_" + name: "1", "lily_session_b": "1"}, [{"key": "lily_session_" + name, name: 1, "value": 1}]):
        assert "left out e" in home.run("import", input=json.dumps(dump, ensure_ascii=False).encode(), code=2).err
    assert set(entries(home)) == {b"lily_session_a", b"lily_session_b"}


@pytest.mark.parametrize("words", [
    ("list", "--store", b"\xff"), ("set", "a", "1", "--store", b"\xff"), ("export", "-o", b"\xff"), ("import", b"\xff"), ("set", b"\xff", "1"),
    ("set", "a", b"\xff")])
def test_what_is_not_text_names_no_other_file(home, words):
    """\xff must not become the character that stands for what cannot be read."""
    home.run("set", "a", "1", app="shop")
    (home.path / "\ufffd").write_text("{}")
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    command = [str(TOOL), *words]
    done = subprocess.run(command, capture_output=True, env=home.environment, cwd=home.path)
    assert (done.returncode, done.stdout) == (64, b"") and b"is not UTF-8" in done.stderr
    assert {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()} == before


def test_a_file_that_is_not_there(home):
    assert "nope.json" in home.run("import", "nope.json", code=1).err


# ------------------------------------------------------------------------------------------------ the file of an export

@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
@pytest.mark.parametrize("before", [None, 0o644, 0o400])
def test_an_exported_file_is_its_users_alone(home, umask, before):
    fill(home)
    file = home.path / "backup.json"
    if before:
        file.write_text("old")
        file.chmod(before)
        inode, other = file.stat().st_ino, home.path / "other"
        os.link(file, other)
    restored = os.umask(umask)
    try:
        result = home.run("export", "--all", "-o", file)
    finally:
        os.umask(restored)
    assert file.stat().st_mode & 0o7777 == 0o600 and result.out == "" and "token" in result.err
    assert file.read_bytes() == home.run("export", "--all").bytes
    # A program that has the old file open, or a second name of it, does not show the new export.
    assert not before or (file.stat().st_ino != inode and other.read_text() == "old")
    assert {path.name for path in home.path.iterdir()} <= {"backup.json", "other", ".local"}
    home.run("import", "--all", file, app="other")
    assert entries(home, "other") == entries(home)


def test_on_a_terminal_a_file_has_all_of_it_byte_for_byte(home):
    home.write(journal.Writer().set(b"lily_session_token", '"\u202e"'.encode()).bytes())
    home.terminal("export", "--output", "backup.json")
    assert json.loads((home.path / "backup.json").read_text()) == [{"key": "lily_session_token", "value": "\u202e"}]
    assert "\u202e" in (home.path / "backup.json").read_text()
    assert home.run("export", "-o", "-").out == home.run("export").out
    home.run("export", "--browser", "-o", "page.json")
    assert json.loads((home.path / "page.json").read_text()) == {"lily_session_token": '"\u202e"'}


def test_an_export_follows_no_link_and_fills_no_pipe(home):
    fill(home)
    target = home.path / "target"
    target.write_text("mine")
    file = home.path / "backup.json"
    for make, reason in [(lambda: file.symlink_to(target), "symbolic link"), (lambda: file.symlink_to(home.path / "nowhere"), "symbolic link"),
                         (lambda: os.mkfifo(file), "not a regular file"), (file.mkdir, "not a regular file")]:
        make()
        result = home.run("export", "-o", file, code=3)
        assert reason in result.err and result.out == ""
        assert target.read_text() == "mine" and not (home.path / "nowhere").exists()
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
    assert "no/backup.json: No such file or directory" in home.run("export", "-o", home.path / "no/backup.json", code=3).err
    assert {path.name for path in home.path.iterdir()} == {"target", ".local"}


def test_an_export_does_not_replace_its_own_store(home):
    """This holds for every path that names the store. Any other file beside it may be written."""
    home.run("set", "theme", '"dark"')
    home.run("set", "theme", '"blue"', "--scope", "user")
    store, before = home.store(), home.store().read_bytes()
    (home.path / "folder").symlink_to(store.parent)
    (home.path / "link").symlink_to(store)
    own = [["--app", "shop"], ["--store", store], ["--store", "folder/session.jsonl"], ["--app", "shop", "--scope", "user"]]
    for path in [store, ".local/state/shop/session.jsonl", "folder/session.jsonl", "./.local/../folder/./session.jsonl", "link"]:
        for options in own:
            result = home.run("export", "-o", path, *options, app=None, code=64)
            assert "it is the store itself" in result.err and result.out == ""
            assert store.read_bytes() == before and list(store.parent.iterdir()) == [store]
    done = subprocess.run([TOOL, "export", "--app", "shop", "-o", "session.jsonl"], env=home.environment, cwd=store.parent, capture_output=True)
    assert done.returncode == 64 and store.read_bytes() == before
    for name in ["session.jsonl.damaged", "dump.json"]:
        store.with_name(name).write_text("old")
        home.run("export", "-o", store.with_name(name))
        assert json.loads(store.with_name(name).read_text()) == [
            {"key": "lily_session_theme", "value": "dark"}, {"scope": "user", "key": "lily_session_theme", "value": "blue"}]
    home.run("export", "-o", "session.jsonl")  # the same name in another folder
    assert store.read_bytes() == before


def test_an_export_does_not_replace_a_store_that_no_text_can_name(home):
    """The command's paths are texts, so it would compare the output with another file."""
    fill(home)
    folder = home.path / os.fsdecode(b"\xff")
    folder.mkdir()
    store = folder / "shop/session.jsonl"
    store.parent.mkdir()
    store.write_bytes(home.store().read_bytes())
    before = store.read_bytes()
    words = [TOOL, "export", "--all", "--app", "shop", "-o", "session.jsonl"]
    done = subprocess.run(words, capture_output=True, env=home.environment | {"LILY_SESSION_DIR": str(folder)}, cwd=store.parent)
    assert (done.returncode, store.read_bytes()) == (64, before)
    assert b"not UTF-8" in done.stderr


def test_an_export_is_written_beside_its_name(home):
    """A mark behind a slash makes one character of both. In another folder, on another file system, the file could not be renamed."""
    home.run("set", "a", "1")
    path = pathlib.Path(f"/dev/shm/\u0301lily-export-{os.getpid()}")
    try:
        home.run("export", "-o", path)
        assert json.loads(path.read_bytes())
    finally:
        path.unlink(missing_ok=True)


def test_an_export_that_fails_leaves_the_old_file(home):
    """A limit of file sizes stands for a full disk. Nothing is left half written."""
    fill(home)
    file = home.path / "backup.json"
    file.write_text("old")
    done = subprocess.run(["bash", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$0" export --app shop -o backup.json', TOOL], env=home.environment,
                          cwd=home.path, capture_output=True, text=True)
    assert done.returncode == 3 and "cannot write " in done.stderr, done
    assert file.read_text() == "old" and {path.name for path in home.path.iterdir()} == {"backup.json", ".local"}


# A library that sends the process a signal when it syncs, and then does not sync.
SIGNALLING = '#include <signal.h>\n#include <stdlib.h>\nint fsync(int file) { (void)file; return raise(atoi(getenv("SIGNAL"))); }\n'


# What ends a program that does not handle it, as signal(7) says. Those of a crash, and those that nothing can handle, leave the file.
ENDINGS = {signal.Signals[f"SIG{name}"] for name in "HUP INT QUIT USR1 USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF POLL PWR RTMIN RTMAX".split()}


@pytest.fixture(scope="module")
def signalling(tmp_path_factory):
    library = tmp_path_factory.mktemp("signalling") / "signalling.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", library, "-"], input=SIGNALLING, text=True, check=True)
    return library


@pytest.mark.parametrize("number", sorted(ENDINGS))
@pytest.mark.parametrize("is_ignored", [False, True])
def test_an_export_that_is_ended_leaves_nothing(home, signalling, number, is_ignored):
    """A signal that is ignored ends nothing."""
    fill(home)
    before = signal.SIG_IGN if is_ignored else signal.SIG_DFL
    done = subprocess.run([TOOL, "export", "--app", "shop", "-o", "backup.json"], cwd=home.path, capture_output=True,
                          env=home.environment | {"LD_PRELOAD": str(signalling), "SIGNAL": str(int(number))},
                          preexec_fn=lambda: signal.signal(number, before), restore_signals=False)
    assert done.returncode == (0 if is_ignored else -number), done
    assert {path.name for path in home.path.iterdir()} == {".local"} | ({"backup.json"} if is_ignored else set())


# ------------------------------------------------------------------------------------------------ a browser's files

def hydrate(home, *words):
    """Runs the C program that shares the store with the page, and returns what it prints."""
    program = home.path / "page"
    if not program.exists():
        subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include", "-o", program, MADE.parent / "page.c",
                        f"-L{ROOT}/build/lib", f"-Wl,-rpath,{ROOT}/build/lib", "-llily_session"], check=True)
    return subprocess.run([program, *words], env=home.environment, check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode()


def test_what_a_browser_wrote_is_what_a_program_hydrates_and_what_it_changed_goes_back(home):
    """The files come from Chromium. `make test-browser` makes the same round trip with the browser itself."""
    wrote, back = (MADE / "wrote.json").read_bytes(), (MADE / "back.json").read_bytes()
    home.run("import", input=wrote, app="page", code=2)  # "plain" and the half of a pair are left out
    assert hydrate(home, "show") == "theme dark, visits 41, name Zoë \U0001f338 \u202e\u2028\n"
    hydrate(home, "visit")
    exported = json.loads(home.run("export", "--browser", app="page").out)
    before, after = json.loads(wrote), json.loads(back)
    taken = {key: value for key, value in before.items() if key not in {"lily_session_plain", "lily_session_half", "other"}}
    # In the store, and in the browser that loaded it, only what the program changed is different.
    assert exported == taken | {"lily_session_visits": "42"}
    assert after == before | {"lily_session_visits": "42"}
