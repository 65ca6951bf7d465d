"""Checks that the command does what docs/command-line.md and the README show."""
import importlib.machinery
import importlib.util
import re
import subprocess
import time
from xml.etree import ElementTree

import pytest

from conftest import PATIENCE, ROOT


# The part of docs/command-line.md that needs a server. test_redis.py runs it.
SERVER_PART = "A store in Redis or Valkey"


def blocks(page, part=None):
    """Returns the blocks of commands in the part of the page with this heading; None means those in all other parts than SERVER_PART."""
    parts = re.split(r"^## ", (ROOT / page).read_text(), flags=re.M)
    text = "".join(text for text in parts if text.startswith(part or SERVER_PART) == (part is not None))
    return [block.splitlines() for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)]


def steps(block):
    """Yields each command, and the lines that follow it."""
    found = []
    for line in block:
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


class Shell:
    def __init__(self, home):
        self.home, self.watcher, self.seen = home, None, 0

    def _normal(self, text):
        text = text.replace(str(self.home.path), "/home/ada")
        text = re.sub(r"(?m)^\d\d:\d\d:\d\d ", "12:30:01 ", text)
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-01-31 12:30:00", text).splitlines()

    def run(self, command, expected):
        if command.endswith(" &"):
            self.log = self.home.path / "watch.log"
            self.watcher = subprocess.Popen(["bash", "-c", "exec " + command[:-2]], stdout=self.log.open("w"), stderr=subprocess.STDOUT,
                                            env=self.home.environment, cwd=self.home.path)
            return self._watched(expected, [])
        if command == "kill %1":
            self.watcher.terminate()
            self.watcher.wait(PATIENCE)
            self.watcher = None
            return []
        done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              env=self.home.environment, cwd=self.home.path, timeout=PATIENCE)
        lines = self._normal(done.stdout.decode())
        return self._watched(expected, lines) if self.watcher else lines

    def _watched(self, expected, lines):
        """Returns the lines with those of the watcher added. It waits for them, because they come later."""
        wanted = len(expected) - len(lines)
        for _ in range(PATIENCE * 20):
            new = self._normal(self.log.read_text())[self.seen:]
            if len(new) >= wanted:
                break
            time.sleep(0.05)
        self.seen += len(new)
        return lines + new


@pytest.mark.parametrize("page", ["docs/command-line.md"])
def test_what_the_pages_show_is_what_happens(page, home):
    shell = Shell(home)
    shown, happened = [], []
    for block in blocks(page):
        for command, expected in steps(block):
            shown += [f"$ {command}", *expected]
            happened += [f"$ {command}", *shell.run(command, expected)]
    assert happened == shown


def test_each_command_has_its_example():
    text = "\n".join("\n".join(block) for block in blocks("docs/command-line.md"))
    commands = set(re.findall(r"lily-session ([a-z]+)", text))
    assert commands == {"list", "get", "set", "edit", "unset", "clear", "watch", "where", "info", "scopes", "sweep", "verify", "compact", "diff", "export", "import"}


def test_the_picture_shows_what_the_command_says():
    """Compares docs/lily-session.svg with the command, line by line. scripts/picture makes it anew."""
    loader = importlib.machinery.SourceFileLoader("picture", str(ROOT / "scripts/picture"))
    picture = importlib.util.module_from_spec(importlib.util.spec_from_loader("picture", loader))
    loader.exec_module(picture)
    lines = {}
    for text in ElementTree.parse(ROOT / "docs/lily-session.svg").iter("{http://www.w3.org/2000/svg}text"):
        if "-title" not in text.get("class"):
            lines.setdefault(float(text.get("y")), []).append((float(text.get("x")), text.text))
    shown = ["".join(part for _, part in sorted(lines[y])).replace("\xa0", " ").rstrip() for y in sorted(lines)]
    said = re.sub(r"\x1b\[[0-9;]*[mK]", "", picture.record()).splitlines()
    assert [line.replace(" ", "") for line in shown if line] == [line.replace(" ", "") for line in said]


def test_the_readme_speaks_of_commands_that_there_are(home):
    section = re.search(r"^## From the shell\n(.*?)^## ", (ROOT / "README.md").read_text(), re.M | re.S)[1]
    assert "docs/lily-session.svg" in section and "docs/command-line.md" in section
    commands = re.findall(r"lily-session (\w+)(.*)", section)
    assert commands
    for command, rest in commands:
        said = home.run(command, "--help", app=None).out
        for option in re.findall(r"--[\w-]+", rest):
            assert option in said, (command, option)
