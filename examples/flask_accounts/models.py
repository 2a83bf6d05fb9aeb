"""What is stored: accounts with all that Flask-Security knows of them, and the notes of the board.

The mixins bring the properties; add your own here.
"""

from __future__ import annotations

from kindstore import ndb
from kindstore.flask import Kindstore, Model
from kindstore.flask.security import (
    DatastoreUserDatastore,
    FsRefreshTrackerMixin,
    FsRoleMixin,
    FsUserMixin,
    FsWebAuthnMixin,
)

db = Kindstore()


class Role(Model, FsRoleMixin):
    """A role with its permissions."""


class User(Model, FsUserMixin):
    """An account."""

    # With it the tokens of programs can be revoked without ending anybody's session.
    fs_token_uniquifier = ndb.StringProperty(unique=True)


class WebAuthn(Model, FsWebAuthnMixin):
    """A passkey of an account."""


class RefreshTracker(Model, FsRefreshTrackerMixin):
    """A program that is signed in to an account: a family of refresh tokens."""


class Note(Model):
    """A note on the board."""

    text = ndb.TextProperty(required=True)
    author = ndb.StringProperty(required=True)
    written = ndb.DateTimeProperty(auto_now_add=True)


user_datastore = DatastoreUserDatastore(db, User, Role, WebAuthn, RefreshTracker)
