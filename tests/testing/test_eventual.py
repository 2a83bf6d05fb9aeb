"""Stale global queries, as App Engine had them: which reads may miss a commit, and which may not."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import kindstore
from kindstore.store.abc import Store
from kindstore.store.messages import Consistency, Count, Delete, PropertyFilter, Query, Upsert
from kindstore.testing import Always, Delays, Eventual, Never, Probability
from kindstore.values.entity import Entity
from kindstore.values.key import Key


@pytest.fixture
def store() -> Generator[Eventual]:
    """A store of which global queries see nothing by themselves."""
    made = Eventual(kindstore.connect(":memory:"), Never())
    yield made
    made.close()


def key(store: Any, *path: Any) -> Key:
    return Key.of(store.partition(), path)


def put(store: Any, *path: Any, **properties: Any) -> int:
    entity = Entity.of(key(store, *path), properties)
    version: int = store.run(store.commit([Upsert(entity)])).version
    return version


def numbers(store: Any, **options: Any) -> list[int]:
    query = Query(store.partition(), "Item", **options)
    return sorted(each["n"] for each in store.run(store.run_query(query)).results)


def test_a_global_query_does_not_see_a_commit(store: Eventual) -> None:
    put(store, "Item", 1, n=1)
    assert numbers(store) == []
    assert store.run(store.run_aggregation(Query(store.partition(), "Item"), [Count()])) == [0]
    assert store.unapplied == 1


def test_a_get_sees_it_and_lets_global_queries_see_it(store: Eventual) -> None:
    version = put(store, "Item", 1, n=1)
    [found] = store.run(store.lookup([key(store, "Item", 1)]))
    assert found is not None
    assert (found["n"], found.version) == (1, version)
    assert numbers(store) == [1]
    assert store.unapplied == 0


def test_an_eventual_get_does_not_see_it(store: Eventual) -> None:
    put(store, "Item", 1, n=1)
    wanted = [key(store, "Item", 1)]
    assert store.run(store.lookup(wanted, consistency=Consistency.EVENTUAL)) == [None]
    store.run(store.lookup(wanted))
    assert store.run(store.lookup(wanted, consistency=Consistency.EVENTUAL)) != [None]


def test_an_ancestor_query_sees_its_group_and_no_other(store: Eventual) -> None:
    put(store, "Box", 1, "Item", 1, n=1)
    put(store, "Box", 2, "Item", 1, n=2)
    assert numbers(store, ancestor=key(store, "Box", 1)) == [1]
    assert numbers(store) == [1]


def test_entity_and_index_rows_are_stale_together(store: Eventual) -> None:
    put(store, "Item", 1, n=1)
    store.apply_all()
    put(store, "Item", 1, n=2)
    assert numbers(store, filters=(PropertyFilter("n", "=", 1),)) == [1]
    assert numbers(store, filters=(PropertyFilter("n", "=", 2),)) == []
    store.run(store.commit([Delete(key(store, "Item", 1))]))
    assert numbers(store) == [1]
    store.apply_all()
    assert numbers(store) == []


def test_a_commit_of_two_groups_may_be_seen_in_half(store: Eventual) -> None:
    items = [Entity.of(key(store, "Item", n), {"n": n}) for n in (1, 2)]
    store.run(store.commit([Upsert(each) for each in items]))
    store.run(store.lookup([key(store, "Item", 2)]))
    assert numbers(store) == [2]


def test_what_is_found_has_the_version_of_the_store(store: Eventual) -> None:
    version = put(store, "Item", 1, n=1)
    store.apply_all()
    [found] = store.run(store.run_query(Query(store.partition(), "Item"))).results
    assert found.version == version
    put(store, "Item", 1, n=1)  # changes nothing
    store.apply_all()
    [found] = store.run(store.run_query(Query(store.partition(), "Item"))).results
    store.run(store.commit([Upsert(Entity.of(found.key, {"n": 2}), base_version=found.version)]))


def test_a_transaction_reads_strongly(store: Eventual) -> None:
    put(store, "Item", 1, n=1)
    transaction = store.run(store.begin())
    [found] = store.run(store.lookup([key(store, "Item", 1)], transaction))
    assert found is not None
    store.run(store.commit([Upsert(Entity.of(found.key, {"n": 5}))], transaction))
    assert numbers(store) == []
    store.apply_all()
    assert numbers(store) == [5]


def test_what_was_there_before_is_seen(tmp_path: Path) -> None:
    inner = kindstore.connect(tmp_path / "a.db")
    put(inner, "Item", 1, n=1)
    store = Eventual(inner, Never())
    put(store, "Item", 2, n=2)
    assert numbers(store) == [1]
    store.close()
    again = kindstore.connect(tmp_path / "a.db")
    assert numbers(again) == [1, 2]
    again.close()


def test_true_over_one_is_a_change(store: Eventual) -> None:
    put(store, "Item", 1, n=1)
    version = put(store, "Item", 1, n=True)
    store.apply_all()
    [found] = store.run(store.run_query(Query(store.partition(), "Item"))).results
    assert (found["n"], found.version) == (True, version)


def test_pages_of_a_stale_query_go_on_where_they_were(store: Eventual) -> None:
    for n in range(5):
        put(store, "Item", n + 1, n=n)
    store.apply_all()
    put(store, "Item", 9, n=9)
    first = store.run(store.run_query(Query(store.partition(), "Item"), page_size=3))
    rest = Query(store.partition(), "Item", start=first.cursor)
    found = [*first.results, *store.run(store.run_query(rest)).results]
    assert [each["n"] for each in found] == [0, 1, 2, 3, 4]


def test_it_is_a_store(store: Eventual) -> None:
    as_store: Store = store
    assert as_store.run(as_store.allocate_ids([key(store, "Item")]))[0].is_complete


def test_always_is_strong() -> None:
    store = Eventual(kindstore.connect(":memory:"), Always())
    put(store, "Item", 1, n=1)
    assert numbers(store) == [1]
    store.close()


def seen(seed: int) -> list[list[int]]:
    """What a global query sees after each of 30 commits to five groups."""
    store = Eventual(kindstore.connect(":memory:"), Probability(0.5, seed))
    found: list[list[int]] = []
    for n in range(30):
        put(store, "Item", n % 5 + 1, n=n)
        found.append(numbers(store))
    store.close()
    return found


def test_a_probability_has_a_seed_and_keeps_the_order_of_each_group() -> None:
    assert seen(1) == seen(1)
    assert seen(1) != seen(2)
    for one, next_ in zip(seen(3), seen(3)[1:], strict=False):
        for n in one:
            assert any(later % 5 == n % 5 and later >= n for later in next_)


def test_delays_are_over_in_time() -> None:
    now = [0.0]
    store = Eventual(kindstore.connect(":memory:"), Delays(seed=4, clock=lambda: now[0]))
    for n in range(400):
        put(store, "Item", n + 1, n=n)
    counts: list[int] = []
    for now[0] in (0.0, 0.1, 0.3, 2.0, 240.0):
        counts.append(len(numbers(store)))
    assert counts[0] == 0
    assert 380 <= counts[1] < 400
    assert counts == sorted(counts)
    assert counts[-1] == 400
    store.close()


def test_it_works_in_an_event_loop(store: Eventual) -> None:
    async def work() -> None:
        item = Entity.of(key(store, "Item", 1), {"n": 1})
        await store.arun(store.commit([Upsert(item)]))
        assert (await store.arun(store.run_query(Query(store.partition(), "Item")))).results == []
        assert await store.arun(store.lookup([key(store, "Item", 1)])) == [item]
        assert len((await store.arun(store.run_query(Query(store.partition(), "Item")))).results) == 1

    asyncio.run(work())
