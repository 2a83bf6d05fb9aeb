"""Transactions of db: by the law of entity groups (spec/service.md 3.8).

A transaction touches one entity group, or 25 if it says *xg*, and queries by ancestor only; what conflicts is any
change in a group that it touched.  It reads the state at its first read, without its own writes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from kindstore.db.errors import BadArgumentError, BadRequestError, Rollback, told
from kindstore.db.law import GroupLaw
from kindstore.db.options import CONFIGURATION, check
from kindstore.db.strings import check_number, check_string
from kindstore.mapper.context import current
from kindstore.mapper.transaction import RETRIES, Attempts, Propagation, outcome, outside, run
from kindstore.store.messages import Concurrency

NESTED: Final = 1
MANDATORY: Final = 2
ALLOWED: Final = 3
INDEPENDENT: Final = 4

_OPTIONS: Final = CONFIGURATION | {"propagation", "xg", "retries", "app"}


class TransactionOptions:
    """How a transaction is run; TypeError for an option that there is not, `BadArgumentError` for a bad value."""

    NESTED, MANDATORY, ALLOWED, INDEPENDENT = NESTED, MANDATORY, ALLOWED, INDEPENDENT

    def __init__(self, **options: Any) -> None:
        check(options, _OPTIONS)
        propagation, xg, retries = (options.get(name) for name in ("propagation", "xg", "retries"))
        if propagation is not None and propagation not in list(Propagation):
            raise BadArgumentError(f"Unknown propagation value ({propagation!r})")
        if xg is not None and not isinstance(xg, bool):
            raise BadArgumentError(f"xg argument should be bool ({xg!r})")
        if options.get("app") is not None:
            check_string(options["app"], "app", BadArgumentError)
        self.propagation: int | None = propagation
        self.xg = bool(xg)
        self.retries = RETRIES if retries is None else check_number(retries, "retries")


def create_transaction_options(**options: Any) -> TransactionOptions:
    """Options of transactions: *propagation*, *xg*, *retries*, and others that are without effect here."""
    return TransactionOptions(**options)


def run_in_transaction(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of *function*, called in a transaction; it is called again if somebody else committed first.

    What it raises ends the transaction with nothing written and is raised; after `Rollback` the result is None.
    `TransactionFailedError` if somebody else was first at all four tries.
    """
    return _run(TransactionOptions(), False, function, args, kwargs)


def run_in_transaction_custom_retries(
    retries: int, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """The same, called again *retries* times at most."""
    return _run(TransactionOptions(retries=retries), False, function, args, kwargs)


def run_in_transaction_options(
    options: TransactionOptions, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """The same with *options*."""
    return _run(options, False, function, args, kwargs)


def run_in_read_only_transaction(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The same in a transaction that refuses writes (`BadRequestError`)."""
    return _run(TransactionOptions(), True, function, args, kwargs)


def run_in_read_only_transaction_options(
    options: TransactionOptions, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """The same with *options*."""
    return _run(options, True, function, args, kwargs)


RunInTransaction = run_in_transaction
RunInTransactionCustomRetries = run_in_transaction_custom_retries


def _run(
    options: Any, read_only: bool, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if not isinstance(options, TransactionOptions):
        options = TransactionOptions(**({} if options is None else options))
    context = current()
    if context.transaction is None:
        if options.propagation == MANDATORY:
            raise BadRequestError("Requires an existing transaction.")
    elif options.propagation in (None, NESTED):
        raise BadRequestError("Nested transactions are not supported.")
    elif options.propagation != INDEPENDENT:
        return outcome(function(*args, **kwargs))

    def inside() -> Any:
        current().transaction.law = GroupLaw(options.xg, read_only)
        return function(*args, **kwargs)

    try:
        with told():
            return run(
                outside(context),
                inside,
                Attempts(options.retries),
                read_only,
                Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS,
            )
    except Rollback:
        return None


def is_in_transaction() -> bool:
    """Whether this code runs inside a transaction."""
    return current().transaction is not None


def transactional(_func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorator, bare or with options: calls run in a transaction, in the one in progress if there is one.

    *require_new*: always in one of their own.
    """
    if not options.pop("require_new", None):
        options.setdefault("propagation", ALLOWED)
    given = TransactionOptions(**options)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return _run(given, False, function, args, kwargs)

        return wrapper

    return decorate if _func is None else decorate(_func)


def non_transactional(_func: Callable[..., Any] | None = None, allow_existing: bool = True) -> Any:
    """Decorator, bare or with options: calls run outside of the transaction in progress, as if there were none.

    Without *allow_existing* a call inside a transaction raises `BadRequestError`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            context = current()
            if context.transaction is None:
                return function(*args, **kwargs)
            if not allow_existing:
                raise BadRequestError("Function cannot be called from within a transaction.")
            with outside(context).use():
                return function(*args, **kwargs)

        return wrapper

    return decorate if _func is None else decorate(_func)
