"""`flask kindstore …`: the commands on the app's own store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo
from flask_caching import Cache

from kindstore import ndb
from kindstore.cli import main
from kindstore.cli.flask_group import group
from kindstore.flask import Kindstore, Model


class Book(Model):
    title = ndb.StringProperty()
    pages = ndb.IntegerProperty()


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = Flask("library")
    app.config["KINDSTORE_URL"] = f"sqlite:{tmp_path}/books.db?project=library"
    app.config["KINDSTORE_NAMESPACE"] = "north"
    Kindstore(app)
    with app.app_context():
        Book(id="emma", title="Emma", pages=400).put()
        Book(id="sybil", title="Sybil", pages=300).put()
    return app


def run(app: Flask | None, *arguments: str) -> Result:
    cli = FlaskGroup(create_app=(lambda: app) if app else None, add_default_commands=False)
    cli.add_command(group)
    return CliRunner().invoke(cli, ["kindstore", *arguments], obj=ScriptInfo(create_app=lambda: app))  # type: ignore[arg-type,return-value]


def test_the_group_has_every_command_that_works_on_a_store(app: Flask) -> None:
    with click.Context(group) as context:
        assert {"check", "gql", "indexes", "stats", "unique"} <= set(group.list_commands(context))
        assert len(group.list_commands(context)) == len(main.ON_A_STORE) + len(group.commands)
    shown = run(app, "--help")
    assert shown.exit_code == 0
    assert "gql" in shown.output
    assert "Run one GQL query" in shown.output


def test_a_command_works_on_the_store_of_the_app(app: Flask) -> None:
    done = run(app, "gql", "SELECT * FROM Book WHERE pages > 350", "--json")
    assert done.exit_code == 0, done.output
    found: Any = json.loads(done.output)
    assert "Emma" in done.output
    assert "Sybil" not in done.output
    assert found
    assert run(app, "gql", "--json", "--", "SELECT * FROM Book").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["check"], 0),
        (["check", "--json"], 0),
        (["gql", "SELEKT"], 1),
        (["stats"], 1),
        (["stats", "--refresh"], 0),
        (["unique", "check", "Book", "title"], 1),
        (["unique", "backfill", "Book", "title"], 0),
        (["indexes", "list"], 0),
        (["indexes"], 2),
        (["gql"], 2),
        (["check", "--no-such-option"], 2),
        (["no-such-command"], 2),
    ],
)
def test_options_and_exit_status_are_those_of_the_command(
    app: Flask, arguments: list[str], status: int
) -> None:
    assert run(app, *arguments).exit_code == status


def test_help_shows_no_file(app: Flask) -> None:
    for arguments in (["gql", "--help"], ["unique", "check", "-h"]):
        shown = run(app, *arguments)
        assert shown.exit_code == 0
        assert "usage: flask kindstore" in shown.output
        assert "FILE" not in shown.output


def test_statistics_are_of_the_project_of_the_app(app: Flask) -> None:
    run(app, "stats", "--refresh")
    assert "Book" in run(app, "stats", "--json").output


def test_the_database_of_the_keys_is_that_of_the_app(tmp_path: Path) -> None:
    app = Flask("library")
    Kindstore(app, url=tmp_path / "books.db", database="second")
    with app.app_context():
        Book(id="emma", title="Emma").put()
    assert "1 result" in run(app, "gql", "SELECT * FROM Book").output
    assert "1 result" not in run(app, "gql", "SELECT * FROM Book", "--database", "").output
    assert run(app, "unique", "check", "Book", "title").exit_code == 1  # it has no marker
    assert run(app, "stats", "--refresh").exit_code == 0


def test_the_file_of_indexes_is_that_of_the_app(tmp_path: Path) -> None:
    app = Flask("library", root_path=str(tmp_path))
    text = "indexes:\n- kind: Book\n  properties:\n  - name: title\n  - name: pages\n"
    (tmp_path / "kept.yaml").write_text(text)
    Kindstore(app, url=tmp_path / "books.db", index_file="kept.yaml")
    with app.app_context():
        Book(id="emma", title="Emma").put()
    for action in ("list", "create", "list"):
        done = run(app, "indexes", action)
        assert (done.exit_code, "Book" in done.output) == (0, True), done.output


def test_an_app_without_a_store_in_a_file_is_told_so(tmp_path: Path) -> None:
    bare = Flask("bare")
    assert (run(bare, "check").exit_code, "no Kindstore" in run(bare, "check").output) == (2, True)
    Kindstore(bare, url=":memory:")
    assert (run(bare, "check").exit_code, "in memory" in run(bare, "check").output) == (2, True)
    other = Flask("other")
    Kindstore(other, url=tmp_path / "none.db")
    done = run(other, "check")
    assert done.exit_code == 2
    assert not (tmp_path / "none.db").exists()


def test_what_has_expired_is_swept(app: Flask) -> None:
    assert "no cache" in run(app, "sweep").output
    app.config.update(CACHE_TYPE="kindstore.flask.cache.KindstoreCache")
    Cache(app)
    done = run(app, "sweep")
    assert done.exit_code == 0, done.output
    assert "0 deleted" in done.output


def test_flask_finds_the_group_by_its_entry_point(tmp_path: Path) -> None:
    # As pyproject.toml says, whatever was installed.
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    installed = tmp_path / "made_up-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
    points = declared["project"]["entry-points"]["flask.commands"]
    (installed / "entry_points.txt").write_text(
        "[flask.commands]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
    )
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom kindstore import ndb\nfrom kindstore.flask import Kindstore\n"
        "app = Flask(__name__)\ndb = Kindstore(app)\n\n"
        "class Book(db.Model):\n    title = ndb.StringProperty()\n\n"
        "@app.cli.command()\ndef fill():\n    Book(title='Emma').put()\n"
    )

    def flask(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KINDSTORE_")}
        environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "flask", *arguments],
            cwd=tmp_path,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    filled = flask("fill")
    assert filled.returncode == 0, filled.stderr
    asked = flask("kindstore", "gql", "SELECT * FROM Book", "--json")
    assert "Emma" in asked.stdout, asked.stderr
    assert (tmp_path / "instance" / "kindstore.db").exists()
    shell = flask("shell", text="print(Book.query.one().title, ndb.Key, db.client)\n")
    assert "Emma <class 'kindstore.ndb.key.Key'> <Client of" in shell.stdout, shell.stderr
