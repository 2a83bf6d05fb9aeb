"""Long random histories, told to both stores.  They meet themselves more often than Hypothesis' short ones do.

The number of a test is its seed; ``KINDSTORE_SOAK=1`` runs many more.
"""

from __future__ import annotations

import random
from typing import Any, cast

import msgspec
import pytest

from kindstore.store.messages import (
    Concurrency,
    Delete,
    Insert,
    Mutation,
    Order,
    PropertyFilter,
    Query,
    Update,
    Upsert,
)
from kindstore.values.entity import Entity
from tests.conformance.test_differential import KEYS, VALUES, Histories, Walk
from tests.scale import scaled
from tests.values.strategies import PARTITION

SEEDS = scaled(12, soak=500)
OPERATIONS = 250


class Teller:
    """Makes up operations, and tells them to both stores of a `Histories`."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.histories = Histories()
        self.histories.open()
        self.held: list[dict[str, bytes]] = []
        self.walks: list[Walk] = []

    # What there is to say

    def value(self) -> Any:
        return self.random.choice([1, 2, 3, *self.random.choices(VALUES, k=3)])

    def values(self) -> list[Any]:
        return [self.value() for _ in range(self.random.randint(0, 3))]

    def nested(self) -> Entity:
        return Entity.of(None, {"z": self.random.choice([self.value(), self.values()])})

    def anything(self) -> Any:
        mixed = [self.random.choice([self.nested(), self.value()]) for _ in range(self.random.randint(0, 2))]
        choices = [self.value(), self.values(), self.nested(), mixed]
        return self.random.choices(choices, [5, 3, 1, 1])[0]

    def entity(self) -> Entity:
        names = self.random.sample(["x", "y", "z"], self.random.randint(0, 3))
        unindexed = [name for name in names if self.random.random() < 0.1]
        return Entity.of(self.random.choice(KEYS), {name: self.anything() for name in names}, unindexed)

    def mutations(self, least: int) -> list[Mutation]:
        def one() -> Mutation:
            match self.random.randint(0, 5):
                case 0:
                    return Delete(self.random.choice(KEYS))
                case 1:
                    return Insert(self.entity())
                case 2:
                    return Update(self.entity())
                case _:
                    return Upsert(self.entity())

        return [one() for _ in range(self.random.randint(least, 3))]

    def query(self) -> Query:
        """Mostly one that needs no composite index: one property has all inequalities, and is sorted by."""
        chance, choice = self.random.random, self.random.choice
        kind = choice(["E", "E", "E", "F", "New", None])
        ranged = choice("xyz")
        filters: list[PropertyFilter] = []
        orders: list[Order] = []
        if kind is not None:
            for _ in range(choice([0, 0, 1, 1, 2, 3])):
                op = choice(["=", "=", "<", "<=", ">", ">="])
                name = (
                    ranged if op != "=" and chance() < 0.8 else choice(["x", "x", "y", "z", "x.z", "never"])
                )
                filters.append(PropertyFilter(name, op, self.value()))
            has_range = any(each.op != "=" for each in filters)
            for _ in range(choice([0, 0, 1, 1, 1, 2])):
                name = ranged if has_range and chance() < 0.8 else choice(["x", "y", "z", "x.z", "__key__"])
                orders.append(Order(name, chance() < 0.5))
        elif chance() < 0.5:
            orders.append(Order("__key__", chance() < 0.5))
        if chance() < 0.2:
            filters.append(PropertyFilter("__key__", choice(["=", "<", "<=", ">", ">="]), choice(KEYS)))
        return Query(
            PARTITION,
            kind,
            choice(KEYS) if chance() < 0.25 else None,
            tuple(filters),
            tuple(orders),
            keys_only=chance() < 0.3,
            limit=choice([None, None, 0, 1, 2, 3]),
            offset=choice([0, 0, 0, 1, 2]),
        )

    # One operation

    def tell(self) -> None:
        """Tell both stores one operation."""
        histories, choice = self.histories, self.random.choice
        operation = self.random.choices(
            ["commit", "lookup", "query", "count", "walk", "go on", "end", "begin", "in"],
            [25, 5, 25, 5, 5, 10, 4, 5, 20],
        )[0]
        match operation:
            case "commit":
                mutations = self.mutations(1)
                histories.commit(mutations)
            case "lookup":
                keys = self.random.choices(KEYS, k=3)
                histories.lookup(keys)
            case "query":
                query = self.query()
                histories.run_query(query)
            case "count":
                query = self.query()
                histories.count(query, choice([None, 0, 1, 2]))
            case "walk":
                self.walks = [*self.walks[-5:], Walk(self.query(), self.random.randint(1, 3))]
            case "go on" if self.walks:
                histories.go_on(choice(self.walks))
            case "end" if self.walks:
                histories.use_a_cursor_as_the_end(choice(self.walks))
            case "begin":
                begun = histories.begin(self.random.random() < 0.2, choice(list(Concurrency)))
                self.held = [*self.held[-3:], cast("dict[str, bytes]", begun)]
            case "in" if self.held:
                self.tell_in(choice(self.held))
            case _:
                pass

    def tell_in(self, held: dict[str, bytes]) -> None:
        """Tell both stores one operation in a transaction."""
        histories, choice = self.histories, self.random.choice
        operation = self.random.choices(
            ["lookup", "query", "count", "commit", "rollback"], [35, 30, 10, 20, 5]
        )[0]
        match operation:
            case "lookup":
                histories.lookup_in(held, self.random.choices(KEYS, k=2))
            case "query":
                query = self.query()
                if choice([True, False]):
                    query = msgspec.structs.replace(query, ancestor=choice(KEYS))
                histories.query_in(held, query)
            case "count":
                histories.count_in(held, self.query(), None)
            case "commit":
                self.held.remove(held)
                mutations = self.mutations(0)
                histories.commit_in(held, mutations)
            case _:
                self.held.remove(held)
                histories.rollback(held)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_both_stores_tell_the_same_history(seed: int) -> None:
    teller = Teller(seed)
    for _ in range(OPERATIONS):
        teller.tell()
    teller.histories.teardown()
