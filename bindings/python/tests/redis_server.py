"""A Redis server for tests."""
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

SERVER = shutil.which("redis-server")
PATIENCE = 20  # s; a server that works takes far less
needs_server = pytest.mark.skipif(SERVER is None, reason="redis-server is missing")


@contextmanager
def running(folder: Path, *options: str) -> Iterator[str]:
    """Starts a server on a free port of loopback, and gives its address."""
    assert SERVER is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [SERVER, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert server.poll() is None and time.monotonic() < deadline, "the server does not start"
                    time.sleep(0.01)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()
