"""Waiting for a descriptor in a thread, until another thread says that there is nothing to wait for."""
import os
import select
from contextlib import suppress
from time import monotonic
from typing import Callable, Optional, Set

from ._calls import Lock
from ._errors import ForkedError

_DAY = 86_400_000
"""The longest time that one call of poll() waits, in milliseconds; it cannot wait for any number of them."""


class Waiters:
    """The threads that wait for one storage."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pipes: Set[int] = set()  # the ends to write to, one for each thread that waits

    def wait(self, descriptor: int, timeout: Optional[float], is_over: Callable[[], bool]) -> bool:
        """Waits until the descriptor polls readable, or wake() is called, and returns True if one of them happened. Returns False after
        `timeout` seconds; None means that there is no limit. Does not wait if `is_over` returns true, which wake() has to be called after."""
        reads, writes = os.pipe()
        try:
            with self._lock:
                self._pipes.add(writes)
            return is_over() or _wait([descriptor, reads], timeout)
        finally:
            with self._lock:  # wake() must not write to a number that another file has got.
                self._pipes.discard(writes)
                os.close(writes)
            os.close(reads)

    def wake(self) -> None:
        """Ends the wait of all threads."""
        with suppress(ForkedError), self._lock:  # In a child of fork nobody waits.
            for pipe in self._pipes:
                os.write(pipe, b"x")


def _wait(descriptors: "list[int]", timeout: Optional[float]) -> bool:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    end = None if timeout is None else monotonic() + timeout
    while True:
        left = float(_DAY) if end is None else max(0.0, end - monotonic()) * 1000
        if poll.poll(min(left, _DAY)):
            return True
        if left == 0:
            return False
