"""The application of the tutorial "Using ORM Patterns With Google Cloud Firestore In Datastore Mode", completed."""

import importlib
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template
from flask.typing import ResponseReturnValue
from flask_login import LoginManager
from flask_wtf.csrf import CSRFError, CSRFProtect

from kindstore.flask.login import load_users

from . import commands, pages
from .store import db

HERE = Path(__file__).parent.resolve()


def create_app(config: Mapping[str, Any] | None = None, folder: Path = HERE / "instance") -> Flask:
    """The application; settings come from *config*, else from the environment: ``FLASK_USER_MODEL`` and so on.

    USER_MODEL is "entity", for the tutorial's `DatastoreEntity`, or "kindstore".  What it makes is in *folder*.
    """
    app = Flask(__name__, instance_path=str(folder))
    app.config.update(
        USER_MODEL="entity",
        SESSION_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SAMESITE="Lax",
    )
    app.config.from_prefixed_env()
    app.config.update(config or {})
    folder.mkdir(exist_ok=True)
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = secret_key(folder / "secret_key")

    db.init_app(app)
    users = importlib.import_module(f".users_{app.config['USER_MODEL']}", __name__)
    app.config["USERS"] = users.User

    manager = LoginManager(app)
    manager.login_view = manager.refresh_view = "page.login"
    manager.login_message_category = manager.needs_refresh_message_category = "info"
    load_users(manager, users.User)

    CSRFProtect(app)
    app.register_error_handler(CSRFError, stale_form)
    app.register_blueprint(pages.page)
    app.after_request(own_content_only)
    commands.init_app(app)
    return app


def secret_key(file: Path) -> str:
    """The key that signs the cookies: made once, and kept where only this user of the machine can read it."""
    if not file.exists():
        made = file.with_name(f"{file.name}.{os.getpid()}")
        made.touch(0o600)
        made.write_text(secrets.token_hex())
        with suppress(FileExistsError):  # of several processes that start at once, the first one's counts
            file.hardlink_to(made)
        made.unlink()
    return file.read_text()


def stale_form(_: CSRFError) -> ResponseReturnValue:
    """What somebody sees whose form has no valid token."""
    return render_template("stale_form.html"), 400


def own_content_only(response: Response) -> Response:
    """Let browsers load nothing from elsewhere, and nobody show these pages in a frame."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; frame-ancestors 'none'; form-action 'self'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
