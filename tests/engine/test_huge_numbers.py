"""Numbers beyond SQLite's 64 bits, as limits, offsets and sizes of pages, mean all there is or nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.store.abc import Store
from kindstore.store.messages import Count, Order, OrFilter, PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.key import Key, Partition

SPACE = Partition.of("kindstore")
A, B = PropertyFilter("a", "=", 1), PropertyFilter("b", ">", 0)


@pytest.mark.parametrize("huge", [2**31, 2**62, 2**63 - 1, 2**63, 10**30])
@pytest.mark.parametrize("opened", [MemoryStore, lambda: connect(":memory:")], ids=["memory", "sqlite"])
@pytest.mark.parametrize(
    "query",
    [
        Query(SPACE),
        Query(SPACE, "E"),
        Query(SPACE, "E", None, (A,)),
        Query(SPACE, "E", None, (B,)),
        Query(SPACE, "E", None, (A, B), (Order("c", True),)),
        Query(SPACE, "E", None, (OrFilter((A, B)),)),
        Query(SPACE, "E", projection=("a", "b")),
    ],
)
def test_more_than_64_bits_is_as_good_as_no_limit(opened: Any, query: Query, huge: int) -> None:
    store: Store = opened()
    for kind in ("E", "F"):
        for number in range(1, 4):
            entity = Entity.of(Key.of(SPACE, (kind, number)), {"a": 1, "b": number, "c": 2})
            store.run(store.commit([Upsert(entity)]))

    def answers(limit: int | None, offset: int, size: int | None) -> list[Any]:
        asked = msgspec.structs.replace(query, limit=limit, offset=offset)
        page = store.run(store.run_query(asked, page_size=size))
        return [each.key for each in page.results]

    everything = answers(None, 0, None)
    assert everything
    for _ in range(2):  # planned, and remembered
        assert answers(huge, 0, None) == answers(None, 0, huge) == answers(huge, 0, huge) == everything
        assert answers(huge, 1, None) == everything[1:]
        assert answers(None, huge, None) == answers(huge, huge, huge) == []
    assert store.run(store.run_aggregation(query, [Count(huge)])) == [len(everything)]
    store.close()
