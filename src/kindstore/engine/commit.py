"""Commit: the one place where entities and index rows change.

`prepare` works out everything that depends on the new entities alone (keys, bytes, index rows) and refuses what
can't be stored; `apply` runs inside the database's write transaction: validate, then write.  A conflict reaches
a caller only from here, with nothing written.
"""

# pyright: reportPrivateUsage=false
# The parts of keys are read past their properties, whose calls would cost a third of a batch.

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

import msgspec

from kindstore.store.entity_checks import check_entity
from kindstore.store.messages import Delete, Insert, Mutation, Update
from kindstore.store.program import Program, Row, Statement, Write
from kindstore.values import record
from kindstore.values.errors import AlreadyExistsError, ConflictError, NotFoundError
from kindstore.values.key import Key
from kindstore.values.limits import MAX_UNINDEXED
from kindstore.values.pause import Pause

from .catalog import INDEX_EPOCH, Catalog, Kind, Missing, Place
from .composites import Composite, State, rows_of
from .dialect import Dialect, many_rows
from .errors import TakenError
from .ids import ID_EPOCHS
from .index import (
    Changes,
    Index,
    IndexRow,
    Rows,
    WritePlan,
    diff,
    indexed_names,
    same_plan_diff,
)
from .transaction import Transaction, group_of


class IdTakenError(Exception):
    """An id given automatically belongs to an entity already: take another."""


class IndexesChangedError(Exception):
    """Another composite index is there, or one is not any more: prepare anew."""


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
    composites: dict[Composite, list[Row]] = {}


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

_first = itemgetter(0)


def _path(item: Prepared) -> bytes:
    assert item.place is not None
    return item.place[1]


def prepare(catalog: Catalog, mutations: Sequence[Mutation], keys: Sequence[Key]) -> Program[list[Prepared]]:
    """Everything that can be done before the write transaction; defines what the catalog lacks.

    *keys*: the complete key of each mutation.
    """
    prepared: list[Any] = _prepare_all(catalog, mutations, keys)
    if all(prepared):
        return prepared
    yield from catalog.load()
    prepared = _prepare_all(catalog, mutations, keys)
    if not all(prepared):
        missing = Missing()
        for mutation, key, item in zip(mutations, keys, prepared, strict=True):
            if item is None and not isinstance(mutation, Delete):
                entity = mutation.entity
                check_entity(entity)
                catalog.lacking(missing, key, entity.shape, entity.values, set(indexed_names(entity)))
        if missing:
            catalog.absorb(*(yield Write(catalog.define(missing))))
            prepared = _prepare_all(catalog, mutations, keys)
    # What is still missing are the kinds of deletes, of which nothing was ever stored.
    return [
        Prepared(mutation, key, None, None) if item is None else item
        for mutation, key, item in zip(mutations, keys, prepared, strict=True)
    ]


def _prepare_all(
    catalog: Catalog, mutations: Sequence[Mutation], keys: Sequence[Key]
) -> list[Prepared | None]:
    if len(mutations) == 1:
        return [_prepare(catalog, mutations[0], keys[0])]
    with Pause(len(mutations)):
        return [_prepare(catalog, *pair) for pair in zip(mutations, keys, strict=True)]


def _prepare(catalog: Catalog, mutation: Mutation, key: Key) -> Prepared | None:
    """*mutation* made ready; None if the catalog lacks something for it."""
    kind = catalog.kinds.get((key._partition, (key._flat or key.path)[-2]))
    if kind is None:
        return None
    place = (kind.number, key._packed or key.path_bytes)
    if isinstance(mutation, Delete):
        return Prepared(mutation, key, kind, place)
    entity = mutation.entity
    values = entity.values
    try:
        rows = catalog.rows(kind, entity.shape, values)
        if rows is None:
            return None
        body = record.dump(rows.plan.stored, values)
        if rows.plan.unchecked or len(body) > MAX_UNINDEXED:
            check_entity(entity)
    except Exception:
        check_entity(entity)  # says what is wrong, and where
        raise
    composites = composite_rows(kind, rows, place[1]) if kind.composites else {}
    return Prepared(mutation, key, kind, place, entity.key is not key, values, body, rows, composites)


def composite_rows(
    kind: Kind, rows: Rows, path: bytes, composites: Sequence[Composite] | None = None
) -> dict[Composite, list[Row]]:
    """The rows of an entity in *composites*; default: those of its kind that are kept."""
    if composites is None:
        composites = [each for each in kind.composites if each.state in (State.BUILDING, State.SERVING)]
    found = rows.all()
    values = {index.property: packed for index, packed in found}
    return rows_of(composites, values, path, sum(len(packed) for _, packed in found))


def composite_rows_of(
    catalog: Catalog, kind: Kind, composites: Sequence[Composite], path: bytes, body: bytes
) -> Program[dict[Composite, list[Row]]]:
    """The rows of a stored entity in *composites*."""
    rows = yield from _stored_rows(catalog, kind, body)
    return composite_rows(kind, rows, path, composites)


def apply(
    catalog: Catalog,
    prepared: Sequence[Prepared],
    transaction: Transaction | None,
    stamp: Callable[[int], int],
    epoch: int,
    index_epoch: int,
) -> Program[Writes]:
    """Validate, then write; the value is what was written.

    *stamp* gives a version greater than the one it is told; *epoch* is that of the reserved ids which the given
    ids are known not to be of: `IdTakenError` if ids have been reserved since, or an entity has one of them.
    *index_epoch* is that of the catalog before *prepared* was made: `IndexesChangedError` if the composite indexes
    are others by now.  (The catalog's own may be newer: another thread may have loaded it since.)
    """
    sql = catalog.dialect
    # Read what is there: the old bodies whose index rows go stale, and the versions that we depend on.
    places: list[Row] = []
    given = False
    for item in prepared:
        if item.given_id:
            given = True  # nobody asks whether such an id is free: the unique index knows
        elif item.place is not None:
            places.append(item.place)
    if places:
        [found] = yield [(sql.select_stored, places if len(places) > 1 else places[0])]
    else:
        [found] = yield [(sql.select_state, ())]
    flags, last, *_ = found[0]
    if not flags >> INDEX_EPOCH == index_epoch == catalog.index_epoch:
        raise IndexesChangedError
    if given and flags >> 1 & ID_EPOCHS != epoch:
        raise IdTakenError
    stored = {(row[2], row[3]): Stored(*row[4:]) for row in found if row[4] is not None} if places else {}
    if transaction is not None:
        yield from _validate(catalog, transaction, stored)

    # Work out what changes, checking what each mutation demands of the state before it.
    wanted = _last_states(prepared, stored)
    after = max([item.version for item in stored.values()]) if stored else 0
    writes = Writes(sql, stamp(after), last or 0)
    for place, item in wanted.items():
        old = stored.get(place)
        if old is not None:
            yield from writes.change(catalog, old, item)
        elif item.rows is not None:
            writes.inserts.append(item)

    # Write bodies and only the index rows that differ.
    batch = writes.batch(catalog if flags & GROUPS_ON else None)
    if batch:
        try:
            yield batch
        except TakenError:
            if given:
                raise IdTakenError from None
            raise
    return writes


def _last_states(prepared: Sequence[Prepared], stored: dict[Place, Stored]) -> dict[Place, Prepared]:
    wanted: dict[Place, Prepared] = {}
    for item in prepared:
        place, mutation = item.place, item.mutation
        if place is None:
            _demand(item, ABSENT, exists=False)
            continue
        if mutation.base_version is not None or isinstance(mutation, Insert | Update):
            before = wanted.get(place)
            old = stored.get(place, ABSENT)
            _demand(item, old, old.id is not None if before is None else before.rows is not None)
        wanted[place] = item
    return wanted


def _demand(item: Prepared, old: Stored, exists: bool) -> None:
    """Raise unless the state before is what the mutation demands: *old* before the commit, *exists* just before it."""
    mutation = item.mutation
    if mutation.base_version is not None and mutation.base_version != old.version:
        raise _changed(item.key, mutation.base_version, old.version)
    if exists:
        if isinstance(mutation, Insert):
            raise AlreadyExistsError("entity already exists", key=item.key)
    elif isinstance(mutation, Update):
        raise NotFoundError("no entity to update", key=item.key)


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
    entities = transaction.entities
    if transaction.unplaced:
        # Nothing was there; by now there may be, if the kind is known.
        if any(catalog.kind(key) is None for key in transaction.unplaced):
            yield from catalog.load()
        kinds = [(key, catalog.kind(key)) for key in transaction.unplaced]
        placed = {(kind.number, key.path_bytes): (key, 0) for key, kind in kinds if kind is not None}
        entities = {**placed, **entities}
    asked: list[Place] = []
    for place, (key, read) in entities.items():
        found = stored.get(place)
        if found is None:
            asked.append(place)
        elif found.version != read:
            raise _changed(key, read, found.version)
    if asked:
        replies = yield [(sql.select_version, place) for place in asked]
        for place, rows in zip(asked, replies, strict=True):
            key, read = entities[place]
            version = rows[0][0] if rows else 0
            if version != read:
                raise _changed(key, read, version)
    if transaction.queries:
        yield from catalog.load()
    for again, before in transaction.queries:
        text = again()
        after: list[Row] = []
        if text is not None:
            [after] = yield [text]
        if before != after and [row for row in before if row != NONE] != [
            row for row in after if row != NONE
        ]:
            raise ConflictError("the result of a query changed since it was read")


def _changed(key: Key, read: int | None, found: int) -> ConflictError:
    return ConflictError("entity changed since it was read", key=key, read_version=read, found_version=found)


class Writes:
    """What a commit comes to: its statements, rows of the same index together.

    *last*: the greatest number of an entity in the table.  *inserts* are the entities that are new, *changed* those
    that are not; *marked* the indexes in which an entity has several values for the first time.
    """

    def __init__(self, sql: Dialect, version: int, last: int) -> None:
        self._sql = sql
        self.version = version
        self.inserts: list[Prepared] = []
        self.changed: list[Prepared] = []
        self.marked: set[Index] = set()
        self._last = last
        self._entities: dict[str, list[Row]] = {}
        self._stale: dict[str, list[Row]] = {}
        self._fresh: dict[str, list[Row]] = {}
        self._stale_combined: dict[str, list[Row]] = {}
        self._fresh_combined: dict[str, list[Row]] = {}
        """Those of composite indexes."""

    def change(self, catalog: Catalog, old: Stored, new: Prepared) -> Program[None]:
        """Turn *old* into *new*; nothing at all where they are the same."""
        assert new.place is not None
        path = new.place[1]
        if new.rows is None:
            self.changed.append(new)
            self._entities.setdefault(self._sql.delete_entity, []).append((old.id,))
            rows = yield from _stored_rows(catalog, new.kind, old.body)
            for single, value in zip(rows.plan.singles, rows.singles, strict=True):
                self._stale.setdefault(single[0].delete, []).append((value, path))
            for index, values in rows.multiples:
                self._stale.setdefault(index.delete, []).extend([(value, path) for value in values])
            if new.kind is not None and new.kind.composites:
                self._turn(composite_rows(new.kind, rows, path), {}, old.id)
        elif old.body != new.body:
            self.changed.append(new)
            self._entities.setdefault(self._sql.update_entity, []).append((self.version, new.body, old.id))
            stale, fresh = yield from _difference(catalog, old.body, new, new.rows)
            for index, gone in stale:
                self._stale.setdefault(index.delete, []).extend([(value, path) for value, _, _ in gone])
            for index, come in fresh:
                self._add(index, come, path, old.id)
            if new.kind is not None and new.kind.composites:
                rows = yield from _stored_rows(catalog, new.kind, old.body)
                self._turn(composite_rows(new.kind, rows, path), new.composites, old.id)

    def batch(self, catalog: Catalog | None) -> list[Statement]:
        """Every statement; what is stale goes before what is fresh comes.

        *catalog* is None where no versions of entity groups are kept.
        """
        batch: list[Statement] = []
        if len(self.inserts) == 1 and not self.changed:
            batch = self._insert_one(self.inserts[0])
        elif self.inserts:
            self.inserts.sort(key=_path)  # for those that share a value
            with Pause(len(self.inserts)):
                self._insert()
        for grouped, place in (
            (self._entities, _first),
            (self._stale, _first),
            (self._stale_combined, None),
            (self._fresh, _first),
            (self._fresh_combined, None),
        ):
            for text, rows in grouped.items():
                if len(rows) == 1:
                    batch.append((text, rows[0]))
                elif rows:
                    rows.sort(key=place)  # neighbours in the tree share pages
                    batch += many_rows(text, rows)
        if self.marked:
            batch += [(self._sql.mark_multiple, (index.number,)) for index in self.marked]
        if catalog is not None and batch:
            batch.append(self._group_versions(catalog))
        return batch

    def _insert_one(self, item: Prepared) -> list[Statement]:
        """The statements of a new entity, which is all there is; its values of lists and combinations are noted."""
        rows = item.rows
        assert item.place is not None
        assert rows is not None
        kind, path = item.place
        id_ = self._last + 1
        for index, values in rows.multiples:
            self._add_values(index, values, path, id_)
        if item.composites:
            self._turn({}, item.composites, id_)
        return [
            (self._sql.insert_entity, (id_, kind, path, self.version, item.body)),
            *[
                (single[0].insert, (value, path, id_))
                for single, value in zip(rows.plan.singles, rows.singles, strict=True)
            ],
        ]

    def _insert(self) -> None:
        """The new entities, with numbers of their own, and their index rows, column by column."""
        by_plan: dict[WritePlan, tuple[list[list[bytes]], list[bytes], list[int]]] = {}
        entities = self._entities[self._sql.insert_entity] = []
        id_, version = self._last, self.version
        for item in self.inserts:
            place, rows = item.place, item.rows
            assert place is not None
            assert rows is not None
            id_ += 1
            kind, path = place
            entities.append((id_, kind, path, version, item.body))
            members = by_plan.get(rows.plan)
            if members is None:
                members = by_plan[rows.plan] = ([], [], [])
            members[0].append(rows.singles)
            members[1].append(path)
            members[2].append(id_)
            for index, values in rows.multiples:
                self._add_values(index, values, path, id_)
            if item.composites:
                self._turn({}, item.composites, id_)
        for plan, (singles, paths, ids) in by_plan.items():
            for (index, _, _), column in zip(plan.singles, zip(*singles, strict=True), strict=True):
                self._fresh.setdefault(index.insert, []).extend(zip(column, paths, ids, strict=True))

    def _add_values(self, index: Index, values: list[bytes], path: bytes, id_: int) -> None:
        """The rows of a new entity with these values, each with its neighbours."""
        if len(values) > 1:
            if not index.multiple:
                self.marked.add(index)
            self._fresh.setdefault(index.insert_multiple, []).extend(
                zip(values, repeat(path), repeat(id_), (None, *values), (*values[1:], None), strict=False)
            )
        elif values:
            self._fresh.setdefault(index.insert, []).append((values[0], path, id_))

    def _add(self, index: Index, rows: list[IndexRow], path: bytes, id_: int | None) -> None:
        """Rows of a property with several values, or with one that may have neighbours."""
        if len(rows) > 1 or (rows and rows[0][1:] != (None, None)):
            if not index.multiple:
                self.marked.add(index)
            wide = self._fresh.setdefault(index.insert_multiple, [])
            for value, prev, next_ in rows:
                wide.append((value, path, id_, prev, next_))
        elif rows:
            self._fresh.setdefault(index.insert, []).append((rows[0][0], path, id_))

    def _turn(
        self, old: dict[Composite, list[Row]], new: dict[Composite, list[Row]], id_: int | None
    ) -> None:
        """Turn an entity's rows in composite indexes from *old* into *new*."""
        for composite in {**old, **new}:
            had, has = old.get(composite, []), new.get(composite, [])
            width = composite.key_width()
            gone, come = set(had).difference(has), set(has).difference(had)
            self._stale_combined.setdefault(composite.delete, []).extend([row[:width] for row in gone])
            self._fresh_combined.setdefault(composite.insert, []).extend([(*row, id_) for row in come])

    def proof(self) -> Statement | None:
        """A statement that finds a row exactly if these changes are in the database; None if there are none."""
        for item in self.inserts or self.changed:
            assert item.place is not None
            if item.rows is None:
                return self._sql.prove_deleted, item.place
            return self._sql.prove_written, (*item.place, self.version)
        return None

    def _group_versions(self, catalog: Catalog) -> Statement:
        """Note the version of each entity group that changes."""
        groups = {group_of(item.key) for item in (*self.inserts, *self.changed)}
        return self._sql.set_group, [
            (catalog.space_numbers[space], root, self.version) for space, root in groups
        ]


def _stored_rows(catalog: Catalog, kind: Kind | None, body: bytes) -> Program[Rows]:
    """The index rows of an entity as it is stored."""
    rows = _known_rows(catalog, kind, body)
    if rows is None:  # a shape or indexes that another process has defined
        yield from catalog.load()
        rows = _known_rows(catalog, kind, body)
        assert rows is not None, "an entity was stored without its shape or its indexes being defined"
    return rows


def _known_rows(catalog: Catalog, kind: Kind | None, body: bytes) -> Rows | None:
    """The same, None if the catalog lacks something for it."""
    try:
        shape, values = record.load(body, catalog.shapes)
    except KeyError:
        return None
    return catalog.rows(kind, shape, values)


def _difference(catalog: Catalog, old: bytes, new: Prepared, fresh: Rows) -> Program[tuple[Changes, Changes]]:
    """The stale and the fresh index rows between a stored body and what replaces it."""
    assert new.values is not None
    try:
        shape, values = record.load(old, catalog.shapes)
    except KeyError:
        yield from catalog.load()  # a shape that another process has defined
        shape, values = record.load(old, catalog.shapes)
    if shape is fresh.plan.stored.shape and [*map(type, values)] == [*map(type, new.values)]:
        found = same_plan_diff(values, new.values, fresh)
        if found is not None:
            return found
    stale = yield from _stored_rows(catalog, new.kind, old)
    return diff(stale, fresh)
