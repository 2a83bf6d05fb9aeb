"""The databases of the conformance suite: for each, an application, its models and its datastore.

A backend is made once for all tests; `clear` empties it before each.
"""

# Models are classes of two libraries, of which mixins know nothing of the mappers.
# mypy: disable-error-code="misc"
# ruff: noqa: RUF012

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from kindstore import ndb
from kindstore.flask import Kindstore, Model, security
from tests.flask.security.conformance import postgresql_server
from tests.flask.security.conformance.sqlalchemy_models import sqlalchemy_models

MONGODB = os.environ.get("KINDSTORE_MONGODB_URL")

ON_POSTGRESQL = ["sqlalchemy-postgresql", "session-postgresql", "lite-postgresql", "peewee-postgresql"]
NAMES = [
    "sqlalchemy-sqlite",
    "session-sqlite",
    "lite-sqlite",
    "peewee-sqlite",
    "pony-sqlite",
    # Not MongoDB, and said so wherever a result is read: an imitation of it, in this process.
    "mongoengine-server" if MONGODB else "mongoengine-mongomock",
    "kindstore-sqlite",
    *ON_POSTGRESQL,
]


@dataclass
class Backend:
    """One database, with what the tests need of it."""

    name: str
    app: Flask
    datastore: Any
    clear: Callable[[], None]
    forget: Callable[[], None]
    """Let go of what was read: the next look-up reads the database."""
    close: Callable[[], None]

    def again(self, user: Any) -> Any:
        """*user* as the database has it, after a commit."""
        key = user.id
        self.datastore.commit()
        self.forget()
        return self.datastore.get_user(key)


def nothing() -> None:
    """For what a backend does not need."""


def application(**settings: Any) -> Flask:
    """An application with all of Flask-Security that does not need mail."""
    app = Flask("conformance")
    app.config.update(
        SECRET_KEY="secret",
        TESTING=True,
        WTF_CSRF_ENABLED=False,
        SECURITY_PASSWORD_SALT="salt",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SINGLE_HASH=True,
        SECURITY_HASHING_SCHEMES=["hex_md5"],
        SECURITY_DEPRECATED_HASHING_SCHEMES=[],
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_REGISTERABLE=True,
        SECURITY_TRACKABLE=True,
        SECURITY_USERNAME_ENABLE=True,
        SECURITY_USER_IDENTITY_ATTRIBUTES=["email", "username"],
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_UNIFIED_SIGNIN=True,
        SECURITY_US_ENABLED_METHODS=["password", "email", "authenticator"],
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_N=3,
        SECURITY_WEBAUTHN=True,
        SECURITY_REFRESH_TOKEN=True,
        SECURITY_REFRESH_TOKEN_COOKIE_NAME=None,
        SECURITY_TOTP_SECRETS={"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
        SECURITY_TOTP_ISSUER="tests",
    )
    app.config.update(settings)
    _guard_pages(app)
    return app


def _guard_pages(app: Flask) -> None:
    """A page for each way of asking who somebody is."""
    guards: dict[str, Callable[[Callable[[], str]], Any]] = {
        "member": security.auth_required("session", "token"),
        "admin": security.roles_required("admin"),
        "author": security.roles_required("author"),
        "editor-and-user": security.roles_required("editor", "user"),
        "user-or-other": security.roles_accepted("other", "user"),
        "may-write": security.permissions_required("write"),
        "may-write-or-fly": security.permissions_accepted("fly", "write"),
    }
    for name, guard in guards.items():
        app.add_url_rule(f"/{name}", name, guard(lambda: "come in"))


def backend(name: str, directory: Path, server: Callable[[], Path], side: str = "") -> Backend:
    """The backend of this name; *server* gives the socket of PostgreSQL, or skips; *side* tells two apart."""
    kind, _, place = name.partition("-")
    if place == "postgresql":
        url = f"postgresql+psycopg://postgres@/{{}}?host={server()}"
        url = url.format(postgresql_server.new_database(server()))
    else:
        url = f"sqlite:///{directory / name}.db"
    match kind:
        case "sqlalchemy":
            return _sqlalchemy(name, url)
        case "session":
            return _session(name, url)
        case "lite":
            return _lite(name, url)
        case "peewee":
            return _peewee(name, directory, server if place == "postgresql" else None)
        case "pony":
            return _pony(name, directory)
        case "kindstore":
            return _kindstore(name, directory)
        case _:
            return _mongoengine(name, side)


# SQLAlchemy


def _do_not_wait_for_the_disk(connection: Any, *_record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _of_session(name: str, app: Flask, datastore: Any, metadata: Any, engine: Any) -> Backend:
    """What the three of SQLAlchemy have in common."""
    security.Security(app, datastore)
    if engine.dialect.name == "sqlite":
        engine.dispose()  # the next connection is one that listens
        event.listen(engine, "connect", _do_not_wait_for_the_disk)

    def clear() -> None:
        with app.app_context():
            datastore.db.session.rollback()
            for table in reversed(metadata.sorted_tables):
                datastore.db.session.execute(table.delete())
            datastore.db.session.commit()
            datastore.db.session.expire_all()

    def forget() -> None:
        datastore.db.session.expire_all()

    return Backend(name, app, datastore, clear, forget, engine.dispose)


def _sqlalchemy(name: str, url: str) -> Backend:
    from flask_sqlalchemy import SQLAlchemy

    app = application(SQLALCHEMY_DATABASE_URI=url)
    db = SQLAlchemy(app)
    datastore = security.SQLAlchemyUserDatastore(db, *sqlalchemy_models(db.Model))
    with app.app_context():
        db.create_all()
        return _of_session(name, app, datastore, db.metadata, db.engine)


def _lite(name: str, url: str) -> Backend:
    from flask_sqlalchemy_lite import SQLAlchemy
    from sqlalchemy.orm import DeclarativeBase

    class Base(DeclarativeBase):
        pass

    app = application(SQLALCHEMY_ENGINES={"default": url})
    db = SQLAlchemy(app)
    datastore = security.FSQLALiteUserDatastore(db, *sqlalchemy_models(Base))
    with app.app_context():
        Base.metadata.create_all(db.engine)
        return _of_session(name, app, datastore, Base.metadata, db.engine)


def _session(name: str, url: str) -> Backend:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import DeclarativeBase, scoped_session, sessionmaker

    class Base(DeclarativeBase):
        pass

    engine = create_engine(url)
    session = scoped_session(sessionmaker(bind=engine))
    datastore = security.SQLAlchemySessionUserDatastore(session, *sqlalchemy_models(Base))
    Base.metadata.create_all(engine)
    app = application()

    @app.teardown_appcontext
    def remove(_error: BaseException | None) -> None:
        session.remove()

    return _of_session(name, app, datastore, Base.metadata, engine)


# Peewee


def _peewee(name: str, directory: Path, server: Callable[[], Path] | None) -> Backend:
    import peewee

    if server is None:
        database: Any = peewee.SqliteDatabase(
            str(directory / f"{name}.db"), pragmas={"foreign_keys": 1, "synchronous": 0}
        )
    else:
        database = peewee.PostgresqlDatabase(
            postgresql_server.new_database(server()),
            host=str(server()),
            user="postgres",
            prefer_psycopg3=True,
        )

    class Texts(peewee.Field):
        field_type = "TEXT"

        def db_value(self, value: list[str] | None) -> str | None:
            return None if value is None else security.AsaList(value).serialize()

        def python_value(self, value: str | None) -> security.AsaList:
            return security.AsaList.deserialize(value)

    class Base(peewee.Model):
        pass

    Base._meta.database = database

    class Role(Base, security.RoleMixin):
        name = peewee.CharField(unique=True, max_length=80)
        description = peewee.CharField(null=True)
        permissions = Texts(null=True)

        class Meta:
            table_name = "roles"

    class User(Base, security.UserMixin):
        email = peewee.CharField(unique=True)
        username = peewee.CharField(unique=True, null=True)
        password = peewee.CharField(null=True)
        active = peewee.BooleanField(default=True)
        fs_token_uniquifier = peewee.CharField(unique=True, null=True)
        fs_webauthn_user_handle = peewee.CharField(unique=True, null=True)
        security_number = peewee.BigIntegerField(unique=True, null=True)
        confirmed_at = peewee.DateTimeField(null=True)
        last_login_at = peewee.DateTimeField(null=True)
        current_login_at = peewee.DateTimeField(null=True)
        last_login_ip = peewee.CharField(null=True)
        current_login_ip = peewee.CharField(null=True)
        login_count = peewee.IntegerField(null=True)
        tf_primary_method = peewee.CharField(null=True)
        tf_totp_secret = peewee.CharField(null=True)
        tf_phone_number = peewee.CharField(null=True)
        us_totp_secrets = peewee.TextField(null=True)
        us_phone_number = peewee.CharField(unique=True, null=True)
        mf_recovery_codes = Texts(null=True)

        class Meta:
            table_name = "users"

    class UserRole(Base):
        user = peewee.ForeignKeyField(User, backref="user_roles")
        role = peewee.ForeignKeyField(Role, backref="role_users")

        class Meta:
            indexes = ((("user", "role"), True),)

    class WebAuthn(Base, security.WebAuthnMixin):
        user = peewee.ForeignKeyField(User, backref="webauthn")
        credential_id = peewee.BlobField(unique=True)
        public_key = peewee.BlobField()
        name = peewee.CharField()
        sign_count = peewee.IntegerField()
        usage = peewee.CharField()
        device_type = peewee.CharField()
        backup_state = peewee.BooleanField()
        transports = Texts(null=True)
        extensions = peewee.CharField(null=True)
        lastuse_datetime = peewee.DateTimeField()

    class Tracker(Base, security.RefreshTrackerMixin):
        user = peewee.ForeignKeyField(User, backref="refresh_trackers")
        refresh_family = peewee.CharField(unique=True)
        gen = peewee.IntegerField()
        name = peewee.CharField()
        expires_at = peewee.DateTimeField()
        revoked_at = peewee.DateTimeField(null=True)
        last_used_at = peewee.DateTimeField()

    tables = [Role, User, UserRole, WebAuthn, Tracker]
    database.create_tables(tables)
    app = application()
    datastore = security.PeeweeUserDatastore(database, User, Role, UserRole, WebAuthn, Tracker)
    security.Security(app, datastore)

    def clear() -> None:
        for table in reversed(tables):
            table.delete().execute()

    return Backend(name, app, datastore, clear, nothing, database.close)


# Pony


def _pony(name: str, directory: Path) -> Backend:
    orm = pytest.importorskip("pony.orm", reason="Pony has no version for this Python")
    database = orm.Database()
    database.on_connect(provider="sqlite")(lambda _db, connection: _do_not_wait_for_the_disk(connection))

    class Role(database.Entity, security.RoleMixin):  # type: ignore[name-defined]
        name = orm.Required(str, unique=True, max_len=80)
        description = orm.Optional(str, max_len=255)
        permissions = orm.Optional(orm.StrArray)
        users = orm.Set("User")

    class User(database.Entity, security.UserMixin):  # type: ignore[name-defined]
        email = orm.Required(str, unique=True, max_len=255)
        username = orm.Optional(str, unique=True, max_len=255)
        password = orm.Optional(str, max_len=255)
        active = orm.Required(bool, default=True)
        fs_token_uniquifier = orm.Optional(str, unique=True)
        fs_webauthn_user_handle = orm.Optional(str, unique=True)
        security_number = orm.Optional(int, size=64, unique=True)
        confirmed_at = orm.Optional(datetime)
        last_login_at = orm.Optional(datetime)
        current_login_at = orm.Optional(datetime)
        last_login_ip = orm.Optional(str)
        current_login_ip = orm.Optional(str)
        login_count = orm.Optional(int)
        tf_primary_method = orm.Optional(str)
        tf_totp_secret = orm.Optional(str)
        tf_phone_number = orm.Optional(str)
        us_totp_secrets = orm.Optional(orm.LongStr)
        us_phone_number = orm.Optional(str, unique=True)
        mf_recovery_codes = orm.Optional(orm.StrArray)
        roles = orm.Set("Role")
        webauthn = orm.Set("WebAuthn")
        refresh_trackers = orm.Set("Tracker")

    class WebAuthn(database.Entity, security.WebAuthnMixin):  # type: ignore[name-defined]
        user = orm.Required("User")
        credential_id = orm.Required(bytes, unique=True)
        public_key = orm.Required(bytes)
        name = orm.Required(str)
        sign_count = orm.Required(int, default=0)
        usage = orm.Required(str)
        device_type = orm.Required(str)
        backup_state = orm.Required(bool)
        transports = orm.Optional(orm.StrArray)
        extensions = orm.Optional(str)
        lastuse_datetime = orm.Required(datetime)

    class Tracker(database.Entity, security.RefreshTrackerMixin):  # type: ignore[name-defined]
        user = orm.Required("User")
        refresh_family = orm.Required(str, unique=True)
        gen = orm.Required(int)
        name = orm.Required(str)
        expires_at = orm.Required(datetime)
        revoked_at = orm.Optional(datetime)
        last_used_at = orm.Required(datetime)

    database.bind("sqlite", str(directory / f"{name}.db"), create_db=True)
    database.generate_mapping(create_tables=True)
    app = application()
    datastore = security.PonyUserDatastore(database, User, Role, WebAuthn, Tracker)
    security.Security(app, datastore)

    def clear() -> None:
        with orm.db_session:
            for model in (WebAuthn, Tracker, User, Role):
                model.select().delete(bulk=model in {WebAuthn, Tracker})

    # A rollback after the commit empties the session.
    return Backend(name, app, datastore, clear, orm.rollback, database.disconnect)


# MongoEngine


def _mongoengine(name: str, side: str) -> Backend:
    import mongoengine as me
    import mongomock

    alias = f"conformance-{name}{side}"
    database = f"conformance{side}"
    if MONGODB:
        connection: Any = me.connect(alias=alias, db=database, host=MONGODB, uuidRepresentation="standard")
    else:
        connection = me.connect(
            alias=alias,
            db=database,
            host="mongodb://localhost",
            mongo_client_class=mongomock.MongoClient,
            uuidRepresentation="standard",
        )

    class Role(me.Document, security.RoleMixin):
        name = me.StringField(required=True, unique=True, max_length=80)
        description = me.StringField(max_length=255)
        permissions = me.ListField(me.StringField())
        meta = {"db_alias": alias}

    class WebAuthn(me.Document, security.WebAuthnMixin):
        user = me.ReferenceField("User")
        credential_id = me.BinaryField(required=True, unique=True)
        public_key = me.BinaryField(required=True)
        name = me.StringField(required=True)
        sign_count = me.IntField(default=0)
        usage = me.StringField(required=True)
        device_type = me.StringField(required=True)
        backup_state = me.BooleanField(required=True)
        transports = me.ListField(me.StringField())
        extensions = me.StringField()
        lastuse_datetime = me.DateTimeField(required=True)
        meta = {"db_alias": alias}

    class Tracker(me.Document, security.RefreshTrackerMixin):
        user = me.ReferenceField("User")
        refresh_family = me.StringField(required=True, unique=True)
        gen = me.IntField(default=1)
        name = me.StringField()
        expires_at = me.DateTimeField(required=True)
        revoked_at = me.DateTimeField()
        last_used_at = me.DateTimeField(required=True)
        meta = {"db_alias": alias}

    class User(me.Document, security.UserMixin):
        email = me.StringField(required=True, unique=True, max_length=255)
        username = me.StringField(unique=True, max_length=255)
        password = me.StringField()
        active = me.BooleanField(default=True)
        fs_token_uniquifier = me.StringField(unique=True)
        fs_webauthn_user_handle = me.StringField(unique=True)
        security_number = me.IntField(unique=True)
        confirmed_at = me.DateTimeField()
        last_login_at = me.DateTimeField()
        current_login_at = me.DateTimeField()
        last_login_ip = me.StringField()
        current_login_ip = me.StringField()
        login_count = me.IntField()
        tf_primary_method = me.StringField()
        tf_totp_secret = me.StringField()
        tf_phone_number = me.StringField()
        us_totp_secrets = me.StringField()
        us_phone_number = me.StringField(unique=True)
        mf_recovery_codes = me.ListField(me.StringField())
        roles = me.ListField(me.ReferenceField(Role), default=[])
        webauthn = me.ListField(me.ReferenceField(WebAuthn, reverse_delete_rule=me.PULL), default=[])
        refresh_trackers = me.ListField(me.ReferenceField(Tracker, reverse_delete_rule=me.PULL), default=[])
        meta = {"db_alias": alias}

    User.register_delete_rule(WebAuthn, "user", me.CASCADE)
    User.register_delete_rule(Tracker, "user", me.CASCADE)
    app = application()
    datastore = security.MongoEngineUserDatastore(connection, User, Role, WebAuthn, Tracker)
    security.Security(app, datastore)

    def clear() -> None:
        for model in (User, Role, WebAuthn, Tracker):
            model.drop_collection()

    def close() -> None:
        connection.drop_database(database)
        me.disconnect(alias)

    return Backend(name, app, datastore, clear, nothing, close)


# Kindstore


def _kindstore(name: str, directory: Path) -> Backend:
    app = application(KINDSTORE_URL=str(directory / f"{name}.db"), KINDSTORE_DURABILITY="relaxed")
    db = Kindstore(app)

    class Role(Model, security.FsRoleMixin):
        pass

    class Passkey(Model, security.FsWebAuthnMixin):
        pass

    class Tracker(Model, security.FsRefreshTrackerMixin):
        pass

    class User(Model, security.FsUserMixin):
        fs_token_uniquifier = ndb.StringProperty(unique=True)
        security_number = ndb.IntegerProperty(unique=True)

    datastore = security.DatastoreUserDatastore(db, User, Role, Passkey, Tracker)
    security.Security(app, datastore)

    def clear() -> None:
        with app.app_context():
            models = (User, Role, Passkey, Tracker)
            ndb.delete_multi([key for model in models for key in model.query.fetch(keys_only=True)])

    def forget() -> None:
        ndb.get_context().clear_cache()

    return Backend(name, app, datastore, clear, forget, db.client_of(app).close)
