"""A small library: its models, and entities with everything that older libraries had their own way to store.

The models are made with an ``ndb`` that is given: App Engine's, google-cloud-ndb, or ours.  `written_by_app_engine.py` and
`written_by_cloud_ndb.py` store the entities with the former two, and the tests compare what ours reads with what it
makes itself.  Pickles name the module of their classes, which is "library" in all of them.
"""

import sys
from datetime import date, datetime, time
from types import ModuleType
from typing import Any


def models_of(ndb: Any) -> Any:
    """The classes, as attributes of a module called "library", which `pickle` finds."""

    class Address(ndb.Model):  # type: ignore[misc]
        city = ndb.StringProperty()
        notes = ndb.TextProperty(compressed=True)
        extra = ndb.JsonProperty(compressed=True)

    class Item(ndb.Model):  # type: ignore[misc]
        title = ndb.StringProperty()
        place = ndb.StructuredProperty(Address)

    class Animal(ndb.PolyModel):  # type: ignore[misc]
        name = ndb.StringProperty()

    class Cat(Animal):
        lives = ndb.IntegerProperty()

    class Shelf(ndb.Model):  # type: ignore[misc]
        label = ndb.StringProperty()
        place = ndb.StructuredProperty(Address)
        inner = ndb.LocalStructuredProperty(Address)

    class Plain(ndb.Model):  # type: ignore[misc]
        flag = ndb.BooleanProperty()
        number = ndb.IntegerProperty()
        ratio = ndb.FloatProperty()
        name = ndb.StringProperty()
        text = ndb.TextProperty()
        blob = ndb.BlobProperty()
        short_blob = ndb.BlobProperty(indexed=True)
        packed_blob = ndb.BlobProperty(compressed=True)
        packed_text = ndb.TextProperty(compressed=True)
        json = ndb.JsonProperty()
        packed_json = ndb.JsonProperty(compressed=True)
        when = ndb.DateTimeProperty()
        day = ndb.DateProperty()
        hour = ndb.TimeProperty()
        place = ndb.GeoPtProperty()
        user = ndb.UserProperty()
        other = ndb.KeyProperty()
        names = ndb.StringProperty(repeated=True)
        packed_blobs = ndb.BlobProperty(compressed=True, repeated=True)
        users = ndb.UserProperty(repeated=True)
        nothing = ndb.StringProperty(repeated=True)

    class Person(ndb.Model):  # type: ignore[misc]
        address = ndb.StructuredProperty(Address)
        items = ndb.StructuredProperty(Item, repeated=True)
        shelf = ndb.LocalStructuredProperty(Shelf)
        shelves = ndb.LocalStructuredProperty(Shelf, repeated=True)
        packed = ndb.LocalStructuredProperty(Shelf, compressed=True)
        packed_shelves = ndb.LocalStructuredProperty(Shelf, compressed=True, repeated=True)
        kept = ndb.LocalStructuredProperty(Address, keep_keys=True)
        pet = ndb.LocalStructuredProperty(Animal)

    class Loose(ndb.Expando):  # type: ignore[misc]
        pass

    library: Any = ModuleType("library")
    for each in (Address, Item, Animal, Cat, Shelf, Plain, Person, Loose):
        each.__module__, each.__qualname__ = "library", each.__name__
        setattr(library, each.__name__, each)
    sys.modules["library"] = library
    return library


def entities_of(ndb: Any, library: Any, user: Any) -> dict[str, Any]:
    """The entities by name; *user* makes a user of an address, a domain and an id."""
    ada = user("ada@example.com", "example.com", "1815")

    def address(number: int) -> Any:
        return library.Address(
            city=f"Lausanne {number}", notes=f"lakeside, é{number}", extra={"rooms": [number, None]}
        )

    def shelf(number: int) -> Any:
        return library.Shelf(label=f"shelf {number}", place=address(number), inner=address(number + 1))

    return {
        "plain": library.Plain(
            key=key(ndb, "Country", "CH", "Plain", 7),
            flag=True,
            number=-(2**40),
            ratio=-1.5,
            name="Ada é",
            text="long é",
            blob=b"\x00\xff",
            short_blob=b"\xfe",
            packed_blob=b"x" * 50,
            packed_text="é" * 50,
            json={"a": [1, None, "é"]},
            packed_json=["packed"] * 9,
            when=datetime(1969, 12, 31, 23, 59, 59, 999_999),
            day=date(1815, 12, 10),
            hour=time(23, 59, 59, 1),
            place=ndb.GeoPt(46.5, -6.625),
            user=ada,
            other=key(ndb, "Country", "FR", "Plain", "name"),
            names=["a", "", "é"],
            packed_blobs=[b"x" * 30, b""],
            users=[ada, user("grace@example.org", "example.org", None)],
        ),
        "empty": library.Plain(key=key(ndb, "Plain", 8)),
        "person": library.Person(
            key=key(ndb, "Person", "ada"),
            address=address(1),
            items=[
                library.Item(title="first", place=address(2)),
                library.Item(title="second", place=address(3)),
            ],
            shelf=shelf(10),
            shelves=[shelf(20), shelf(30)],
            packed=shelf(40),
            packed_shelves=[shelf(50), shelf(60)],
            kept=library.Address(key=key(ndb, "Address", "home"), city="Bern"),
            pet=library.Cat(name="Tom", lives=9),
        ),
        "nobody": library.Person(key=key(ndb, "Person", "nobody")),
        "cat": library.Cat(key=key(ndb, "Animal", 9), name="Tom", lives=9),
        "loose": library.Loose(key=key(ndb, "Loose", 1), anything=5, names=["a", "b"]),
    }


def key(ndb: Any, *path: Any) -> Any:
    """A key of the namespace and project that the files have."""
    return ndb.Key(*path, namespace="tenant", app="library")
