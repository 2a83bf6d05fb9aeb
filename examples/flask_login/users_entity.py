"""The tutorial's user: a `DatastoreEntity`."""

import datetime as dt
from typing import Any, Self

from kindstore.entity import DatastoreEntity, EntityValue
from kindstore.flask.passwords import hash_password
from kindstore.ndb.exceptions import ConflictError

from .accounts import ACTIVE, Account


class User(Account, DatastoreEntity):
    """A user, in an entity of the kind User."""

    username = EntityValue(None)
    password = EntityValue(None)
    status = EntityValue(ACTIVE)
    session_version = EntityValue(None)
    date_last_login = EntityValue(None)
    date_created = EntityValue(lambda: dt.datetime.now(dt.UTC))

    # name of entity's kind
    __kind__ = "User"

    # what no query asks for
    __exclude_from_index__ = ("password", "session_version", "date_last_login")

    @classmethod
    def named(cls, username: str) -> Self | None:
        """The user of that name, found by the property; None if nobody has it."""
        return cls().get_object("username", username)

    @classmethod
    def register(cls, username: str, password: str) -> Self | None:
        """A new user; None if the name is taken."""
        user = cls()
        user.username = username
        user.password = hash_password(password)
        key = user.generate_key(["User", username])
        try:
            # The name is in the key, so that of two who want it at once, one gets it.
            with user.get_client().transaction():
                if user.find_by_key(key) is not None:
                    return None
                user.save(id=username)
        except ConflictError:
            return None
        return user

    def change(self, **values: Any) -> None:
        """Write these properties, and leave the others as somebody else may have written them meanwhile."""
        while True:
            try:
                with self.get_client().transaction():
                    if self.get_obj_with_key(self.key) is None:
                        return
                    for name, value in values.items():
                        setattr(self, name, value)
                    self.save()
            except ConflictError:
                continue  # somebody else has changed it: again, from what it is now
            return
