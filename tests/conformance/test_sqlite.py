"""The store in a SQLite file behaves as a store."""

from __future__ import annotations

from pathlib import Path

from kindstore.connect import connect
from kindstore.store.abc import Store
from tests.conformance.database import Clock
from tests.conformance.suite import RefusalSuite, StoreSuite


def opened(path: Path, clock: Clock) -> Store:
    return connect(path / "test.db", clock=clock, durability="relaxed")


class TestSqlite(StoreSuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return opened(path, clock)


class TestSqliteRefusals(RefusalSuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return opened(path, clock)
