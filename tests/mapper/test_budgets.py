"""What the value side may cost: Python frames and bytes, which do not depend on the machine, and time, which does.

Times are ratios to plain Python measured in the same round, with room for a busy machine; docs/performance.md
has the figures of a quiet one.
"""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from types import FrameType
from typing import Any

import pytest

from kindstore.mapper.model import Model
from kindstore.mapper.scalar import BooleanProperty, FloatProperty, IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.text import StringProperty, TextProperty
from kindstore.mapper.times import DateTimeProperty
from kindstore.values.entity import Entity
from kindstore.values.key import Key, Partition

pytestmark = pytest.mark.budget


class Author(Model):
    name = StringProperty()
    email = StringProperty()
    city = StringProperty()
    age = IntegerProperty()
    score = FloatProperty()
    active = BooleanProperty()
    born = DateTimeProperty()
    bio = TextProperty()


class Plain:
    def __init__(self, **values: Any) -> None:
        self.name = values["name"]
        self.email = values["email"]
        self.city = values["city"]
        self.age = values["age"]
        self.score = values["score"]
        self.active = values["active"]
        self.born = values["born"]
        self.bio = values["bio"]


VALUES: dict[str, Any] = {
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "city": "London",
    "age": 36,
    "score": 9.5,
    "active": True,
    "born": datetime(1815, 12, 10),
    "bio": "x" * 100,
}
SCHEMA = schema_of(Author)
ADA = Author(**VALUES)
KEY = Key.of(Partition.of("p"), ("Author", 1))
ENTITY = SCHEMA.to_entity(ADA, KEY)


def frames(action: Callable[[], Any]) -> int:
    """Python functions that *action* enters, itself not counted."""
    action()
    count = 0

    def seen(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count - 1


def assign() -> None:
    ADA.age = 37
    ADA.name = "Ada"
    ADA.born = VALUES["born"]


@pytest.mark.parametrize(
    ("what", "action", "at_most"),
    [
        ("reading a plain value", lambda: ADA.name, 0),
        ("setting three values", assign, 3),
        ("constructing eight values", lambda: Author(**VALUES), 1),
        ("making an entity of eight values", lambda: SCHEMA.to_entity(ADA, KEY), 2),
        ("making an instance of an entity", lambda: SCHEMA.of(ENTITY.shape)(KEY, ENTITY.values, 1), 2),
    ],
)
def test_frames(what: str, action: Callable[[], Any], at_most: int) -> None:
    assert frames(action) <= at_most, what


def test_a_loaded_instance_has_no_more_than_its_values_and_one_dictionary() -> None:
    entities = [Entity(KEY, ENTITY.shape, ENTITY.values) for _ in range(2_000)]
    load = SCHEMA.from_entity
    load(entities[0])
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        loaded = [load(entity) for entity in entities]
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert (after - before) / len(loaded) <= 280
