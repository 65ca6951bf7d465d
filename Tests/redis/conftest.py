"""Servers for tests. A test whose server is missing is skipped, or fails where $LILY_SESSION_ALL_SERVERS is set, as it is in CI."""
import os
import pathlib
import sys
import tempfile

import pytest

import clusters
import proxy as proxies
import sentinels
import servers
import store  # noqa: F401: it adds the folder of Tests/journal to the path

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import recorded  # noqa: E402
from recorded import LONG, hang_guard, numbers  # noqa: E402,F401


def need(*programs):
    """Skips the test, or fails it, if one of these is missing."""
    for program in programs:
        if servers.find(program) is None:
            missing = f"{program} is missing"
            pytest.fail(missing) if os.environ.get("LILY_SESSION_ALL_SERVERS") else pytest.skip(missing)


@pytest.fixture
def slowest():
    """Records the longest of some times, in ms; the run prints it at its end."""
    def record(name, ms):
        _slowest[name] = max(_slowest.get(name, 0), ms)
    return record


_slowest = {}


def pytest_terminal_summary(terminalreporter):
    recorded.pytest_terminal_summary(terminalreporter)
    for name, ms in sorted(_slowest.items()):
        terminalreporter.write_line(f"{name}: {ms:.1f} ms at most")


@pytest.fixture
def start(tmp_path):
    """Returns a function that starts a server of its own for the test."""
    started = []

    def start_one(program="redis-server", **settings):
        need(program)
        started.append(servers.Server(tmp_path / f"server{len(started)}", program, **settings))
        return started[-1]
    yield start_one
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def _shared(tmp_path_factory):
    started = {}

    def get(program):
        if program not in started:
            need(program)
            started[program] = servers.Server(tmp_path_factory.mktemp(program), program)
        return started[program]
    yield get
    for server in started.values():
        server.kill()


def _empty(server):
    with server.client() as client:
        client("FLUSHALL")
        client("SCRIPT", "FLUSH")
    return server


@pytest.fixture
def server(_shared):
    """A Redis that other tests use, too. It is empty at the start."""
    return _empty(_shared("redis-server"))


@pytest.fixture(params=["redis-server", "valkey-server"])
def either(request, _shared):
    """As `server`, but once a Redis and once a Valkey."""
    return _empty(_shared(request.param))


@pytest.fixture(scope="session", params=["redis-server", "valkey-server"] if LONG else ["redis-server"])
def _durable(request):
    """All is on its disk when it replies, and its disk is memory."""
    need(request.param)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        server = servers.Server(folder, request.param, appendonly="yes", appendfsync="always")
        yield server
        server.kill()


@pytest.fixture
def durable(_durable):
    """A server on which a sync succeeds. It is empty at the start; in make check it is once a Redis and once a Valkey."""
    return _empty(_durable)


@pytest.fixture
def look(server):
    """A client of `server` that knows nothing of the library."""
    with server.client() as client:
        yield client


@pytest.fixture
def proxy(server):
    with proxies.Proxy(server.address) as between:
        yield between


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    need("openssl")
    return servers.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def watched(tmp_path):
    """Returns a function that starts a primary, replicas and three Sentinels."""
    started = []

    def start_all(**settings):
        need("redis-server", "redis-sentinel")
        started.append(sentinels.Watched(tmp_path / f"watched{len(started)}", **settings))
        return started[-1]
    yield start_all
    for one in started:
        one.kill()


@pytest.fixture(scope="module")
def _cluster(tmp_path_factory):
    need("redis-server")
    one = clusters.Cluster(tmp_path_factory.mktemp("cluster"))
    yield one
    one.kill()


@pytest.fixture
def cluster(_cluster):
    """A Cluster that other tests use, too, because its nodes take seconds to meet. It is empty at the start."""
    for client in _cluster.clients:
        client("FLUSHALL")
    return _cluster


@pytest.fixture
def dead_port():
    """A port of loopback at which nobody listens."""
    return servers.free_ports(1)[0]
