"""Flask-Login on Kindstore: users of any of its models, the loader that finds them again, and safe redirects.

A user's id in the session is the text of the key, so it carries the kind, and one read leads back to the user.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

import flask
import flask_login

from kindstore import datastore, db, ndb
from kindstore.entity import DatastoreEntity
from kindstore.mapper.context import current
from kindstore.values.errors import BadArgumentError, BadKeyError
from kindstore.values.key import Key, Partition
from kindstore.values.reference import from_urlsafe, to_urlsafe

__all__ = ["UserMixin", "load_users", "safe_redirect_target"]

if TYPE_CHECKING:

    class _FlaskLoginUser:
        """What Flask-Login's class, which has no types, gives; a model may have properties of these names."""

        is_active: Any
        is_authenticated: Any
        is_anonymous: Any

else:
    _FlaskLoginUser = flask_login.UserMixin

U = TypeVar("U")

_Reader: TypeAlias = Callable[[Key], Any]


class UserMixin(_FlaskLoginUser):
    """Makes users of instances of a model: ``class User(UserMixin, ndb.Model)``, or `db.Model`, or `DatastoreEntity`.

    It stands before the model.  `is_active`, `is_authenticated` and `is_anonymous` are Flask-Login's: write an
    `is_active` (a property of Python, or one that is stored) for accounts that may not log in.

    Users are equal if their keys are.  Give the model a stored property `session_version`, a number or a text, to log a
    user out everywhere: whenever it changes, all sessions and remember-me cookies from before are void.
    """

    def get_id(self) -> str:
        """The id for the session: the key as text for URLs, and the `session_version` if there is one.

        `BadKeyError` for a user without a complete key: it has not been put.
        """
        key = _key_of(self)
        if key is None:
            raise BadKeyError(
                "a user who was not saved has no id",
                type=type(self).__name__,
                hint="put() or save() the user before login_user().",
            )
        version = getattr(self, "session_version", None)
        suffix = "" if version is None else str(version)
        return f"{to_urlsafe(key)}.{suffix}" if suffix else to_urlsafe(key)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, UserMixin):
            return NotImplemented
        key = _key_of(self)
        return key is not None and key == _key_of(other)

    def __hash__(self) -> Any:  # an int; type checkers know that ndb's models have none
        key = _key_of(self)
        return object.__hash__(self) if key is None else hash(key)


def _key_of(user: object) -> Key | None:
    """The key of *user*, of whatever model; None if it has none that is complete."""
    if isinstance(user, ndb.Model):
        key = user._key
    elif isinstance(user, db.Model):
        key = user.key() if user.has_key() else None
    else:
        kept: datastore.Key | None = getattr(user, "key", None)
        key = None if kept is None else kept.plain
    return key if key is not None and key.is_complete else None


# The loader.


def load_users(manager: Any, model: type[U]) -> Callable[[Any], U | None]:
    """Let *manager*, a `LoginManager`, find the users of sessions and remember-me cookies: instances of *model*.

    That takes one read per request.  An id that is no key, or the key of another kind, project, database or namespace,
    or of a user who is gone or was logged out by a new `session_version`, is nobody's: None, and nothing is read unless
    the key could be a user's.  Errors of the store are raised.  Returns the function that was registered.

    `BadArgumentError` for a *model* that is none of Kindstore's, or whose `get_id` is not of `UserMixin`.
    """
    kind, read = _kind_and_reader(model)
    _check_get_id(model)

    def load(user_id: Any) -> U | None:
        key = _key_in(user_id)
        if key is None or key.path[-2] != kind or not key.is_complete:
            return None
        user = read(key)
        # The id is the user's own if the user says so; one of another version is not.
        return user if isinstance(user, model) and cast("Any", user).get_id() == user_id else None

    manager.user_loader(load)
    return load


def _key_in(user_id: Any) -> Key | None:
    if not isinstance(user_id, str):
        return None
    try:
        return from_urlsafe(user_id.partition(".")[0])
    except BadKeyError:
        return None


def _kind_and_reader(model: type[Any]) -> tuple[str, _Reader]:
    """The kind of *model*, and what reads an instance: None for a key of another place than the model's, too."""
    if issubclass(model, ndb.Model):
        ndb_class = model

        def get(key: Key) -> Any:
            # Not by key.get(), which makes an instance of the class that took the kind last.
            *above, _, ident = key.path
            parent = Key.of(key.partition, tuple(above)) if above else None
            return ndb_class.get_by_id(ident, parent=parent)

        return model._get_kind(), _reads_here(get)
    if issubclass(model, db.Model):
        return model.kind(), _reads_here(lambda key: db.get(db.Key.like(key)))
    if issubclass(model, DatastoreEntity):
        entity_class = model

        def read(key: Key) -> Any:
            user = entity_class()
            client = user.get_client()
            if client is None:
                raise BadArgumentError(
                    "users are read by a class that is connected", type=entity_class.__name__
                )
            place = Partition.of(client.project, client.database or "", client.namespace or "")
            return user.get_obj_with_key(datastore.Key.of(key)) if key.partition == place else None

        return str(model.__kind__), read
    raise BadArgumentError(
        "no model of Kindstore",
        model=model,
        hint="Users are instances of a Kindstore.Model, ndb.Model, db.Model or DatastoreEntity.",
    )


def _reads_here(read: _Reader) -> _Reader:
    return lambda key: read(key) if key.partition == current().partition else None


def _check_get_id(model: type[Any]) -> None:
    """Refuse a class whose users could not be found again, or not be logged out as it says."""
    get_id = getattr(model, "get_id", None)
    of_entities = get_id is DatastoreEntity.get_id
    if get_id is None or get_id is _FLASK_LOGIN_GET_ID or (of_entities and hasattr(model, "session_version")):
        raise BadArgumentError(
            "get_id of the users is not that of kindstore.flask.login.UserMixin",
            model=model,
            hint=f"Write it first: class {model.__name__}(UserMixin, …).",
        )


_FLASK_LOGIN_GET_ID: Final[Any] = flask_login.UserMixin.get_id


# Redirects.


def safe_redirect_target(target: str | None) -> str | None:
    """*target* if a browser that is sent there stays on this site; None otherwise.

    For the page that somebody wanted before logging in: ``redirect(safe_redirect_target(form.next.data) or url_for("home"))``.
    Safe are a path from the root (``/reports?page=2``), and a URL of the host and port of the request, but not one of
    http if the request came by https.  What browsers read otherwise than it looks is refused: ``//host``,
    backslashes, spaces, control characters, invisible ones.
    """
    # Browsers drop tabs and line feeds inside of a URL, spaces at its end, and take a backslash for a slash.
    if not target or "\\" in target or " " in target or not target.isprintable():
        return None
    if target.startswith("/"):
        return None if target.startswith("//") else target
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    schemes = {"https"} if flask.request.is_secure else {"http", "https"}
    host = flask.request.host.lower()
    is_here = bool(host) and parts.netloc.lower() == host
    return target if is_here and parts.scheme in schemes else None
