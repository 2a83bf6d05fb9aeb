"""Index maintenance: which rows an entity has, and which change when it does.  Pure functions.

A property's index has a row (value, path) for each distinct value an entity has for it.  Rows of an entity
with several values also hold the next lower and the next higher of them: with these a range scan tells, row
by row, whether it looks at the entity's first value within the range, and gives each entity once
(spec/service.md 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from kindstore.values.entity import Entity
from kindstore.values.errors import Error, TooLargeError
from kindstore.values.limits import MAX_INDEX_ENTRIES
from kindstore.values.ordered import PACKERS, pack
from kindstore.values.record import StoredShape
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

    *singles* (index, position, packer) of indexed columns with one value; *lists* (index, position) of columns
    with a list; *nested* (position, name) of indexed embedded entities, whose properties are looked up as they come.
    """

    __slots__ = ("indexes", "lists", "nested", "singles", "stored")

    def __init__(self, stored: StoredShape, indexes: Mapping[str, Index]) -> None:
        self.stored = stored
        self.indexes = indexes
        self.singles: list[tuple[Index, int, Callable[[Any], bytes]]] = []
        self.lists: list[tuple[Index | None, int]] = []
        self.nested: list[int] = []


def write_plan(
    stored: StoredShape, signature: tuple[type, ...], indexes: Mapping[str, Index]
) -> WritePlan | None:
    """The plan for values of the types of *signature*; None if an index is missing in *indexes*."""
    plan = WritePlan(stored, indexes)
    shape = stored.shape
    for at, (name, cls) in enumerate(zip(shape.names, signature, strict=True)):
        if name in shape.unindexed:
            continue
        if cls is Entity:
            plan.nested.append(at)
        elif cls is list:
            # An empty list and one of embedded entities have no row under the name itself.
            plan.lists.append((indexes.get(name), at))
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
        for item in value if type(value) is list else (value,):
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
        for item in value if type(value) is list else (value,):
            if isinstance(item, Entity):
                yield from (inner for inner, _ in nested_values(name, item))
            else:
                yield name


Rows: TypeAlias = list[tuple[Index, list[IndexRow]]]


def rows_of(plan: WritePlan, values: list[Any]) -> Rows | None:
    """The index rows of an entity with these values, by index; None if an index is missing for a list or nested value.

    `TooLargeError` and `BadValueError` with the property's name for a value that can't be indexed.
    """
    rows: Rows = []
    at = 0
    try:
        for index, at, packer in plan.singles:
            rows.append((index, [(packer(values[at]), None, None)]))
    except Error as error:
        error.facts.setdefault("path", plan.stored.shape.names[at])
        raise
    if plan.lists or plan.nested:
        found = _multiple_rows(plan, values)
        if found is None:
            return None
        rows += found
    return rows


def _multiple_rows(plan: WritePlan, values: list[Any]) -> Rows | None:
    names = plan.stored.shape.names
    by_name: dict[str, set[bytes]] = {}
    for at in (*(at for _, at in plan.lists), *plan.nested):
        value = values[at]
        for item in value if type(value) is list else (value,):
            pairs = nested_values(names[at], item) if isinstance(item, Entity) else ((names[at], item),)
            for name, single in pairs:
                try:
                    packed = pack(single)
                except Error as error:
                    error.facts.setdefault("path", name)
                    raise
                by_name.setdefault(name, set()).add(packed)
    if sum(map(len, by_name.values())) + len(plan.singles) > MAX_INDEX_ENTRIES:
        raise TooLargeError(
            "an entity has at most 20,000 indexed values", hint="Exclude long lists from the indexes."
        )
    rows: Rows = []
    for name, distinct in by_name.items():
        index = plan.indexes.get(name)
        if index is None:
            return None
        ordered = sorted(distinct)
        rows.append((index, list(zip(ordered, [None, *ordered[:-1]], [*ordered[1:], None], strict=True))))
    return rows


def diff(old: Rows, new: Rows) -> tuple[Rows, Rows]:
    """The rows to remove and the rows to add when an entity's rows turn from *old* into *new*."""
    before = {index: set(rows) for index, rows in old}
    stale: Rows = []
    fresh: Rows = []
    for index, rows in new:
        had = before.pop(index, None)
        if had is None:
            fresh.append((index, rows))
            continue
        added = [row for row in rows if row not in had]
        if added or len(had) != len(rows):
            fresh.append((index, added))
            stale.append((index, list(had.difference(rows))))
    stale += [(index, list(rows)) for index, rows in before.items()]
    return stale, fresh


def same_plan_diff(plan: WritePlan, old: list[Any], new: list[Any]) -> tuple[Rows, Rows] | None:
    """`diff` without packing what has not changed, for two states of an entity written by one plan.

    None where the plan has embedded entities, or lists that differ: then `diff` of all rows decides.
    """
    if plan.nested or not all(_identical(old[at], new[at]) for _, at in plan.lists):
        return None
    stale: Rows = []
    fresh: Rows = []
    for index, at, packer in plan.singles:
        before, after = old[at], new[at]
        if before != after or type(before) is not type(after):
            gone, come = packer(before), packer(after)
            if gone != come:
                stale.append((index, [(gone, None, None)]))
                fresh.append((index, [(come, None, None)]))
    return stale, fresh


def _identical(a: list[Any], b: list[Any]) -> bool:
    return a == b and list(map(type, a)) == list(map(type, b))
