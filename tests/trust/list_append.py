"""Clients that read and append to lists in random transactions and write down what they saw.

There are two sorts of lists. A *stored* list is one entity's property: an append reads it and writes it
back. A *found* list is what a query finds, oldest commit first: an append inserts one more entity, unread,
so that it comes to the query as a phantom. `histories.check` judges both alike.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator

from kindstore.store.abc import Store
from kindstore.store.messages import Concurrency, Insert, Mutation, PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import OutcomeUnknownError, Retryable
from kindstore.values.key import Key
from tests.trust.histories import Append, Operation, Outcome, Read, Transaction
from tests.trust.stores import find

GENERATION = 150
"""Transactions of a client after which it turns to new lists, so that none grows long."""

ListName = tuple[str, int, int]
"""("stored" or "found", generation, number)."""


class Client:
    """One client of a store; `number` must differ from every other client's of the same history."""

    def __init__(
        self, store: Store, number: int, seed: int, concurrency: Concurrency | None, lists: int
    ) -> None:
        """With *concurrency* None the client uses no transactions at all: the negative control."""
        self.store = store
        self.number = number
        self.concurrency = concurrency
        self.lists = lists
        self._chance = random.Random(seed * 1000 + number)
        self._appended = 0

    def run(self, transactions: int) -> list[Transaction]:
        """The history of *transactions* that committed, and of those that failed on the way."""
        history: list[Transaction] = []
        committed = 0
        for attempt in range(transactions * 20):
            made = list(self.transact(f"{self.number}.{attempt}", attempt // GENERATION))
            history += made
            committed += made[0].outcome is not Outcome.FAILED
            if committed == transactions:
                return history
        raise AssertionError(
            f"client {self.number}: {committed} of {transactions} committed in 20 times the tries"
        )

    def transact(self, name: str, generation: int) -> Iterator[Transaction]:
        """One random transaction.

        One that fails is there twice: as failed with its appends, and as a transaction of its own that only
        read, for what a doomed transaction sees must come from one snapshot too.
        """
        chance = self._chance
        chosen = chance.sample(range(2 * self.lists), k=chance.choice([1, 2, 2, 3]))
        names: list[ListName] = [("stored" if n % 2 else "found", generation, n // 2) for n in chosen]
        reads: list[Operation] = []
        appends: list[Operation] = []
        mutations: list[Mutation] = []
        outcome = Outcome.OK
        began = time.monotonic_ns()
        run = self.store.run
        transaction = (
            None if self.concurrency is None else run(self.store.begin(concurrency=self.concurrency))
        )
        try:
            for one in names:
                adds = chance.random() < 0.6
                if one[0] == "stored" or not adds or chance.random() < 0.5:
                    values = self.read(one, transaction)
                    reads.append(Read(one, values))
                    if chance.random() < 0.5:
                        time.sleep(chance.random() * 0.0004)  # let others in between
                else:
                    values = ()
                if adds:
                    self._appended += 1
                    value = self.number * 1_000_000 + self._appended
                    appends.append(Append(one, value))
                    mutations.append(self._append(one, values, value))
            run(self.store.commit(mutations, transaction))
        except OutcomeUnknownError:
            outcome = Outcome.UNKNOWN
        except Exception as error:
            if not isinstance(error, Retryable):
                raise
            outcome = Outcome.FAILED
            if transaction is not None:
                run(self.store.rollback(transaction))
        ended = time.monotonic_ns()
        yield Transaction(name, (*reads, *appends), outcome, began, ended)
        if outcome is Outcome.FAILED:
            yield Transaction(f"{name} (reads)", tuple(reads), Outcome.OK, began, ended)

    def read(self, one: ListName, transaction: bytes | None) -> tuple[int, ...]:
        """The list as the store has it."""
        if one[0] == "stored":
            (entity,) = self.store.run(self.store.lookup([self._root(one)], transaction))
            return tuple(entity["values"]) if entity else ()
        found = find(self.store, self._query(one), transaction)
        assert all(e.version > 0 for e in found)
        return tuple(e["value"] for e in sorted(found, key=lambda e: (e.version, e["value"])))

    def read_all(self, names: Iterable[ListName]) -> Transaction:
        """One transaction that reads every list, for the end of a history."""
        began = time.monotonic_ns()
        transaction = self.store.run(self.store.begin(read_only=True, concurrency=self.concurrency))
        reads = tuple(Read(one, self.read(one, transaction)) for one in names)
        self.store.run(self.store.rollback(transaction))
        return Transaction("the last read", reads, Outcome.OK, began, time.monotonic_ns())

    def _root(self, one: ListName) -> Key:
        sort, generation, number = one
        return Key.of(self.store.partition(), ("List", f"{sort}-{generation}-{number}"))

    def _query(self, one: ListName) -> Query:
        if self.concurrency is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS:  # which has ancestor queries only
            return Query(self.store.partition(), "Item", ancestor=self._root(one))
        owner = PropertyFilter("list", "=", str(self._root(one).path[-1]))
        return Query(self.store.partition(), "Item", filters=(owner,))

    def _append(self, one: ListName, values: tuple[int, ...], value: int) -> Mutation:
        if one[0] == "stored":
            return Upsert(Entity.of(self._root(one), {"values": [*values, value]}, unindexed=["values"]))
        key = self._root(one).child("Item", value)
        return Insert(Entity.of(key, {"list": self._root(one).path[-1], "value": value}))
