"""S25: where a storage can be opened, and what opening says if it cannot."""
import ctypes as c
import errno
import os
import resource
import socket
import time

import pytest

import lily
import servers
from store import LAZY, Options, Storage, answered, code, eventually, failure, redis_open, timed


def _works(url, **options):
    with Storage(url, **options) as storage, storage.scoped(b"user:1") as scope:
        scope.set(b"lily_session_a", b"1")
        assert scope.get(b"lily_session_a") == b"1"
        scope.clear()
        assert scope.get(b"lily_session_a") is None


def test_by_tcp_and_by_a_unix_socket(either):
    _works(either.url)
    _works(f"unix://{either.path}")


def test_a_database_is_a_place_of_its_own(server):
    with Storage(server.url + "/3") as three, Storage(server.url + "/4") as four, Storage(f"unix://{server.path}?database=3") as again:
        three.set(b"a", b"3")
        assert four.get(b"a") is None
        assert again.get(b"a") == b"3"
    with server.client() as client:
        assert client("DBSIZE") == 0


def test_a_host_has_several_addresses(server):
    _works(f"redis://localhost:{server.port}")


def test_an_address_of_ipv6(start):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    server = start(bind="127.0.0.1 ::1")
    _works(f"redis://[::1]:{server.port}/1")


def test_by_tls(start, certificates):
    tls = start(tls=certificates)
    _works(tls.url, ca_file=certificates.authority)
    _works(tls.url, ca_file=certificates.authority, certificate_file=certificates.certificate, key_file=certificates.key)


@pytest.mark.parametrize("what", ["an authority that signed nothing", "another name"])
def test_tls_trusts_nobody_else(start, certificates, tmp_path, what):
    tls = start(tls=certificates, bind="127.0.0.1 127.0.0.2")
    stranger = servers.Certificates(tmp_path / "stranger")
    if what == "another name":
        failed = failure(Storage, tls.url.replace("localhost", "127.0.0.2"), ca_file=certificates.authority)
    else:
        failed = failure(Storage, tls.url, ca_file=stranger.authority)
    assert failed.code == lily.IO and b"certificate" in failed.text.lower(), failed


def test_tls_needs_a_client_certificate_where_the_server_asks_for_one(start, certificates):
    tls = start(tls=certificates)
    with tls.client() as client:
        client("CONFIG", "SET", "tls-auth-clients", "yes")
    assert code(Storage, tls.url, ca_file=certificates.authority) == lily.IO
    _works(tls.url, ca_file=certificates.authority, certificate_file=certificates.certificate, key_file=certificates.key)


def test_a_server_without_tls_is_no_server_of_tls(server, certificates):
    status, took = timed(Storage, f"rediss://localhost:{server.port}", ca_file=certificates.authority, timeout_ms=500)
    assert status == lily.IO and took < 2000


@pytest.mark.parametrize("option", ["ca_file", "certificate_file", "key_file"])
def test_files_that_are_no_certificates(server, certificates, tmp_path, option):
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    options = {"ca_file": certificates.authority, "certificate_file": certificates.certificate, "key_file": certificates.key}
    for path in [str(wrong), str(tmp_path / "missing.pem")]:
        failed = failure(Storage, f"rediss://localhost:{server.port}", **{**options, option: path})
        assert failed.code == lily.INVALID_ARGUMENT, (path, failed)


def test_a_password(start):
    server = start(requirepass="se@cret/SECRETVALUE:%1")
    escaped = "se%40cret%2FSECRETVALUE%3A%251"
    at = f"127.0.0.1:{server.port}"
    _works(f"redis://:{escaped}@{at}")
    _works(f"redis://default:{escaped}@{at}")
    _works(f"unix://:{escaped}@{server.path}")
    for wrong in ["", ":SECRETVALUE@", "nobody:SECRETVALUE@"]:
        failed = failure(Storage, f"redis://{wrong}{at}")
        assert failed.code == lily.PERMISSION and b"SECRETVALUE" not in failed.text, failed


def _with_rights(server, rights):
    with server.client() as client:
        client("ACL", "SETUSER", "shop", "reset", "on", ">SECRETVALUE", *rights)
    return f"redis://shop:SECRETVALUE@127.0.0.1:{server.port}"


def test_the_rights_of_the_guide_suffice(either):
    url = _with_rights(either, servers.RIGHTS)
    _works(url)
    with Storage(url) as storage, storage.scoped(b"user:1") as scope, storage.scoped(b"user:1") as other:
        assert scope.fd() >= 0
        scope.write(lily_session_a=b"1", b=b"2")
        other.modify(b"lily_session_a", lambda _: b"3")
        other.remove(b"b")
        assert scope.each() == {b"lily_session_a": (b"3", 0)}
        assert code(scope.sync) == lily.NOT_DURABLE, "this server has no AOF"
    with either.client() as client:
        client("ACL", "DELUSER", "shop")


def test_the_rights_of_the_guide_suffice_for_sessions(server):
    from store import Session
    url = _with_rights(server, servers.RIGHTS)
    with Storage(url, idle_ms=-1) as storage, storage.scoped(b"user:1") as scope, storage.scoped(b"user:1") as other:
        with Session(scope, expires_after_ms=100000, a=0) as session:
            session.dispatch(a=1)
            session.touch("a")
            other.clear()
            session.dispatch(a=2)
            session.refresh()
            assert session.model == {"a": 2}
        assert not [event for event in session.events if event[1] != lily.OK]
    with server.client() as client:
        client("ACL", "DELUSER", "shop")


@pytest.mark.parametrize("missing", ["-evalsha -eval", "-hgetall -eval -evalsha", "resetkeys ~other:*"])
def test_too_few_rights(server, missing):
    failed = failure(_works, _with_rights(server, servers.RIGHTS + tuple(missing.split())))
    assert failed.code == lily.PERMISSION and b"SECRETVALUE" not in failed.text, failed
    with server.client() as client:
        client("ACL", "DELUSER", "shop")


@pytest.mark.parametrize("url", [
    "", "redis", "redis:", "http://127.0.0.1", "redis://", "redis://127.0.0.1:0", "redis://127.0.0.1:65536", "redis://127.0.0.1:x",
    "redis://127.0.0.1/x", "redis://127.0.0.1/-1", "redis://127.0.0.1/99999999999999999999", "redis://user@127.0.0.1:1:2", "redis://a%4@b",
    "redis://a%zz@b", "redis://127.0.0.1/0?x=y", "unix://", "unix://relative", "unix:///path?database=x", "unix:///path?other=1",
    "redis+sentinel://127.0.0.1", "redis+sentinel://127.0.0.1/", "redis+sentinel:///shop", "redis+sentinel://a,,b/shop",
    "redis+cluster://", "redis+cluster://a,", "redis+cluster://127.0.0.1/1", "redis://a,b", "redis://%00@b", "redis://[::1",
    b"redis://\xff\xfe"])
def test_addresses_that_are_none(url):
    failed = failure(Storage, url, timeout_ms=200)
    assert failed is not None and failed.code == lily.INVALID_ARGUMENT, (url, failed)
    assert failed.text and b"\n" not in failed.text


def test_an_address_that_is_none_does_not_tell_the_password():
    for url in ["redis://user:SECRETVALUE@127.0.0.1:x", "http://:SECRETVALUE@a", "redis://:SECRETVALUE@", "redis://:SECRETVALUE%zz@b",
                "redis+sentinel://:SECRETVALUE@a"]:
        failed = failure(Storage, url)
        assert failed.code == lily.INVALID_ARGUMENT and b"SECRETVALUE" not in failed.text, failed


@pytest.mark.parametrize("option, value", [("timeout_ms", -1), ("idle_ms", -2), ("durability", 2), ("durability", -1), ("replicas", -1),
                                           ("flags", 2), ("flags", -1), ("size", 0), ("size", 8)])
def test_options_that_are_wrong(server, option, value):
    assert code(Storage, server.url, **{option: value}) == lily.INVALID_ARGUMENT if option != "size" else True
    if option == "size":
        given, handle = Options(size=value, url=server.url.encode()), lily.handle(1)
        assert redis_open(c.byref(given), c.byref(handle)) == lily.INVALID_ARGUMENT and not handle.value


@pytest.mark.parametrize("option, value", [("timeout_ms", 2**63 - 1), ("timeout_ms", 2**31 - 1), ("idle_ms", 2**63 - 1), ("idle_ms", 1),
                                           ("replicas", 2**31 - 1)])
def test_options_at_their_limits(server, option, value):
    """They may be refused, but then by name."""
    def use():
        with Storage(server.url, **{"timeout_ms": 300, option: value}) as storage:
            assert answered(storage.set, b"a", b"1") == (lily.NOT_DURABLE if option == "replicas" else lily.OK)
    failed = failure(use)
    assert failed is None or failed.code == lily.INVALID_ARGUMENT and option.encode() in failed.text, failed


def test_a_path_that_is_too_long():
    assert code(Storage, "unix:///" + "x" * 200) in (lily.INVALID_ARGUMENT, lily.IO)


def test_null_for_the_handle(server):
    given = Options(size=c.sizeof(Options), url=server.url.encode())
    assert redis_open(c.byref(given), None) == lily.INVALID_ARGUMENT


def test_without_an_address_the_environment_decides(server, monkeypatch):
    monkeypatch.setenv("LILY_SESSION_REDIS", server.url)
    handle = lily.handle()
    assert redis_open(None, c.byref(handle)) == lily.OK
    assert lily._set(handle, b"a", b"1", 1, 0) == lily.OK
    lily._close(handle)
    with server.client() as client:
        assert client("DBSIZE") == 1
    monkeypatch.setenv("LILY_SESSION_REDIS", "nothing")
    assert redis_open(None, c.byref(handle)) == lily.INVALID_ARGUMENT and not handle.value


def test_a_server_that_is_down_is_told_at_once(dead_port, tmp_path):
    failed, begin = failure(Storage, f"redis://127.0.0.1:{dead_port}", timeout_ms=5000), time.monotonic()
    assert failed.code == lily.IO and time.monotonic() - begin < 2
    assert f"127.0.0.1:{dead_port}".encode() in failed.text and os.strerror(errno.ECONNREFUSED).encode() in failed.text, failed
    missing = failure(Storage, f"unix://{tmp_path}/missing")
    assert missing.code == lily.IO and os.strerror(errno.ENOENT).encode() in missing.text, missing


def test_failing_again_and_again_takes_no_memory(dead_port):
    def largest():
        for _ in range(1000):
            failure(Storage, f"redis://127.0.0.1:{dead_port}")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert largest() + 4096 > largest()  # in KiB; a connection has a buffer of 16


def test_a_name_that_does_not_exist():
    status, took = timed(Storage, "redis://no-such-host.invalid", timeout_ms=1000)
    assert status == lily.IO and took < 10000


def test_lazy_opens_while_the_server_is_down(start, dead_port):
    with Storage(f"redis://127.0.0.1:{dead_port}", flags=LAZY) as storage:
        assert code(storage.set, b"a", b"1") == lily.IO
        assert code(storage.get, b"a") == lily.IO
        assert code(storage.clear) == lily.IO
        start(port=dead_port)
        eventually(storage.set, b"a", b"1")
        assert storage.get(b"a") == b"1"


def test_lazy_is_no_excuse_for_a_wrong_address():
    assert code(Storage, "redis://127.0.0.1:x", flags=LAZY) == lily.INVALID_ARGUMENT


def test_two_handles_on_a_database_are_one_place(server):
    """S1: a runtime has one session for a key of a place."""
    import sessions
    with Storage(server.url) as one, Storage(server.url) as two, Storage(server.url + "/1") as elsewhere:
        with_one = sessions.Session(one, [sessions.Field("a", lily.INT)], {"a": 0})
        fields = lily.persistence_new()
        lily.check(lily.field_add(fields, c.byref(with_one._struct(sessions.Field("a", lily.INT)))))

        def attach(storage):
            config, session = lily.Config(c.sizeof(lily.Config), storage.handle), lily.handle()
            status = lily.session_attach(with_one.runtime, fields, c.byref(config), c.byref(session))
            lily.session_detach(session)
            return status
        assert attach(two) == lily.DUPLICATE_KEY
        assert attach(elsewhere) == lily.OK
        lily.persistence_free(fields)
        with_one.close()
