"""The contract of a store: eight verbs, each a program, and two ways to run one.

Laws, for every store (the conformance suite in ``tests/conformance`` is their test):

1. `commit` is all or nothing, and acknowledged commits are durable.  It raises `ConflictError` at commit, never
   earlier; after any error but `OutcomeUnknownError` nothing was written.
2. Bad input is refused before anything is written, with the path of what is bad.
3. A read outside a transaction sees every commit acknowledged before it began.
4. Reads in a transaction see one snapshot, taken at the first of them, without the transaction's own writes.
5. Results of a query have the order of spec/service.md 3.1-3.2, ties broken by key.  Those of OR, IN, ``!=`` and
   NOT_IN are the results of all `store.conjunctions`, each entity once, at the first of its places.
6. Results of a projection are entities with the projected properties alone, in their order, with values in their
   index form: int for a datetime, bytes for a str.  An entity is one for each combination of the values that are
   projected, distinct or sorted by (3.3).
7. A cursor is a place between two results.  It is good for its query and for the reverse of that (3.4), whose orders
   all have the other direction, that of the key too; `BadCursorError` for any other.

Example: ``store.run(store.lookup([key]))`` answers ``[entity]`` or ``[None]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, overload, runtime_checkable

from kindstore.values.entity import ENTITIES, Entity, Maker
from kindstore.values.key import Key, Partition

from .messages import Aggregation, Committed, Concurrency, Consistency, Mutation, Page, Query, R
from .program import Program, T
from .statistics import Progress


class Store(Protocol):
    """A Datastore."""

    def partition(self, namespace: str = "", database: str = "") -> Partition:
        """The partition of *namespace* in this store's project."""
        ...

    def now(self) -> int:
        """The time that commits are stamped with and properties are set to: nanoseconds since 1970, in UTC."""
        ...

    @overload
    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
    ) -> Program[list[Entity | None]]: ...
    @overload
    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        *,
        maker: Maker[R],
    ) -> Program[list[R | None]]: ...
    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[list[Any]]:
        """What *maker* makes of the entity of each key, None where there is none.

        `BadKeyError` for an incomplete key.
        """
        ...

    @overload
    def run_query(
        self,
        query: Query,
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        page_size: int | None = None,
    ) -> Program[Page[Entity]]: ...
    @overload
    def run_query(
        self,
        query: Query,
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        page_size: int | None = None,
        *,
        maker: Maker[R],
    ) -> Program[Page[R]]: ...
    def run_query(
        self,
        query: Query,
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        page_size: int | None = None,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[Page[Any]]:
        """The first page of a query: at most *page_size* results (None: up to the query's limit).

        Raises `BadQueryError`, `BadCursorError` or `NeedIndexError` before any statement runs.
        """
        ...

    def run_aggregation(
        self,
        query: Query,
        aggregations: Sequence[Aggregation],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
    ) -> Program[list[Any]]:
        """The value of each aggregation over the results of *query*, its limit, offset and cursors honoured.

        Sums and averages are of numbers: single, indexed ints and floats, of `Entity` or of what a projection has
        split (spec/service.md 2.2).  `BadQueryError` for aggregations that there are not.
        """
        ...

    def begin(self, read_only: bool = False, concurrency: Concurrency | None = None) -> Program[bytes]:
        """A new transaction.  It costs nothing until it reads; it ends with `commit` or `rollback`."""
        ...

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        """Apply *mutations* in order, all or none; with *transaction*, if what it read is unchanged.

        The transaction is over however this ends.  Outside a transaction an entity may be named once.
        """
        ...

    def rollback(self, transaction: bytes) -> Program[None]:
        """End *transaction* and forget it; without effect where it is over."""
        ...

    def allocate_ids(self, keys: Sequence[Key]) -> Program[list[Key]]:
        """The incomplete *keys*, completed with ids that are never given to another entity."""
        ...

    def reserve_ids(self, keys: Sequence[Key]) -> Program[None]:
        """See to it that the ids of the complete *keys* are never given automatically."""
        ...

    def run(self, program: Program[T]) -> T:
        """Run *program* to its end in this thread."""
        ...

    async def arun(self, program: Program[T]) -> T:
        """Run *program* to its end without blocking the event loop."""
        ...

    def close(self) -> None:
        """Give back everything; the store refuses to run programs afterwards."""
        ...


@runtime_checkable
class Inspect(Protocol):
    """What some stores can tell about themselves besides."""

    def check(self) -> Program[list[str]]:
        """Every fault found in the whole database, in words; empty if it is sound."""
        ...

    def refresh_statistics(self, progress: Callable[[Progress], None] | None = None) -> Program[int]:
        """Count everything and write the statistics (`store.statistics`) anew; how many entities these are.

        Others may write meanwhile: then the figures are not those of any one moment.  *progress* is called after
        each step, by the thread that runs the program; what it raises ends the refresh, which leaves the old
        statistics or a mixture, and may be done again at any time.
        """
        ...

    def explain(self, query: Query) -> Program[str]:
        """The plan of *query*, as text; below it, of each index that leads, how many rows it has for the query.

        So many are read at most, less where a limit is reached before.
        """
        ...
