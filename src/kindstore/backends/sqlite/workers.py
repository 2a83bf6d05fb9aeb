"""Worker threads, which wait for the disk on behalf of event loops."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

WORKERS: Final = 8
"""Threads at most."""

SLICE: Final = 50
"""Programs that begin, and results that are given to an event loop, before it looks at what else it has to do."""

_NAME: Final = "kindstore"


class Delivery:
    """Gives results to the futures of one event loop: one call wakes it for all that are there by then.

    Neither that nor what begins there keeps the loop for long: it is done a `SLICE` at a time.
    """

    __slots__ = ("__weakref__", "_begun", "_called", "_done", "_loop", "_waiting", "sending")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._called = False
        self._begun = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.sending: set[Callable[[], None]] = set()
        """What the loop is about to send a thread for."""

    def turn(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """What a program that begins has to wait for; None if it may begin now."""
        if self._begun < SLICE and not self._waiting:
            if self._begun == 0:
                loop.call_soon(self._next_turn, loop)
            self._begun += 1
            return None
        waiting: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiting)
        return waiting

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begun = 0
        while self._waiting and self._begun < SLICE:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(None)
                self._begun += 1
        if self._begun:
            loop.call_soon(self._next_turn, loop)

    def put(self, future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
        """This is the outcome of *future*; called in any thread."""
        self._done.append((future, value, error))
        if not self._called:
            self._called = True
            loop = self._loop()
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._deliver, loop)

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        # First: what comes later than this finds it so and calls again.
        self._called = False
        for _ in range(SLICE):
            if not self._done:
                return
            future, value, error = self._done.popleft()
            if future.done():  # cancelled
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        self._called = True
        loop.call_soon(self._deliver, loop)


class Workers:
    """Up to `WORKERS` threads, begun when they are needed."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix=_NAME)
        self._deliveries: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Delivery] = (
            weakref.WeakKeyDictionary()
        )
        self._errands: deque[tuple[Callable[[Any], Any], Any, asyncio.Future[Any], Delivery]] = deque()
        self._running = 0
        self._lock = threading.Lock()

    def delivery(self, loop: asyncio.AbstractEventLoop) -> Delivery:
        """What gives results to *loop*."""
        found = self._deliveries.get(loop)
        if found is None:
            found = self._deliveries[loop] = Delivery(loop)
        return found

    def ask(
        self, loop: asyncio.AbstractEventLoop, function: Callable[[Any], Any], argument: Any
    ) -> asyncio.Future[Any]:
        """The future result of *function*, called with *argument* in a worker thread, whoever waits for it or not."""
        future: asyncio.Future[Any] = loop.create_future()
        self._errands.append((function, argument, future, self.delivery(loop)))
        self.send(loop, self._begin)
        return future

    def send(self, loop: asyncio.AbstractEventLoop, begin: Callable[[], None]) -> None:
        """Call *begin* in *loop*, soon and once for many that ask.

        Not at once, for a thread that is at work takes turns with the loop: a thousand tasks that all ask for something
        would take several times as long until the last has asked.
        """
        sending = self.delivery(loop).sending
        if begin not in sending:
            sending.add(begin)
            loop.call_soon(self._sent, sending, begin)

    @staticmethod
    def _sent(sending: set[Callable[[], None]], begin: Callable[[], None]) -> None:
        sending.discard(begin)
        begin()

    def _begin(self) -> None:
        with self._lock:
            more = min(len(self._errands), WORKERS - self._running)
            self._running += more
        for _ in range(more):
            self.submit(self._work)

    def _work(self) -> None:
        """Do what is asked for until there is nothing more: to send a thread for each would cost more than a read."""
        while True:
            with self._lock:
                if not self._errands:
                    self._running -= 1
                    return
                function, argument, future, delivery = self._errands.popleft()
            try:
                value = function(argument)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
                delivery.put(future, None, error)
            else:
                delivery.put(future, value, None)

    def submit(self, work: Callable[[], None]) -> None:
        """Have a thread do *work*, which says itself what came of it.  After the end of the threads it is done at once,
        so that it says that.
        """
        try:
            self._executor.submit(work)
        except RuntimeError:
            work()

    def shutdown(self) -> None:
        """No more work; waits for what is begun, unless this is one of the threads."""
        self._executor.shutdown(wait=not threading.current_thread().name.startswith(_NAME))
