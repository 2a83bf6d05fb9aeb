"""`users.User`: App Engine's users as values of properties.  Who the current one is, the environment says.

``USER_EMAIL``, ``AUTH_DOMAIN`` and ``USER_ID``, as App Engine's servers had them; without the first there is none.
"""

from __future__ import annotations

import os
from typing import Any

from kindstore.db.errors import UserNotFoundError
from kindstore.values.types import User as PlainUser

__all__ = ["User", "UserNotFoundError", "get_current_user"]

_DEFAULT_DOMAIN = "gmail.com"


class User(PlainUser):
    """A user with an e-mail address; default: the current one.  `UserNotFoundError` if there is none."""

    __slots__ = ("_federated_identity", "_federated_provider")

    def __init__(
        self,
        email: str | None = None,
        _auth_domain: str | None = None,
        _user_id: str | None = None,
        federated_identity: str | None = None,
        federated_provider: str | None = None,
        _strict_mode: bool = True,
    ) -> None:
        if email is None and federated_identity is None:
            email = os.environ.get("USER_EMAIL")
            _user_id = os.environ.get("USER_ID", _user_id)
        if not email and not federated_identity and _strict_mode:
            raise UserNotFoundError
        domain = _auth_domain or os.environ.get("AUTH_DOMAIN") or _DEFAULT_DOMAIN
        super().__init__(email or "", domain, _user_id or None)
        self._federated_identity, self._federated_provider = federated_identity, federated_provider

    @classmethod
    def like(cls, user: PlainUser) -> User:
        """*user* as one of this class."""
        if isinstance(user, User):
            return user
        return cls(user.email(), user.auth_domain(), user.user_id(), _strict_mode=False)

    def federated_identity(self) -> str | None:
        """What a provider other than Google calls the user; long out of use."""
        return self._federated_identity

    def federated_provider(self) -> str | None:
        """That provider."""
        return self._federated_provider

    def __repr__(self) -> str:
        parts = [f"email={self.email()!r}"] if self.email() else []
        if self.user_id():
            parts.append(f"_user_id={self.user_id()!r}")
        return f"users.User({','.join(parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        federated = self._federated_identity, self._federated_provider
        return type(self), (self.email(), self.auth_domain(), self.user_id(), *federated, False)


def get_current_user() -> User | None:
    """The user that the environment names; None if it names none."""
    return User() if os.environ.get("USER_EMAIL") else None
