"""The SQLite driver: the only place where anything waits.

Reads take a connection from a pool.  Writes queue up: whoever holds the write lock runs every program that waits,
each in a savepoint, and one fsync makes them all durable (group commit).  Readers never wait for writers.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import apsw

from kindstore.engine.errors import MissingTableError
from kindstore.store.program import Batch, Program, Release, Snapshot, Statement, T, Write
from kindstore.values.errors import (
    Error,
    OutcomeUnknownError,
    StorageError,
    StorageFullError,
    TransactionNotFoundError,
    UnsafeStorageError,
)

from . import guard
from .connection import Connection, translate
from .log_room import LogRoom
from .seats import Seats
from .turnstile import Turnstile

if TYPE_CHECKING:
    import asyncio

    from .workers import Workers

CHECKPOINT = 4000
"""Pages in the log (16 MB) after which it is copied into the database file: a page that changed in many commits once."""

TRUNCATE = 16_000
"""Pages in the log (64 MB) from which on it is also cut, if no reader is in the way."""

CUT_AGAIN = 2.0
"""Seconds after which cutting is tried again where a reader was: a try waits for 50 ms, and writers with it."""

GROUP = 100
"""Programs at most that share one commit."""

SNAPSHOT_AGE = 300.0
"""Seconds after which a forgotten snapshot is given up, so that the log can be cut."""

FORK_PATIENCE = 10.0
"""Seconds that a fork waits for other threads to come to rest; the child's store is unusable if they do not."""

SNAPSHOTS = 100
"""Transactions that read at the same time; each holds a connection, which takes three file descriptors."""

SNAPSHOT_PATIENCE = 60.0
"""Seconds that a transaction waits for one of them to end."""

_TOUCH: Statement = ("SELECT 1 FROM setting LIMIT 1", ())
_FENCE: Statement = ("UPDATE setting SET value = value + 1 WHERE name = 'fence'", ())
_drivers: weakref.WeakSet[SQLiteDriver] = weakref.WeakSet()
_forking: list[SQLiteDriver] = []
_forks = threading.RLock()
"""Held for as long as a thread forks, and to change `_drivers`."""

_turn = threading.local()
"""`held` is true while this thread has, or waits for, a lock of some driver.  The garbage collector may close a store at
any line; in such a thread that would wait for a lock that the thread itself holds, so it is put off."""

_late: deque[SQLiteDriver] = deque()
"""Drivers whose closing was put off until their thread holds no lock."""


class _Job:
    """A program that waits to be committed, and what became of it."""

    __slots__ = ("error", "finished", "request", "then", "value")

    def __init__(self, request: Write[Any], then: Callable[[_Job], None] | None = None) -> None:
        self.request = request
        self.then = then
        self.finished = False
        self.value: Any = None
        self.error: BaseException | None = None

    def finish(self) -> None:
        self.finished = True
        if self.then is not None:
            self.then(self)


class _Pinned:
    """The connection that holds a transaction's snapshot: None before the first read, and when it is *released*."""

    __slots__ = ("connection", "lock", "released", "since")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.lock = threading.Lock()
        self.released = False
        self.since = time.monotonic()


class SQLiteDriver:
    """Runs programs on the database file at *path*, which exists.

    *turnstile*: the queue of its writers.  *prepare*: makes the tables in a new file; the first use of a connection.
    *durable*: every acknowledged commit survives a loss of power; otherwise only the death of the process.
    *vfs*: SQLite's name of another file layer, for tests.  *on_close* is called once, after the last connection is gone.
    """

    def __init__(
        self,
        path: Path,
        turnstile: Turnstile,
        *,
        prepare: Callable[[Connection], None],
        durable: bool = True,
        vfs: str | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.path, self._name = path, str(path)
        self._durable, self._vfs, self._on_close = durable, vfs, on_close
        self._turnstile = turnstile
        self._log_pages = 0
        self._copy_at = CHECKPOINT
        self._cut_at = 0.0
        # Another file layer may keep its files elsewhere; without waiting for the disk there is nothing to gain.
        self._room = LogRoom(self._name, CHECKPOINT, useful=durable and vfs is None)
        self.after_fork: Callable[[], None] | None = None
        self._reset()
        self._closed = False
        self._unsafe = False
        _turn.held = True
        try:
            with self._writing:
                # Known before anything is opened, and at work until all is: a fork waits for the end of it.
                with _forks:
                    _drivers.add(self)
                # One process at a time: a new file is switched to WAL, which SQLite does not wait its turn for.
                with turnstile:
                    self._begin(prepare)
        except BaseException:
            self._closed = True
            self._leave()
            raise
        finally:
            _turn.held = False
            _close_late()

    def _begin(self, prepare: Callable[[Connection], None]) -> None:
        guard.hold(self.path)
        try:
            prepare(self._open_writer())
            opened = self.path.stat()
            self._identity = (opened.st_dev, opened.st_ino)
        except BaseException:
            self._close_connections()
            raise

    def _reset(self) -> None:
        self._idle: list[Connection] = []
        self._readers = 0
        self._may_open = threading.Event()
        self._may_open.set()
        self._counting = threading.Lock()
        self._pinned: dict[bytes, _Pinned] = {}
        self._seats = Seats(SNAPSHOTS, SNAPSHOT_PATIENCE)
        self._queue: deque[_Job] = deque()
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        self._workers: Workers | None = None

    def __repr__(self) -> str:
        return f"sqlite:{self.path}"

    @property
    def identity(self) -> str:
        """See `Driver.identity`."""
        device, inode = self._identity
        return f"sqlite:{self.path}:{device}:{inode}"

    # Running programs

    def run(self, program: Program[T]) -> T:
        """Run *program* to its end in this thread."""
        try:
            request = program.send(None)
            while True:
                try:
                    cls: type = type(request)  # pyright: ignore[reportUnknownVariableType]
                    if cls is list:
                        reply: Any = self._read(request)
                    elif cls is Write:
                        reply = self._write(request)
                    elif cls is Release:
                        self._release(request.name)
                        reply = None
                    else:
                        if request.name not in self._seats:
                            self._seats.take(request.name)
                        reply = self._read_pinned(request)
                except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to the program
                    request = program.throw(error)
                else:
                    request = program.send(reply)
        except StopIteration as done:
            value: T = done.value
            return value

    async def arun(self, program: Program[T]) -> T:
        """Run *program* to its end; the event loop goes on while worker threads wait."""
        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

        loop = asyncio.get_running_loop()
        try:
            turn = self._threads().delivery(loop).turn(loop)
            if turn is not None:
                await turn
            request = program.send(None)
            while True:
                try:
                    cls: type = type(request)  # pyright: ignore[reportUnknownVariableType]
                    if cls is Write:
                        reply: Any = await self._write_async(request, loop)
                    elif cls is list:
                        reply = await self._threads().ask(loop, self._read, request)
                    elif cls is Release:
                        reply = await self._threads().ask(loop, self._release, request.name)
                    else:
                        if request.name not in self._seats:
                            await self._seats.atake(request.name, loop)
                        reply = await self._threads().ask(loop, self._read_pinned, request)
                except Exception as error:  # noqa: BLE001
                    request = program.throw(error)
                else:
                    request = program.send(reply)
        except StopIteration as done:
            return cast("T", done.value)
        finally:
            program.close()

    def _threads(self) -> Workers:
        if self._workers is None:
            if self._closed:
                raise _closed()
            from .workers import Workers  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

            self._workers = Workers()
        return self._workers

    # Reading

    def _read(self, batch: Batch) -> list[list[Any]]:
        if not batch:
            return []
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open_reader()
        try:
            return connection.read(batch)
        finally:
            # `_give_back`, written out: every read comes here.
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _give_back(self, connection: Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _read_pinned(self, request: Snapshot) -> list[list[Any]]:
        pinned = self._pinned.get(request.name)
        if pinned is None:
            pinned = self._pinned.setdefault(request.name, _Pinned())
        with pinned.lock:
            connection = pinned.connection
            if connection is None and not pinned.released:
                return self._pin(pinned, request.batch)
            if connection is None or not connection.apsw.in_transaction:
                raise TransactionNotFoundError(
                    "the transaction's snapshot was given up", hint="Begin a new one."
                )
            return connection.run(request.batch)

    def _pin(self, pinned: _Pinned, batch: Batch) -> list[list[Any]]:
        """The first *batch* in a snapshot, which takes it: SQLite does not at BEGIN, but at the first read."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open_reader()
        replies: list[list[Any]] | None
        try:
            connection.execute("BEGIN")
            try:
                replies = connection.run(batch)
            except MissingTableError:
                replies = None
            if connection.apsw.txn_state("main") == apsw.SQLITE_TXN_NONE:  # nothing was read
                connection.run([_TOUCH])
                replies = None
        except BaseException:
            connection.end()
            self._give_back(connection)
            raise
        pinned.connection = connection
        return connection.run(batch) if replies is None else replies

    def _release(self, name: bytes) -> None:
        self._seats.give(name)
        pinned = self._pinned.pop(name, None)
        if pinned is None:
            return
        with pinned.lock:
            # From here on it is somebody else's, whatever a late reader believes.
            connection, pinned.connection, pinned.released = pinned.connection, None, True
        if connection is not None:
            connection.end()
            self._give_back(connection)

    # Writing

    def _write(self, request: Write[Any]) -> Any:
        job = _Job(request)
        self._queue.append(job)
        _turn.held = True
        try:
            with self._writing:
                # Whoever held the lock before may have done this job as well.
                while not job.finished:
                    self._commit_group()
        finally:
            _turn.held = False
            if _late:
                _close_late()
        if job.error is not None:
            raise job.error
        return job.value

    async def _write_async(self, request: Write[Any], loop: asyncio.AbstractEventLoop) -> Any:
        future: asyncio.Future[Any] = loop.create_future()
        threads = self._threads()
        delivery = threads.delivery(loop)
        self._queue.append(_Job(request, lambda job: delivery.put(future, job.value, job.error)))
        # One worker for all that wait: more would only queue up for the same lock.
        threads.send(loop, self._send_drain)
        return await future

    def _send_drain(self) -> None:
        if self._queue:
            self._threads().submit(self._drain)

    def _drain(self) -> None:
        _turn.held = True
        try:
            with self._writing:
                while self._queue:
                    self._commit_group()
        finally:
            _turn.held = False
            _close_late()

    def _commit_group(self) -> None:
        """Commit the programs that wait, up to `GROUP` of them, and tell each what became of it."""
        jobs: list[_Job] = []
        while self._queue and len(jobs) < GROUP:
            jobs.append(self._queue.popleft())
        try:
            writer = self._writer or self._open_writer()
            with self._turnstile:
                self._commit(writer, jobs)
                if self._log_pages > self._room.pages or self._log_pages >= self._copy_at:
                    for job in jobs:
                        job.finish()
                    jobs = []
                    self._tend_log(writer)
        except BaseException as error:
            for job in jobs:
                job.error = job.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            for job in jobs:
                job.finish()

    def _check_file(self) -> None:
        """`UnsafeStorageError` if the file at our path is not the one that we have open any more."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - a fifth of a path's own
            same = (found.st_dev, found.st_ino) == self._identity and found.st_nlink == 1
        except FileNotFoundError:
            same = False
        if not same:
            raise UnsafeStorageError(
                "the database file was moved, replaced, removed or linked while it was open",
                path=str(self.path),
                hint="Close every store on it before you touch the file, then connect again.",
            )

    def _commit(self, writer: Connection, jobs: list[_Job]) -> None:
        self._check_file()
        writer.execute("BEGIN IMMEDIATE")
        done: list[_Job] = []
        try:
            for job in jobs:
                if len(jobs) == 1:
                    self._attempt(writer, job)
                else:
                    self._attempt_in_savepoint(writer, job)
                if job.error is None:
                    done.append(job)
        except BaseException:
            writer.end()
            raise
        if not done:
            writer.end()
            return
        try:
            writer.execute("COMMIT")
        except StorageFullError as error:
            # A write to the log found no room.  The commit record is the last that is written, so it is not there,
            # now or after a crash: nothing has happened, and no fence, for which there is no room, is needed.
            writer.end()
            for job in done:
                job.error = error
        except Error as error:
            self._judge(writer, done, error)

    def _attempt(self, writer: Connection, job: _Job) -> None:
        """Run the program of *job*, a program of batches, in the transaction that *writer* is in."""
        program = job.request.program
        try:
            batch = program.send(None)
            while True:
                try:
                    replies = writer.run(batch)
                except Error as error:
                    batch = program.throw(error)
                else:
                    batch = program.send(replies)
        except StopIteration as done:
            job.value = done.value
        except Exception as error:  # noqa: BLE001  # handed to whoever waits for the job
            job.error = error

    def _attempt_in_savepoint(self, writer: Connection, job: _Job) -> None:
        writer.execute("SAVEPOINT job")
        self._attempt(writer, job)
        if job.error is not None:
            writer.execute("ROLLBACK TO job")
        writer.execute("RELEASE job")

    def _judge(self, writer: Connection, jobs: list[_Job], error: Error) -> None:
        """Decide what an exception from COMMIT meant: it may be durable all the same.

        We still hold the turnstile, so nobody else has written since.  What is not to be found now could come
        back from the log after a crash; a later commit that succeeds overwrites that part of the log and settles it.
        """
        if writer.apsw.in_transaction:
            writer.end()
        proofs = [job.request.proof(job.value) if job.request.proof is not None else None for job in jobs]
        try:
            found = [proof is None or bool(writer.run([proof])[0]) for proof in proofs]
            committed = any(seen for seen, proof in zip(found, proofs, strict=True) if proof is not None)
            if not committed:
                writer.execute("BEGIN IMMEDIATE")
                writer.run([_FENCE])
                writer.execute("COMMIT")
        except Error as second:
            writer.end()
            unknown = OutcomeUnknownError(
                "the commit may or may not have happened",
                cause=str(error),
                second=str(second),
                hint="Read what is stored before you try again.",
            )
            for job in jobs:
                job.error = unknown
            return
        if not committed:
            for job in jobs:
                job.error = error

    def _tend_log(self, writer: Connection) -> None:
        """What the log needs between two commits: to be copied, or to be given room."""
        if self._log_pages >= self._copy_at:
            self._checkpoint(writer)
        else:
            self._room.make()

    def _checkpoint(self, writer: Connection) -> None:
        """Copy the log into the database file: the one place where that happens.  Its troubles are no commit's."""
        # Once it is copied the log begins anew; not as long as a reader needs it, and then it is not looked at each time.
        self._copy_at = self._log_pages + CHECKPOINT // 4
        try:
            pages, copied = writer.apsw.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if pages >= TRUNCATE and (pages == copied or time.monotonic() >= self._cut_at):
                self._give_up_old_snapshots()
                self._cut_at = time.monotonic() + CUT_AGAIN
                writer.apsw.set_busy_timeout(50)
                try:
                    writer.apsw.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                finally:
                    writer.apsw.set_busy_timeout(5000)
        except apsw.BusyError:
            pass  # a reader is in the way
        except apsw.Error as error:
            import logging  # noqa: PLC0415 - for this rare case alone it would double the time of import

            logging.getLogger("kindstore.sqlite").warning(
                "checkpoint of %s failed: %s", self.path, translate(error)
            )

    def _give_up_old_snapshots(self) -> None:
        now = time.monotonic()
        for pinned in list(self._pinned.values()):
            if now - pinned.since > SNAPSHOT_AGE and pinned.lock.acquire(blocking=False):
                try:
                    if pinned.connection is not None:
                        pinned.connection.end()
                finally:
                    pinned.lock.release()

    # Connections

    def _open_reader(self) -> Connection:
        counted = False
        while not counted:
            self._may_open.wait()
            with self._counting:
                if self._may_open.is_set():  # still: a fork may just have begun
                    self._readers += 1
                    counted = True
        try:
            return self._open(read_only=True)
        except BaseException:
            with self._counting:
                self._readers -= 1
            raise

    def _open(self, *, read_only: bool) -> Connection:
        if self._closed:
            raise _closed()
        if self._unsafe:
            raise UnsafeStorageError(
                "the process was forked while this store was in use", hint="Connect again in the child."
            )
        return Connection(self._name, vfs=self._vfs, durable=self._durable, read_only=read_only)

    def _open_writer(self) -> Connection:
        writer = self._writer = self._open(read_only=False)
        writer.apsw.set_wal_hook(self._note_pages)
        return writer

    def _note_pages(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        if pages < self._log_pages:
            self._copy_at = CHECKPOINT
        self._log_pages = pages
        self._room.note(pages)
        return apsw.SQLITE_OK

    def close(self) -> None:
        """Close every connection; running programs fail.  Closing twice is no error."""
        if self._closed:
            return
        self._closed = True
        if getattr(_turn, "held", False):
            _late.append(self)
        else:
            self.close_now()

    def close_now(self) -> None:
        """The rest of closing, in a thread that holds no lock of any driver."""
        if self._workers is not None:
            self._workers.shutdown()
        _turn.held = True
        try:
            # In turn, as opening is: the last process to close copies the log and removes it.
            with self._writing, self._turnstile:
                self._close_connections()
            self._leave()
        finally:
            _turn.held = False
            _close_late()

    def _close_connections(self) -> None:
        for pinned in self._pinned.values():
            if pinned.connection is not None:
                pinned.connection.close()
        while self._idle:
            self._idle.pop().close()
        if self._writer is not None:
            self._writer.close()
        with self._counting:
            self._readers = 0
        guard.let_go(self.path)

    def _leave(self) -> None:
        with _forks:
            _drivers.discard(self)
        self._turnstile.close()
        if self._on_close is not None:
            self._on_close()

    # Forks.  SQLite keeps, per process, a record of the locks that the process has on a file, and a child inherits
    # that record without the locks.  As long as one inherited connection is left in the child, every new one trusts
    # the record: it reads and writes without locks, or waits for ever for one that a thread of the parent held.
    # So nobody may be at work when the process forks, and the child closes everything before it opens anything.

    def before_fork(self) -> None:
        """Wait until no thread is at work with a connection, and keep them all from beginning."""
        until = time.monotonic() + FORK_PATIENCE
        self._stopped: list[Connection] = []
        self._stopped_pinned: list[_Pinned] = []
        self._stopped_writing = self._writing.acquire(timeout=FORK_PATIENCE)
        with self._counting:
            self._may_open.clear()
        while not self._all_stopped() and time.monotonic() < until:
            time.sleep(0.0005)  # threads at work give their connections back

    def _all_stopped(self) -> bool:
        """Take whatever connection nobody uses; True if that is all of them."""
        while self._idle:
            self._stopped.append(self._idle.pop())
        for pinned in list(self._pinned.values()):
            if pinned not in self._stopped_pinned and pinned.lock.acquire(blocking=False):
                if pinned.connection is None:
                    pinned.lock.release()
                else:
                    self._stopped_pinned.append(pinned)
        stopped = len(self._stopped) + len(self._stopped_pinned)
        return self._stopped_writing and stopped == self._readers

    def after_fork_in_parent(self) -> None:
        """Let everybody go on."""
        self._idle.extend(self._stopped)
        for pinned in self._stopped_pinned:
            pinned.lock.release()
        self._may_open.set()
        if self._stopped_writing:
            self._writing.release()

    def after_fork_in_child(self) -> None:
        """Close what was inherited, and open anew when needed; transactions belong to the parent."""
        self._unsafe = not self._all_stopped()
        if not self._unsafe:
            writer = [self._writer] if self._writer is not None else []
            pinned = [each.connection for each in self._stopped_pinned if each.connection is not None]
            for connection in (*self._stopped, *pinned, *writer):
                connection.close(inherited=True)
        self._stopped, self._stopped_pinned = [], []
        self._turnstile.close()
        self._reset()
        if self.after_fork is not None:
            self.after_fork()


def _closed() -> StorageError:
    return StorageError("the store is closed", hint="Connect again.")


def _close_late() -> None:
    while _late:
        try:
            driver = _late.popleft()
        except IndexError:  # another thread took it
            return
        driver.close_now()


def _before_fork() -> None:
    _turn.held = True
    _forks.acquire()
    _forking.extend(sorted(_drivers, key=id))
    for driver in _forking:
        driver.before_fork()


def _after_fork_in_parent() -> None:
    for driver in _forking:
        driver.after_fork_in_parent()
    _forking.clear()
    _forks.release()
    _turn.held = False
    _close_late()


def _after_fork_in_child() -> None:
    for driver in _forking:
        driver.after_fork_in_child()
    _forking.clear()
    _forks.release()
    _turn.held = False
    _close_late()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
