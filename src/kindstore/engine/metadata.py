"""Queries of metadata kinds: candidates from the catalog, and a seek in the tables for each whether it is there.

The catalog remembers every kind and every property that there ever was, so nothing is scanned: an answer costs one
seek for each namespace or kind, and one for each type of a property's values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from kindstore.store.checks import KEY
from kindstore.store.conjunctions import comparisons
from kindstore.store.messages import Aggregation, Count, Page, Query, R
from kindstore.store.metadata import (
    KIND,
    NAMESPACE,
    PROPERTY,
    REPRESENTATIONS,
    TYPES,
    check_metadata_aggregations,
    namespace_id,
)
from kindstore.store.program import Program, Row, Statement
from kindstore.values.entity import EMPTY, Maker
from kindstore.values.key import Key

from . import cursor
from .catalog import Catalog
from .plan import Bounds, ancestor_bounds
from .statement import Position

AT_ONCE = 200
"""Candidates of which one batch finds out whether they are there."""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """What may be a result: its path, and the statement whose row tells."""

    path: bytes
    seek: Statement


def run_query(catalog: Catalog, query: Query, page_size: int | None, maker: Maker[R]) -> Program[Page[R]]:
    """The first page of *query*, which is checked (`store.metadata.check_metadata`)."""
    limit = query.limit
    if page_size is not None:
        limit = page_size if limit is None else min(limit, page_size)
    rows = yield from _rows(catalog, query, limit)
    shape = REPRESENTATIONS if query.kind == PROPERTY and not query.keys_only else EMPTY
    make, packed_in = maker.of(shape), maker.key_class.packed_in
    results: list[R] = []
    for path, found in rows:
        values = [_types(found)] if shape is REPRESENTATIONS else []
        results.append(make(packed_in(query.partition, path), values, 0))

    def cursor_after(n: int) -> bytes:
        if n < 0:
            return query.start if query.start is not None else cursor.encode(query, None)
        return cursor.encode(query, Position((), rows[n][0]))

    return Page(results, limit is not None and len(rows) == limit, cursor_after)


def run_aggregation(
    catalog: Catalog, query: Query, aggregations: Sequence[Aggregation]
) -> Program[list[Any]]:
    """How many results there are, for each of *aggregations*; `BadQueryError` for one that does not count."""
    check_metadata_aggregations(query, [*aggregations])
    rows = yield from _rows(catalog, msgspec.structs.replace(query, keys_only=True), query.limit)
    bounds = [each.up_to if isinstance(each, Count) else None for each in aggregations]
    return [len(rows) if bound is None else min(len(rows), bound) for bound in bounds]


def explain(query: Query) -> str:
    """How *query* is answered, as text."""
    return f"MetadataScan({query.kind}, asc, {_bounds(query).of_keys()})"


def _rows(catalog: Catalog, query: Query, limit: int | None) -> Program[list[tuple[bytes, Row]]]:
    """The results in order, *limit* at most, offset and cursors honoured: paths, and what the seek found."""
    bounds = _within_cursors(query, _bounds(query))
    yield from catalog.load()
    candidates = sorted(
        (each for each in _candidates(catalog, query) if _is_within(bounds, each.path)),
        key=lambda each: each.path,
    )
    wanted = len(candidates) if limit is None else query.offset + limit
    found: list[tuple[bytes, Row]] = []
    at = 0
    while at < len(candidates) and len(found) < wanted:
        some = candidates[at : at + AT_ONCE]
        at += AT_ONCE
        replies = yield [each.seek for each in some]
        for each, rows in zip(some, replies, strict=True):
            if rows and any(rows[0]):
                found.append((each.path, rows[0]))
    return found[query.offset : wanted]


def _candidates(catalog: Catalog, query: Query) -> Iterator[Candidate]:
    """Whatever the catalog has that *query* may be about."""
    sql, partition = catalog.dialect, query.partition

    def path_of(*path: str | int) -> bytes:
        return Key.of(partition, path).path_bytes

    if query.kind == NAMESPACE:
        for number, space in catalog.spaces.items():
            if (space.project, space.database) == (partition.project, partition.database):
                yield Candidate(
                    path_of(NAMESPACE, namespace_id(space.namespace)), (sql.some_of_space, (number,))
                )
        return
    for (space, name), kind in [*catalog.kinds.items()]:
        if space is not partition:
            continue
        if query.kind == KIND:
            yield Candidate(path_of(KIND, name), (sql.some_of_kind, (kind.number,)))
            continue
        for property_name, index in [*kind.indexes.items()]:
            path = path_of(KIND, name, PROPERTY, property_name)
            if query.keys_only:
                yield Candidate(path, (sql.some_rows(index.number), ()))
            else:
                yield Candidate(path, (sql.some_of_types(index.number, len(TYPES)), TYPE_BOUNDS))


# The first bytes of each of TYPES, and the first ones behind them: docs/format.md, "Type codes".
_CODES = ((0x05, 0x06), (0x10, 0x21), (0x28, 0x2A), (0x30, 0x31), (0x40, 0x41), (0x48, 0x49), (0x50, 0x51))
TYPE_RANGES = tuple((bytes([low]), bytes([high])) for low, high in (*_CODES, (0x58, 0x59)))
"""From where to where the packed values of each of `TYPES` go."""
TYPE_BOUNDS = tuple(bound for pair in TYPE_RANGES for bound in pair)


def _types(found: Iterable[Any]) -> list[str]:
    return [name for name, is_there in zip(TYPES, found, strict=True) if is_there]


def _bounds(query: Query) -> Bounds:
    bounds = ancestor_bounds(None if query.ancestor is None else query.ancestor.path_bytes)
    for each in comparisons(query):
        assert each.property == KEY
        bounds = bounds.narrowed(each.op, each.value.path_bytes)
    return bounds


def _within_cursors(query: Query, bounds: Bounds) -> Bounds:
    """*bounds*, cut by the cursors of *query*: what stands behind the one, up to the other."""
    if query.start is not None:
        start, _ = cursor.decode(query, query.start)
        bounds = bounds if start is None else bounds.narrowed(">", start.path)
    if query.end is not None:
        end, _ = cursor.decode(query, query.end)
        bounds = bounds.narrowed("<", b"") if end is None else bounds.narrowed("<=", end.path)
    return bounds


def _is_within(bounds: Bounds, path: bytes) -> bool:
    low, high = bounds.low, bounds.high
    if low is not None and (path < low or (path == low and not bounds.low_included)):
        return False
    return high is None or path < high or (path == high and bounds.high_included)
