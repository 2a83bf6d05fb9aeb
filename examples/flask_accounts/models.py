"""What is stored: accounts with all that Flask-Security knows of them, and the notes of the board.

The mixins bring the properties; add your own here.
"""

# mypy: disable-error-code="assignment, misc"
# pyright: reportIncompatibleVariableOverride=false, reportIncompatibleMethodOverride=false

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

from .roles import ROLES

db = Kindstore()


class Role(Model, FsRoleMixin):
    """A role with its permissions."""


class User(Model, FsUserMixin):
    """An account."""

    # With it the tokens of programs can be revoked without ending anybody's session.
    fs_token_uniquifier = ndb.StringProperty(unique=True)

    def permissions(self) -> list[str]:
        """All that the account may do, by its roles and by those that they imply."""
        roles = [role for role in Role.query.all() if self.has_role(role.name)]
        return sorted({permission for role in roles for permission in role.permissions})


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


def make_roles() -> None:
    """Make those of `ROLES` that there are not."""
    for role_name, (description, permissions) in ROLES.items():
        if not user_datastore.find_role(role_name):
            user_datastore.create_role(name=role_name, description=description, permissions=permissions)
    user_datastore.commit()
