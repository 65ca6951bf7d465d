"""Tests S16: a child of fork must open its own storages."""
import os
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import pytest

from lily_session import ForkedError, Persistence, Runtime, Storage, clear


@dataclass
class Model:
    visits: int = 0


def in_child(work: Callable[[], None]) -> None:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_S16_fork(path: Path) -> None:
    storage, memory = Storage.open(path), Storage.memory()
    runtime: Runtime[Model, int] = Runtime(Model(), lambda model, visits: setattr(model, "visits", visits))
    session = runtime.attach(Persistence.of(Model), storage)
    runtime.dispatch(1)

    def child() -> None:
        for function in (lambda: storage["key"], lambda: storage.set("key", 1), storage.each, storage.sync, lambda: clear(storage),
                         lambda: runtime.dispatch(2), session.refresh, lambda: Runtime(Model()).attach(Persistence.of(Model), storage)):
            with pytest.raises(ForkedError):
                function()
        for inherited in storage, memory:
            for ask in inherited.fileno, inherited.wait:
                with pytest.raises(ForkedError):
                    ask()
        with Storage.open(path) as own:
            own["from"] = "the child"
        session.detach()
        runtime.close()
        storage.close()

    in_child(child)
    assert storage["from"] == "the child"
    runtime.dispatch(3)
    assert storage["lily_session_visits"] == 3
    session.detach()
    storage.close()


def test_S16_a_child_that_ends_as_programs_do(path: Path) -> None:
    storage = Storage.open(path)
    runtime: Runtime[Model, Any] = Runtime(Model())
    runtime.attach(Persistence.of(Model), storage)

    child = os.fork()
    if child == 0:
        sys.stderr.close()
        del runtime, storage
        import gc

        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    runtime.close()
    storage.close()


@pytest.mark.parametrize("inside", ["update", "attach"])
def test_S16_a_fork_while_another_thread_is_inside(path: Path, inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other thread does not exist in the child, and would never release what it holds there."""
    storage = Storage.open(path)
    begun, forked = threading.Event(), threading.Event()

    def wait(*_: Any) -> Any:
        begun.set()
        assert forked.wait(60)

    fields = Persistence.of(Model)
    runtime: Runtime[Model, Any] = Runtime(Model(), wait)
    session = runtime.attach(fields, storage)
    if inside == "attach":
        fields = Persistence.of(Model)
        monkeypatch.setattr(fields, "field", wait)
        other = threading.Thread(target=lambda: Runtime(Model()).attach(fields, Storage.memory()))
    else:
        other = threading.Thread(target=lambda: runtime.dispatch(1))
    other.start()
    assert begun.wait(60)

    def child() -> None:
        if inside == "attach":
            with pytest.raises(ForkedError):
                Runtime(Model()).attach(fields, Storage.memory())
            return
        for function in (lambda: runtime.dispatch(2), runtime.persist, runtime.refresh, runtime.next_expiry, session.persist,
                         lambda: setattr(runtime, "model", Model())):  # fmt: skip
            with pytest.raises(ForkedError):
                function()
        session.detach()
        runtime.close()
        with Storage.open(path) as own, Runtime(Model()) as mine:
            mine.attach(Persistence.of(Model), own)
            mine.model.visits = 5
            mine.persist()

    in_child(child)
    forked.set()
    other.join()
    runtime.close()
    storage.close()
