"""The store in a SQLite file behaves as a store."""

from __future__ import annotations

from pathlib import Path

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.store.abc import Store
from tests.conformance.comparing import compare
from tests.conformance.database import Clock
from tests.conformance.suite import EveryQuerySuite, RefusalSuite, StoreSuite
from tests.scale import scaled, seed


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
    first = seed(0)
    counted = compare(MemoryStore, lambda: connect(":memory:"), range(first, first + scaled(25)))
    assert counted["found"] > 100
