"""Automatic ids: blocks of counters are taken from the database, ids given out of memory.

A block that is not used up when a process ends is lost, never given again.  The n-th counter of a database is the
same id on every engine (`store.ids`); with several processes the blocks interleave.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from kindstore.store.ids import IdPolicy, counter_of, nth_id
from kindstore.store.program import Program, Write
from kindstore.values.key import Key

from .dialect import Dialect

BLOCK = 1000
"""Counters that a process takes at once: one durable write in so many new entities."""


class Ids:
    """The counters that this process may give out."""

    def __init__(self, policy: IdPolicy, dialect: Dialect) -> None:
        self.policy = policy
        self.dialect = dialect
        self._next = self._end = 0
        self._lock = threading.Lock()

    def take(self, number: int) -> Program[list[int]]:
        """*number* ids that were never given before."""
        counters = self._from_block(number)
        if len(counters) < number:
            size = max(BLOCK, number)
            first = yield Write(self._advance(self.policy, size))
            with self._lock:
                counters += range(first, first + number - len(counters))
                # What is left of the block that another thread took meanwhile is lost with this.
                self._next, self._end = counters[-1] + 1, first + size
        return [nth_id(self.policy, counter) for counter in counters]

    def _from_block(self, number: int) -> list[int]:
        with self._lock:
            end = min(self._next + number, self._end)
            counters = list(range(self._next, end))
            self._next = end
        return counters

    def _advance(self, policy: IdPolicy, number: int, at_least: int = 0) -> Program[int]:
        """Take counters off the database's; the first of them."""
        [rows] = yield [(self.dialect.select_counter, (policy.value,))]
        first: int = max(rows[0][0] if rows else 1, at_least)
        yield [(self.dialect.set_counter, (policy.value, first + number))]
        return first

    def reserve(self, keys: Sequence[Key]) -> Program[None]:
        """Never give the ids of *keys*: their counters are passed over, with all that come before them."""
        highest: dict[IdPolicy, int] = {}
        for key in keys:
            number = key.path[-1]
            place = counter_of(number) if isinstance(number, int) else None
            if place is not None:
                policy, counter = place
                highest[policy] = max(highest.get(policy, 0), counter)
        for policy, counter in highest.items():
            yield Write(self._advance(policy, 0, counter + 1))
            with self._lock:
                if policy is self.policy and self._next <= counter:
                    self._next = min(counter + 1, self._end)

    def forget(self) -> None:
        """Give out nothing of the block that is held: after a fork it belongs to the parent."""
        self._lock = threading.Lock()
        self._next = self._end = 0
