"""The application that is measured: accounts of Flask-Security, and a profile that its owner edits.

The same views on both sides; a side has its models, and says how one edit is stored so that none is lost.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from flask import Flask, request
from flask_security import Security, auth_required, current_user, hash_password

# argon2id as Flask-Security sets it up takes longer than everything else here together; --strong measures with that.
_QUICK = {"argon2__rounds": 1, "argon2__memory_cost": 64, "argon2__parallelism": 1}


def create_app(side: str, folder: str, strong: bool = False) -> Flask:
    """The application on *side* ("kindstore" or "sqlalchemy"), its database in *folder*."""
    app = Flask(__name__, instance_path=folder)
    app.config.update(
        SECRET_KEY="only for this measurement",
        SECURITY_PASSWORD_SALT="only for this measurement",
        SECURITY_PASSWORD_HASH="argon2",
        SECURITY_TRACKABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        WTF_CSRF_ENABLED=False,
        PROPAGATE_EXCEPTIONS=False,
    )
    if not strong:
        app.config["SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS"] = _QUICK
    store = {"kindstore": _Kindstore, "sqlalchemy": _SQLAlchemy}[side](app, Path(folder))
    app.extensions["bench"] = store

    @app.post("/profile")
    @auth_required("session")
    def edit_profile() -> dict[str, Any]:
        return {"edits": store.edit(current_user, request.form["city"], request.form["about"])}

    @app.get("/profile")
    @auth_required("session")
    def profile() -> dict[str, Any]:
        user = current_user
        return {"email": user.email, "city": user.city, "about": user.about, "edits": user.edits}

    return app


class _Kindstore:
    """Accounts in Kindstore."""

    def __init__(self, app: Flask, folder: Path) -> None:
        from kindstore import ndb
        from kindstore.flask import Kindstore
        from kindstore.flask.security import DatastoreUserDatastore
        from kindstore.flask.security.models import FsRoleMixin, FsUserMixin

        class Role(FsRoleMixin):
            pass

        class User(FsUserMixin):
            city = ndb.StringProperty()
            about = ndb.TextProperty()
            edits = ndb.IntegerProperty(default=0)

        self.User = User
        self.ndb = ndb
        self.datastore = DatastoreUserDatastore(Kindstore(app, url=str(folder / "accounts.db")), User, Role)
        Security(app, self.datastore)

    def edit(self, user: Any, city: str, about: str) -> int:
        key = user.key

        def change() -> int:
            stored = key.get()
            stored.city, stored.about = city, about
            stored.edits += 1
            stored.put()
            return int(stored.edits)

        return self.ndb.transaction(change)

    def create(self, emails: list[str], password: str) -> None:
        for email in emails:
            self.datastore.create_user(email=email, password=password)

    def counted(self) -> dict[str, tuple[int, int]]:
        return {user.email: (user.edits, user.login_count or 0) for user in self.User.query()}


class _SQLAlchemy:
    """Accounts in SQLite by Flask-SQLAlchemy, as durable: WAL with synchronous=FULL."""

    def __init__(self, app: Flask, folder: Path) -> None:
        from flask_security import SQLAlchemyUserDatastore
        from flask_security.models import fsqla_v2 as fsqla
        from flask_sqlalchemy import SQLAlchemy
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'accounts.sqlite'}"
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"connect_args": {"timeout": 60}}

        @event.listens_for(Engine, "connect")
        def durable(connection: Any, _: Any) -> None:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}").fetchall()

        self.db = db = SQLAlchemy(app)
        fsqla.FsModels.set_db_info(db)

        class Role(db.Model, fsqla.FsRoleMixin):  # type: ignore[name-defined, misc]
            pass

        class User(db.Model, fsqla.FsUserMixin):  # type: ignore[name-defined, misc]
            city = db.Column(db.String(100), index=True)
            about = db.Column(db.Text)
            edits = db.Column(db.Integer, nullable=False, default=0, index=True)

        self.User = User
        self.datastore = SQLAlchemyUserDatastore(db, User, Role)
        Security(app, self.datastore)

    def edit(self, user: Any, city: str, about: str) -> int:
        user.city, user.about = city, about
        user.edits = self.User.edits + 1  # added by the database, or two edits at once would count as one
        self.db.session.commit()
        return int(user.edits)

    def create(self, emails: list[str], password: str) -> None:
        self.db.create_all()
        for email in emails:
            self.datastore.create_user(email=email, password=password)
        self.datastore.commit()

    def counted(self) -> dict[str, tuple[int, int]]:
        return {user.email: (user.edits, user.login_count or 0) for user in self.User.query.all()}


def main(side: str, folder: str, strong: str, emails: str, password: str) -> None:
    """Make accounts, all with one password; print by address how many edits and log-ins are stored."""
    app = create_app(side, folder, strong == "True")
    with app.app_context():
        if emails:
            app.extensions["bench"].create(emails.split(","), hash_password(password))
        print(json.dumps(app.extensions["bench"].counted()))


if __name__ == "__main__":
    main(*sys.argv[1:])
