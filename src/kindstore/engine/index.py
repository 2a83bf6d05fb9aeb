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
from kindstore.values.record import TAGGED, StoredShape
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

    *singles* (index, position, packer) of indexed columns with one value; *lists* the same of columns with a list,
    the packer None where the list has values of several types or embedded ones; *nested* positions of indexed embedded entities, whose properties are looked up as they come;
    *unchecked* positions of values that neither packing nor `record.dump` checks.
    """

    __slots__ = ("indexes", "lists", "nested", "singles", "stored", "unchecked")

    def __init__(self, stored: StoredShape, indexes: Mapping[str, Index]) -> None:
        self.stored = stored
        self.indexes = indexes
        self.singles: list[tuple[Index, int, Callable[[Any], bytes]]] = []
        self.lists: list[tuple[Index | None, int, Callable[[Any], bytes] | None]] = []
        self.nested: list[int] = []
        self.unchecked: list[int] = []


_CHECKED_BY_DUMP = frozenset({type(None), bool, float, str, bytes, GeoPt, datetime})


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
    for at, (name, cls) in enumerate(zip(shape.names, signature, strict=True)):
        if name in shape.unindexed:
            if cls not in _CHECKED_BY_DUMP:
                plan.unchecked.append(at)
            if cls is list:
                next(lists)
            continue
        if cls is Entity:
            plan.nested.append(at)
            plan.unchecked.append(at)
        elif cls is list:
            # An empty list and one of embedded entities have no row under the name itself.
            types = next(lists)
            packer = PACKERS.get(next(iter(types))) if len(types) == 1 else None
            plan.lists.append((indexes.get(name), at, packer))
            if stored.codecs[at] == TAGGED:
                plan.unchecked.append(at)
        else:
            index = indexes.get(name)
            if index is None:
                return None
            plan.singles.append((index, at, PACKERS.get(cls, pack)))
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


class Rows(msgspec.Struct, frozen=True):
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
    if not plan.lists and not plan.nested:
        return Rows(plan, singles, [])
    multiples: list[Values] = []
    total = len(singles)
    for index, at, packer in plan.lists:
        value = values[at]
        if packer is None:
            distinct: dict[str, set[bytes]] = {}
            _collect(distinct, plan.stored.shape.names[at], value)
            if not _add_distinct(plan, distinct, multiples):
                return None
        elif index is None:
            return None
        else:
            multiples.append((index, sorted(set(map(packer, value)))))
        total += len(value)
    if plan.nested:
        distinct = {}
        for at in plan.nested:
            _collect(distinct, plan.stored.shape.names[at], (values[at],))
        if not _add_distinct(plan, distinct, multiples):
            return None
    if total > MAX_INDEX_ENTRIES or sum(len(packed) for _, packed in multiples) > MAX_INDEX_ENTRIES:
        raise TooLargeError(
            "an entity has at most 20,000 indexed values", hint="Exclude long lists from the indexes."
        )
    return Rows(plan, singles, multiples)


def _add_distinct(plan: WritePlan, distinct: dict[str, set[bytes]], multiples: list[Values]) -> bool:
    """Add the values by name to *multiples*; False if an index is missing."""
    for name, packed in distinct.items():
        index = plan.indexes.get(name)
        if index is None:
            return False
        multiples.append((index, sorted(packed)))
    return True


def _collect(distinct: dict[str, set[bytes]], name: str, value: Iterable[Any]) -> None:
    for item in value:
        pairs = nested_values(name, item) if isinstance(item, Entity) else ((name, item),)
        for inner, single in pairs:
            distinct.setdefault(inner, set()).add(pack(single))


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

    *rows* are the new state's.  None where the plan has embedded entities, or lists that differ: then `diff` decides.
    """
    plan = rows.plan
    if plan.nested or not all(_identical(old[at], new[at]) for _, at, _ in plan.lists):
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


def _identical(a: list[Any], b: list[Any]) -> bool:
    return a == b and list(map(type, a)) == list(map(type, b))
