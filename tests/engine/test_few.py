"""Queries of which few entities of a large kind are results answer as the memory store does, which plans nothing.

A set of entities is looked up before an index is read in order, or results are gathered from records: what is asked
for here is a small part of the kind, so that one of these is what `explain` tells.  Beside it there are entities that
no query asks for, but those that sort.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.engine.store import EngineStore
from kindstore.store.abc import Store
from kindstore.store.messages import (
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
from kindstore.values.errors import Error
from kindstore.values.key import Key, Partition
from tests.conformance.comparing import loaded, written
from tests.scale import scaled, seed

SPACE = Partition.of("kindstore")
NUMBER, OTHERS = 80, 700
VALUES: list[Any] = [None, 0, 1, 2, 2.5, True, "x", b"x", "y", datetime(1970, 1, 1, 0, 0, 0, 2)]
FEW = [0, 1, 2]


def entities() -> Iterator[Entity]:
    """Those with a ``mark`` are asked for: with ties, lists, values of several types, and without some of them."""
    chance = random.Random(seed(7))

    def some() -> Any:
        if chance.random() < 0.3:
            return [chance.choice(VALUES) for _ in range(chance.randrange(4))]
        return chance.choice(FEW if chance.random() < 0.5 else VALUES)

    for number in range(NUMBER):
        found: dict[str, Any] = {"mark": chance.choice([1, 2, [1, 2], [2, 3]])}
        found |= {name: some() for name in "abc" if chance.random() < 0.85}
        if chance.random() < 0.5:
            found["n"] = Entity.of(None, {"z": some()})
        unindexed = [name for name in found if name != "mark" and chance.random() < 0.05]
        parents: list[Any] = ["P", chance.randrange(1, 4)] if chance.random() < 0.3 else []
        yield Entity.of(Key.of(SPACE, (*parents, "E", 1 + number)), found, unindexed)
    for number in range(OTHERS):
        kept = {name: chance.choice(FEW) for name in "abc" if chance.random() < 0.9}
        yield Entity.of(Key.of(SPACE, ("E", 1000 + number)), {"mark": 9, **kept})


class Pair:
    """A store that plans, and the model."""

    def __init__(self) -> None:
        store = loaded(connect(":memory:"), entities())
        assert isinstance(store, EngineStore)
        self.store = store
        self.model = loaded(MemoryStore(), entities())
        self.plans: Counter[str] = Counter()

    def agree(self, query: Query) -> None:
        """Both answer *query* alike: at once, in pages, backwards from the cursor of a page, and counted."""
        with suppress(Error):
            self.plans[self.store.run(self.store.explain(query)).split("(")[0]] += 1
        ours, models = answered(self.store, query), answered(self.model, query)
        assert ours == models, query


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.store.close()
    made.model.close()


def answered(store: Store, query: Query) -> Any:
    """All that *store* says about *query*; the class of the error if it refuses it."""
    try:
        page = store.run(store.run_query(query))
        whole = [written(each) for each in page.results]
        asked = [Count(), Count(3)] if query.keys_only else [Count(), Count(3), Sum("a"), Average("b")]
        return whole, in_pages(store, query), summed(store, query, asked)
    except Error as error:
        return type(error)


def in_pages(store: Store, query: Query) -> Any:
    """The results a few at a time, each page from the cursor of the one before and, the other way, up to it."""
    found: list[Any] = []
    query = msgspec.structs.replace(query, limit=None)
    size = 3
    while True:
        page = store.run(store.run_query(query, page_size=size))
        if not page.results:  # a store may only then know that there are no more
            return found
        found.append([written(each) for each in page.results])
        until = msgspec.structs.replace(query, end=page.cursor, offset=0, limit=2 * size)
        found.append([written(each) for each in store.run(store.run_query(until)).results])
        if not page.more:
            return found
        query = msgspec.structs.replace(query, start=page.cursor, offset=0)
        size += 2


def summed(store: Store, query: Query, asked: Any) -> Any:
    try:
        return store.run(store.run_aggregation(query, asked))
    except Error as error:
        return type(error)


names = st.sampled_from(["a", "b", "c", "n.z", "never"])
sortable = st.sampled_from(["a", "b", "c", "a", "b", "n.z"])
marks = st.sampled_from([PropertyFilter("mark", "=", value) for value in (1, 2, 3, 4)])
ranges = st.builds(PropertyFilter, names, st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from(VALUES))
equalities = st.builds(PropertyFilter, names, st.just("="), st.sampled_from(FEW))
tests: st.SearchStrategy[tuple[Filter, ...]] = st.one_of(
    marks.map(lambda mark: (mark,)),
    st.tuples(marks, ranges),
    st.tuples(marks, equalities),
    st.tuples(marks, marks),
    st.tuples(marks, ranges, ranges),
    ranges.map(lambda one: (one,)),
    st.just(()),
)
alternatives = st.lists(tests.filter(bool).map(AndFilter), min_size=1, max_size=3).map(
    lambda parts: (OrFilter(tuple(parts)),)
)
columns = st.lists(sortable, unique=True, max_size=2).map(tuple)
queries = st.builds(
    Query,
    st.just(SPACE),
    st.just("E"),
    st.none() | st.none() | st.just(Key.of(SPACE, ("P", 1))),
    tests | tests | alternatives,
    st.lists(st.builds(Order, sortable | st.just("__key__"), st.booleans()), max_size=3).map(tuple),
    projection=st.just(()) | columns,
    distinct_on=st.just(()) | st.just(()) | columns,
    limit=st.none() | st.integers(0, 25),
    offset=st.sampled_from([0, 0, 1, 5]),
)
keys_of_queries = st.builds(
    lambda query: msgspec.structs.replace(query, projection=(), distinct_on=(), keys_only=True), queries
)


@settings(max_examples=scaled(200, soak=10_000))
@given(query=queries | keys_of_queries)
def test_the_results_are_those_of_the_model(pair: Pair, query: Query) -> None:
    pair.agree(query)
