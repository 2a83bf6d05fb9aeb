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
from kindstore.engine.dialect import Dialect
from kindstore.engine.estimates import COUNTED, Choice, Estimates, InOrder, Lacking
from kindstore.engine.index import Index
from kindstore.engine.plan import ALL, Bounds
from kindstore.engine.statement import LARGE
from kindstore.engine.store import EngineStore
from kindstore.store.abc import Store
from kindstore.store.messages import (
    AndFilter,
    Average,
    Count,
    Delete,
    Filter,
    Order,
    OrFilter,
    PropertyFilter,
    Query,
    Sum,
    Upsert,
)
from kindstore.values.entity import Entity
from kindstore.values.errors import ConflictError, Error
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


@settings(max_examples=scaled(120, soak=10_000))
@given(query=queries | keys_of_queries)
def test_the_results_are_those_of_the_model(pair: Pair, query: Query) -> None:
    pair.store.catalog.estimates = Estimates()  # what was gathered in vain before is tried again
    pair.agree(query)


def asked(*filters: Filter, orders: str = "", limit: int | None = 5, **more: Any) -> Query:
    found = tuple(Order(name.lstrip("-"), name[0] == "-") for name in orders.split())
    return Query(SPACE, "E", filters=filters, orders=found, limit=limit, **more)


def gathered(join: str, candidates: str) -> str:
    return f"Gather({join} from the records of {candidates})"


MARKED = PropertyFilter("mark", "=", 1)
COMMON = PropertyFilter("mark", "=", 9)
PAIRS = OrFilter(
    tuple(
        AndFilter((PropertyFilter("mark", "=", mark), PropertyFilter("c", "=", value)))
        for mark, value in ((1, 0), (2, 1))
    )
)


@pytest.mark.parametrize(
    ("query", "plan"),
    [
        (asked(MARKED, orders="a"), "IndexScan(E.a, asc, among mark = 1)"),
        (asked(MARKED, orders="-a"), "IndexScan(E.a, desc, among mark = 1)"),
        (
            asked(MARKED, PropertyFilter("c", "=", 0), PropertyFilter("a", ">", 0)),
            "IndexScan(E.a > 0, asc, probe c = 0, among mark = 1)",
        ),
        (asked(COMMON, orders="a"), "IndexScan(E.a, asc, probe mark = 9)"),
        (asked(COMMON, orders="a", limit=None), "IndexScan(E.a, asc, among mark = 9)"),
        (
            asked(PropertyFilter("mark", "IN", (1, 2)), orders="a", limit=None),
            "IndexScan(E.a, asc, among mark = 1 or mark = 2)",
        ),
        (
            asked(PropertyFilter("mark", "IN", (9, 2)), orders="a"),
            "IndexScan(E.a, asc, probe mark = 9 | probe mark = 2)",
        ),
        (
            asked(PAIRS, orders="-a", limit=40),
            "IndexScan(E.a, desc, among mark = 1, probe c = 0 | among mark = 2, probe c = 1)",
        ),
        (
            asked(MARKED, orders="a b", limit=None),
            gathered("Join(E: Branch(mark = 1, a, b); sorted by a, b)", "IndexScan(E.mark = 1, asc)"),
        ),
        (
            asked(MARKED, projection=("c", "a"), limit=20),
            gathered(
                "Join(E: Branch(mark = 1, a each, c each); sorted by a, c; reads c, a)",
                "IndexScan(E.mark = 1, asc)",
            ),
        ),
        (
            asked(COMMON, orders="-a b"),
            gathered(
                "Join(E: Branch(mark = 9, a desc, b); sorted by a desc, b)",
                "IndexScan(E.a, desc, probe mark = 9), the first 5 and those tied",
            ),
        ),
        (
            asked(PropertyFilter("a", ">", 0), PropertyFilter("b", ">", 0)),
            gathered(
                "Join(E: Branch(a > 0, b > 0); sorted by a, b)",
                "IndexScan(E.a > 0, asc), the first 20 and those tied",
            ),
        ),
        (asked(COMMON, orders="a b", limit=None), "Join(E: Branch(mark = 9, a, b); sorted by a, b)"),
        (
            asked(COMMON, orders="a b", limit=OTHERS),
            "Join(E: Branch(mark = 9, a, b); sorted by a, b)",
        ),
    ],
)
def test_how_few_are_found(query: Query, plan: str) -> None:
    pair = Pair()
    assert pair.store.run(pair.store.explain(query)).splitlines()[0] == plan
    pair.agree(query)
    pair.agree(query)


def kind_of(store: Store, number: int, **values: Any) -> None:
    """*number* entities, with values that may be made from the number of each."""
    made: list[Any] = []
    for at in range(number):
        each = {name: value(at) if callable(value) else value for name, value in values.items()}
        kept = {name: value for name, value in each.items() if value is not ...}
        made.append(Upsert(Entity.of(Key.of(SPACE, ("E", 1 + at)), kept, ["text"])))
    store.run(store.commit(made))


@pytest.mark.parametrize(
    ("values", "query"),
    [
        ({"a": 1, "b": lambda at: -at}, asked(orders="a b")),
        ({"a": lambda at: at, "b": lambda at: 1 if at > 480 else ...}, asked(orders="a b")),
        ({"a": lambda at: at, "b": lambda at: at}, asked(PropertyFilter("b", ">", 470), orders="a")),
        (
            {"a": lambda at: at % 40, "b": lambda at: at, "text": "x" * LARGE},
            asked(PropertyFilter("a", "=", 1), orders="b c", limit=None),
        ),
    ],
    ids=["all tied", "few with the second property", "few in a range", "large records"],
)
def test_what_was_gathered_in_vain_is_joined(values: dict[str, Any], query: Query) -> None:
    store, model = connect(":memory:"), MemoryStore()
    assert isinstance(store, EngineStore)
    for each in (store, model):
        kind_of(each, 500, c=1, **values)
    plans: list[str] = []
    for _ in range(2):
        plans.append(store.run(store.explain(query)).split("(")[0])
        assert answered(store, query) == answered(model, query)
    assert plans == ["Gather", "Join"]


def test_a_transaction_notices_what_comes_among_few() -> None:
    for query in (asked(MARKED, orders="a"), asked(PAIRS, orders="a"), asked(MARKED, orders="a b")):
        store = Pair().store
        transaction = store.run(store.begin())
        found = store.run(store.run_query(query, transaction)).results
        assert found
        store.run(store.commit([Delete(found[0].key)]))
        other = Entity.of(Key.of(SPACE, ("F", 1)), {})
        with pytest.raises(ConflictError):
            store.run(store.commit([Upsert(other)], transaction))


def test_rows_are_counted_once_for_all_queries_with_a_value() -> None:
    index, other = Index(1, "a", Dialect()), Index(2, "b", Dialect())
    estimates = Estimates()
    one, two, many = (index, b"1"), (index, b"2"), (other, b"3")
    assert estimates.least([one, many]) == Lacking((one, many), COUNTED[0])
    estimates.put(one, 5, COUNTED[0])
    estimates.put(many, COUNTED[0], COUNTED[0])
    assert estimates.least([many, one]) == (1, 5)
    assert estimates.least([two, many]) == Lacking((two,), COUNTED[0])
    estimates.put(two, COUNTED[0], COUNTED[0])
    assert estimates.least([two, many]) == Lacking((two, many), COUNTED[1]), "either may have fewer"
    estimates.put(two, COUNTED[0], COUNTED[1])
    assert estimates.least([two, many]) == (0, COUNTED[0])


@pytest.mark.parametrize(("rows", "uses"), [(5, 50), (100, 50), (4000, 250), (100_000, 1000)])
def test_rows_are_counted_again_the_sooner_the_fewer_they_were(rows: int, uses: int) -> None:
    index = Index(1, "a", Dialect())
    estimates = Estimates()
    estimates.put((index, ALL), rows, 1 << 18)
    assert [estimates.count((index, ALL), 1) for _ in range(uses)] == [rows] * uses
    assert estimates.count((index, ALL), 1) == Lacking(((index, ALL),), 1)


def test_a_kind_that_has_grown_is_soon_planned_for_as_a_large_one() -> None:
    store = connect(":memory:")
    assert isinstance(store, EngineStore)
    query = asked(orders="a b", limit=20)
    kind_of(store, 60, a=lambda at: at, b=1)
    assert store.run(store.explain(query)).startswith("Join(")
    kind_of(store, 2000, a=lambda at: at, b=1)
    for _ in range(100):
        store.run(store.run_query(query))
    assert store.run(store.explain(query)).startswith("Gather(")
    store.close()


def test_entities_are_looked_up_before_where_the_scan_would_read_more() -> None:
    index, other = Index(1, "a", Dialect()), Index(2, "b", Dialect())
    estimates = Estimates()
    equal, within = (other, b"1"), Bounds(b"2")
    estimates.put(equal, 1000, COUNTED[1])

    def choice(values: Bounds, most: int | None) -> Any:
        return InOrder(index, values, ((equal,),)).answer(estimates, most)

    assert choice(ALL, None) == Choice((0,), True)
    assert choice(within, None) == Lacking(((index, within),), 250)
    estimates.put((index, within), 249, 250)
    assert choice(within, None) == Choice((0,), False)
    estimates.put((index, within), 250, 250)
    assert choice(within, None) == Choice((0,), True)
    estimates.put((index, ALL), 12_500, 1 << 18)
    assert choice(ALL, 20) == Choice((0,), True)
    assert choice(ALL, 19) == Choice((0,), False)
    estimates.put(equal, COUNTED[1], COUNTED[1])
    assert choice(ALL, 20) == Choice((0,), False), "nobody knows how many it has"
