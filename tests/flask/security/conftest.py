"""Accounts, on each of the two stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from flask import Flask

from kindstore import ndb
from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.flask import security
from kindstore.testing import Recorder
from tests.flask.security.accounts import app_with


@pytest.fixture(params=["memory", "sqlite"])
def recorder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Recorder]:
    """An empty store, whose calls can be recorded."""
    store = MemoryStore() if request.param == "memory" else connect(str(tmp_path / "accounts.db"))
    yield Recorder(store)
    store.close()


@pytest.fixture
def client(recorder: Recorder) -> Iterator[ndb.Client]:
    """A client of that store."""
    with ndb.Client(store=recorder) as made:
        yield made


@pytest.fixture
def accounts(client: ndb.Client) -> security.DatastoreUserDatastore:
    """The ready-made models in that store."""
    return security.DatastoreUserDatastore(
        client, security.User, security.Role, security.WebAuthn, security.RefreshTracker
    )


@pytest.fixture
def make_app(accounts: security.DatastoreUserDatastore) -> Callable[..., Flask]:
    """Makes an application; the arguments are its settings."""
    return partial(app_with, accounts)


@pytest.fixture
def ds(accounts: security.DatastoreUserDatastore) -> Iterator[security.DatastoreUserDatastore]:
    """The same, in an application with everything switched on, in whose context the test is."""
    app = app_with(accounts, SECURITY_WEBAUTHN=True, SECURITY_USERNAME_ENABLE=True)
    with app.app_context():
        yield accounts
