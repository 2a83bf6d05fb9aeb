"""Results worked out from records: for joins of few entities.

A join reads the whole index of each property that is sorted by or projected, since an index is sorted by value: of
an entity one can't ask it for the value.  But the record of an entity has all of its values.  So where few entities
come into question, their records are read, and sorted here.  Which these are, one scan of an index tells:

* those that meet the equalities of the query, where these are few; or
* those with the first values of what is sorted by first: as many as there are to be results, and all that are equal
  to the last of them.

`Gathering` has the rule, `gather_rows` does the work.  Where there are more candidates after all, or large records, or where too
few of the candidates turn out to be results, there are no results from here, and the join is done as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kindstore.store.program import Statement

from . import statement
from .catalog import Kind
from .estimates import COUNTED_OF_INDEX, VAIN, Choice, Estimates, InOrder, Lacking, Wanted, replaced
from .index import Index
from .join import Column, Join
from .leads import Ordered
from .plan import ALL, Bounds, Plan
from .statement import Position

MOST = 4096
"""Candidates at most."""

SHARE = 4
"""Of so many rows of an index one may be a candidate: to read a record takes 2 µs, to join a row of an index 0.5."""

READILY = 8
"""Entities with the same equalities, for each result, that are all read: no scan in an order finds the first in less."""

SLACK = 4
"""Candidates for each result where they are in a range of a property, too, which their records tell."""


class Gather(msgspec.Struct, frozen=True):
    """The results of *join*, which has one branch, from the records of the *candidates*, *at_most* so many.

    *first*: so many rows of the scan that finds them, and all that have the value of the last; None: all.
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
        """The same with another number of candidates; where all are read, that does not matter."""
        return self if self.first is None else msgspec.structs.replace(self, first=number)

    def note_vain(self, estimates: Estimates, kind: Kind) -> None:
        """Remember that there were no results from here."""
        asked = gathering(kind, self.join)
        if asked is not None:
            estimates.put(asked.vain(self.first is not None), 0, MOST)

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
    """The question whether to gather what a join of *columns* gives, properties of which the first has the index *source*.

    *values*: the range of it.  *equal*: its equalities.  *is_sorted*: the results come in the order of *source*, so that a part of it gives some.
    *is_filtered*: not all of the entities with these equalities, and in this part, are results.
    """

    source: Index
    values: Bounds
    equal: tuple[Wanted, ...]
    columns: tuple[str, ...]
    is_sorted: bool
    is_filtered: bool

    def of(self, operands: Mapping[bytes, bytes]) -> Gathering:
        """See `Question`."""
        values, equal = self.values.replaced(operands), replaced(self.equal, operands)
        return Gathering(self.source, values, equal, self.columns, self.is_sorted, self.is_filtered)

    def vain(self, in_order: bool) -> Wanted:
        """What `Estimates` know while it was tried in vain: *in_order*, or with all that meet the equalities."""
        return self.source, VAIN + bytes((in_order,)) + "\0".join(self.columns).encode()

    def is_vain(self, estimates: Estimates, in_order: bool) -> bool:
        """Whether it was tried in vain, not long ago."""
        return not isinstance(estimates.count(self.vain(in_order), 0), Lacking)

    def answer(self, estimates: Estimates, most: int | None) -> Decision | Lacking:
        """See `Question`."""
        size = estimates.count((self.source, ALL), COUNTED_OF_INDEX)
        least = estimates.least(self.equal) if self.equal else (0, MOST)
        if isinstance(size, Lacking):
            return size
        if isinstance(least, Lacking):
            return least
        # A power of two, so that there are few statements.
        at_most = min(MOST, 1 << (size // SHARE).bit_length())
        lead, rows = least
        all_of_equal = Decision(at_most, lead)
        if rows >= at_most or self.is_vain(estimates, False):
            all_of_equal = JOIN
        elif most is None or rows <= READILY * self.first(most):
            return all_of_equal
        if most is None or not self.is_sorted:
            return all_of_equal
        if len(self.columns) == 1:
            return JOIN  # which reads a single index no further than it has to
        if 2 * self.first(most) > at_most or self.is_vain(estimates, True):
            return all_of_equal
        if not self.equal:
            return Decision(at_most, in_order=True)
        choice = InOrder(self.source, self.values, (self.equal,)).answer(estimates, self.first(most))
        return choice if isinstance(choice, Lacking) else Decision(at_most, in_order=True, choice=choice)

    def first(self, most: int) -> int:
        """How many candidates are read in order for *most* results."""
        return SLACK * most if self.is_filtered else most


def gathering(kind: Kind, planned: Join) -> Gathering | None:
    """The question for *planned*, all properties of which have indexes; None if that can't be gathered."""
    if len(planned.branches) != 1:
        return None
    [branch] = planned.branches
    if branch.index is not None or not branch.columns:
        return None
    column, *others = branch.columns
    is_sorted = planned.orders[:1] == ((column.property, column.descending),) and not planned.distinct
    return Gathering(
        kind.indexes[column.property],
        column.bounds,
        tuple((kind.indexes[name], value) for name, value in branch.equal),
        tuple(each.property for each in branch.columns),
        is_sorted and column.property not in dict(branch.fixed),
        any(each.bounds is not ALL for each in others),
    )


def gather(planned: Join, asked: Gathering, decision: Decision, most: int | None) -> Gather | None:
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
    return Gather(planned, scan, decision.at_most, None if most is None else asked.first(most))
