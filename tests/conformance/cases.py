"""Random data sets and queries of every feature, made to collide: few names, few values, few keys.

`Cases` makes them of any `random.Random`: a seeded one for long runs, or Hypothesis' own, which shrinks:

    @given(cases())
    def test_it(made: tuple[list[Entity], list[Case]]) -> None: ...
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

from kindstore.store.messages import (
    Aggregation,
    AndFilter,
    Average,
    Count,
    Filter,
    Order,
    OrFilter,
    PropertyFilter,
    Query,
    Sum,
)
from kindstore.values.entity import Entity
from kindstore.values.key import Key, Partition
from kindstore.values.types import GeoPt, User

PROJECT = "kindstore"
NAMESPACES = ("", "n")
SPACES = [Partition.of(PROJECT, "", namespace) for namespace in NAMESPACES]

PATHS: list[tuple[Any, ...]] = [
    *(("E", n) for n in range(1, 8)),
    ("E", "a"),
    ("E", "a\0"),
    ("E", "é"),
    ("E", 1, "E", 1),
    ("E", 1, "E", 2),
    ("E", 1, "F", "b"),
    ("E", "a", "F", 7, "E", 3),
    ("F", 1),
    ("F", 2),
    ("F", 2, "E", 9),
]

COMMON: list[Any] = [1, 2, 3]
"""What most values are; 2 µs after the epoch and 2 are one place, "a" and b"a" another."""

RARE: list[Any] = [
    None,
    True,
    False,
    "",
    "a",
    "b",
    b"a",
    b"\xff",
    1.0,
    2.5,
    float("inf"),
    datetime(1970, 1, 1, 0, 0, 0, 2),
    datetime(2026, 11, 22),
    GeoPt(0, 1),
    Key.of(SPACES[0], ("E", 1)),
    Key.of(SPACES[0], ("E", 1, "F", "b")),
]

NEWER: list[Any] = [float("nan"), -0.0, 0.0, User("u", "d", "1"), User("u", "d", "2"), -1, 2**62]
"""What App Engine's stub has wrong, or cannot be told."""

NAMES = ["a", "b", "c"]


class Case(NamedTuple):
    """A query, and how its results are walked."""

    query: Query
    start: int | None = None
    """Number of the result after which to begin, by its cursor."""
    end: int | None = None
    """Number of the result at which to stop, by its cursor."""
    page_size: int | None = None
    aggregations: tuple[Aggregation, ...] = (Count(),)


class Cases:
    """Makes data sets and queries.  *app_engine*: only such as App Engine's stub can be asked."""

    def __init__(self, source: random.Random, *, app_engine: bool = False) -> None:
        self.random = source
        self.app_engine = app_engine
        self.names = NAMES if app_engine else [*NAMES, *NAMES, *NAMES, "n.z", "n"]

    def chance(self, probability: float) -> bool:
        """True as often as *probability* says."""
        return self.random.random() < probability

    def value(self) -> Any:
        """A value that can be indexed."""
        if self.chance(0.75):
            return self.random.choice(COMMON)
        return self.random.choice(RARE if self.app_engine or self.chance(0.7) else NEWER)

    # Data

    def data(self) -> list[Entity]:
        """Some entities, of two kinds, in two namespaces."""
        paths = self.random.sample(PATHS, self.random.randint(4, len(PATHS)))
        flat = self.chance(0.3)
        entities = [self.entity(Key.of(SPACES[0], path), flat) for path in paths]
        others = self.random.sample(PATHS, self.random.randint(0, 2))
        return entities + [self.entity(Key.of(SPACES[1], path), flat) for path in others]

    def entity(self, key: Key, flat: bool) -> Entity:
        """An entity; without lists where *flat*."""
        found: dict[str, Any] = {}
        for name in NAMES:
            if self.chance(0.9):
                found[name] = self.values() if not flat and self.chance(0.4) else self.value()
        if not self.app_engine and self.chance(0.7):
            found["n"] = self.nested() if self.chance(0.6) else [self.nested(), self.value(), self.nested()]
        return Entity.of(key, found, [name for name in found if self.chance(0.04)])

    def nested(self) -> Entity:
        """An embedded entity."""
        return Entity.of(None, {"z": self.values() if self.chance(0.3) else self.value()})

    def values(self) -> list[Any]:
        """A list."""
        return [self.value() for _ in range(self.random.randint(1 if self.app_engine else 0, 3))]

    # Queries

    def case(self) -> Case:
        """A query and a walk through its results."""
        start, end = (self.random.choice([None, None, 0, 1, 2, 4]) for _ in range(2))
        query = self.query()
        return Case(
            query,
            start,
            None if end is None or start is None else end + start // 2,
            self.random.choice([None, 1, 2, 3]),
            tuple(self.aggregation(query) for _ in range(self.random.randint(1, 3))),
        )

    def aggregation(self, query: Query) -> Aggregation:
        """Any of the three that *query* can have."""
        if query.keys_only or query.kind is None:
            return Count()
        name = self.random.choice(query.projection or self.names)
        choices: list[Aggregation] = [Count(), Count(self.random.randint(0, 4)), Sum(name), Average(name)]
        return self.random.choice(choices)

    def query(self) -> Query:
        """A query that nearly always is one that the Datastore has."""
        space = SPACES[0] if self.chance(0.95) else SPACES[1]
        ancestor = Key.of(space, self.random.choice(PATHS)) if self.chance(0.1) else None
        limits: dict[str, Any] = {
            "limit": self.random.choice([None, None, None, 0, 1, 3, 5]),
            "offset": self.random.choice([0, 0, 0, 1, 2]),
        }
        if self.chance(0.08):
            filters = tuple(self.key_filter(space) for _ in range(self.random.randint(0, 2)))
            by_key = (Order("__key__", self.chance(0.3)),) if self.chance(0.5) else ()
            return Query(space, None, ancestor, filters, by_key, keys_only=self.chance(0.3), **limits)
        asked, ranged, equal = self.filters(space)
        projection, distinct = self.columns(
            [name for name in dict.fromkeys(self.names) if name not in equal], ranged
        )
        orders = self.orders(ranged, distinct)
        return Query(
            space,
            self.random.choice([*"EEEEEEEF"]),
            ancestor,
            asked,
            orders,
            projection,
            distinct,
            keys_only=not projection and self.chance(0.2),
            **limits,
        )

    def key_filter(self, space: Partition) -> PropertyFilter:
        """A filter on ``__key__``."""
        op = self.random.choice(["=", "<", "<=", ">", ">="])
        return PropertyFilter("__key__", op, Key.of(space, self.random.choice(PATHS)))

    def filters(self, space: Partition) -> tuple[tuple[Filter, ...], str | None, set[str]]:
        """Filters, the property with inequalities that orders should begin with, those with equalities."""
        equal = {self.random.choice(self.names) for _ in range(self.random.choice([0, 0, 0, 0, 1, 1, 2]))}
        found: list[Filter] = [PropertyFilter(name, "=", self.value()) for name in sorted(equal)]
        if equal and self.chance(0.1):
            found.append(PropertyFilter(min(equal), "=", self.value()))
        ranged = self.random.choice(self.names) if self.chance(0.5) else None
        if ranged is not None:
            found += [
                PropertyFilter(ranged, self.random.choice(["<", "<=", ">", ">="]), self.value())
                for _ in range(self.random.choice([1, 1, 2]))
            ]
        elif self.chance(0.08):
            found.append(self.key_filter(space))
            ranged = "__key__"
        if self.chance(0.06):  # several inequality properties: Firestore's rule
            found.append(PropertyFilter(self.random.choice(self.names), ">", self.value()))
        if self.chance(0.3):
            condition = self.disjunction()
            equal |= {condition.property} if isinstance(condition, PropertyFilter) else set()
            if isinstance(condition, PropertyFilter) and condition.op in {"!=", "NOT_IN"}:
                found = [each for each in found if isinstance(each, PropertyFilter) and each.op == "="]
                ranged = condition.property
            found.append(condition)
        self.random.shuffle(found)
        return tuple(found), ranged, equal

    def disjunction(self, depth: int = 0) -> Filter:
        """An OR, an IN, ``!=`` or NOT_IN, or an AND around them."""
        name = self.random.choice(self.names)
        match self.random.choice(["IN", "!=", "NOT_IN", "OR", "OR", "AND"]):
            case "IN":
                return PropertyFilter(
                    name, "IN", tuple(self.value() for _ in range(self.random.randint(1, 3)))
                )
            case "!=":
                return PropertyFilter(name, "!=", self.value())
            case "NOT_IN":
                return PropertyFilter(
                    name, "NOT_IN", tuple(self.value() for _ in range(self.random.randint(1, 3)))
                )
            case "OR":
                return OrFilter(tuple(self.part(depth) for _ in range(self.random.randint(1, 3))))
            case _:
                return AndFilter(tuple(self.part(depth) for _ in range(self.random.randint(1, 2))))

    def part(self, depth: int) -> Filter:
        """A part of an OR or AND."""
        if depth < 2 and self.chance(0.25):
            return self.disjunction(depth + 1)
        op = self.random.choice(["=", "=", "=", "<", ">", ">="])
        return PropertyFilter(self.random.choice(self.names), op, self.value())

    def columns(self, names: list[str], ranged: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """A projection, and distinct properties."""
        if not names or self.chance(0.6):
            if names and not self.app_engine and self.chance(0.05):
                return (), tuple(self.random.sample(names, 1))
            return (), ()
        projection = self.random.sample(names, self.random.randint(1, min(2, len(names))))
        if ranged in names and ranged not in projection and self.chance(0.4):
            projection.append(ranged)
        if self.chance(0.6):
            return tuple(projection), ()
        if self.chance(0.7):
            return tuple(projection), tuple(projection)
        return tuple(projection), tuple(self.random.sample(names, self.random.randint(1, min(2, len(names)))))

    def orders(self, ranged: str | None, distinct: tuple[str, ...]) -> tuple[Order, ...]:
        """Orders, with the distinct properties or the one with inequalities first, nearly always."""
        count = self.random.choice([0, 0, 1, 1, 2, 3])
        if not count:
            return ()
        names = [self.random.choice([*self.names, "__key__"]) for _ in range(count)]
        if distinct and self.chance(0.9):
            names = [*self.random.sample(distinct, len(distinct)), *names[1:]]
        if ranged is not None and self.chance(0.9):
            names = [ranged, *(name for name in names if name != ranged)]
        return tuple(Order(name, self.chance(0.4)) for name in dict.fromkeys(names))


@st.composite
def cases(draw: st.DrawFn, most: int = 5) -> tuple[list[Entity], list[Case]]:
    """A data set, and up to *most* queries to ask it."""
    made = Cases(draw(st.randoms(use_true_random=False)))
    return made.data(), [made.case() for _ in range(draw(st.integers(1, most)))]
