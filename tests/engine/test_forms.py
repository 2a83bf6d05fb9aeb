"""Statements remembered by the form of a query answer as queries that are planned: warm as cold, and as the memory store.

One SQLite store hears all queries, so that what it remembers of one is used for the next; the memory store plans nothing.
Each shape of a query is asked with several operands, for these are what a remembered statement leaves open.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore
from kindstore.store.abc import Store
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
    Upsert,
)
from kindstore.values.entity import Entity
from kindstore.values.errors import Error
from kindstore.values.key import Key, Partition
from tests.conformance.comparing import loaded, written
from tests.scale import scaled, seed

SPACE = Partition.of("kindstore")
NAMES = ["a", "b", "c", "never"]
VALUES: list[Any] = [None, 0, 1, 2, 3, True, "x", 1.5]
"""In their order, which a form knows of its operands: those of one form are all shifted alike."""

SHIFTS = 4

Shape: TypeAlias = tuple[Any, ...]
"""A filter that leaves its operands open: (name, op, how many), or (class, shapes)."""


def entities() -> Iterator[Entity]:
    chance = random.Random(seed(5))
    for number in range(1, 61):
        found: dict[str, Any] = {"a": [chance.choice(VALUES[1:5]) for _ in range(chance.randrange(4))]}
        if chance.random() < 0.9:
            found["b"] = chance.choice(VALUES)
        if chance.random() < 0.8:
            found["c"] = chance.choice([*VALUES[1:5], [0, 1], [2, 3, 3]])
        yield Entity.of(Key.of(SPACE, ("E", number)), found)


COMPOSITES = [
    CompositeIndex("E", False, (IndexProperty("a"), IndexProperty("b"), IndexProperty("c"))),
    CompositeIndex("E", False, (IndexProperty("b"), IndexProperty("a", descending=True))),
    CompositeIndex("E", False, (IndexProperty("c"), IndexProperty("b"))),
]


def bare() -> Store:
    return loaded(connect(":memory:"), entities())


def with_indexes() -> Store:
    store = connect(":memory:")
    assert isinstance(store, EngineStore)
    store.run(store.create_indexes(COMPOSITES))
    loaded(store, entities())
    assert {each.state for each in store.run(store.indexes())} == {State.SERVING}
    return store


class Pair:
    """A store that remembers, and one that can't."""

    def __init__(self, opened: Callable[[], Store]) -> None:
        self.warm = opened()
        self.model = loaded(MemoryStore(), entities())


@pytest.fixture(scope="module", params=[bare, with_indexes])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(request.param)
    yield made
    made.warm.close()
    made.model.close()


names = st.sampled_from(NAMES[:3]) | st.sampled_from(NAMES)
tests: st.SearchStrategy[Shape] = st.one_of(
    st.tuples(names, st.sampled_from(["=", "=", "=", "<", "<=", ">", ">=", "!="]), st.just(1)),
    st.tuples(names, st.sampled_from(["=", "=", "<", ">="]), st.just(1)),
    st.tuples(names, st.sampled_from(["IN", "IN", "NOT_IN"]), st.integers(1, 3)),
)
shapes: st.SearchStrategy[Shape] = st.recursive(
    tests,
    lambda part: st.tuples(
        st.sampled_from([AndFilter, OrFilter]), st.lists(part, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=4,
)
equalities = st.lists(st.tuples(names, st.just("="), st.just(1)), min_size=2, max_size=3)
columns = st.lists(st.sampled_from(NAMES[:3]), unique=True, max_size=2).map(tuple)
bases = st.builds(
    Query,
    st.just(SPACE),
    st.just("E"),
    orders=st.lists(
        st.builds(Order, st.sampled_from([*NAMES[:3], "__key__"]), st.booleans()), max_size=2
    ).map(tuple),
    projection=st.just(()) | columns,
    distinct_on=st.just(()) | st.just(()) | columns,
    limit=st.none() | st.integers(0, 6),
    offset=st.sampled_from([0, 0, 1, 3]),
) | st.builds(
    Query,
    st.just(SPACE),
    st.just("E"),
    orders=st.lists(st.builds(Order, st.sampled_from(NAMES[:3]), st.booleans()), max_size=1).map(tuple),
    keys_only=st.booleans(),
    limit=st.none() | st.integers(0, 6),
)


def filled(shape: Shape, operands: Iterator[Any]) -> Filter:
    """*shape* with the next of *operands*."""
    if len(shape) == 2:
        made, parts = shape
        filter_: Filter = made(tuple(filled(each, operands) for each in parts))
        return filter_
    name, op, count = shape
    values = tuple(next(operands) for _ in range(count))
    return PropertyFilter(name, op, values if op in {"IN", "NOT_IN"} else values[0])


def answered(store: Store, query: Query) -> Any:
    """Everything that *store* says about *query*; the class of the error if it refuses it."""
    try:
        page = store.run(store.run_query(query))
        whole = [written(each) for each in page.results]
        return whole, in_pages(store, query), summed(store, query)
    except Error as error:
        return type(error)


def in_pages(store: Store, query: Query) -> Any:
    """The results two at a time, each page from the cursor of the one before."""
    found: list[Any] = []
    left = query.limit
    while True:
        page = store.run(store.run_query(query, page_size=2))
        found += map(written, page.results)
        left = None if left is None else left - len(page.results)
        if not page.more or left == 0:
            return found
        assert page.results
        query = msgspec.structs.replace(query, start=page.cursor, offset=0, limit=left)


def summed(store: Store, query: Query) -> Sequence[Any]:
    asked: list[Aggregation] = [Count(), Count(2)]
    if not query.keys_only:
        asked += [Sum("c"), Average("c")]
    try:
        return store.run(store.run_aggregation(query, asked))
    except Error as error:
        return [type(error)]


@settings(max_examples=scaled(150, soak=10_000))
@given(base=bases, shape=st.lists(shapes, max_size=3) | equalities, data=st.data())
def test_what_is_remembered_answers_as_what_is_planned(
    pair: Pair, base: Query, shape: list[Shape], data: st.DataObject
) -> None:
    ranks = data.draw(st.lists(st.integers(0, SHIFTS - 1), min_size=12, max_size=12))
    for shift in data.draw(st.permutations(range(len(VALUES) - SHIFTS + 1)))[:3]:
        values = cycle(VALUES[rank + shift] for rank in ranks)
        query = msgspec.structs.replace(base, filters=tuple(filled(part, values) for part in shape))
        assert answered(pair.warm, query) == answered(pair.model, query), query


@pytest.mark.parametrize("first", ["a", "c"])
def test_two_values_of_one_list_are_both_asked_for(pair: Pair, first: str) -> None:
    for one, other in [(0, 1), (0, 2), (2, 0), (1, 3), (3, 1), (0, 1)]:
        filters = (PropertyFilter(first, "=", one), PropertyFilter(first, "=", other))
        for more in ((), (PropertyFilter("b", "=", 1),)):
            query = Query(SPACE, "E", filters=(*filters, *more))
            assert answered(pair.warm, query) == answered(pair.model, query)


def test_operands_that_happen_to_be_equal_do_not_decide_where_others_are_bound() -> None:
    store = with_indexes()
    found = Entity.of(Key.of(SPACE, ("E", 1000)), {"b": "only", "c": "here"})
    store.run(store.commit([Upsert(found)]))

    def results(b: Any, c: Any) -> Any:
        filters = (PropertyFilter("b", "=", b), PropertyFilter("c", "=", c))
        return store.run(store.run_query(Query(SPACE, "E", filters=filters))).results

    assert results("none", "none") == results("none", b"none") == []
    assert results("only", "here") == [found]
    store.close()


def test_equal_operands_of_a_composite_index_are_two() -> None:
    store = with_indexes()
    model = loaded(MemoryStore(), entities())
    for b, c in ((1, 1), (0, 1), (1, 0), (2, 2), (2, 1)):
        query = Query(SPACE, "E", filters=(PropertyFilter("b", "=", b), PropertyFilter("c", "=", c)))
        assert answered(store, query) == answered(model, query)
    store.close()
    model.close()
