"""Accounts for Flask: Flask-Security on Kindstore."""

from .datastore import DatastoreUserDatastore
from .folding import FoldedProperty, fold
from .models import (
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

__all__ = [
    "DatastoreUserDatastore",
    "FoldedProperty",
    "FsRefreshTrackerMixin",
    "FsRoleMixin",
    "FsUserBaseMixin",
    "FsUserMixin",
    "FsWebAuthnMixin",
    "RefreshTracker",
    "Role",
    "User",
    "WebAuthn",
    "fold",
]
