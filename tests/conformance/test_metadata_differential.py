"""Metadata after random commits is the same on every store, page by page; versions of entity groups only grow."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.store.abc import Store
from kindstore.store.messages import Count, Delete, Mutation, PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from tests.conformance.test_differential import VALUES
from tests.values.strategies import strict

ROUNDS = 40
NAMESPACES = ("", "a", "b")
KINDS = ("K", "L", "K\0", "Ö")
NAMES = ("x", "x.y", "y", "z")


class Teller:
    """Makes up commits and questions."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"metadata {seed}")

    def key(self, store: Store) -> Key:
        path: list[Any] = []
        for _ in range(self.chance.choice([1, 1, 2])):
            path += [self.chance.choice(KINDS), self.chance.choice([1, 2, "a"])]
        return Key.of(store.partition(self.chance.choice(NAMESPACES)), path)

    def mutations(self, store: Store) -> list[Mutation]:
        made: dict[Key, Mutation] = {}
        for _ in range(self.chance.randint(1, 4)):
            key = self.key(store)
            values: dict[str, Any] = {}
            for name in self.chance.sample(["x", "y", "z"], self.chance.randint(0, 3)):
                several = self.chance.choices(VALUES, k=self.chance.randint(0, 3))
                nested = Entity.of(None, {"y": self.chance.choice(VALUES)})
                values[name] = self.chance.choice([several, nested, self.chance.choice(VALUES)])
            unindexed = [name for name in values if self.chance.random() < 0.2]
            entity = Entity.of(key, values, unindexed)
            made[key] = Delete(key) if self.chance.random() < 0.5 else Upsert(entity)
        return [*made.values()]

    def query(self, store: Store) -> Query:
        chance = self.chance
        partition = store.partition(chance.choice(NAMESPACES))
        kind = chance.choice(["__namespace__", "__kind__", "__property__"])
        filters: list[PropertyFilter] = []
        for _ in range(chance.choice([0, 0, 1, 2])):
            path: tuple[Any, ...] = ("__kind__", chance.choice(KINDS))
            if kind == "__namespace__":
                path = (kind, chance.choice([1, "a", "b", "aa"]))
            elif kind == "__property__" and chance.random() < 0.7:
                path = (*path, kind, chance.choice(NAMES))
            op = chance.choice(["=", "<", "<=", ">", ">="])
            filters.append(PropertyFilter("__key__", op, Key.of(partition, path)))
        ancestor = None
        if kind == "__property__" and chance.random() < 0.3:
            ancestor = Key.of(partition, ("__kind__", chance.choice(KINDS)))
        return Query(
            partition,
            kind,
            ancestor,
            tuple(filters),
            keys_only=chance.random() < 0.3,
            limit=chance.choice([None, None, 0, 2, 5]),
            offset=chance.choice([0, 0, 1, 3]),
        )


def answers(store: Store, query: Query, page_size: int) -> list[Any]:
    """The results at once, their number, and the results without limit and offset a page at a time."""
    whole = store.run(store.run_query(query))
    found: list[Any] = [strict(each) for each in whole.results]
    found += store.run(store.run_aggregation(query, [Count(), Count(2)]))
    unbound = msgspec.structs.replace(query, limit=None, offset=0)
    page = store.run(store.run_query(unbound, page_size=page_size))
    while page.results:
        found += [strict(each) for each in page.results]
        page = store.run(
            store.run_query(msgspec.structs.replace(unbound, start=page.cursor), page_size=page_size)
        )
    return found


@pytest.mark.parametrize("seed", range(6))
def test_metadata_is_the_same_on_both_stores(seed: int) -> None:
    teller = Teller(seed)
    stores: list[Store] = [connect(":memory:"), MemoryStore()]
    for _ in range(ROUNDS):
        mutations = teller.mutations(stores[0])
        for store in stores:
            store.run(store.commit(mutations))
        for _ in range(5):
            query, page_size = teller.query(stores[0]), teller.chance.randint(1, 3)
            first, second = (answers(store, query, page_size) for store in stores)
            assert first == second, query
    for store in stores:
        store.close()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("late", [0, 20])
def test_versions_of_groups_only_grow_and_on_both_stores_at_once(seed: int, late: int) -> None:
    """*late*: commits before the first question."""
    teller = Teller(seed)
    stores: list[Store] = [connect(":memory:"), MemoryStore()]
    groups = [
        Key.of(stores[0].partition(namespace), (kind, id_, "__entity_group__", 1))
        for namespace in NAMESPACES
        for kind in KINDS
        for id_ in (1, 2, "a")
    ]
    before: list[list[int]] = [[0] * len(groups)] * 2
    for commit in range(ROUNDS):
        mutations = teller.mutations(stores[0])
        if commit < late:
            mutations = [each for each in mutations if isinstance(each, Upsert)]
        after: list[list[int]] = []
        for store in stores:
            store.run(store.commit(mutations))
            if commit >= late:
                found = store.run(store.lookup(groups))
                after.append([0 if each is None else each["__version__"] for each in found])
        if after:
            changed = [
                [new != old for new, old in zip(now, then, strict=True)]
                for now, then in zip(after, before, strict=True)
            ]
            assert changed[0] == changed[1]
            for now, then in zip(after, before, strict=True):
                assert all(new >= old for new, old in zip(now, then, strict=True))
            before = after
    for store in stores:
        store.close()
