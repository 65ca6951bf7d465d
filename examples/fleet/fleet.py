#!/usr/bin/env python3
"""Starts Redis, and two processes of the shop in web_shop.py that share it.

fleet.py                 serves http://127.0.0.1:8001 and http://127.0.0.1:8002 until Ctrl-C
fleet.py PORT PORT       serves at other ports; 0 is a free one
fleet.py try             starts them at free ports, visits them as visit.py says, and ends

The Redis has a temporary folder, and ends with this program. If $LILY_SESSION_REDIS names a server, that is used instead.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

import visit

SHOP = Path(__file__).resolve().with_name("web_shop.py")


@contextmanager
def running(command: "List[str]", environment: Dict[str, str]) -> "Iterator[subprocess.Popen[str]]":
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def redis() -> Iterator[str]:
    """Starts a Redis that nobody else can reach, on a socket in a folder, and gives its address."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        sys.exit("fleet: redis-server is missing. Install it (Debian: apt install redis-server), or name a server in LILY_SESSION_REDIS")
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/socket"
        options = ["--port", "0", "--unixsocket", place, "--unixsocketperm", "600", "--dir", folder, "--appendonly", "yes"]
        with running([program, *options, "--logfile", f"{folder}/log"], dict(os.environ)) as server, socket.socket(socket.AF_UNIX) as probe:
            while probe.connect_ex(place):
                if server.poll() is not None:
                    sys.exit("fleet: the server does not start: " + Path(folder, "log").read_text())
                time.sleep(0.01)
            yield f"unix://{place}"


@contextmanager
def fleet(ports: "List[int]") -> "Iterator[List[str]]":
    """Starts everything, and gives the addresses of the shops."""
    with ExitStack() as stack:
        server = os.environ.get("LILY_SESSION_REDIS") or stack.enter_context(redis())
        shops = [stack.enter_context(running([sys.executable, str(SHOP), str(port)], {**os.environ, "LILY_SESSION_REDIS": server})) for port in ports]
        addresses = [shop.stdout.readline().strip() for shop in shops if shop.stdout]
        if not all(addresses):
            sys.exit(1)  # The shop has said why.
        yield addresses


def main(words: "List[str]") -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if words == ["try"]:
        with fleet([0, 0]) as addresses:
            return visit.both(*addresses)
    ports = words or ["8001", "8002"]
    if len(ports) != 2 or not all(port.isdigit() for port in ports):
        sys.exit("usage: fleet.py [PORT PORT] | try")
    with fleet([int(port) for port in ports]) as addresses:
        print(*addresses, sep="\n", flush=True)
        signal.pause()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
