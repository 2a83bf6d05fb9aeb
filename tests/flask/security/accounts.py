"""What the tests of accounts share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from kindstore.flask.security import DatastoreUserDatastore, Security

PASSWORD = "correct horse battery staple"
MakeApp = Callable[..., Flask]


def app_with(accounts: DatastoreUserDatastore, **settings: Any) -> Flask:
    """An application with these accounts; *settings* are its own."""
    app = Flask(__name__)
    app.config.update(
        {
            "SECRET_KEY": "secret",
            "SECURITY_PASSWORD_SALT": "salt",
            "SECURITY_PASSWORD_HASH": "argon2",
            "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
            "SECURITY_TOTP_SECRETS": {"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
            "SECURITY_TOTP_ISSUER": "tests",
            "TESTING": True,
            "WTF_CSRF_ENABLED": False,
            **settings,
        }
    )
    Security(app, accounts)
    return app


def sign_up(email: str) -> dict[str, Any]:
    """The form of somebody who registers."""
    return {"email": email, "password": PASSWORD, "password_confirm": PASSWORD}


def log_in(email: str, password: str = PASSWORD) -> dict[str, Any]:
    """The form of somebody who logs in."""
    return {"email": email, "password": password}
