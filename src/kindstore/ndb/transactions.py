"""`ndb.transaction` and the decorators (spec/ndb.md 2.6); the laws are in `kindstore.mapper.transaction`.

Four ways to say it::

    ndb.transaction(function)                    # tries again when somebody else committed first
    await ndb.transaction_async(function)        # the same; function may be a coroutine function
    @ndb.transactional()                         # on a function or a coroutine function
    with ndb.transaction(): …                    # or async with; a block can't be tried again
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Generator
from types import FunctionType
from typing import Any, Final, ParamSpec, Protocol, TypeVar, cast, overload

from kindstore.mapper.context import current
from kindstore.mapper.errors import BadRequestError
from kindstore.mapper.future import Future
from kindstore.mapper.transaction import (
    RETRIES,
    Attempts,
    Propagation,
    TransactionScope,
    arun,
    opening,
    outcome,
    outside,
    run,
)
from kindstore.ndb.tasklets import tasklet
from kindstore.store.checks import choice
from kindstore.store.messages import Concurrency
from kindstore.values.errors import BadArgumentError

P = ParamSpec("P")
T = TypeVar("T")


class TransactionOptions:
    """What to do in a transaction in progress (*propagation* of the functions here)."""

    NESTED: Final = Propagation.NESTED
    MANDATORY: Final = Propagation.MANDATORY
    ALLOWED: Final = Propagation.ALLOWED
    INDEPENDENT: Final = Propagation.INDEPENDENT


@overload
def transaction(
    callback: None = None,
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = False,
    xg: bool = True,
    propagation: int | None = None,
    *,
    concurrency: Concurrency | str | None = None,
) -> TransactionScope: ...
@overload
def transaction(
    callback: Callable[[], Future[T]],
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = False,
    xg: bool = True,
    propagation: int | None = None,
    *,
    concurrency: Concurrency | str | None = None,
) -> T: ...
@overload
def transaction(
    callback: Callable[[], T],
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = False,
    xg: bool = True,
    propagation: int | None = None,
    *,
    concurrency: Concurrency | str | None = None,
) -> T: ...
def transaction(
    callback: Callable[[], Any] | None = None,
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = False,
    xg: bool = True,  # noqa: ARG001 - every transaction may span entity groups
    propagation: int | None = None,
    *,
    concurrency: Concurrency | str | None = None,
) -> Any:
    """The result of *callback*, called in a transaction; without one, a scope for ``with`` and ``async with``.

    *retries*: how often to try again after somebody else committed first (`ConflictError`) or the store was busy.
    *read_only* transactions refuse writes.  *join*: inside another transaction be a part of it; otherwise that is
    a `NestedTransactionError`.  *propagation* (`TransactionOptions`) says it in full.  *concurrency*: what makes two
    transactions conflict, or its text; default: the store's.

    Before the transaction begins: `BadArgumentError` for options that can't be and for a *callback* that can't be
    called, TypeError for a generator function.  TypeError for a coroutine function: `transaction_async` takes it.
    """
    attempts = Attempts(retries)
    mode = None if concurrency is None else _mode_of(concurrency)
    if callback is None:
        return TransactionScope(lambda: opening(current(), join, propagation), read_only, mode)
    _check_function(callback)
    outer, joins = opening(current(), join, propagation)
    return outcome(callback()) if joins else run(outer, callback, attempts, read_only, mode)


@overload
def transaction_async(
    callback: Callable[[], Awaitable[T]],
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = False,
    xg: bool = True,
    propagation: int | None = None,
    *,
    concurrency: Concurrency | str | None = None,
) -> Future[T]: ...
@overload
def transaction_async(
    callback: Callable[[], T],
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = False,
    xg: bool = True,
    propagation: int | None = None,
    *,
    concurrency: Concurrency | str | None = None,
) -> Future[T]: ...
def transaction_async(
    callback: Callable[[], Any],
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = False,
    xg: bool = True,  # noqa: ARG001 - every transaction may span entity groups
    propagation: int | None = None,
    *,
    concurrency: Concurrency | str | None = None,
) -> Future[Any]:
    """`transaction` as a future; *callback* may be a coroutine function, or return a future."""
    attempts, mode = Attempts(retries), _mode_of(concurrency)
    _check_function(callback)
    context = current()
    outer, joins = opening(context, join, propagation)

    def work() -> Any:
        if not joins:
            return run(outer, callback, attempts, read_only, mode)
        with outer.use():
            return outcome(callback())

    async def awork() -> Any:
        if not joins:
            return await arun(outer, callback, attempts, read_only, mode)
        with outer.use():
            result = callback()
            return await cast("Any", result) if isinstance(result, Awaitable) else result

    future = Future.call(work, awork, "transaction")
    context.keep(future)
    return future


_GENERATORS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
"""The flags of functions whose call runs nothing of their body."""


def _mode_of(concurrency: Concurrency | str | None) -> Concurrency | None:
    return None if concurrency is None else choice(Concurrency, "concurrency", concurrency)


def _check_function(function: Any) -> None:
    """`BadArgumentError` for what can't be called; TypeError for a generator function."""
    if type(function) is FunctionType and not function.__code__.co_flags & _GENERATORS:
        return  # as most of them do, and `inspect` takes longer to say so
    if not callable(function):
        raise BadArgumentError("a transaction needs a function to call", given=function)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"{name} is a generator function: its body would run after the transaction has ended")


@overload
def transactional(function: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def transactional(
    *,
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = True,
    xg: bool = True,
    propagation: int | None = None,
    concurrency: Concurrency | str | None = None,
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
def transactional(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Decorator: every call of the function is a transaction, or a part of the one in progress.

    Options are those of `transaction`, but *join* is True by default.  On a coroutine function the call is awaited.
    Wrong options and functions are refused when the function is decorated, with the errors of `transaction`.
    """
    options.setdefault("join", True)
    Attempts(options.get("retries", RETRIES))
    options["concurrency"] = _mode_of(options.get("concurrency"))

    def decorate(called: Callable[..., Any]) -> Callable[..., Any]:
        _check_function(called)
        if inspect.iscoroutinefunction(called):

            @functools.wraps(called)
            async def awrapper(*args: Any, **kwargs: Any) -> Any:
                return await transaction_async(lambda: called(*args, **kwargs), **options)

            return awrapper

        @functools.wraps(called)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return transaction(lambda: called(*args, **kwargs), **options)

        return wrapper

    return decorate if function is None else decorate(function)


class _Later(Protocol):
    """Makes of a function one whose calls return a future of its result."""

    @overload
    def __call__(self, called: Callable[P, Awaitable[T]], /) -> Callable[P, Future[T]]: ...
    @overload
    def __call__(self, called: Callable[P, T], /) -> Callable[P, Future[T]]: ...


def transactional_async(
    *,
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = True,
    xg: bool = True,
    propagation: int | None = None,
    concurrency: Concurrency | str | None = None,
) -> _Later:
    """Decorator: `transactional`, but calls return a future."""
    Attempts(retries)
    mode = _mode_of(concurrency)

    def decorate(called: Callable[P, Any]) -> Callable[P, Future[Any]]:
        _check_function(called)

        @functools.wraps(called)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> Future[Any]:
            return transaction_async(
                lambda: called(*args, **kwargs),
                retries,
                read_only,
                join,
                xg,
                propagation,
                concurrency=mode,
            )

        return wrapper

    return cast("_Later", decorate)


@overload
def transactional_tasklet(function: Callable[P, Generator[Any, Any, T]], /) -> Callable[P, Future[T]]: ...
@overload
def transactional_tasklet(
    *,
    retries: int = RETRIES,
    read_only: bool = False,
    join: bool = True,
    xg: bool = True,
    propagation: int | None = None,
    concurrency: Concurrency | str | None = None,
) -> Callable[[Callable[P, Generator[Any, Any, T]]], Callable[P, Future[T]]]: ...
def transactional_tasklet(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Decorator: calls begin the generator function as a tasklet, in a transaction that ends when it does.

    Options are those of `transactional`.
    """
    transact = transactional_async(**options)

    def decorate(called: Callable[..., Any]) -> Callable[..., Any]:
        return transact(tasklet(called))

    return decorate if function is None else decorate(function)


def non_transactional(allow_existing: bool = True) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator: the function works outside of the transaction in progress, as if there were none.

    Without *allow_existing* a call inside a transaction raises `BadRequestError`.
    """

    def decorate(called: Callable[P, T]) -> Callable[P, T]:
        if inspect.iscoroutinefunction(called):

            @functools.wraps(called)
            async def awrapper(*args: Any, **kwargs: Any) -> Any:
                context = current()
                _refuse(context.in_transaction() and not allow_existing, called.__name__)
                with outside(context).use():
                    return await called(*args, **kwargs)

            return cast("Callable[P, T]", awrapper)

        @functools.wraps(called)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            context = current()
            _refuse(context.in_transaction() and not allow_existing, called.__name__)
            with outside(context).use():
                return called(*args, **kwargs)

        return wrapper

    return decorate


def _refuse(refused: bool, name: str) -> None:
    if refused:
        raise BadRequestError("this may not be called in a transaction", function=name)


def in_transaction() -> bool:
    """Whether this code runs inside a transaction."""
    return current().transaction is not None
