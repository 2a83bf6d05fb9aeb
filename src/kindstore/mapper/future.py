"""Futures: work that was asked for and whose result comes later, in NDB's words and awaitable.

Inside a running asyncio loop the work starts at once, as a task.  Without one it is done by the thread that asks
for the result, at the latest when its context ends (`Context.flush`).  Either way everything up to the first wait
(hooks, auto values, the copy of an entity's values) has happened when the future is returned, as in NDB.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast

from kindstore.store.program import Program
from kindstore.values.errors import Error

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
U = TypeVar("U")
FIRST_COMPLETED: Final = "FIRST_COMPLETED"
ALL_COMPLETED: Final = "ALL_COMPLETED"
FIRST_EXCEPTION: Final = "FIRST_EXCEPTION"


class Cancelled(Error):
    """The result of a future that was cancelled."""


class Runner(Protocol):
    """What runs programs: a store."""

    def run(self, program: Program[Any]) -> Any:
        """Run *program* to its end in this thread."""
        ...

    async def arun(self, program: Program[Any]) -> Any:
        """Run *program* to its end without blocking the event loop."""
        ...


class Future(Generic[T]):
    """The result of a piece of work, when it is there.

    ``await future`` in asyncio, ``future.result()`` elsewhere.  Made by the ``_async`` functions; by hand, with
    `set_result` or `set_exception` to be called later.
    """

    def __init__(self, info: str = "Unknown") -> None:
        self.info = info
        """What it is about, for people."""
        self._done = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] = []
        self._force: Callable[[], None] | None = None
        self._acquire: Callable[[], Awaitable[Any]] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._program: Program[T] | None = None
        self._by_hand = True
        self._forced_in = 0
        self.observed = False
        """Whether somebody has asked for the outcome."""
        self.request: Any = None
        """What the work waits for, until somebody goes on with it."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        outcome = ""
        if self._exception is not None:
            outcome = f" ({type(self._exception).__name__}: {self._exception})"
        elif self._done:
            outcome = f" (result: {self._result!r})"
        return f"{type(self).__name__}({self.info!r}) <{id(self)}>{outcome}"

    # How a future gets its result.

    @staticmethod
    def of(result: U) -> Future[U]:
        """A future that is done."""
        future: Future[U] = Future()
        future._done, future._result = True, result
        return future

    @staticmethod
    def failed(error: BaseException) -> Future[Any]:
        """A future that is done, by an error."""
        future: Future[Any] = Future()
        future._done, future._exception = True, error
        return future

    @staticmethod
    def start(
        runner: Runner, program: Program[U], description: str = "Unknown", after: Iterable[Future[Any]] = ()
    ) -> Future[U]:
        """Begin *program*: up to its first wait now, from there as this module's first lines say.

        In an event loop it goes on when all of *after* are done.
        """
        future: Future[U] = Future(description)
        try:
            request = next(program)
        except StopIteration as ended:
            future.set_result(ended.value)
            return future
        except Exception as error:  # noqa: BLE001 - whatever the work raises is its result
            future.set_exception(error)
            return future
        future._program, future.request = program, request
        rest = _resumed(program, request)

        async def arun() -> U:
            for each in after:
                await each.finished()
            return cast("U", await runner.arun(rest))

        future._drive(lambda: runner.run(rest), arun if after else lambda: runner.arun(rest))
        return future

    @staticmethod
    def call(
        work: Callable[[], U], awork: Callable[[], Awaitable[U]], description: str = "Unknown"
    ) -> Future[U]:
        """Work that is not one program: *work* does it in a thread, *awork* in an event loop."""
        future: Future[U] = Future(description)
        future._drive(work, awork)
        return future

    def _drive(self, work: Callable[[], Any], awork: Callable[[], Awaitable[Any]]) -> None:
        def force() -> None:
            self._settle(work)

        async def acquire() -> None:
            import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

            try:
                result = await awork()
            except asyncio.CancelledError:
                self.set_exception(Cancelled("the work was cancelled"))
                raise
            except Exception as error:  # noqa: BLE001 - whatever the work raises is its result
                self.set_exception(error)
            else:
                self.set_result(result)

        self._force, self._acquire, self._by_hand = force, acquire, False
        loop = running_loop()
        if loop is not None:
            self._work_in(loop, acquire())

    def _work_in(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
        self._task = loop.create_task(work)
        self._task.add_done_callback(self._after_task)

    def _after_task(self, _: object = None) -> None:
        """A task that is cancelled before its first step never says so itself."""
        if not self._done:
            self.set_exception(Cancelled("the work was cancelled"))

    def _settle(self, work: Callable[[], Any]) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - whatever the work raises is its result
            self.set_exception(error)
        except BaseException as error:
            self.set_exception(error)
            raise
        else:
            self.set_result(result)

    def set_result(self, result: T) -> None:
        """Make *result* the result.  RuntimeError if there is one."""
        self._finish(result, None)

    def set_exception(self, exception: BaseException) -> None:
        """Make *exception* the outcome.  RuntimeError if there is one."""
        self._finish(None, exception)

    def _finish(self, result: Any, exception: BaseException | None) -> None:
        with self._lock:
            if self._done:
                if isinstance(self._exception, Cancelled):
                    return
                raise RuntimeError(f"Cannot set the outcome of a future that is done: {self!r}")
            self._result, self._exception, self._done = result, exception, True
            callbacks, self._callbacks = self._callbacks, []
        self._force = self._acquire = None
        for callback in callbacks:
            callback(self)

    # What it can be asked.

    def done(self) -> bool:
        """Whether the outcome is there."""
        return self._done

    def running(self) -> bool:
        """Whether the outcome is still to come."""
        return not self._done

    def wait(self) -> None:
        """Wait until it is done, and do the work now if nobody else does.

        RuntimeError in the event loop that runs the work: it would wait for itself.  Use ``await`` there.
        """
        while not self._done:
            if not self.advance() and not _idle():
                until_one_is_done([self])

    def advance(self) -> bool:
        """Do the next piece of the work in this thread; False if there is none that it could do.

        For most futures the next piece is the whole.  After a False the outcome comes from elsewhere, if it comes: from
        an event loop, another thread, or whoever calls `set_result`.
        """
        with self._lock:
            force = None if self._task is not None else self._force
            if force is None:
                return False
            self._force = self.request = self._program = None
        self._forced_in = threading.get_ident()
        try:
            force()
        finally:
            self._forced_in = 0
        return True

    def due(self) -> float:
        """When `advance` has something to do, by `time.monotonic`: the past, if it is not known to be later."""
        return 0.0

    def sources(self) -> Iterable[Future[Any]]:
        """The futures that are to be done first: this one, unless it is made of others."""
        return (self,)

    def is_by_hand(self) -> bool:
        """Whether nothing works on it: it is done when somebody calls `set_result` or `set_exception`."""
        return self._by_hand

    def runs_here(self) -> bool:
        """Whether this very call is a part of its work: a hook's, say."""
        return self._forced_in == threading.get_ident()

    def raise_unobserved(self) -> None:
        """Raise the work's error if there was one and nobody has asked yet."""
        if self._exception is not None and not self.observed:
            raise self._exception

    def is_task(self, loop: asyncio.AbstractEventLoop | None = None) -> bool:
        """Whether an event loop, or this *loop*, is at work on it."""
        return self._task is not None and (loop is None or self._task.get_loop() is loop)

    def _observe(self) -> None:
        """Somebody has asked for the outcome."""
        self.observed = True

    def check_success(self) -> None:
        """Wait, and raise the work's error if there was one."""
        self.wait()
        self._observe()
        if self._exception is not None:
            raise self._exception

    def result(self) -> T:
        """Wait, and return the result or raise the work's error."""
        if not self._done:
            self.wait()
        self._observe()
        if self._exception is not None:
            raise self._exception
        return cast("T", self._result)

    get_result = result

    def exception(self) -> BaseException | None:
        """Wait, and return the work's error, None if there was none."""
        self.wait()
        self._observe()
        return self._exception

    get_exception = exception

    def get_traceback(self) -> Any:
        """Wait, and return the traceback of the work's error, None if there was none."""
        error = self.exception()
        return None if error is None else error.__traceback__

    def add_done_callback(self, callback: Callable[[Future[T]], Any]) -> None:
        """Call *callback* with this future when it is done: now, if it is."""
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def add_callback(self, callback: Callable[..., Any], *args: Any, **options: Any) -> None:
        """App Engine's `add_done_callback`: call *callback* with *args* and *options*, and without this future."""
        self.add_done_callback(lambda _: callback(*args, **options))

    def cancel(self) -> None:
        """Give the work up if it has not begun or can still be stopped; the result then raises `Cancelled`."""
        if self._done:
            return
        self._observe()
        if self._task is not None:
            self._task.cancel()
        else:
            self.set_exception(Cancelled("the future was cancelled"))
            if self._program is not None:
                self._program.close()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return isinstance(self._exception, Cancelled)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in asyncio, on any event loop."""
        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

        self._observe()
        if not self._done:
            self._start_in(asyncio.get_running_loop())
            if self._task is not None and self._task.get_loop() is asyncio.get_running_loop():
                yield from self._task
            else:
                yield from self._elsewhere()
        if self._exception is not None:
            raise self._exception
        return cast("T", self._result)

    def _start_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have *loop* do the work, unless somebody is at it."""
        if self._task is None:
            with self._lock:
                acquire, self._force = self._acquire if self._force else None, None
            if acquire is not None:
                self._work_in(loop, cast("Any", acquire()))

    async def finished(self) -> None:
        """Wait in asyncio until it is done; an error stays in it, for whoever asks."""
        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

        observed, task = self.observed, self._task
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task})  # which does not end by its being cancelled
            self._after_task()
            return
        with suppress(Exception):
            await self
        self.observed = observed

    def _elsewhere(self) -> Generator[Any, None, None]:
        """Wait for what another thread or another loop does."""
        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

        loop = asyncio.get_running_loop()
        finished: asyncio.Future[None] = loop.create_future()
        self.add_done_callback(lambda _: loop.call_soon_threadsafe(_set, finished))
        yield from finished

    @staticmethod
    def wait_any(futures: Iterable[Future[Any]]) -> Future[Any] | None:
        """Wait until one of *futures* is done, and return it; None if there are none."""
        waiting = list(futures)
        while waiting:
            for future in waiting:
                if future._done:
                    return future
            if not advance_each(waiting) and not _idle():
                until_one_is_done(waiting)
        return None

    @staticmethod
    def wait_all(futures: Iterable[Future[Any]]) -> None:
        """Wait until all *futures* are done; their errors stay in them."""
        waiting = list(futures)
        while waiting := [future for future in waiting if not future._done]:
            if not advance_each(waiting) and not _idle():
                until_one_is_done(waiting)

    def then(self, change: Callable[[T], Any]) -> Future[Any]:
        """A future of what *change* makes of the result."""
        return Changed(self, change)


class Changed(Future[Any]):
    """What *change* makes of the result of *source*; its error, if it has one."""

    def __init__(self, source: Future[T], change: Callable[[T], Any]) -> None:
        super().__init__(source.info)
        self._source = source

        def finish(done: Future[T]) -> None:
            if self._done:  # cancelled meanwhile
                return
            if done._exception is not None:
                self.set_exception(done._exception)
            else:
                self._settle(lambda: change(cast("T", done._result)))

        source.add_done_callback(finish)

    def advance(self) -> bool:
        """See `Future.advance`."""
        return self._source.advance()

    def due(self) -> float:
        """See `Future.due`."""
        return self._source.due()

    def sources(self) -> Iterable[Future[Any]]:
        """See `Future.sources`."""
        return self._source.sources()

    def _observe(self) -> None:
        super()._observe()
        self._source._observe()

    def _start_in(self, loop: asyncio.AbstractEventLoop) -> None:
        self._source._start_in(loop)


def _nothing_else() -> bool:
    return False


_idle: Callable[[], bool] = _nothing_else


def set_idle(work: Callable[[], bool]) -> None:
    """What a thread does for others when it could only wait, as `advance` does; called by the module of contexts."""
    global _idle  # noqa: PLW0603 - contexts know futures, not the other way round
    _idle = work


def advance_each(futures: Iterable[Future[Any]]) -> bool:
    """Do a piece of each of *futures* that has one to do now; if none has, sleep for the one that is due next.

    False if there was nothing to do: then all of them wait for something else.
    """
    now = time.monotonic()
    advanced = False
    for future in sorted(futures, key=lambda future: future.due()):
        if advanced and future.due() > now:
            break  # it would keep those waiting that can go on
        advanced = future.advance() or advanced
    return advanced


def until_one_is_done(futures: Iterable[Future[Any]]) -> None:
    """Wait for other threads to finish one of *futures*, or what one of them waits for.

    RuntimeError if only the event loop that this code runs in could do it, or the work that this code is a part of, and
    if nobody could: what waits for `set_result` in a process without another thread.
    """
    loop = running_loop()
    sources = [source for future in futures for source in (future, *future.sources())]
    finished = threading.Event()
    for source in sources:
        if loop is not None and source.is_task(loop):
            raise RuntimeError(f"{source!r} is at work in this event loop: await it")
        if source.runs_here():
            raise RuntimeError(f"{source!r} waits for itself")
    if threading.active_count() == 1 and all(source.is_by_hand() for source in sources):
        raise RuntimeError(f"{sources[0]!r} waits for set_result(), and there is no other thread to call it")
    for source in sources:
        source.add_done_callback(lambda _: finished.set())
    finished.wait()


def _set(finished: asyncio.Future[None]) -> None:
    if not finished.done():
        finished.set_result(None)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that this code runs in, None outside of them."""
    if "asyncio" not in sys.modules:  # nobody has a loop, and loading it to ask takes 40 ms
        return None
    import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _resumed(program: Program[T], request: Any) -> Program[T]:
    """*program*, of which the first *request* has been taken already, from there on."""
    try:
        while True:
            try:
                reply = yield request
            except GeneratorExit:
                program.close()
                raise
            except BaseException as error:  # noqa: BLE001 - passed on to the program, which may handle it
                request = program.throw(error)
            else:
                request = program.send(reply)
    except StopIteration as ended:
        return cast("T", ended.value)
