"""Making and dropping composite indexes while others read and write.

An index is of all namespaces: it is defined in each that has its kind, and where the kind comes up in another one,
that one gets it at once (`Catalog.define`).  Once a new definition is committed, every commit of every process keeps
the rows of what it writes (the epoch in the flags tells it to); so all that is left is to add the rows of what was
written before, a few entities at a time.  Where that stands is in the database: another process may go on with it,
or several at once.

A dropped index is gone at once for all who read and write.  What is left of it, rows that nobody sees, is removed in
steps as well, of which each is a short write transaction; any process may go on with that, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from kindstore.store.entity_checks import size_of
from kindstore.store.program import Program, Row, Statement, Write
from kindstore.values.errors import BadArgumentError, TooLargeError
from kindstore.values.key import Key, Partition

from .catalog import Catalog, Kind, Missing, new_composite
from .commit import composite_rows_of
from .composite import CompositeIndex
from .composites import Composite, State, dump_definition, dump_deleted

MAX_PROPERTIES = 100
"""Of a composite index, as many as a query has filters and orders at most."""

STEP = 2000
"""Row numbers of entities that are gone through, or rows that are removed, in one write transaction."""


class Progress(msgspec.Struct, frozen=True):
    """How far an index is built: *done* of *total* row numbers of entities, of which others may be of other kinds.

    In `State.DELETING` *done* counts the rows that are removed.  *culprit*: in `State.ERROR`, the entity that had too
    many rows; None if it is gone.
    """

    index: CompositeIndex
    state: State
    done: int
    total: int
    namespace: str = ""
    culprit: Key | None = None


def listed(catalog: Catalog, partitions: Iterable[Partition]) -> Program[list[Progress]]:
    """Every index of the kinds of *partitions*, sorted by index and namespace, and how far it is."""
    yield from catalog.load()
    rows, [(_, last)] = yield [(catalog.dialect.composites, ()), (catalog.dialect.select_state, ())]
    done = {number: through for number, _, _, _, through in rows}
    wanted = {*partitions}
    found: list[Progress] = []
    for kind in catalog.kinds.values():
        for each in (*kind.composites, *kind.deleting) if kind.partition in wanted else ():
            place = done.get(each.number, 0)
            culprit = None
            if each.state is State.ERROR:
                culprit = yield from _culprit(catalog, kind, place)
            found.append(Progress(each.definition, each.state, place, last or 0, _namespace(kind), culprit))
    return sorted(found, key=lambda each: (each.index, each.namespace))


def _culprit(catalog: Catalog, kind: Kind, number: int) -> Program[Key | None]:
    [rows] = yield [(catalog.dialect.some_entities, (number - 1, number, kind.number))]
    return Key.packed_in(kind.partition, rows[0][1]) if rows else None


def _namespace(kind: Kind) -> str:
    return kind.partition.names()[2]


def create(catalog: Catalog, home: Partition, indexes: Sequence[CompositeIndex]) -> Program[None]:
    """Define those of *indexes* that are not defined, in all namespaces: from now on every commit keeps their rows.

    *home*: the default namespace, in which a kind is made known that is not stored anywhere yet.  Where there is no
    entity of the kind the index serves at once.
    """
    for each in indexes:
        _check(each)
    yield from catalog.load()
    missing = Missing()
    known = {name for partition, name in catalog.kinds if _is_beside(partition, home)}
    missing.kinds |= {(home, index.kind) for index in indexes if index.kind not in known}
    if missing:
        catalog.absorb(*(yield Write(catalog.define(missing))))
    yield Write(_define(catalog, home, indexes))
    yield from catalog.load()


def _check(index: CompositeIndex) -> None:
    """`BadArgumentError` for an index that no query could need."""
    names = [index.kind, *(each.name for each in index.properties)]
    if not 2 <= len(names) <= 1 + MAX_PROPERTIES:
        raise BadArgumentError(
            f"a composite index has 1 to {MAX_PROPERTIES} properties",
            index=str(index),
            hint="Name those that the query filters, sorts and projects.",
        )
    if not all(size_of(name, "index") for name in names):
        raise BadArgumentError(
            "an empty name in a composite index", index=str(index), hint="Give stored names."
        )


def _is_beside(partition: Partition, home: Partition) -> bool:
    """Whether the two differ in the namespace alone."""
    return partition.names()[:2] == home.names()[:2]


def _define(catalog: Catalog, home: Partition, indexes: Sequence[CompositeIndex]) -> Program[None]:
    sql = catalog.dialect
    rows, counters, spaces, kinds = yield [
        (sql.composites, ()),
        (sql.select_counter, ("composite",)),
        (sql.spaces, ()),
        (sql.kinds, ()),
    ]
    there = {(row[1], row[2]) for row in rows}
    beside = {number for number, *names in spaces if _is_beside(Partition.of(*names), home)}
    lacking = [
        (kind, index)
        for index in dict.fromkeys(indexes)
        for kind, space, name in kinds
        if name == index.kind and space in beside and (kind, dump_definition(index)) not in there
    ]
    if not lacking:
        return
    stored = yield [(sql.any_entity, (kind,)) for kind, _ in lacking]
    number: int = counters[0][0] if counters else 1  # never again that of an index which was dropped
    batch: list[Statement] = []
    for (kind, index), found in zip(lacking, stored, strict=True):
        batch += new_composite(sql, number, kind, index, State.BUILDING if found else State.SERVING)
        number += 1
    yield [*batch, (sql.set_counter, ("composite", number)), (sql.raise_index_epoch, ())]


def drop(catalog: Catalog, composites: Sequence[Composite]) -> Program[None]:
    """Remove *composites*, and whatever is left of others that were dropped, a few rows at a time."""
    if composites:
        yield Write(_hide(catalog, composites))
    yield from catalog.load()
    for kind in list(catalog.kinds.values()):
        for each in kind.deleting:
            while (yield Write(_remove_some(catalog, each))):
                pass
    yield from catalog.load()


def _hide(catalog: Catalog, composites: Sequence[Composite]) -> Program[None]:
    """Take *composites* from all who read and write; others that still plan with one find no table, and plan anew."""
    sql = catalog.dialect
    [rows] = yield [(sql.composites, ())]
    there = {number for number, _, _, state, _ in rows if state != State.DELETING}
    batch: list[Statement] = []
    for each in composites:
        if each.number in there:
            deleted = dump_deleted(each.definition, each.number)
            batch += [
                (sql.mark_composite, (State.DELETING, deleted, each.number)),
                (sql.hide_composite(each.number), ()),
            ]
    if batch:
        yield [*batch, (sql.raise_index_epoch, ())]


def _remove_some(catalog: Catalog, composite: Composite) -> Program[bool]:
    """Remove some rows of a dropped index, at last the index itself; whether there is more to remove."""
    sql, definition, number = catalog.dialect, composite.definition, composite.number
    [rows] = yield [(sql.composites, ())]
    done = next((row[4] for row in rows if row[0] == number), None)
    if done is None:
        return False  # another process has helped
    text = sql.empty_composite(number, len(definition.properties), definition.ancestor)
    [removed] = yield [(text, (STEP,))]
    if len(removed) == STEP:
        yield [(sql.set_composite, (State.DELETING, done + STEP, number))]
        return True
    yield [(sql.remove_composite, (number,)), (sql.drop_composite(number), ()), (sql.raise_index_epoch, ())]
    return False


def build(catalog: Catalog, kind: Kind, composite: Composite) -> Program[Progress]:
    """One step of building it, durable; to be repeated until the state is another than `State.BUILDING`."""
    progress: Progress = yield Write(_step(catalog, kind, composite))
    if progress.state is not State.BUILDING:
        yield from catalog.load()
    return progress


def _step(catalog: Catalog, kind: Kind, composite: Composite) -> Program[Progress]:
    sql = catalog.dialect
    definitions, [(_, last)] = yield [(sql.composites, ()), (sql.select_state, ())]
    found = [(State(state), done) for number, _, _, state, done in definitions if number == composite.number]
    if not found or found[0][0] is State.DELETING:
        raise BadArgumentError("the index was dropped", index=str(composite.definition))
    [(state, done)] = found
    total = last or 0
    namespace = _namespace(kind)
    if state is not State.BUILDING:
        culprit = (yield from _culprit(catalog, kind, done)) if state is State.ERROR else None
        return Progress(composite.definition, state, done, total, namespace, culprit)
    until = min(done + STEP, total)
    [entities] = yield [(sql.some_entities, (done, until, kind.number))]
    rows: list[Row] = []
    for id_, path, body in entities:
        try:
            found_rows = yield from composite_rows_of(catalog, kind, (composite,), path, body)
        except TooLargeError:
            # Where it got to is who stopped it.
            yield [(sql.set_composite, (State.ERROR, id_, composite.number)), (sql.raise_index_epoch, ())]
            culprit = Key.packed_in(kind.partition, path)
            return Progress(composite.definition, State.ERROR, id_, total, namespace, culprit)
        rows += [(*row, id_) for row in found_rows.get(composite, ())]
    rows.sort(key=lambda row: row[: composite.key_width()])
    state = State.SERVING if until >= total else State.BUILDING
    batch: list[Statement] = [(sql.set_composite, (state, until, composite.number))]
    if rows:
        batch.append((composite.fill, rows))
    if state is State.SERVING:
        batch.append((sql.raise_index_epoch, ()))
    yield batch
    return Progress(composite.definition, state, until, total, namespace)
