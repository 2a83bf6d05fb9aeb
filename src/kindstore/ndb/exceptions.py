"""`ndb.exceptions`: the errors of this face, under NDB's names.

All of them are in the one tree of `kindstore.values.errors`; NDB's `google.api_core.exceptions` don't occur.
"""

from kindstore.mapper.context import ContextError
from kindstore.mapper.errors import (
    BadFilterError,
    BadRequestError,
    NoLongerImplementedError,
    UnknownPropertyError,
)
from kindstore.mapper.future import Cancelled
from kindstore.mapper.transaction import NestedTransactionError, Rollback
from kindstore.values.errors import (
    AlreadyExistsError,
    BadArgumentError,
    BadCursorError,
    BadKeyError,
    BadQueryError,
    BadValueError,
    BusyError,
    ConflictError,
    Error,
    NeedIndexError,
    NotFoundError,
    OutcomeUnknownError,
    ReadOnlyTransactionError,
    Retryable,
    StorageError,
    TooLargeError,
    TransactionError,
    TransactionNotFoundError,
    UniqueViolationError,
)

__all__ = [
    "AlreadyExistsError",
    "BadArgumentError",
    "BadCursorError",
    "BadFilterError",
    "BadKeyError",
    "BadQueryError",
    "BadRequestError",
    "BadValueError",
    "BusyError",
    "Cancelled",
    "ConflictError",
    "ContextError",
    "Error",
    "NeedIndexError",
    "NestedRetryException",
    "NestedTransactionError",
    "NoLongerImplementedError",
    "NotFoundError",
    "OutcomeUnknownError",
    "ReadOnlyTransactionError",
    "Retryable",
    "Rollback",
    "StorageError",
    "TooLargeError",
    "TransactionError",
    "TransactionNotFoundError",
    "UniqueViolationError",
    "UnknownPropertyError",
]


def __dir__() -> list[str]:
    return __all__


class NestedRetryException(Error):
    """One try inside of another one failed.  Never raised here: a transaction in another one is a part of it."""
