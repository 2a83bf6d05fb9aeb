"""Transactions: what they have read, until commit compares it with what is there."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from kindstore.store.messages import Concurrency
from kindstore.store.program import Row, Statement
from kindstore.values.errors import BadArgumentError, TransactionNotFoundError
from kindstore.values.key import Key, Partition, root_of

from .catalog import Place

LIFETIME, IDLE = 270.0, 60.0
"""Seconds after which a transaction is over: since it began, and since it was last used (spec/service.md 3.5)."""

MAX_GROUPS = 25
"""Entity groups that a transaction of the legacy mode may touch."""


class Transaction:
    """An open transaction: its mode and the versions of what it has read.

    *entities* place -> (key, version; 0: not there), and *unplaced* the keys of kinds of which nothing was known to be
    stored; *queries* (statement, its rows) pairs, the statement made anew at commit; *groups* (partition, root path) ->
    version, in the mode with entity groups only, which *by_group* tells.
    *until* is when it expires if it is not used before.
    """

    __slots__ = (
        "begun",
        "by_group",
        "entities",
        "groups",
        "mode",
        "name",
        "queries",
        "read_only",
        "unplaced",
        "until",
    )

    def __init__(self, name: bytes, mode: Concurrency, read_only: bool, now: float) -> None:
        self.name = name
        self.mode = mode
        self.by_group = mode is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS
        self.read_only = read_only
        self.begun, self.until = now, now + IDLE
        self.entities: dict[Place, tuple[Key, int]] = {}
        self.unplaced: set[Key] = set()
        self.queries: list[tuple[Callable[[], Statement | None], list[Row]]] = []
        self.groups: dict[tuple[Partition, bytes], int] = {}

    def __repr__(self) -> str:
        return (
            f"<Transaction {self.name.hex()[:8]} ({self.mode.value}, {len(self.entities) + len(self.unplaced)} "
            f"entities and {len(self.queries)} queries read)>"
        )


def group_of(key: Key) -> tuple[Partition, bytes]:
    """The entity group of *key*, as a thing to count and compare."""
    return key.partition, root_of(key).path_bytes


def check_groups(groups: set[tuple[Partition, bytes]]) -> None:
    """`BadArgumentError` if these are too many for one transaction."""
    if len(groups) > MAX_GROUPS:
        raise BadArgumentError(
            "operating on too many entity groups in a single transaction",
            groups=len(groups),
            hint=f"The legacy mode allows {MAX_GROUPS}; Concurrency.OPTIMISTIC has no such limit.",
        )


class Transactions:
    """The open transactions of one store."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._open: dict[bytes, Transaction] = {}
        self._none_late_until = 0.0
        self._names: list[bytes] = []
        self._lock = threading.Lock()

    def begin(self, mode: Concurrency, read_only: bool) -> tuple[Transaction, list[bytes]]:
        """A new transaction, and the names of those that have expired meanwhile."""
        now = self.clock()
        with self._lock:
            transaction = Transaction(self._new_name(), mode, read_only, now)
            opened = self._open
            late: list[bytes] = []
            if (
                now > self._none_late_until
            ):  # not at each begin: of a thousand transactions that would be a million looks
                late = [name for name, other in opened.items() if now > other.until]
                for name in late:
                    del opened[name]
                self._none_late_until = min((other.until for other in opened.values()), default=now + IDLE)
            opened[transaction.name] = transaction
        return transaction, late

    def _new_name(self) -> bytes:
        """A name that nobody guesses."""
        if not self._names:
            # Many at a time: each call lets other threads run first.
            chance = os.urandom(16 * 64)
            self._names = [chance[at : at + 16] for at in range(0, len(chance), 16)]
        return self._names.pop()

    def get(self, name: bytes) -> Transaction:
        """The open transaction *name*; `TransactionNotFoundError` if it is over, expired or unknown."""
        transaction = self._open.get(name)
        now = self.clock()
        if transaction is None or now > transaction.until:
            raise TransactionNotFoundError(
                "the transaction is over or has expired",
                hint="A transaction lives 270 seconds at most, and 60 without use. Begin a new one.",
            )
        transaction.until = min(now + IDLE, transaction.begun + LIFETIME)
        return transaction

    def end(self, name: bytes) -> Transaction | None:
        """Forget *name*; what it was, or None."""
        with self._lock:
            return self._open.pop(name, None)

    def forget_all(self) -> None:
        """Forget every transaction: after a fork they belong to the parent."""
        self._lock = threading.Lock()
        self._open.clear()
        self._names.clear()
