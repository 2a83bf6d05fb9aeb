"""The base of every user datastore: Flask-Security's own, with what its documents promise beside.

A datastore of one database is `class X(UserDatastore, <Flask-Security's class for it>)`: what stands here is
about accounts and calls `super()` for the database.  One without a class in Flask-Security derives from
`UserDatastore` alone and writes `put`, `delete`, `find_user`, `find_role`, and what it offers of
`create_webauthn`, `find_webauthn`, `create_refresh_tracker`, `find_refresh_tracker`.

Booleans stay booleans where Flask-Security says so (`activate_user`, `toggle_active`): its own callers ask for them.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, cast

from flask import Flask, current_app

from kindstore.flask.security import identity
from kindstore.flask.security.flask_security_types import FsDatastore, FsUserDatastore
from kindstore.values.errors import BadArgumentError


class Datastore(FsDatastore):
    """A database: save, delete, commit, read again.

    *db* is what the library of the database calls its database or session, kept as `db`.
    """

    def __init__(self, db: Any) -> None:
        # By name: the next class of the order of a concrete datastore takes models as well.
        FsDatastore.__init__(self, db)

    def put(self, obj: Any) -> Any:
        """Save *obj* and return it."""
        return super().put(obj)

    def delete(self, obj: Any) -> Any:
        """Delete *obj* and return it."""
        super().delete(obj)
        return obj

    def commit(self) -> None:
        """Commit what was put and deleted; nothing to do for a database that writes at once."""
        super().commit()

    def reload(self, obj: Any) -> None:
        """Read *obj* again, for databases that do not follow a deletion in the objects that refer to it."""
        super().reload(obj)


class UserDatastore(Datastore, FsUserDatastore):
    """Accounts and roles of a database.

    *role_model* may be left out: such users have no roles.  *webauthn_model* holds passkeys, and
    *refresh_tracker_model* the families of refresh tokens; their methods raise NotImplementedError without it.
    """

    def __init__(
        self,
        db: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        Datastore.__init__(self, db)
        FsUserDatastore.__init__(self, user_model, role_model, webauthn_model, refresh_tracker_model)

    def init_app(self, app: Flask) -> None:
        """What this database needs of an application; called by `kindstore.flask.security.Security`."""

    # Look-up

    def get_user(self, identifier: Any) -> Any:
        """The user with this id (or key), else this e-mail address, user name, …; None if there is none.

        *identifier* is tried as the primary key first, and then as each attribute of
        SECURITY_USER_IDENTITY_ATTRIBUTES in order; outside of an application, as `email` and `username`.
        """
        if identifier is None or isinstance(identifier, bool) or identifier == "":
            return None
        user = self.find_user_by_key(identifier)
        if user is not None or not isinstance(identifier, str) or not _can_be_a_name(identifier):
            return user
        for criterion in identity.criteria(identifier, self.user_model):
            user = self.find_user(
                case_insensitive=criterion.case_insensitive, **{criterion.attribute: criterion.value}
            )
            if user is not None:
                return user
        return None

    def find_user_by_key(self, key: Any) -> Any:
        """The user whose primary key is *key*, None if there is none or if no primary key looks like that."""
        return self.find_user(id=key) if isinstance(key, int) else None

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> Any:
        """The first user that has all these attributes, None if there is none.

        With *case_insensitive*, one attribute is asked for, and nobody has the name None or "".

        Raises BadArgumentError without an attribute, or with several and *case_insensitive*.
        """
        raise NotImplementedError

    def find_role(self, role: Any) -> Any:
        """The role of this name, or the stored one like this role object; None if there is none."""
        raise NotImplementedError

    def find_roles(self, names: Iterable[str]) -> list[Any]:
        """The roles of these names; those that there are not are left out."""
        return [role for role in map(self.find_role, names) if role is not None]

    def users(self) -> Iterator[Any]:
        """Every user, in the order of the primary key."""
        for page in self.user_pages(500):
            yield from page

    def user_pages(self, size: int) -> Iterator[list[Any]]:
        """Every user, in the order of the primary key, in lists of up to *size*, each read when it is asked for."""
        raise NotImplementedError

    def count_users(self) -> int:
        """How many users there are."""
        raise NotImplementedError

    def roles(self) -> list[Any]:
        """Every role."""
        return [] if self.role_model is None else list(self.role_model.query.all())

    # Users

    def delete_user(self, user: Any) -> bool:
        """Delete *user* with passkeys and refresh tokens; whether there was such a user to delete."""
        if user is None or not self.is_stored(user):
            return False
        self.delete(user)
        return True

    def is_stored(self, obj: Any) -> bool:
        """Whether the database has *obj*: it was put, and not deleted."""
        return getattr(obj, "id", None) is not None

    def with_uniquifier(self, user: Any) -> Any:
        """*user*, given an `fs_uniquifier` if it is older than that attribute; for results of look-ups.

        The new value is put; as with any put, commit is the caller's (Flask-Security's views do).
        """
        if user is not None and not user.fs_uniquifier:
            self.set_uniquifier(user)
        return user

    def fill_uniquifiers(self) -> int:
        """Give an `fs_uniquifier` to every user that has none, commit, and tell how many there were."""
        filled = 0
        for user in list(self.users()):
            if not user.fs_uniquifier:
                self.set_uniquifier(user)
                filled += 1
        self.commit()
        return filled

    def cleanup_refresh_trackers(self, user: Any, expired: bool = True, revoked: bool = False) -> None:
        """Delete the refresh trackers of *user* that are expired, and those that are revoked if asked to."""
        time = now()
        for tracker in list(user.refresh_trackers):
            if (expired and tracker.expires_at < time) or (revoked and tracker.revoked_at is not None):
                self.delete(tracker)
        self.put(user)
        self.reload(user)

    def _prepare_create_user_args(self, **kwargs: Any) -> dict[str, Any]:
        if self.role_model is not None:
            named = list(kwargs.get("roles") or [])
            kwargs = super()._prepare_create_user_args(**kwargs | {"roles": [*named]})
            for role, stored in zip(named, kwargs["roles"], strict=True):
                if stored is None:
                    raise ValueError(f"Role: {role} doesn't exist")
            return kwargs
        if kwargs.pop("roles", None):
            raise BadArgumentError(
                "a user can have no role in a datastore without a role model",
                hint="Give role_model to the datastore.",
            )
        kwargs = super()._prepare_create_user_args(**kwargs)
        del kwargs["roles"]
        return kwargs

    # Roles

    def create_role(self, **kwargs: Any) -> Any:
        """A new role of these attributes (name, description, permissions), put.

        Raises BadArgumentError in a datastore without a role model.
        """
        if self.role_model is None:
            raise BadArgumentError(
                "this datastore has no role model", hint="Give role_model to the datastore."
            )
        return super().create_role(**kwargs)


def _can_be_a_name(text: str) -> bool:
    """Whether *text* is one that all databases take: some refuse NUL, all refuse half of a surrogate pair."""
    return not any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text)


class _Named(Protocol):
    name: str


def role_name(role: str | _Named) -> str:
    """The name of a role that is given by its name or as an object."""
    return role if isinstance(role, str) else role.name


def single_criterion(kwargs: Mapping[str, Any], case_insensitive: bool) -> None:
    """Refuse a call of `find_user` that asks for nothing, or case-insensitively for several things."""
    if not kwargs:
        raise BadArgumentError("find_user needs an attribute", hint='As in find_user(email="a@b.org").')
    if case_insensitive and len(kwargs) > 1:
        raise BadArgumentError(
            "find_user(case_insensitive=True) takes one attribute", attributes=sorted(kwargs)
        )


def key_of_type(identifier: Any, python_type: type[Any]) -> Any:
    """*identifier* as a primary key of *python_type*, None if it can't be one: a name is no number.

    Ids come as texts too, from URLs and sessions.
    """
    key = identifier
    if not isinstance(identifier, python_type):
        if not isinstance(identifier, (str, int)):
            return None
        try:
            key = python_type(identifier)
        except (TypeError, ValueError, ArithmeticError):
            return None
    # What 64 bits do not hold is no id anywhere, and an error of some drivers.
    return None if isinstance(key, int) and not -(2**63) <= key < 2**63 else key


def new_family() -> str:
    """The name of a new family of refresh tokens."""
    return uuid.uuid4().hex


def now() -> Any:
    """The time by Flask-Security's clock: naive UTC unless SECURITY_DATETIME_FACTORY says otherwise."""
    return cast("Callable[[], Any]", current_app.extensions["security"].datetime_factory)()
