"""Commit: the one place where entities and index rows change.

`prepare` works out everything that depends on the new entities alone (keys, bytes, index rows) and refuses what
can't be stored; `apply` runs inside the database's write transaction: validate, then write.  A conflict reaches
a caller only from here, with nothing written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import msgspec

from kindstore.store.entity_checks import check_entity
from kindstore.store.messages import Committed, Delete, Insert, Mutation, Update
from kindstore.store.program import Program, Row, Statement, Write
from kindstore.values import record
from kindstore.values.errors import AlreadyExistsError, ConflictError, NotFoundError
from kindstore.values.key import Key
from kindstore.values.limits import MAX_UNINDEXED
from kindstore.values.pause import Pause

from .catalog import Catalog, Kind, Missing, Place
from .errors import TakenError
from .index import (
    Changes,
    Index,
    IndexRow,
    Rows,
    WritePlan,
    diff,
    indexed_names,
    rows_of,
    same_plan_diff,
    with_neighbours,
)
from .transaction import Transaction, group_of

Outcome: TypeAlias = tuple[Committed, Statement | None]
"""What was committed, and a statement that proves it."""


class IdTakenError(Exception):
    """An id given automatically belongs to an entity already: take another."""


class Prepared(msgspec.Struct, gc=False):
    """A mutation ready to be applied: where it goes, and for a write its record and its index rows.

    *place* is None for the delete of a kind that was never stored; *rows* None for a delete.
    """

    mutation: Mutation
    key: Key
    kind: Kind | None
    place: Place | None
    given_id: bool = False
    values: list[Any] | None = None
    body: bytes = b""
    rows: Rows | None = None


class Stored(msgspec.Struct, gc=False):
    """An entity as it stands in the tables; *id* None where it is not there."""

    id: int | None
    version: int
    body: bytes


GROUPS_ON = 1
"""The flag that says that versions of entity groups are kept."""

NONE = (0,)
"""The row of a count that found nothing: the same as no row, where there was no table to count in."""

ABSENT = Stored(None, 0, b"")


def prepare(catalog: Catalog, mutations: Sequence[Mutation], keys: Sequence[Key]) -> Program[list[Prepared]]:
    """Everything that can be done before the write transaction; defines what the catalog lacks.

    *keys*: the complete key of each mutation.
    """
    with Pause(len(mutations)):
        prepared = [_prepare(catalog, *pair) for pair in zip(mutations, keys, strict=True)]
    if any(item is None or item.kind is None for item in prepared):
        yield from catalog.load()
        prepared = [_prepare(catalog, *pair) for pair in zip(mutations, keys, strict=True)]
    if None in prepared:
        missing = Missing()
        for mutation, key in zip(mutations, keys, strict=True):
            if not isinstance(mutation, Delete):
                entity = mutation.entity
                catalog.lacking(missing, key, entity.shape, entity.values, set(indexed_names(entity)))
        catalog.absorb(*(yield Write(catalog.define(missing))))
        prepared = [_prepare(catalog, *pair) for pair in zip(mutations, keys, strict=True)]
    return prepared  # type: ignore[return-value]  # whatever was missing is defined now


def _prepare(catalog: Catalog, mutation: Mutation, key: Key) -> Prepared | None:
    """*mutation* made ready; None if the catalog lacks something for it."""
    kind = catalog.kinds.get((key.partition, key.path[-2]))
    if isinstance(mutation, Delete):
        return Prepared(mutation, key, kind, None if kind is None else (kind.number, key.path_bytes))
    entity = mutation.entity
    values = entity.values
    plan = catalog.plan(kind, entity.shape, values)
    if plan is None:
        check_entity(entity)
        return None
    try:
        rows = rows_of(plan, values)
        body = record.dump(plan.stored, values)
        if plan.unchecked or len(body) > MAX_UNINDEXED:
            check_entity(entity)
    except Exception:
        check_entity(entity)  # says what is wrong, and where
        raise
    if rows is None or kind is None:
        return None
    place = (kind.number, key.path_bytes)
    return Prepared(mutation, key, kind, place, entity.key is not key, values, body, rows)


def apply(
    catalog: Catalog,
    prepared: list[Prepared],
    transaction: Transaction | None,
    stamp: Callable[[int], int],
    epoch: int,
) -> Program[Outcome]:
    """Validate, then write; the value is what was committed and a statement that proves it.

    *stamp* gives a version greater than the one it is told; *epoch* is that of the reserved ids which the given
    ids are known not to be of.
    """
    if len(prepared) == 1 and transaction is None:
        return (yield from _apply_one(catalog, prepared[0], stamp, epoch))
    sql = catalog.dialect
    # Read what is there: the old bodies whose index rows go stale, and the versions that we depend on.
    places = [item.place for item in prepared if item.place is not None and not item.given_id]
    flags = 0
    stored: dict[Place, Stored] = {}
    if places:
        [found] = yield [(sql.select_stored, places)]
        flags = found[0][0]
        stored = {(row[1], row[2]): Stored(row[3], row[4], row[5]) for row in found if row[3] is not None}

    # First committer wins: refuse if anything we read has moved on.
    if transaction is not None:
        yield from _validate(catalog, transaction, stored)

    # Work out the last state of each entity, checking what each mutation demands of the state before it.
    wanted = _last_states(prepared, stored)
    version = stamp(max((item.version for item in stored.values()), default=0))
    writes = Writes(version)
    for place, item in wanted.items():
        yield from writes.add(catalog, place, stored.get(place, ABSENT), item)

    # Write bodies, then only the index rows that differ.
    if writes.inserts:
        new = [(*place, version, item.body) for place, item in writes.inserts]
        given = any(item.given_id for _, item in writes.inserts)
        ids = yield from _insert(catalog, new, epoch if given else None)
        with Pause(len(ids)):
            writes.add_new_rows(ids)
        flags = ids[0][1]
    if flags & GROUPS_ON and writes.changed:
        writes.statements.append(_group_versions(catalog, writes.changed, version))
    batch = writes.batch(catalog)
    if batch:
        yield batch
    proof = _proof(catalog, *writes.changed[0], version) if writes.changed else None
    return Committed([item.key for item in prepared], version), proof


def _apply_one(catalog: Catalog, item: Prepared, stamp: Callable[[int], int], epoch: int) -> Program[Outcome]:
    """`apply` for a single mutation outside of transactions: what most commits are, so without any sorting."""
    sql = catalog.dialect
    place, rows = item.place, item.rows
    old = ABSENT
    flags = 0
    if place is not None and not item.given_id:
        [[(flags, _, _, *found)]] = yield [(sql.select_stored, place)]
        if found[0] is not None:
            old = Stored(*found)
    _demand(item, old, old.id is not None)
    version = stamp(old.version)
    committed = Committed([item.key], version)
    batch: list[Statement] = []
    if place is None or (old.id is None and rows is None) or (rows is not None and old.body == item.body):
        return committed, None
    path = place[1]
    if rows is None:
        batch.append((sql.delete_entity, (old.id,)))
        gone = yield from _stored_rows(catalog, item.kind, old.body)
        for (index, _, _), value in zip(gone.plan.singles, gone.singles, strict=True):
            batch.append((index.delete, (value, path)))
        for index, values in gone.multiples:
            batch.append((index.delete, [(value, path) for value in values]))
    elif old.id is None:
        new = [(*place, version, item.body)]
        [(id_, flags)] = yield from _insert(catalog, new, epoch if item.given_id else None)
        for (index, _, _), value in zip(rows.plan.singles, rows.singles, strict=True):
            batch.append((index.insert, (value, path, id_)))
        for index, values in rows.multiples:
            batch += _additions(catalog, index, with_neighbours(values), path, id_)
    else:
        batch.append((sql.update_entity, (version, item.body, old.id)))
        stale, fresh = yield from _difference(catalog, old.body, item, rows)
        for index, removed in stale:
            batch.append((index.delete, [(value, path) for value, _, _ in removed]))
        for index, added in fresh:
            batch += _additions(catalog, index, added, path, old.id)
    if flags & GROUPS_ON:
        batch.append(_group_versions(catalog, [(place, item)], version))
    if batch:
        yield batch
    return committed, _proof(catalog, place, item, version)


def _insert(catalog: Catalog, rows: list[Row], epoch: int | None) -> Program[list[Row]]:
    """Insert new entities; (number, flags) of each.

    *epoch* is None where no id was given automatically.  Nobody has asked whether a given id is free: the unique
    index knows, and the flags tell whether it has been reserved since.
    """
    try:
        [ids] = yield [(catalog.dialect.insert_entity, rows if len(rows) > 1 else rows[0])]
    except TakenError:
        if epoch is not None:
            raise IdTakenError from None
        raise
    if epoch is not None and ids[0][1] >> 1 != epoch:
        raise IdTakenError
    return cast("list[Row]", ids)


def _additions(
    catalog: Catalog, index: Index, rows: list[IndexRow], path: bytes, id_: int
) -> list[Statement]:
    """The statements that add *rows* of one entity to one index."""
    if len(rows) == 1 and rows[0][1] is None and rows[0][2] is None:
        return [(index.insert, (rows[0][0], path, id_))]
    wide = [(value, path, id_, prev, next_) for value, prev, next_ in rows]
    if not wide or index.multiple:
        return [(index.insert_multiple, wide)] if wide else []
    return [(catalog.dialect.mark_multiple, (index.number,)), (index.insert_multiple, wide)]


def _group_versions(catalog: Catalog, changed: list[tuple[Place, Prepared]], version: int) -> Statement:
    """Note the version of each entity group that changes."""
    groups = {group_of(item.key) for _, item in changed}
    return catalog.dialect.set_group, [
        (catalog.space_numbers[space], root, version) for space, root in groups
    ]


def _proof(catalog: Catalog, place: Place, item: Prepared, version: int) -> Statement:
    """A statement that finds a row exactly if this change is in the database."""
    sql = catalog.dialect
    return (sql.prove_deleted, place) if item.rows is None else (sql.prove_written, (*place, version))


def _last_states(prepared: list[Prepared], stored: dict[Place, Stored]) -> dict[Place, Prepared]:
    wanted: dict[Place, Prepared] = {}
    for item in prepared:
        place = item.place
        if place is None:
            _demand(item, ABSENT, exists=False)
            continue
        before = wanted.get(place)
        old = stored.get(place, ABSENT)
        _demand(item, old, old.id is not None if before is None else before.rows is not None)
        wanted[place] = item
    return wanted


def _demand(item: Prepared, old: Stored, exists: bool) -> None:
    """Raise unless the state before is what the mutation demands: *old* before the commit, *exists* just before it."""
    mutation = item.mutation
    if mutation.base_version is not None and mutation.base_version != old.version:
        raise _base_conflict(item, old.version)
    if exists:
        if isinstance(mutation, Insert):
            raise AlreadyExistsError("entity already exists", key=item.key)
    elif isinstance(mutation, Update):
        raise NotFoundError("no entity to update", key=item.key)


def _base_conflict(item: Prepared, found: int) -> ConflictError:
    return ConflictError(
        "entity changed since it was read",
        key=item.key,
        read_version=item.mutation.base_version,
        found_version=found,
    )


def _validate(catalog: Catalog, transaction: Transaction, stored: dict[Place, Stored]) -> Program[None]:
    """Raise `ConflictError` if an entity, a query result or an entity group that was read is not as it was.

    *stored*: what was found already, of the entities that are to be written.
    """
    sql = catalog.dialect
    if transaction.by_group:
        if any(space not in catalog.space_numbers for space, _ in transaction.groups):
            yield from catalog.load()
        # A partition in which nothing was ever stored has no number, and no group has changed in it.
        numbers = catalog.space_numbers
        groups = [(numbers.get(space, -1), root) for space, root in transaction.groups]
        replies = yield [(sql.select_group, group) for group in groups]
        for (group, read), rows in zip(transaction.groups.items(), replies, strict=True):
            if (rows[0][0] if rows else 0) != read:
                raise ConflictError("entity group changed since it was read", key=Key.packed_in(*group))
        return
    if any(catalog.kind(key) is None for key in transaction.entities):
        yield from catalog.load()
    asked: list[tuple[Key, Place]] = []
    for key, read in transaction.entities.items():
        kind = catalog.kind(key)
        place = (0, b"") if kind is None else (kind.number, key.path_bytes)
        if place in stored:
            _compare(key, read, stored[place].version)
        elif kind is None:
            _compare(key, read, 0)
        else:
            asked.append((key, place))
    if asked:
        replies = yield [(sql.select_version, place) for _, place in asked]
        for (key, _), rows in zip(asked, replies, strict=True):
            _compare(key, transaction.entities[key], rows[0][0] if rows else 0)
    if transaction.queries:
        yield from catalog.load()
    for again, before in transaction.queries:
        text = again()
        found: list[Row] = []
        if text is not None:
            [found] = yield [text]
        if before != found and [row for row in before if row != NONE] != [
            row for row in found if row != NONE
        ]:
            raise ConflictError("the result of a query changed since it was read")


def _compare(key: Key, read: int, found: int) -> None:
    if found != read:
        raise ConflictError(
            "entity changed since it was read", key=key, read_version=read, found_version=found
        )


class Writes:
    """The statements that a commit of many comes to, rows of the same index together."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.inserts: list[tuple[Place, Prepared]] = []
        self.changed: list[tuple[Place, Prepared]] = []
        self.statements: list[Statement] = []
        self._updates: list[Row] = []
        self._deletes: list[Row] = []
        self._stale: dict[str, list[Row]] = {}
        self._fresh: dict[str, list[Row]] = {}
        self._marked: set[int] = set()

    def add(self, catalog: Catalog, place: Place, old: Stored, new: Prepared) -> Program[None]:
        """Turn *old* into *new*; nothing at all where they are the same."""
        path = place[1]
        if new.rows is None:
            if old.id is not None:
                self.changed.append((place, new))
                self._deletes.append((old.id,))
                rows = yield from _stored_rows(catalog, new.kind, old.body)
                for index, values in rows.all():
                    self._stale.setdefault(index.delete, []).extend([(value, path) for value in values])
        elif old.id is None:
            self.changed.append((place, new))
            self.inserts.append((place, new))
        elif old.body != new.body:
            self.changed.append((place, new))
            self._updates.append((self.version, new.body, old.id))
            stale, fresh = yield from _difference(catalog, old.body, new, new.rows)
            for index, gone in stale:
                self._stale.setdefault(index.delete, []).extend([(value, path) for value, _, _ in gone])
            for index, come in fresh:
                self._add(index, come, path, old.id)

    def add_new_rows(self, ids: list[Row]) -> None:
        """The index rows of the new entities, column by column; *ids* begin with their numbers in the table."""
        by_plan: dict[WritePlan, list[tuple[list[bytes], bytes, int]]] = {}
        for (place, item), (id_, _) in zip(self.inserts, ids, strict=True):
            assert item.rows is not None
            path = place[1]
            by_plan.setdefault(item.rows.plan, []).append((item.rows.singles, path, id_))
            for index, values in item.rows.multiples:
                self._add(index, with_neighbours(values), path, id_)
        for plan, members in by_plan.items():
            for at, single in enumerate(plan.singles):
                column = [(values[at], path, id_) for values, path, id_ in members]
                self._fresh.setdefault(single[0].insert, []).extend(column)

    def _add(self, index: Index, rows: list[IndexRow], path: bytes, id_: int) -> None:
        if len(rows) == 1 and rows[0][1] is None and rows[0][2] is None:
            self._fresh.setdefault(index.insert, []).append((rows[0][0], path, id_))
        elif rows:
            if not index.multiple:
                self._marked.add(index.number)
            wide = [(value, path, id_, prev, next_) for value, prev, next_ in rows]
            self._fresh.setdefault(index.insert_multiple, []).extend(wide)

    def batch(self, catalog: Catalog) -> list[Statement]:
        """Every statement but the inserts of entities; stale index rows go before fresh ones come."""
        sql = catalog.dialect
        batch = self.statements
        batch += [(sql.mark_multiple, (number,)) for number in self._marked]
        texts = {sql.update_entity: self._updates, sql.delete_entity: self._deletes}
        for grouped in (texts, self._stale, self._fresh):
            for text, rows in grouped.items():
                if len(rows) > 2:
                    rows.sort()  # neighbours in the tree share pages
                if rows:
                    batch.append((text, rows))
        return batch


def _stored_rows(catalog: Catalog, kind: Kind | None, body: bytes) -> Program[Rows]:
    """The index rows of an entity as it is stored."""
    values, plan = yield from _stored_plan(catalog, kind, body)
    rows = rows_of(plan, values)
    if rows is None:  # indexes that another process has defined
        yield from catalog.load()
        rows = rows_of(plan, values)
        assert rows is not None
    return rows


def _stored_plan(catalog: Catalog, kind: Kind | None, body: bytes) -> Program[tuple[list[Any], WritePlan]]:
    """The values of a stored body, and the plan that wrote it."""
    try:
        shape, values = record.load(body, catalog.shapes)
        plan = catalog.plan(kind, shape, values)
        if plan is not None:
            return values, plan
    except KeyError:
        pass
    yield from catalog.load()  # a shape or an index that another process has defined
    shape, values = record.load(body, catalog.shapes)
    plan = catalog.plan(kind, shape, values)
    assert plan is not None, "an entity was stored without its indexes being defined"
    return values, plan


def _difference(catalog: Catalog, old: bytes, new: Prepared, fresh: Rows) -> Program[tuple[Changes, Changes]]:
    """The stale and the fresh index rows between a stored body and what replaces it."""
    assert new.values is not None
    values, plan = yield from _stored_plan(catalog, new.kind, old)
    if plan is fresh.plan:
        found = same_plan_diff(values, new.values, fresh)
        if found is not None:
            return found
    stale = yield from _stored_rows(catalog, new.kind, old)
    return diff(stale, fresh)


def proof_of(outcome: Outcome) -> Statement | None:
    """The proof in the value of `apply`, for the driver."""
    return outcome[1]


def remember(prepared: Sequence[Prepared]) -> None:
    """After a commit: the indexes that it marked need not be marked again."""
    for item in prepared:
        if item.rows is not None:
            for index, values in item.rows.multiples:
                if len(values) > 1:
                    index.multiple = True
