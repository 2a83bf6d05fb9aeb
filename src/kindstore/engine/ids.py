"""Automatic ids: blocks of counters are taken from the database, ids given out of memory.

A block that is not used up when a process ends is lost, never given again.  The n-th counter of a database is the
same id on every engine (`store.ids`); with several processes the blocks interleave.

Reserved ids are rows of a table.  Reserving raises the database's *epoch*, which every insert of an entity reads in
the same statement: a process whose block was taken before that finds out, reads the table, and takes other ids.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from kindstore.store.ids import IdPolicy, counter_of, ids_of
from kindstore.store.program import Program, Write
from kindstore.values.key import Key

from .dialect import Dialect

ID_EPOCHS = (1 << 31) - 1
"""The epoch of reserved ids, once the flags are shifted by one."""

BLOCK = 1000
"""Counters that a process takes at once: one durable write in so many new entities."""


class Ids:
    """The ids that this process may give out; *epoch* is the one that it knows the reserved ids of."""

    def __init__(self, policy: IdPolicy, dialect: Dialect) -> None:
        self.policy = policy
        self.dialect = dialect
        self.epoch = 0
        self._reserved: frozenset[int] = frozenset()
        self._block: list[int] = []
        """What is left of the block, the next one last."""
        self._lock = threading.Lock()

    def take(self, number: int) -> Program[list[int]]:
        """*number* ids that were never given before and are not reserved, as far as this process knows."""
        ids: list[int] = []
        while len(ids) < number:
            wanted = number - len(ids)
            with self._lock:
                fresh = self._block[-wanted:]
                del self._block[-wanted:]
            if fresh:
                fresh.reverse()
                ids += fresh
                continue
            size = max(BLOCK, wanted)
            first = yield Write(self._advance(size))
            block = ids_of(self.policy, range(first, first + size))
            block.reverse()
            with self._lock:
                # What is left of the block that another thread took meanwhile is lost with this.
                self._block = self._free(block)
        return ids

    def _free(self, ids: list[int]) -> list[int]:
        """Those of *ids* that are not reserved."""
        return [number for number in ids if number not in self._reserved] if self._reserved else ids

    def _advance(self, number: int) -> Program[int]:
        """Take counters off the database's; the first of them."""
        [rows] = yield [(self.dialect.select_counter, (self.policy.value,))]
        first: int = rows[0][0] if rows else 1
        yield [(self.dialect.set_counter, (self.policy.value, first + number))]
        return first

    def reserve(self, keys: Sequence[Key]) -> Program[None]:
        """Never give the ids of *keys*, in this process or in another."""
        numbers = {key.path[-1] for key in keys}
        rows = [(number,) for number in numbers if isinstance(number, int) and counter_of(number) is not None]
        if rows:
            yield Write(self._reserve(rows))
            yield from self.refresh()

    def _reserve(self, rows: list[tuple[int]]) -> Program[None]:
        yield [(self.dialect.reserve_id, rows), (self.dialect.raise_epoch, ())]

    def refresh(self) -> Program[None]:
        """Learn which ids are reserved by now."""
        [[(flags,)], rows] = yield [(self.dialect.select_flags, ()), (self.dialect.reserved_ids, ())]
        with self._lock:
            # Added, not replaced: another thread may have read a newer table.  The epoch comes after, for the same reason.
            self._reserved |= {number for (number,) in rows}
            self._block = self._free(self._block)
        self.epoch = flags >> 1 & ID_EPOCHS

    def forget(self) -> None:
        """Give out nothing of the block that is held: after a fork it belongs to the parent."""
        self._lock = threading.Lock()
        self._block = []
