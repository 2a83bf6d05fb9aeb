"""The errors of `kindstore.db`, under the names that App Engine's db has for them (docs/db.md).

They are of the one tree of `kindstore.values.errors`: those that the floors below raise are those of db itself where
they mean the same.  `told` translates the rest.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from kindstore.mapper.errors import BadFilterError, BadRequestError, KindError
from kindstore.mapper.transaction import Rollback
from kindstore.values import errors
from kindstore.values.errors import (
    BadArgumentError,
    BadKeyError,
    BadQueryError,
    BadValueError,
    Error,
    NotFoundError,
    TransactionNotFoundError,
)

ValidationError = BadValueError
EntityNotFoundError = NotFoundError

__all__ = [
    "BadArgumentError",
    "BadFilterError",
    "BadKeyError",
    "BadPropertyError",
    "BadQueryError",
    "BadRequestError",
    "BadValueError",
    "CommittedButStillApplying",
    "ConfigurationError",
    "DerivedPropertyError",
    "DuplicatePropertyError",
    "EntityNotFoundError",
    "Error",
    "InternalError",
    "KindError",
    "NeedIndexError",
    "NotSavedError",
    "PropertyError",
    "QueryNotFoundError",
    "ReferencePropertyResolveError",
    "ReservedWordError",
    "Rollback",
    "Timeout",
    "TransactionFailedError",
    "TransactionNotFoundError",
    "UserNotFoundError",
    "ValidationError",
    "told",
]


class BadPropertyError(Error):
    """A name that no property may have, or a value that is not stored."""


class ConfigurationError(Error):
    """A property that can't be declared this way."""


class DerivedPropertyError(Error):
    """Assigning to a computed property."""


class DuplicatePropertyError(Error):
    """One property, or collection of references, twice in a class."""


class InternalError(Error):
    """The store did what it must not do."""


class NotSavedError(Error):
    """The key of an instance that has none yet."""


class PropertyError(Error):
    """A query by a property that does not exist or is not indexed."""


class QueryNotFoundError(Error):
    """A query that is over; for programs that catch it, nothing raises it."""


class ReferencePropertyResolveError(Error):
    """A reference to an entity that is not there."""


class ReservedWordError(Error):
    """A property with a name that models need for themselves."""


class UserNotFoundError(Error):
    """A user without an e-mail address."""


class Timeout(Error):
    """The store was busy for too long; nothing was written."""


class CommittedButStillApplying(Timeout):
    """For programs that catch it: commits are visible at once here, so nothing raises it."""


class TransactionFailedError(errors.TransactionError):
    """Somebody else committed first, at every try; nothing was written."""


class NeedIndexError(errors.NeedIndexError):
    """The query needs a composite index that does not exist."""

    def YamlIndex(self) -> str:  # noqa: N802 - db's name
        """What to add to index.yaml."""
        return self.message.partition(":\n")[2]

    def OriginalMessage(self) -> str:  # noqa: N802 - db's name
        """The whole message."""
        return self.message

    def Header(self) -> str:  # noqa: N802 - db's name
        """Its first line."""
        return self.message.partition("\n")[0]


CONFLICT = "The transaction could not be committed. Please try again."


@contextmanager
def told() -> Generator[None]:
    """For a ``with`` block: what the store raises in it becomes the error that db has for it."""
    try:
        yield
    except errors.ConflictError as error:
        raise TransactionFailedError(CONFLICT) from error
    except errors.ReadOnlyTransactionError as error:
        raise BadRequestError("Cannot modify entities in a read-only transaction.") from error
    except errors.BusyError as error:
        raise Timeout(error.message, hint=error.hint, **error.facts) from error
    except errors.NeedIndexError as error:
        if isinstance(error, NeedIndexError):
            raise
        raise NeedIndexError(error.message, hint=error.hint) from error
