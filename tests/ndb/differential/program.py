"""A program over models, at random: the same lines for App Engine's NDB and for ours.  Not a test itself.

`Program(ndb, seed)` makes the models; each `step()` does one operation and tells what came of it as JSON.  Everything
follows from the seed and nothing from an answer but the cursors, so that both sides do the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

WORDS = ("", "a", "b", "ab", "Zürich", "日本", "a\0b", "x" * 40)
KINDS = ("Author", "Book", "Note")
UNDECLARED = "pqrs"
"""Names of the properties that only single notes have."""


def models(ndb: Any) -> dict[str, Any]:
    """The classes, made by *ndb*: every property type, options, structures in both ways, hooks, an Expando."""

    class Address(ndb.Model):  # type: ignore[misc]
        city = ndb.StringProperty()
        zip = ndb.IntegerProperty()

    class Phone(ndb.Model):  # type: ignore[misc]
        number = ndb.StringProperty("n")
        kind = ndb.StringProperty(choices=["home", "work"])

    class Author(ndb.Model):  # type: ignore[misc]
        name = ndb.StringProperty(required=True)
        age = ndb.IntegerProperty("a", default=7)
        height = ndb.FloatProperty()
        alive = ndb.BooleanProperty()
        born = ndb.DateProperty()
        woken = ndb.TimeProperty()
        seen = ndb.DateTimeProperty()
        tags = ndb.StringProperty(repeated=True)
        numbers = ndb.IntegerProperty("ns", repeated=True)
        bio = ndb.TextProperty()
        place = ndb.GeoPtProperty()
        friend = ndb.KeyProperty(kind="Author")
        home = ndb.StructuredProperty(Address)
        phones = ndb.StructuredProperty(Phone, repeated=True)
        secret = ndb.LocalStructuredProperty(Address)
        more = ndb.JsonProperty()
        photo = ndb.BlobProperty(compressed=True)
        upper = ndb.ComputedProperty(lambda self: self.name and self.name.upper())
        mood = ndb.StringProperty(choices=["good", "bad"])
        even = ndb.IntegerProperty(validator=_even)

    class Book(ndb.Model):  # type: ignore[misc]
        title = ndb.StringProperty()
        pages = ndb.IntegerProperty()
        written = ndb.DateTimeProperty()

        def _pre_put_hook(self) -> None:
            if self.pages == 13:
                self.pages = 14

    class Note(ndb.Expando):  # type: ignore[misc]
        text = ndb.StringProperty()

    return {"Address": Address, "Phone": Phone, "Author": Author, "Book": Book, "Note": Note}


def _even(_: Any, value: Any) -> Any:
    if value % 2:
        raise ValueError("odd")
    return value or None


class Program:
    """One random program; *ndb* is its only world."""

    def __init__(self, ndb: Any, seed: int) -> None:
        self._ndb = ndb
        self._random = random.Random(seed)
        self._models = models(ndb)
        self._steps: list[Callable[[], Any]] = [
            *[self._put] * 6,
            *[self._get] * 3,
            *[self._change] * 3,
            *[self._query] * 8,
            self._get_many,
            self._put_many,
            self._delete,
            self._transaction,
            self._get_or_insert,
            self._pages,
            self._wrong,
            self._key,
            self._to_dict,
        ]

    def step(self) -> Any:
        """Do something; what came of it, or the name of the error."""
        do = self._random.choice(self._steps)
        try:
            found = do()
        except Exception as error:  # noqa: BLE001  # whatever it is, the other side must have it, too
            return [do.__name__, "error", [cls.__name__ for cls in type(error).__mro__]]
        return [do.__name__, "found", self.written(found)]

    # Values

    def written(self, value: Any) -> Any:
        """*value* as JSON that tells types apart."""
        ndb = self._ndb
        if isinstance(value, ndb.Model):
            key = None if value.key is None else self.written(value.key)
            names = sorted(value._properties)
            projected = getattr(value, "_projection", ()) or ()
            names = [name for name in names if not projected or name in projected]
            return ["entity", key, {name: self.written(self._attribute(value, name)) for name in names}]
        if isinstance(value, ndb.Key):
            return ["key", list(value.flat())]
        if isinstance(value, list | tuple):
            return [self.written(each) for each in value]
        if isinstance(value, dict):
            return {name: self.written(each) for name, each in value.items()}
        if isinstance(value, float):
            return ["float", repr(value)]
        if isinstance(value, datetime | date | time):
            return [type(value).__name__, value.isoformat()]
        if isinstance(value, ndb.GeoPt):
            return ["point", self._number(value, "lat"), self._number(value, "lon")]
        if isinstance(value, bytes):
            return ["bytes", value.hex()]
        return value

    @staticmethod
    def _number(point: Any, name: str) -> str:
        long = {"lat": "latitude", "lon": "longitude"}[name]
        return repr(float(getattr(point, name) if hasattr(point, name) else getattr(point, long)))

    @staticmethod
    def _attribute(entity: Any, stored: str) -> Any:
        prop = entity._properties[stored]
        value = getattr(entity, getattr(prop, "_code_name", None) or stored)
        # A fault of App Engine's NDB on Python 3: undeclared strings come back as bytes.  No bytes are put in them.
        return value.decode() if isinstance(value, bytes) and stored in UNDECLARED else value

    def _word(self) -> str:
        return self._random.choice(WORDS)

    def _number_at_random(self) -> int:
        return self._random.choice(
            (0, 1, -1, 2, 3, 13, 2**40, -(2**63), 2**63 - 1, self._random.randrange(20))
        )

    def _some(self, make: Callable[[], Any]) -> list[Any]:
        return [make() for _ in range(self._random.randrange(4))]

    def _maybe(self, make: Callable[[], Any]) -> Any:
        return make() if self._random.random() < 0.8 else None

    def _time(self) -> datetime:
        return datetime(1969, 12, 30) + timedelta(
            days=self._random.randrange(5), microseconds=self._random.randrange(3) * 1_234_567
        )

    def _float(self) -> float:
        return self._random.choice((0.0, 1.5, -1.5, float("inf"), 1e300, self._random.randrange(5) / 4))

    def _address(self) -> Any:
        return self._models["Address"](city=self._word(), zip=self._maybe(self._number_at_random))

    def _phone(self) -> Any:
        return self._models["Phone"](number=self._word(), kind=self._random.choice(("home", "work")))

    def _values(self, kind: str) -> dict[str, Any]:
        r, ndb = self._random, self._ndb
        if kind == "Book":
            return {
                "title": self._maybe(self._word),
                "pages": self._number_at_random(),
                "written": self._maybe(self._time),
            }
        if kind == "Note":
            made: dict[str, Any] = {"text": self._word()}
            for name in self._some(lambda: r.choice(UNDECLARED)):
                made[name] = r.choice((self._word, self._number_at_random, self._float, self._time))()
            return made
        made = {
            "name": self._word(),
            "height": self._maybe(self._float),
            "alive": r.choice((True, False, None)),
            "born": self._maybe(lambda: self._time().date()),
            "woken": self._maybe(lambda: self._time().time()),
            "seen": self._maybe(self._time),
            "tags": self._some(self._word),
            "numbers": self._some(self._number_at_random),
            "bio": self._maybe(lambda: self._word() * 50),
            "place": self._maybe(lambda: ndb.GeoPt(r.randrange(-90, 91), r.randrange(-180, 181))),
            "friend": self._maybe(lambda: ndb.Key("Author", r.randrange(1, 9))),
            "home": self._maybe(self._address),
            "phones": self._some(self._phone),
            "secret": self._maybe(self._address),
            "more": self._maybe(lambda: r.choice(([1, "a", None], {"a": {"b": 1.5}}, "x", 3))),
            "photo": self._maybe(lambda: self._word().encode() * 9),
            "mood": r.choice(("good", "bad", None)),
            "even": r.choice((2, 4, 100, None)),
        }
        if r.random() < 0.7:
            made["age"] = self._number_at_random()
        return made

    def _key_of(self, kind: str) -> Any:
        r = self._random
        own = r.choice((r.randrange(1, 9), r.choice(("x", "y", "ü"))))
        path = ["Author", r.randrange(1, 4), kind, own] if r.random() < 0.4 else [kind, own]
        return self._ndb.Key(*path)

    def _made(self) -> Any:
        kind = self._random.choice(KINDS)
        return self._models[kind](key=self._key_of(kind), **self._values(kind))

    # Operations

    def _put(self) -> Any:
        return self._made().put()

    def _put_many(self) -> Any:
        entities = {entity.key: entity for entity in (self._made() for _ in range(5))}
        return self._ndb.put_multi(list(entities.values()))

    def _get(self) -> Any:
        kind = self._random.choice(KINDS)
        key = self._key_of(kind)
        if self._random.random() < 0.5:
            return key.get()
        return self._models[kind].get_by_id(key.id(), parent=key.parent())

    def _get_many(self) -> Any:
        return self._ndb.get_multi([self._key_of(self._random.choice(KINDS)) for _ in range(6)])

    def _delete(self) -> Any:
        keys = [self._key_of(self._random.choice(KINDS)) for _ in range(self._random.randrange(3))]
        return self._ndb.delete_multi(keys)

    def _change(self) -> Any:
        kind = self._random.choice(KINDS)
        values = self._values(kind)
        name = self._random.choice(sorted(values))
        entity = self._key_of(kind).get()
        if entity is None:
            return None
        how = self._random.randrange(4)
        if how == 0:
            entity.populate(**{name: values[name]})
        elif how == 1 and kind == "Author":
            entity.tags.append(self._word())
        elif how == 2 and kind == "Author" and entity.home is not None:
            entity.home.city = self._word()
        else:
            setattr(entity, name, values[name])
        entity.put()
        return entity.key.get()

    def _get_or_insert(self) -> Any:
        name = self._random.choice(("x", "y", "new"))
        return self._models["Book"].get_or_insert(name, title="inserted", pages=self._random.randrange(9))

    def _to_dict(self) -> Any:
        made = self._made()
        return [
            made.to_dict(),
            made.to_dict(include=["name", "title", "text"]),
            made.to_dict(exclude=["bio"]),
        ]

    def _key(self) -> Any:
        ndb, r = self._ndb, self._random
        key = self._key_of(r.choice(KINDS))
        again = ndb.Key(urlsafe=key.urlsafe())
        other = self._key_of(r.choice(KINDS))
        return [
            again == key,
            key.kind(),
            key.id(),
            key.string_id(),
            key.integer_id(),
            key.pairs(),
            key.parent(),
            key.root(),
            key == other,
            repr(key),
        ]

    def _wrong(self) -> Any:
        author, r = self._models["Author"], self._random
        name, value = r.choice(
            (
                ("name", 5),
                ("age", "5"),
                ("age", 1.5),
                ("height", "1"),
                ("alive", 1),
                ("born", "2020"),
                ("seen", 5),
                ("tags", "abc"),
                ("tags", [1]),
                ("tags", [None]),
                ("numbers", ["1"]),
                ("place", "1,2"),
                ("friend", "x"),
                ("friend", self._ndb.Key("Book", 1)),
                ("home", 5),
                ("phones", [5]),
                ("mood", "so-so"),
                ("even", 3),
                ("upper", "X"),
                ("name", "x" * 1501),
                ("nope", 1),
                ("photo", "text"),
                ("name", None),
            )
        )
        if r.random() < 0.5:
            made = author(id="wrong", **{name: value})
        else:
            made = author(id="wrong", name="n")
            setattr(made, name, value)
        return made.put()

    def _transaction(self) -> Any:
        ndb, r = self._ndb, self._random
        key, end = self._key_of("Book"), r.choice(("commit", "error", "commit"))
        book = self._models["Book"]

        def work() -> Any:
            found = key.get()
            pages = (found.pages or 0) // 2 if found is not None else 1
            book(key=key, title="in a transaction", pages=pages).put()
            if end == "error":
                raise KeyError("given up")
            return pages

        return [ndb.transaction(work), key.get()]

    # Queries

    def _condition(self, kind: Any) -> Any:
        r = self._random
        choices: list[Callable[[], Any]] = {
            "Author": [
                lambda: kind.name == self._word(),
                lambda: kind.age > self._number_at_random(),
                lambda: kind.age <= self._number_at_random(),
                lambda: kind.tags == self._word(),
                lambda: kind.tags >= "a",
                lambda: kind.numbers == self._number_at_random(),
                lambda: kind.alive == r.choice((True, False, None)),
                lambda: kind.born < self._time().date(),
                lambda: kind.seen >= self._time(),
                lambda: kind.height < self._float(),
                lambda: kind.home.city == self._word(),
                lambda: kind.phones.number == self._word(),
                lambda: kind.friend == self._ndb.Key("Author", r.randrange(1, 9)),
                lambda: kind.upper == self._word().upper(),
                lambda: kind.place == self._ndb.GeoPt(r.randrange(3), 0),
                lambda: kind.mood == None,  # noqa: E711
            ],
            "Book": [
                lambda: kind.title == self._word(),
                lambda: kind.pages >= self._number_at_random(),
                lambda: kind.pages == self._number_at_random(),
                lambda: kind.written > self._time(),
                lambda: kind.key > self._ndb.Key("Book", r.randrange(1, 9)),
            ],
            "Note": [
                lambda: kind.text == self._word(),
                lambda: self._ndb.GenericProperty(r.choice(UNDECLARED)) == self._number_at_random(),
                lambda: self._ndb.GenericProperty(r.choice(UNDECLARED)) > self._float(),
            ],
        }[kind.__name__]
        return r.choice(choices)()

    def _order(self, kind: Any) -> Any:
        names = {
            "Author": ("name", "age", "height", "born", "tags"),
            "Book": ("title", "pages"),
            "Note": ("text",),
        }
        prop = getattr(kind, self._random.choice(names[kind.__name__]))
        return -prop if self._random.random() < 0.5 else prop

    def _asked(self) -> tuple[Any, bool]:
        """A query, and whether its results come in a fixed order on both sides."""
        r, ndb = self._random, self._ndb
        kind = self._models[r.choice(KINDS)]
        options: dict[str, Any] = {}
        if r.random() < 0.25:
            options["ancestor"] = ndb.Key("Author", r.randrange(1, 4))
        query = kind.query(**options)
        ordered = True
        how = r.randrange(8)
        if how < 3:
            query = query.filter(self._condition(kind))
        elif how == 3:
            query = query.filter(ndb.OR(self._condition(kind), self._condition(kind)))
            ordered = False
        elif how == 4 and kind.__name__ != "Note":
            prop = kind.name if kind.__name__ == "Author" else kind.title
            query = query.filter(prop.IN([self._word(), self._word(), self._word()]))
            ordered = False
        elif how == 5:
            return query.order(self._order(kind)), True
        elif how == 6 and kind.__name__ == "Author":
            equal = [kind.alive == True, kind.tags == self._word()]  # noqa: E712
            return query.filter(*equal).order(kind.age), True
        return query, ordered

    def _query(self) -> Any:
        query, ordered = self._asked()
        r = self._random
        how = r.randrange(4)
        if how == 0:
            return query.count()
        keys_only = how == 1
        if not ordered:
            found = [self.written(each) for each in query.fetch(keys_only=keys_only)]
            return sorted(found, key=repr)
        return query.fetch(r.choice((None, 1, 3, 100)), keys_only=keys_only, offset=r.choice((0, 0, 1, 5)))

    def _pages(self) -> Any:
        query, ordered = self._asked()
        if not ordered:
            return None
        size, cursor, found = self._random.randrange(1, 5), None, []
        for _ in range(3):
            page, cursor, more = query.fetch_page(size, start_cursor=cursor)
            found.append([page, bool(more)])
            if not more:
                break
        return found
