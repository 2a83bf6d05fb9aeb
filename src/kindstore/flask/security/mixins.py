"""Flask-Security's mixins for models of users, roles, passkeys and refresh tokens, with what the page of docs adds.

They serve any mapper: what needs one (the missing `fs_uniquifier`) asks the class which mapper's it is.
"""

from typing import TYPE_CHECKING, Any

import flask_security

from kindstore.flask.security import adapting, roles
from kindstore.flask.security.as_a_list import AsaList
from kindstore.flask.security.base import role_name


class RoleMixin(flask_security.RoleMixin):
    """A role: `name`, and if the model has it `permissions`, a list or a text with commas."""

    if TYPE_CHECKING:
        # Declared by the model, in the words of its mapper (`Mapped[str]`, `CharField()`).
        id: Any
        name: Any
        description: Any
        permissions: Any
        update_datetime: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adapting.adapt_role(cls)

    def get_permissions(self) -> set[str]:
        """The names of what this role may do."""
        permissions: Any = getattr(self, "permissions", None)
        if isinstance(permissions, str):
            return set(AsaList.deserialize(permissions))
        return super().get_permissions()


class UserMixin(flask_security.UserMixin):
    """A user: `email`, `password`, `active`, and the other attributes of Flask-Security that the model declares.

    A model of SQLAlchemy, Peewee, MongoEngine or Pony that declares no `fs_uniquifier` gets one, a text of up to
    64 characters, unique, with a new value for each new user.
    """

    if TYPE_CHECKING:
        # Declared by the model, in the words of its mapper (`Mapped[str]`, `CharField()`).
        id: Any
        email: Any
        username: Any
        password: Any
        active: Any
        fs_uniquifier: Any
        fs_token_uniquifier: Any
        fs_webauthn_user_handle: Any
        confirmed_at: Any
        last_login_at: Any
        current_login_at: Any
        last_login_ip: Any
        current_login_ip: Any
        login_count: Any
        tf_primary_method: Any
        tf_totp_secret: Any
        tf_phone_number: Any
        mf_recovery_codes: Any
        us_phone_number: Any
        us_totp_secrets: Any
        create_datetime: Any
        update_datetime: Any
        roles: Any
        webauthn: Any
        refresh_trackers: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adapting.adapt_user(cls)

    def has_role(self, role: Any) -> bool:
        """Whether the user has *role* (a name or a role), or one that implies it by SECURITY_ROLE_HIERARCHY."""
        names = {each.name for each in getattr(self, "roles", ())}
        wanted = role_name(role)
        return wanted in names or wanted in roles.implied(names)

    def has_permission(self, permission: str) -> bool:
        """Whether a role of the user, or one that it implies, has *permission*."""
        own = list(getattr(self, "roles", ()))
        if any(permission in role.get_permissions() for role in own):
            return True
        above = roles.implied_roles(role.name for role in own)
        return any(permission in role.get_permissions() for role in above)


class WebAuthnMixin(flask_security.WebAuthnMixin):
    """A passkey of a user; the model has `user_id`, or `user`."""

    if TYPE_CHECKING:
        # Declared by the model, in the words of its mapper (`Mapped[str]`, `CharField()`).
        id: Any
        name: Any
        credential_id: Any
        public_key: Any
        sign_count: Any
        transports: Any
        backup_state: Any
        device_type: Any
        extensions: Any
        lastuse_datetime: Any
        usage: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adapting.adapt_role(cls)

    def get_user_mapping(self) -> dict[str, Any]:
        """What `find_user` is asked for to get the user of this passkey."""
        user_id: Any = getattr(self, "user_id", None)
        if user_id is None:
            user: Any = getattr(self, "user")  # noqa: B009 - the model declares it
            user_id = user.id
        return {"id": user_id}


class RefreshTrackerMixin(flask_security.RefreshTrackerMixin):
    """A family of refresh tokens of a user."""

    if TYPE_CHECKING:
        # Declared by the model, in the words of its mapper (`Mapped[str]`, `CharField()`).
        id: Any
        name: Any
        refresh_family: Any
        gen: Any
        expires_at: Any
        revoked_at: Any
        last_used_at: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adapting.adapt_role(cls)
