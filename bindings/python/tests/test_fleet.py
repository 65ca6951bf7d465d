"""Tests examples/fleet: two processes of a shop that share a Redis."""
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Iterator, List, Tuple
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

import pytest
from redis_server import PATIENCE, needs_server, running

FLEET = Path(__file__).resolve().parents[3] / "examples/fleet"
pytestmark = needs_server


@contextmanager
def started(*words: str, **environment: str) -> "Iterator[subprocess.Popen[str]]":
    inherited = {name: value for name, value in os.environ.items() if name != "LILY_SESSION_REDIS"}

    def obey_interrupts() -> None:  # A shell has what it runs in the background ignore them.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen([sys.executable, *words], env={**inherited, **environment}, stdout=subprocess.PIPE, text=True,
                          preexec_fn=obey_interrupts) as process:
        try:
            yield process
        finally:
            process.terminate()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[List[str]]:
    folder = tmp_path_factory.mktemp("fleet")
    with started(str(FLEET / "fleet.py"), "0", "0", TMPDIR=str(folder)) as fleet:
        addresses = [line(fleet), line(fleet)]
        assert all(address.startswith("http://127.0.0.1:") for address in addresses)
        yield addresses
        fleet.send_signal(signal.SIGINT)  # as Ctrl-C
        assert fleet.wait(PATIENCE) == 0
    for address in addresses:
        with pytest.raises(OSError):
            urlopen(address)
    assert list(folder.iterdir()) == []  # Redis has ended, and its folder is deleted


def ask(shop: str, page: str, cookie: str = "", method: str = "POST") -> Tuple[int, str, str]:
    """Makes a request. Returns the status, the text, and the cookie."""
    try:
        with urlopen(Request(shop + page, method=method, headers={"Cookie": cookie}), timeout=PATIENCE) as reply:
            return reply.status, reply.read().decode().strip(), reply.headers.get("Set-Cookie", "").split(";")[0]
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode().strip(), ""


def shown(shop: str, cookie: str) -> Tuple[int, str]:
    return ask(shop, "/", cookie, "GET")[:2]


def log_in(shop: str, name: str) -> str:
    status, text, cookie = ask(shop, f"/login?name={name}")
    assert (status, text) == (200, f"{name} is logged in") and cookie.startswith("session=")
    return cookie


NOBODY = (401, "nobody is logged in")


def test_a_log_in_holds_at_both_and_for_one_browser(shops: List[str]) -> None:
    first, second = shops
    ada, grace = log_in(first, "ada"), log_in(second, "grace")
    ask(second, "/add?item=pear", ada)
    for shop in shops:
        assert shown(shop, ada) == (200, "ada, cart: 1 pear, address: none")
        assert shown(shop, grace) == (200, "grace, cart: empty, address: none")
        for stranger in ("", "session=", "session=" + "x" * 32, "session=../../etc/passwd", "session=user:42"):
            assert shown(shop, stranger) == NOBODY
            assert ask(shop, "/add?item=apple", stranger)[:2] == NOBODY


def test_no_update_is_lost(shops: List[str]) -> None:
    """All add the same item, and each adds items of its own, to one cart at the same time."""
    ada, each, wrong = log_in(shops[0], "ada"), 8, []

    def add(number: int) -> None:
        for turn in range(each):
            for item in ("apple", f"{number}-{turn}"):
                status, text, _ = ask(shops[number % 2], f"/add?item={item}", ada)
                if status != 200:
                    wrong.append(text)

    tabs = [Thread(target=add, args=(number,)) for number in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert wrong == []
    items = [f"1 {number}-{turn}" for number in range(4) for turn in range(each)]
    for shop in shops:
        assert shown(shop, ada) == (200, f"ada, cart: {', '.join([*items, f'{4 * each} apple'])}, address: none")


@pytest.mark.parametrize("logs_out, is_late", [(0, 1), (1, 0), (0, 0)])
def test_a_late_write_brings_nothing_back(shops: List[str], logs_out: int, is_late: int) -> None:
    ada = log_in(shops[0], "ada")
    ask(shops[1], "/add?item=apple", ada)
    late = HTTPConnection(urlsplit(shops[is_late]).netloc, timeout=PATIENCE)
    late.putrequest("POST", "/address")
    late.putheader("Cookie", ada)
    late.putheader("Content-Length", "4")
    late.endheaders()
    deadline = time.monotonic() + PATIENCE
    while ask(shops[is_late], "/busy", method="GET")[1] == "0":  # it has loaded the session, and waits for the address
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ask(shops[logs_out], "/logout", ada)[:2] == (200, "logged out")
    late.send(b"Rome")
    reply = late.getresponse()
    assert (reply.status, reply.read().decode().strip()) == NOBODY
    late.close()
    for shop in shops:
        assert shown(shop, ada) == NOBODY
    again = log_in(shops[is_late], "ada")
    assert again != ada and shown(shops[logs_out], again) == (200, "ada, cart: empty, address: none")


def test_wrong_requests(shops: List[str]) -> None:
    ada = log_in(shops[0], "ada")
    for page, status in (("/add", 400), ("/add?item=", 400), ("/login", 400), ("/add?item=" + quote("ä" * 300), 400), ("/buy", 404)):
        assert ask(shops[0], page, ada)[0] == status, page
    assert ask(shops[1], "/none", ada, "GET")[0] == 404
    assert shown(shops[1], ada) == (200, "ada, cart: empty, address: none")


def test_redis_goes_down(tmp_path: Path) -> None:
    with ExitStack() as redis:
        url = redis.enter_context(running(tmp_path))
        with started(str(FLEET / "web_shop.py"), "0", LILY_SESSION_REDIS=url) as shop:
            address = line(shop)
            ada = log_in(address, "ada")
            redis.close()
            assert shown(address, ada) == (503, "try again later")
            assert ask(address, "/login?name=ada")[:2] == (503, "try again later")


def test_there_is_no_redis(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, FLEET / "fleet.py"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1 and "redis-server is missing" in done.stderr
    done = subprocess.run([sys.executable, FLEET / "fleet.py", "8001"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("usage: ")
