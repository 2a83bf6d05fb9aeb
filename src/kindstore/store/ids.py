"""Automatic ids: the n-th id of each policy, as every engine of the Datastore gives them (spec/service.md 3.5).

Pure: a store keeps one counter per policy, starting at 1, and asks here which id it stands for.  A store skips
an id that is taken or reserved, so ids need not be in an unbroken sequence.
"""

from __future__ import annotations

import enum

from kindstore.values.errors import BadArgumentError

_BITS = 51
FIRST_SCATTERED = 1 << 52
"""Ids from here up to 2^52 + 2^51 - 1 are scattered; those below are sequential."""

LAST_SCATTERED = FIRST_SCATTERED + (1 << _BITS) - 1


class IdPolicy(enum.Enum):
    """How automatic ids are spread."""

    SCATTERED = "scattered"
    """Evenly over 16-digit numbers, so that no range of keys is hot.  The default."""

    SEQUENTIAL = "sequential"
    """1, 2, 3, …: the legacy policy."""


def nth_id(policy: IdPolicy, counter: int) -> int:
    """The id that *counter* (from 1) stands for; `BadArgumentError` when the ids of the policy are used up.

    Scattered: 5629499534213120, 5066549580791808, 6192449487634432, …
    """
    return ids_of(policy, range(counter, counter + 1))[0]


def ids_of(policy: IdPolicy, counters: range) -> list[int]:
    """`nth_id` of each of *counters*, which go upwards."""
    end = FIRST_SCATTERED if policy is IdPolicy.SEQUENTIAL else 1 << _BITS
    if counters and not 0 < counters[0] <= counters[-1] < end:
        raise BadArgumentError("no automatic ids are left", counter=counters[-1])
    if policy is IdPolicy.SEQUENTIAL:
        return list(counters)
    return [FIRST_SCATTERED + int(f"{counter:051b}"[::-1], 2) for counter in counters]


def counter_of(number: int) -> tuple[IdPolicy, int] | None:
    """The policy and counter that would give the id *number*; None for an id that is never given automatically."""
    if 0 < number < FIRST_SCATTERED:
        return IdPolicy.SEQUENTIAL, number
    if FIRST_SCATTERED < number <= LAST_SCATTERED:
        return IdPolicy.SCATTERED, int(f"{number - FIRST_SCATTERED:051b}"[::-1], 2)
    return None
