"""A page after a cursor begins with a seek to its place: it does not pass by results with equal values."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kindstore.backends.sqlite import open_store
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.scan import prepare
from kindstore.engine.statement import KEYS
from kindstore.store.messages import Order, PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.key import Key

PREFIX = (PropertyFilter("a", "=", 1),)


@pytest.mark.parametrize(
    ("filters", "orders", "seek"),
    [
        ((), ("b",), "(value,path)>(?,?)"),
        ((PropertyFilter("b", ">=", 0),), (), "(value,path)>(?,?)"),
        ((PropertyFilter("b", ">=", 0), PropertyFilter("b", "<", 9)), (), "(value,path)>(?,?)"),
        (PREFIX, (), "value=? AND path>?"),
        (PREFIX, ("b",), "c0=? AND (c1,path)>(?,?)"),
        (PREFIX, ("b", "c"), "c0=? AND (c1,c2,path)>(?,?,?)"),
    ],
)
@pytest.mark.parametrize("has_end", [False, True])
def test_the_place_of_a_cursor_is_sought(
    filters: tuple[PropertyFilter, ...], orders: tuple[str, ...], seek: str, has_end: bool
) -> None:
    store = open_store(":memory:")
    kind = "E"
    for names in (("a", "b"), ("a", "b", "c")):
        index = CompositeIndex(kind, False, tuple(map(IndexProperty, names)))
        store.run(store.create_indexes([index]))
    key = Key.of(store.partition(), (kind, 1))
    store.run(store.commit([Upsert(Entity.of(key, {"a": 1, "b": 2, "c": 3}))]))
    query = Query(store.partition(), kind, None, filters, tuple(map(Order, orders)))
    page = store.run(store.run_query(query, page_size=1))
    query = msgspec.structs.replace(query, start=page.cursor, end=page.cursor if has_end else None)
    made = store.run(prepare(store.catalog, query)).statement(KEYS, 20, 0)
    assert made is not None
    text, values = made

    def plan() -> Any:
        [found] = yield [(f"EXPLAIN QUERY PLAN {text}", values)]
        return found

    steps = [step for *_, step in store.run(plan())]
    assert any(seek in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
    store.close()
