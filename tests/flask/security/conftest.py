"""An application with accounts, on each of the two stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_security import Security

from kindstore import ndb
from kindstore.flask import security

MakeApp = Callable[..., Flask]

PASSWORD = "correct horse battery staple"


@pytest.fixture(params=["memory", "sqlite"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ndb.Client]:
    """A client of an empty store."""
    with ndb.Client(url=":memory:" if request.param == "memory" else str(tmp_path / "accounts.db")) as made:
        yield made


@pytest.fixture
def accounts(client: ndb.Client) -> security.DatastoreUserDatastore:
    """The ready-made models in that store."""
    return security.DatastoreUserDatastore(
        client, security.User, security.Role, security.WebAuthn, security.RefreshTracker
    )


@pytest.fixture
def make_app(accounts: security.DatastoreUserDatastore) -> MakeApp:
    """Makes an application; the arguments are its settings."""

    def make(**settings: Any) -> Flask:
        app = Flask(__name__)
        app.config.update(
            {
                "SECRET_KEY": "secret",
                "SECURITY_PASSWORD_SALT": "salt",
                "SECURITY_PASSWORD_HASH": "argon2",
                "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
                "SECURITY_PASSWORD_COMPLEXITY_CHECKER": None,
                "TESTING": True,
                "WTF_CSRF_ENABLED": False,
                **settings,
            }
        )
        Security(app, accounts)
        return app

    return make
