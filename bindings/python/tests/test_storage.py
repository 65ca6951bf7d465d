"""Tests storages without sessions."""
import importlib.metadata
import select
import threading
from collections.abc import MutableMapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, List

import pytest
from conftest import Clock, Silent

from lily_session import (
    REMOVE, BusyError, CorruptError, DecodeError, Durability, EncodeError, InvalidArgumentError, Item, MissingFileError, MissingKeyError, PermissionDeniedError,
    QuotaError, RawJSON, RefusedError, Storage, UnsupportedError, clear, version,
)  # fmt: skip


def test_values(storage: Storage) -> None:
    values: List[Any] = [None, True, 1, 1.5, "crème", [1, None], {"a": [{}]}]
    for value in values:
        storage["key"] = value
        assert storage["key"] == value and type(storage["key"]) is type(value)
        assert storage.get("key", "default") == value
    number: Any = 1
    assert "key" in storage and "other" not in storage and number not in storage
    assert storage.get("other") is None and storage.get("other", 3) == 3
    with pytest.raises(KeyError, match="^.*other.*$") as caught:
        storage["other"]
    assert type(caught.value) is MissingKeyError
    storage.remove("key")
    storage.remove("key")
    assert list(storage) == []


def test_json_as_it_is(storage: Storage) -> None:
    storage.set("key", RawJSON('{ "b": 1.00, "a": "\\u00e9" }'))
    assert storage.get_json("key") == '{"b":1.00,"a":"\\u00e9"}'
    with pytest.raises(MissingKeyError):
        storage.get_json("other")
    with pytest.raises(DecodeError):
        storage.set("key", RawJSON("{"))
    for wrong in (float("nan"), [float("inf")], object(), {1: "int"}, {"a": [{None: 1}]}, {"a", "b"}, "\udc80", 10**5000):
        with pytest.raises(EncodeError):
            storage["key"] = wrong
    round_about: List[Any] = []
    round_about.append(round_about)
    with pytest.raises(EncodeError):
        storage["key"] = round_about
    assert storage["key"] == {"b": 1.0, "a": "é"}


def test_S27_several_keys_in_one_step(path: Path, clock: Clock) -> None:
    with Storage.open(path, clock=clock, quota_bytes=100) as storage:
        storage["gone"] = 1
        lines = path.read_bytes().count(b"\n")
        storage.write({"a": [1], "gone": REMOVE, "b": None, "c": RawJSON(" {} ")}, expires_at=clock.now + timedelta(minutes=1))
        assert path.read_bytes().count(b"\n") == lines + 1
        assert [item[:2] for item in storage.each()] == [("a", "[1]"), ("b", "null"), ("c", "{}")]
        assert {item.expires_at for item in storage.each()} == {clock.now + timedelta(minutes=1)}
        storage.write({})
        wrong: "list[tuple[Any, type[Exception]]]" = [
            ({"a": 2, "": 3}, InvalidArgumentError), ({"a": 2, "b\0": 3}, InvalidArgumentError), ({"a": 2, "b": RawJSON("{")}, DecodeError),
            ({"a": 2, "b": "x" * 100}, QuotaError), ({"a": 2, "b": object()}, EncodeError),
        ]  # fmt: skip
        for changes, kind in wrong:
            with pytest.raises(kind):
                storage.write(changes)
        assert storage["a"] == [1]
        storage.write({"a": 2})
        assert storage.each("a")[0].expires_at is None


def test_each(storage: Storage) -> None:
    later = datetime(2100, 1, 1, 12, tzinfo=timezone.utc)
    storage.set("b/2", [2], expires_at=later)
    storage["b/1"] = "one"
    storage["a"] = 0
    assert list(storage) == ["a", "b/1", "b/2"]
    found = storage.each("b/")
    assert found == [Item("b/1", RawJSON('"one"'), None), Item("b/2", RawJSON("[2]"), later)]
    assert found[1].value == [2]


def test_S9_expires_at(clock: Clock) -> None:
    with Storage.memory(clock=clock) as storage:
        storage.set("key", 1, expires_at=clock.now + timedelta(milliseconds=1))
        storage.set("local", 1, expires_at=(clock.now + timedelta(hours=1)).astimezone().replace(tzinfo=None))
        storage.set("far", 1, expires_at=datetime.max.replace(tzinfo=timezone.utc))
        storage.set("epoch", 1, expires_at=datetime(1970, 1, 1, tzinfo=timezone.utc))
        assert "epoch" not in storage
        assert storage["key"] == 1
        clock.go(milliseconds=1)
        assert storage.get("key") is None
        assert "local" in storage
        clock.go(hours=1)
        assert list(storage) == ["far"]
        with pytest.raises(InvalidArgumentError):
            storage.set("key", 1, expires_at=datetime(1969, 1, 1, tzinfo=timezone.utc))


def test_a_deadline_that_datetime_cannot_say(path: Path) -> None:
    with Storage.open(path) as storage:
        storage.set("key", 1, expires_at=datetime(9999, 12, 31, tzinfo=timezone.utc))
        from lily_session._native import lib

        assert lib.lily_session_storage_set(storage._handle, b"key", b"1", 1, 2**63 - 1) == 0
        assert storage.each()[0].expires_at == datetime.max.replace(tzinfo=timezone.utc)


def test_places(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Storage.open(str(path)) as storage:
        assert storage.path == path
        assert "session.jsonl" in repr(storage)
    assert repr(storage) == "<lily_session.Storage closed>"
    monkeypatch.setenv("LILY_SESSION_DIR", str(tmp_path))
    with Storage.open(application="shop") as storage:
        assert storage.path == tmp_path / "shop/session.jsonl"
    with pytest.raises(InvalidArgumentError, match="application"):
        Storage.open()
    with pytest.raises(InvalidArgumentError, match="application"):
        clear()
    with Storage.memory() as storage:
        assert storage.path is None
    with pytest.raises(InvalidArgumentError, match="NUL"):
        Storage.open("a\0b")
    with pytest.raises(InvalidArgumentError, match="NUL"):
        Storage.open(application="a\0b")


def test_what_cannot_be_opened(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        Storage.open(tmp_path / "none/session.jsonl")
    assert type(missing.value) is MissingFileError and missing.value.errno == 2 and missing.value.filename == str(tmp_path / "none/session.jsonl")
    with pytest.raises(MissingFileError):
        Storage.open(path, read_only=True)
    path.write_text("not a journal, but something else that is long enough to be one")
    with pytest.raises(RefusedError):
        Storage.open(path)
    with pytest.raises(InvalidArgumentError):
        Storage.open(tmp_path / "x", quota_bytes=-7)


def test_read_only_and_strict(path: Path) -> None:
    with Storage.open(path) as storage:
        storage["key"] = 1
        storage["other"] = 2
    with Storage.open(path, read_only=True) as storage:
        assert storage["key"] == 1
        with pytest.raises(PermissionDeniedError):
            storage["key"] = 2
    path.write_bytes(path.read_bytes().replace(b'"key",1', b'"key",3'))
    with pytest.raises(CorruptError):
        Storage.open(path, strict=True)


def test_S28_a_directory_that_is_open_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with Storage.open(folder / "session.jsonl") as storage:
        assert storage.info().directory_is_open is False
        folder.chmod(0o777)
        assert storage.info().directory_is_open is True
    with pytest.raises(RefusedError, match=f"others can write to the folder, which is not sticky: {folder}"):
        Storage.open(folder / "session.jsonl", strict=True)
    with Storage.memory() as memory:
        assert memory.info().directory_is_open is False


def test_quota_durability_and_info(path: Path) -> None:
    with Storage.open(path, quota_bytes=20, durability=Durability.POWER) as storage:
        storage["key"] = "value"
        with pytest.raises(QuotaError):
            storage["key"] = "x" * 20
        info = storage.info()
        assert (info.path, info.entries, info.live_bytes, info.quota_bytes) == (path, 1, 10, 20)
        assert (info.durability, info.owes_sync, info.damaged_lines, info.last_compaction) == (Durability.POWER, False, 0, None)
        assert info.file_bytes == path.stat().st_size
        storage.remove("key")
        storage.sync()
        compacted = storage.info().last_compaction
        assert compacted is not None and abs(datetime.now(timezone.utc) - compacted) < timedelta(minutes=5)


def test_S19_scopes(storage: Storage) -> None:
    grace, ada = storage.scoped("user:grace"), storage.scoped("user:ada")
    storage["key"], grace["lily_session_key"], ada["lily_session_key"] = 0, 1, 2
    assert (list(storage), grace["lily_session_key"], ada["lily_session_key"]) == (["key"], 1, 2)
    clear(grace)
    assert (list(grace), list(ada)) == ([], ["lily_session_key"])
    with pytest.raises(UnsupportedError):
        grace.scoped("more")
    for wrong in ("", "x" * 65, "a\0b"):
        with pytest.raises(InvalidArgumentError):
            storage.scoped(wrong)
    storage.close()
    assert ada["lily_session_key"] == 2
    ada.close()
    grace.close()


def test_S19_scopes_are_listed_and_swept(clock: Clock) -> None:
    storage = Storage.memory(clock=clock)
    assert storage.scopes() == []
    storage.scoped("crème")["key"] = 1
    for name in ("user:2", "user:10"):
        storage.scoped(name).set("key", 1, expires_at=clock.now + timedelta(seconds=1))
    assert storage.scopes() == ["crème", "user:10", "user:2"]
    assert storage.sweep() == 0
    clock.go(seconds=1)
    assert storage.scopes() == ["crème"]
    assert (storage.sweep(1), storage.sweep(limit=5), storage.sweep()) == (1, 1, 0)
    assert storage.info().entries == 1
    for limit in (0, -1):
        with pytest.raises(InvalidArgumentError, match="limit"):
            storage.sweep(limit)
    scope = storage.scoped("crème")
    for function in (scope.scopes, scope.sweep):
        with pytest.raises(UnsupportedError):
            function()


def test_S22_an_exclusive_storage_alone_writes(path: Path) -> None:
    with Storage.open(path, exclusive=True), pytest.raises(BusyError):
        Storage.open(path, exclusive=True)
    with Storage.open(path, exclusive=True) as storage:
        storage["key"] = 1
    with pytest.raises(InvalidArgumentError):
        Storage.open(path, exclusive=True, read_only=True)


def test_S23_each_scope_is_a_file_of_its_own(path: Path) -> None:
    with Storage.open(path, scope_files=True) as storage, storage.scoped("user:1") as scope:
        scope["lily_session_key"] = 1
        assert scope.path and scope.path.parent.parent == Path(f"{path}.d") and scope.path.exists()
        assert storage.scopes() == ["user:1"]
        clear(scope)
        assert storage.scopes() == []
        assert storage.sweep() == 1
        assert not scope.path.exists()
    with Storage.open(path) as storage, pytest.raises(UnsupportedError, match="flag"):
        storage.scopes()


@pytest.mark.parametrize("no_sync", [False, True])
def test_S24_closing_does_not_sync_if_it_is_told_so(path: Path, no_sync: bool) -> None:
    with Storage.open(path, no_sync=no_sync) as storage:
        storage["key"] = "secret"
        storage.remove("key")
    # A sync rewrites the file without the values that were removed.
    assert (b"secret" in path.read_bytes()) == no_sync


def test_a_scope_keeps_the_clock(clock: Clock) -> None:
    scope = Storage.memory(clock=clock).scoped("a")
    scope.set("key", 1, expires_at=clock.now + timedelta(seconds=1))
    assert "key" in scope
    clock.go(seconds=1)
    assert "key" not in scope


def test_fileno(storage: Storage) -> None:
    with Storage.memory() as memory:
        for one in storage, memory:
            assert one.fileno() == one.fileno() >= 0
            assert select.select([one], [], [], 0)[0] == []
            one.set("key", 1)
            assert select.select([one], [], [], 5)[0] == [one]


def test_a_storage_that_cannot_tell_of_changes_says_so() -> None:
    with Storage.backend(Silent()) as silent:
        for function in silent.fileno, silent.wait:
            with pytest.raises(OSError, match="cannot tell") as caught:
                function()
            assert type(caught.value) is UnsupportedError


def test_it_is_a_mapping_of_json_values(storage: Storage) -> None:
    assert isinstance(storage, MutableMapping) and storage and len(storage) == 0
    storage.update({"b": [1], "a": None}, c="x")
    assert (list(storage), len(storage), dict(storage)) == (["a", "b", "c"], 3, {"a": None, "b": [1], "c": "x"})
    assert (list(storage.keys()), list(storage.values()), list(storage.items())) == (["a", "b", "c"], [None, [1], "x"], [("a", None), ("b", [1]), ("c", "x")])
    assert storage.setdefault("a", 5) is None and storage.setdefault("d", 5) == 5 == storage["d"]
    assert storage.pop("d") == 5 and storage.pop("d", 7) == 7
    del storage["b"]
    with pytest.raises(KeyError, match="b: there is no such key"):
        del storage["b"]
    assert storage.popitem() == ("a", None) and list(storage) == ["c"]
    assert storage == storage and storage != {"c": "x"} and len({storage, storage}) == 1
    storage["lily_session_theme"] = "dark"
    storage.clear()  # for log-out: the program's own keys stay
    assert list(storage) == ["c"]


def test_S10_a_thread_waits_for_a_change(path: Path) -> None:
    with Storage.open(path) as ours, Storage.open(path) as theirs:
        assert ours.wait(0) is False and ours.wait(0.001) is False
        theirs["a"] = 1
        assert ours.wait(60) is True and ours.wait() is True
        assert ours["a"] == 1 and ours.wait(0) is False
        seen: List[Any] = []
        thread = threading.Thread(target=lambda: seen.append(ours.wait(60)))
        thread.start()
        theirs["a"] = 2
        thread.join()
        assert seen == [True]


def test_S10_a_storage_in_memory_tells_of_changes() -> None:
    with Storage.memory() as storage, storage.scoped("user:1") as scope:
        assert storage.wait(0) is False
        for changed in storage, scope:
            changed["a"] = 1
            assert storage.wait(60) is True
            storage.each()
        assert storage.wait(0) is False


def test_S10_a_close_ends_the_wait_of_a_thread(path: Path) -> None:
    storage = Storage.open(path)
    seen: List[Any] = []

    def wait() -> None:
        try:
            storage.wait()
        except InvalidArgumentError as error:
            seen.append(str(error))

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(storage._waiters._pipes) < 2:
        pass
    storage.close()
    for thread in threads:
        thread.join()
    assert seen == ["the storage is closed"] * 2
    with pytest.raises(InvalidArgumentError):
        storage.wait()


def test_a_closed_storage_says_so(path: Path) -> None:
    storage = Storage.open(path)
    storage.close()
    storage.close()
    for function in (lambda: storage["key"], lambda: storage.set("key", 1), lambda: storage.remove("key"), storage.each, storage.sync,
                     storage.fileno, storage.info, lambda: clear(storage), lambda: storage.scoped("a"), storage.scopes, storage.sweep,
                     lambda: storage.path):  # fmt: skip
        with pytest.raises(ValueError, match="the storage is closed"):
            function()


def test_S16_any_thread_and_a_close_in_between(path: Path) -> None:
    storage = Storage.open(path)
    wrong: List[BaseException] = []
    started = threading.Barrier(5)

    def work(name: str) -> None:
        started.wait()
        try:
            for number in range(10_000):
                storage[name] = number
                assert storage[name] == number
        except InvalidArgumentError:
            return  # the storage was closed in between
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=[str(number)]) for number in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    while len(list(storage)) < 4:
        pass
    storage.close()
    for thread in threads:
        thread.join()
    assert wrong == []
    with Storage.open(path, strict=True) as storage:
        assert list(storage) == ["0", "1", "2", "3"]


def test_version() -> None:
    assert version() == importlib.metadata.version("lily-session")
