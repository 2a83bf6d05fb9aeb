"""User datastores on SQLAlchemy: through Flask-SQLAlchemy, a session of one's own, or Flask-SQLAlchemy-Lite."""

import inspect as inspection
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from flask import current_app, has_app_context
from sqlalchemy import BigInteger, String, func, inspect, literal, select
from sqlalchemy.orm import Mapper, joinedload, mapped_column

from kindstore.flask.security import adapting
from kindstore.flask.security.base import UserDatastore, key_of_type, role_name, single_criterion
from kindstore.flask.security.flask_security_types import (
    FsFSQLALiteUserDatastore,
    FsSQLAlchemySessionUserDatastore,
    FsSQLAlchemyUserDatastore,
)


def adapt_user(model: type[Any]) -> None:
    """Add `fs_uniquifier` if it is missing; before or after the class is mapped, but before its table is made."""
    if not hasattr(model, adapting.NAME):
        # Null for rows that are older than the column: several nulls are no breach of a unique column.
        column = mapped_column(
            String(adapting.LENGTH), unique=True, nullable=True, default=adapting.new_uniquifier
        )
        setattr(model, adapting.NAME, column)


def adapt_role(model: type[Any]) -> None:
    """Nothing to do; the session that `query` needs is the datastore's."""


class SQLAlchemyUserDatastore(UserDatastore, FsSQLAlchemyUserDatastore):
    """Accounts in a database of SQLAlchemy; *db* has a `session`, as Flask-SQLAlchemy's has.

    What is put and deleted is written with `commit`.  Deleting a user deletes what its relationships cascade to.
    """

    def __init__(
        self,
        db: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        adapting.adapt_user(user_model)
        UserDatastore.__init__(self, db, user_model, role_model, webauthn_model, refresh_tracker_model)
        for model in (user_model, role_model):
            # Looked up without asking for it: Flask-SQLAlchemy's makes a session, for which it needs an application.
            if model is not None and inspection.getattr_static(model, "query", None) is None:
                model.query = _Query(db)

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> Any:
        """The first user that has all these attributes; see `UserDatastore.find_user`."""
        single_criterion(kwargs, case_insensitive)
        statement = select(self.user_model)
        if _joins_roles() and hasattr(self.user_model, "roles"):
            statement = statement.options(joinedload(self.user_model.roles))
        for name, value in kwargs.items():
            column = getattr(self.user_model, name)
            if case_insensitive:
                if value is None or value == "":
                    return None
                statement = statement.where(func.lower(column) == func.lower(value))
            else:
                statement = statement.where(column == value)
        return self.with_uniquifier(self.db.session.scalars(statement).unique().first())

    def find_user_by_key(self, key: Any) -> Any:
        """The user of this primary key, if that is one column; None if there is none."""
        mapper = cast("Mapper[Any]", inspect(self.user_model))
        if len(mapper.primary_key) != 1:
            return None
        (column,) = mapper.primary_key
        value = key_of_type(key, column.type.python_type)
        if value is None:
            return None
        if isinstance(value, int):
            # PostgreSQL refuses a number that its column can't hold, and the whole transaction with it.
            value = literal(value, BigInteger())
        criterion: dict[str, Any] = {mapper.get_property_by_column(column).key: value}
        return self.find_user(**criterion)

    def find_role(self, role: Any) -> Any:
        """The role of this name, or the stored one like this role object; None if there is none."""
        if self.role_model is None:
            return None
        return self.db.session.scalar(select(self.role_model).where(self.role_model.name == role_name(role)))

    def find_roles(self, names: Iterable[str]) -> list[Any]:
        """The roles of these names, by one statement."""
        if self.role_model is None:
            return []
        return list(
            self.db.session.scalars(select(self.role_model).where(self.role_model.name.in_(list(names))))
        )

    def user_pages(self, size: int) -> Iterator[list[Any]]:
        """Every user in the order of the primary key, page by page."""
        mapper = cast("Mapper[Any]", inspect(self.user_model))
        keys = [getattr(self.user_model, mapper.get_property_by_column(c).key) for c in mapper.primary_key]
        statement = select(self.user_model).order_by(*keys)
        if len(keys) != 1:
            yield list(self.db.session.scalars(statement).unique())
            return
        page = list(self.db.session.scalars(statement.limit(size)).unique())
        while page:
            last = getattr(page[-1], keys[0].key)
            yield page
            page = list(self.db.session.scalars(statement.where(keys[0] > last).limit(size)).unique())

    def count_users(self) -> int:
        """How many users there are."""
        return cast("int", self.db.session.scalar(select(func.count()).select_from(self.user_model)))

    def is_stored(self, obj: Any) -> bool:
        """Whether the session or the database has *obj*."""
        state = inspect(obj)
        if state.deleted or obj in self.db.session.deleted:
            return False
        return bool(state.pending or (state.key is not None and not state.was_deleted))

    def delete(self, obj: Any) -> Any:
        """Delete *obj* and return it; what was put but not yet written is written first."""
        if inspect(obj).pending:
            self.db.session.flush()
        return super().delete(obj)


class _Session:
    """A session in the place of a database that has one."""

    def __init__(self, session: Any) -> None:
        self.session = session


class SQLAlchemySessionUserDatastore(SQLAlchemyUserDatastore, FsSQLAlchemySessionUserDatastore):
    """Accounts through *session*, a `scoped_session` or a `Session` of SQLAlchemy."""

    def __init__(
        self,
        session: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        SQLAlchemyUserDatastore.__init__(
            self, _Session(session), user_model, role_model, webauthn_model, refresh_tracker_model
        )


class FSQLALiteUserDatastore(SQLAlchemyUserDatastore, FsFSQLALiteUserDatastore):
    """Accounts through Flask-SQLAlchemy-Lite; *db* is its `SQLAlchemy`."""

    def __init__(
        self,
        db: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        SQLAlchemyUserDatastore.__init__(
            self, db, user_model, role_model, webauthn_model, refresh_tracker_model
        )


class _Query:
    """`Model.query` as Flask-SQLAlchemy has it, for models that have none."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        return self._db.session.query(owner)


def _joins_roles() -> bool:
    if not has_app_context():
        return True
    return cast("Mapping[str, bool]", current_app.config).get("SECURITY_JOIN_USER_ROLES", True)
