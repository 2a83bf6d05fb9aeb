"""Estimates: about how many rows there are of what a query asks for, and what that makes of its plan.

Pure: `leads` counts, here is remembered what was counted, and concluded from it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from .index import Index
from .plan import ALL, Bounds

COUNTED = (64, 4096)
"""Rows of a value counted at most to choose which of several equalities leads; the second if the first can't tell."""

AT_ONCE = 16
"""Rows that are looked up without counting what that spares."""

COUNTED_OF_RANGE = 1 << 14
"""Rows of a range of values counted at most."""

COUNTED_OF_INDEX = 1 << 18
"""Rows of a whole index counted at most."""

VAIN = b"\0"
"""Begins what stands for queries of which no results were gathered after all (`gather`)."""

Wanted: TypeAlias = tuple[Index, bytes | Bounds]
"""A value in an index, or a range of values, of which the rows are counted."""


class Lacking(msgspec.Struct, frozen=True, gc=False):
    """What has to be counted (again) before there is an answer, *up_to* so many rows of each."""

    wanted: tuple[Wanted, ...]
    up_to: int


class Estimates:
    """How many rows some values have, as counted not long ago; good enough to choose an order by."""

    USES = 1000
    """Answers given before it is time to count again, at most."""

    LEAST_USES, ROWS_OF_USE = 50, 16
    """At least so many, and one for each so many rows.

    Few rows are soon counted, and soon many: a kind of 20,000 entities that had 100 when they were counted is joined, in
    40 ms, for results that are found in 0.1 ms by whoever knows its size.
    """

    MOST = 20_000
    """Values of which the counts are kept; with more of them all are forgotten."""

    def __init__(self) -> None:
        self._counts: dict[Wanted, list[int]] = {}

    def put(self, wanted: Wanted, count: int, up_to: int) -> None:
        """Remember *count*, which is at most *up_to*."""
        if len(self._counts) > self.MOST:
            self._counts.clear()
        uses = min(self.USES, max(self.LEAST_USES, count // self.ROWS_OF_USE))
        self._counts[wanted] = [count, up_to, uses]

    def count(self, wanted: Wanted, up_to: int) -> int | Lacking:
        """How many rows it has, of which *up_to* matter."""
        found = self._counts.get(wanted)
        if found is None or found[2] <= 0 or (found[0] >= found[1] and found[1] < up_to):
            return Lacking((wanted,), up_to)
        found[2] -= 1
        return found[0]

    def least(self, wanted: Sequence[Wanted]) -> tuple[int, int] | Lacking:
        """Which of *wanted* has the fewest rows, and how many these are, as far as they are counted."""
        least: list[int] | None = None
        at = 0
        for number, each in enumerate(wanted):
            found = self._counts.get(each)
            if found is None or found[2] <= 0:
                return self._lacking(wanted, COUNTED[0])
            found[2] -= 1
            if least is None or found[0] < least[0]:
                at, least = number, found
        assert least is not None
        if least[0] >= least[1] and least[1] < COUNTED[-1]:
            # Others may have fewer, of which no more were counted either.
            return self._lacking(wanted, COUNTED[-1])
        return at, least[0]

    def _lacking(self, wanted: Sequence[Wanted], up_to: int) -> Lacking:
        counts = ((each, self.count(each, up_to)) for each in wanted)
        return Lacking(tuple(each for each, count in counts if isinstance(count, Lacking)), up_to)


class Question(Protocol):
    """What is decided about a plan by estimates, for operands that differ from query to query."""

    def of(self, operands: Mapping[bytes, bytes]) -> Question:
        """The same question where the values that are asked for are others."""
        ...

    def answer(self, estimates: Estimates, most: int | None) -> Hashable | Lacking:
        """The answer if *most* results are read."""
        ...


class Choice(msgspec.Struct, frozen=True, gc=False):
    """How a scan in the order of the results finds those of some alternatives of equalities.

    *leads*: the number of the equality with the fewest rows, in each alternative.  *few*: whether to look these rows
    up before the scan.
    """

    leads: tuple[int, ...]
    few: bool


class InOrder(msgspec.Struct, frozen=True):
    """The question how a scan of *source* within *values* finds the results of *alternatives*, each of some equalities."""

    source: Index
    values: Bounds
    alternatives: tuple[tuple[Wanted, ...], ...]

    def of(self, operands: Mapping[bytes, bytes]) -> InOrder:
        """See `Question`."""
        alternatives = tuple(replaced(each, operands) for each in self.alternatives)
        return InOrder(self.source, self.values.replaced(operands), alternatives)

    def answer(self, estimates: Estimates, most: int | None) -> Choice | Lacking:
        """See `Question`.

        To look up c rows takes 0.1 µs each, and then 0.05 µs a row of the scan; without that it takes 0.4 µs a row.
        Of n rows all are read, or for *most* results about most · n / c.  So it pays from n = c / 4 on, or c² / (4 · most).
        """
        leads: list[int] = []
        lacking: list[Lacking] = []
        greatest = total = 0
        for each in self.alternatives:
            found = estimates.least(each)
            if isinstance(found, Lacking):
                lacking.append(found)
                continue
            lead, count = found
            leads.append(lead)
            greatest, total = max(greatest, count), total + count
        if lacking:
            up_to = min(each.up_to for each in lacking)
            wanted = dict.fromkeys(pair for each in lacking if each.up_to == up_to for pair in each.wanted)
            return Lacking(tuple(wanted), up_to)
        if total <= AT_ONCE or (most is None and self.values is ALL):
            return Choice(tuple(leads), True)
        enough = total // 4 if most is None else total * total // (4 * max(most, 1))
        up_to = COUNTED_OF_INDEX if self.values is ALL else min(enough, COUNTED_OF_RANGE)
        if greatest >= COUNTED[-1] or enough > up_to:
            return Choice(tuple(leads), False)
        rows = estimates.count((self.source, self.values), up_to)
        return rows if isinstance(rows, Lacking) else Choice(tuple(leads), rows >= enough)


def replaced(pairs: Sequence[Wanted], operands: Mapping[bytes, bytes]) -> tuple[Wanted, ...]:
    """*pairs* with other values, those that *operands* has."""
    return tuple(
        [(index, operands.get(value, value) if isinstance(value, bytes) else value) for index, value in pairs]
    )
