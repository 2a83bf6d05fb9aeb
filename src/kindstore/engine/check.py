"""The whole-database checker: every entity has its index rows, and every index row its entity.

Reads everything, in batches, and changes nothing.  Run after every test that stores, and by ``kindstore check``.
"""

from __future__ import annotations

import os
from typing import Any, cast

from kindstore.store.program import Program, Release, Row, Snapshot, T
from kindstore.values import record
from kindstore.values.errors import Error
from kindstore.values.key import Key

from .catalog import Catalog
from .commit import composite_rows
from .composites import Composite, State
from .index import Index, with_neighbours

BATCH = 2000
MOST = 1000
"""Faults after which the check stops."""


def check(catalog: Catalog) -> Program[list[str]]:
    """Every fault, in words; empty for a sound database.  All is read in one snapshot: others may write meanwhile."""
    name = b"check " + os.urandom(8)
    try:
        faults = yield from _pinned(name, _check(catalog))
    except Exception:
        yield Release(name)
        raise
    yield Release(name)
    return faults


def _pinned(name: bytes, program: Program[T]) -> Program[T]:
    """*program*, with each of its batches read in the snapshot called *name*."""
    rows: Any = None
    try:
        while True:
            rows = yield Snapshot(name, program.send(rows))
    except StopIteration as done:
        return cast("T", done.value)


def _check(catalog: Catalog) -> Program[list[str]]:
    yield from catalog.load()
    faults: list[str] = []
    due: dict[Index, dict[tuple[bytes, bytes], tuple[Any, ...]]] = {
        index: {} for index in catalog.indexes.values()
    }
    combined: dict[Composite, set[Row]] = {
        composite: set()
        for kind in catalog.kinds.values()
        for composite in kind.composites
        if composite.state in (State.BUILDING, State.SERVING)
    }
    after = 0
    while len(faults) < MOST:
        [rows] = yield [(catalog.dialect.all_entities, (after, BATCH))]
        for id_, kind_number, path, body in rows:
            try:
                _expect(catalog, due, combined, id_, kind_number, path, body)
            except (Error, KeyError, AssertionError, ValueError) as error:
                faults.append(f"entity {id_} (kind {kind_number}, path {path.hex()}): {error!r}")
        if len(rows) < BATCH:
            break
        after = rows[-1][0]
    for index, expected in due.items():
        yield from _compare(catalog, index, expected, faults)
    for composite, wanted in combined.items():
        yield from _compare_composite(catalog, composite, wanted, faults)
    return faults


def _expect(
    catalog: Catalog,
    due: dict[Index, dict[tuple[bytes, bytes], tuple[Any, ...]]],
    combined: dict[Composite, set[Row]],
    id_: int,
    kind_number: int,
    path: bytes,
    body: bytes,
) -> None:
    """Note in *due* the index rows that an entity must have."""
    kind = catalog.kinds_by_number[kind_number]
    key = Key.packed_in(kind.partition, path)
    assert key.path[-2] == kind.name, f"the path {key.path} is not of kind {kind.name}"
    shape, values = record.load(body, catalog.shapes)
    rows = catalog.rows(kind, shape, values)
    assert rows is not None, "an index is not defined"
    for composite, found in composite_rows(kind, rows, path).items():
        combined[composite].update((*row, id_) for row in found)
    for index, packed in rows.all():
        if len(packed) > 1:
            assert index.multiple, f"{index} is not marked to have several values"
        for value, prev, next_ in with_neighbours(packed):
            due[index][value, path] = (id_, prev, next_)


def _compare_composite(
    catalog: Catalog, composite: Composite, wanted: set[Row], faults: list[str]
) -> Program[None]:
    """Compare the rows of a composite index with what they must be; while it is built, some may be missing."""
    definition = composite.definition
    text = catalog.dialect.all_composite_rows(
        composite.number, len(definition.properties), definition.ancestor
    )
    [rows] = yield [(text, ())]
    found = set(rows)
    wrong = [f"{composite}: a row that no entity has: {row}" for row in found - wanted]
    if composite.state is State.SERVING:
        wrong += [f"{composite}: a row is missing: {row}" for row in wanted - found]
    faults += wrong[: MOST - len(faults)]


def _compare(
    catalog: Catalog,
    index: Index,
    expected: dict[tuple[bytes, bytes], tuple[Any, ...]],
    faults: list[str],
) -> Program[None]:
    """Compare the rows of one index with what they must be."""
    value, path = b"", b""
    while len(faults) < MOST:
        [rows] = yield [(catalog.dialect.all_rows(index.number), (value, path, BATCH))]
        for value, path, *found in rows:
            wanted = expected.pop((value, path), None)
            if wanted is None:
                faults.append(f"{index}: row without an entity (value {value.hex()}, path {path.hex()})")
            elif wanted != tuple(found):
                faults.append(f"{index}: row {found} should be {wanted} (value {value.hex()})")
        if len(rows) < BATCH:
            break
    missing = list(expected.items())[: MOST - len(faults)]
    faults += [
        f"{index}: row missing (value {value.hex()}, path {path.hex()})" for (value, path), _ in missing
    ]
