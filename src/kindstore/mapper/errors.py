"""The errors that models and properties add to `values.errors`; a face re-exports them under ndb's names."""

from __future__ import annotations

from kindstore.values.errors import BadQueryError, BadValueError, Error


class KindError(BadValueError):
    """No model class for a kind, a kind that is no str, or a key of another kind than the class's."""


class InvalidPropertyError(Error):
    """A property that does not exist, or can't be used this way (a projection of an unindexed one)."""


BadProjectionError = InvalidPropertyError


class UnknownPropertyError(Error, AttributeError):
    """Setting, by the constructor or `populate`, what the class does not have.  Its text is Python's own."""


class UnprojectedPropertyError(Error):
    """Reading a property that the query did not project."""


class ReadonlyPropertyError(Error):
    """Assigning to a property of an entity that came from a projection query."""


class ComputedPropertyError(ReadonlyPropertyError):
    """Assigning to, or deleting, a computed property."""


class UserNotFoundError(Error):
    """A `User` without an e-mail address."""


class BadRequestError(Error):
    """A call that is not allowed here: a transaction inside another, or none where one is needed; a put of an
    entity of a projection.
    """


class BadFilterError(BadQueryError):
    """A comparison that makes no filter: of an unindexed property, or < on a structure."""


class NoLongerImplementedError(NotImplementedError):
    """What NDB had on App Engine and has no longer."""

    def __init__(self) -> None:
        super().__init__("No longer implemented")
