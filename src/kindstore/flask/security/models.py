"""Models of accounts for Flask-Security: mixins, and classes that are ready to use.

What ``flask_security.models.fsqla_v4`` is for SQLAlchemy, for `ndb.Model`: the names are the same, so that an application that
moves changes its import lines.  docs/accounts.md is the guide.
"""

# mypy: disable-error-code="assignment, misc"
# pyright: reportPrivateUsage=false, reportIncompatibleVariableOverride=false, reportIncompatibleMethodOverride=false, reportAssignmentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kindstore import ndb
from kindstore.flask.model import Model

from .folding import FoldedProperty
from .mixins import RefreshTrackerMixin, RoleMixin, UserMixin, WebAuthnMixin
from .owned import OwnedList
from .role_copies import RoleKeysProperty, RolesProperty
from .saving import Saved


class TextListProperty(ndb.TextProperty[list[str]]):
    """A list of texts; None, which Flask-Security says for none, is the empty list."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name, repeated=True)

    def _checked(self, value: Any) -> Any:
        return super()._checked([] if value is None else value)


class GivenTextProperty(ndb.StringProperty[str | None]):
    """A text, or None; "", which forms say for nothing, is None, so that two users may have nothing."""

    def _set_value(self, entity: Any, value: Any) -> None:
        super()._set_value(entity, None if value == "" else value)


class _Numbered(Saved):
    """A model whose instances have an ``id``: that of the key, None before the first put."""

    id = Model.id


class FsRoleMixin(RoleMixin, _Numbered):
    """A role: a name, and what it permits."""

    name = ndb.StringProperty(required=True, unique=True)
    description = ndb.TextProperty()
    permissions = TextListProperty()
    update_datetime = ndb.DateTimeProperty(auto_now=True, indexed=False)
    copies_behind = ndb.IntegerProperty()
    """Set while users may have older copies of this role (`role_copies`)."""

    __hash__ = RoleMixin.__hash__


class FsUserBaseMixin(UserMixin, _Numbered):
    """The attributes without which Flask-Security does not work: for users that are to have no others."""

    email = ndb.StringProperty(required=True)
    email_folded = FoldedProperty("email", unique=True)
    password = ndb.TextProperty()
    active = ndb.BooleanProperty(default=True)
    fs_uniquifier = ndb.StringProperty(unique=True)
    roles = RolesProperty()
    role_keys = RoleKeysProperty()

    __hash__ = UserMixin.__hash__


class FsUserMixin(FsUserBaseMixin):
    """A user with every attribute that Flask-Security 5.9 knows."""

    counters: ClassVar[tuple[str, ...]] = ("login_count",)

    username = ndb.StringProperty()
    username_folded = FoldedProperty("username", unique=True)

    # confirmable
    confirmed_at = ndb.DateTimeProperty()

    # trackable
    last_login_at = ndb.DateTimeProperty()
    current_login_at = ndb.DateTimeProperty(indexed=False)
    last_login_ip = ndb.TextProperty()
    current_login_ip = ndb.TextProperty()
    login_count = ndb.IntegerProperty(indexed=False)

    # two factors
    tf_primary_method = ndb.StringProperty()
    tf_totp_secret = ndb.TextProperty()
    tf_phone_number = ndb.TextProperty()
    mf_recovery_codes = TextListProperty()

    # unified sign-in
    us_totp_secrets = ndb.TextProperty()
    us_phone_number = GivenTextProperty(unique=True)

    # webauthn
    fs_webauthn_user_handle = ndb.StringProperty(unique=True)
    webauthn = OwnedList("WebAuthn")

    # refresh tokens
    refresh_trackers = OwnedList("RefreshTracker")

    create_datetime = ndb.DateTimeProperty(auto_now_add=True)
    update_datetime = ndb.DateTimeProperty(auto_now=True, indexed=False)

    if TYPE_CHECKING:  # which a class may have
        fs_token_uniquifier: Any


class _Owned(_Numbered):
    """What belongs to a user: its key is below the user's."""

    @property
    def user_id(self) -> int | str | None:
        """The id of the user."""
        key = self.key
        owner = None if key is None else key.parent()
        return None if owner is None else owner.id()


class FsWebAuthnMixin(WebAuthnMixin, _Owned):
    """A passkey or security key of a user."""

    credential_id = ndb.BlobProperty(indexed=True, required=True, unique=True)
    public_key = ndb.BlobProperty(required=True)
    sign_count = ndb.IntegerProperty(default=0, indexed=False)
    transports = TextListProperty()
    backup_state = ndb.BooleanProperty(required=True, indexed=False)
    device_type = ndb.TextProperty(required=True)
    extensions = ndb.TextProperty()
    create_datetime = ndb.DateTimeProperty(auto_now_add=True)
    lastuse_datetime = ndb.DateTimeProperty(required=True, indexed=False)
    name = ndb.StringProperty(required=True)
    usage = ndb.TextProperty(required=True)


class FsRefreshTrackerMixin(RefreshTrackerMixin, _Owned):
    """A family of refresh tokens of a user."""

    counters: ClassVar[tuple[str, ...]] = ("gen",)

    refresh_family = ndb.StringProperty(required=True, unique=True)
    gen = ndb.IntegerProperty(default=1, indexed=False)
    expires_at = ndb.DateTimeProperty(required=True)
    revoked_at = ndb.DateTimeProperty(indexed=False)
    last_used_at = ndb.DateTimeProperty(required=True, indexed=False)
    create_datetime = ndb.DateTimeProperty(auto_now_add=True)
    name = ndb.StringProperty(required=True)


class Role(Model, FsRoleMixin):
    """The role of the ready-made models."""


class User(Model, FsUserMixin):
    """The user of the ready-made models."""


class WebAuthn(Model, FsWebAuthnMixin):
    """The passkey of the ready-made models."""


class RefreshTracker(Model, FsRefreshTrackerMixin):
    """The family of refresh tokens of the ready-made models."""
