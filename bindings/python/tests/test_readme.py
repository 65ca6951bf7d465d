"""Checks that the code of the README runs, and does what the README says."""
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

import lily_session

README = (Path(__file__).parents[1] / "README.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)


def test_five_minutes(tmp_path: Path) -> None:
    (tmp_path / "visits.py").write_text(PYTHON[0])
    console = "".join(re.findall(r"^```console\n(.*?)^```$", README, re.M | re.S))
    typed = [(line[2:], said) for line, said in re.findall(r"^(\$ .*)\n((?:[^$].*\n)*)", console, re.M)]
    assert len(typed) == 4
    for command, said in typed:
        program, *arguments = command.split()
        assert program == "python"
        done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, env={**os.environ, "LILY_SESSION_DIR": str(tmp_path)},
                              capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (said, "")


def test_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILY_SESSION_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["visits.py"])
    names: Dict[str, Any] = {"__name__": "readme"}
    sys.modules["readme"] = sys.modules[__name__]  # dataclasses look up their module there
    for code in PYTHON:
        exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    assert capsys.readouterr().out.splitlines()[:2] == ["visit 1, theme light, user nobody", "REJECTED theme DecodeError('theme: the stored value is a number, which the field does not accept')"]
    account = names["Account"]()
    storage = lily_session.Storage.memory()
    storage["lily_session_money"], storage["lily_session_zoom"], storage["lily_session_size"] = "1.50", 150, "2j"
    session = lily_session.Runtime(account).attach(names["fields"], storage)
    assert (str(account.balance), account.size, account.window) == ("1.50", 2j, {"zoom": 1.5})
    session.flush()
    assert list(storage) == ["lily_session_balance", "lily_session_size", "lily_session_zoom"]
    names["storage"]["key"] = 1
    assert names["storage"]["key"] == 1


def test_the_first_page_shows_code_of_this_one() -> None:
    page = (Path(__file__).parents[3] / "README.md").read_text()
    shown = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    assert shown and all(code in PYTHON[0] for code in shown)


def test_every_error_is_in_the_table() -> None:
    errors = [name for name in lily_session.__all__ if name.endswith("Error") and name != "Error"]
    assert [name for name in errors if f"`{name}`" not in README] == ["CallbackError", "UpdateError"]  # calls raise the callback's own exception instead
