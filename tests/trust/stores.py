"""Opening the store under test, and a workload whose every state can be computed: the books.

`Books` writes numbered transactions. Each touches a counter, inserts an item, changes the one before (so index
rows go stale) and deletes an old one. What the database must hold after n of them is a pure function of n, so
an audit compares everything: the entities by key, the entities by index, and the store's own check.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from kindstore.backends import sqlite
from kindstore.store.abc import Inspect, Store
from kindstore.store.messages import (
    Committed,
    Concurrency,
    Delete,
    Insert,
    Mutation,
    PropertyFilter,
    Query,
    Upsert,
)
from kindstore.values.entity import Entity
from kindstore.values.errors import Retryable
from kindstore.values.key import Key

LIVE = 5
"""Items that one writer leaves in the database."""

T = TypeVar("T")


class InspectedStore(Store, Inspect, Protocol):
    """A store that can check itself."""


def open_store(path: Path, **options: Any) -> InspectedStore:
    """The SQLite store of the file *path*; *options* as `kindstore.backends.sqlite.open_store` takes them."""
    return cast(InspectedStore, sqlite.open_store(path, **options))


@contextmanager
def opened(path: Path, **options: Any) -> Generator[InspectedStore]:
    """The store of *path*, closed at the end of the block."""
    with closing(open_store(path, **options)) as store:
        yield store


def faults_of(store: InspectedStore) -> list[str]:
    """What the whole-database checker says; empty if all is well."""
    return list(store.run(store.check()))


def find(store: Store, query: Query, transaction: bytes | None = None) -> list[Entity]:
    """All results of *query*."""
    return list(store.run(store.run_query(query, transaction)).results)


def retrying(work: Callable[[], T], tries: int = 200) -> T:
    """The value of *work*, done again while it loses to others."""
    for left in range(tries, 0, -1):
        try:
            return work()
        except Exception as error:
            if not isinstance(error, Retryable) or left == 1:
                raise
    raise AssertionError("unreachable")


class Books:
    """One writer's part of the database."""

    def __init__(self, store: InspectedStore, writer: int = 0) -> None:
        self.store = store
        self.writer = writer
        partition = store.partition()
        self._root = Key.of(partition, ("Ledger", f"writer-{writer}"))
        self._counter = self._root.child("Counter", "only")

    def item_key(self, number: int) -> Key:
        """The key of the item that transaction *number* inserts."""
        return self._root.child("Item", number)

    def item(self, number: int, age: int) -> Entity:
        """The item of transaction *number* after *age* further transactions."""
        chance = random.Random(number * 1000 + self.writer)
        properties = {
            "writer": self.writer,
            "number": number,
            "state": "new" if age == 0 else "old",
            "tags": [f"tag-{number % 3}", f"age-{min(age, 1)}", chance.randint(0, 9)],
            "payload": chance.randbytes(chance.choice([10, 300, 3000])),
        }
        return Entity.of(self.item_key(number), properties, unindexed=["payload"])

    def mutations(self, number: int) -> list[Mutation]:
        """What transaction *number* (1, 2, …) changes."""
        changes: list[Mutation] = [
            Upsert(Entity.of(self._counter, {"n": number})),
            Insert(self.item(number, 0)),
        ]
        if number > 1:
            changes.append(Upsert(self.item(number - 1, 1)))
        if number > LIVE:
            changes.append(Delete(self.item_key(number - LIVE)))
        return changes

    def transact(self, number: int, concurrency: Concurrency | None = None) -> Committed:
        """Read the counter in a transaction, find it at *number* - 1, and do transaction *number*."""
        run = self.store.run
        transaction = run(self.store.begin(concurrency=concurrency))
        (counter,) = run(self.store.lookup([self._counter], transaction))
        at = counter["n"] if counter else 0
        assert at == number - 1, f"writer {self.writer}: counter is {at} before transaction {number}"
        return run(self.store.commit(self.mutations(number), transaction))

    def counter(self) -> int:
        """How many transactions are in the database."""
        (counter,) = self.store.run(self.store.lookup([self._counter]))
        return int(counter["n"]) if counter else 0

    def differences(self, number: int) -> list[str]:
        """How the database differs, by key and by index, from the state after transaction *number*."""
        expected = {
            self.item_key(n): self.item(n, number - n) for n in range(max(1, number - LIVE + 1), number + 1)
        }
        wrong: list[str] = []
        keys = [self.item_key(n) for n in range(max(1, number - LIVE - 1), number + 3)]
        held = dict(zip(keys, self.store.run(self.store.lookup(keys)), strict=True))
        wrong += [f"{key}: {held[key]}" for key in keys if held[key] != expected.get(key)]

        partition = self.store.partition()
        newest = {number} & {item["number"] for item in expected.values()}
        for filters, numbers in (
            ((PropertyFilter("writer", "=", self.writer),), {item["number"] for item in expected.values()}),
            ((PropertyFilter("state", "=", "new"), PropertyFilter("writer", "=", self.writer)), newest),
            ((PropertyFilter("tags", "=", "age-0"), PropertyFilter("writer", "=", self.writer)), newest),
        ):
            found = find(self.store, Query(partition, "Item", filters=filters))
            if {e["number"] for e in found} != numbers or any(
                e != expected.get(cast(Key, e.key)) for e in found
            ):
                wrong.append(f"{filters} finds {sorted(e['number'] for e in found)}, not {sorted(numbers)}")
        return wrong
