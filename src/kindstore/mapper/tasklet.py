"""Tasklets: generators that yield futures and are sent their results (spec/ndb.md 1.7).

A tasklet runs at once, up to the first future that is not done.  From there it goes on

1. in an asyncio loop, as a task of it;
2. otherwise in the thread that completes what it waits for, or that asks for its result.

So without a loop nothing happens behind the program's back, and still many tasklets share their batches: whoever asks
for one result does the work for all that wait, and all go on to what they want next before anybody waits again.

Each has a copy of the context variables: what it enters (``with context.use():``) stays entered over a yield, and is not
seen by others.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextvars import copy_context
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from kindstore.mapper.context import entered
from kindstore.mapper.future import Cancelled, Future, advance_each, running_loop

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

Outcome: TypeAlias = tuple[Any, BaseException | None]


class Return(Exception):
    """``raise ndb.Return(value)`` ends a tasklet with that result; ``return value`` does the same.

    Several values make a tuple, none is None.
    """

    @property
    def value(self) -> Any:
        """The result."""
        return self.args[0] if len(self.args) == 1 else self.args or None


class Tasklet(Future[T]):
    """The future of what *generator* returns.  It is begun at once, and done when the current context ends.

    The generator yields futures, or lists and tuples of them (nested ones too), which gives a tuple of their results.
    Anything else raises RuntimeError in it, at the yield; among futures TypeError.
    """

    def __init__(self, generator: Generator[Any, Any, T], info: str = "Unknown") -> None:
        super().__init__(info)
        self._generator = generator
        self._scope = copy_context()
        self._turn = threading.Lock()
        self._runs_in: int | None = None  # the thread that has the turn
        self._waits_for: Future[Any] | None = None
        self._by_hand = False
        self._go_on(None)
        loop = running_loop()
        if loop is not None:
            self._start_in(loop)
        _keep(self)

    # Going on.

    def _go_on(self, ready: Future[Any] | None) -> None:
        """Go on with the outcome of *ready*, if that is still what the generator waits for (None: its beginning)."""
        with self._turn:
            if self._done or ready is not self._waits_for:
                return  # somebody else went on with it
            self._waits_for, self._runs_in = None, threading.get_ident()
            try:
                reached = self._run((None, None) if ready is None else _outcome(ready))
            finally:
                self._runs_in = None
        # Without the turn: the callbacks may go on with other tasklets, whose turn another thread may have.
        if isinstance(reached, Future):
            if self._task is None and running_loop() is None:
                reached.add_done_callback(self._when_ready)
            return
        result, error = reached
        if error is None:
            self.set_result(result)
        else:
            self.set_exception(error)

    def _run(self, sent: Outcome) -> Outcome | Future[Any]:
        """Run the generator until it ends, or waits for a future."""
        generator, run = self._generator, self._scope.run
        value, error = sent
        while True:
            try:
                yielded = (
                    run(generator.send, value) if error is None else run(generator.throw, _raisable(error))
                )
            except StopIteration as ended:
                return ended.value, None
            except Return as ended:
                return ended.value, None
            except Exception as failed:  # noqa: BLE001 - whatever the work raises is its result
                return None, failed
            try:
                future = future_of(yielded)
            except (RuntimeError, TypeError) as wrong:
                value, error = None, wrong
                continue
            if not future.done():
                self._waits_for = future
                return future
            value, error = _outcome(future)

    def _when_ready(self, ready: Future[Any]) -> None:
        # Not in an event loop, which is another thread's or has a task for this.
        if running_loop() is None:
            _ready.add(self, ready)

    async def _follow(self) -> None:
        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

        while (future := self._waits_for) is not None:
            try:
                await future.finished()
            except asyncio.CancelledError:
                self._waits_for = stopped = Future.failed(Cancelled("the tasklet was cancelled"))
                self._go_on(stopped)  # so that it can clean up
                raise
            self._go_on(future)

    # What futures can be asked.

    def advance(self) -> bool:
        """See `Future.advance`: up to the next wait."""
        if self._task is not None:
            return False
        future = self._waits_for
        if future is None:
            if self.runs_here():
                return False
            with self._turn:  # until another thread has come to a wait, or to the end
                return self._waits_for is not None
        if not future.done() and not future.advance():
            return False
        if future.done():
            self._go_on(future)
        return True

    def due(self) -> float:
        """See `Future.due`."""
        future = self._waits_for
        return 0.0 if future is None else future.due()

    def sources(self) -> Iterable[Future[Any]]:
        """See `Future.sources`."""
        future = self._waits_for
        return (self,) if future is None or self._task is not None else future.sources()

    def runs_here(self) -> bool:
        """See `Future.runs_here`."""
        return self._runs_in == threading.get_ident()

    def _start_in(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if self._task is None and not self._done:
                self._work_in(loop, self._follow())

    def cancel(self) -> None:
        """Cancel what it waits for, so that it sees `Cancelled` there."""
        future = self._waits_for
        if future is None:
            super().cancel()
        else:
            self._observe()
            future.cancel()


class Together(Future[tuple[Any, ...]]):
    """The results of several futures, in order; the first error, as soon as there is one."""

    def __init__(self, futures: Sequence[Future[Any]]) -> None:
        super().__init__(", ".join(future.info for future in futures))
        self._futures = futures
        self._missing = len(futures)
        self._by_hand = False
        if not futures:
            self.set_result(())
        for future in futures:
            future.add_done_callback(self._one_is_done)

    def _one_is_done(self, future: Future[Any]) -> None:
        with self._lock:  # which makes it the only one to find that none is missing
            self._missing -= 1
            last = not self._missing
        error = _error_of(future)
        if error is None and not last:
            return
        with self._lock:
            if self._done or self._ending:
                return
            self._ending = True
        if error is not None:
            self.set_exception(error)
        else:
            self.set_result(tuple(each._result for each in self._futures))

    _ending = False

    def advance(self) -> bool:
        """See `Future.advance`: a piece of each."""
        return advance_each([future for future in self._futures if not future.done()])

    def due(self) -> float:
        """See `Future.due`."""
        return min((future.due() for future in self._futures if not future.done()), default=0.0)

    def sources(self) -> Iterator[Future[Any]]:
        """See `Future.sources`."""
        for future in self._futures:
            if not future.done():
                yield from future.sources()

    def _observe(self) -> None:
        super()._observe()
        for future in self._futures:
            future._observe()

    def _start_in(self, loop: asyncio.AbstractEventLoop) -> None:
        for future in self._futures:
            future._start_in(loop)

    def cancel(self) -> None:
        """Cancel all of them."""
        for future in self._futures:
            future.cancel()


class Sleep(Future[None]):
    """Done some *seconds* after it was made; the current context does not end before."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"sleep({seconds})")
        self._until = time.monotonic() + seconds
        self._sleepers = _own.sleepers
        self._by_hand = False
        loop = running_loop()
        if loop is None:
            heappush(self._sleepers, (self._until, id(self), self))
        else:
            self._start_in(loop)
        _keep(self)

    def advance(self) -> bool:
        """See `Future.advance`: wake the one of this thread's that is to wake next, which may be another one."""
        if self._task is not None or self._done:
            return False
        try:
            until, _, sleeper = heappop(self._sleepers)
        except IndexError:  # another thread sleeps for it
            return False
        if not sleeper._done:
            time.sleep(max(0.0, until - time.monotonic()))
            sleeper._wake()
        return True

    def due(self) -> float:
        """See `Future.due`."""
        return self._until

    def _start_in(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if self._task is None and not self._done:
                self._work_in(loop, self._asleep())

    async def _asleep(self) -> None:
        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

        await asyncio.sleep(max(0.0, self._until - time.monotonic()))
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            awake = self._done or self._woken
            self._woken = True
        if not awake:
            self.set_result(None)

    _woken = False


class _Own(threading.local):
    """What each thread has of its own."""

    def __init__(self) -> None:
        self.sleepers: list[tuple[float, int, Sleep]] = []
        self.ready: deque[tuple[Tasklet[Any], Future[Any]]] | None = None


_own = _Own()


class _Ready:
    """Tasklets that can go on, one after the other: each from within the one before would make the stack overflow."""

    def add(self, tasklet: Tasklet[Any], future: Future[Any]) -> None:
        """Go on with *tasklet* now, or when those before it have."""
        if _own.ready is not None:
            _own.ready.append((tasklet, future))
            return
        _own.ready = ready = deque([(tasklet, future)])
        try:
            while ready:
                tasklet, future = ready.popleft()
                tasklet._go_on(future)
        finally:
            _own.ready = None


_ready = _Ready()


def _keep(future: Future[Any]) -> None:
    """Have the context that this code entered wait for *future* at its end."""
    context = entered()
    if context is not None:
        context.keep(future)


def future_of(yielded: object, wrong: type[Exception] = RuntimeError) -> Future[Any]:
    """The future that a tasklet waits for when it yields this.

    *wrong* if it can't be waited for; TypeError, as on App Engine, if that is true of a part of it.
    """
    if isinstance(yielded, Future):
        return yielded  # pyright: ignore[reportUnknownVariableType]
    if isinstance(yielded, list | tuple):
        return Together([future_of(each, TypeError) for each in cast("Sequence[Any]", yielded)])
    raise wrong(f"A tasklet yielded an illegal value: {yielded!r}")


def _outcome(future: Future[Any]) -> Outcome:
    future._observe()
    return future._result, future._exception


def _error_of(future: Future[Any]) -> BaseException | None:
    return future._exception


def _raisable(error: BaseException) -> BaseException:
    """*error*, to be thrown into a generator, where a StopIteration would look like its end."""
    if isinstance(error, StopIteration):
        replaced = RuntimeError("a future was done by a StopIteration")
        replaced.__cause__ = error
        return replaced
    return error
