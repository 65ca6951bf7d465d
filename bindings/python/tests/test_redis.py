"""Tests Storage.redis() with a server that the tests start."""
import ctypes
import inspect
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from select import select
from typing import Any, Dict, Iterator, List, Optional

import pytest
from conftest import Clock
from redis_server import PATIENCE, needs_server, running

from lily_session import (
    Durability, Event, EventKind, InvalidArgumentError, Map, NotDurableError, PermissionDeniedError, Persistence, Runtime, Storage,
    StorageError,
)  # fmt: skip
from lily_session._redis import LAZY, Options

TREE = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("redis"), "--user", "weak", "on", ">secret", "~lily:*", "+ping") as url:
        yield url


@pytest.fixture
def all_users(url: str) -> Iterator[Storage]:
    with Storage.redis(url) as storage:
        yield storage
        for name in storage.scopes():
            storage.scoped(name).clear()


@dataclass
class User:
    token: str = ""
    cart: Map[int] = field(default_factory=dict)


def attach(storage: Storage, events: Optional[List[Event]] = None) -> "tuple[User, Any]":
    user = User()
    return user, Runtime(user).attach(Persistence.of(User), storage, on_event=None if events is None else events.append)


@needs_server
def test_two_programs_lose_nothing(url: str, all_users: Storage) -> None:
    with Storage.redis(url) as elsewhere:
        ours, theirs = all_users.scoped("user:42"), elsewhere.scoped("user:42")
        user, session = attach(ours)
        other, others = attach(theirs)
        user.token, user.cart["apple"] = "t", 1
        other.cart["pear"] = 2
        session.persist()
        others.persist()
        assert session.modify("cart/apple", lambda apples: apples + 1) == 2
        others.refresh()
        assert (other.token, other.cart) == ("t", {"apple": 2, "pear": 2})
        assert all_users.scopes() == ["user:42"] and ours["lily_session_cart/pear"] == 2
        theirs.clear()
        user.cart["late"] = 1
        events = session.refresh()
        assert EventKind.CLEARED in [event.kind for event in events] and user.token == ""
        assert "lily_session_token" not in ours
        session.detach()  # does not ask the server, which syncs nothing, for its disk
        others.detach()
        with pytest.raises(NotDurableError):
            theirs.sync()


@needs_server
def test_a_change_elsewhere_makes_it_readable(url: str, all_users: Storage) -> None:
    with Storage.redis(url) as elsewhere:
        watched = all_users.scoped("user:42")
        user, session = attach(watched)
        descriptor = watched.fileno()
        session.refresh()
        elsewhere.scoped("user:42")["lily_session_token"] = "t"
        assert select([descriptor], [], [], PATIENCE)[0]
        session.refresh()
        assert user.token == "t"


@needs_server
def test_the_clock_judges_expiry(url: str, clock: Clock) -> None:
    with Storage.redis(url, clock=clock) as storage:
        one = storage.scoped("user:clock")
        one.set("lily_session_token", "t", expires_at=clock.now + timedelta(hours=1))
        assert one.get("lily_session_token") == "t"
        clock.go(hours=2)
        assert one.get("lily_session_token") is None
        one.clear()


@needs_server
def test_the_clocks_exception_is_raised(url: str) -> None:
    def broken() -> Any:
        raise LookupError("no time")

    with pytest.raises(LookupError, match="no time"), Storage.redis(url, clock=broken) as storage:
        storage.scoped("user:clock").get("key")


@needs_server
def test_the_environment_names_the_server(url: str, all_users: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LILY_SESSION_REDIS", url)
    all_users.scoped("user:1")["key"] = 1
    with Storage.redis() as storage:
        assert storage.scoped("user:1")["key"] == 1


@needs_server
def test_idle_scopes_end(url: str) -> None:
    """A time to live of Redis' own cannot be moved by a clock; so it is read."""
    with Storage.redis(url, idle=timedelta(minutes=5)) as storage, Storage.redis(url, idle=None) as lasting:
        storage.scoped("user:idle")["key"] = 1
        assert 0 < int(ask(url, "PTTL", "lily:{user:idle}")) <= 300_000
        lasting.scoped("user:lasting")["key"] = 1
        assert int(ask(url, "PTTL", "lily:{user:lasting}")) == -1


def ask(url: str, *words: str) -> str:
    """Asks a server for a number."""
    host, port = url[len("redis://"):].split(":")
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rwb") as stream:
        stream.write((" ".join(words) + "\r\n").encode())
        stream.flush()
        return stream.readline().decode().strip().lstrip(":")


@needs_server
def test_power(url: str) -> None:
    with Storage.redis(url, durability=Durability.POWER) as storage:
        with pytest.raises(NotDurableError):
            storage.scoped("user:power")["key"] = 1
        assert storage.info().durability is Durability.POWER


@needs_server
def test_replicas_that_are_missing(url: str) -> None:
    with Storage.redis(url, replicas=1, timeout=timedelta(milliseconds=300)) as storage:
        with pytest.raises(NotDurableError):
            storage.scoped("user:3")["key"] = 1
        assert storage.scoped("user:3")["key"] == 1  # it is stored all the same


@needs_server
def test_a_server_that_refuses(url: str) -> None:
    for user in ("weak:secret", "weak:wrong%20secret"):
        with pytest.raises(PermissionDeniedError) as raised:
            Storage.redis(url.replace("://", f"://{user}@"))
        assert "secret" not in str(raised.value)


@needs_server
def test_a_server_that_goes_down(tmp_path: Path, events: List[Event]) -> None:
    with running(tmp_path) as url:
        storage = Storage.redis(url)
        user, session = attach(storage.scoped("user:1"), events)
    user.token = "t"
    with pytest.raises(StorageError):
        session.persist()
    assert (events[-1].kind, events[-1].key) == (EventKind.WRITE_FAILED, "token")
    assert session.field_state("token").dirty and user.token == "t"
    with pytest.raises(StorageError):
        session.detach()
    storage.close()


def nobodys_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"redis://127.0.0.1:{free.getsockname()[1]}"


def test_no_server() -> None:
    address = nobodys_address()
    with pytest.raises(StorageError, match=address[len("redis://"):]):
        Storage.redis(address)
    with Storage.redis(address, lazy=True) as storage, pytest.raises(StorageError):
        storage.scoped("user:1").get("key")


@pytest.mark.parametrize("wrong", [
    {"url": "http://host"}, {"url": "redis://\0"}, {"timeout": timedelta(0)}, {"timeout": timedelta(seconds=-1)}, {"idle": timedelta(0)},
    {"replicas": -1}, {"replicas": 1 << 31}, {"replicas": 1 << 32}, {"durability": 7}, {"ca_file": "a\0b"}, {"ca_file": "/no/such/file"},
])  # fmt: skip
def test_wrong_arguments(wrong: Dict[str, Any]) -> None:
    arguments: Dict[str, Any] = {"url": nobodys_address().replace("redis:", "rediss:"), "lazy": True, **wrong}
    with pytest.raises(InvalidArgumentError):
        Storage.redis(**arguments)


def test_paths_of_any_kind(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="certificate"):
        Storage.redis("rediss://127.0.0.1:1", lazy=True, certificate_file=tmp_path / "none.pem")


def test_the_struct_and_the_defaults_are_the_headers() -> None:
    header = (TREE / "include/lily_session_redis.h").read_text()
    struct = re.sub(r"/\*.*?\*/", "", re.findall(r"typedef struct lily_session_redis_options \{(.*?)^\}", header, re.M | re.S)[0], flags=re.S)
    types = {"size_t ": ctypes.c_size_t, "const char *": ctypes.c_char_p, "int64_t ": ctypes.c_int64, "int32_t ": ctypes.c_int32,
             "lily_session_clock_fn ": ctypes.c_void_p, "void *": ctypes.c_void_p}  # fmt: skip
    members = re.findall(r"^\s*(\S.*?[ *])(\w+);", struct, re.M)
    assert [(name, types[kind]) for kind, name in members] == [field[:2] for field in Options._fields_] and len(members) > 5
    assert f"LILY_SESSION_REDIS_LAZY = {LAZY}\n" in header
    defaults = {name: parameter.default for name, parameter in inspect.signature(Storage.redis).parameters.items()}
    for member, says in (("timeout", rf"0: {defaults['timeout'] // timedelta(milliseconds=1)}\b"), ("idle", rf"0: {defaults['idle'].days} days\b")):
        assert re.search(rf"int64_t {member}_ms;(?:(?!\*/).)*{says}", header, re.S), member


def python(code: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADED = '[line.split()[-1] for line in open("/proc/self/maps") if "/liblily_session_redis" in line or "/libhiredis" in line]'


def test_it_is_loaded_by_the_call_alone() -> None:
    code = f"""
import sys
from lily_session import Storage
assert not {LOADED} and "ctypes" not in sys.modules
Storage.redis("{nobodys_address()}", lazy=True)
print(*{LOADED})
"""
    assert "/liblily_session_redis.so" in python(code)


@pytest.fixture
def core_alone(tmp_path: Path) -> Path:
    """A folder that has the library of the sessions, and not the one for Redis beside it."""
    core = next(path for path in (TREE / "build/lib").glob("liblily_session.so.0.*") if not path.is_symlink())
    (tmp_path / "liblily_session.so.0").symlink_to(core)
    return tmp_path


OPEN = f"""
from lily_session import Storage
try: Storage.redis("{nobodys_address()}", lazy=True)
except OSError as error: print(type(error).__name__, error)
"""


def test_a_library_that_is_missing(core_alone: Path, tmp_path: Path) -> None:
    said = python(OPEN, LD_LIBRARY_PATH=str(core_alone))
    assert said.startswith("UnsupportedError Storage.redis() needs liblily_session_redis.so.0") and "`make redis`" in said
    other = tmp_path / "other"
    other.mkdir()
    (other / "liblily_session_redis.so.0").symlink_to(TREE / "build/lib/liblily_session_redis.so.0")
    assert python(OPEN, LD_LIBRARY_PATH=f"{core_alone}:{other}") == ""


def test_a_second_copy_of_the_library_is_refused(core_alone: Path, tmp_path: Path) -> None:
    """A wheel has a copy of its own, with another name. A handle of one copy must not come to the other."""
    (tmp_path / "copy.c").write_text('const char *lily_session_version(void) { return "another copy"; }\n')
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "liblily_session_redis.so.0", tmp_path / "copy.c"], check=True)
    said = python(OPEN, LD_LIBRARY_PATH=str(core_alone))
    assert said.startswith("UnsupportedError") and "another copy of liblily_session than this package" in said
