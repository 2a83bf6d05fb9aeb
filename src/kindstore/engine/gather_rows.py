"""From candidates to results: what records have of a property, combined, sorted and cut as a join would.

The values of an entity in an index are those of its record, packed (`index`); which of them count is the law of
spec/service.md 3.2, as `join` has it in its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from operator import itemgetter
from typing import Any, TypeAlias

from kindstore.store.program import Row
from kindstore.values import record
from kindstore.values.entity import Entity
from kindstore.values.ordered import PACKERS, pack
from kindstore.values.pause import Pause
from kindstore.values.record import StoredShape

from .gather import Gather
from .index import nested_values
from .join import Column
from .plan import ALL, KEY
from .statement import Position

Pick: TypeAlias = Callable[[list[Any]], Sequence[bytes]]
"""Of the columns of a record, the packed values that a result may have of one property."""


def results(
    plan: Gather,
    rows: list[Row],
    shapes: dict[int, StoredShape],
    start: Position | None,
    end: Position | None,
    limit: int | None,
    offset: int,
) -> list[Row] | None:
    """Rows (path, values…, version, body) of a page, as a join has them, of the candidates that were read as *rows*.

    None if these are not enough.  KeyError where *shapes* lacks that of a record, `CorruptionError` for a malformed one.
    """
    joined = plan.join
    if len(rows) > plan.at_most:
        return None
    with Pause(len(rows)):
        found = _results_of(plan, rows, shapes)
    if found is None:
        return None
    numbers = {KEY: 0, **{name: at for at, name in enumerate(joined.names, 1)}}
    found.sort(key=itemgetter(0))
    for name, descending in reversed(joined.orders):
        found.sort(key=itemgetter(numbers[name]), reverse=descending)
    if joined.distinct:
        group = itemgetter(*(numbers[name] for name in joined.distinct))
        firsts: dict[Any, Row] = {}
        for row in found:
            firsts.setdefault(group(row), row)
        found = list(firsts.values())
    places = [(numbers[name], descending) for name, descending in joined.places]
    if start is not None:
        found = [row for row in found if _is_after(row, places, start)]
    within = found if end is None else [row for row in found if not _is_after(row, places, end)]
    if plan.first is not None and limit is not None and len(found) < limit + offset:
        beyond = rows if start is None else [row for row in rows if row[1] != start.values[0]]
        if len(beyond) > plan.first:
            return None  # candidates were left out
    return within[offset:] if limit is None else within[offset : offset + limit]


def _is_after(row: Row, places: list[tuple[int, bool]], position: Position) -> bool:
    """Whether a result comes after *position* in the order of *places*, columns of it and whether they go downwards."""
    values = iter(position.values)
    for at, descending in places:
        value = next(values) if at else position.path
        if row[at] != value:
            return (row[at] > value) is not descending
    return position.before


def _results_of(plan: Gather, rows: list[Row], shapes: dict[int, StoredShape]) -> list[Row] | None:
    """The results that the candidates make, in no order; None if the record of one is large."""
    by_shape: dict[StoredShape, tuple[list[Row], list[list[Any]]]] = {}
    before: StoredShape | None = None
    alike, columns = list[Row](), list[list[Any]]()
    for row in rows:
        if row[3] is None:
            return None
        stored, values = record.columns(row[3], shapes)
        if stored is not before:
            before = stored
            alike, columns = by_shape.setdefault(stored, ([], []))
        alike.append(row)
        columns.append(values)
    found: list[Row] = []
    for stored, (alike, columns) in by_shape.items():
        simple = _one_of_each(plan, stored, alike, columns)
        found += _all_of_each(plan, stored, alike, columns) if simple is None else simple
    return found


def _one_of_each(
    plan: Gather, stored: StoredShape, rows: list[Row], columns: list[list[Any]]
) -> Iterable[Row] | None:
    """The results of candidates of one shape that have a single value of each property; None if these are others."""
    [branch] = plan.join.branches
    wanted = {column.property: column for column in branch.columns}
    if branch.fixed or wanted.keys() != set(plan.join.names):
        return None
    paths, leading, versions, bodies = zip(*rows, strict=True)
    found: list[Sequence[bytes]] = []
    for name in plan.join.names:
        if wanted[name] is plan.lead:
            found.append(leading)
            continue
        places = _places(name, stored)
        if wanted[name].bounds is not ALL or len(places) != 1 or places[0][1] != name:
            return None
        [(at, _, read)] = places
        values = [each[at] for each in columns]
        if read is not None:
            values = [None if value is None else read(value) for value in values]
        try:
            found.append([PACKERS[value.__class__](value) for value in values])
        except KeyError:
            return None  # a list, or an embedded entity
    return zip(paths, *found, versions, bodies, strict=True)


def _all_of_each(
    plan: Gather, stored: StoredShape, rows: list[Row], columns: list[list[Any]]
) -> Iterator[Row]:
    """The results of candidates of one shape: one for each combination of the values that a result may have."""
    [branch] = plan.join.branches
    fixed = {name: (value,) for name, value in branch.fixed}
    picks = {each.property: _pick(each, stored) for each in branch.columns if each is not plan.lead}
    for (path, value, version, body), values in zip(rows, columns, strict=True):
        parts = {name: pick(values) for name, pick in picks.items()}
        if all(parts.values()):
            if plan.lead is not None:
                parts[plan.lead.property] = (value,)
            parts |= fixed
            for each in product(*(parts[name] for name in plan.join.names)):
                yield path, *each, version, body


def _places(name: str, stored: StoredShape) -> list[tuple[int, str, Callable[[Any], Any] | None]]:
    """The columns that may have values of property *name*, which may be embedded: numbers, names, readers."""
    readers, shape = dict(stored.readers), stored.shape
    return [
        (at, each, readers.get(at))
        for at, each in enumerate(shape.names)
        if each not in shape.unindexed and (each == name or name.startswith(f"{each}."))
    ]


def _pick(column: Column, stored: StoredShape) -> Pick:
    """What reads the values that a result may have of *column*: those that the index of the property has."""
    name, bounds, places = column.property, column.bounds, _places(column.property, stored)

    def pick(values: list[Any]) -> Sequence[bytes]:
        distinct: set[bytes] = set()
        for at, each, read in places:
            value = values[at] if read is None or values[at] is None else read(values[at])
            for item in value if value.__class__ is list else (value,):
                if isinstance(item, Entity):
                    distinct.update(pack(one) for inner, one in nested_values(each, item) if inner == name)
                elif each == name:
                    distinct.add(pack(item))
        found = sorted(filter(bounds.has, distinct))
        if column.split:
            return found
        return found[-1:] if column.descending else found[:1]

    return pick
