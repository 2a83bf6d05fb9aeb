"""Making and dropping composite indexes while others read and write.

Once a new definition is committed, every commit of every process keeps the rows of what it writes (the epoch in the
flags tells it to); so all that is left is to add the rows of what was written before, a few entities at a time.
Where that stands is in the database: another process may go on with it, or several at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kindstore.store.program import Program, Row, Statement, Write
from kindstore.values.errors import BadArgumentError, TooLargeError

from .catalog import Catalog, Kind
from .commit import composite_rows_of
from .composite import CompositeIndex
from .composites import Composite, State, dump_definition

STEP = 2000
"""Row numbers of entities that are gone through in one write transaction."""


class Progress(msgspec.Struct, frozen=True):
    """How far an index is built: *done* of *total* row numbers of entities, of which others may be of other kinds."""

    index: CompositeIndex
    state: State
    done: int
    total: int


def create(catalog: Catalog, kind: Kind, index: CompositeIndex) -> Program[None]:
    """Define *index*, unless it is defined: from now on every commit keeps its rows."""
    yield Write(_define(catalog, kind, index))
    yield from catalog.load()


def _define(catalog: Catalog, kind: Kind, index: CompositeIndex) -> Program[None]:
    sql = catalog.dialect
    body = dump_definition(index)
    rows, counters = yield [(sql.composites, ()), (sql.select_counter, ("composite",))]
    if any((row[1], row[2]) == (kind.number, body) for row in rows):
        return
    number: int = counters[0][0] if counters else 1  # never again that of an index which was dropped
    descending = tuple(each.descending for each in index.properties)
    yield [
        (sql.set_counter, ("composite", number + 1)),
        (sql.create_composite(number, descending, index.ancestor), ()),
        (sql.add_composite, (number, kind.number, body)),
        (sql.raise_index_epoch, ()),
    ]


def drop(catalog: Catalog, composite: Composite) -> Program[None]:
    """Remove the index and all of its rows.

    Others that still plan with it find no table, and plan anew.
    """
    yield Write(_drop(catalog, composite.number))
    yield from catalog.load()


def _drop(catalog: Catalog, number: int) -> Program[None]:
    sql = catalog.dialect
    [rows] = yield [(sql.composites, ())]
    if any(row[0] == number for row in rows):
        yield [
            (sql.remove_composite, (number,)),
            (sql.drop_composite(number), ()),
            (sql.raise_index_epoch, ()),
        ]


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
    if not found:
        raise BadArgumentError("the index was dropped", index=str(composite.definition))
    [(state, done)] = found
    total = last or 0
    if state is not State.BUILDING:
        return Progress(composite.definition, state, done, total)
    until = min(done + STEP, total)
    [entities] = yield [(sql.some_entities, (done, until, kind.number))]
    try:
        rows = yield from _rows(catalog, kind, composite, entities)
    except TooLargeError:
        yield [(sql.set_composite, (State.ERROR, done, composite.number)), (sql.raise_index_epoch, ())]
        return Progress(composite.definition, State.ERROR, done, total)
    state = State.SERVING if until >= total else State.BUILDING
    batch: list[Statement] = [(sql.set_composite, (state, until, composite.number))]
    if rows:
        batch.append((composite.fill, rows))
    if state is State.SERVING:
        batch.append((sql.raise_index_epoch, ()))
    yield batch
    return Progress(composite.definition, state, until, total)


def _rows(catalog: Catalog, kind: Kind, composite: Composite, entities: Sequence[Row]) -> Program[list[Row]]:
    rows: list[Row] = []
    for id_, path, body in entities:
        found = yield from composite_rows_of(catalog, kind, (composite,), path, body)
        rows += [(*row, id_) for row in found.get(composite, ())]
    rows.sort(key=lambda row: row[: composite.key_width()])
    return rows
