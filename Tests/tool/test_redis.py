"""Tests the command on stores in Redis, which --store names by an address. Each test has a database of its own, on one server."""
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import pytest

import scopefiles
from conftest import PATIENCE, ROOT, TOOL, Terminal
from test_backup import generated, write
from test_completion import offered
from test_docs import SERVER_PART, Shell, blocks, steps

PASSWORD = "ada/secret@7"  # both signs end a part of an address
ON_SERVERS = "list, get, set, edit, unset, clear, watch, scopes, sweep, diff, export, import"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Starts a server, and returns a function that makes the address of one of its databases."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    if b"without Redis" in subprocess.run([TOOL, "list", "--store", "redis://127.0.0.1:1"], capture_output=True).stderr:
        pytest.skip("this command was built without Redis")
    folder = tmp_path_factory.mktemp("redis")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"port": port, "bind": "127.0.0.1", "unixsocket": folder / "redis.sock", "dir": folder, "save": "", "requirepass": PASSWORD,
                "logfile": folder / "log", "databases": 64}
    process = subprocess.Popen(["redis-server", *(word for name, value in settings.items() for word in (f"--{name}", str(value)))])
    try:
        end = time.monotonic() + PATIENCE
        while "Ready to accept" not in ((folder / "log").read_text() if (folder / "log").exists() else ""):
            assert process.poll() is None and time.monotonic() < end, "redis-server does not start"
            time.sleep(0.01)
        word = urllib.parse.quote(PASSWORD, safe="")
        yield lambda database, kind="redis": (
            f"unix://:{word}@{folder}/redis.sock?database={database}" if kind == "unix" else f"redis://:{word}@127.0.0.1:{port}/{database}")
    finally:
        process.terminate()
        process.wait(PATIENCE)


databases = itertools.count(1)


@pytest.fixture
def address(server):
    return server(next(databases))


def run(home, address, *words, **options):
    return home.run(*words, "--store", address, app=None, **options)


def test_the_page_shows_what_happens_on_a_server(home, address):
    home.environment["LILY_SESSION_REDIS"] = address
    shell = Shell(home)
    shown, happened = [], []
    for command, expected in (step for block in blocks("docs/command-line.md", SERVER_PART) for step in steps(block)):
        shown += [f"$ {command}", *expected]
        happened += [f"$ {command}", *shell.run(command, expected)]
    assert happened == shown and len(shown) > 10


@pytest.mark.parametrize("kind", ["redis", "unix"])
def test_every_command_on_keys(home, server, kind):
    address = server(next(databases), kind)
    assert run(home, address, "set", "theme", "dark").err == 'the value is not JSON, so it is stored as the string "dark"\n'
    run(home, address, "set", "count", "1", "--expires", "1h")
    run(home, address, "set", "--all", "other", "[1, 2]")
    assert run(home, address, "get", "theme").out == '"dark"\n'
    rows = {row["key"]: row for row in run(home, address, "list", "--all", "--json").json}
    assert {key: row["value"] for key, row in rows.items()} == {"lily_session_count": 1, "lily_session_theme": "dark", "other": [1, 2]}
    run(home, address, "set", "count", "2")  # keeps its deadline
    assert run(home, address, "list", "count", "--json").json[0]["expires_at_ms"] == rows["lily_session_count"]["expires_at_ms"]
    run(home, address, "unset", "count")
    assert "there is no key count in" in run(home, address, "get", "count", code=1).err
    assert run(home, address, "clear", "--yes").err == "removed 1 key\n"
    assert [row["key"] for row in run(home, address, "list", "--all", "--json").json] == ["other"]


def test_scopes_and_sweep(home, address):
    run(home, address, "set", "theme", '"dark"', "--scope", "user:42")
    run(home, address, "set", "x", "1", "--scope", "user:7")
    run(home, address, "set", "x", "1", "--scope", "user:8", "--expires", "1s")
    assert run(home, address, "list", "--json").json == []
    time.sleep(1.1)
    assert run(home, address, "scopes", "--json").json == [
        {"scope": "user:42", "keys": 1, "bytes": 18 + 6}, {"scope": "user:7", "keys": 1, "bytes": 14 + 1}]
    assert offered(home, "list", "--store", address, "--scope", "user:") == ["user:42", "user:7"]
    assert run(home, address, "sweep", "--json").json in ({"removed": 1}, {"removed": 0})  # the server removes it, too
    assert run(home, address, "sweep", "--json").json == {"removed": 0}


def test_a_write_does_not_let_the_server_remove_what_programs_keep_for_ever(home, address):
    run(home, address, "set", "theme", '"dark"', "--scope", "user:42")
    place = urllib.parse.urlsplit(address)
    client = ["redis-cli", "--no-auth-warning", "-a", PASSWORD, "-p", str(place.port), "-n", place.path[1:]]
    said = subprocess.run([*client, "TTL", "lily:{user:42}"], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "-1"


def test_export_and_import_go_between_files_and_servers(home, address):
    home.run("set", "theme", '"dark"', "--expires", "1h")
    home.run("set", "n", "123456789012345678901234567890")
    dump = home.run("export").bytes
    assert "imported 2 keys into redis://127.0.0.1:" in run(home, address, "import", "--scope", "user:42", input=dump).err
    file = home.path / "dump.json"
    run(home, address, "export", "--scope", "user:42", "-o", file)
    assert json.loads(file.read_bytes()) == json.loads(dump)


def test_a_back_up_of_a_file_is_restored_on_a_server_and_back(home, address):
    parts = generated("redis")
    strange = parts.pop(b"\x01" * 64)  # no server takes such a name, which is left out
    write(home, parts | {b"\x01" * 64: strange}, "one")
    said = run(home, address, "import", input=home.run("export").bytes, code=2).err
    assert said.count("left out ") == len(strange) and "its scope's name contains it" in said
    write(home, parts, "one")
    dump = home.run("export").bytes
    assert run(home, address, "export").bytes == dump
    home.run("import", app="other", input=run(home, address, "export").bytes)
    assert scopefiles.inside(home.store("other")) == parts
    assert home.run("diff", home.store(), address, app=None).out == ""


def test_watch_shows_the_changes_of_others(home, address):
    run(home, address, "set", "theme", '"dark"', "--scope", "user:42")
    words = [str(TOOL), "watch", "--store", address, "--scope", "user:42"]
    terminal = Terminal(words, home, environment={"NO_COLOR": "1"})
    terminal.until("Ctrl-C")
    run(home, address, "set", "theme", '"light"', "--scope", "user:42")
    terminal.until('set      theme  "light"')
    run(home, address, "clear", "--yes", "--scope", "user:42")
    terminal.until("cleared")
    terminal.process.send_signal(signal.SIGINT)
    assert "secret" not in terminal.rest()


@pytest.mark.parametrize("command", ["where", "info", "verify", "compact", "compact --repair", "scopes --to-files", "scopes --to-one"])
def test_what_needs_a_file_is_refused_before_anybody_is_asked(home, command):
    for address in ["redis://127.0.0.1:1", "redis", "unix:///nowhere"]:
        assert home.run(*command.split(), "--store", address, app=None, code=64).err == (
            "lily-session: this command is about a store's file, but the store is on a server\n"
            f"  These commands work on a server: {ON_SERVERS}.\n")


def test_no_message_has_the_user_or_the_password(home, server):
    wrong = server(0).replace("secret", "secret-wrong")
    for address, code, words in [
        (wrong, 3, "WRONGPASS"), ("redis://ada:ada-secret@127.0.0.1:1", 3, "Connection refused"), ("unix://:ada-secret@/nowhere", 3, "No such file"),
        ("redis://ada:secret/x@127.0.0.1:1", 64, ""), ("redis://ada:secret@host:0", 64, "port"), ("rediss+ring://ada:secret@host", 64, "known"),
        ("http://ada:secret@host", 64, "known"), ("redis://ada:secret%zz@host", 64, "%"), ("redis://ada:secret@\u0301host:1x", 64, "port"),
    ]:
        for command in ["list", "set a 1", "clear --yes", "scopes", "watch", "export"]:
            said = run(home, address, *command.split(), code=code)
            assert words in said.err and "secret" not in said.err + said.out and "ada" not in said.err, (address, said.err)


def test_the_name_redis_stands_for_the_environment_and_a_path_for_a_file(home, address):
    home.environment["LILY_SESSION_REDIS"] = address
    run(home, "redis", "set", "theme", '"dark"')
    assert run(home, address, "get", "theme").out == '"dark"\n'
    assert "there is no key x in redis\n" in run(home, "redis", "get", "x", code=1).err
    assert "created ./redis" in run(home, "./redis", "set", "theme", '"light"').err
    assert run(home, "redis", "get", "theme").out == '"dark"\n'
    assert run(home, "./redis", "get", "theme").out == '"light"\n'


def test_who_does_not_ask_for_redis_needs_nothing_of_it():
    """`swift build` builds every target of a package, so those that need hiredis are there only if the environment asks for them."""
    def products(**environment):
        said = subprocess.run(["swift", "package", "dump-package"], cwd=ROOT, check=True, capture_output=True, env=os.environ | environment).stdout
        return {product["name"] for product in json.loads(said)["products"]}, {target["name"] for target in json.loads(said)["targets"]}
    without, targets = products(LILY_SESSION_WITH_REDIS="")
    assert not [name for name in without | targets if "redis" in name.lower()]
    assert products(LILY_SESSION_WITH_REDIS="1")[0] - without == {"LilySessionRedis"}
