"""Tests session.changes()."""
import asyncio
import contextlib
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, AsyncIterator, Coroutine, List

import pytest

from conftest import Silent

from lily_session import Event, EventKind, Persistence, Runtime, Session, Storage, UnsupportedError


@dataclass
class Model:
    theme: str = "light"
    visits: int = 0


def attached(storage: Storage, model: Model) -> Session:
    runtime: Runtime[Model, Any] = Runtime(model)
    return runtime.attach(Persistence.of(Model), storage)


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 60))


async def take(changes: AsyncIterator[Event]) -> Event:
    return await changes.__anext__()


def test_asyncio_is_loaded_when_it_is_needed(path: Path) -> None:
    program = """
import sys, lily_session
assert "asyncio" not in sys.modules
changes = lily_session.Runtime(None).attach(lily_session.Persistence(), lily_session.Storage.open(sys.argv[1])).changes()
assert "asyncio" not in sys.modules
try:
    changes.__anext__().send(None)
except RuntimeError as error:
    assert "no running event loop" in str(error)
assert "asyncio" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def test_S10_changes_of_others(path: Path) -> None:
    async def main() -> None:
        ours = Model()
        with Storage.open(path) as one, Storage.open(path) as two:
            session = attached(one, ours)
            seen = asyncio.get_running_loop().create_task(collect(session, 3))
            await asyncio.sleep(0)
            for key, value in (("theme", "dark"), ("visits", 2), ("theme", "dim")):
                two[f"lily_session_{key}"] = value
                while getattr(ours, key) != value:
                    await asyncio.sleep(0.001)
            assert [(event.kind, event.key) for event in await seen] == [
                (EventKind.CHANGED, "theme"), (EventKind.CHANGED, "visits"), (EventKind.CHANGED, "theme"),
            ]  # fmt: skip
            session.detach()

    async def collect(session: Session, count: int) -> List[Event]:
        events: List[Event] = []
        async for event in session.changes():
            events.append(event)
            if len(events) == count:
                break
        return events

    run(main())


def test_what_came_before_is_found_at_once(path: Path) -> None:
    async def main() -> None:
        with Storage.open(path) as one, Storage.open(path) as two:
            session = attached(one, Model())
            two["lily_session_visits"] = 1
            assert (await take(session.changes())).key == "visits"

    run(main())


def test_two_sessions_on_one_storage(path: Path) -> None:
    async def main() -> None:
        first, second = Model(), Model()
        with Storage.open(path) as one, Storage.open(path) as two:
            tasks = [asyncio.ensure_future(take(attached(one, model).changes())) for model in (first, second)]
            await asyncio.sleep(0)
            two["lily_session_visits"] = 1
            await asyncio.gather(*tasks)
            assert first.visits == second.visits == 1

    run(main())


def test_S10_a_storage_that_is_closed_meanwhile(path: Path) -> None:
    async def main() -> None:
        ours, storage = Model(), Storage.open(path)
        changes = attached(storage, ours).changes()
        with Storage.open(path) as other:
            for value in (1, 2):
                task = asyncio.ensure_future(take(changes))
                await asyncio.sleep(0)
                storage.close()
                other["lily_session_visits"] = value
                assert (await task).kind == EventKind.CHANGED and ours.visits == value

    run(main())


def test_it_ends_when_the_session_is_detached(path: Path) -> None:
    async def main() -> None:
        storage = Storage.open(path)
        session = attached(storage, Model())

        async def collect() -> List[Event]:
            return [event async for event in session.changes()]

        task = asyncio.ensure_future(collect())
        await asyncio.sleep(0)
        storage.close()
        session.detach()
        assert await task == []

    run(main())


def test_it_ends_when_the_session_is_detached_between_two_events(path: Path) -> None:
    async def main() -> None:
        with Storage.open(path) as one, Storage.open(path) as two:
            session = attached(one, Model())
            two["lily_session_visits"] = 1
            async for event in session.changes():
                session.detach()

    run(main())


def test_a_loop_that_is_closed_while_it_waits(path: Path) -> None:
    with Storage.open(path) as storage:
        session = attached(storage, Model())
        loop = asyncio.new_event_loop()
        task = loop.create_task(take(session.changes()))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        assert len(session._attachment.wake) == 1
        session.detach()
        task._log_destroy_pending = False  # type: ignore[attr-defined]


class Interrupted:
    """A runtime's lock, before whose n-th use another thread detaches a session."""

    def __init__(self, session: Session, turn: int) -> None:
        self.session, self.left, self.depth = session, turn, 0
        self.lock, session._attachment.lock = session._attachment.lock, self  # type: ignore[assignment]

    def __enter__(self) -> None:
        if self.depth == 0:
            self.left -= 1
            if self.left == 0:
                other = threading.Thread(target=self.session.detach)
                other.start()
                other.join()
        self.lock.__enter__()
        self.depth += 1

    def __exit__(self, *_: Any) -> None:
        self.depth -= 1
        self.lock.__exit__()


@pytest.mark.parametrize("turn", [1, 2])
def test_S16_it_ends_when_another_thread_detaches_the_session_before_it_waits(path: Path, turn: int) -> None:
    async def main() -> None:
        with Storage.open(path) as storage:
            session = attached(storage, Model())
            lock = Interrupted(session, turn)
            assert [event async for event in session.changes()] == []
            assert lock.left < 0

    run(main())


def test_each_iteration_of_a_session_sees_every_event(path: Path) -> None:
    async def main() -> None:
        with Storage.open(path) as ours, Storage.open(path) as theirs:
            session = attached(ours, Model())
            seen: "List[List[Any]]" = [[], []]

            async def follow(found: "List[Any]") -> None:
                async for event in session.changes():
                    found.append(event.key)
                    if event.key == "theme":
                        break

            following = [asyncio.ensure_future(follow(found)) for found in seen]
            await asyncio.sleep(0)
            for number in range(1, 4):
                theirs["lily_session_visits"] = number
                while min(map(len, seen)) < number:
                    await asyncio.sleep(0.001)
            theirs["lily_session_theme"] = "dark"
            session.refresh()  # They see also what the program's own refresh finds.
            await asyncio.gather(*following)
            assert seen == [["visits"] * 3 + ["theme"]] * 2

    run(main())


def test_cancelling_it_leaves_nothing_behind(path: Path) -> None:
    async def main() -> None:
        with Storage.open(path) as storage:
            session = attached(storage, Model())
            watched = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]
            before = set(watched)
            task = asyncio.ensure_future(take(session.changes()))
            await asyncio.sleep(0)
            assert len(watched) == len(before) + 1
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert session._attachment.wake == [] == session._attachment.followers and set(watched) == before
            storage["lily_session_visits"] = 1  # nobody waits for changes any more
            session.persist()

    run(main())


def test_S9_what_expires_by_itself(path: Path) -> None:
    async def main() -> None:
        with Storage.open(path) as storage:
            model = Model()
            runtime: Runtime[Model, Any] = Runtime(model)
            session = runtime.attach(Persistence(Model).field("theme", expires_after=timedelta(milliseconds=50)), storage)
            model.theme = "dark"
            session.persist()
            event = await take(session.changes())
            assert (event.kind, event.key, model.theme) == (EventKind.EXPIRED, "theme", "light")

    run(main())


def test_changes_can_be_tested_in_memory() -> None:
    async def main() -> None:
        with Storage.memory() as storage:
            session = attached(storage, Model())
            taking = asyncio.ensure_future(take(session.changes()))
            await asyncio.sleep(0)
            storage["lily_session_visits"] = 3
            event = await taking
            assert (event.kind, event.key) == (EventKind.CHANGED, "visits")

    run(main())


def test_a_storage_that_cannot_tell() -> None:
    async def main() -> None:
        with Storage.backend(Silent()) as storage:
            with pytest.raises(UnsupportedError):
                await take(attached(storage, Model()).changes())

    run(main())
