"""The same users as models, on the same data: whoever registered in the one application logs in to the other."""

import datetime as dt
from typing import Any, Self

from kindstore import ndb
from kindstore.flask.passwords import hash_password

from .accounts import ACTIVE, Account
from .store import db


class User(Account, db.Model):
    """A user, in an entity of the kind User."""

    username = ndb.StringProperty(required=True)
    password = ndb.TextProperty(required=True)
    status = ndb.IntegerProperty(default=ACTIVE)
    session_version = ndb.TextProperty()
    date_last_login = ndb.DateTimeProperty(tzinfo=dt.UTC, indexed=False)
    date_created = ndb.DateTimeProperty(tzinfo=dt.UTC, auto_now_add=True)

    @classmethod
    def named(cls, username: str) -> Self | None:
        """The user of that name, found by the key; None if nobody has it."""
        return cls.get_by_id(username)

    @classmethod
    @ndb.transactional()
    def register(cls, username: str, password: str) -> Self | None:
        """A new user; None if the name is taken."""
        # The name is in the key, so that of two who want it at once, one gets it.
        if cls.get_by_id(username) is not None:
            return None
        user = cls(id=username, username=username, password=hash_password(password))
        user.put()
        return user

    def change(self, **values: Any) -> None:
        """Write these properties, and leave the others as somebody else may have written them meanwhile."""

        @ndb.transactional()
        def change() -> None:
            user = self.named(self.username)
            if user is not None:
                user.populate(**values)
                user.put()

        change()
        self.populate(**values)
