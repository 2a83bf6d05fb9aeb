"""Results worked out from records: for joins of few entities.

A join reads the whole index of each property that is sorted by or projected, since an index is sorted by value: of
an entity one can't ask it for the value.  But the record of an entity has all of its values.  So where few entities
come into question, their records are read, and sorted here.  Which these are, one scan of an index tells:

* those that meet the equalities of the query, where these are few; or
* those with the first values of what is sorted by first: as many as there are to be results, and all that are equal
  to the last of them.

`Gathering` has the rule, `results` the work.  Where there are more candidates after all, or large records, or where too
few of the candidates turn out to be results, there are no results from here, and the join is done as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec

from kindstore.store.program import Row, Statement
from kindstore.values import record
from kindstore.values.entity import Entity
from kindstore.values.ordered import PACKERS, pack
from kindstore.values.record import StoredShape

from . import statement
from .catalog import Kind
from .estimates import VAIN, WHOLE, Choice, Estimates, InOrder, Wanted
from .index import Index, nested_values
from .join import Column, Join
from .leads import Ordered
from .plan import ALL, KEY, Plan
from .statement import Position

MOST = 4096
"""Candidates at most."""

SHARE = 4
"""Of so many rows of an index one may be a candidate: to read a record takes 2 µs, to join a row of an index 0.5."""

READILY = 8
"""Entities with the same equalities, for each result, that are all read: no scan in an order finds the first in less."""

Pick: TypeAlias = Callable[[list[Any]], Sequence[bytes]]
"""Of the columns of a record, the packed values that a result may have of one property."""


class Gather(msgspec.Struct, frozen=True):
    """The results of *join*, which has one branch, from the records of the *candidates*, *at_most* so many.

    *first*: so many rows of the scan that finds them are enough, with all that have the value of the last; None: all.
    """

    join: Join
    candidates: Plan
    at_most: int
    first: int | None = None

    @property
    def lead(self) -> Column | None:
        """The property whose values come from the scan, and not from the records."""
        return None if self.first is None else self.join.branches[0].columns[0]

    def statement(self, kinds: list[Kind], start: Position | None) -> Statement | None:
        """The statement that reads the candidates."""
        lead = self.lead
        split = lead is not None and lead.split
        value = None if start is None or lead is None else start.values[0]
        return statement.candidates(self.candidates, kinds, split, value, self.first, self.at_most)

    def of_first(self, number: int) -> Gather:
        """The same for another number of results; where all candidates are read, that does not matter."""
        return self if self.first is None else msgspec.structs.replace(self, first=number)

    def note_vain(self, estimates: Estimates, kind: Kind) -> None:
        """Remember that there were no results from here."""
        source = kind.indexes[self.join.branches[0].columns[0].property]
        estimates.put((source, VAIN), 0, MOST)

    @property
    def depends_on_operands(self) -> bool:
        """Whether the records are looked at for values that a query names."""
        [branch] = self.join.branches
        return bool(branch.fixed) or any(
            each.bounds is not ALL for each in branch.columns if each is not self.lead
        )

    def __str__(self) -> str:
        which = "" if self.first is None else f", the first {self.first:,} and those tied"
        return f"Gather({self.join} from the records of {self.candidates}{which})"


class Decision(msgspec.Struct, frozen=True, gc=False):
    """To gather from *at_most* so many candidates, or to join, if from none.

    *lead*: the number of the equality by which they are found.  *in_order*: they are found in the order of the results,
    where there are equalities by *choice*.
    """

    at_most: int = 0
    lead: int = 0
    in_order: bool = False
    choice: Choice | None = None


JOIN = Decision()
"""Not to gather."""


class Gathering(msgspec.Struct, frozen=True):
    """The question whether to gather what a join of *columns* properties gives, of which the first has the index *source*.

    *equal*: its equalities.  *is_sorted*: the results come in the order of *source*, so that a part of it gives some.
    """

    source: Index
    equal: Sequence[Wanted]
    columns: int
    is_sorted: bool

    @property
    def alternatives(self) -> Sequence[Sequence[Wanted]]:
        """See `Question`."""
        return [self.equal] if self.equal else []

    def of(self, alternatives: Sequence[Sequence[Wanted]]) -> Gathering:
        """See `Question`."""
        return msgspec.structs.replace(self, equal=alternatives[0]) if alternatives else self

    def answer(self, estimates: Estimates, most: int | None) -> Decision | None:
        """See `Question`."""
        if estimates.known((self.source, VAIN)) is not None:
            return JOIN
        size = estimates.known((self.source, WHOLE))
        least = estimates.least(self.equal) if self.equal else (0, MOST + 1)
        if size is None or least is None:
            return None
        # A power of two, so that there are few statements.
        at_most = min(MOST, 1 << (size // SHARE).bit_length())
        lead, rows = least
        if rows <= at_most and (most is None or rows <= READILY * most or self.columns == 1):
            return Decision(at_most, lead)
        if self.is_sorted and most is not None and 2 * most <= at_most:
            if not self.equal:
                return Decision(at_most, in_order=True)
            choice = InOrder(self.source, self.alternatives).answer(estimates, most)
            return None if choice is None else Decision(at_most, in_order=True, choice=choice)
        return Decision(at_most, lead) if rows <= at_most else JOIN


def gathering(kind: Kind, planned: Join) -> Gathering | None:
    """The question for *planned*, all properties of which have indexes; None if that can't be gathered."""
    if len(planned.branches) != 1:
        return None
    [branch] = planned.branches
    if branch.index is not None or not branch.columns:
        return None
    column = branch.columns[0]
    is_sorted = planned.orders[:1] == ((column.property, column.descending),) and not planned.distinct
    is_sorted = is_sorted and len(branch.columns) > 1 and column.property not in dict(branch.fixed)
    equal = [(kind.indexes[name], value) for name, value in branch.equal]
    return Gathering(kind.indexes[column.property], equal, len(branch.columns), is_sorted)


def gather(planned: Join, decision: Decision, most: int | None) -> Gather | None:
    """How to gather what *planned* joins, of which *most* results are read; None where *decision* is to join."""
    [branch] = planned.branches
    if not decision.at_most:
        return None
    if not decision.in_order:
        name, value = branch.equal[decision.lead]
        rest = (*branch.equal[: decision.lead], *branch.equal[decision.lead + 1 :])
        scan = Plan(planned.kind, name, value, ALL, branch.paths, rest, False)
        return Gather(planned, scan, decision.at_most)
    column = branch.columns[0]
    scan = Plan(planned.kind, column.property, None, column.bounds, branch.paths, (), column.descending)
    if decision.choice is not None:
        scan = Ordered(scan, (branch.equal,)).by(decision.choice)
    return Gather(planned, scan, decision.at_most, most)


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
    found = _results_of(plan, rows, shapes) if len(rows) <= plan.at_most else None
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
    if plan.first is not None and len(found) < plan.first:
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
    for row in rows:
        if row[3] is None:
            return None
        stored, values = record.columns(row[3], shapes)
        of_shape = by_shape.setdefault(stored, ([], []))
        of_shape[0].append(row)
        of_shape[1].append(values)
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
        if wanted[name].bounds is not ALL or len(places) != 1 or places[0][1:] != (name, None):
            return None
        at = places[0][0]
        try:
            found.append([PACKERS[values[at].__class__](values[at]) for values in columns])
        except KeyError:
            return None  # a list
    return zip(paths, *found, versions, bodies, strict=True)


def _all_of_each(
    plan: Gather, stored: StoredShape, rows: list[Row], columns: list[list[Any]]
) -> Iterator[Row]:
    """The results of candidates of one shape: one for each combination of the values that a result may have."""
    [branch] = plan.join.branches
    wanted = {column.property: column for column in branch.columns}
    fixed = dict(branch.fixed)
    picks = [
        partial(_always, (fixed[name],))
        if name in fixed
        else None
        if wanted[name] is plan.lead
        else _pick(wanted[name], stored)
        for name in plan.join.names
    ]
    others = [
        _pick(each, stored)
        for each in branch.columns
        if each is not plan.lead and (each.property in fixed or each.property not in plan.join.names)
    ]
    for (path, value, version, body), values in zip(rows, columns, strict=True):
        if all(pick(values) for pick in others):
            parts = [(value,) if pick is None else pick(values) for pick in picks]
            for each in product(*parts):
                yield path, *each, version, body


def _always(values: Sequence[bytes], _columns: list[Any]) -> Sequence[bytes]:
    return values


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
            value = values[at]
            if read is not None and value is not None:
                value = read(value)
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
