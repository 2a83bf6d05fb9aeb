"""User datastore on MongoEngine, and `MongoEngine(app)` for applications that have it from Flask-MongoEngine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import mongoengine
from flask import Flask
from mongoengine.errors import ValidationError

from kindstore.flask.security import adapting
from kindstore.flask.security.base import UserDatastore, role_name, single_criterion
from kindstore.flask.security.flask_security_types import FsMongoEngineUserDatastore
from kindstore.flask.security.query import Query, QueryOfModel


def adapt_user(model: type[Any]) -> None:
    """Add `fs_uniquifier` if it is missing, and `query`; let unique fields be absent from many documents."""
    if not hasattr(model, adapting.NAME):
        # No default: MongoEngine would give one to each old document on each reading, and never save it.
        _add_field(
            model,
            adapting.NAME,
            mongoengine.StringField(max_length=adapting.LENGTH, unique=True, sparse=True),
        )
    for field in _fields(model).values():
        if field.unique and not field.required and not field.primary_key and not field.unique_with:
            # MongoDB takes an absent field for null, and two nulls for a duplicate, unless the index is sparse.
            field.sparse = True
    _make_index_specs(model)
    adapt_role(model)


def adapt_role(model: type[Any]) -> None:
    """Add `query`."""
    if "query" not in model.__dict__:
        model.query = QueryOfModel(_rows)


def _fields(model: type[Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", getattr(model, "_fields"))  # noqa: B009 - MongoEngine's own


def _add_field(model: Any, name: str, field: Any) -> None:
    field.name = field.db_field = name
    field.owner_document = model
    setattr(model, name, field)
    model._fields[name] = field
    model._db_field_map[name] = name
    model._reverse_db_field_map[name] = name
    model._fields_ordered = (*model._fields_ordered, name)


def _make_index_specs(model: Any) -> None:
    # While a class is made, MongoEngine does this later itself.
    meta: Mapping[str, Any] = model._meta
    if meta.get("index_specs") is not None and "indexes" in meta:
        model._meta["index_specs"] = model._build_index_specs(meta["indexes"])


class MongoEngineUserDatastore(UserDatastore, FsMongoEngineUserDatastore):
    """Accounts in MongoDB; *db* is a connection of MongoEngine, or `MongoEngine(app)`.

    What is put and deleted is written at once.
    """

    def __init__(
        self,
        db: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        UserDatastore.__init__(self, db, user_model, role_model, webauthn_model, refresh_tracker_model)
        adapting.adapt_user(user_model)
        if role_model is not None:
            adapting.adapt_role(role_model)

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> Any:
        """The first user that has all these attributes; see `UserDatastore.find_user`."""
        single_criterion(kwargs, case_insensitive)
        if case_insensitive:
            ((name, value),) = kwargs.items()
            if value is None or value == "":
                return None
            if isinstance(value, str):
                kwargs = {f"{name}__iexact": value}
        if any(map(_is_operator, kwargs.values())):
            return None
        try:
            return self.with_uniquifier(self.user_model.objects(**kwargs).first())
        except (ValidationError, OverflowError):
            # What a field can't hold, nobody has.
            return None

    def find_user_by_key(self, key: Any) -> Any:
        """The user of this `pk`, an `ObjectId` or the text of one unless the model says otherwise."""
        try:
            return self.find_user(pk=key)
        except (TypeError, ValueError):
            return None

    def find_role(self, role: Any) -> Any:
        """The role of this name, or the stored one like this role object; None if there is none."""
        return None if self.role_model is None else self.role_model.objects(name=role_name(role)).first()

    def user_pages(self, size: int) -> Iterator[list[Any]]:
        """Every user in the order of the primary key, page by page."""
        page = list(self.user_model.objects.order_by("pk").limit(size))
        while page:
            last = page[-1].pk
            yield page
            page = list(self.user_model.objects(pk__gt=last).order_by("pk").limit(size))

    def count_users(self) -> int:
        """How many users there are."""
        return cast("int", self.user_model.objects.count())

    def is_stored(self, obj: Any) -> bool:
        """Whether the database has *obj*."""
        model = cast("Any", type(obj))
        return obj.pk is not None and model.objects(pk=obj.pk).first() is not None


def _is_operator(value: Any) -> bool:
    """Whether MongoDB takes *value* for a question: `{"$ne": None}`, as JSON of strangers may have it, is everybody."""
    return isinstance(value, Mapping) and any(
        str(name).startswith("$") for name in cast("Mapping[object, object]", value)
    )


class MongoEngine:
    """`db.Document`, `db.StringField`, …: MongoEngine's names, and a connection by the settings of an application.

    Settings are those of Flask-MongoEngine (which does not work with Flask 2.3 and newer): MONGODB_SETTINGS, a
    mapping of `db`, `host`, `port`, `username`, `password`, … as `mongoengine.connect` takes them, or
    MONGODB_DB, MONGODB_HOST, MONGODB_PORT, MONGODB_USERNAME and MONGODB_PASSWORD.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self.connection: Any = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Connect; MongoDB itself is reached when it is first asked for something."""
        config = cast("Mapping[str, Any]", app.config)
        settings = dict(config.get("MONGODB_SETTINGS") or {})
        for name in ("db", "host", "port", "username", "password"):
            if config.get(f"MONGODB_{name.upper()}") is not None:
                settings.setdefault(name, config[f"MONGODB_{name.upper()}"])
        # What MongoEngine takes without it as well, with a warning.
        settings.setdefault("uuidRepresentation", "pythonLegacy")
        self.connection = cast("Any", mongoengine).connect(**settings)
        app.extensions["mongoengine"] = self

    def __getattr__(self, name: str) -> Any:
        return getattr(mongoengine, name)


def _rows(query: Query) -> Sequence[Any]:
    model: Any = query.model
    documents = model.objects(**dict(query.equal))
    for criterion in query.criteria:
        documents = documents.filter(criterion)
    if query.orders:
        documents = documents.order_by(
            *[each if isinstance(each, str) else each.name for each in query.orders]
        )
    documents = documents.skip(query.first_row)
    return list(documents if query.most is None else documents.limit(query.most))
