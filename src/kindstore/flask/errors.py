"""What goes wrong in Flask alone."""

from __future__ import annotations

from kindstore.mapper.context import ContextError
from kindstore.values.errors import BadArgumentError, Error


class ConfigError(BadArgumentError):
    """A value in an app's configuration of which nothing can be made; *key* is the name in ``app.config``."""


class NoAppContextError(ContextError, RuntimeError):
    """Work with a model, or with the extension, outside of every application context."""


class NoResultError(Error, LookupError):
    """A query that must have a result, and has none."""


class ManyResultsError(Error, LookupError):
    """A query that must have one result, and has more."""
