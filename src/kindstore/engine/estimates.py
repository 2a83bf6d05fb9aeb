"""Estimates: about how many rows there are of what a query asks for, and what that makes of its plan.

Pure: `leads` counts, here is remembered what was counted, and concluded from it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from .index import Index

COUNTED = (64, 4096)
"""Rows of a value counted at most to choose which of several equalities leads; the second if the first can't tell."""

COUNTED_OF_INDEX = 1 << 18
"""Rows of a whole index counted at most."""

WHOLE = b""
"""Stands for all values of an index, where one may be named."""

VAIN = b"\0"
"""Begins what stands for queries of which no results were gathered after all (`gather`)."""

Wanted: TypeAlias = tuple[Index, bytes]
"""A value in an index, or all of them, of which the rows are counted."""


class Estimates:
    """How many rows some values have, as counted not long ago; good enough to choose an order by."""

    USES = 1000
    """Answers given before it is time to count again."""

    MOST = 20_000
    """Values of which the counts are kept; with more of them all are forgotten."""

    def __init__(self) -> None:
        self._counts: dict[Wanted, list[int]] = {}

    def put(self, wanted: Wanted, count: int, up_to: int) -> None:
        """Remember *count*, which is at most *up_to*."""
        if len(self._counts) > self.MOST:
            self._counts.clear()
        self._counts[wanted] = [count, up_to, self.USES]

    def known(self, wanted: Wanted) -> int | None:
        """How many rows it has; None if they have to be counted (again)."""
        found = self._counts.get(wanted)
        if found is None or found[2] <= 0:
            return None
        found[2] -= 1
        return found[0]

    def is_counted(self, wanted: Wanted, up_to: int) -> bool:
        """Whether it was counted to its end, or to *up_to*."""
        found = self._counts.get(wanted)
        return found is not None and found[2] > 0 and (found[0] < found[1] or found[1] >= up_to)

    def least(self, wanted: Sequence[Wanted]) -> tuple[int, int] | None:
        """Which of *wanted* has the fewest rows, and how many these are; None if that has to be counted (again)."""
        least: list[int] | None = None
        at = 0
        for number, each in enumerate(wanted):
            found = self._counts.get(each)
            if found is None or found[2] <= 0:
                return None
            found[2] -= 1
            if least is None or found[0] < least[0]:
                at, least = number, found
        if least is None or (least[0] >= least[1] and least[1] < COUNTED[-1]):
            return None  # others may have fewer, of which no more were counted either
        return at, least[0]


class Question(Protocol):
    """What is decided about a plan by estimates, for operands that differ from query to query."""

    @property
    def source(self) -> Index:
        """The index whose size matters."""
        ...

    @property
    def alternatives(self) -> Sequence[Sequence[Wanted]]:
        """The equalities of which it matters how many rows they have: alternatives, each of several."""
        ...

    def of(self, alternatives: Sequence[Sequence[Wanted]]) -> Question:
        """The same question where the equalities are *alternatives*."""
        ...

    def answer(self, estimates: Estimates, most: int | None) -> Hashable | None:
        """The answer if *most* results are read; None if something has to be counted (again)."""
        ...


class Choice(msgspec.Struct, frozen=True, gc=False):
    """How a scan in the order of the results finds those of some alternatives of equalities.

    *leads*: the number of the equality with the fewest rows, in each alternative.  *few*: whether to look these rows
    up before the scan.
    """

    leads: tuple[int, ...]
    few: bool


class InOrder(msgspec.Struct, frozen=True):
    """The question how a scan of *source* finds the results of *alternatives*."""

    source: Index
    alternatives: Sequence[Sequence[Wanted]]

    def of(self, alternatives: Sequence[Sequence[Wanted]]) -> InOrder:
        """See `Question`."""
        return InOrder(self.source, alternatives)

    def answer(self, estimates: Estimates, most: int | None) -> Choice | None:
        """See `Question`.

        To look up c rows takes 0.1 µs each, and then 0.05 µs a row of the scan; without that it takes 0.4 µs a row.
        Among n rows, *most* results are found in most · n / c: so it pays if c² < 4 · most · n, and if all are read.
        """
        leads: list[int] = []
        most_of_one = total = 0
        for each in self.alternatives:
            found = estimates.least(each)
            if found is None:
                return None
            lead, count = found
            leads.append(lead)
            most_of_one, total = max(most_of_one, count), total + count
        if most is None or most_of_one >= COUNTED[-1]:
            return Choice(tuple(leads), most is None)
        rows = estimates.known((self.source, WHOLE))
        return None if rows is None else Choice(tuple(leads), total * total <= 4 * most * rows)
