"""Transactions: what is put and deleted in one is kept back and committed at its end, all or nothing.

1. Reads see one snapshot, taken at the first of them.  Queries don't see the transaction's own writes; `get` does,
   through the identity map, which every transaction has for itself.
2. The first committer wins.  The other one gets `ConflictError` at its end, with nothing written, and
   `transaction` and the decorators call the function again: so it should do nothing but work on entities.
3. An error of a future that was begun inside, and that nobody asked for, is the transaction's error.
4. After the commit the context outside forgets the entities that were written, so that it reads them anew.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import enum
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Token
from types import CoroutineType
from typing import Any, Final, TypeVar, cast

from kindstore.mapper.claims import guard
from kindstore.mapper.context import Context, enter, leave
from kindstore.mapper.errors import BadRequestError
from kindstore.mapper.future import Future
from kindstore.mapper.identities import IdentityMap
from kindstore.mapper.unique import Uniques
from kindstore.store.checks import check_int
from kindstore.store.messages import Concurrency, Delete, Mutation
from kindstore.store.program import Program
from kindstore.values.errors import (
    BadArgumentError,
    Error,
    ReadOnlyTransactionError,
    Retryable,
    TransactionNotFoundError,
)
from kindstore.values.key import Partition

T = TypeVar("T")

RETRIES: Final = 3
"""How often a transaction that lost is tried again, unless said otherwise: four tries in all."""

FIRST_DELAY: Final = 0.005
"""Seconds; the longest wait before the first new try.  It doubles from try to try, up to `LONGEST_DELAY`.  A commit
of an embedded store takes about a millisecond, so NDB's second would be wasted."""

LONGEST_DELAY: Final = 0.25


class NestedTransactionError(BadRequestError, NotImplementedError):
    """A transaction begun inside another, without join."""


class Rollback(Error):
    """Raise it inside a transaction to end it with nothing written.  It reaches the caller (docs/ndb-differences.md)."""


class Transaction:
    """A transaction in progress: its name in the store, and the writes that are kept back, the last one per key.

    *outer* is the context that it was begun in.  *law* is what a face holds it to beside the store's.
    """

    __slots__ = (
        "begun",
        "ended",
        "law",
        "mutations",
        "name",
        "on_commit",
        "on_complete",
        "outer",
        "read_only",
        "uniques",
    )

    def __init__(self, name: bytes, read_only: bool, outer: Context) -> None:
        self.name = name
        self.outer = outer
        self.read_only = read_only
        self.ended = False
        self.law: object = None
        self.begun: list[Future[Any]] = []
        self.mutations: dict[tuple[Partition, bytes], Mutation] = {}
        self.uniques: dict[str, Uniques] = {}
        self.on_commit: list[Callable[[], Any]] = []
        self.on_complete: list[Callable[[], Any]] = []

    def __repr__(self) -> str:
        kind = "read-only" if self.read_only else "read-write"
        return f"<Transaction {self.name.hex()[:8]} ({kind}, {len(self.mutations)} writes)>"

    def check_begun(self) -> None:
        """Raise the first error that nobody asked about: a transaction is not to be committed without a part of it."""
        for future in self.begun:
            future.raise_unobserved()

    def keep_back(self, mutation: Mutation, unique: Uniques | None = None) -> None:
        """Commit *mutation* at the end, if it leaves the values of its kind as *unique* as they have to be.

        `ReadOnlyTransactionError` if the transaction may not write, `TransactionNotFoundError` if it is over (a task
        that outlives it must not believe that it has written).
        """
        key = mutation.key if isinstance(mutation, Delete) else mutation.entity.key
        if self.read_only:
            raise ReadOnlyTransactionError("a write in a read-only transaction", key=key)
        if self.ended:
            raise TransactionNotFoundError("a write in a transaction that is over", key=key)
        assert key is not None
        if unique:
            self.uniques[unique.kind] = unique
        # By the parts of the key, whose own hash is a call.
        self.mutations[key._partition, key._packed or key.path_bytes] = mutation


async def _sleep(seconds: float) -> None:
    import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

    await asyncio.sleep(seconds)


class Attempts:
    """Which tries a transaction has, and how long to wait before each: *retries* after the first.

    *pause* and *apause* wait for a number of seconds; *spread* gives numbers from 0 to 1.
    `BadArgumentError` for *retries* that are no int, or less than 0.
    """

    def __init__(
        self,
        retries: int = RETRIES,
        pause: Callable[[float], None] = time.sleep,
        apause: Callable[[float], Awaitable[None]] | None = None,
        spread: Callable[[], float] = random.random,
    ) -> None:
        if type(retries) is not int:
            check_int("retries", retries)
        if retries < 0:
            raise BadArgumentError("a number of retries is at least 0", retries=retries)
        self.retries, self.pause, self.apause, self.spread = retries, pause, apause or _sleep, spread

    def delays(self) -> Iterator[float]:
        """Seconds to wait after each try that lost; ends when there are no more."""
        longest = FIRST_DELAY
        for _ in range(self.retries):
            # All of the wait is by chance: two that collided once must not meet again.
            yield longest * self.spread()
            longest = min(2 * longest, LONGEST_DELAY)


def begin(
    outer: Context, read_only: bool = False, concurrency: Concurrency | None = None
) -> Program[Context]:
    """The context inside a new transaction of the store of *outer*."""
    store = outer.store
    name = yield from store.begin(read_only, concurrency)
    return Context(
        store,
        outer.partition,
        identities=IdentityMap(),
        policy=outer.policy,
        legacy_data=outer.legacy_data,
        transaction=Transaction(name, read_only, outer),
        client=outer.client,
        ends=True,
        policies=outer.policies,
    )


def commit(inner: Context, outer: Context) -> Program[None]:
    """End the transaction of *inner*: write what was kept back, if what was read is unchanged.

    `UniqueViolationError` if two entities would have one unique value: what counts is the state after all writes.
    """
    transaction: Transaction = inner.transaction
    if transaction.begun:
        transaction.check_begun()
    transaction.ended = True
    mutations = list(transaction.mutations.values())
    try:
        if transaction.uniques:
            mutations = yield from guard(outer.store, mutations, transaction.uniques, transaction.name)
        yield from outer.store.commit(mutations, transaction.name)
    finally:
        # Whatever came of it: what the context outside knows of these may be old now.
        if outer.identities is not None:
            for partition, packed in transaction.mutations:
                outer.identities.of(partition).pop(packed, None)


def rollback(inner: Context) -> Program[None]:
    """End the transaction of *inner* with nothing written."""
    inner.transaction.ended = True
    yield from inner.store.rollback(inner.transaction.name)


def outcome(result: T) -> T:
    """What a function that was called in a transaction has come to: its result, or that of the future it returned.

    TypeError for a coroutine, for which nobody waits here.
    """
    if isinstance(result, Future):
        return cast("Future[T]", result).result()
    if isinstance(result, CoroutineType):
        cast("CoroutineType[Any, Any, Any]", result).close()
        raise TypeError("a coroutine function needs transaction_async, awaited")
    return result


def run(
    outer: Context,
    function: Callable[[], T],
    attempts: Attempts,
    read_only: bool = False,
    concurrency: Concurrency | None = None,
) -> T:
    """The result of *function*, called in a transaction, until it is committed or out of tries.

    What *function* raises ends the transaction with nothing written, and is raised.  If it returns a `Future`, the
    transaction ends when that is done, and its result is returned.  TypeError if it returns a coroutine.
    """
    delays: Iterator[float] | None = None
    if outer.writing:
        outer.catch_up()
    store = outer.store
    while True:
        inner = store.run(begin(outer, read_only, concurrency))
        try:
            token = enter(inner)
            try:
                result = outcome(function())
                if inner.pending:
                    inner.settle()
            finally:
                leave(token)
            store.run(commit(inner, outer))
        except BaseException as error:
            store.run(rollback(inner))
            delays = delays or attempts.delays()
            delay = next(delays, None) if isinstance(error, Retryable) else None
            if delay is None:
                raise
            attempts.pause(delay)
        else:
            for callback in inner.transaction.on_commit:
                callback()
            return result
        finally:
            for callback in inner.transaction.on_complete:
                callback()


async def arun(
    outer: Context,
    function: Callable[[], Awaitable[T] | T],
    attempts: Attempts,
    read_only: bool = False,
    concurrency: Concurrency | None = None,
) -> T:
    """The same without blocking the event loop; *function* may return an awaitable."""
    delays: Iterator[float] | None = None
    while True:
        inner = await outer.store.arun(begin(outer, read_only, concurrency))
        try:
            with inner.use():
                result: Any = function()
                if isinstance(result, Awaitable):
                    result = await cast("Awaitable[T]", result)
                await inner.aflush()
            await outer.store.arun(commit(inner, outer))
        except BaseException as error:
            await outer.store.arun(rollback(inner))
            delays = delays or attempts.delays()
            delay = next(delays, None) if isinstance(error, Retryable) else None
            if delay is None:
                raise
            await attempts.apause(delay)
        else:
            for callback in inner.transaction.on_commit:
                callback()
            return cast("T", result)
        finally:
            for callback in inner.transaction.on_complete:
                callback()


class TransactionScope:
    """A transaction as a block: ``with`` and ``async with``.  Committed at its end, given up by an exception.

    A block can't be run again, so a `ConflictError` at its end reaches the caller.  `outer` tells, when the block
    is entered, the context to begin it in and whether to join the one in progress there.
    """

    def __init__(
        self,
        outer: Callable[[], tuple[Context, bool]],
        read_only: bool = False,
        concurrency: Concurrency | None = None,
    ) -> None:
        self._outer, self._read_only, self._concurrency = outer, read_only, concurrency
        self._entered: list[tuple[Context, Context, Token[Context | None] | None]] = []

    def __enter__(self) -> Context:
        outer, joins = self._outer()
        if joins:
            return self._enter(outer, outer)
        if outer.writing:
            outer.catch_up()
        return self._enter(outer, outer.store.run(begin(outer, self._read_only, self._concurrency)))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        outer, inner, token = self._entered.pop()
        if token is None:
            return
        try:
            try:
                if kind is None:
                    inner.settle()
            finally:
                leave(token)
            outer.store.run(commit(inner, outer) if kind is None else rollback(inner))
        except BaseException:
            outer.store.run(rollback(inner))
            raise
        else:
            if kind is None:
                for callback in inner.transaction.on_commit:
                    callback()
        finally:
            for callback in inner.transaction.on_complete:
                callback()

    async def __aenter__(self) -> Context:
        outer, joins = self._outer()
        if joins:
            return self._enter(outer, outer)
        return self._enter(outer, await outer.store.arun(begin(outer, self._read_only, self._concurrency)))

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        outer, inner, token = self._entered.pop()
        if token is None:
            return
        try:
            try:
                if kind is None:
                    await inner.aflush()
            finally:
                leave(token)
            await outer.store.arun(commit(inner, outer) if kind is None else rollback(inner))
        except BaseException:
            await outer.store.arun(rollback(inner))
            raise
        else:
            if kind is None:
                for callback in inner.transaction.on_commit:
                    callback()
        finally:
            for callback in inner.transaction.on_complete:
                callback()

    def _enter(self, outer: Context, inner: Context) -> Context:
        self._entered.append((outer, inner, enter(inner) if inner is not outer else None))
        return inner


class Propagation(enum.IntEnum):
    """What to do where a transaction is in progress already, with App Engine's numbers."""

    NESTED = 1
    """Not supported: BadRequestError."""
    MANDATORY = 2
    """Join it; BadRequestError if there is none."""
    ALLOWED = 3
    """Join it, or begin one."""
    INDEPENDENT = 4
    """Begin one of its own, which does not see what the other has kept back."""


def opening(context: Context, join: bool, propagation: Propagation | int | None) -> tuple[Context, bool]:
    """The context in which to begin a transaction, and whether to join the one in progress there instead.

    Raises `BadRequestError` for NESTED, and for MANDATORY outside of a transaction; `NestedTransactionError` in a
    transaction that is neither to be joined nor independent.
    """
    inside = context.transaction is not None
    match propagation:
        case None:
            if inside and not join:
                raise NestedTransactionError(
                    "transactions may not be nested", hint="Pass join=True, or propagation=INDEPENDENT."
                )
            return context, inside
        case Propagation.NESTED:
            raise BadRequestError("nested transactions are not supported")
        case Propagation.MANDATORY:
            if not inside:
                raise BadRequestError("this needs a transaction in progress", propagation="MANDATORY")
            return context, True
        case Propagation.ALLOWED:
            return context, inside
        case Propagation.INDEPENDENT:
            return (outside(context), False) if inside else (context, False)
        case _:
            raise BadArgumentError("an unknown propagation", propagation=propagation)


def outside(context: Context) -> Context:
    """The context in which the outermost transaction of *context* was begun."""
    while context.transaction is not None:
        context = context.transaction.outer
    return context
