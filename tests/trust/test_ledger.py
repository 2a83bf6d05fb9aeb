"""The kill loop finds writers that acknowledge too early, and nothing wrong with raw SQLite used well."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from tests.trust.ledger import Ledger, kill_loop


def open_raw(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "normal")  # a killed process loses nothing that reached the kernel
    return connection


def run(path: Path, *, early: int = 0, kills: int = 30) -> Ledger:
    def writer(number: int, last: int, acknowledge: Callable[[int], None]) -> None:
        connection = open_raw(path)
        while True:
            for _ in range(early):
                last += 1
                acknowledge(last)
            connection.execute("begin immediate")
            for _ in range(early or 1):
                connection.execute("update counter set n = n + 1 where writer = ?", (number,))
            connection.execute("commit")
            if not early:
                last += 1
                acknowledge(last)

    def audit() -> dict[int, int]:
        connection = open_raw(path)
        found = connection.execute("select writer, n from counter").fetchall()
        connection.close()
        return {int(str(writer)): int(str(n)) for writer, n in found}

    connection = open_raw(path)
    connection.execute("create table counter(writer integer primary key, n int)")
    connection.execute("insert into counter values (0, 0), (1, 0), (2, 0)")
    connection.close()
    ledger = kill_loop(writer, audit, writers=3, kills=kills, seed=5, alive=(0.0, 0.03))
    print(ledger)
    return ledger


def test_raw_sqlite_keeps_what_it_has_acknowledged(tmp_path: Path) -> None:
    ledger = run(tmp_path / "raw.db")
    assert ledger.violations == [], str(ledger)
    assert ledger.kills == 30
    assert ledger.acknowledged > 100


def test_negative_control_acknowledging_before_the_commit_is_caught(tmp_path: Path) -> None:
    ledger = run(tmp_path / "raw.db", early=10)
    assert any("acknowledged" in v and "the database has" in v for v in ledger.violations), str(ledger)


def test_a_writer_that_fails_is_reported_with_its_error() -> None:
    def writer(number: int, last: int, acknowledge: Callable[[int], None]) -> None:
        raise RuntimeError(f"broken writer in process {os.getpid()}")

    ledger = kill_loop(writer, lambda: {0: 0}, writers=1, kills=1, seed=0)
    assert "RuntimeError: broken writer" in ledger.violations[0]
