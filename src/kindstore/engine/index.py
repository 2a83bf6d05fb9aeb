"""Index maintenance: which rows an entity has, and which change when it does.  Pure functions.

A property's index has a row (value, path) for each distinct value an entity has for it.  Rows of an entity
with several values also hold the next lower and the next higher of them: with these a range scan tells, row
by row, whether it looks at the entity's first value within the range, and gives each entity once
(spec/service.md 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

import msgspec

from kindstore.values.entity import Entity
from kindstore.values.errors import TooLargeError
from kindstore.values.limits import MAX_INDEX_ENTRIES
from kindstore.values.ordered import PACKERS, pack, write_packing, write_packing_of_list
from kindstore.values.record import StoredShape
from kindstore.values.source import Source
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


class WritePlan:
    """How entities with certain columns and types of values are written: worked out once, used by each.

    *singles* (index, position, packer) of indexed columns with one value; *lists* (index, position, type) of
    columns with a list of values of one type.  Where there are embedded entities or mixed lists, these are empty
    and *general* has the positions of all indexed columns.  *list_types* (position, types) of every list, indexed
    or not.  *unchecked*: positions of values that neither packing nor `record.dump` checks.  *comparable*: whether
    values that Python calls equal are indexed alike.
    """

    __slots__ = (
        "comparable",
        "general",
        "indexes",
        "list_types",
        "lists",
        "rows",
        "singles",
        "stored",
        "unchecked",
    )

    def __init__(self, stored: StoredShape, indexes: Mapping[str, Index]) -> None:
        self.stored = stored
        self.indexes = indexes
        self.singles: list[tuple[Index, int, Callable[[Any], bytes]]] = []
        self.lists: list[tuple[Index, int, type]] = []
        self.list_types: list[tuple[int, frozenset[type]]] = []
        self.general: list[int] = []
        self.unchecked: list[int] = []
        self.comparable = True
        self.rows: Callable[[list[Any]], Rows | None]
        """The index rows of an entity with these values, whose classes outside of lists are those of the plan.

        None where a list has values of other types, for which there is another plan, or an embedded entity has a
        property without an index.  Raises an `Error`, or TypeError or UnicodeEncodeError, for a value that can't be indexed:
        `store.checks.check_entity` says which.
        """


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
        if cls is list:
            plan.list_types.append((at, types))
        if name in shape.unindexed:
            if not types <= _CHECKED_BY_DUMP or cls is list:
                plan.unchecked.append(at)
            continue
        indexed.append(at)
        plan.comparable = plan.comparable and types <= _COMPARABLE
        single = next(iter(types)) if len(types) == 1 else None
        if Entity in types or (cls is list and types and single not in PACKERS):
            plan.general.append(at)
            plan.unchecked.append(at)
        elif types:  # an empty list has no rows
            index = indexes.get(name)
            if index is None:
                return None
            if cls is list:
                plan.lists.append((index, at, single or cls))
            else:
                plan.singles.append((index, at, PACKERS.get(cls, pack)))
    if plan.general:
        plan.general, plan.singles, plan.lists, plan.comparable = indexed, [], [], False
        plan.rows = partial(_general_rows, plan)
    else:
        plan.rows = _compile_rows(plan, signature)
    return plan


def _compile_rows(plan: WritePlan, signature: tuple[type, ...]) -> Callable[[list[Any]], Rows | None]:
    source = Source("def rows(values):", plan=plan, Rows=Rows, check_number=_check_number)
    used = {at for _, at, _ in plan.singles} | {at for at, _ in plan.list_types}
    if used:
        targets = (f"v{at}" if at in used else "_" for at in range(len(signature)))
        source.add(f"{', '.join(targets)}, = values")
    for at, types in plan.list_types:
        others = f"not {source.name(types.issuperset, 'fits')}(map(type, v{at}))" if types else f"v{at}"
        source.add(f"if {others}: return None")
    for _, at, _ in plan.singles:
        write_packing(source, signature[at], f"v{at}", f"p{at}")
    singles = ", ".join(f"p{at}" for _, at, _ in plan.singles)
    multiples: list[str] = []
    for index, at, cls in plan.lists:
        write_packing_of_list(source, cls, f"v{at}", f"p{at}")
        multiples.append(f"({source.name(index, 'index')}, p{at})")
    if multiples:
        sizes = " + ".join(f"len(p{at})" for _, at, _ in plan.lists)
        source.add(
            f"if {sizes} > {MAX_INDEX_ENTRIES - len(plan.singles)}: check_number({len(plan.singles)} + {sizes})"
        )
    source.add(f"return Rows(plan, [{singles}], [{', '.join(multiples)}])")
    return source.compiled("rows")


def _check_number(entries: int) -> None:
    if entries > MAX_INDEX_ENTRIES:
        raise TooLargeError(
            "an entity has at most 20,000 indexed values",
            entries=entries,
            hint="Exclude long lists from the indexes.",
        )


def _general_rows(plan: WritePlan, values: list[Any]) -> Rows | None:
    """`WritePlan.rows` where embedded entities add names of their own."""
    if not all(types.issuperset(map(type, values[at])) for at, types in plan.list_types):
        return None
    distinct: dict[str, set[bytes]] = {}
    for at in plan.general:
        name, value = plan.stored.shape.names[at], values[at]
        for item in value if value.__class__ is list else (value,):
            pairs = nested_values(name, item) if isinstance(item, Entity) else ((name, item),)
            for inner, single in pairs:
                distinct.setdefault(inner, set()).add(pack(single))
    multiples: list[Values] = []
    for name, packed in distinct.items():
        index = plan.indexes.get(name)
        if index is None:
            return None
        multiples.append((index, sorted(packed)))
    _check_number(sum(len(packed) for _, packed in multiples))
    return Rows(plan, [], multiples)


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
    """`diff` for two states of an entity whose values are of the same classes, packing only what has changed.

    *rows* are the new state's.  None where that can't be told from the values, or lists differ: then `diff` decides.
    """
    plan = rows.plan
    if not plan.comparable:
        return None
    for at, types in plan.list_types:
        if old[at] != new[at] or not types.issuperset(map(type, old[at])):  # [1] == [True]
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
