"""A pytest plugin for Flask-Security's own suite: runs it on the datastore that ``--fs-backend`` names.

The suite's fixtures look up `sqlalchemy_setup` in its conftest.py when they are called, so what is put there serves all
tests that would run on SQLAlchemy.  Those on its other databases are left out, and three test functions that look into
SQLAlchemy or PostgreSQL themselves.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

WANTED = {"clients": "cl-fsqlalchemy", "datastore": "sqlalchemy", "ds": "sqlalchemy_datastore"}
LEFT_OUT = {"test_find_user_no_joined_load", "test_session_query", "test_uuid"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--fs-backend module:callable``; without it the suite runs as it is, on the same tests."""
    parser.addoption("--fs-backend")


class Replacing:
    """Puts *make* into the suite's conftest.py as soon as that is loaded, before any test module is."""

    def __init__(self, make: Any) -> None:
        self.make = make

    def pytest_plugin_registered(self, plugin: Any) -> None:
        """See `Replacing`."""
        if not (getattr(plugin, "__file__", None) or "").endswith("tests/conftest.py"):
            return
        plugin.sqlalchemy_setup = self.make
        utils = sys.modules["tests.test_utils"]
        theirs = utils.capture_queries

        @contextmanager
        def capture_queries(datastore: Any) -> Generator[Any]:
            own = getattr(datastore, "capture_queries", None)
            with theirs(datastore) if own is None else own() as reads:
                yield reads

        utils.capture_queries = capture_queries  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    """Replace the suite's set-up."""
    named = config.getoption("--fs-backend")
    if named:
        module, _, name = named.partition(":")
        replacing = Replacing(getattr(importlib.import_module(module), name))
        for plugin in config.pluginmanager.get_plugins():
            replacing.pytest_plugin_registered(plugin)
        config.pluginmanager.register(replacing)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Leave out what is about other databases."""
    items[:] = [
        item
        for item in items
        if item.originalname not in LEFT_OUT
        and all(
            getattr(getattr(item, "callspec", None), "params", {}).get(name, value) == value
            for name, value in WANTED.items()
        )
    ]
