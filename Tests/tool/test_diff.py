"""Tests `diff`, which shows in what two stores differ."""
import journal
import pytest

import scopefiles

FIRST = journal.Writer().set(b"lily_session_same", b"1", 0, 2).set(b"lily_session_gone", b"[1]").set(b"lily_session_theme", b'"dark"').set(
    b"lily_session_token", b'"hunter-1"').set(b"lily_session_later", b"1", 4_000_000_000_000).set(b"lily_session_newer", b"1").set(b"other", b"1").bytes
SECOND = journal.Writer().set(b"lily_session_same", b"1", 0, 2).set(b"lily_session_theme", b'"light"').set(b"lily_session_token", b'"hunter-2"').set(
    b"lily_session_later", b"1", 4_000_000_000_001).set(b"lily_session_newer", b"1", 0, 1).set(b"other", b"1").set(b"new", b"2").bytes


@pytest.fixture
def two(home):
    for name, data in [("a.jsonl", FIRST()), ("b.jsonl", SECOND())]:
        (home.path / name).write_bytes(data)
    return home


def test_what_differs_is_shown(two):
    result = two.run("diff", "a.jsonl", "b.jsonl", app=None, code=1)
    assert [line.split() for line in result.out.splitlines()] == [
        ["---", "a.jsonl"], ["+++", "b.jsonl"], ["KEY", "VALUE", "EXPIRES", "VERSION"], ["-", "lily_session_gone", "[1]", "never", "0"],
        ["-", "lily_session_later", "1", "2096-10-02", "0"], ["+", "lily_session_later", "1", "2096-10-02", "0"],
        ["-", "lily_session_newer", "1", "never", "0"], ["+", "lily_session_newer", "1", "never", "1"],
        ["-", "lily_session_theme", '"dark"', "never", "0"], ["+", "lily_session_theme", '"light"', "never", "0"],
        ["-", "lily_session_token", "••••••", "never", "0"], ["+", "lily_session_token", "••••••", "never", "0"], ["+", "new", "2", "never", "0"]]
    assert "hunter-2" in two.run("diff", "a.jsonl", "b.jsonl", "--show-secrets", app=None, code=1).out
    entries = {row["key"]: row for row in two.run("diff", "a.jsonl", "b.jsonl", "--json", app=None, code=1).json}
    assert entries["new"] == {"key": "new", "first": None, "second": {"key": "new", "value": 2}}
    assert entries["lily_session_token"]["first"]["value"] is None and entries["lily_session_newer"]["second"]["version"] == 1


def test_the_same_store_does_not_differ(two):
    for form in [[], ["--json"]]:
        result = two.run("diff", "a.jsonl", "a.jsonl", *form, app=None)
        assert (result.out, result.err) == ("[]\n" if form else "", "")


def test_scopes_are_compared_wherever_they_are(two):
    two.run("set", "x", "1", "--scope", "user:1", "--store", "a.jsonl", app=None)
    scopefiles.make(two.path / "b.jsonl", {b"user:1": journal.Writer().set(b"lily_session_x", b"1").bytes(), b"user:2": journal.Writer().set(b"y", b"2").bytes()})
    rows = two.run("diff", "a.jsonl", "b.jsonl", "--json", app=None, code=1).json
    assert [row for row in rows if "scope" in row] == [{"scope": "user:2", "key": "y", "first": None, "second": {"key": "y", "value": 2}}]
    assert "user:2" in two.run("diff", "a.jsonl", "b.jsonl", app=None, code=1).out
    two.run("diff", "a.jsonl", "b.jsonl", "--scope", "user:1", app=None)
    assert "user:2" not in two.run("diff", "a.jsonl", "b.jsonl", "--no-scopes", app=None, code=1).out


def test_a_store_that_cannot_be_read_is_no_difference(two):
    assert "there is no store at none.jsonl" in two.run("diff", "a.jsonl", "none.jsonl", app=None, code=3).err
    (two.path / "text").write_text("hello\n")
    two.run("diff", "text", "a.jsonl", app=None, code=3)
    two.run("diff", "a.jsonl", app=None, code=64)
