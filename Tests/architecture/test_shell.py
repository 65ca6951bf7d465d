"""Checks that the shell scripts of the tree change to the right folder, whatever CDPATH is set."""

import os
import re
import subprocess

import pytest
import shell


@pytest.fixture(scope="module")
def scripts():
    return shell.read_scripts()


def test_no_script_follows_cdpath(scripts):
    assert len(scripts) > 30
    assert list(shell.follows_cdpath(scripts)) == []


@pytest.mark.parametrize("text", [
    "set -eu\ncd ..\n", "(cd x && make)\n", "x=$(cd x && pwd)\n", "cd ..\nunset CDPATH\n", "# unset CDPATH\ncd ..\n", "f() { cd x; }\n", "pushd x\n"])
def test_the_rule_notices(text):
    assert len(list(shell.follows_cdpath({"script": "#!/bin/sh\n" + text}))) == 1


@pytest.mark.parametrize("text", ["unset CDPATH\ncd ..\n", "# cd ..\n", "abcd ..\n", "make -C x\n"])
def test_the_rule_notices_nothing_else(text):
    assert list(shell.follows_cdpath({"script": "#!/bin/sh\n" + text})) == []


def test_scripts_go_to_the_tree_with_a_cdpath(scripts, tmp_path):
    """Runs the beginning of each script that only sets options before it changes to the top of the tree."""
    tried = 0
    for path, text in scripts.items():
        lines, cd = shell.beginning(text) or ([], "")
        code = [line for line in lines if line and not line.startswith("#")]
        upwards = re.match(r'cd "\$\(dirname "\$0"\)/?([./]*)"', cd)
        if not upwards or not all(re.match(r"(?:set|unset) ", line) for line in code):
            continue
        # Elsewhere there is a folder of the same name. The script is run by its path from the top of the tree.
        elsewhere = tmp_path / "elsewhere"
        (elsewhere / os.path.dirname(path)).mkdir(parents=True, exist_ok=True)
        script = tmp_path / "tree" / path
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("\n".join([*lines, cd, "pwd"]) + "\n")
        script.chmod(0o755)
        done = subprocess.run(
            [path], cwd=tmp_path / "tree", env=os.environ | {"CDPATH": str(elsewhere)}, check=True, capture_output=True, text=True)
        assert done.stdout == os.path.normpath(script.parent / upwards[1]) + "\n", path
        tried += 1
    assert tried > 20
