"""Tests how long objects are kept alive, and that each is released once."""
import copy
import gc
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, List

import pytest

from lily_session import Persistence, Runtime, Session, Storage
from lily_session import _fields, _values
from lily_session import _attachment as module
from lily_session._attachment import Attachment, ModelCell


@dataclass
class Model:
    theme: str = "light"
    visits: int = 0


FIELDS = Persistence.of(Model)


def resident() -> int:
    """Returns the resident memory in kilobytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> List[Attachment]:
    """Records the sessions that the library has released."""
    attachments: List[Attachment] = []

    class Watched(dict):  # type: ignore[type-arg]
        def pop(self, attachment: Any, *default: Any) -> Any:
            attachments.append(attachment)
            return super().pop(attachment, *default)

    original = ModelCell.__init__

    def init(self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        self.attachments = Watched()

    monkeypatch.setattr(ModelCell, "__init__", init)
    return attachments


def test_a_context_is_released_once(ended: List[Attachment], storage: Storage) -> None:
    runtime: Runtime[Model, Any] = Runtime(Model())
    first = runtime.attach(FIELDS, storage)
    second = runtime.attach(FIELDS, Storage.memory())
    assert ended == []
    first.detach()
    first.detach()
    assert ended == [first._attachment]
    runtime.close()
    runtime.close()
    second.detach()
    assert ended == [first._attachment, second._attachment] and runtime._cell.attachments == {}


def test_also_when_attach_fails(ended: List[Attachment], storage: Storage) -> None:
    runtime: Runtime[Model, Any] = Runtime(Model())
    runtime.attach(FIELDS, storage)
    with pytest.raises(ValueError):
        runtime.attach(FIELDS, storage)  # the library refuses the duplicate key
    assert len(ended) == 1
    with pytest.raises(ZeroDivisionError):
        runtime.attach(FIELDS, Storage.memory(), revision=lambda model: 1 // 0)  # the library attaches, but a callback raises
    assert len(ended) == 2 and len(runtime._cell.attachments) == 1


def test_also_when_it_ends_inside_a_callback(ended: List[Attachment], storage: Storage) -> None:
    def update(model: Model, message: Any) -> None:
        session.detach()
        assert ended == []

    runtime: Runtime[Model, Any] = Runtime(Model(), update)
    session = runtime.attach(FIELDS, storage)
    runtime.dispatch(1)
    assert ended == [session._attachment]


def test_what_is_forgotten_is_collected_without_a_flush(path: Path) -> None:
    storage = Storage.open(path)
    model = Model()
    alive = weakref.ref(model)

    def begin() -> None:
        runtime: Runtime[Model, int] = Runtime(model, lambda model, visits: setattr(model, "visits", visits))
        session = runtime.attach(FIELDS, storage, on_event=lambda event: runtime)
        runtime.dispatch(1)
        model.theme = "never told"
        alive_too.extend([weakref.ref(runtime), weakref.ref(session)])

    alive_too: List[Any] = []
    begin()
    del model
    gc.collect()
    assert [reference() for reference in (alive, *alive_too)] == [None] * 3
    assert list(storage) == ["lily_session_visits"]
    # The library has released it, too: the key is free, and the file closed.
    del storage
    gc.collect()
    assert str(path) not in [str(link.resolve()) for link in Path("/proc/self/fd").iterdir() if link.exists()]


def test_all_is_freed_without_the_cycle_collector(path: Path) -> None:
    gc.collect()
    gc.disable()
    try:
        storage = Storage.open(path)
        fields = Persistence.of(Model).field("theme", get=lambda model: model.theme, set=lambda model, theme: setattr(model, "theme", theme))
        runtime: Runtime[Model, int] = Runtime(Model(), lambda model, visits: setattr(model, "visits", visits))
        session = runtime.attach(fields, storage, on_event=print)
        field, attachment = session._attachment.slice.fields[0], session._attachment
        runtime.dispatch(1)
        alive = [weakref.ref(each) for each in (storage, fields, runtime, session, field, attachment)]
        del field, attachment, runtime
        session.persist()  # It keeps its runtime alive.
        assert all(each() for each in alive)
        del storage, fields, session
        assert [each() for each in alive] == [None] * 6
    finally:
        gc.enable()
    assert str(path) not in [str(link.resolve()) for link in Path("/proc/self/fd").iterdir() if link.exists()]


def test_no_copy_shares_a_handle(storage: Storage) -> None:
    runtime: "Runtime[Model, Any]" = Runtime(Model())
    session = runtime.attach(FIELDS, storage=storage)
    for owner in storage, runtime, session, FIELDS:
        for copier in copy.copy, copy.deepcopy, pickle.dumps:
            with pytest.raises(TypeError, match=f"a {type(owner).__name__} cannot be copied or pickled"):
                copier(owner)
    runtime.model.theme = "dark"
    session.persist()
    assert storage.get("lily_session_theme") == "dark"
    session.detach()


def test_fields_live_as_long_as_a_session_needs_them(storage: Storage) -> None:
    def begin() -> "Runtime[Model, int]":
        fields = Persistence(Model).field("visits", get=lambda model: model.visits, set=lambda model, visits: None)
        runtime: Runtime[Model, int] = Runtime(Model(), lambda model, visits: setattr(model, "visits", visits))
        runtime.attach(fields, storage)
        return runtime

    runtime = begin()
    gc.collect()
    runtime.dispatch(3)
    assert storage["lily_session_visits"] == 3


def test_fields_are_collected() -> None:
    class Callback:
        def __call__(self, model: Any, *_: Any) -> None:
            pass

    callback = Callback()
    alive = weakref.ref(callback)
    fields: Persistence[Any] = Persistence()
    fields.field("a", get=callback, set=callback)
    del callback, fields
    gc.collect()
    assert alive() is None


def test_S16_a_migration_of_another_thread_leaves_the_memory_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        pass

    lent = []
    original = _values.fill_value

    def fill_value(*arguments: Any) -> Any:
        memory = Memory()
        memory.of_the_value = original(*arguments)  # type: ignore[attr-defined]
        lent.append(weakref.ref(memory))
        return memory

    monkeypatch.setattr(_fields, "fill_value", fill_value)
    fields = Persistence(Model).field("theme", version=1, migrate=lambda version, theme: theme * 2)
    storage = Storage.memory()
    storage["lily_session_theme"] = "dark"
    Runtime(Model()).attach(fields, storage)
    other = threading.Thread(target=lambda: Runtime(Model()).attach(fields, storage))
    other.start()
    other.join()
    assert len(lent) == 2 and lent[0]() is not None


def test_ten_thousand_attachments_leave_nothing(storage: Storage) -> None:
    storage["lily_session_theme"] = "dark"

    def attach(times: int) -> None:
        for _ in range(times):
            runtime: Runtime[Model, int] = Runtime(Model(), lambda model, visits: setattr(model, "visits", visits))
            session = runtime.attach(FIELDS, storage, on_event=print)
            runtime.dispatch(1)
            session.detach()
            runtime.close()

    attach(2_000)
    gc.collect()
    before, objects = resident(), len(gc.get_objects())
    attach(10_000)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100
    assert resident() - before < 1_000  # less than a hundred bytes for each


def test_nor_do_ten_thousand_lists() -> None:
    def make(times: int) -> None:
        for _ in range(times):
            Persistence(Model).field("theme", former_keys=["colour"])

    make(1_000)
    gc.collect()
    before = resident()
    make(10_000)
    gc.collect()
    assert resident() - before < 1_000


def test_nor_do_failures(storage: Storage) -> None:
    fields: Persistence[Model] = Persistence(Model).field("theme", encode=lambda theme: 1 // 0, decode=str)

    def update(model: Model, divisor: int) -> None:
        model.visits = 1 // divisor

    def fail(times: int) -> None:
        runtime = Runtime(Model(), update)
        for _ in range(times):
            for function in (lambda: runtime.dispatch(0), lambda: runtime.attach(fields, storage), lambda: storage["missing"]):
                try:
                    function()
                except (ZeroDivisionError, KeyError):
                    pass

    fail(100)
    gc.collect()
    before, objects = resident(), len(gc.get_objects())
    fail(1_000)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100
    assert resident() - before < 2_000


def test_nor_do_values_that_an_exception_of_the_clock_replaces() -> None:
    fails = False

    def clock() -> datetime:
        return datetime.fromtimestamp(1 // (not fails), timezone.utc)

    storage = Storage.memory(clock=clock)
    storage["key"] = "x" * 100_000
    fails = True

    def get(times: int) -> None:
        for _ in range(times):
            with pytest.raises(ZeroDivisionError):
                storage.get_json("key")

    get(10)
    before = resident()
    get(100)
    assert resident() - before < 2_000


def test_a_program_that_closes_nothing_ends_quietly(path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from dataclasses import dataclass
        from lily_session import *

        @dataclass
        class Model:
            visits: int = 0

        class Kept(Backend):
            read = lambda self, key: None
            write = clear = lambda *_: None
            generation = lambda self, prefix: 0
            each = lambda self, prefix: []

        storage = Storage.open(sys.argv[1])
        runtime = Runtime(Model(), lambda model, visits: setattr(model, "visits", visits))
        session = runtime.attach(Persistence.of(Model), storage, on_event=print)
        other = Runtime(Model()).attach(Persistence.of(Model), Storage.backend(Kept()))
        runtime.dispatch(5)
    """)
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program, path], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Storage.open(path) as storage:
        assert storage["lily_session_visits"] == 5


def test_the_module_keeps_nothing() -> None:
    assert not [name for name, value in vars(module).items() if isinstance(value, (list, dict, set)) and not name.startswith("__")]


ENDS = '''
import dataclasses
from lily_session import Backend, Entry, Persistence, Runtime, Storage

@dataclasses.dataclass
class Model:
    visits: int = 0

class Own(Backend):
    def __init__(self):
        self.entries, self.storage = {}, Storage.backend(self)
    def read(self, key): return self.entries.get(key)
    def write(self, entries, prefix, generation): self.entries.update((entry.key, entry) for entry in entries)
    def clear(self, prefix): self.entries.clear()
    def generation(self, prefix): return 0
    def each(self, prefix): return list(self.entries.values())
    def close(self): print("closed")

for at in range(3):
    Own().storage["a"] = 1  # in a cycle, which nobody looks for before the program ends
own = Own()
runtime = Runtime(Model())
session = runtime.attach(Persistence(Model).field("visits"), own.storage)
runtime.model.visits = 7
session.persist()
'''


def test_what_is_open_when_the_program_ends_is_ended_then() -> None:
    """Python takes its objects apart in any order when it ends. A callback would find nothing in its place any more."""
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "closed\n" * 4)


LATE = '''
import atexit, dataclasses, sys
atexit.register(lambda: late())  # it runs after what the binding has registered
from lily_session import Persistence, Runtime, Storage

@dataclasses.dataclass
class Model:
    visits: int = 0

def late():
    runtime.model.visits = 7
    session.flush()

storage = Storage.open(sys.argv[1])
runtime = Runtime(Model())
session = runtime.attach(Persistence(Model).field("visits"), storage)
'''


def test_a_file_can_be_written_until_the_program_ends(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LATE, str(tmp_path / "session.jsonl")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert Storage.open(tmp_path / "session.jsonl")["lily_session_visits"] == 7
