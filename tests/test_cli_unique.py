"""`kindstore unique`: what is not unique, and the markers of what is."""

import json
from pathlib import Path

import pytest

from kindstore import connect, ndb
from kindstore.cli.main import main
from kindstore.store.messages import Upsert
from kindstore.values.entity import Entity
from kindstore.values.key import Key


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Users in two namespaces, written by a program that knows of no constraint."""
    path = tmp_path / "users.db"
    store = connect(path)
    for namespace, users in (("", {"ada": "a", "bob": "b", "eve": "a"}), ("shop", {"ada": "a"})):
        partition = store.partition(namespace)
        for name, email in users.items():
            entity = Entity.of(Key.of(partition, ("User", name)), {"email": email, "room": 1, "seat": name})
            store.run(store.commit([Upsert(entity)]))
    store.close()
    return path


def test_check_names_both_entities_and_changes_nothing(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["unique", "check", str(database), "User", "email"]) == 1
        assert capsys.readouterr().out.splitlines() == [
            "User.email: 3 entities, 1 duplicates, 1 without a marker, 0 stale markers",
            "    'a': Key('User', 'ada') and Key('User', 'eve')",
            "    Key('User', 'bob') has no marker",
            "User.email in shop: 1 entities, 0 duplicates, 1 without a marker, 0 stale markers",
            "    Key('User', 'ada') has no marker",
        ]


def test_backfill_makes_markers_until_all_is_well(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(database), "User", "email", "room,seat", "--json"]
    assert main(["unique", "backfill", *arguments]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [(row["namespace"], row["properties"], row["written"]) for row in document["unique"]] == [
        ("", ["email"], 2),
        ("", ["room", "seat"], 3),
        ("shop", ["email"], 1),
        ("shop", ["room", "seat"], 1),
    ]
    assert document["unique"][0]["duplicates"] == [
        {"value": "'a'", "keys": [["User", "ada"], ["User", "eve"]]}
    ]
    assert not document["ok"]

    class User(ndb.Model):
        email = ndb.StringProperty(unique=True)

    with ndb.Client(url=database) as client, client.context():
        User(id="eve", email="e").put()
    assert main(["unique", "check", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]


def test_one_namespace_alone_may_be_asked_for(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unique", "backfill", str(database), "User", "email", "--namespace", "shop"]) == 0
    assert capsys.readouterr().out == (
        "User.email in shop: 1 entities, 0 duplicates, 1 markers made, 0 stale ones deleted\n"
    )


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unique", "check", str(tmp_path / "gone.db"), "User", "email"]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert not (tmp_path / "gone.db").exists()
