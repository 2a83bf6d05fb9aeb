"""`flask kindstore users copy`: from the application on a relational database to the same one on Kindstore, and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = """
import pathlib

from flask import Flask

HERE = pathlib.Path(__file__).parent


def settled(name):
    app = Flask(name, instance_path=str(HERE / "instance"))
    app.config.update(
        SECRET_KEY="for a test",
        SECURITY_PASSWORD_SALT="for a test",
        SECURITY_PASSWORD_HASH="argon2",
        WTF_CSRF_ENABLED=False,
        TESTING=True,
    )
    return app
"""

OLD = """
from flask_security import Security
from flask_security.models import fsqla_v2
from flask_sqlalchemy import SQLAlchemy

from kindstore.flask.security import SQLAlchemyUserDatastore
from settings import HERE, settled

app = settled("old")
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{HERE / 'old.sqlite'}"
db = SQLAlchemy(app)
fsqla_v2.FsModels.set_db_info(db)


class Role(db.Model, fsqla_v2.FsRoleMixin):
    pass


class User(db.Model, fsqla_v2.FsUserMixin):
    city = db.Column(db.String(80))


datastore = SQLAlchemyUserDatastore(db, User, Role)
Security(app, datastore)
"""

NEW = """
from flask_security import Security

from kindstore import ndb
from kindstore.flask import Kindstore
from kindstore.flask.security import DatastoreUserDatastore
from kindstore.flask.security.models import FsRoleMixin, FsUserMixin
from settings import HERE, settled


class Role(FsRoleMixin):
    pass


class User(FsUserMixin):
    city = ndb.StringProperty()


def create_app():
    app = settled("new")
    Security(app, DatastoreUserDatastore(Kindstore(app, url=str(HERE / "new.db")), User, Role))
    return app
"""

FILL = """
from flask_security import hash_password

from old import app, datastore, db

with app.app_context():
    db.create_all()
    datastore.create_role(name="editor", permissions=["read", "write"])
    password = hash_password("a good password")
    for number in range(25):
        roles = ["editor"] if number % 2 else []
        datastore.create_user(
            email=f"user{number}@example.org", password=password, roles=roles, city=f"C{number}"
        )
    datastore.commit()
"""

LOG_IN = """
from new import User, create_app

app = create_app()
answer = app.test_client().post("/login", json={"email": "User3@example.org", "password": "a good password"})
assert answer.status_code == 200, answer.text
with app.app_context():
    found = app.extensions["security"].datastore.find_user(email="user3@example.org")
    assert found.has_role("editor") and found.has_permission("write")
    assert found.city == "C3", found.city
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"settings": SETTINGS, "old": OLD, "new": NEW}.items():
        (tmp_path / f"{name}.py").write_text(text)
    python(tmp_path, FILL)
    return tmp_path


def python(folder: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "KINDSTORE_"))
    }


def copy(folder: Path, app: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # By the group itself: the entry point is there once the package is installed anew, which a working copy may not be.
    code = (
        "import sys; from flask.cli import FlaskGroup; from kindstore.cli.flask_group import group\n"
        "cli = FlaskGroup(); cli.add_command(group); cli.main(sys.argv[1:], prog_name='flask')"
    )
    command = [sys.executable, "-c", code, "--app", app, "kindstore", "users", "copy", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=120
    )


def test_accounts_move_to_kindstore_and_log_in_there(folder: Path) -> None:
    done = copy(folder, "new", "old:app", "--attribute", "city")
    assert done.returncode == 0, done.stderr
    assert "SQLAlchemyUserDatastore" in done.stdout
    assert "25, 0, 0" in done.stdout
    assert "Every account and role of the source is in the target" in done.stdout
    python(folder, LOG_IN)


def test_a_copy_that_is_complete_changes_nothing(folder: Path) -> None:
    assert copy(folder, "new", "old:app", "--json").returncode == 0
    again = copy(folder, "new", "old:app", "--json")
    report = json.loads(again.stdout)
    assert again.returncode == 0
    assert (report["created"], report["updated"], report["unchanged"]) == (0, 0, 25)
    assert report["is_equal"] is True
    assert report["source_digest"] == report["target_digest"] != ""


def test_what_the_target_has_no_place_for_is_a_difference(folder: Path) -> None:
    assert copy(folder, "new", "old:app", "--json").returncode == 0
    # And back, named in full: a factory, and a datastore of the app.  The old users have no handle for passkeys.
    back = copy(folder, "old", "new:create_app", "old:datastore")
    assert back.returncode == 1
    assert "25 differences" in back.stdout
    assert "user3@example.org: fs_webauthn_user_handle" in back.stdout
    assert "5 more" in back.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["old"], "is not MODULE:NAME"),
        (["old:nothing"], "nothing"),
        (["nowhere:app"], "No module named 'nowhere'"),
        (["old:HERE"], "no Flask app"),
        (["old:app", "old:app"], "the same datastore"),
        (["settings:settled"], "missing 1 required positional argument"),
        (["../old:app"], "../old:app: "),
        (["broken:app"], "ZeroDivisionError"),
        (["old:datastore"], "not registered with this 'SQLAlchemy'"),
    ],
)
def test_what_can_not_be_copied_is_said_before_anything_is_written(
    folder: Path, arguments: list[str], message: str
) -> None:
    (folder / "broken.py").write_text("1 / 0")
    done = copy(folder, "new", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_target_with_accounts_of_its_own_is_refused(folder: Path) -> None:
    python(
        folder,
        "from new import create_app; app = create_app()\n"
        "with app.app_context(): app.extensions['security'].datastore.create_user(email='own@example.org', password='x')",
    )
    done = copy(folder, "new", "old:app")
    assert done.returncode == 2
    assert "own@example.org" in done.stderr
    assert copy(folder, "new", "old:app", "--into-existing").returncode == 0
