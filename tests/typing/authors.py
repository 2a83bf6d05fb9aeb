"""What the types of a model's attributes are: read by mypy and pyright in `tests/test_typing.py`, never run.

A comment ``# type: ignore`` marks a line that must be an error: both tools complain of one that is not needed.
"""

import datetime as dt
from typing import Any, assert_type

from kindstore import ndb
from kindstore.ndb import FilterNode, PropertyOrder


class Address(ndb.Model):
    street = ndb.StringProperty()
    city = ndb.StringProperty(required=True)


class Author(ndb.Model):
    name = ndb.StringProperty(required=True)
    nick = ndb.StringProperty()
    motto = ndb.StringProperty("m", default="-")
    tags = ndb.StringProperty(repeated=True)
    email = ndb.StringProperty(unique=True, required=True)
    phone = ndb.StringProperty(unique=True)
    bio = ndb.TextProperty(compressed=True)
    text = ndb.TextProperty(default="")
    texts = ndb.TextProperty(repeated=True)

    age = ndb.IntegerProperty(required=True)
    size = ndb.IntegerProperty(default=3, required=False)
    weight = ndb.IntegerProperty("w", choices=[1, 2], indexed=False, validator=lambda prop, value: value + 1)
    years = ndb.IntegerProperty(repeated=True, write_empty_list=False)

    score = ndb.FloatProperty(default=0.5)
    maybe_score = ndb.FloatProperty()
    scores = ndb.FloatProperty(repeated=True)

    active = ndb.BooleanProperty(default=False)
    maybe = ndb.BooleanProperty()
    flags = ndb.BooleanProperty(repeated=True)

    written = ndb.DateTimeProperty(auto_now_add=True)
    seen = ndb.DateTimeProperty(required=True, tzinfo=dt.UTC)
    times = ndb.DateTimeProperty(repeated=True)
    day = ndb.DateProperty(required=True)
    days = ndb.DateProperty(repeated=True)
    hour = ndb.TimeProperty()
    hours = ndb.TimeProperty(repeated=True)

    raw = ndb.BlobProperty(default=b"")
    packed = ndb.BlobProperty(compressed=True)
    raws = ndb.BlobProperty(repeated=True)
    meta = ndb.JsonProperty(json_type=dict)
    anything = ndb.GenericProperty()
    pickled = ndb.PickleProperty(allow_pickle=True)

    place = ndb.GeoPtProperty()
    home = ndb.GeoPtProperty(required=True)
    places = ndb.GeoPtProperty(repeated=True)
    user = ndb.UserProperty()
    file = ndb.BlobKeyProperty(required=True)

    address = ndb.StructuredProperty(Address)
    main_address = ndb.StructuredProperty(Address, required=True)
    addresses = ndb.StructuredProperty(Address, "as", repeated=True)
    local = ndb.LocalStructuredProperty(Address)
    locals = ndb.LocalStructuredProperty(Address, repeated=True)

    shout = ndb.ComputedProperty(lambda self: str(self.name).upper())

    @ndb.ComputedProperty
    def length(self) -> int:
        return len(self.name)


def the_values_of_an_instance(author: Author) -> None:
    assert_type(author.name, str)
    assert_type(author.nick, str | None)
    assert_type(author.email, str)
    assert_type(author.phone, str | None)
    assert_type(author.motto, str)
    assert_type(author.tags, list[str])
    assert_type(author.bio, str | None)
    assert_type(author.text, str)
    assert_type(author.texts, list[str])
    assert_type(author.age, int)
    assert_type(author.size, int)
    assert_type(author.weight, int | None)
    assert_type(author.years, list[int])
    assert_type(author.score, float)
    assert_type(author.maybe_score, float | None)
    assert_type(author.scores, list[float])
    assert_type(author.active, bool)
    assert_type(author.maybe, bool | None)
    assert_type(author.flags, list[bool])
    assert_type(author.written, dt.datetime | None)
    assert_type(author.seen, dt.datetime)
    assert_type(author.times, list[dt.datetime])
    assert_type(author.day, dt.date)
    assert_type(author.days, list[dt.date])
    assert_type(author.hour, dt.time | None)
    assert_type(author.hours, list[dt.time])
    assert_type(author.raw, bytes)
    assert_type(author.packed, bytes | None)
    assert_type(author.raws, list[bytes])
    assert_type(author.meta, Any)
    assert_type(author.anything, Any)
    assert_type(author.pickled, Any)
    assert_type(author.place, ndb.GeoPt | None)
    assert_type(author.home, ndb.GeoPt)
    assert_type(author.places, list[ndb.GeoPt])
    assert_type(author.user, ndb.User | None)
    assert_type(author.file, ndb.BlobKey)
    assert_type(author.address, Address | None)
    assert_type(author.main_address, Address)
    assert_type(author.main_address.city, str)
    assert_type(author.addresses, list[Address])
    assert_type(author.local, Address | None)
    assert_type(author.locals, list[Address])
    assert_type(author.shout, str)
    assert_type(author.length, int)


def a_property_on_the_class_is_the_property() -> None:
    assert_type(Author.age, ndb.IntegerProperty[int])
    assert_type(Author.nick, ndb.StringProperty[str | None])
    assert_type(Author.age > 3, FilterNode)
    assert_type(Author.age == 3, FilterNode)
    assert_type(Author.name != "x", FilterNode)
    assert_type(-Author.age, PropertyOrder)
    assert_type(Author.age.IN([1, 2]), ndb.Node)
    assert_type(Author.address.city, Any)


def what_may_be_assigned(author: Author) -> None:
    author.age = 5
    author.nick = None
    author.nick = "x"
    author.tags = ["x"]
    author.address = Address(city="x")
    author.age = "5"  # type: ignore[assignment]
    author.age = None  # type: ignore[assignment]
    author.tags = [5]  # type: ignore[list-item]
    author.address = author  # type: ignore[assignment]
    print(author.address.city)  # type: ignore[union-attr]


def what_a_property_may_be_told() -> None:
    ndb.IntegerProperty(default="x")  # type: ignore[call-overload]
    ndb.IntegerProperty(repeated=True, default=3)  # type: ignore[call-overload]
    ndb.StringProperty(zork=True)  # type: ignore[call-overload]
    ndb.StringProperty(choices=[5])  # type: ignore[list-item]
    ndb.StructuredProperty(5)  # type: ignore[call-overload]
