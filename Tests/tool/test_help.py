"""Checks that the help, the manual page and the README have the same commands and options, and which libraries the program needs."""
import json
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, TOOL

PAGE = (ROOT / "tools/lily-session/lily-session.1").read_text()


def commands():
    """Returns {name: (options, values)}, as the program itself describes its commands."""
    said = json.loads(subprocess.run([TOOL, "--experimental-dump-help"], check=True, capture_output=True).stdout)["command"]
    found = {}
    for command in said["subcommands"]:
        arguments = [a for a in command.get("arguments", []) if a["shouldDisplay"]]
        found[command["commandName"]] = (
            {"--" + next(n["name"] for n in a["names"] if n["kind"] == "long") for a in arguments if a.get("names")},
            {a["valueName"] for a in arguments if a["kind"] == "positional"})
    return found


def test_the_manual_page_has_every_command_and_option_and_no_other():
    said = commands()
    everywhere = {"--store", "--app", "--scope", "--color", "--help", "--version"}
    page = {}
    for line in re.findall(r"^\.It Cm (.*)$", PAGE, re.M):
        name, *rest = line.split()
        options = re.findall(r"(?:^|(?<= ))(-[\w-]+)(?= |$)", " ".join(rest))
        page[name] = ({"-" + option for option in options}, set(re.findall(r"Ar ([a-z]+)", line)))
    assert set(page) == set(said)
    for name, (options, values) in said.items():
        if name == "help":
            continue
        assert page[name][0] == options - everywhere, name
        assert values <= page[name][1], name
    listed = set(re.findall(r"^\.It (?:Fl \w , )?Fl (-[\w-]+)", PAGE, re.M))
    assert {"-" + option for option in listed} == set().union(*(options for options, _ in said.values())) | {"--help", "--version"}


def test_the_manual_page_is_well_formed():
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    page = ROOT / "tools/lily-session/lily-session.1"
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_statuses_are_the_same_everywhere(home):
    """The page of docs, the manual page and the help name the same statuses."""
    codes = re.findall(r"^\| (\d+) \|", (ROOT / "docs/command-line.md").read_text(), re.M)
    manual = re.findall(r"^\.It (\d+)$", PAGE, re.M)
    said = re.search(r"Exit status: (.*?)\n\n", home.run("--help", app=None).out, re.S)[1]
    assert codes == manual == re.findall(r"(?:^|; )(\d+) ", re.sub(r"\s+", " ", said)) == ["0", "1", "2", "3", "64"]


def test_each_command_has_help(home):
    for name in commands():
        assert "USAGE: lily-session" in home.run("help", name, app=None).out
        assert home.run("help", name, app=None).out == home.run(name, "--help", app=None).out or name == "help"


def test_the_version_is_the_librarys(home):
    version = re.search(r"^VERSION := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1]
    assert home.run("--version", app=None).out == version + "\n"


def test_no_swift_runtime_is_needed():
    said = subprocess.run(["readelf", "-d", TOOL], check=True, capture_output=True, text=True).stdout
    needed = set(re.findall(r"NEEDED.*\[(.*?)\]", said))
    of_redis = {name for name in needed if re.match(r"lib(hiredis|ssl|crypto)\.so\.", name)}
    assert needed - of_redis <= {"libjansson.so.4", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "ld-linux-x86-64.so.2"}
    assert "libjansson.so.4" in needed and not re.search("R(UN)?PATH", said)


def test_make_install_tool_puts_it_in_place(tmp_path):
    subprocess.run(["make", "--no-print-directory", "-C", ROOT, "install-tool", f"DESTDIR={tmp_path}", "PREFIX=/usr"], check=True,
                   stdout=subprocess.DEVNULL)
    assert {str(path.relative_to(tmp_path / "usr")) for path in tmp_path.rglob("*") if path.is_file()} == {
        "bin/lily-session", "share/man/man1/lily-session.1", "share/bash-completion/completions/lily-session",
        "share/zsh/site-functions/_lily-session", "share/fish/vendor_completions.d/lily-session.fish"}
    assert subprocess.run([tmp_path / "usr/bin/lily-session", "--version"], capture_output=True).returncode == 0
