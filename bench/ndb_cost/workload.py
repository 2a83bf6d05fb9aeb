"""The model and the operations, the same lines for both sides: *ndb* is `google.cloud.ndb` or `kindstore.ndb`.

The entity has ten properties: three strings, two integers, a float, a boolean, a datetime, a key, three tags.
"""

from __future__ import annotations

import gc
import tracemalloc
from datetime import datetime, timedelta
from time import process_time_ns
from typing import Any

ENTITIES = 1_000
"""How many there are; each bulk operation is about all of them."""

NAMES = ("name", "email", "city", "age", "visits", "score", "active", "created", "owner", "tags")


def model(ndb: Any) -> Any:
    """The class, made by *ndb*."""

    class Person(ndb.Model):  # type: ignore[misc]
        name = ndb.StringProperty()
        email = ndb.StringProperty()
        city = ndb.StringProperty()
        age = ndb.IntegerProperty()
        visits = ndb.IntegerProperty()
        score = ndb.FloatProperty()
        active = ndb.BooleanProperty()
        created = ndb.DateTimeProperty()
        owner = ndb.KeyProperty()
        tags = ndb.StringProperty(repeated=True)

    return Person


def values(ndb: Any, number: int) -> dict[str, Any]:
    """The properties of entity *number*."""
    return {
        "name": f"Person number {number}",
        "email": f"person.{number:06d}@example.org",
        "city": ("London", "Lisbon", "Lima")[number % 3],
        "age": 18 + number % 70,
        "visits": number * 7,
        "score": number / 3,
        "active": number % 2 == 0,
        "created": datetime(2020, 1, 1) + timedelta(seconds=number * 977, microseconds=number),
        "owner": ndb.Key("Person", number % 10 + 1),
        "tags": [f"t{number % 7}", f"u{number % 11}", f"v{number % 13}"],
    }


OPERATIONS = {
    "fetch": "fetch",
    "fetch, attributes read": "fetch_and_read",
    "get_multi": "get_multi",
    "get, one by one": "get_one_by_one",
    "construct and put_multi": "construct_and_put_multi",
    "put_multi": "put_multi",
    "put, one by one": "put_one_by_one",
}
"""What each is called in the table, and the method of `Side` that does it."""


class Side:
    """One side: *ndb* with a context entered, in which nothing is cached."""

    def __init__(self, ndb: Any) -> None:
        self._ndb = ndb
        self._class = model(ndb)
        self._keys = [ndb.Key("Person", number) for number in range(1, ENTITIES + 1)]
        self._entities = [
            self._class(key=key, **values(ndb, number)) for number, key in enumerate(self._keys, 1)
        ]
        ndb.put_multi(self._entities)

    def fetch(self) -> Any:
        return self._class.query().fetch()

    def fetch_and_read(self) -> Any:
        found = self._class.query().fetch()
        for entity in found:
            for name in NAMES:
                getattr(entity, name)
        return found

    def get_multi(self) -> Any:
        return self._ndb.get_multi(self._keys)

    def get_one_by_one(self) -> Any:
        return [key.get() for key in self._keys]

    def construct_and_put_multi(self) -> Any:
        return self._ndb.put_multi(
            [self._class(key=key, **values(self._ndb, number)) for number, key in enumerate(self._keys, 1)]
        )

    def put_multi(self) -> Any:
        return self._ndb.put_multi(self._entities)

    def put_one_by_one(self) -> Any:
        return [entity.put() for entity in self._entities]

    def answers(self) -> list[str]:
        """What a fetch gives, in words that are the same on both sides."""
        return sorted(
            repr([entity.key.id(), *(_plain(getattr(entity, name)) for name in NAMES)])
            for found in (self.fetch(), self.get_multi(), self.get_one_by_one())
            for entity in found
        )

    def measure(self, operation: str) -> float:
        """CPU microseconds an entity, of one run of *operation*; garbage is collected before, and as usual within."""
        run = getattr(self, OPERATIONS[operation])
        gc.collect()
        before = process_time_ns()
        run()
        return (process_time_ns() - before) / ENTITIES / 1000

    def memory(self) -> float:
        """Bytes that a fetched entity takes, all attributes read, by `tracemalloc`."""
        self.fetch_and_read()
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        found = self.fetch_and_read()
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return float(taken) / len(found)


def _plain(value: Any) -> Any:
    """A time or a key as what both sides print alike."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value.flat() if hasattr(value, "flat") else value
