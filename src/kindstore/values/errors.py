"""One tree of errors for the whole library.

    Error
    ├── BadValueError               a value that can't be stored: wrong type, too long, out of range
    │   └── TooLargeError           over a limit of the service in bytes or in number
    ├── BadKeyError                 a key that is incomplete, reserved, malformed or of the wrong partition
    ├── BadArgumentError            a call that makes no sense, whatever is stored
    ├── BadQueryError               a query that the Datastore does not have
    │   └── BadCursorError          a cursor of another query, or one that was tampered with
    ├── NeedIndexError              a query that needs a composite index
    ├── IndexFileError              an index.yaml that can't be read
    ├── AlreadyExistsError          insert of an entity that is there
    ├── UniqueViolationError        put of a unique value that another entity has
    ├── NotFoundError               update of an entity that is not there
    ├── TransactionError
    │   ├── ConflictError           (Retryable) somebody else committed first; nothing was written
    │   ├── TransactionNotFoundError  ended, expired, or never begun
    │   └── ReadOnlyTransactionError  a write in a read-only transaction
    └── StorageError                the file or the server underneath
        ├── BusyError               (Retryable) the write lock could not be had in time; nothing was written
        ├── StorageFullError        no room left; nothing was written
        ├── CorruptionError         the file is damaged
        ├── FormatError             not a Kindstore database, or one of a newer version
        ├── UnsafeStorageError      a place or a library on which commits could be lost
        └── OutcomeUnknownError     the commit may or may not have happened; look before you retry

The text of a message is fixed for each cause; what varies is in ``facts`` (and in attributes of the same
names), so that errors can be counted.  ``hint`` says what to do.  Catch `Retryable` to try again.
"""

from typing import Any


class Retryable:
    """Marks the errors after which nothing was written and the same work may be tried again."""


class Error(Exception):
    """Base of every error of this library.

    *message* is the fixed text, *hint* the remedy, *facts* what this occurrence was about
    (``path="Author.age"``, ``key=…``).  *details* are for validators written for NDB, which raise
    ``BadValueError("not positive", value)``.  Picklable.
    """

    def __init__(self, message: object = "", *details: object, hint: str = "", **facts: Any) -> None:
        super().__init__(message, *details)
        self.message = str(message)
        self.hint = hint
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(f"{type(self).__name__!r} error has no fact {name!r}")

    def __str__(self) -> str:
        text = self.message
        if self.args[1:]:
            text += ": " + ", ".join(map(repr, self.args[1:]))
        if self.facts:
            text += " (" + ", ".join(f"{name}={value!r}" for name, value in self.facts.items()) + ")"
        if self.hint:
            text += f". {self.hint}" if not text.endswith(".") else f" {self.hint}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.facts, self.args)


def _rebuild(
    cls: type[Error], message: str, hint: str, facts: dict[str, Any], args: tuple[Any, ...]
) -> Error:
    error = cls.__new__(cls)
    error.args = args
    error.message, error.hint, error.facts = message, hint, facts
    return error


class BadValueError(Error):
    """A value that can't be stored: wrong type, too long, out of range."""


class TooLargeError(BadValueError):
    """Over one of the limits of the service (`values.limits`)."""


class UserNotFoundError(Error, ValueError):
    """A `User` without an e-mail address."""


class BadKeyError(Error, ValueError):
    """A key that is incomplete, reserved, malformed, or of another partition than the call allows."""


class BadArgumentError(Error):
    """A call that makes no sense, whatever is stored."""


class BadQueryError(Error):
    """A query that the Datastore does not have; raised before any statement runs."""


class BadCursorError(BadQueryError):
    """A cursor that belongs to another query, or that was damaged."""


class NeedIndexError(Error):
    """The query needs a composite index that does not exist."""


class IndexFileError(Error):
    """An index.yaml that can't be read; says the line, and what to change there."""


class AlreadyExistsError(Error):
    """Insert of an entity whose key is taken; nothing was written."""


class UniqueViolationError(Error):
    """Put of an entity with a unique value that another one has, *key*; nothing was written.

    *property* is the name and *value* the value; of several properties that are unique together, tuples of them.
    """


class NotFoundError(Error):
    """Update of an entity that is not stored; nothing was written."""


class TransactionError(Error):
    """Base of what can go wrong with a transaction."""


class ConflictError(TransactionError, Retryable):
    """Somebody else committed first.  Raised by commit only, with nothing written."""


class TransactionNotFoundError(TransactionError):
    """The transaction was committed, rolled back or has expired, or was never begun here."""


class ReadOnlyTransactionError(TransactionError):
    """A write in a transaction that was begun read-only."""


class StorageError(Error):
    """Base of the troubles of the file or server underneath."""


class BusyError(StorageError, Retryable):
    """The write lock could not be had in time; nothing was written."""


class StorageFullError(StorageError):
    """The disk (or the quota) is full; nothing was written."""


class CorruptionError(StorageError):
    """The file is damaged."""


class FormatError(StorageError):
    """Not a Kindstore database, or one written by a newer version."""


class UnsafeStorageError(StorageError):
    """A place, a library or a way of opening on which acknowledged commits could be lost."""


class OutcomeUnknownError(StorageError):
    """The commit may or may not have happened.  Never retried by the library: read, then decide."""
