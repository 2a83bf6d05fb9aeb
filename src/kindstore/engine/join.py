"""Joins: plans of queries that no single index answers in order.

Each conjunction of the query is a *branch*: one index, or one of several equalities, leads; other equalities are
probed, and other properties joined by the path of the entity.  The branches are put together, sorted and cut in
the database.  Exact for every query, and as fast as the indexes that a join reads are small: what a composite index
is for.  Pure, as `plan` is, whose plain scans are joins of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import msgspec

from kindstore.store.conjunctions import comparisons, conjunctions, fixed_properties, ranged_properties
from kindstore.store.messages import Query
from kindstore.values.ordered import pack

from .composite import CompositeIndex, Wanted, needs
from .notation import shown
from .plan import ALL, KEY, Bounds, ancestor_paths, key_path
from .serving import Missing, serve


class Column(msgspec.Struct, frozen=True, gc=False):
    """A property of which a result has a value within *bounds*.

    Of several values it is the entity's first within the bounds, upwards or *descending*; or, where a result is
    *split*, each of them gives a result of its own.
    """

    property: str
    bounds: Bounds
    descending: bool = False
    split: bool = False

    def __str__(self) -> str:
        direction = " each" if self.split else " desc" if self.descending else ""
        return f"{self.bounds.of(self.property)}{direction}"


class Branch(msgspec.Struct, frozen=True):
    """The results of one conjunction: *equal* (property, packed value) pairs, *columns*, and a range of *paths*.

    *fixed* (property, packed value): what its results have in common in a property that is sorted by.
    *ancestor*: the path that all of *paths* begin with.
    """

    equal: tuple[tuple[str, bytes], ...]
    columns: tuple[Column, ...]
    fixed: tuple[tuple[str, bytes], ...]
    paths: Bounds
    ancestor: bytes | None = None
    index: CompositeIndex | None = None
    """The composite index that leads: its rows for the first equalities are sorted by what comes after."""
    prefix: int = 0
    """How many of its properties these are."""

    def __str__(self) -> str:
        parts = [f"{name} = {shown(value)}" for name, value in self.equal]
        parts += map(str, self.columns)
        if self.paths is not ALL:
            parts.append(self.paths.of_keys())
        if self.index is not None:
            parts.append(f"by {self.index}")
        return f"Branch({', '.join(parts) or 'all'})"


class Join(msgspec.Struct, frozen=True):
    """The results of *branches*, each once, sorted.

    *orders*: (property or ``__key__``, descending); equal ones come in the order of their keys.  *projection*: what
    is read of each.  *distinct*: of results that have these alike, only the first.
    """

    kind: str | None
    branches: tuple[Branch, ...]
    orders: tuple[tuple[str, bool], ...]
    projection: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The properties that every result has a value of: those sorted by, then what else is read."""
        sorted_by = (name for name, _ in self.orders if name != KEY)
        return tuple(dict.fromkeys((*sorted_by, *self.projection)))

    @property
    def split(self) -> bool:
        """Whether an entity may have several results, or stand for others: what a branch cuts off may be missed."""
        return bool(self.projection or self.distinct)

    @property
    def places(self) -> tuple[tuple[str, bool], ...]:
        """What a position in the results consists of: the orders and the key, or the distinct properties alone."""
        return places_of(self.orders, self.distinct)

    @property
    def width(self) -> int:
        """How many values a position in the results has, beside the path."""
        return sum(name != KEY for name, _ in self.places)

    @property
    def properties(self) -> set[str]:
        """The properties in whose indexes it looks."""
        columns = {column.property for branch in self.branches for column in branch.columns}
        return columns | {name for branch in self.branches for name, _ in branch.equal}

    def __str__(self) -> str:
        orders = ", ".join(f"{name}{' desc' if descending else ''}" for name, descending in self.orders)
        text = f"Join({self.kind}: {' | '.join(map(str, self.branches)) or 'nothing'}; sorted by {orders or 'key'}"
        if self.projection:
            text += f"; reads {', '.join(self.projection)}"
        if self.distinct:
            text += f"; distinct {', '.join(self.distinct)}"
        return text + ")"


def join(query: Query, existing: Sequence[CompositeIndex] = ()) -> Join:
    """The join of any query that `store.checks.check_query` lets pass; *existing*: composite indexes of its kind."""
    orders = orders_of(query)
    names = dict.fromkeys((*(name for name, _ in orders if name != KEY), *query.projection))
    split = bool(query.projection or query.distinct_on)
    branches = [
        branch
        for each in conjunctions(query)
        for branch in _Conjunction(each).branches(names, dict(orders), split, existing)
    ]
    return Join(query.kind, tuple(branches), orders, query.projection, query.distinct_on)


def orders_of(query: Query) -> tuple[tuple[str, bool], ...]:
    """The orders that decide, as (property, descending): the law of spec/service.md 3.2.

    Not those of properties that are equal to one and the same value in all results, nor second ones of a property,
    nor what comes after ``__key__``, nor any where the key is equal to one.  Properties that have inequalities in
    all conjunctions and are not sorted by come after, by name; in queries whose results are split, also those that are
    distinct, and those that are projected.  Keys upwards come last of themselves.
    """
    alternatives = [comparisons(each) for each in conjunctions(query)]
    fixed = fixed_properties(alternatives)
    orders: dict[str, bool] = {}
    for each in () if KEY in fixed else query.orders:
        if each.property not in fixed or each.property in query.distinct_on:
            orders.setdefault(each.property, each.descending)
        if each.property == KEY:
            break
    if KEY not in orders or query.projection or query.distinct_on:
        ranged = sorted(ranged_properties(alternatives), key=lambda name: (name == KEY, name))
        for name in (*ranged, *sorted(query.distinct_on), *sorted(query.projection)):
            if name not in fixed or name in query.distinct_on:
                orders.setdefault(name, False)
    found = list(orders.items())
    if found and found[-1] == (KEY, False):
        found.pop()
    return tuple(found)


def places_of(
    orders: tuple[tuple[str, bool], ...], distinct: tuple[str, ...]
) -> tuple[tuple[str, bool], ...]:
    """What a position in results with these orders consists of, and the direction of each part."""
    if distinct:
        return orders[: len(distinct)]
    return orders if KEY in dict(orders) else (*orders, (KEY, False))


class _Conjunction:
    """The filters of one conjunction, sorted out."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.equal: dict[str, list[bytes]] = {}
        self.ranges: dict[str, Bounds] = {}
        self.paths = ancestor_paths(query.ancestor)
        self.one_key = False
        for each in comparisons(query):
            name, value = each.property, each.value
            if name == KEY:
                self.paths = self.paths.narrowed(each.op, key_path(query, value))
                self.one_key = self.one_key or each.op == "="
            elif each.op == "=":
                values = self.equal.setdefault(name, [])
                packed = pack(value)
                if packed not in values:
                    values.append(packed)
            else:
                self.ranges[name] = self.ranges.get(name, ALL).narrowed(each.op, pack(value))

    def branches(
        self,
        names: Iterable[str],
        directions: dict[str, bool],
        split: bool,
        existing: Sequence[CompositeIndex],
    ) -> Iterator[Branch]:
        """The branches whose results have a value of each of *names*.

        One; where results are split, one for each of several values that a property is equal to.
        """
        alone = {name: self.equal[name] for name in names if name in self.equal and name not in self.ranges}
        several = [name for name, values in alone.items() if split and len(values) > 1]
        for chosen in product(*(alone[name] for name in several)):
            yield self._branch(names, directions, split, existing, dict(zip(several, chosen, strict=True)))

    def _branch(
        self,
        names: Iterable[str],
        directions: dict[str, bool],
        split: bool,
        existing: Sequence[CompositeIndex],
        chosen: dict[str, bytes],
    ) -> Branch:
        columns: list[Column] = []
        fixed = list(chosen.items())
        wanted = dict.fromkeys(names)
        for name in wanted | dict.fromkeys(sorted(self.ranges)):
            if name in chosen:
                continue
            descending = directions.get(name, False)
            equal, bounds = self.equal.get(name, []), self.ranges.get(name)
            each = split and name in wanted
            if equal and (bounds is None or (not each and are_tied(equal, bounds, descending))):
                fixed.append((name, max(equal) if descending else min(equal)))
                if bounds is not None:
                    columns.append(Column(name, bounds))
            else:
                columns.append(Column(name, ALL if bounds is None else bounds, descending, each))
        pairs = tuple((name, value) for name, values in self.equal.items() for value in values)
        ancestor = None if self.query.ancestor is None else self.query.ancestor.path_bytes
        branch = Branch(pairs, tuple(columns), tuple(fixed), self.paths, ancestor)
        needed = needs(self.query)
        if needed is not None and not split:
            # App Engine takes an index of either direction for what is not sorted by; here results have one order.
            ordered = tuple(Wanted(each.name, directions.get(each.name, False)) for each in needed.ordered)
            needed = msgspec.structs.replace(needed, ordered=ordered)
        if needed is None:
            lead = None if columns else self._of_equalities(existing)
            return (
                branch
                if lead is None
                else msgspec.structs.replace(branch, index=lead, prefix=len(lead.properties))
            )
        served = serve(needed, existing)
        if isinstance(served, Missing):
            return branch
        # The rows of one that leads are in order; the equalities that it lacks are looked up for each.  One with
        # ancestors reads the least; after that, the more equalities the fewer rows.
        lead = max(served.indexes, key=lambda each: (each.ancestor, len(each.properties)))
        return msgspec.structs.replace(branch, index=lead, prefix=len(lead.properties) - len(served.rows))

    def _of_equalities(self, existing: Sequence[CompositeIndex]) -> CompositeIndex | None:
        """The index that has just the properties of several equalities, with the ancestor's if there is one."""
        if len(self.equal) < 2 or any(len(values) > 1 for values in self.equal.values()):
            return None
        found = [
            each
            for each in existing
            if {part.name for part in each.properties} == self.equal.keys()
            and (not each.ancestor or self.query.ancestor is not None)
        ]
        return max(found, key=lambda each: each.ancestor, default=None)


def are_tied(equal: list[bytes], bounds: Bounds, descending: bool) -> bool:
    """Whether results of a range of a property that also has equalities all sort by the same value, so by key.

    They sort by the first value that meets any filter on the property (spec/service.md 3.2).  Each result has the
    values *equal*; one that comes before the range is the first of all of them.
    """
    if not equal:
        return False
    if descending:
        value = max(equal)
        return bounds.high is not None and (
            value > bounds.high or (value == bounds.high and not bounds.high_included)
        )
    value = min(equal)
    return bounds.low is not None and (
        value < bounds.low or (value == bounds.low and not bounds.low_included)
    )
