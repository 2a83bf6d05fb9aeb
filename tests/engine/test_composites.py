"""Composite indexes at work: kept, built, read, refused; every answer as without them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.engine.composite import CompositeIndex, IndexProperty, needed_indexes
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore
from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.messages import Count, Delete, Order, OrFilter, PropertyFilter, Query, Sum, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadValueError, Error, NeedIndexError, TooLargeError
from kindstore.values.key import Key
from tests.conformance.cases import Cases
from tests.conformance.comparing import difference, replaced
from tests.scale import scaled


@pytest.fixture
def store() -> Iterator[EngineStore]:
    opened = connect(":memory:")
    assert isinstance(opened, EngineStore)
    yield opened
    assert opened.run(opened.check()) == []
    opened.close()


def index(*names: str, ancestor: bool = False) -> CompositeIndex:
    return CompositeIndex("K", ancestor, tuple(IndexProperty(n.lstrip("-"), n[0] == "-") for n in names))


def build(store: EngineStore, found: CompositeIndex, namespace: str = "") -> None:
    while store.run(store.build_index(found, namespace)).state is State.BUILDING:
        pass


def made(store: EngineStore, *indexes: CompositeIndex) -> None:
    for each in indexes:
        store.run(store.create_indexes([each]))
        build(store, each)


def put(store: EngineStore, *path: Any, **values: Any) -> Key:
    key = Key.of(store.partition(), path)
    store.run(store.commit([Upsert(Entity.of(key, values))]))
    return key


def asked(store: EngineStore, *terms: Any, **options: Any) -> Query:
    filters = tuple(PropertyFilter(*term) for term in terms if isinstance(term, tuple))
    orders = tuple(Order(term.lstrip("-"), term[0] == "-") for term in terms if isinstance(term, str))
    return Query(store.partition(), "K", filters=filters, orders=orders, **options)


def paths(store: EngineStore, query: Query) -> list[Any]:
    return [entity.key.path[-1] for entity in store.run(store.run_query(query)).results if entity.key]


def test_an_index_of_what_is_there_is_built_in_steps_and_then_read(store: EngineStore) -> None:
    entities = [
        Entity.of(Key.of(store.partition(), ("K", n)), {"a": n % 50, "b": -n}) for n in range(1, 2501)
    ]
    store.run(store.commit([Upsert(each) for each in entities]))
    by_both = index("a", "b")
    store.run(store.create_indexes([by_both]))
    query = asked(store, ("a", "=", 7), "b", limit=3)
    assert "by K(a, b)" not in store.run(store.explain(query))
    first = store.run(store.build_index(by_both))
    assert (first.state, first.done, first.total) == (State.BUILDING, 2000, 2500)
    assert "by K(a, b)" not in store.run(store.explain(query))  # not before all is there
    second = store.run(store.build_index(by_both))
    assert (second.state, second.done) == (State.SERVING, 2500)
    assert "reads 50 rows of K(a, b)" in store.run(store.explain(query))
    assert paths(store, query) == [2457, 2407, 2357]


@pytest.mark.parametrize(
    "wrong",
    [
        index(),
        index(*(f"p{number}" for number in range(101))),
        CompositeIndex("", False, (IndexProperty("a"),)),
        CompositeIndex("K", False, (IndexProperty("a"), IndexProperty(""))),
        CompositeIndex("K", False, (IndexProperty("\ud800"),)),
    ],
    ids=["no properties", "101 properties", "no kind", "no name", "no Unicode"],
)
def test_an_index_that_can_not_be_is_refused_before_any_statement(
    store: EngineStore, wrong: CompositeIndex
) -> None:
    program = store.create_indexes([index("a", "b"), wrong])
    with pytest.raises((BadArgumentError, BadValueError)):
        next(program)
    assert store.run(store.indexes()) == []
    made(store, index(*(f"p{number}" for number in range(100))))


def test_a_half_built_index_is_gone_on_with_by_another_store(tmp_path: Any) -> None:
    file = tmp_path / "x.db"
    one = connect(file)
    assert isinstance(one, EngineStore)
    one.run(
        one.commit(
            [Upsert(Entity.of(Key.of(one.partition(), ("K", n)), {"a": n, "b": n})) for n in range(1, 2100)]
        )
    )
    one.run(one.create_indexes([index("a", "b")]))
    one.run(one.build_index(index("a", "b")))
    one.close()
    two = connect(file)
    assert isinstance(two, EngineStore)
    [progress] = two.run(two.indexes())
    assert (progress.state, progress.done) == (State.BUILDING, 2000)
    assert two.run(two.build_index(index("a", "b"))).state is State.SERVING
    assert two.run(two.check()) == []
    two.close()


def test_writes_of_a_store_that_does_not_know_of_the_index_keep_it_all_the_same(tmp_path: Any) -> None:
    file = tmp_path / "x.db"
    old, new = connect(file), connect(file)
    assert isinstance(old, EngineStore)
    assert isinstance(new, EngineStore)
    old.run(old.commit([Upsert(Entity.of(Key.of(old.partition(), ("K", 1)), {"a": 1, "b": [1, 2]}))]))
    made(new, index("a", "-b"))
    old.run(old.commit([Upsert(Entity.of(Key.of(old.partition(), ("K", 2)), {"a": 1, "b": [3, 4]}))]))
    old.run(old.commit([Delete(Key.of(old.partition(), ("K", 1)))]))
    query = asked(new, ("a", "=", 1), "-b")
    assert "by K(a, b desc)" in new.run(new.explain(query))
    assert paths(new, query) == [2]
    assert new.run(new.check()) == []
    old.close()
    new.close()


def test_a_dropped_index_is_read_by_nobody(tmp_path: Any) -> None:
    file = tmp_path / "x.db"
    reader, other = connect(file), connect(file)
    assert isinstance(reader, EngineStore)
    assert isinstance(other, EngineStore)
    put(reader, "K", 1, a=1, b=2)
    made(reader, index("a", "b"))
    query = asked(reader, ("a", "=", 1), "b")
    assert "by K(a, b)" in reader.run(reader.explain(query))
    other.run(other.drop_indexes([index("a", "b")]))
    assert paths(reader, query) == [1]
    assert reader.run(reader.indexes()) == []
    with pytest.raises(BadArgumentError, match="no such index"):
        other.run(other.build_index(index("a", "b")))
    reader.close()
    other.close()


def test_a_transaction_does_not_read_an_index_that_is_younger_than_its_snapshot(store: EngineStore) -> None:
    for n in range(1, 4):
        put(store, "K", n, a=1, b=-n)
    transaction = store.run(store.begin())
    store.run(store.lookup([Key.of(store.partition(), ("K", 1))], transaction))  # the snapshot is taken
    made(store, index("a", "b"))
    page = store.run(store.run_query(asked(store, ("a", "=", 1), "b"), transaction))
    assert [entity.key.path[-1] for entity in page.results if entity.key] == [3, 2, 1]
    counted = store.run(store.run_aggregation(asked(store, ("a", "=", 1), "b"), [Count()], transaction))
    assert counted == [3]
    store.run(store.rollback(transaction))


def test_a_snapshot_that_is_older_than_a_property_has_the_other_results_of_an_or(store: EngineStore) -> None:
    put(store, "K", 1, a=1)
    transaction = store.run(store.begin(read_only=True))
    store.run(store.lookup([Key.of(store.partition(), ("K", 1))], transaction))  # the snapshot is taken
    put(store, "K", 2, young=2)
    either = OrFilter((PropertyFilter("young", "=", 2), PropertyFilter("a", "=", 1)))
    for orders in ((), (Order("a"),)):
        query = Query(store.partition(), "K", filters=(either,), orders=orders)
        page = store.run(store.run_query(query, transaction))
        assert [entity.key.path[-1] for entity in page.results if entity.key] == [1]
        assert store.run(store.run_aggregation(query, [Count(), Sum("a")], transaction)) == [1, 1]
    both = asked(store, ("a", "=", 1), ("young", "=", 2))
    assert store.run(store.run_query(both, transaction)).results == []
    assert store.run(store.run_aggregation(both, [Count()], transaction)) == [0]
    store.run(store.rollback(transaction))


def test_an_exploding_entity_is_refused_before_anything_is_written(store: EngineStore) -> None:
    made(store, index("a", "b"))
    with pytest.raises(TooLargeError, match="20,000 index rows"):
        put(store, "K", 1, a=list(range(150)), b=list(range(150)))
    assert paths(store, asked(store)) == []
    put(store, "K", 1, a=list(range(100)), b=list(range(100)))


def test_building_an_index_in_which_an_entity_explodes_ends_in_an_error(store: EngineStore) -> None:
    put(store, "K", 1, a=list(range(150)), b=list(range(150)))
    store.run(store.create_indexes([index("a", "b")]))
    assert store.run(store.build_index(index("a", "b"))).state is State.ERROR
    put(store, "K", 2, a=1, b=1)
    assert paths(store, asked(store, ("a", "=", 1), "b")) == [1, 2]


def test_an_ancestor_index_has_a_row_for_each_ancestor(store: EngineStore) -> None:
    put(store, "A", 1, "K", 2, a=5)
    put(store, "A", 1, "K", 3, a=4)
    put(store, "A", 2, "K", 4, a=3)
    made(store, index("a", ancestor=True))
    query = asked(store, "a", ancestor=Key.of(store.partition(), ("A", 1)))
    assert "reads 2 rows of K(ancestor; a)" in store.run(store.explain(query))
    assert paths(store, query) == [3, 2]


def test_the_strict_mode_says_what_to_add(store: EngineStore) -> None:
    store.catalog.strict = True
    put(store, "K", 1, a=1, b=2)
    query = asked(store, ("a", "=", 1), "-b")
    with pytest.raises(NeedIndexError) as caught:
        store.run(store.run_query(query))
    assert "- kind: K\n  properties:\n  - name: a\n  - name: b\n    direction: desc" in str(caught.value)
    made(store, index("a", "-b"))
    assert paths(store, query) == [1]
    for served in (
        asked(store, ("a", "=", 1), ("b", "=", 2)),
        asked(store, "a"),
        asked(store, ("b", ">", 0), "b"),
    ):
        assert paths(store, served) == [1]


def test_what_queries_need_is_noted(store: EngineStore) -> None:
    put(store, "K", 1, a=1, b=2)
    for _ in range(3):
        paths(store, asked(store, ("a", "=", 1), "b"))
    paths(store, asked(store, "a"))
    assert [needs.index for needs in store.catalog.wanted] == [index("a", "b")]


def test_a_join_of_equalities_reads_no_more_than_its_plan_says(store: EngineStore) -> None:
    """Three equalities, each of a tenth, together of a thousandth: one leads, the others are looked up."""
    store.run(
        store.commit(
            [
                Upsert(
                    Entity.of(
                        Key.of(store.partition(), ("K", n)),
                        {"a": n % 10, "b": n // 10 % 10, "c": n // 100 % 10},
                    )
                )
                for n in range(1, 3001)
            ]
        )
    )
    query = asked(store, ("a", "=", 1), ("b", "=", 2), ("c", "=", 3))
    assert "reads 300 rows of K." in store.run(store.explain(query))
    assert paths(store, query) == [321, 1321, 2321]


def test_an_index_of_just_the_equalities_is_read_instead_of_joining(store: EngineStore) -> None:
    for n in range(1, 101):
        put(store, "P", 1 + n % 2, "K", n, a=[n % 4, 9], b=[n % 10, n % 3], c=n % 5)
    queries = [
        asked(store, ("a", "=", 1), ("b", "=", 2), **options)
        for options in ({}, {"limit": 3, "offset": 1}, {"ancestor": Key.of(store.partition(), ("P", 2))})
    ]
    queries += [asked(store, ("a", "=", 1), ("b", "=", 2), "-__key__")]
    more = asked(store, ("a", "=", 1), ("b", "=", 2), ("c", "=", 3))
    two_of_a_list = asked(store, ("a", "=", 1), ("a", "=", 9), ("b", "=", 2))
    before = [paths(store, each) for each in [*queries, more, two_of_a_list]]
    page = store.run(store.run_query(queries[0], page_size=4))
    rest = msgspec.structs.replace(queries[0], start=page.cursor)
    left = paths(store, rest)
    assert len(left) == len(before[0]) - 4 > 0
    made(store, index("b", "-a"))
    assert [paths(store, each) for each in [*queries, more, two_of_a_list]] == before
    assert [store.run(store.run_aggregation(each, [Count()])) for each in queries] == [
        [len(found)] for found in before[: len(queries)]
    ]
    assert paths(store, rest) == left
    told = store.run(store.explain(queries[0]))
    assert "by K(b, a desc)" in told
    assert f"reads {len(before[0])} rows of K(b, a desc)" in told
    # Of three equalities it lacks one, which may be the one with the fewest rows.
    assert "by K(b, a desc)" not in store.run(store.explain(more))
    assert [str(each.index) for each in store.catalog.wanted] == ["K(a, b, __key__ desc)"]
    store.run(store.drop_indexes([index("b", "-a")]))
    assert [paths(store, each) for each in [*queries, more, two_of_a_list]] == before


@pytest.mark.parametrize("seed", range(scaled(3)))
def test_answers_are_the_same_with_indexes_as_without(seed: int) -> None:
    """Random data and questions: one store with the indexes that they need, some built before the data changes."""
    chance, made_up = random.Random(seed), Cases(random.Random(seed))
    before, after = made_up.data(), made_up.data()
    cases = [made_up.case() for _ in range(12)]
    model, indexed = MemoryStore(), connect(":memory:")
    assert isinstance(indexed, EngineStore)
    wanted: dict[CompositeIndex, None] = {}
    for each in cases:
        with suppress(Error):
            wanted.update(dict.fromkeys(needed_indexes(each.query)))
            for one in conjunctions(each.query):
                equal = dict.fromkeys(term.property for term in comparisons(one) if term.op == "=")
                properties = tuple(IndexProperty(name, chance.random() < 0.5) for name in equal)
                if one.kind is not None and len(properties) > 1:
                    wanted[CompositeIndex(one.kind, one.ancestor is not None, properties)] = None
    indexed.run(indexed.create_indexes([found for found in wanted if chance.random() < 0.5]))
    replaced(model, before, after)
    replaced(indexed, before, after)
    assert indexed.run(indexed.check()) == []
    indexed.run(indexed.create_indexes(list(wanted)))
    for progress in indexed.run(indexed.indexes()):
        build(indexed, progress.index, progress.namespace)
    for each in cases:
        assert difference(model, indexed, each) is None
    assert indexed.run(indexed.check()) == []
    indexed.close()
