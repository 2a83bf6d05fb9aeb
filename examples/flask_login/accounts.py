"""What users can do, whichever model keeps them."""

import datetime as dt
import secrets
from typing import Any, Self

from kindstore.flask.login import UserMixin
from kindstore.flask.passwords import PasswordCheck, hash_password, verify_password

ACTIVE, INACTIVE = 1, 0


class Account(UserMixin):
    """A user with a name, a password and a status; the models add how that is stored.

    They have the properties `username`, `password` (a hash), `status`, `session_version`, `date_created`,
    `date_last_login`, and the methods `named`, `register` and `change`.
    """

    # From the models:
    password: str
    status: int

    @classmethod
    def named(cls, username: str) -> Self | None:
        """The user of that name."""
        raise NotImplementedError

    def change(self, **values: Any) -> None:
        """Write these properties, and leave the others as somebody else may have written them meanwhile."""
        raise NotImplementedError

    @property
    def is_active(self) -> bool:
        """Whether the user may log in: Flask-Login asks."""
        return self.status == ACTIVE

    @classmethod
    def with_password(cls, username: str, password: str) -> Self | None:
        """The user of that name and password; None, after the same time, for a wrong one of either."""
        user = cls.named(username)
        found = verify_password(None if user is None else user.password, password)
        if user is None or not found:
            return None
        if found is PasswordCheck.OUTDATED:
            user.change(password=hash_password(password))
        return user

    def set_password(self, password: str) -> None:
        """Have a new password, and be logged out everywhere."""
        self.change(password=hash_password(password), session_version=secrets.token_urlsafe(6))

    def log_out_everywhere(self) -> None:
        """End all sessions, and void all remember-me cookies."""
        self.change(session_version=secrets.token_urlsafe(6))

    def update_activity(self) -> None:
        """Note that the user has just logged in."""
        self.change(date_last_login=dt.datetime.now(dt.UTC))
