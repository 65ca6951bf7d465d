"""Presses TAB in real shells. Other people choose the names in a store and of folders, so a name may be offered, but is never run."""
import json
import re
import shlex
import shutil
import subprocess
import termios
import time

import journal
import pytest

from conftest import PATIENCE, ROOT, TOOL, Terminal

SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--no-config", "-i"]}
# How each shell loads the completions.
SET_UP = {
    "bash": "bind 'set bell-style none' 'set completion-query-items 0' 'set page-completions off' 'set enable-bracketed-paste off'; source {}",
    "zsh": "autoload -Uz compinit; compinit -u -D; setopt no_beep; LISTMAX=10000; source {}",
    "fish": "source {}",
}
# If a shell expanded candidates, it would run these names, or fail at them. Those without a slash also become names of folders.
HOSTILE = ["<({touch,PWNED})", "$(touch PWNED)", "`touch PWNED`", "${x:=$(touch PWNED)}", "{1..20000000}", "a b", "*", "?", "~", "'", '"', "\\",
           "x;touch PWNED", "x\ttouch PWNED", "x\ntouch PWNED", "-rf", "--all", "$HOME", "\x1b[31m", "é", "a=b", "a/b", "!!", "#", ""]
PLAIN = ["theme", "token", "user:42", "user:4@home", "a.b-c_d", "two plain words"]
OFFERABLE = re.compile(r"[A-Za-z0-9._:@]([A-Za-z0-9._:@ -]*[A-Za-z0-9._:@-])?")


@pytest.fixture(params=SHELLS)
def shell(request):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed: scripts/bootstrap test installs it")
    return request.param


class Prompt:
    """A shell at a terminal, with completions."""

    def __init__(self, name, home, script=None):
        self.home = home
        # The shell has no history, and reads no settings of the person who runs the tests.
        self.terminal = Terminal(SHELLS[name], home, 200, {"PS1": "$ ", "HISTFILE": "", "XDG_CONFIG_HOME": str(home.path / "none"), "LINES": "200"})
        self.number = 0
        self.run(SET_UP[name].format(shlex.quote(str(script or TOOL.parent / f"completion.{name}"))))

    def run(self, line):
        """Runs a line. Returns what the shell prints until it is done."""
        self.number += 1
        before = len(self.terminal.text)
        # The line that prints the mark spells it in another way, so that its echo is not taken for the mark.
        self.terminal.type(f"{line}\r")
        self.terminal.type(f"echo 'do''ne'{self.number}.\r")
        self.terminal.until(f"done{self.number}.")
        # Until the shell reads keys itself, the terminal handles Ctrl-U, and TAB completes nothing.
        end = time.monotonic() + PATIENCE
        while termios.tcgetattr(self.terminal.controller)[3] & termios.ICANON:
            assert time.monotonic() < end, "the shell reads no keys"
            time.sleep(0.005)
        return self.terminal.text[before:].decode(errors="replace")

    def press(self, line, tabs=2):
        """Types the line and TAB, and deletes the line. Returns what the shell shows."""
        before = len(self.terminal.text)
        self.terminal.type(line)
        for _ in range(tabs):
            self.terminal.type("\t")
        self.terminal.type("\x15")  # Ctrl-U deletes the line with everything that was completed
        self.run("true")
        return re.sub(r"\x1b(\[[0-9;?=>]*[a-zA-Z]|[()=>][B0]?|\][^\x07\x1b]*(\x07|\x1b\\))", "", self.terminal.text[before:].decode(errors="replace"))

    def end(self):
        self.terminal.type("\x15exit\r")
        self.terminal.rest()


@pytest.fixture
def prompt(shell, home):
    at = Prompt(shell, home)
    yield at
    at.end()


def fill(home):
    whole = journal.Writer()
    for name in HOSTILE + PLAIN:
        for key in ["lily_session_" + name, "all_" + name]:
            whole.set(key.encode(), b"1")
        if name:
            whole.set(b"\0" + name.encode() + b"\0" + b"lily_session_x", b"1")
    data = whole.bytes()
    for app in ["shop", *PLAIN, *(name for name in HOSTILE if name and "/" not in name)]:
        home.write(data, app)


def stand_in(home, prompt):
    """Puts a program in the command's place that writes down its arguments. Returns the file that has them."""
    home.path.joinpath("said").mkdir()
    program = home.path / "bin/lily-session"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>~/said/words\n[ "$1" != ---complete ] || exec {shlex.quote(str(TOOL))} "$@"\n')
    program.chmod(0o755)
    prompt.run(f"export PATH={program.parent}:$PATH" if "fish" not in prompt.terminal.process.args[0] else f"set -x PATH {program.parent} $PATH")
    return home.path / "said/words"


def test_nothing_that_somebody_named_is_run_and_what_is_plain_is_offered(home, prompt):
    fill(home)
    for name in HOSTILE:
        if name and "/" not in name:
            (home.path / name).mkdir(exist_ok=True)
    for line in ["get --app shop ", "get --app shop --all all_", "get --app ", "list --app=", "get --app shop --scope ", "unset --app shop theme ",
                 "get --store ~/.local/state/", "import ", "list --store=.local/state/", "verify ", ""]:
        seen = prompt.press(f"lily-session {line}")
        assert not list(home.path.rglob("PWNED")), line
        if line not in ["get --app shop ", "get --app shop --scope ", "get --app "]:
            continue
        for name in PLAIN:
            # bash shows names as it would insert them.
            assert name in seen or name.replace(" ", "\\ ") in seen, (line, name)
        for name in ["touch", "20000000", "é", "-rf", "$HOME", "a=b"]:
            assert name not in seen, (line, name)


COMPLETED = {
    "get --app shop th": "get --app shop theme", "get --app shop user:42": "get --app shop user:42", "get --app shop user:4@": "get --app shop user:4@home",
    "get --app shop a.b-": "get --app shop a.b-c_d", "ve": "verify", "compact --rep": "compact --repair", "list --app=sh": "list --app=shop",
    "list --app sh": "list --app shop", "export -o dum": "export -o dump.json", "list --store dum": "list --store dump.json", "help ve": "help verify",
    "get --app shop two": "get --app shop two plain words", "get --app shop two\\ pl": "get --app shop two plain words",
    "get --app shop 'two pl": "get --app shop two plain words", "get --app shop --scope two": "get --app shop --scope two plain words",
    "list --color al": "list --color always"}


def test_a_word_is_completed(home, prompt):
    fill(home)
    (home.path / "dump.json").write_text("{}")
    said = stand_in(home, prompt)
    for typed in COMPLETED:
        prompt.terminal.type(f"lily-session {typed}\t")
        prompt.run("")
    ran = [line.strip() for line in said.read_text().splitlines() if not line.startswith("---complete")]
    assert ran == list(COMPLETED.values())


def test_nothing_that_was_typed_is_in_the_list_of_processes(home, prompt):
    said = stand_in(home, prompt)
    for typed in ["set token hunter-2 --ap", "set token - <<<'\"hunter-2\"' --ap", "set token - <hunter-2 --ap"]:
        prompt.press(f"lily-session {typed}")
        assert "---complete" in said.read_text() and "hunter" not in said.read_text()
        said.unlink()


def test_a_shell_that_expands_is_noticed(home):
    """This proves that the first test notices a shell that runs a name."""
    script = home.path / "naive"
    script.write_text('_naive() { COMPREPLY=($(compgen -W "$(lily-session list --app shop --json | jq -r \'.[].key\')" -- "$2")); }\n'
                      "complete -F _naive lily-session\n")
    home.write(journal.Writer().set(b"lily_session_<({touch,PWNED})", b"1").bytes())
    at = Prompt("bash", home, script)
    at.press("lily-session get ")
    at.end()
    assert list(home.path.rglob("PWNED"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_the_commands_and_expand_nothing(home, shell):
    text = (TOOL.parent / f"completion.{shell}").read_text()
    for spelling in [("--generate-completion-script", shell), (f"--generate-completion-script={shell}",)]:
        assert home.run(*spelling, app=None).out == text
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    assert not re.search(r"\beval\b|compgen|\$\{?\w+@P", code)
    if shutil.which(shell):
        subprocess.run([shell, "-n", TOOL.parent / f"completion.{shell}"], check=True)
    assert "bash, zsh or fish" in home.run("--generate-completion-script", "ksh", app=None, code=64).err


# ------------------------------------------------------------------------------------------------ what the shells ask

def asked(home, form, *texts):
    return home.run("---complete", form, input="".join(text + "\0" for text in texts).encode(), app=None).out.splitlines()


def offered(home, *words):
    return asked(home, "words", "lily-session", *words)


def test_what_comes_next(home):
    for key in ["theme", "token", "visits", "two words", "$(touch x)"]:
        home.run("set", key, "1")
    home.run("set", "--all", "other", "1")
    home.run("set", "x", "1", app="cafe")
    home.run("set", "x", "1", "--scope", "user:42")
    assert offered(home, "ve") == ["verify"]
    assert set(offered(home, "compact", "--")) >= {"--repair", "--app"}
    assert "--app" not in offered(home, "compact", "--app", "x", "--")
    assert offered(home, "list", "--app", "") == ["cafe", "shop"]
    assert offered(home, "list", "--app=c") == ["--app=cafe"]
    assert offered(home, "list", "--app", "shop", "--scope", "") == ["user:42"]
    assert offered(home, "list", "--app", "shop", "--scope", "user:42", "") == ["x"]
    assert offered(home, "get", "--app", "shop", "t") == ["theme", "token", "two words"]
    assert offered(home, "get", "--app=shop", "t") == ["theme", "token", "two words"]
    assert offered(home, "get", "--store", "~/.local/state/shop/session.jsonl", "t") == ["theme", "token", "two words"]
    assert offered(home, "get", "--app", "shop", "--all", "o") == ["other"]
    assert offered(home, "unset", "--app", "shop", "theme", "v") == ["visits"]
    assert offered(home, "set", "--app", "shop", "theme", "") == []
    assert offered(home, "unset", "--app", "shop", "--", "-") == []
    assert offered(home, "list", "--store", "x") == offered(home, "export", "-o", "x") == offered(home, "import", "x") == ["/"]
    assert offered(home, "help", "ver") == ["verify"]
    assert offered(home, "nope", "") == offered(home, "--nope", "x", "") == offered(home) == []


def test_only_names_of_plain_characters_are_offered(home):
    fill(home)
    for words in [["get", "--app", "shop", ""], ["get", "--app", "shop", "--all", ""], ["list", "--app", ""], ["list", "--app", "shop", "--scope", ""]]:
        found = offered(home, *words)
        assert {name.removeprefix("lily_session_").removeprefix("all_") for name in found} >= set(PLAIN)
        assert all(OFFERABLE.fullmatch(name) for name in found), found


@pytest.mark.parametrize("tail, line, candidates", [
    ("4", "lily-session get --app shop user:4", ["42", "4@home"]), ("user:4", "lily-session get --app shop user:4", ["user:42", "user:4@home"]),
    ("user:4", 'lily-session get --app "shop" \'user:4', ["user:42", "user:4@home"]), ("", "lily-session get --app sh\\op user:", ["42", "4@home"]),
    ("", "lily-session get --app shop user:4@", ["home"]), ("tw", "lily-session get --app shop tw", ["two\\ plain\\ words"]),
    ("two\\ p", "lily-session get --app shop two\\ p", ["two\\ plain\\ words"]), ("two p", "lily-session get --app shop 'two p", ["two plain words"]),
    ("x", "lily-session get --app shop user:4", []), ("l", "lily-session l", ["list"]),
    ("lily-se", "lily-se", []), ("", "", [])])
def test_bash_replaces_the_end_of_a_word(home, tail, line, candidates):
    fill(home)
    assert asked(home, "line", tail, line) == candidates


def test_every_argument_with_a_value_has_an_answer(home):
    """Whoever adds an argument must decide in Completion.swift how it is completed."""
    said = json.loads(subprocess.run([TOOL, "--experimental-dump-help"], check=True, capture_output=True).stdout)["command"]
    found = {argument.get("valueName") for command in said["subcommands"] for argument in command.get("arguments", [])
             if argument["kind"] != "flag" and argument["shouldDisplay"]}
    known = set(re.findall(r'"(\w+)"', re.search(r"switch argument\.valueName \{(.*?)default", (
        ROOT / "tools/lily-session/Sources/lily-session/Completion.swift").read_text(), re.S)[1]))
    assert found - known == {"json", "time", "number", "text"}
