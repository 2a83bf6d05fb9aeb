"""Kindstore in Flask: models, log-in, accounts, forms, an admin screen, sessions and a cache."""

from kindstore.flask.errors import ConfigError, ManyResultsError, NoAppContextError, NoResultError
from kindstore.flask.extension import Kindstore
from kindstore.flask.model import Model
from kindstore.flask.query import ModelQuery, Query, asc, desc

__all__ = [
    "ConfigError",
    "Kindstore",
    "ManyResultsError",
    "Model",
    "ModelQuery",
    "NoAppContextError",
    "NoResultError",
    "Query",
    "asc",
    "desc",
]
