"""`models_committed` and `before_models_committed`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

import kindstore.datastore
from kindstore import db, ndb
from kindstore.flask import Change, Kindstore, Model, before_models_committed, models_committed


class Post(Model):
    title = ndb.StringProperty(unique=True)


class Note(Model):
    text = ndb.StringProperty()


class OldPost(db.Model):
    title = db.StringProperty()


Told = list[tuple[str, Any, list[Change]]]


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask("app")
    Kindstore(app, url=":memory:")
    with app.app_context():
        yield app


@pytest.fixture
def told(app: Flask) -> Iterator[Told]:
    found: Told = []

    def before(sender: Flask, changes: list[Change]) -> None:
        found.append(("before", sender, changes))

    def after(sender: Flask, changes: list[Change]) -> None:
        found.append(("after", sender, changes))

    with before_models_committed.connected_to(before, app), models_committed.connected_to(after, app):
        yield found


def test_a_put_and_a_delete_are_told_before_and_after(app: Flask, told: Told) -> None:
    key = Note(text="a").put()
    assert [(when, sender) for when, sender, _ in told] == [("before", app), ("after", app)]
    assert told[0][2][0].key.id() is None
    assert told[1][2] == [Change(key, "put")]
    assert told[1][2][0].model is Note
    told.clear()
    key.delete()
    assert [changes for _, _, changes in told] == [[Change(key, "delete")]] * 2


def test_a_transaction_is_told_once_and_only_if_it_is_committed(told: Told) -> None:
    @ndb.transactional()
    def write(fail: bool) -> None:
        Post(id=1, title="a").put()
        Post(id=2, title="b").put()
        if fail:
            raise ndb.Rollback

    with pytest.raises(ndb.Rollback):
        write(fail=True)
    assert told == []
    write(fail=False)
    assert [(when, len(changes)) for when, _, changes in told] == [("before", 2), ("after", 2)]


def test_every_face_is_heard(told: Told) -> None:
    OldPost(title="x").put()
    client = kindstore.datastore.Client()
    client.put(kindstore.datastore.Entity(client.key("Plain", 1)))
    Post(title="a").put_async().result()

    async def later() -> None:
        await Post(title="b").put_async()

    asyncio.run(later())
    kinds = [changes[0].key.kind() for when, _, changes in told if when == "after"]
    assert kinds == ["OldPost", "Plain", "Post", "Post"]
    assert [changes[0].model for when, _, changes in told if when == "after"][1] is None


def test_a_listener_may_read_and_write(app: Flask) -> None:
    class Log(Model):
        text = ndb.StringProperty()

    def log(_: Flask, changes: list[Change]) -> None:
        for change in changes:
            if change.model is Post:
                assert change.key.get().title == "a"
                Log(text=change.operation).put()

    with models_committed.connected_to(log, app):
        Post(title="a").put()
    assert [each.text for each in Log.query] == ["put"]


def test_an_error_of_a_listener_before_prevents_the_write(app: Flask) -> None:
    def refuse(_: Flask, changes: list[Change]) -> None:
        raise PermissionError

    with before_models_committed.connected_to(refuse, app), pytest.raises(PermissionError):
        Post(id=1, title="a").put()
    assert Post.get_by_id(1) is None
    Post(id=1, title="a").put()


def test_the_marks_of_unique_values_are_nobody_elses_business(told: Told) -> None:
    key = Post(title="a").put()
    assert [changes for _, _, changes in told] == [[Change(key, "put")]] * 2


def test_other_apps_are_not_told(told: Told) -> None:
    other = Flask("other")
    Kindstore(other, url=":memory:")
    with other.app_context():
        Post(title="a").put()
    assert told == []
