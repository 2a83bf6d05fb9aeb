"""Seats: a limited number of places, each for whoever gives a name, first come first served."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from kindstore.values.errors import BusyError

if TYPE_CHECKING:
    import asyncio


class Seats:
    """*number* places, for which a newcomer waits *patience* seconds before he gets `BusyError`."""

    def __init__(self, number: int, patience: float) -> None:
        self._number, self._patience = number, patience
        self._lock = threading.Lock()
        self._taken: set[bytes] = set()
        # A name that waits may do so several times: a transaction's first reads at once.
        self._waiting: dict[bytes, deque[Callable[[], None]]] = {}

    def __contains__(self, name: bytes) -> bool:
        return name in self._taken

    def take(self, name: bytes) -> None:
        """A seat for *name*, which may have one; waits in this thread."""
        with self._lock:
            if self._sits(name):
                return
            free = threading.Event()
            self._wait(name, free.set)
        if not free.wait(self._patience):
            self._withdraw(name, free.set)
            raise _busy()

    async def atake(self, name: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """The same; the event loop goes on meanwhile."""
        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

        free: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            if not free.done():
                free.set_result(None)

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(tell)
            except RuntimeError:  # its loop was closed: the seat is for the next one
                self.give(name)

        with self._lock:
            if self._sits(name):
                return
            self._wait(name, wake)
        try:
            async with asyncio.timeout(self._patience):
                await free
        except TimeoutError:
            raise _busy() from None
        finally:
            self._withdraw(name, wake)

    def give(self, name: bytes) -> None:
        """The seat of *name* is free; without effect if it has none."""
        woken: list[Callable[[], None]] = []
        with self._lock:
            self._waiting.pop(name, None)
            self._taken.discard(name)
            while self._waiting and len(self._taken) < self._number:
                following = next(iter(self._waiting))
                self._taken.add(following)
                woken += self._waiting.pop(following)
        for wake in woken:
            wake()

    # With the lock:

    def _sits(self, name: bytes) -> bool:
        """Whether *name* has a seat now."""
        if name in self._taken:
            return True
        if len(self._taken) < self._number and not self._waiting:
            self._taken.add(name)
            return True
        return False

    def _wait(self, name: bytes, wake: Callable[[], None]) -> None:
        """Call *wake* when *name* has a seat."""
        self._waiting.setdefault(name, deque()).append(wake)

    # Without it:

    def _withdraw(self, name: bytes, wake: Callable[[], None]) -> None:
        with self._lock:
            waiting = self._waiting.get(name)
            if waiting is not None:
                waiting.remove(wake)
                if not waiting:
                    del self._waiting[name]


def _busy() -> BusyError:
    return BusyError("too many transactions at once", hint="End them sooner, or begin fewer.")
