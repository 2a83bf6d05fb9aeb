"""A pytest plugin under which ``google.appengine.ext.db`` is `kindstore.db`: ``pytest -p alias_app_engine_db``.

Its submodules, users, values and errors are ours besides; `app_engine_db_fixtures` stands for the rest of the SDK that
the tests work with.
"""

from __future__ import annotations

import importlib

from google.appengine import api, ext
from google.appengine.api import datastore_errors, datastore_types
from replacements import module

from kindstore import db
from kindstore.db import errors, kinds

DB = "google.appengine.ext.db"
PUBLIC = ("key_range", "metadata", "polymodel", "stats")


def put_in_place() -> None:
    """Put `kindstore.db` in the place of the SDK's db."""
    # Tests of hierarchies look there which class a kind has.
    package = module(DB, vars(db), {"_kind_map": kinds.kind_map})
    package.__path__ = []
    ext.db = package
    for name in PUBLIC:
        names = vars(importlib.import_module(f"kindstore.db.{name}"))
        setattr(package, name, module(f"{DB}.{name}", names))


def replace_values() -> None:
    """Let the SDK's errors, users and types of values be those of db."""
    for name in errors.__all__:
        if hasattr(datastore_errors, name):
            setattr(datastore_errors, name, getattr(errors, name))
    for name in ("GeoPt", "Link"):
        setattr(datastore_types, name, getattr(db, name))
    api.users = module("google.appengine.api.users", vars(db.users))


put_in_place()
replace_values()
