"""User datastore on Pony, which Flask-Security had until 5.8, and never in full."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from flask import Flask, appcontext_pushed, g
from pony import orm
from pony.orm.core import Attribute, Optional
from pony.orm.ormtypes import Array

from kindstore.flask.security import adapting
from kindstore.flask.security.base import (
    UserDatastore,
    key_of_type,
    new_family,
    now,
    role_name,
    single_criterion,
)
from kindstore.flask.security.query import Query, QueryOfModel

_GONE = frozenset({"deleted", "cancelled", "marked_to_delete"})


def adapt_user(model: type[Any]) -> None:
    """Add `fs_uniquifier` if it is missing; what is optional may be None; `query`.

    Only while the class is made: Pony has its own about a class as soon as it is.
    """
    if not hasattr(model, adapting.NAME):
        column = orm.Optional(
            str, max_len=adapting.LENGTH, unique=True, nullable=True, default=adapting.new_uniquifier
        )
        setattr(model, adapting.NAME, column)
    adapt_role(model)


def adapt_role(model: type[Any]) -> None:
    """What is optional may be None, which Flask-Security sets to take something away; `query`."""
    for attribute in list(vars(model).values()):
        is_open = isinstance(attribute, Optional) and getattr(attribute, "entity", None) is None
        if is_open and attribute.nullable is None and not attribute.is_relation and not _is_list(attribute):
            attribute.nullable = True
    # Pony keeps an object in sets before it has values, and has one object for each row: roles are not their names.
    model.__eq__ = object.__eq__  # type: ignore[assignment]
    model.__ne__ = object.__ne__  # type: ignore[assignment]
    model.__hash__ = object.__hash__  # type: ignore[assignment]
    if "query" not in vars(model):
        model.query = QueryOfModel(_rows)


def _is_list(attribute: Attribute) -> bool:
    # None in an array can be written, and not be read: Pony 0.7.20.
    return isinstance(attribute.py_type, type) and issubclass(attribute.py_type, Array)


class PonyUserDatastore(UserDatastore):
    """Accounts in a database of Pony.

    The user model derives from `kindstore.flask.security.UserMixin` or has `fs_uniquifier`.  Each application
    context (a request, a command) is a `db_session`; outside of one, enter it yourself.  As always with Pony,
    the end of a `db_session` commits; `commit` does so before.

    Raises TypeError for a model that has no `fs_uniquifier`: Pony can't add it once the class is made.
    """

    def __init__(
        self,
        db: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        super().__init__(db, user_model, role_model, webauthn_model, refresh_tracker_model)
        if not hasattr(user_model, adapting.NAME):
            raise TypeError(
                f"{user_model.__name__} has no {adapting.NAME}, and Pony adds no attribute to a finished class: "
                "derive it from kindstore.flask.security.UserMixin"
            )

    def init_app(self, app: Flask) -> None:
        """Make each application context of *app* a `db_session`."""
        appcontext_pushed.connect(_enter, sender=app, weak=False)
        app.teardown_appcontext(_leave)

    def put(self, obj: Any) -> Any:
        """Write *obj* to the database, in the transaction of the `db_session`."""
        obj.flush()
        return obj

    def delete(self, obj: Any) -> Any:
        """Delete *obj*, with what can't be without it."""
        obj.delete()
        return obj

    def commit(self) -> None:
        """Commit what was put and deleted."""
        self.db.commit()

    # Look-up

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> Any:
        """The first user that has all these attributes; see `UserDatastore.find_user`."""
        single_criterion(kwargs, case_insensitive)
        if case_insensitive:
            ((name, value),) = kwargs.items()
            if value is None or value == "":
                return None
            folded = str(value).lower()

            def folds_to(user: Any) -> bool:  # Pony makes SQL of the bytecode.
                return getattr(user, name).lower() == folded  # type: ignore[no-any-return]

            return self.with_uniquifier(self.user_model.select(folds_to).first())
        return self.with_uniquifier(_first(self.user_model, kwargs))

    def find_user_by_key(self, key: Any) -> Any:
        """The user of this primary key, if that is one attribute; None if there is none."""
        attributes = _primary_key(self.user_model)
        if len(attributes) != 1:
            return None
        value = key_of_type(key, cast("type[Any]", attributes[0].py_type))
        if value is None:
            return None
        criterion: dict[str, Any] = {attributes[0].name: value}
        return self.find_user(**criterion)

    def find_role(self, role: Any) -> Any:
        """The role of this name, or the stored one like this role object; None if there is none."""
        return None if self.role_model is None else _first(self.role_model, {"name": role_name(role)})

    def user_pages(self, size: int) -> Iterator[list[Any]]:
        """Every user in the order of the primary key, page by page; each page in the `db_session` of its time."""
        number = 1
        while page := self._page(number, size):
            yield page
            number += 1

    def _page(self, number: int, size: int) -> list[Any]:
        return list(self.user_model.select().order_by(*_primary_key(self.user_model)).page(number, size))

    def count_users(self) -> int:
        """How many users there are."""
        return cast("int", self.user_model.select().count())

    def is_stored(self, obj: Any) -> bool:
        """Whether the database has *obj*."""
        return getattr(obj, "_status_") not in _GONE  # noqa: B009 - Pony's own

    # Roles

    def add_role_to_user(self, user: Any, role: Any) -> bool:
        """Give *user* a role, by its name or itself; whether the user did not have it.

        Raises ValueError for a role that there is not.
        """
        stored = self.find_role(role)
        if stored is None:
            raise ValueError(f"Role: {role} doesn't exist")
        if stored in user.roles:
            return False
        user.roles.add(stored)
        self.put(user)
        return True

    def remove_role_from_user(self, user: Any, role: Any) -> bool:
        """Take a role from *user*; whether the user had it."""
        stored = self.find_role(role)
        if stored is None or stored not in user.roles:
            return False
        user.roles.remove(stored)
        self.put(user)
        return True

    # Credentials

    def mf_set_recovery_codes(self, user: Any, rcs: list[str] | None) -> None:
        """Set the recovery codes of *user*, or take them away."""
        super().mf_set_recovery_codes(user, rcs or [])

    def create_webauthn(
        self,
        user: Any,
        credential_id: bytes,
        public_key: bytes,
        name: str,
        sign_count: int,
        usage: str,
        device_type: str,
        backup_state: bool,
        transports: list[str] | None = None,
        extensions: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Register a passkey of *user*, in its `webauthn`."""
        if self.webauthn_model is None:
            raise NotImplementedError("the datastore has no webauthn_model")
        given: dict[str, Any] = {"transports": transports, "extensions": extensions}
        self.put(
            self.webauthn_model(
                user=user,
                credential_id=credential_id,
                public_key=public_key,
                name=name,
                sign_count=sign_count,
                usage=usage,
                device_type=device_type,
                backup_state=backup_state,
                lastuse_datetime=now(),
                **{name: value for name, value in given.items() if value is not None},
                **kwargs,
            )
        )

    def find_webauthn(self, credential_id: bytes) -> Any:
        """The passkey of this id, None if there is none."""
        if self.webauthn_model is None:
            raise NotImplementedError("the datastore has no webauthn_model")
        return _first(self.webauthn_model, {"credential_id": credential_id})

    def create_refresh_tracker(self, user: Any, name: str, expires_at: datetime, **kwargs: Any) -> Any:
        """A new family of refresh tokens of *user*, in its `refresh_trackers`."""
        if self.refresh_tracker_model is None:
            raise NotImplementedError("the datastore has no refresh_tracker_model")
        return self.put(
            self.refresh_tracker_model(
                user=user,
                gen=1,
                name=name,
                expires_at=expires_at,
                refresh_family=new_family(),
                last_used_at=now(),
                **kwargs,
            )
        )

    def find_refresh_tracker(self, refresh_family: str) -> Any:
        """The tracker of this family, None if there is none."""
        if self.refresh_tracker_model is None:
            raise NotImplementedError("the datastore has no refresh_tracker_model")
        return _first(self.refresh_tracker_model, {"refresh_family": refresh_family})


def _first(model: Any, equal: dict[str, Any]) -> Any:
    try:
        return model.get(**equal)
    except orm.MultipleObjectsFoundError:
        return model.select().filter(**equal).first()
    except ValueError:
        # What an attribute can't hold (too long, None where it is required), nobody has.
        return None


def _primary_key(model: Any) -> Sequence[Attribute]:
    return cast("Sequence[Attribute]", model._pk_attrs_)


def _rows(query: Query) -> Sequence[Any]:
    model: Any = query.model
    rows = model.select()
    for criterion in query.criteria:
        rows = rows.filter(criterion)
    if query.equal:
        rows = rows.filter(**dict(query.equal))
    if query.orders:
        rows = rows.order_by(*[getattr(model, o) if isinstance(o, str) else o for o in query.orders])
    return list(rows.limit(query.most, offset=query.first_row or None))


def _enter(_app: Flask, **_kwargs: Any) -> None:
    session: Any = cast("Any", orm).db_session()
    session.__enter__()
    g.kindstore_pony_session = session


def _leave(error: BaseException | None) -> None:
    session = g.pop("kindstore_pony_session", None)
    if session is not None:
        session.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
