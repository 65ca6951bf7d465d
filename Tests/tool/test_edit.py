"""Tests `edit`, which lets a person change a value in an editor."""
import json
import os
import signal
import subprocess

import journal
import pytest

from conftest import PATIENCE, TOOL, Terminal


def stored(home, key="cart"):
    return journal.read(home.store().read_bytes()).entries[f"lily_session_{key}".encode()]


@pytest.fixture
def folder(home):
    """The folder in which the editor's file is."""
    path = home.path / "run"
    path.mkdir()
    home.environment["XDG_RUNTIME_DIR"] = str(path)
    return path


def editor(home, script):
    """Makes an editor that runs these commands, and returns its path."""
    path = home.path / "editor"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


def edit(home, command, key="cart", **options):
    return home.run("edit", key, environment={"VISUAL": "", "EDITOR": command}, **options)


def test_the_value_is_edited_and_keeps_its_deadline_and_version(home, folder):
    value = {"a": [1, {}, [], "x, {y}: \\\"[z]"], "é": None}
    home.write(journal.Writer().set(b"lily_session_cart", json.dumps(value, separators=(",", ":")).encode(), 4_000_000_000_000, 3).bytes())
    edit(home, editor(home, 'stat -c %a "$1" >seen; cat "$1" >>seen; sed -i "s/1,/2,/" "$1"'))
    mode, text = (home.path / "seen").read_text().split("\n", 1)
    assert mode == "600" and json.loads(text) == value and text.startswith('{\n  "a": [\n    1,\n    {},\n    [],\n')
    assert stored(home) == (json.dumps({**value, "a": [2, *value["a"][1:]]}, ensure_ascii=True, separators=(",", ":")).encode(), 4_000_000_000_000, 3)
    assert not list(folder.iterdir())


def test_what_is_saved_unchanged_is_not_stored(home, folder):
    home.run("set", "cart", "[1]")
    before = home.store().read_bytes()
    for command in ["true", "touch"]:
        assert edit(home, command).err == "nothing was changed\n"
    assert home.store().read_bytes() == before and not list(folder.iterdir())


@pytest.mark.parametrize("command, code, said", [
    ("sed -i s/2/x/", 64, "in line 3, column 3\n"), ("truncate -s 0", 64, "the text ends too early in line 1, column 1\n"),
    ("false", 1, "nothing was stored: the editor false failed"), ("no-such-editor", 1, "the editor no-such-editor failed"),
    (r"printf '\377' >", 64, "nothing was stored: the text is not UTF-8")])
def test_what_is_no_json_is_not_stored(home, folder, command, code, said):
    home.run("set", "cart", "[1,2]")
    before = home.store().read_bytes()
    result = edit(home, command, code=code)
    assert "nothing was stored: " in result.err and said in result.err
    assert home.store().read_bytes() == before and not list(folder.iterdir())


def test_a_mistake_may_be_mended(home, folder):
    home.run("set", "cart", "[1,2]")
    script = editor(home, 'if grep -q x "$1"; then sed -i s/x/3/ "$1"; else sed -i s/2/x/ "$1"; fi')
    for typed, code, text in [("n\n", 1, b"[1,2]"), ("\n", 0, b"[1,3]")]:
        terminal = Terminal([str(TOOL), "edit", "cart", "--app", "shop"], home, environment={"EDITOR": script})
        terminal.until("Edit it again? [Y/n] ")
        terminal.type(typed)
        shown = terminal.rest()
        assert "line 3, column 3" in shown and terminal.code == code
        assert stored(home).text == text and not list(folder.iterdir())


def test_what_a_program_changes_meanwhile_is_not_overwritten(home, folder):
    home.run("set", "cart", "[1]")
    for meanwhile in ["set cart [5]", "unset cart"]:
        result = edit(home, editor(home, f'lily-session {meanwhile} --app shop; sed -i "s/1/2/; s/5/6/" "$1"'), code=2)
        assert "another program has" in result.err
        kept, = folder.glob("*/value.json")
        assert str(kept) in result.err and kept.read_text() in ("[\n  2\n]\n", "[\n  6\n]\n") and kept.parent.stat().st_mode & 0o777 == 0o700
        kept.unlink()
        kept.parent.rmdir()
        if "unset" not in meanwhile:
            assert stored(home).text == b"[5]"
    assert b"lily_session_cart" not in journal.read(home.store().read_bytes()).entries


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_the_command_is_ended(home, folder, number):
    home.run("set", "cart", "[1]")
    process = subprocess.Popen([TOOL, "edit", "cart", "--app", "shop"], env=home.environment | {"EDITOR": "echo ready; exec sleep 60; true"},
                               stdout=subprocess.PIPE, start_new_session=True,
                               preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))  # nohup lets its programs ignore SIGHUP
    process.stdout.readline()
    process.send_signal(number)
    assert process.wait(PATIENCE) == -number and not list(folder.iterdir())
    os.killpg(process.pid, signal.SIGKILL)


def test_a_key_that_is_not_there_is_not_edited(home, folder):
    home.run("set", "cart", "[1]")
    assert "Did you mean cart?" in edit(home, "true", key="crat", code=1).err
