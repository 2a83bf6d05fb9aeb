"""The store in a SQLite file behaves as a store."""

from __future__ import annotations

import os
from pathlib import Path

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.store.abc import Store
from tests.conformance.comparing import compare
from tests.conformance.database import Clock
from tests.conformance.suite import EveryQuerySuite, RefusalSuite, StoreSuite


def opened(path: Path, clock: Clock) -> Store:
    return connect(path / "test.db", clock=clock, durability="relaxed")


class TestSqlite(StoreSuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return opened(path, clock)


class TestSqliteRefusals(RefusalSuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return opened(path, clock)


class TestSqliteEveryQuery(EveryQuerySuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return opened(path, clock)


def test_every_query_has_the_answer_of_the_model() -> None:
    """The same data and questions, in memory by the letter of the law and in SQLite by indexes and joins."""
    seeds = range(
        int(os.environ.get("KINDSTORE_SEED", "0")), 25 * (1 + int(os.environ.get("KINDSTORE_SOAK", "0")))
    )
    counted = compare(MemoryStore, lambda: connect(":memory:"), seeds)
    assert counted["found"] > 100
