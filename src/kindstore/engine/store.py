"""The store that the engine makes of any database with a driver: the eight verbs, as programs."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from kindstore.store.checks import check_aggregations, check_keys, check_lookup, check_query, choice
from kindstore.store.ids import IdPolicy
from kindstore.store.messages import (
    Aggregation,
    Committed,
    Concurrency,
    Consistency,
    Count,
    Delete,
    Indexes,
    Mutation,
    Page,
    Query,
    R,
)
from kindstore.store.metadata import METADATA, check_metadata
from kindstore.store.program import Batch, Driver, Program, Release, Snapshot, Write
from kindstore.store.statistics import Progress as Progressed
from kindstore.values.entity import ENTITIES, Maker
from kindstore.values.errors import (
    BadArgumentError,
    BadKeyError,
    BadQueryError,
    IndexFileError,
    ReadOnlyTransactionError,
    StorageError,
    TransactionNotFoundError,
)
from kindstore.values.key import Key, Partition, completed

from . import commit, cursor, metadata, scan, statistics
from .building import Progress, build, create, drop, listed
from .catalog import Catalog, Kind
from .check import check
from .composite import CompositeIndex, Needs
from .composites import Composite
from .dialect import Dialect
from .form import form_of, is_plain
from .ids import Ids
from .lookup import lookup
from .reading import Reading, reading
from .transaction import Transaction, Transactions, check_groups, group_of

COUNT = Count()
"""The aggregation that most ask for."""


class EngineStore:
    """A Datastore in the database of *driver*.

    *project* is the project of keys that do not name one, and the only one that is served.  *clock* gives
    seconds (monotonic) for the expiry of transactions, *now* nanoseconds since 1970 for versions.  *suggest* is told
    what the queries that have run need of composite indexes; it answers whether it has written that down.
    May be used from any number of threads.
    """

    def __init__(
        self,
        driver: Driver,
        dialect: Dialect,
        *,
        project: str = "kindstore",
        id_policy: IdPolicy | str = IdPolicy.SCATTERED,
        concurrency: Concurrency | str = Concurrency.OPTIMISTIC,
        indexes: Indexes | str = Indexes.PERMISSIVE,
        suggest: Callable[[Iterable[Needs]], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.project = project
        self.driver = driver
        self.catalog = Catalog(dialect)
        self.catalog.strict = choice(Indexes, "indexes", indexes) is Indexes.STRICT
        self._suggest = suggest
        self.concurrency = choice(Concurrency, "concurrency", concurrency)
        self._ids = Ids(choice(IdPolicy, "id_policy", id_policy), dialect)
        self._transactions = Transactions(clock)
        self.now = now
        self._groups_on = False
        self.run = driver.run
        self.arun = driver.arun

    def __repr__(self) -> str:
        return f"<Store {self.project!r} on {self.driver!r}>"

    @property
    def identity(self) -> str:
        """What tells this database from others."""
        return self.driver.identity

    def close(self) -> None:
        """Give back every connection; before, suggest the indexes that queries could use, as `suggest_indexes` does.

        A file of indexes that can't be written is reported to the log `kindstore`, and is no error here.
        """
        try:
            self.suggest_indexes()
        except (IndexFileError, StorageError) as error:
            import logging  # noqa: PLC0415 - for this rare case alone it would double the time of import

            logging.getLogger("kindstore").warning("no indexes were suggested: %s", error)
        finally:
            self.driver.close()

    def after_fork(self) -> None:
        """In a child process: open transactions and reserved ids belong to the parent."""
        self._transactions.forget_all()
        self._ids.forget()

    def partition(self, namespace: str = "", database: str = "") -> Partition:
        """The partition of *namespace* in this store's project."""
        return Partition.of(self.project, database, namespace)

    # Reading

    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,  # noqa: ARG002  # every read is strong here
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[list[Any]]:
        """See `Store.lookup`."""
        if transaction is None:
            return lookup(self.catalog, keys, None, maker, self.project)
        opened = self._transactions.get(transaction)
        if opened.by_group:
            return self._lookup_in_groups(opened, keys, maker)
        return lookup(self.catalog, keys, opened, maker, self.project)

    def _lookup_in_groups(
        self, transaction: Transaction, keys: Sequence[Key], maker: Maker[R]
    ) -> Program[list[R | None]]:
        check_lookup(keys, self.project)
        yield from self._enter_groups(transaction, {group_of(key) for key in keys})
        return (yield from lookup(self.catalog, keys, transaction, maker, self.project))

    def run_query(
        self,
        query: Query,
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,  # noqa: ARG002
        page_size: int | None = None,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[Page[Any]]:
        """See `Store.run_query`."""
        # A query whose form has been planned before is sound, but for its operands.
        form = self.catalog.forms.get(form_of(query))
        if form is None or (query.limit or 0) < 0 or query.offset < 0 or not is_plain(query.filters):
            check_query(query, self.project)
            if query.kind in METADATA:
                return self._query_metadata(query, transaction, page_size, maker)
        if page_size is not None and page_size < 0:
            raise BadQueryError(
                "a page has at least 0 results",
                page_size=page_size,
                hint="Leave it out for the default size.",
            )
        if transaction is None:
            return scan.run_query(self.catalog, query, form, None, page_size, maker)
        return self._query_in(self._transactions.get(transaction), query, page_size, maker)

    def _query_metadata(
        self, query: Query, transaction: bytes | None, page_size: int | None, maker: Maker[R]
    ) -> Program[Page[R]]:
        if page_size is not None and page_size < 0:
            raise BadQueryError(
                "a page has at least 0 results",
                page_size=page_size,
                hint="Leave it out for the default size.",
            )
        if transaction is not None:
            self._transactions.get(transaction)
        check_metadata(query, transaction is not None)
        return metadata.run_query(self.catalog, query, page_size, maker)

    def _query_in(
        self, transaction: Transaction, query: Query, page_size: int | None, maker: Maker[R]
    ) -> Program[Page[R]]:
        cursor.check(query)  # before the versions of its entity group are read
        yield from self._enter_groups(transaction, _groups_of_query(transaction, query))
        return (yield from scan.run_query(self.catalog, query, None, transaction, page_size, maker))

    def run_aggregation(
        self,
        query: Query,
        aggregations: Sequence[Aggregation],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,  # noqa: ARG002
    ) -> Program[list[Any]]:
        """See `Store.run_aggregation`."""
        form = self.catalog.counts.get(form_of(query))
        if form is None or query.limit is not None or query.offset or not is_plain(query.filters):
            check_query(query, self.project)
            if query.kind in METADATA:
                check_metadata(query, transaction is not None)
                return metadata.run_aggregation(self.catalog, query, aggregations)
        if form is None or list(aggregations) != [COUNT]:
            check_aggregations(query, aggregations)
        if transaction is None:
            return scan.run_aggregation(self.catalog, query, aggregations, form)
        return self._aggregate_in(self._transactions.get(transaction), query, aggregations)

    def _aggregate_in(
        self, transaction: Transaction, query: Query, aggregations: Sequence[Aggregation]
    ) -> Program[list[Any]]:
        cursor.check(query)  # before the versions of its entity group are read
        yield from self._enter_groups(transaction, _groups_of_query(transaction, query))
        return (yield from scan.run_aggregation(self.catalog, query, aggregations, None, transaction))

    # Transactions

    def begin(self, read_only: bool = False, concurrency: Concurrency | None = None) -> Program[bytes]:
        """See `Store.begin`."""
        mode = self.concurrency if concurrency is None else choice(Concurrency, "concurrency", concurrency)
        if mode is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS and not self._groups_on:
            # From the first transaction of this mode on, every commit keeps the versions of entity groups.
            yield Write(self._turn_groups_on())
            self._groups_on = True
        transaction, late = self._transactions.begin(mode, read_only)
        for name in late:
            yield Release(name)
        return transaction.name

    def _turn_groups_on(self) -> Program[None]:
        yield [(self.catalog.dialect.turn_groups_on, ())]

    def _enter_groups(self, transaction: Transaction, groups: set[tuple[Partition, bytes]]) -> Program[None]:
        """Note the versions of entity groups that are read for the first time, in the legacy mode."""
        if not transaction.by_group:
            return
        check_groups({*transaction.groups, *groups})
        fresh = [group for group in groups if group not in transaction.groups]
        if any(space not in self.catalog.space_numbers for space, _ in fresh):
            yield from self.catalog.load()
        numbers = self.catalog.space_numbers
        sql = self.catalog.dialect.select_group
        batch: Batch = [(sql, (numbers.get(space, -1), root)) for space, root in fresh]
        if batch:
            replies = yield Snapshot(transaction.name, batch)
            for group, rows in zip(fresh, replies, strict=True):
                transaction.groups[group] = rows[0][0] if rows else 0

    def rollback(self, transaction: bytes) -> Program[None]:
        """See `Store.rollback`."""
        if self._transactions.end(transaction) is not None:
            yield Release(transaction)

    # Writing

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        """See `Store.commit`."""
        if transaction is not None:
            return self._commit_in(mutations, transaction)
        return self._commit(mutations, check_keys(mutations, self.project), None)

    def _commit_in(self, mutations: Sequence[Mutation], name: bytes) -> Program[Committed]:
        transaction = self._transactions.get(name)
        if self._transactions.end(name) is None:  # another thread is committing it
            raise TransactionNotFoundError("the transaction is over", hint="Begin a new one.")
        yield Release(name)
        if mutations and transaction.read_only:
            raise ReadOnlyTransactionError("a write in a read-only transaction")
        keys = check_keys(mutations, self.project, in_transaction=True)
        # Without mutations, what was read is one consistent state, whatever has happened since.
        return (yield from self._commit(mutations, keys, transaction))

    def _commit(
        self, mutations: Sequence[Mutation], asked: list[Key], transaction: Transaction | None
    ) -> Program[Committed]:
        """Commit *mutations*, whose keys are *asked*."""
        if not mutations:
            return Committed([], 0)
        incomplete = len([None for key in asked if (key._flat or key.path)[-1] is None])
        while True:
            keys = asked
            # Before any id is taken: another thread may reserve it, and learn the new epoch, before it is written.
            epoch = self._ids.epoch
            if incomplete:
                keys = completed(asked, (yield from self._ids.take(incomplete)))
            if transaction is not None and transaction.by_group:
                check_groups({*transaction.groups, *map(group_of, keys)})
            index_epoch = self.catalog.index_epoch
            prepared = yield from commit.prepare(self.catalog, mutations, keys)
            try:
                program = commit.apply(self.catalog, prepared, transaction, self._stamp, epoch, index_epoch)
                writes: commit.Writes = yield Write(program, commit.Writes.proof)
            except commit.IdTakenError:
                yield from self._ids.refresh()
                continue
            except commit.IndexesChangedError:
                yield from self.catalog.load()
                continue
            for index in writes.marked:
                index.multiple = True
            return Committed(keys, writes.version)

    def _stamp(self, after: int) -> int:
        """A version: microseconds since 1970 and 11 random bits, and greater than *after*.

        Needs no row of its own to be rewritten by every commit, and is as good as unique, so that an entity which
        is found with the version of a commit proves that commit.
        """
        return max((self.now() // 1000 << 11) | random.getrandbits(11), after + 1)

    def allocate_ids(self, keys: Sequence[Key]) -> Program[list[Key]]:
        """See `Store.allocate_ids`; `BadKeyError` for a key that is complete."""
        for key in keys:
            if key.is_complete:
                raise BadKeyError("only an incomplete key can be given an id", key=key)
            key.completed(1).check()
        yield from self._ids.refresh()
        pending = list(range(len(keys)))
        completed: dict[int, Key] = {}
        while pending:
            ids = yield from self._ids.take(len(pending))
            for at, number in zip(pending, ids, strict=True):
                completed[at] = keys[at].completed(number)
            # An id that somebody chose by hand is passed over.
            taken = [completed[at] for at in pending]
            found = yield from lookup(self.catalog, taken, None, ENTITIES, self.project)
            pending = [at for at, entity in zip(pending, found, strict=True) if entity is not None]
        return [completed[at] for at in range(len(keys))]

    def reserve_ids(self, keys: Sequence[Key]) -> Program[None]:
        """See `Store.reserve_ids`; `BadKeyError` for a key that is incomplete."""
        check_lookup(keys, self.project)
        return self._ids.reserve(keys)

    # Inspect

    def suggest_indexes(self) -> bool:
        """Write the indexes that the queries of this store could use into its file of indexes; whether it changed.

        Nothing is written without such a file, in the strict mode, or to a file that has no automatic part.
        `IndexFileError` if the file can't be read, `StorageError` if it can't be written.
        """
        if self._suggest is None or self.catalog.strict or not self.catalog.wanted:
            return False
        return self._suggest(list(self.catalog.wanted))

    def indexes(self, namespace: str | None = None) -> Program[list[Progress]]:
        """Every composite index of *namespace* (None: of all), and how far it is there."""
        yield from self.catalog.load()
        home = self.partition(namespace or "")
        partitions = {home}
        if namespace is None:
            partitions |= {
                each for each in self.catalog.space_numbers if each.names()[:2] == home.names()[:2]
            }
        return (yield from listed(self.catalog, partitions))

    def create_indexes(self, indexes: Sequence[CompositeIndex]) -> Program[None]:
        """Define those of *indexes* that are not there, in every namespace that has their kind; `build_index` fills one.

        Where there are no entities of the kind, an index serves at once.  `BadArgumentError` for one without properties
        or with more than 100, or with an empty name.
        """
        return create(self.catalog, self.partition(), indexes)

    def build_index(self, index: CompositeIndex, namespace: str = "") -> Program[Progress]:
        """One durable step of filling *index* in *namespace*; repeat it while the state is `State.BUILDING`.

        `BadArgumentError` if there is no such index.
        """
        yield from self.catalog.load()
        kind = self.catalog.kinds.get((self.partition(namespace), index.kind))
        composite = None if kind is None else _composite(kind, index)
        if kind is None or composite is None:
            raise BadArgumentError("there is no such index", index=str(index), hint="Create it first.")
        return (yield from build(self.catalog, kind, composite))

    def drop_indexes(self, indexes: Sequence[CompositeIndex]) -> Program[None]:
        """Remove *indexes* in all namespaces; those that are not there are none the less gone.

        They serve and are kept no more from the first of many durable steps on.  The others remove their rows; where
        they are interrupted, these indexes stay in `State.DELETING` until any next call goes on, of no index too.
        """
        yield from self.catalog.load()
        home = self.partition().names()[:2]
        kinds = [each for each in self.catalog.kinds.values() if each.partition.names()[:2] == home]
        found = [_composite(kind, index) for kind in kinds for index in indexes if kind.name == index.kind]
        yield from drop(self.catalog, [each for each in found if each is not None])

    def refresh_statistics(self, progress: Callable[[Progressed], None] | None = None) -> Program[int]:
        """See `Inspect.refresh_statistics`."""
        now = datetime(1970, 1, 1) + timedelta(microseconds=self.now() // 1000)
        return statistics.refresh(self.catalog, self._commit_reserved, now, progress)

    def _commit_reserved(self, mutations: Sequence[Mutation]) -> Program[Committed]:
        """Commit entities of reserved kinds, which users may not write."""
        keys = [each.key if isinstance(each, Delete) else each.entity.key for each in mutations]
        return self._commit(mutations, [key for key in keys if key is not None], None)

    def check(self) -> Program[list[str]]:
        """See `Inspect.check`."""
        return check(self.catalog)

    def reading(self, query: Query) -> Program[Reading]:
        """Which indexes *query* reads, and how many of their rows; raises as `Store.run_query` does."""
        check_query(query, self.project)
        return (yield from reading((yield from self._prepared(query))))

    def _prepared(self, query: Query) -> Program[scan.Scan]:
        return scan.prepare(self.catalog, query, scan.most_of(query, query.limit), may_gather=True)

    def explain(self, query: Query) -> Program[str]:
        """See `Inspect.explain`."""
        check_query(query, self.project)
        if query.kind in METADATA:
            check_metadata(query)
            return metadata.explain(query)
        made = yield from self._prepared(query)
        read: Reading = yield from reading(made)
        return f"{made.gather or made.plan}\n  reads {read.rows:,} rows of {', '.join(read.indexes) or query.kind or 'all kinds'}"


def _composite(kind: Kind, index: CompositeIndex) -> Composite | None:
    return next((each for each in kind.composites if each.definition == index), None)


def _groups_of_query(transaction: Transaction, query: Query) -> set[tuple[Partition, bytes]]:
    if not transaction.by_group:
        return set()
    if query.ancestor is None:
        raise BadQueryError(
            "only ancestor queries are allowed in a transaction with entity groups",
            hint="Name an ancestor, or use the concurrency mode OPTIMISTIC.",
        )
    return {group_of(query.ancestor)}
