"""A store in the words of the tests: paths are written as they read, results as names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from kindstore.store.abc import Store
from kindstore.store.messages import (
    Aggregation,
    Concurrency,
    Count,
    Delete,
    Filter,
    Insert,
    Mutation,
    Order,
    Page,
    PropertyFilter,
    Query,
    Update,
    Upsert,
)
from kindstore.values.entity import Entity
from kindstore.values.key import Key


class Clock:
    """A clock that the test moves; seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Opener: TypeAlias = Callable[[Path, Clock], Store]
"""Opens a new, empty store of project "kindstore" in a directory of its own."""


class Database:
    """*store* with short verbs.  Keys of one element are of kind E."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.partition = store.partition()

    def key(self, *path: Any) -> Key:
        """``key("a")`` is E/"a"; ``key("A", 1, "B", 2)`` a path."""
        return Key.of(self.partition, path if len(path) > 1 else ("E", *path))

    def entity(self, *path: Any, unindexed: Sequence[str] = (), **properties: Any) -> Entity:
        """An entity under `key` of *path*."""
        return Entity.of(self.key(*path), properties, unindexed)

    def put(self, *path: Any, unindexed: Sequence[str] = (), **properties: Any) -> Key:
        """Upsert one entity; its complete key."""
        return self.commit(Upsert(self.entity(*path, unindexed=unindexed, **properties)))[0]

    def delete(self, *path: Any) -> None:
        """Delete one entity."""
        self.commit(Delete(self.key(*path)))

    def commit(self, *mutations: Mutation, transaction: bytes | None = None) -> list[Key]:
        """Commit; the complete keys."""
        return self.store.run(self.store.commit(mutations, transaction)).keys

    def version(self, *mutations: Mutation) -> int:
        """Commit; the version."""
        return self.store.run(self.store.commit(mutations)).version

    def get(self, *path: Any, transaction: bytes | None = None) -> Entity | None:
        """Look one entity up."""
        return self.store.run(self.store.lookup([self.key(*path)], transaction))[0]

    def value(self, *path: Any, transaction: bytes | None = None) -> Any:
        """Property x of an entity; "none" where there is no entity."""
        entity = self.get(*path, transaction=transaction)
        return "none" if entity is None else entity["x"]

    def begin(self, read_only: bool = False, concurrency: Concurrency | None = None) -> bytes:
        """Begin a transaction."""
        return self.store.run(self.store.begin(read_only, concurrency))

    def rollback(self, transaction: bytes) -> None:
        """Roll a transaction back."""
        self.store.run(self.store.rollback(transaction))

    def query(self, *terms: Any, kind: str | None = "E", **options: Any) -> Query:
        """A query whose *terms* are filters (("x", ">", 1), OrFilter(…)) and orders ("x", "-x")."""
        filters: list[Filter] = [
            PropertyFilter(*term) if isinstance(term, tuple) else term
            for term in terms
            if not isinstance(term, str)
        ]
        orders = tuple(
            Order(term.removeprefix("-"), term.startswith("-")) for term in terms if isinstance(term, str)
        )
        return Query(self.partition, kind, filters=tuple(filters), orders=orders, **options)

    def page(
        self, query: Query, transaction: bytes | None = None, page_size: int | None = None
    ) -> Page[Entity]:
        """The first page of *query*."""
        return self.store.run(self.store.run_query(query, transaction, page_size=page_size))

    def names(self, *terms: Any, transaction: bytes | None = None, **options: Any) -> list[Any]:
        """The last ids of the results of a query."""
        return last_ids(self.page(self.query(*terms, **options), transaction))

    def rows(self, *terms: Any, transaction: bytes | None = None, **options: Any) -> list[Any]:
        """The last id and the values of each result of a query, in the order of its projection."""
        page = self.page(self.query(*terms, **options), transaction)
        return [(last, *each.values) for last, each in zip(last_ids(page), page.results, strict=True)]

    def aggregate(
        self,
        aggregations: Sequence[Aggregation],
        *terms: Any,
        transaction: bytes | None = None,
        **options: Any,
    ) -> list[Any]:
        """The values of *aggregations* over the results of a query."""
        query = self.query(*terms, **options)
        return self.store.run(self.store.run_aggregation(query, aggregations, transaction))

    def count(
        self, *terms: Any, up_to: int | None = None, transaction: bytes | None = None, **options: Any
    ) -> int:
        """The number of results of a query."""
        query = self.query(*terms, **options)
        [number] = self.store.run(self.store.run_aggregation(query, [Count(up_to)], transaction))
        assert isinstance(number, int)
        return number

    # Mutations by path, for transactions.

    def upsert(self, *path: Any, **properties: Any) -> Upsert:
        """An upsert."""
        return Upsert(self.entity(*path, **properties))

    def insert(self, *path: Any, **properties: Any) -> Insert:
        """An insert."""
        return Insert(self.entity(*path, **properties))

    def update(self, *path: Any, **properties: Any) -> Update:
        """An update."""
        return Update(self.entity(*path, **properties))

    def removal(self, *path: Any) -> Delete:
        """A delete."""
        return Delete(self.key(*path))


def last_ids(page: Page[Entity]) -> list[Any]:
    """The last ids of the results of a page."""
    assert all(result.key is not None for result in page.results)
    return [result.key.path[-1] for result in page.results if result.key is not None]
