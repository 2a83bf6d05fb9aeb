"""Kindstore in Flask: models, log-in, accounts, forms, an admin screen, sessions and a cache."""

from kindstore.flask.errors import ConfigError, ManyResultsError, NoAppContextError, NoResultError
from kindstore.flask.extension import Kindstore
from kindstore.flask.json import to_json
from kindstore.flask.model import Model
from kindstore.flask.pagination import CursorPagination, Pagination
from kindstore.flask.query import ModelQuery, Query, asc, desc
from kindstore.flask.signals import Change, before_models_committed, models_committed

__all__ = [
    "Change",
    "ConfigError",
    "CursorPagination",
    "Kindstore",
    "ManyResultsError",
    "Model",
    "ModelQuery",
    "NoAppContextError",
    "NoResultError",
    "Pagination",
    "Query",
    "asc",
    "before_models_committed",
    "desc",
    "models_committed",
    "to_json",
]
