"""A store with stale global queries: commits are durable at once, and seen by queries without an ancestor later.

There are two stores: the one that is wrapped, in which everything is, and one in memory that lags behind it.  What a
commit changed waits, by entity group and in order, until it is applied to the second one.  Global queries, and
lookups with `Consistency.EVENTUAL`, read the second one; everything else reads the first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from kindstore.connect import connect
from kindstore.store.abc import Inspect, Store
from kindstore.store.messages import (
    Aggregation,
    Committed,
    Consistency,
    Delete,
    Mutation,
    Page,
    Query,
    Upsert,
)
from kindstore.store.program import Program
from kindstore.store.statistics import KINDS as STATISTICS
from kindstore.values.entity import ENTITIES, Entity, Maker, Readers, Shape
from kindstore.values.key import Key, Partition, root_of

from .policies import Policy, Probability, Unapplied


class Eventual:
    """*store* with the consistency of *policy* (`Probability` if none is given); a `Store` itself.

    What *store* held before is seen at once; from then on it is to be written through this object alone.  A lookup
    and an ancestor query apply all of their entity groups first, as App Engine's did.  Queries in transactions are
    strong; so are those of statistics, which are as old as their last refresh anyway.  `Inspect` if *store* is.
    `close` closes *store* too.
    """

    def __init__(self, store: Store, policy: Policy | None = None) -> None:
        self.store = store
        self.policy: Policy = Probability() if policy is None else policy
        self._applied = connect(":memory:", project=store.partition().names()[0])
        self._versions: dict[Key, int] = {}
        self._latest: dict[Key, tuple[Entity | None, int]] = {}
        self._pending: dict[Key, list[Unapplied]] = {}
        self._known: set[Partition] = set()
        self._lock = threading.RLock()
        self.run = store.run
        self.arun = store.arun
        self.now = store.now
        self.begin: Callable[..., Program[bytes]] = store.begin
        self.rollback = store.rollback
        self.allocate_ids = store.allocate_ids
        self.reserve_ids = store.reserve_ids
        if isinstance(store, Inspect):
            self.check = store.check
            self.explain = store.explain
            self.refresh_statistics = store.refresh_statistics

    def __repr__(self) -> str:
        return f"<Eventual {type(self.policy).__name__} on {self.store!r}>"

    def partition(self, namespace: str = "", database: str = "") -> Partition:
        """See `Store.partition`."""
        return self.store.partition(namespace, database)

    def close(self) -> None:
        """Close both stores."""
        self._applied.close()
        self.store.close()

    @property
    def unapplied(self) -> int:
        """How many commits global queries do not see yet, each counted once for each of its entity groups."""
        return sum(map(len, self._pending.values()))

    def apply_all(self) -> None:
        """Let global queries see everything."""
        with self._lock:
            for group in list(self._pending):
                self._catch_up(group)

    # Reading

    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[list[Any]]:
        """See `Store.lookup`."""
        if transaction is None and consistency is Consistency.EVENTUAL:
            for partition in {key.partition for key in keys}:
                yield from self._follow(partition)
            stale = self._applied.lookup(keys, maker=_Versioned(maker, self._versions))
            return self._applied.run(stale)
        if transaction is None:
            with self._lock:
                for group in {root_of(key) for key in keys}:
                    self._catch_up(group)
        return (yield from self.store.lookup(keys, transaction, consistency, maker=maker))

    def run_query(
        self,
        query: Query,
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        page_size: int | None = None,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[Page[Any]]:
        """See `Store.run_query`."""
        if not (yield from self._is_stale(query, transaction, consistency)):
            return (yield from self.store.run_query(query, transaction, consistency, page_size, maker=maker))
        made = _Versioned(maker, self._versions)
        return self._applied.run(self._applied.run_query(query, page_size=page_size, maker=made))

    def run_aggregation(
        self,
        query: Query,
        aggregations: Sequence[Aggregation],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
    ) -> Program[list[Any]]:
        """See `Store.run_aggregation`."""
        if not (yield from self._is_stale(query, transaction, consistency)):
            return (yield from self.store.run_aggregation(query, aggregations, transaction, consistency))
        return self._applied.run(self._applied.run_aggregation(query, aggregations))

    def _is_stale(self, query: Query, transaction: bytes | None, consistency: Consistency) -> Program[bool]:
        """Whether *query* reads what is applied; applies first what the policy, or its ancestor, lets it see."""
        if transaction is not None or query.kind in STATISTICS:
            return False
        if query.ancestor is None:
            yield from self._follow(query.partition)
            self._groom()
            return True
        if consistency is Consistency.EVENTUAL:
            yield from self._follow(query.partition)
            return True
        with self._lock:
            self._catch_up(root_of(query.ancestor))
        return False

    # Writing

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        """See `Store.commit`."""
        for mutation in mutations:
            key = mutation.key if isinstance(mutation, Delete) else mutation.entity.key
            if key is not None:
                yield from self._follow(key.partition)
        committed = yield from self.store.commit(mutations, transaction)
        by_group: dict[Key, list[tuple[Key, Entity | None]]] = {}
        for mutation, key in zip(mutations, committed.keys, strict=True):
            entity = None
            if not isinstance(mutation, Delete):
                given = mutation.entity
                entity = Entity(key, given.shape, list(given.values), committed.version)
            by_group.setdefault(root_of(key), []).append((key, entity))
        seconds, chance = self.policy.draw()
        with self._lock:
            for group, changes in by_group.items():
                pending = self._pending.setdefault(group, [])
                pending.append(Unapplied(tuple(changes), committed.version, seconds, chance))
                pending.sort(key=lambda each: each.version)  # as they were committed, whoever gets here first
        return committed

    # Applying

    def _follow(self, partition: Partition) -> Program[None]:
        """Take over what a partition held before it was first used through this object."""
        if partition in self._known:
            return
        page = yield from self.store.run_query(Query(partition))
        with self._lock:
            if partition not in self._known:
                self._apply([(entity.key, entity) for entity in page.results if _is_written(entity.key)])
                self._known.add(partition)

    def _groom(self) -> None:
        """Apply what the policy shows to a global query: of each group some of the first."""
        with self._lock:
            for group, pending in list(self._pending.items()):
                seen = 0
                while seen < len(pending) and self.policy.shows(pending[seen]):
                    seen += 1
                self._take(group, seen)

    def _catch_up(self, group: Key) -> None:
        self._take(group, len(self._pending.get(group, ())))

    def _take(self, group: Key, number: int) -> None:
        """Apply the first *number* commits of *group*."""
        pending = self._pending.get(group, [])
        for each in pending[:number]:
            self._apply(each.changes)
        del pending[:number]
        if not pending:
            self._pending.pop(group, None)

    def _apply(self, changes: Sequence[tuple[Key, Entity | None]]) -> None:
        last = dict(changes)  # of several changes of one entity the last one counts
        mutations: list[Mutation] = []
        for key, entity in last.items():
            if entity is None:
                self._versions.pop(key, None)
                self._latest.pop(key, None)
                mutations.append(Delete(key))
                continue
            before, version = self._latest.get(key, (None, 0))
            # A put that changes nothing keeps the version.
            self._versions[key] = version if before is not None and _same(before, entity) else entity.version
            self._latest[key] = (entity, self._versions[key])
            mutations.append(Upsert(entity))
        for at in range(0, len(mutations), 500):
            self._applied.run(self._applied.commit(mutations[at : at + 500]))


def _is_written(key: Key | None) -> TypeGuard[Key]:
    """Whether the entity of *key* was put by somebody: statistics, which a store writes itself, were not."""
    return key is not None and key.path[-2] not in STATISTICS


def _same(one: Entity, other: Entity) -> bool:
    """Whether a put of one over the other changes nothing: 1 and True are not the same, though they are equal."""
    return one.shape is other.shape and repr(one.values) == repr(other.values)


class _Versioned:
    """*maker*, with the versions that entities have in the store that does not lag."""

    def __init__(self, maker: Maker[Any], versions: dict[Key, int]) -> None:
        self._maker, self._versions = maker, versions
        self.key_class = maker.key_class

    def of(self, shape: Shape) -> Callable[[Key, list[Any], int], Any]:
        make, versions = self._maker.of(shape), self._versions
        return lambda key, values, version: make(key, values, versions.get(key, version))

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `values.entity.Maker`: it always looks at the values."""
