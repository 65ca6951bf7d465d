"""Tests scopes --to-files and --to-one: what is moved, and that nothing is lost whenever they are killed."""
import os
import random
import re
import shutil
import subprocess
import time

import journal
import pytest

import scopefiles
from conftest import PATIENCE, TOOL

LONG = os.environ.get("LILY_SESSION_LONG") == "1"
LATER = int(time.time() * 1000) + 10**9
OWN = {b"lily_session_own": journal.Entry(b"1")}
SCOPES = {
    b"ada": {b"lily_session_theme": journal.Entry(b'"blue"'), b"other": journal.Entry(b"[1]", LATER, 7)},
    b"user:42": {b"lily_session_n": journal.Entry(b"1", LATER)},
    b"\xc3\x84/..": {b"lily_session_n": journal.Entry(b"2", 0, 3), "lily_session_é".encode(): journal.Entry(b"{}")},
}
TARGET = {"--to-files": scopefiles.in_files, "--to-one": scopefiles.inside}


def write(writer, entries, scope=b""):
    for key, entry in entries.items():
        writer.set((scope and b"\0" + scope + b"\0") + key, *entry)
    return writer


def begin(home, way, extra=True):
    """Makes a store whose scopes are to be moved, and returns its path. `extra` adds what is to be left out."""
    whole = write(journal.Writer(), OWN)
    files = {}
    for name, entries in SCOPES.items():
        if way == "--to-one":
            files[name] = write(journal.Writer(), entries).bytes()
        else:
            write(whole, entries, name)
    gone = {b"lily_session_x": journal.Entry(b"1", 1)}
    if extra and way == "--to-one":
        files |= {b"over": write(journal.Writer(), gone).bytes(), b"cleared": journal.Writer().clear().bytes(), b"empty": b""}
        files[b"ada"] = write(write(journal.Writer(), SCOPES[b"ada"]), gone).bytes()
    elif extra:
        write(write(whole, gone, b"over"), gone, b"ada")
        whole.clear(b"\0cleared\0lily_session_")
    store = home.write(whole.bytes())
    scopefiles.make(store, files)
    return store


def require_done(store, way):
    """Checks that all is at the new place, and nothing at the old one."""
    if way == "--to-files":
        assert scopefiles.in_files(store) == SCOPES
        assert journal.read(store.read_bytes()).entries == OWN
        assert not [path for path in store.parent.rglob("*") if path.suffix not in (".jsonl", ".d") and path.is_file()]
    else:
        assert scopefiles.inside(store) == SCOPES | {b"": OWN}
        assert list(store.parent.iterdir()) == [store]


@pytest.mark.parametrize("way", TARGET)
def test_scopes_are_moved_with_deadlines_and_versions_and_without_what_has_expired(home, way):
    store = begin(home, way)
    assert "moved 3 scopes" in home.run("scopes", way).err
    require_done(store, way)
    assert "moved 0 scopes" in home.run("scopes", way).err
    require_done(store, way)
    for path in store.parent.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_store_goes_to_files_and_back(home):
    store = begin(home, "--to-files")
    for way in ["--to-files", "--to-one", "--to-files", "--to-one"]:
        home.run("scopes", way)
        require_done(store, way)


@pytest.mark.parametrize("way", TARGET)
def test_what_is_at_the_new_place_wins_and_what_it_lacks_is_added(home, way):
    """As after a move that was killed, if a program has written to the new place since."""
    store = begin(home, way)
    newer = {b"lily_session_theme": journal.Entry(b'"red"'), b"lily_session_new": journal.Entry(b"1")}
    expired = {b"lily_session_n": journal.Entry(b"5", 5)}  # whoever gave it this deadline wants it to be gone
    if way == "--to-files":
        scopefiles.make(store, {b"ada": write(journal.Writer(), newer).bytes(), b"user:42": write(journal.Writer(), expired).bytes()})
    else:
        store.write_bytes(write(write(write(journal.Writer(), OWN), newer, b"ada"), expired, b"user:42").bytes())
    home.run("scopes", way)
    found = TARGET[way](store)
    assert found[b"ada"] == SCOPES[b"ada"] | newer
    assert b"user:42" not in found and found[b"\xc3\x84/.."] == SCOPES[b"\xc3\x84/.."]


# ------------------------------------------------------------------------------------------------ kills

def under(shim, home, store, way, rules="", trace=None):
    """Runs the move under the shim. Returns its exit status, which is negative if it was killed."""
    environment = {"LD_PRELOAD": str(shim), "LILY_SHIM_DIRECTORY": str(store.parent), "LILY_SHIM_RULES": rules}
    if trace:
        environment["LILY_SHIM_TRACE"] = str(trace)
    return subprocess.run([TOOL, "scopes", way, "--app", "shop"], env=home.environment | environment, capture_output=True, timeout=PATIENCE).returncode


def require_nothing_lost(store, way):
    places = [scopefiles.inside(store), scopefiles.in_files(store)]
    assert places[0][b""] == OWN
    for name, entries in SCOPES.items():
        assert any(all(place.get(name, {}).get(key) == entry for key, entry in entries.items()) for place in places), (name, places)


# What a kill leaves behind differs only after a call that changes something. With --long, it comes at each call all the same.
@pytest.mark.parametrize("call", ["write@{}=tear:30", "write@{}=kill-after", "unlinkat@{}=kill-after", "renameat@{}=kill-after", *(["any@{}=kill"] if LONG else [])])
@pytest.mark.parametrize("way", TARGET)
def test_a_move_may_be_killed_at_each_call(home, shim, way, call):
    store = begin(home, way)
    before = shutil.copytree(store.parent, home.path / "before")
    number, kills = 1, 0
    while True:
        shutil.rmtree(store.parent)
        shutil.copytree(before, store.parent)
        status = under(shim, home, store, way, call.format(number))
        if status == 0:
            break
        assert status == -9, status
        kills += 1
        require_nothing_lost(store, way)
        # The other way brings them back, too.
        if number % 2:
            back = "--to-one" if way == "--to-files" else "--to-files"
            home.run("scopes", back)
            require_done(store, back)
        home.run("scopes", way)
        require_done(store, way)
        number += 1
    require_done(store, way)
    assert kills >= (10 if call.startswith("any") else 1 if call[0] in "wu" else 0), kills


@pytest.mark.parametrize("way", TARGET)
def test_a_move_may_be_killed_again_and_again(home, shim, way):
    random_numbers = random.Random(way)
    for _ in range(20 if LONG else 4):
        shutil.rmtree(home.store().parent, ignore_errors=True)
        store = begin(home, way)
        for _ in range(6):
            under(shim, home, store, way, f"any@{random_numbers.randrange(1, 150)}=kill")
            require_nothing_lost(store, way)
        home.run("scopes", way)
        require_done(store, way)


# ------------------------------------------------------------------------------------------------ the power fails

def steps(trace):
    """Yields what the shim recorded: (what, the file's name, data)."""
    names, rest = {}, trace.read_bytes()
    while rest:
        line, _, rest = rest.partition(b"\n")
        word, _, said = line.partition(b" ")
        words = said.decode(errors="replace").split(" ")
        if word in (b"mark", b"write", b"overwrite"):
            data, rest = rest[:int(words[-1])], rest[int(words[-1]) + 1:]
            if word == b"write":
                yield "write", names[words[0]], data
        elif word == b"open":
            names[words[0]] = words[2].split("/")[-1]
        elif word == b"sync":
            yield "sync", names[words[0]], words[1] == "1"
        elif word == b"rename":
            yield "rename", words[0].split("/")[-1], words[1].split("/")[-1]
            names = {file: words[1].split("/")[-1] if name == words[0].split("/")[-1] else name for file, name in names.items()}
        elif word == b"unlink":
            yield "unlink", words[0].split("/")[-1], None


@pytest.mark.parametrize("rerun", [False, True])
@pytest.mark.parametrize("way", TARGET)
def test_the_new_place_is_synced_before_a_scope_leaves_the_old_one(home, shim, tmp_path, way, rerun):
    """A second run syncs what the first one wrote, because that was killed before it did."""
    store = begin(home, way)
    if rerun:
        assert under(shim, home, store, way, "fdatasync@1=kill") == -9
    trace = tmp_path / "trace"
    assert under(shim, home, store, way, trace=trace) == 0
    files = {scopefiles.file_of(store, name).name: name for name in SCOPES}
    synced, left = set(), set()
    for what, name, data in steps(trace):
        if what == "write" and name in synced:
            synced.discard(name)
        if what == "sync" and data:
            synced.add(name)
        if way == "--to-files" and what == "write" and name == store.name and b"remove" in data:
            for file, scope in files.items():
                if b"\\u0000" + scope + b"\\u0000" in data:
                    assert file in synced, (file, "was not synced before its scope was removed")
                    left.add(file)
        if way == "--to-one" and what == "unlink" and name in files:
            assert store.name in synced, (name, "was removed before the store's file was synced")
            left.add(name)
        if way == "--to-files" and what == "rename" and data == store.name:
            last = set(files) - left  # what leaves the store by this rewriting, if it is the last one
            unsynced = last - synced
    if way == "--to-files":
        assert len(last) <= 1 and not unsynced, "the store was rewritten before the last scope's file was synced"
        left |= last
    assert left == set(files) or rerun and left


def test_a_move_that_was_killed_at_its_last_rename_is_not_forgotten(home, shim):
    """Otherwise the store would keep the values of scopes, and log-outs would not take them out."""
    codes = []
    while True:
        shutil.rmtree(home.store().parent, ignore_errors=True)
        store = begin(home, "--to-files")
        if under(shim, home, store, "--to-files", f"renameat@{len(codes) + 1}=kill") == 0:
            break
        codes.append(home.run("list", "--scope", "ada", code=None).code)
    assert codes[-1] == 3  # the store is refused until the move is completed


# ------------------------------------------------------------------------------------------------ what stays

def test_a_damaged_store_is_refused(home):
    for way in TARGET:
        shutil.rmtree(home.store().parent, ignore_errors=True)
        store = begin(home, way, extra=False)
        data = store.read_bytes().replace(b"lily_session_own", b"lily_session_owm", 1)
        store.write_bytes(data)
        assert "compact --repair" in home.run("scopes", way, code=3).err
        assert store.read_bytes() == data
        store.write_bytes(journal.Writer().raw(b'"rename","a","b"').bytes())
        assert "newer" in home.run("scopes", way, code=3).err


def test_what_is_no_sound_file_of_a_scope_stays_and_is_named(home):
    store = begin(home, "--to-one")
    folder = store.with_name("session.jsonl.d")
    damaged = scopefiles.file_of(store, b"ada")
    damaged.write_bytes(damaged.read_bytes().replace(b"blue", b"blux"))
    newer = scopefiles.file_of(store, b"new")
    nested = scopefiles.file_of(store, b"nested")
    scopefiles.make(store, {b"new": journal.Writer().raw(b'"rename","a","b"').bytes(), b"nested": journal.Writer().set(b"\0in\0x", b"1").bytes(),
                            b"junk": b"junk\n" * 99})
    (folder / "notes").write_text("mine")
    link = scopefiles.file_of(store, b"link")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(store)
    kept = {path: path.read_bytes() for path in [damaged, newer, nested, scopefiles.file_of(store, b"junk"), folder / "notes"]}
    said = home.run("scopes", "--to-one", code=2).err
    assert "moved 2 scopes" in said and "6 files could not be moved" in said
    for word in ["left ada: ", "left new: ", "left nested: ", "left junk: ", "/notes: it is not the library's", "link.jsonl: it is a symbolic link"]:
        assert word in said
    assert {path: path.read_bytes() for path in kept} == kept and link.is_symlink()
    found = scopefiles.inside(store)
    assert found == {b"": OWN} | {name: entries for name, entries in SCOPES.items() if name != b"ada"}
    # Once they are repaired or gone, the rest is moved, and the folder is removed.
    home.run("compact", "--repair", "--scope", "ada")
    for path in [newer, nested, scopefiles.file_of(store, b"junk"), folder / "notes", link, damaged.with_name(damaged.name + ".damaged")]:
        path.unlink()
    home.run("scopes", "--to-one")
    assert scopefiles.inside(store)[b"ada"] == {b"other": SCOPES[b"ada"][b"other"]} and not folder.exists()


def test_a_scope_stays_inside_if_its_file_cannot_be_used(home):
    store = begin(home, "--to-files")
    scopefiles.make(store, {b"ada": b"junk\n" * 99})
    said = home.run("scopes", "--to-files", code=2).err
    assert "moved 2 scopes" in said and "left ada: " in said and "verify" in said
    assert scopefiles.inside(store)[b"ada"] == SCOPES[b"ada"]
    scopefiles.file_of(store, b"ada").unlink()
    home.run("scopes", "--to-files")
    require_done(store, "--to-files")


def test_many_scopes_are_moved(home):
    whole = journal.Writer()
    names = [b"user:%d" % number for number in range(300)]
    for name in names:
        whole.set(b"\0" + name + b"\0lily_session_n", b"1")
    store = home.write(whole.bytes())
    for way, found in TARGET.items():
        # Few descriptors are enough: one for each folder.
        subprocess.run(["bash", "-c", f"ulimit -n 290; exec {TOOL} scopes {way} --app shop"], env=home.environment, check=True, capture_output=True,
                       timeout=PATIENCE)
        assert found(store) == {name: {b"lily_session_n": journal.Entry(b"1")} for name in names}


@pytest.mark.parametrize("way", TARGET)
def test_nothing_is_moved_while_another_program_may_write(home, way):
    store = begin(home, way)
    store.chmod(0o600)  # a lock on a file that others could open may be a stranger's
    holder = subprocess.Popen(["flock", store, "sh", "-c", "echo; read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    before = {path: path.read_bytes() for path in store.parent.rglob("*") if path.is_file()}
    assert re.search("[Aa]nother program|elsewhere", home.run("scopes", way, code=3).err)
    assert {path: path.read_bytes() for path in store.parent.rglob("*") if path.is_file()} == before
    holder.communicate(b"\n")
    home.run("scopes", way)
    require_done(store, way)
