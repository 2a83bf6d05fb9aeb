"""Metadata in the database: by seeks, whatever table an index lives in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kindstore.backends.sqlite import open_store
from kindstore.engine.dialect import OWN_TABLES, Dialect
from kindstore.engine.metadata import TYPE_BOUNDS, TYPE_RANGES
from kindstore.engine.store import EngineStore
from kindstore.store.messages import Query, Upsert
from kindstore.store.metadata import TYPES
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from kindstore.values.ordered import pack
from tests.conformance.database import Database
from tests.conformance.test_differential import VALUES


@pytest.fixture
def store() -> Iterator[EngineStore]:
    store = open_store(":memory:")
    yield store
    store.close()


@pytest.fixture
def db(store: EngineStore) -> Database:
    return Database(store)


def rows(text: str, *values: Any) -> Any:
    """A program that runs one statement."""
    [found] = yield [(text, values)]
    return found


def test_every_packed_value_is_in_the_range_of_its_type_alone() -> None:
    assert len(TYPE_RANGES) == len(TYPES)
    for value in [*VALUES, False, -1, -(2**63), 2**63 - 1, float("-inf"), b"\xff" * 1500]:
        packed = pack(value)
        assert sum(low <= packed < high for low, high in TYPE_RANGES) == 1, value


def test_nothing_is_scanned(db: Database, store: EngineStore) -> None:
    db.put("a", x=1)
    index = store.catalog.kinds[db.partition, "E"].indexes["x"].number
    root = db.key("a").path_bytes
    asked = [
        (Dialect.some_of_space, (1,)),
        (Dialect.some_of_kind, (1,)),
        (store.catalog.dialect.some_of_types(index, len(TYPES)), TYPE_BOUNDS),
        (store.catalog.dialect.some_of_types(OWN_TABLES + 1, len(TYPES)), TYPE_BOUNDS),
        (store.catalog.dialect.some_rows(OWN_TABLES + 1), ()),
        (Dialect.select_group_version, (1, root, 1, root, root + b"\xff")),
    ]
    for text, values in asked:
        steps = [step for *_, step in store.run(rows(f"EXPLAIN QUERY PLAN {text}", *values))]
        assert [step for step in steps if "SEARCH" in step], text
        assert not [step for step in steps if "SCAN" in step and "CONSTANT ROW" not in step], (text, steps)


def test_indexes_that_share_a_table_are_told_apart(db: Database, store: EngineStore) -> None:
    names = [f"p{number:04}" for number in range(OWN_TABLES + 5)]
    values = {name: at if at % 2 else str(at) for at, name in enumerate(names)}
    db.commit(Upsert(Entity.of(db.key("a"), values)))
    found = db.page(Query(db.partition, "__property__")).results
    types = {each.key.path[-1]: each["property_representation"] for each in found if each.key is not None}
    assert types == {name: ["INT64" if at % 2 else "STRING"] for at, name in enumerate(names)}
    db.commit(Upsert(Entity.of(db.key("a"), {names[-1]: None})))
    [left] = db.page(Query(db.partition, "__property__", keys_only=True)).results
    assert left.key == Key.of(db.partition, ("__kind__", "E", "__property__", names[-1]))
    store.run(store.refresh_statistics())
    total = store.run(store.lookup([db.key("__Stat_Total__", "total_entity_usage")]))[0]
    assert total["builtin_index_count"] == 1 + 2


def test_what_another_process_stores_is_listed(tmp_path: Any) -> None:
    first, second = (open_store(tmp_path / "one.db") for _ in range(2))
    Database(first).put("a", x=1)
    for kind, expected in (("__namespace__", 1), ("__kind__", "E"), ("__property__", "x")):
        page = second.run(second.run_query(Query(second.partition(), kind)))
        assert [each.key.path[-1] for each in page.results if each.key is not None] == [expected]
    first.close()
    second.close()


def test_a_metadata_query_is_explained(db: Database, store: EngineStore) -> None:
    query = db.query(("__key__", ">", db.key("__kind__", "E")), kind="__kind__")
    assert store.run(store.explain(query)) == "MetadataScan(__kind__, asc, __key__ > Key('__kind__', 'E'))"
