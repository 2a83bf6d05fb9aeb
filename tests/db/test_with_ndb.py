"""Entities written by one face are read by the other, in one store and at the same time."""

import datetime as dt
from typing import Any

from kindstore import db, ndb


class _Old(db.Model):
    name = db.StringProperty()
    age = db.IntegerProperty()
    wage = db.FloatProperty()
    trained = db.BooleanProperty(indexed=False)
    since = db.DateTimeProperty()
    born = db.DateProperty()
    wakes = db.TimeProperty()
    notes = db.TextProperty()
    picture = db.BlobProperty()
    marks = db.ListProperty(int)
    days = db.ListProperty(dt.date)
    home = db.GeoPtProperty()
    mail = db.EmailProperty()
    grade = db.RatingProperty()
    boss = db.SelfReferenceProperty()
    user = db.UserProperty()
    blob = db.BlobReferenceProperty()

    @classmethod
    def kind(cls) -> str:
        return "Worker"


class _New(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()
    wage = ndb.FloatProperty()
    trained = ndb.BooleanProperty(indexed=False)
    since = ndb.DateTimeProperty()
    born = ndb.DateProperty()
    wakes = ndb.TimeProperty()
    notes = ndb.TextProperty()
    picture = ndb.BlobProperty()
    marks = ndb.IntegerProperty(repeated=True)
    days = ndb.DateProperty(repeated=True)
    home = ndb.GeoPtProperty()
    mail = ndb.StringProperty()
    grade = ndb.IntegerProperty()
    boss = ndb.KeyProperty()
    user = ndb.UserProperty()
    blob = ndb.BlobKeyProperty()

    @classmethod
    def _get_kind(cls) -> str:
        return "Worker"


VALUES: dict[str, Any] = {
    "name": "Ada",
    "age": 36,
    "wage": 1.5,
    "trained": True,
    "since": dt.datetime(2020, 1, 2, 3, 4, 5, 6),
    "born": dt.date(1815, 12, 10),
    "wakes": dt.time(6, 30),
    "notes": "x" * 2000,
    "picture": b"\x00" * 2000,
    "marks": [1, 2, 3],
    "days": [dt.date(2020, 1, 1)],
    "mail": "ada@example.com",
    "grade": 5,
}


def test_ndb_reads_what_db_wrote() -> None:
    boss = _Old(name="Boss")
    boss.put()
    user = db.users.User("ada@example.com", "example.com")
    old = _Old(key_name="ada", boss=boss, home=db.GeoPt(1, 2), user=user, blob="b", **VALUES)
    old.put()
    new: Any = ndb.Key("Worker", "ada").get()
    assert isinstance(new, _New)
    assert {name: getattr(new, name) for name in VALUES} == VALUES
    assert new.home == ndb.GeoPt(1, 2)
    assert new.boss == boss.key()
    assert new.user is not None
    assert new.user.email() == "ada@example.com"
    assert new.blob == ndb.BlobKey(b"b")
    assert _New.query(_New.mail == "ada@example.com", _New.days == dt.date(2020, 1, 1)).get() == new


def test_db_reads_what_ndb_wrote() -> None:
    boss = _New(name="Boss").put()
    user = ndb.User("ada@example.com", "example.com")
    _New(id="ada", boss=boss, home=ndb.GeoPt(1, 2), user=user, blob=ndb.BlobKey(b"b"), **VALUES).put()
    old = _Old.get_by_key_name("ada")
    assert {name: getattr(old, name) for name in VALUES} == VALUES
    assert (type(old.mail), type(old.grade), type(old.notes)) == (db.Email, db.Rating, db.Text)
    assert old.home == db.GeoPt(1, 2)
    assert old.boss.name == "Boss"
    assert old.user == db.users.User("ada@example.com", "example.com")
    assert old.blob == db.BlobKey("b")
    assert (
        _Old.all().filter("mail =", db.Email("ada@example.com")).filter("born =", VALUES["born"]).count() == 1
    )


def test_ndb_forgets_what_db_wrote_meanwhile() -> None:
    key = _New(id="ada", name="Ada").put()
    old = _Old.get_by_key_name("ada")
    old.name = "Eve"
    old.put()
    found: Any = key.get()
    assert found.name == "Eve"
    old.delete()
    assert key.get() is None


def test_a_written_entity_keeps_its_meanings_for_expandos() -> None:
    class Loose(db.Expando):
        @classmethod
        def kind(cls) -> str:
            return "Worker"

    _Old(key_name="ada", mail="a@b", grade=3, notes="t", picture=b"p", blob="k").put()
    loose = Loose.get_by_key_name("ada")
    names = ("mail", "grade", "notes", "picture", "blob")
    assert [type(getattr(loose, name)) for name in names] == [
        *(db.Email, db.Rating, db.Text, db.Blob),
        db.BlobKey,
    ]
