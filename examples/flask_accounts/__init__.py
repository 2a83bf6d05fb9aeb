"""Accounts: an application to start from, with everything that Flask-Security offers, on Kindstore.

``make app`` starts it; README.md says what is where.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, Request, Response, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_security import password_changed, password_reset, user_registered
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException, SecurityError

from kindstore.flask.security import Security

from . import commands, same_answers
from .mail import ConsoleMail
from .models import User, db, make_roles, user_datastore
from .own_secrets import own_secrets
from .passkeys import AnyPasskey
from .roles import FIRST_ROLE, HIERARCHY
from .views import admin, api, pages

HERE = Path(__file__).parent.resolve()
LOOPBACK = "127.0.0.1"

csrf = CSRFProtect()

DEFAULTS: Mapping[str, Any] = {
    "APP_NAME": "Latchkey",
    "HTTPS": False,  # True where it is served by HTTPS: cookies are then for HTTPS only
    # Links in mails are made of the host that was asked for: it must be one of these. Name yours.
    "TRUSTED_HOSTS": ["localhost", LOOPBACK],
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "REMEMBER_COOKIE_HTTPONLY": True,
    "REMEMBER_COOKIE_SAMESITE": "Lax",
    "REMEMBER_COOKIE_DURATION": timedelta(days=30),
    "WTF_CSRF_CHECK_DEFAULT": False,  # `check_csrf` does it
    "MAX_CONTENT_LENGTH": 256 * 1024,
    # What an account is.
    "SECURITY_USER_IDENTITY_ATTRIBUTES": ["email", "username"],
    "SECURITY_USERNAME_ENABLE": True,
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_LENGTH_MIN": 12,
    "SECURITY_ROLE_HIERARCHY": HIERARCHY,
    # What one can do with it.
    "SECURITY_REGISTERABLE": True,
    "SECURITY_CONFIRMABLE": True,
    "SECURITY_RECOVERABLE": True,
    "SECURITY_CHANGEABLE": True,
    "SECURITY_CHANGE_EMAIL": True,
    "SECURITY_CHANGE_USERNAME": True,
    "SECURITY_USERNAME_RECOVERY": True,
    "SECURITY_TRACKABLE": True,
    # The same answer whether there is such an account or not.
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    # More than a password, or none.
    "SECURITY_TWO_FACTOR": True,
    "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator", "email"],
    "SECURITY_TWO_FACTOR_RESCUE_MAIL": "support@localhost",
    "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
    "SECURITY_MULTI_FACTOR_RECOVERY_CODES_N": 8,
    "SECURITY_UNIFIED_SIGNIN": True,
    "SECURITY_US_ENABLED_METHODS": ["password", "email", "authenticator"],
    "SECURITY_WEBAUTHN": True,
    "SECURITY_WAN_ALLOW_USER_HINTS": False,  # it would tell anybody who has a passkey, and which
    # Who is to change credentials must have signed in, or said the password again, within this time.
    "SECURITY_FRESHNESS": timedelta(minutes=30),
    "SECURITY_FRESHNESS_GRACE_PERIOD": timedelta(minutes=10),
    # Programs.
    "SECURITY_TOKEN_MAX_AGE": timedelta(minutes=15),
    "SECURITY_REFRESH_TOKEN": True,
    "SECURITY_REFRESH_TOKEN_COOKIE_NAME": None,  # in the body: a cookie would be for browsers
    # A request that proves itself by a token comes from a program: no other site's page can send it.
    "SECURITY_CSRF_PROTECT_MECHANISMS": ["session", "basic"],
    # What it says.
    "SECURITY_MSG_REAUTHENTICATION_REQUIRED": ("To go on, say your password once more.", "info"),
    "SECURITY_MSG_GENERIC_AUTHN_FAILED": (
        "That does not fit: check the name, and the password or code.",
        "error",
    ),
    # Pages.
    "SECURITY_POST_LOGIN_VIEW": "/dashboard",
    "SECURITY_POST_LOGOUT_VIEW": "/",
    "SECURITY_POST_REGISTER_VIEW": "/login",
    "SECURITY_POST_CONFIRM_VIEW": "/login",
    "SECURITY_POST_CHANGE_VIEW": "/dashboard",
    "SECURITY_POST_CHANGE_EMAIL_VIEW": "/dashboard",
    "SECURITY_POST_CHANGE_USERNAME_VIEW": "/dashboard",
    "SECURITY_CONFIRM_ERROR_VIEW": "/confirm",
    "SECURITY_SCRIPT_NONCE_KEY": "script_nonce",
    "SECURITY_EMAIL_HTML": False,
    "SECURITY_EMAIL_SENDER": "no-reply@localhost",
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
}


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application.

    Settings come from *config*, else from the environment (``FLASK_APP_NAME`` and so on), else from `DEFAULTS`.  What it
    keeps, its secrets and, unless ``KINDSTORE_URL`` says otherwise, its data, is in the folder ``INSTANCE``.
    """
    given = dict(config or {})
    folder = Path(given.pop("INSTANCE", None) or os.environ.get("FLASK_INSTANCE") or HERE / "instance")
    app = Flask(__name__, instance_path=str(folder.absolute()))
    app.config.update(DEFAULTS)
    app.config.from_prefixed_env()
    app.config.update(given)
    for name, value in own_secrets(folder).items():
        app.config[name] = app.config.get(name) or value
    app.config["SESSION_COOKIE_SECURE"] = app.config["REMEMBER_COOKIE_SECURE"] = app.config["HTTPS"]
    app.config["SECURITY_TWO_FACTOR_VALIDITY_COOKIE"] = {
        "httponly": True,
        "samesite": "Strict",
        "secure": app.config["HTTPS"],
    }
    for name in ("SECURITY_TOTP_ISSUER", "SECURITY_WAN_RP_NAME"):
        app.config.setdefault(name, app.config["APP_NAME"])

    db.init_app(app)
    csrf.init_app(app)
    # Before Flask-Security's own, so that nothing is done for a request that is refused.
    app.before_request(make_script_nonce)
    app.before_request(use_the_name)
    app.before_request(check_csrf)
    security = Security(
        app,
        user_datastore,
        mail_util_cls=ConsoleMail,
        webauthn_util_cls=AnyPasskey,
        us_signin_form=same_answers.UnifiedSignIn,
    )
    security.want_json(wants_json)
    same_answers.init_app(app)
    user_registered.connect(give_first_role, app)
    password_changed.connect(end_tokens, app)
    password_reset.connect(end_tokens, app)

    app.register_blueprint(pages.pages)
    app.register_blueprint(api.api)
    admin.init_app(app)
    commands.init_app(app)
    app.register_error_handler(HTTPException, show_error)
    app.after_request(own_content_only)
    return app


def check_csrf() -> None:
    """Refuse what changes something and does not have the token of our forms.

    A program needs none that sends an authentication token and no cookies, nor one that sends a refresh token in the body:
    no browser adds these to a request by itself.
    """
    if request.endpoint == "security.refresh_token":
        g.csrf_valid = True
    elif request.method not in {"GET", "HEAD", "OPTIONS", "TRACE"}:
        is_program = bool(request.headers.get("Authentication-Token")) and not request.cookies
        if not is_program:
            csrf.protect()


def use_the_name() -> ResponseReturnValue | None:
    """Lead a browser from 127.0.0.1 to localhost: passkeys belong to a name, never to a number."""
    host, colon, port = request.host.partition(":")
    is_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
    if host == LOOPBACK and is_page:
        query = request.query_string.decode("ascii", "replace")
        return redirect(f"http://localhost{colon}{port}{quote(request.path)}{'?' if query else ''}{query}")
    return None


def make_script_nonce() -> None:
    """Of each response's own scripts, and no others, the browser is to run."""
    g.script_nonce = secrets.token_urlsafe(16)


def own_content_only(response: Response) -> Response:
    """Let browsers load nothing from elsewhere, and nobody show these pages in a frame."""
    nonce = g.get("script_nonce", "")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; script-src 'nonce-{nonce}'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "static":
        # Nobody reads an account in the cache of a browser that was signed out.
        response.headers["Cache-Control"] = "no-store"
    return response


def give_first_role(_: Flask, user: User, **__: Any) -> None:
    """Who registers has the first role."""
    if not user_datastore.find_role(FIRST_ROLE):
        make_roles()
    user_datastore.add_role_to_user(user, FIRST_ROLE)


def end_tokens(_: Flask, user: User, **__: Any) -> None:
    """A new password ends the sessions by itself; who had the old one may have tokens, too."""
    user_datastore.set_token_uniquifier(user)
    user_datastore.refresh_tracker_reset(user)


def wants_json(request: Request) -> bool:
    """Whether the answer is for a program."""
    accepted = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return request.is_json or accepted == "application/json" or request.path.startswith("/api/")


def show_error(error: Any) -> ResponseReturnValue:
    """An error as a page that looks like the others, or as JSON for a program."""
    if isinstance(error, SecurityError):  # asked for a host that is none of ours: no page of ours for it
        return "This host is not served here.", 400
    code = getattr(error, "code", None) or 500
    if wants_json(request):
        return {"response": {"errors": [error.description]}}, code
    stale = isinstance(error, CSRFError)
    return render_template("error.html", error=error, code=code, stale=stale), code
