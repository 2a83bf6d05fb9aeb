"""User datastore on Peewee."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import peewee
from flask_security import UserMixin

from kindstore.flask.security import adapting
from kindstore.flask.security.base import UserDatastore, key_of_type, role_name, single_criterion
from kindstore.flask.security.flask_security_types import FsPeeweeUserDatastore
from kindstore.flask.security.query import Query, QueryOfModel
from kindstore.values.errors import BadArgumentError


def adapt_user(model: type[Any]) -> None:
    """Add `fs_uniquifier` if it is missing, and `query`; before the table is made.  `get_id` is Flask-Security's."""
    if not hasattr(model, adapting.NAME):
        field = peewee.CharField(
            max_length=adapting.LENGTH, unique=True, null=True, default=adapting.new_uniquifier
        )
        if "_meta" in model.__dict__:
            _meta(model).add_field(adapting.NAME, field)
        else:  # The class is being made: Peewee finds what is in it.
            setattr(model, adapting.NAME, field)
    # Peewee's own is the primary key; a class that names Peewee's model first would put that in the session.
    model.get_id = UserMixin.get_id
    adapt_role(model)


def adapt_role(model: type[Any]) -> None:
    """Add `query`."""
    if not hasattr(model, "query"):
        model.query = QueryOfModel(_rows)


def _meta(model: type[Any]) -> Any:
    return getattr(model, "_meta")  # noqa: B009 - Peewee's own, and documented


class PeeweeUserDatastore(UserDatastore, FsPeeweeUserDatastore):
    """Accounts in a database of Peewee.

    *role_link* is the model that has a foreign key to users and one to roles; without it, the one such model
    there is, or the one of a ManyToManyField `roles`.  A user model without `roles` gets it: a list of the roles,
    read each time.  What is put and deleted is written at once, unless a transaction of Peewee is open.
    """

    def __init__(
        self,
        db: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        role_link: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        UserDatastore.__init__(self, db, user_model, role_model, webauthn_model, refresh_tracker_model)
        adapting.adapt_user(user_model)
        self.UserRole = role_link
        if role_model is None:
            return
        adapting.adapt_role(role_model)
        if role_link is None:
            self.UserRole = _link_between(user_model, role_model)
        if self.UserRole is not None and not hasattr(user_model, "roles"):
            user_model.roles = property(self.roles_of)

    # Look-up

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> Any:
        """The first user that has all these attributes; see `UserDatastore.find_user`."""
        single_criterion(kwargs, case_insensitive)
        criteria: list[Any] = []
        for name, value in kwargs.items():
            field = getattr(self.user_model, name)
            if case_insensitive:
                if value is None or value == "":
                    return None
                criteria.append(peewee.fn.LOWER(field) == peewee.fn.LOWER(value))
            else:
                criteria.append(field == value)
        return self.with_uniquifier(self.user_model.select().where(*criteria).first())

    def find_user_by_key(self, key: Any) -> Any:
        """The user of this primary key, if that is one field; None if there is none."""
        field = _meta(self.user_model).primary_key
        if not isinstance(field, peewee.Field):
            return None
        value = key_of_type(key, _type_of(field))
        if value is None:
            return None
        criterion: dict[str, Any] = {cast("str", field.name): value}
        return self.find_user(**criterion)

    def find_role(self, role: Any) -> Any:
        """The role of this name, or the stored one like this role object; None if there is none."""
        if self.role_model is None:
            return None
        return self.role_model.get_or_none(self.role_model.name == role_name(role))

    def find_roles(self, names: Iterable[str]) -> list[Any]:
        """The roles of these names, by one statement."""
        if self.role_model is None:
            return []
        return list(self.role_model.select().where(self.role_model.name.in_(list(names))))

    def user_pages(self, size: int) -> Iterator[list[Any]]:
        """Every user in the order of the primary key, page by page."""
        key = _meta(self.user_model).primary_key
        if not isinstance(key, peewee.Field):
            yield list(self.user_model.select())
            return
        ordered = self.user_model.select().order_by(key)
        page = list(ordered.limit(size))
        while page:
            last = getattr(page[-1], cast("str", key.name))
            yield page
            page = list(ordered.where(key > last).limit(size))

    def count_users(self) -> int:
        """How many users there are."""
        return cast("int", self.user_model.select().count())

    def is_stored(self, obj: Any) -> bool:
        """Whether the database has *obj*."""
        model = cast("Any", type(obj))
        return model.select().where(obj._pk_expr()).exists() if obj._pk is not None else False

    # Users and their roles

    def create_user(self, **kwargs: Any) -> Any:
        """A new user with its roles, put, in one transaction.

        Raises BadArgumentError for a name that the model does not have, which Peewee would keep in the object alone.
        """
        for name in kwargs:
            if not hasattr(self.user_model, name) and name != "roles":
                raise BadArgumentError(
                    f"{self.user_model.__name__} has no attribute {name!r}", found=sorted(kwargs)
                )
        roles: list[Any] = kwargs.pop("roles", None) or []
        if roles:
            self._link()
        kwargs = self._prepare_create_user_args(**kwargs)
        kwargs.pop("roles", None)
        with _meta(self.user_model).database.atomic():
            user = self.put(self.user_model(**kwargs))
            for role in roles:
                self.add_role_to_user(user, role)
        return user

    def roles_of(self, user: Any) -> list[Any]:
        """The roles of *user*, by one statement."""
        link = self._link()
        to_user, to_role = _keys_of(link, self.user_model, self.role_model)
        return list(
            self.role_model.select()
            .join(link, on=to_role == _meta(self.role_model).primary_key)
            .where(to_user == user)
            .order_by(_meta(self.role_model).primary_key)
        )

    def add_role_to_user(self, user: Any, role: Any) -> bool:
        """Give *user* a role, by its name or itself; whether the user did not have it.

        Raises ValueError for a role that there is not.
        """
        stored = self.find_role(role)
        if stored is None:
            raise ValueError(f"Role: {role} doesn't exist")
        link = self._link()
        to_user, to_role = _keys_of(link, self.user_model, self.role_model)
        if link.select().where(to_user == user, to_role == stored).exists():
            return False
        link.create(**{to_user.name: user, to_role.name: stored})
        return True

    def remove_role_from_user(self, user: Any, role: Any) -> bool:
        """Take a role from *user*; whether the user had it."""
        stored = self.find_role(role)
        if stored is None:
            return False
        link = self._link()
        to_user, to_role = _keys_of(link, self.user_model, self.role_model)
        return bool(link.delete().where(to_user == user, to_role == stored).execute())

    def _link(self) -> Any:
        if self.UserRole is None:
            raise BadArgumentError(
                "no model links users to roles",
                user=self.user_model.__name__,
                hint="Give role_link to the datastore: a model with a foreign key to each.",
            )
        return self.UserRole


def _link_between(user_model: type[Any], role_model: type[Any]) -> Any:
    many = _meta(user_model).manytomany.get("roles")
    if many is not None:
        return many.get_through_model()
    to_user = {field.model for field in _meta(user_model).backrefs}
    to_role = {field.model for field in _meta(role_model).backrefs}
    links = to_user & to_role
    return links.pop() if len(links) == 1 else None


def _keys_of(link: Any, user_model: type[Any], role_model: type[Any]) -> tuple[Any, Any]:
    refs = _meta(link).refs
    (to_user,) = [field for field, model in refs.items() if issubclass(user_model, model)]
    (to_role,) = [field for field, model in refs.items() if issubclass(role_model, model)]
    return to_user, to_role


def _type_of(field: Any) -> type[Any]:
    if isinstance(field, peewee.UUIDField):
        return UUID
    return int if isinstance(field, peewee.IntegerField) else str


def _rows(query: Query) -> Sequence[Any]:
    model: Any = query.model
    criteria = [*query.criteria, *(getattr(model, name) == value for name, value in query.equal)]
    rows = model.select()
    if criteria:
        rows = rows.where(*criteria)
    if query.orders:
        rows = rows.order_by(*[getattr(model, o) if isinstance(o, str) else o for o in query.orders])
    if query.most is not None or query.first_row:
        # SQLite has no OFFSET without LIMIT.
        rows = rows.limit(2**63 - 1 if query.most is None else query.most).offset(query.first_row)
    return list(rows)
