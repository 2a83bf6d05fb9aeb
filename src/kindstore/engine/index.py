"""Index maintenance: which rows an entity has, and which change when it does.  Pure functions.

A property's index has a row (value, path) for each distinct value an entity has for it.  Rows of an entity
with several values also hold the next lower and the next higher of them: with these a range scan tells, row
by row, whether it looks at the entity's first value within the range, and gives each entity once
(spec/service.md 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from kindstore.values.entity import Entity
from kindstore.values.errors import TooLargeError
from kindstore.values.limits import MAX_INDEX_ENTRIES
from kindstore.values.ordered import PACKERS, pack
from kindstore.values.record import StoredShape
from kindstore.values.types import GeoPt

from .dialect import Dialect

IndexRow: TypeAlias = tuple[bytes, bytes | None, bytes | None]
"""value, next lower, next higher."""


class Index:
    """The index of one property of one kind: its number and its statement texts."""

    __slots__ = ("delete", "insert", "insert_multiple", "multiple", "number", "property", "table", "term")

    def __init__(self, number: int, name: str, dialect: Dialect) -> None:
        self.number, self.property = number, name
        self.table = dialect.index_table(number)
        self.term = dialect.index_term(number, "i")
        self.insert = dialect.insert_row(number)
        self.insert_multiple = dialect.insert_multiple(number)
        self.delete = dialect.delete_row(number)
        self.multiple = False
        """Whether any entity is known to have had several values; once true, always true."""

    def __repr__(self) -> str:
        return f"Index({self.number}, {self.property!r})"


class WritePlan:
    """How entities with certain columns and types of values are written: worked out once, used by each.

    *singles* (index, position, packer) of indexed columns with one value; *lists* (name, position, packer) of
    columns with a list of values of one type.  Where there are embedded entities or mixed lists, these are empty
    and *general* has the positions of all indexed columns.  *unchecked*: positions of values that neither packing
    nor `record.dump` checks.  *comparable*: whether values that Python calls equal are indexed alike.
    """

    __slots__ = ("comparable", "general", "indexes", "lists", "singles", "stored", "unchecked")

    def __init__(self, stored: StoredShape, indexes: Mapping[str, Index]) -> None:
        self.stored = stored
        self.indexes = indexes
        self.singles: list[tuple[Index, int, Callable[[Any], bytes]]] = []
        self.lists: list[tuple[str, int, Callable[[Any], bytes]]] = []
        self.general: list[int] = []
        self.unchecked: list[int] = []
        self.comparable = True


_CHECKED_BY_DUMP = frozenset({type(None), bool, float, str, bytes, GeoPt, datetime})
_COMPARABLE = _CHECKED_BY_DUMP | {int}


def write_plan(
    stored: StoredShape,
    signature: tuple[type, ...],
    list_types: Iterable[frozenset[type]],
    indexes: Mapping[str, Index],
) -> WritePlan | None:
    """The plan for values of the types of *signature*; None if an index is missing in *indexes*.

    *list_types*: the types inside each list, in order.
    """
    plan = WritePlan(stored, indexes)
    shape = stored.shape
    lists = iter(list_types)
    indexed: list[int] = []
    for at, (name, cls) in enumerate(zip(shape.names, signature, strict=True)):
        types = next(lists) if cls is list else frozenset({cls})
        if name in shape.unindexed:
            if not types <= _CHECKED_BY_DUMP or cls is list:
                plan.unchecked.append(at)
            continue
        indexed.append(at)
        plan.comparable = plan.comparable and types <= _COMPARABLE
        packer = PACKERS.get(next(iter(types))) if len(types) == 1 else None
        if Entity in types or (cls is list and packer is None and types):
            plan.general.append(at)
            plan.unchecked.append(at)
        elif cls is not list:
            index = indexes.get(name)
            if index is None:
                return None
            plan.singles.append((index, at, packer or pack))
        elif packer is not None:  # an empty list has no rows
            plan.lists.append((name, at, packer))
    if plan.general:
        plan.general, plan.singles, plan.lists, plan.comparable = indexed, [], [], False
    return plan


def nested_values(prefix: str, entity: Entity) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every indexed value inside an embedded entity, one pair a value."""
    for name, value in entity.items():
        if name in entity.shape.unindexed:
            continue
        for item in value if value.__class__ is list else (value,):
            if isinstance(item, Entity):
                yield from nested_values(f"{prefix}.{name}", item)
            else:
                yield f"{prefix}.{name}", item


def indexed_names(entity: Entity) -> Iterator[str]:
    """The names under which *entity* has index rows."""
    shape = entity.shape
    for name, value in zip(shape.names, entity.values, strict=True):
        if name in shape.unindexed:
            continue
        for item in value if value.__class__ is list else (value,):
            if isinstance(item, Entity):
                yield from (inner for inner, _ in nested_values(name, item))
            else:
                yield name


Values: TypeAlias = tuple[Index, list[bytes]]
"""The packed values of an entity in one index, distinct and in order."""


class Rows(msgspec.Struct, frozen=True, gc=False):
    """What one entity has in the indexes: the packed value of each of its plan's *singles*, and the rest by index."""

    plan: WritePlan
    singles: list[bytes]
    multiples: list[Values]

    def all(self) -> list[Values]:
        """Every index with its values."""
        plan = self.plan.singles
        return [
            (single[0], [value]) for single, value in zip(plan, self.singles, strict=True)
        ] + self.multiples


def rows_of(plan: WritePlan, values: list[Any]) -> Rows | None:
    """The index rows of an entity with these values; None if an index is missing for a list or an embedded entity.

    Raises an `Error`, or TypeError or UnicodeEncodeError, for a value that can't be indexed:
    `store.checks.check_entity` says which.
    """
    singles = [packer(values[at]) for _, at, packer in plan.singles]
    if not plan.lists and not plan.general:
        return Rows(plan, singles, [])
    by_name: list[tuple[str, Iterable[bytes]]] = [
        (name, set(map(packer, values[at]))) for name, at, packer in plan.lists
    ]
    if plan.general:
        by_name = _by_name(plan, values)
    multiples: list[Values] = []
    total = len(singles)
    for name, distinct in by_name:
        index = plan.indexes.get(name)
        if index is None:
            return None
        packed = sorted(distinct)
        multiples.append((index, packed))
        total += len(packed)
    if total > MAX_INDEX_ENTRIES:
        raise TooLargeError(
            "an entity has at most 20,000 indexed values", hint="Exclude long lists from the indexes."
        )
    return Rows(plan, singles, multiples)


def _by_name(plan: WritePlan, values: list[Any]) -> list[tuple[str, Iterable[bytes]]]:
    """The distinct packed values under each name, where embedded entities add names of their own."""
    distinct: dict[str, set[bytes]] = {}
    for at in plan.general:
        name, value = plan.stored.shape.names[at], values[at]
        for item in value if value.__class__ is list else (value,):
            pairs = nested_values(name, item) if isinstance(item, Entity) else ((name, item),)
            for inner, single in pairs:
                distinct.setdefault(inner, set()).add(pack(single))
    return list(distinct.items())


def with_neighbours(values: list[bytes]) -> list[IndexRow]:
    """The index rows of *values*: each with the next lower and the next higher one."""
    return list(zip(values, [None, *values], [*values[1:], None], strict=False))


Changes: TypeAlias = list[tuple[Index, list[IndexRow]]]
"""Rows to remove or to add, by index."""


def diff(old: Rows, new: Rows) -> tuple[Changes, Changes]:
    """The rows to remove and the rows to add when an entity's rows turn from *old* into *new*."""
    before = dict(old.all())
    stale: Changes = []
    fresh: Changes = []
    for index, values in new.all():
        had = before.pop(index, [])
        if had != values:
            gone, come = with_neighbours(had), with_neighbours(values)
            stale.append((index, [row for row in gone if row not in come]))
            fresh.append((index, [row for row in come if row not in gone]))
    stale += [(index, with_neighbours(values)) for index, values in before.items()]
    return stale, fresh


def same_plan_diff(old: list[Any], new: list[Any], rows: Rows) -> tuple[Changes, Changes] | None:
    """`diff` for two states of an entity written by one plan, packing only what has changed.

    *rows* are the new state's.  None where that can't be told from the values, or lists differ: then `diff` decides.
    """
    plan = rows.plan
    if not plan.comparable or any(old[at] != new[at] for _, at, _ in plan.lists):
        return None
    stale: Changes = []
    fresh: Changes = []
    for (index, at, packer), come in zip(plan.singles, rows.singles, strict=True):
        if old[at] != new[at]:
            gone = packer(old[at])
            if gone != come:
                stale.append((index, [(gone, None, None)]))
                fresh.append((index, [(come, None, None)]))
    return stale, fresh
