"""Estimates: about how many rows there are of what a query asks for, and what that makes of its plan.

Pure: `leads` counts, here is remembered what was counted, and concluded from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from .index import Index

COUNTED = (64, 4096)
"""Rows of a value counted at most to choose which of several equalities leads; the second if the first can't tell."""

COUNTED_OF_INDEX = 1 << 18
"""Rows of a whole index counted at most."""

WHOLE = b""
"""Stands for all values of an index, where one may be named."""

Wanted: TypeAlias = Sequence[tuple[Index, bytes]]
"""Values in indexes, of which the rows are counted."""


class Estimates:
    """How many rows some values have, as counted not long ago; good enough to choose an order by."""

    USES = 1000
    """Answers given before it is time to count again."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Any, ...], list[Any]] = {}

    def get(self, wanted: Wanted) -> tuple[int, ...] | None:
        """The counts of these values, None if they have to be counted (again)."""
        found = self._counts.get(tuple(wanted))
        if found is None or found[1] <= 0:
            return None
        found[1] -= 1
        counts: tuple[int, ...] = found[0]
        return counts

    def put(self, wanted: Wanted, counts: tuple[int, ...]) -> None:
        """Remember *counts*."""
        if len(self._counts) > 10_000:
            self._counts.clear()
        self._counts[tuple(wanted)] = [counts, self.USES]


class Choice(msgspec.Struct, frozen=True, gc=False):
    """How a scan in the order of the results finds those of some alternatives of equalities.

    *leads*: the number of the equality with the fewest rows, in each alternative.  *few*: whether to look these rows
    up before the scan.
    """

    leads: tuple[int, ...]
    few: bool


def choose(
    estimates: Estimates, source: Index, alternatives: Sequence[Wanted], most: int | None
) -> Choice | None:
    """The choice for a scan of *source* up to *most* results; None if something has to be counted (again).

    To look up c rows costs 0.1 µs each, and then 0.05 µs a row of the scan; without that it takes 0.4 µs a row.
    Among n rows, most results are met by about most · n / c: so it pays if c² < 4 · most · n, and if all are read.
    """
    counts = estimates.get([pair for each in alternatives for pair in each])
    if counts is None:
        return None
    rest = iter(counts)
    each_counts = [[next(rest) for _ in each] for each in alternatives]
    least = [min(each) for each in each_counts]
    leads = tuple(each.index(few) for each, few in zip(each_counts, least, strict=True))
    if most is None:
        return Choice(leads, True)
    if max(least) >= COUNTED[-1]:
        return Choice(leads, False)
    rows = estimates.get([(source, WHOLE)])
    return None if rows is None else Choice(leads, sum(least) ** 2 <= 4 * most * rows[0])
