"""Accounts: Flask-Security on Kindstore, and on the databases that people come from.

Names of Flask-Security that this package does not have itself (`auth_required`, `hash_password`,
`current_user`, …) are Flask-Security's: `from kindstore.flask.security import …` is the one line to change
in an application.  The datastore of a database is loaded when it is asked for, and with it the library.
"""

import importlib
from typing import TYPE_CHECKING, Any

import flask_security

from kindstore.flask.security.as_a_list import AsaList
from kindstore.flask.security.base import Datastore, UserDatastore
from kindstore.flask.security.datastore import DatastoreUserDatastore
from kindstore.flask.security.extension import Security
from kindstore.flask.security.folding import FoldedProperty, fold
from kindstore.flask.security.mixins import RefreshTrackerMixin, RoleMixin, UserMixin, WebAuthnMixin
from kindstore.flask.security.models import (
    FsRefreshTrackerMixin,
    FsRoleMixin,
    FsUserBaseMixin,
    FsUserMixin,
    FsWebAuthnMixin,
    RefreshTracker,
    Role,
    User,
    WebAuthn,
)

if TYPE_CHECKING:
    from flask_security import (
        auth_required,
        auth_token_required,
        current_user,
        hash_password,
        http_auth_required,
        login_user,
        logout_user,
        permissions_accepted,
        permissions_required,
        roles_accepted,
        roles_required,
        url_for_security,
        verify_password,
    )

    from kindstore.flask.security.mongoengine import MongoEngineUserDatastore
    from kindstore.flask.security.peewee import PeeweeUserDatastore
    from kindstore.flask.security.pony import PonyUserDatastore
    from kindstore.flask.security.sqlalchemy import (
        FSQLALiteUserDatastore,
        SQLAlchemySessionUserDatastore,
        SQLAlchemyUserDatastore,
    )

_LOADED_WHEN_ASKED_FOR = {
    "FSQLALiteUserDatastore": "sqlalchemy",
    "MongoEngineUserDatastore": "mongoengine",
    "PeeweeUserDatastore": "peewee",
    "PonyUserDatastore": "pony",
    "SQLAlchemySessionUserDatastore": "sqlalchemy",
    "SQLAlchemyUserDatastore": "sqlalchemy",
}

__all__ = [
    "AsaList",
    "Datastore",
    "DatastoreUserDatastore",
    "FSQLALiteUserDatastore",
    "FoldedProperty",
    "FsRefreshTrackerMixin",
    "FsRoleMixin",
    "FsUserBaseMixin",
    "FsUserMixin",
    "FsWebAuthnMixin",
    "MongoEngineUserDatastore",
    "PeeweeUserDatastore",
    "PonyUserDatastore",
    "RefreshTracker",
    "RefreshTrackerMixin",
    "Role",
    "RoleMixin",
    "SQLAlchemySessionUserDatastore",
    "SQLAlchemyUserDatastore",
    "Security",
    "User",
    "UserDatastore",
    "UserMixin",
    "WebAuthn",
    "WebAuthnMixin",
    "auth_required",
    "auth_token_required",
    "current_user",
    "fold",
    "hash_password",
    "http_auth_required",
    "login_user",
    "logout_user",
    "permissions_accepted",
    "permissions_required",
    "roles_accepted",
    "roles_required",
    "url_for_security",
    "verify_password",
]


def __getattr__(name: str) -> Any:
    module = _LOADED_WHEN_ASKED_FOR.get(name)
    if module is not None:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    if name.startswith("_") or not hasattr(flask_security, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(flask_security, name)
