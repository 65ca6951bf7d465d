"""Tests examples/python/shop.py, which does what the shop in C does."""
import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from lily_session import Storage

SHOP = Path(__file__).resolve().parents[3] / "examples/python/shop.py"


class Shop:
    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "LILY_SESSION_DIR": str(folder)}
        self.command = [sys.executable, str(SHOP)]

    def __call__(self, *words: str, code: int = 0) -> str:
        done = subprocess.run([*self.command, *words], env=self.environment, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert (done.stderr == "") == (code == 0)
        return done.stdout.rstrip("\n")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_shop(shop: Shop, tmp_path: Path) -> None:
    assert shop("show") == "token none, theme light, cart [], visits 0"
    for words in ("login grace", "add apple", "add crème", "add apple", "theme dark"):
        assert shop(*words.split()) == ""
    after = 'token grace, theme dark, cart [2 apple, 1 crème], visits 5'
    assert shop("show") == after
    place = tmp_path / "shop/session.jsonl"
    assert shop("where") == str(place)
    with Storage.open(place, read_only=True) as storage:
        assert {item.key: item.json for item in storage.each()} == {
            "lily_session_token": '"grace"', "lily_session_theme": '"dark"', "lily_session_cart/apple": "2", "lily_session_cart/crème": "1",
            "lily_session_visits": "5",
        }  # fmt: skip
    for wrong in (["add", ""], ["add", "x" * 64], ["login", ""], ["login", "x" * 64], ["theme", "x" * 16]):
        shop(*wrong, code=1)
    wrong_usage: List[List[str]] = [[], ["buy"], ["login"], ["show", "me"]]
    for wrong in wrong_usage:
        shop(*wrong, code=2)
    assert shop("show") == after
    shop("logout")
    assert shop("show") == "token none, theme light, cart [], visits 0"
    assert "grace" not in place.read_text()


def test_hammer_is_killed_and_goes_on(shop: Shop) -> None:
    with subprocess.Popen([*shop.command, "hammer"], env=shop.environment, stdout=subprocess.PIPE, text=True) as hammer:
        assert hammer.stdout is not None
        seen = [int(hammer.stdout.readline()) for _ in range(50)]
        hammer.kill()
        seen += [int(line) for line in hammer.stdout if line.endswith("\n")]
    assert seen == list(range(1, len(seen) + 1))
    visits = int(shop("show").rsplit(" ", 1)[1])
    assert visits in (len(seen), len(seen) + 1)
    assert any(f'cart [{number} nail]' in shop("show") for number in (visits, visits + 1))  # it may be killed before it counts


def test_two_hammers_lose_no_visit(shop: Shop) -> None:
    hammers = [subprocess.Popen([*shop.command, "hammer"], env=shop.environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seen: List[int] = []
    for hammer in hammers:
        assert hammer.stdout is not None
        seen += [int(hammer.stdout.readline()) for _ in range(50)]
    for hammer in hammers:
        assert hammer.stdout is not None
        hammer.kill()
        seen += [int(line) for line in hammer.stdout if line.endswith("\n")]
        hammer.stdout.close()
        hammer.wait()
    visits = int(shop("show").rsplit(" ", 1)[1])
    assert len(seen) == len(set(seen)) and visits - len(seen) in (0, 1, 2)
