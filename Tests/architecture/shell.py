"""Finds the shell scripts of the tree, and checks the rule that CDPATH leads none of them elsewhere."""

import re
import subprocess

from checks import ROOT

_CD = re.compile(r"(?:^|[;&|(`]|\s)(?:cd|pushd)(?:\s|$)")


def read_scripts():
    """Returns {path: text} of the files that git knows and a shell runs."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    found = {}
    for name in sorted(set(listed.stdout.decode().split("\0")) - {""}):
        path = ROOT / name
        if path.is_file() and not path.is_symlink() and re.match(rb"#!.*\b(?:ba|da)?sh\b", path.open("rb").readline()):
            found[name] = path.read_text()
    return found


def beginning(text):
    """Returns the lines before the first line that changes the folder, and that line. Returns None if no line does."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("#") and _CD.search(line):
            return lines[:number], line
    return None


def follows_cdpath(scripts):
    """A script unsets CDPATH, in a line of its own, before it changes the folder."""
    for path, text in scripts.items():
        found = beginning(text)
        if found and "unset CDPATH" not in found[0]:
            yield f"{path} follows CDPATH: {found[1].strip()}"
