"""Entities and keys in JSON."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import pytest
from flask import Flask, jsonify

import kindstore.datastore
from kindstore import db, ndb
from kindstore.entity import DatastoreEntity, EntityValue
from kindstore.flask import Kindstore, Model, to_json
from kindstore.values.errors import Error


class Address(Model):
    city = ndb.StringProperty()
    place = ndb.GeoPtProperty()
    password = ndb.StringProperty()


class Account(Model):
    _json_exclude = ("notes",)
    email = ndb.StringProperty()
    password = ndb.StringProperty()
    fs_uniquifier = ndb.StringProperty()
    notes = ndb.StringProperty()
    born = ndb.DateProperty()
    wakes = ndb.TimeProperty()
    seen = ndb.DateTimeProperty("s")
    photo = ndb.BlobProperty()
    friend = ndb.KeyProperty()
    friends = ndb.KeyProperty(repeated=True)
    home = ndb.StructuredProperty(Address)
    others = ndb.LocalStructuredProperty(Address, repeated=True)
    settings = ndb.JsonProperty()
    score = ndb.FloatProperty()
    user = ndb.UserProperty()
    upper = ndb.ComputedProperty(lambda self: (self.email or "").upper())


class OldAccount(db.Model):
    name = db.StringProperty()
    tags = db.StringListProperty()
    parent_account = db.SelfReferenceProperty()


class LooseAccount(DatastoreEntity):
    __kind__ = "LooseAccount"
    name = EntityValue(None)
    password = EntityValue(None)


@pytest.fixture
def app() -> Flask:
    app = Flask("app")
    Kindstore(app, url=":memory:")
    return app


def sent(app: Flask, value: Any) -> Any:
    """What a client reads of *value*."""
    app.add_url_rule("/", "index", lambda: jsonify(value()))
    return app.test_client().get("/").json


def test_an_entity_with_every_type_of_value(app: Flask) -> None:
    def entity() -> Account:
        friend = ndb.Key(Account, "bob")
        account = Account(
            id="ada",
            email="a@b.c",
            password="secret",
            fs_uniquifier="secret",
            notes="secret",
            born=dt.date(1815, 12, 10),
            wakes=dt.time(6, 30),
            seen=dt.datetime(2020, 1, 2, 3, 4, 5, 600),
            photo=b"\x00\xff",
            friend=friend,
            friends=[friend],
            home=Address(city="London", place=ndb.GeoPt(51.5, -0.125), password="secret"),
            others=[Address(city="Paris")],
            settings={"a": [1, None]},
            score=0.5,
            user=ndb.User("a@b.c", "gmail.com"),
        )
        account.put()
        return account

    with app.app_context():
        key = ndb.Key(Account, "ada").urlsafe().decode()
        friend = ndb.Key(Account, "bob").urlsafe().decode()
    assert sent(app, entity) == {
        "id": "ada",
        "key": key,
        "email": "a@b.c",
        "born": "1815-12-10",
        "wakes": "06:30:00",
        "seen": "2020-01-02T03:04:05.000600Z",
        "photo": "AP8=",
        "friend": friend,
        "friends": [friend],
        "home": {"city": "London", "place": {"latitude": 51.5, "longitude": -0.125}},
        "others": [{"city": "Paris", "place": None}],
        "settings": {"a": [1, None]},
        "score": 0.5,
        "user": "a@b.c",
        "upper": "A@B.C",
    }


def test_lists_keys_points_and_what_flask_knows_itself(app: Flask) -> None:
    def values() -> dict[str, Any]:
        key = ndb.Key(Account, 1)
        return {
            "keys": [key, kindstore.datastore.Client().key("Account", 1)],
            "accounts": [Account(email="x")],
            "point": ndb.GeoPt(1, 2),
            "time": dt.datetime(2020, 1, 1),
            "number": decimal.Decimal("1.5"),
        }

    found = sent(app, values)
    assert found["keys"][0] == found["keys"][1]
    assert found["accounts"][0]["email"] == "x"
    assert "id" not in found["accounts"][0]
    assert found["point"] == {"latitude": 1.0, "longitude": 2.0}
    assert found["time"] == "Wed, 01 Jan 2020 00:00:00 GMT"
    assert found["number"] == "1.5"


def test_a_view_may_return_entities_and_what_can_not_be_sent_is_refused_as_ever(app: Flask) -> None:
    with app.app_context():
        found = json.loads(app.json.dumps(Account(email="x", id=3)))
        assert (found["id"], found["email"]) == (3, "x")
        with pytest.raises(TypeError, match="not JSON serializable"):
            app.json.dumps(object())


def test_the_entities_of_every_face(app: Flask) -> None:
    with app.app_context():
        parent = OldAccount(key_name="p", name="parent")
        parent.put()
        child = OldAccount(name="child", tags=["a", "b"], parent_account=parent)
        assert to_json(child) == {"name": "child", "tags": ["a", "b"], "parent_account": str(parent.key())}
        assert to_json(parent)["id"] == "p"
        loose = kindstore.datastore.Entity(kindstore.datastore.Client().key("Account", "x"))
        loose.update(photo=b"\xff", password="secret")
        assert to_json(loose) == {"id": "x", "key": ndb.Key(Account, "x").urlsafe().decode(), "photo": "/w=="}
        made = LooseAccount()
        made.name, made.password = "n", "secret"
        made.save()
        assert to_json(made)["name"] == "n"
        assert "password" not in to_json(made)


def test_a_reference_is_a_key_and_reads_nothing(app: Flask) -> None:
    with app.app_context():
        first = OldAccount(key_name="a")
        first.put()
        second = OldAccount(key_name="b", parent_account=first)
        second.put()
        first.parent_account = second
        first.put()
        assert to_json(first)["parent_account"] == str(second.key())  # which refers back to it
        second.delete()
        gone = db.get(first.key())
        assert to_json(gone)["parent_account"] == str(second.key())


def test_what_is_in_it_can_be_chosen(app: Flask) -> None:
    with app.app_context():
        account = Account(id=1, email="x", password="p", notes="n")
        assert to_json(account, include=["email", "password"]) == {"email": "x", "password": "p"}
        assert to_json(account, include=["id", "notes"], exclude=["notes"]) == {"id": 1}
        assert "email" not in to_json(account, exclude={"email"})
        with pytest.raises(TypeError):
            to_json(account, include="email")
        with pytest.raises(TypeError):
            to_json({"a": 1})


def test_an_entity_of_a_projection_has_what_was_projected(app: Flask) -> None:
    with app.app_context():
        Account(id=1, email="x", score=1.0).put()
        found = Account.query(projection=[Account.email]).one()
        assert to_json(found, exclude=["key", "upper"]) == {"id": 1, "email": "x"}


def test_properties_called_id_and_key_are_meant_where_there_are_some(app: Flask) -> None:
    class Odd(Model):
        id = ndb.StringProperty()  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    with app.app_context():
        assert to_json(Odd(id="own", _id="key"))["id"] == "own"
    assert issubclass(Error, Exception)
