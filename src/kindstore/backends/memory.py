"""The obvious store: entities in a dictionary, queries by full scans, in plain Python.

The model against which every other store is tested, and a store for applications' own tests.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

from kindstore.store.checks import (
    check_aggregations,
    check_complete,
    check_lookup,
    check_mutations,
    check_query,
    choice,
)
from kindstore.store.ids import IdPolicy, nth_id
from kindstore.store.messages import (
    Aggregation,
    Committed,
    Concurrency,
    Consistency,
    Delete,
    Insert,
    Mutation,
    Page,
    Query,
    R,
    Update,
)
from kindstore.store.metadata import ENTITY_GROUP, METADATA, check_metadata, check_metadata_aggregations
from kindstore.store.program import Program, T
from kindstore.values import record
from kindstore.values.entity import ENTITIES, Entity, Maker
from kindstore.values.errors import (
    AlreadyExistsError,
    BadArgumentError,
    BadKeyError,
    BadQueryError,
    ConflictError,
    Error,
    NotFoundError,
    ReadOnlyTransactionError,
    StorageError,
    TransactionNotFoundError,
)
from kindstore.values.key import Key, Partition, root_of

from .memory_metadata import group_version, metadata_of
from .memory_query import aggregations_of, page_of, versions_of

MAX_AGE = 270.0
"""Seconds from its beginning after which a transaction expires (spec/service.md 3.5)."""

MAX_IDLE = 60.0
"""Seconds without a read after which a transaction expires."""

MAX_GROUPS = 25
"""Entity groups in a transaction, in the mode with entity groups."""


class _State:
    """One committed state of the whole store; nobody changes it, a commit makes the next one.

    *entities* by key, *groups* the version in which anything in the entity group of a root key last changed.
    """

    __slots__ = ("entities", "groups", "version")

    def __init__(self, entities: dict[Key, Entity], groups: dict[Key, int], version: int) -> None:
        self.entities, self.groups, self.version = entities, groups, version

    def version_of(self, key: Key) -> int:
        """The version of the entity of *key*, 0 where there is none."""
        entity = self.entities.get(key)
        return 0 if entity is None else entity.version


class _Transaction:
    """What a transaction has read: the state of its first read, and in it which keys, queries and groups.

    *queries* are functions of a state: what a query reads that depends on it.
    """

    def __init__(self, read_only: bool, concurrency: Concurrency, now: float) -> None:
        self.read_only, self.concurrency = read_only, concurrency
        self.began = self.used = now
        self.snapshot: _State | None = None
        self.keys: set[Key] = set()
        self.queries: list[Callable[[_State], object]] = []
        self.groups: set[Key] = set()


class MemoryStore:
    """A `Store` in memory.  Its laws, which are those of every store:

    1. A commit is all or nothing.  The next state is built beside the current one and put in its place whole.
    2. Every commit has a version, one higher than the last; an entity carries that of the commit that changed it.
    3. Bad input is refused before anything is written, by `store.checks`.
    4. A read sees the last committed state; in a transaction the state as of the first read in it, whatever is
       committed later, and never the transaction's own writes.
    5. First committer wins: a commit raises `ConflictError` if an entity that was read has another version now,
       or a query that was read has other results (keys or versions, or an aggregation) now.  In the mode with entity groups: if
       anything in a group that was read has changed.  Blind writes and transactions that write nothing never conflict.
    6. A transaction ends with commit, however that ends, with rollback, 270 seconds after it began, or after 60
       without use; then it is unknown (`TransactionNotFoundError`).
    7. Mutations are applied in order.  *base_version* is compared with what was stored before the commit.
    8. An incomplete key gets the next id of the store's policy that is neither taken nor reserved; ids are not
       given twice, not even after a commit that failed.
    9. A query sorts by `values.order`, upwards by an entity's least and downwards by its greatest value that
       satisfies the filters on that property; ties go by key.  All inequalities on a property must be met by one
       single value, each equality may be met by another.  An entity is a result once, and not at all without an
       indexed value of each property that is filtered or sorted by.  None is a value; an empty list has none.
       With a projection or distinct properties it is a result for each combination of values: `memory_matching`.
    10. What goes in and what comes out are copies.

    *project* is the one that keys must belong to; *clock* gives seconds, for the expiry of transactions, *now*
    nanoseconds since 1970, for properties that set themselves; *concurrency* is what `begin` takes when it is not told.  May be used from any number of threads.

    Example: ``store.run(store.lookup([key]))``.
    """

    def __init__(
        self,
        project: str = "kindstore",
        *,
        id_policy: IdPolicy = IdPolicy.SCATTERED,
        concurrency: Concurrency = Concurrency.OPTIMISTIC,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.project = project
        self.identity = f"memory:{secrets.token_hex(16)}"
        self.now = now
        self._id_policy, self._concurrency, self._clock = id_policy, concurrency, clock
        self._state = _State({}, {}, 0)
        self._transactions: dict[bytes, _Transaction] = {}
        self._counter = 0
        self._reserved: set[Key] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"<MemoryStore {self.project!r} ({len(self._state.entities)} entities)>"

    # The eight verbs: each a program that yields nothing and holds the lock while it works.

    def partition(self, namespace: str = "", database: str = "") -> Partition:
        """The partition of *namespace* in this store's project."""
        return Partition.of(self.project, database, namespace)

    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,  # noqa: ARG002  # memory is always consistent
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[list[Any]]:
        """See `Store.lookup`."""
        return self._program(
            lambda: [None if each is None else _made(maker, each) for each in self._lookup(keys, transaction)]
        )

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

        def work() -> Page[Any]:
            page = self._run_query(query, transaction, page_size)
            return Page([_made(maker, each) for each in page.results], page.more, page.cursor_after)

        return self._program(work)

    def run_aggregation(
        self,
        query: Query,
        aggregations: Sequence[Aggregation],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,  # noqa: ARG002
    ) -> Program[list[Any]]:
        """See `Store.run_aggregation`."""
        return self._program(lambda: self._run_aggregation(query, aggregations, transaction))

    def begin(self, read_only: bool = False, concurrency: Concurrency | None = None) -> Program[bytes]:
        """See `Store.begin`."""
        return self._program(
            lambda: self._begin(
                read_only,
                self._concurrency if concurrency is None else choice(Concurrency, "concurrency", concurrency),
            )
        )

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        """See `Store.commit`."""
        return self._program(lambda: self._commit(mutations, transaction))

    def rollback(self, transaction: bytes) -> Program[None]:
        """See `Store.rollback`."""
        return self._program(lambda: self._rollback(transaction))

    def allocate_ids(self, keys: Sequence[Key]) -> Program[list[Key]]:
        """See `Store.allocate_ids`; `BadKeyError` for a key that is complete."""
        return self._program(lambda: self._allocate_ids(keys))

    def reserve_ids(self, keys: Sequence[Key]) -> Program[None]:
        """See `Store.reserve_ids`; `BadKeyError` for a key that is incomplete."""
        return self._program(lambda: self._reserve_ids(keys))

    def run(self, program: Program[T]) -> T:
        """Run *program* to its end."""
        try:
            request = next(program)
        except StopIteration as end:
            return cast("T", end.value)
        program.close()
        raise BadArgumentError("a program of another store", request=type(request).__name__)

    async def arun(self, program: Program[T]) -> T:
        """Run *program* to its end; it never waits."""
        return self.run(program)

    def close(self) -> None:
        """Forget everything; every verb is refused afterwards."""
        with self._lock:
            self._closed = True
            self._state = _State({}, {}, 0)
            self._transactions.clear()

    def _program(self, work: Callable[[], T]) -> Program[T]:
        yield from ()  # makes this function a generator
        with self._lock:
            if self._closed:
                raise StorageError("the store is closed", hint="Open another one.")
            return work()

    # Reads.

    def _lookup(self, keys: Sequence[Key], transaction: bytes | None) -> list[Entity | None]:
        check_lookup(keys, self.project)
        state = self._state
        if transaction is not None:
            reader = self._transaction(transaction)
            state = self._reading(reader, map(root_of, keys))
            reader.keys.update(keys)
            asked = [key for key in keys if key.path[-2] == ENTITY_GROUP]
            reader.queries += [partial(_version_of_group, key) for key in asked]
        return [_found(state, key) for key in keys]

    def _run_query(self, query: Query, transaction: bytes | None, page_size: int | None) -> Page[Entity]:
        check_query(query, self.project)
        if page_size is not None and page_size < 0:
            raise BadQueryError("a page has at least 0 results", page_size=page_size)
        reader, state = self._asked(query, transaction)
        if query.kind in METADATA:
            check_metadata(query, reader is not None)
            return page_of(query, metadata_of(query, state.entities.values()), page_size)
        page = page_of(query, state.entities.values(), page_size)
        if reader is not None:
            reader.queries.append(lambda state: versions_of(query, state.entities.values(), page_size))
        page.results[:] = map(_copy, page.results)
        return page

    def _asked(self, query: Query, transaction: bytes | None) -> tuple[_Transaction | None, _State]:
        """The transaction that asks *query*, if there is one, and the state that it sees."""
        if transaction is None:
            return None, self._state
        reader = self._transaction(transaction)
        if query.kind in METADATA:
            return reader, self._state  # to be refused
        if query.ancestor is not None:
            return reader, self._reading(reader, [root_of(query.ancestor)])
        if reader.concurrency is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS:
            raise BadQueryError(
                "only ancestor queries are allowed in a transaction with entity groups",
                hint="Name an ancestor, or use the concurrency mode OPTIMISTIC.",
            )
        return reader, self._reading(reader, [])

    def _run_aggregation(
        self, query: Query, aggregations: Sequence[Aggregation], transaction: bytes | None
    ) -> list[Any]:
        check_query(query, self.project)
        check_aggregations(query, aggregations)
        reader, state = self._asked(query, transaction)
        if query.kind in METADATA:
            check_metadata(query, reader is not None)
            check_metadata_aggregations(query, [*aggregations])
            return aggregations_of(query, aggregations, metadata_of(query, state.entities.values()))
        found = aggregations_of(query, aggregations, state.entities.values())
        if reader is not None:
            # As text: a sum may be NaN, which equals nothing.
            reader.queries.append(
                lambda state: repr(aggregations_of(query, aggregations, state.entities.values()))
            )
        return found

    # Transactions.

    def _begin(self, read_only: bool, concurrency: Concurrency) -> bytes:
        now = self._clock()
        # Those whose owner never came back must not be kept for ever.
        self._transactions = {n: t for n, t in self._transactions.items() if not _is_over(t, now)}
        name = secrets.token_bytes(16)
        self._transactions[name] = _Transaction(read_only, concurrency, now)
        return name

    def _rollback(self, name: bytes) -> None:
        self._transactions.pop(name, None)

    def _transaction(self, name: bytes) -> _Transaction:
        found = self._transactions.get(name)
        now = self._clock()
        if found is None or _is_over(found, now):
            self._transactions.pop(name, None)
            raise TransactionNotFoundError(
                "the transaction is over, has expired or was never begun", hint="Begin a new one."
            )
        found.used = now
        return found

    def _reading(self, reader: _Transaction, groups: Any) -> _State:
        """The state that *reader* sees, as it reads in *groups* (root keys)."""
        reader.groups.update(groups)
        _check_groups(reader, reader.groups)
        if reader.snapshot is None:
            reader.snapshot = self._state
        return reader.snapshot

    def _validate(self, reader: _Transaction, roots: set[Key]) -> None:
        """Raise `ConflictError` if anything that *reader* read has changed since."""
        _check_groups(reader, reader.groups | roots)
        then, now = reader.snapshot, self._state
        if then is None:
            return
        if reader.concurrency is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS:
            for root in reader.groups:
                if now.groups.get(root, 0) > then.version:
                    raise ConflictError("entity group changed since it was read", key=root)
            return
        for key in reader.keys:
            if then.version_of(key) != now.version_of(key):
                raise ConflictError(
                    "entity changed since it was read",
                    key=key,
                    read_version=then.version_of(key),
                    found_version=now.version_of(key),
                )
        for read in reader.queries:
            if read(then) != read(now):
                raise ConflictError("the result of a query changed since it was read")

    # Writes.

    def _commit(self, mutations: Sequence[Mutation], transaction: bytes | None) -> Committed:
        reader = None
        if transaction is not None:
            reader = self._transaction(transaction)
            del self._transactions[transaction]
            if reader.read_only and mutations:
                raise ReadOnlyTransactionError("a write in a read-only transaction")
        asked = check_mutations(mutations, self.project, in_transaction=reader is not None)
        before = self._state
        if not mutations:
            return Committed([], before.version)
        version = before.version + 1
        keys = [self._complete(key) for key in asked]
        writes = [
            None if isinstance(each, Delete) else _stored(each.entity, key, version)
            for each, key in zip(mutations, keys, strict=True)
        ]
        if reader is not None:
            self._validate(reader, set(map(root_of, keys)))
        after = _State(dict(before.entities), dict(before.groups), version)
        for mutation, key, entity in zip(mutations, keys, writes, strict=True):
            _check_expected(mutation, key, before, after)
            if entity is None:
                after.entities.pop(key, None)
            else:
                after.entities[key] = entity
        for key in keys:
            old, new = before.entities.get(key), after.entities.get(key)
            if old is not None and new is not None and _body(old) == _body(new):
                after.entities[key] = old  # nothing has changed, the version neither
            elif old is not new:
                after.groups[root_of(key)] = version
        self._state = after
        return Committed(keys, version)

    # Ids.

    def _complete(self, key: Key) -> Key:
        """*key* with an id of its own if it has none, as the store keeps it."""
        key = Key.of(key.partition, key.path)  # faces have keys of their own class
        while not key.is_complete:
            self._counter += 1
            candidate = key.completed(nth_id(self._id_policy, self._counter))
            if candidate not in self._state.entities and candidate not in self._reserved:
                return candidate
        return key

    def _allocate_ids(self, keys: Sequence[Key]) -> list[Key]:
        check_mutations([Insert(Entity.of(key, {})) for key in keys], self.project, in_transaction=True)
        for key in keys:
            if key.is_complete:
                raise BadKeyError("ids are allocated for incomplete keys", key=key)
        return list(map(self._complete, keys))

    def _reserve_ids(self, keys: Sequence[Key]) -> None:
        for key in keys:
            check_complete(key, self.project)
        self._reserved.update(keys)


def _is_over(transaction: _Transaction, now: float) -> bool:
    return now - transaction.began > MAX_AGE or now - transaction.used > MAX_IDLE


def _check_groups(reader: _Transaction, groups: set[Key]) -> None:
    if reader.concurrency is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS and len(groups) > MAX_GROUPS:
        raise BadArgumentError(
            "operating on too many entity groups in a single transaction", limit=MAX_GROUPS
        )


def _check_expected(mutation: Mutation, key: Key, before: _State, after: _State) -> None:
    """Raise unless what is stored is what *mutation* expects; *after* is the state that its forerunners left."""
    expected, found = mutation.base_version, before.version_of(key)
    if expected is not None and expected != found:
        raise ConflictError(
            "entity changed since it was read", key=key, read_version=expected, found_version=found
        )
    if isinstance(mutation, Insert) and key in after.entities:
        raise AlreadyExistsError("entity already exists", key=key)
    if isinstance(mutation, Update) and key not in after.entities:
        raise NotFoundError("no entity to update", key=key)


def _stored(entity: Entity, key: Key, version: int) -> Entity:
    """*entity* as it is kept; `TooLargeError` if its record is over the limit."""
    try:
        _body(entity)
    except Error as error:
        error.facts.setdefault("key", key)
        raise
    return Entity(key, entity.shape, list(map(_copy_value, entity.values)), version)


def _version_of_group(key: Key, state: _State) -> int:
    return state.groups.get(root_of(key), 0)


def _found(state: _State, key: Key) -> Entity | None:
    """What *state* has under *key*."""
    if key.path[-2] == ENTITY_GROUP:
        return group_version(key, _version_of_group(key, state))
    entity = state.entities.get(key)
    return None if entity is None else _copy(entity)


def _made(maker: Maker[R], entity: Entity) -> R:
    assert entity.key is not None
    key = maker.key_class.of(entity.key.partition, entity.key.path)
    return maker.of(entity.shape)(key, entity.values, entity.version)


def _body(entity: Entity) -> tuple[Any, ...]:
    """Columns and record of *entity*: equal where nothing would change in a file."""
    codecs = tuple(map(record.codec_of, entity.values))
    return entity.shape, codecs, record.dump(record.StoredShape(0, entity.shape, codecs), entity.values)


def _copy(entity: Entity) -> Entity:
    return Entity(entity.key, entity.shape, list(map(_copy_value, entity.values)), entity.version)


def _copy_value(value: Any) -> Any:
    """*value* as it comes back from a file: of the plain type that it is stored as, nothing of it shared."""
    if value.__class__ is list:
        return [_copy_value(item) for item in value]
    match value:
        case Entity():
            return _copy(value)
        case Key():
            return Key.of(value.partition, value.path)
        case bool():
            return value
        case int() | float() | str() | bytes() | datetime():
            return record.plain(value)
        case _:
            return value
