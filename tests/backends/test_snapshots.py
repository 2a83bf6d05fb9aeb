"""Snapshots of the SQLite driver: when they are taken, by whom, and that they are given back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import kindstore
from kindstore.backends.sqlite.driver import SQLiteDriver
from kindstore.engine.errors import MissingTableError
from kindstore.store.program import Batch, Program, Release, Snapshot, Write
from kindstore.values.errors import TransactionNotFoundError

COUNT: Batch = [("SELECT value FROM setting WHERE name = 'fence'", ())]


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[SQLiteDriver]:
    store: Any = kindstore.connect(tmp_path / "things.db")
    yield store.driver
    store.close()


def write(driver: SQLiteDriver, *texts: str) -> None:
    def program() -> Program[None]:
        yield [(text, ()) for text in texts]

    driver.run(one(Write(program())))


def one(request: Any) -> Program[Any]:
    return (yield request)


def count(driver: SQLiteDriver) -> None:
    write(driver, "UPDATE setting SET value = value + 1 WHERE name = 'fence'")


def test_the_first_batch_takes_the_snapshot(driver: SQLiteDriver) -> None:
    before = driver.run(one(COUNT))
    assert driver.run(one(Snapshot(b"a", COUNT))) == before
    count(driver)
    assert driver.run(one(Snapshot(b"a", COUNT))) == before
    assert driver.run(one(COUNT)) != before


def test_an_empty_batch_takes_it_too(driver: SQLiteDriver) -> None:
    before = driver.run(one(COUNT))
    assert driver.run(one(Snapshot(b"a", []))) == []
    count(driver)
    assert driver.run(one(Snapshot(b"a", COUNT))) == before


def test_a_first_batch_that_asks_for_a_table_that_is_not_there_takes_it_too(driver: SQLiteDriver) -> None:
    before = driver.run(one(COUNT))
    late: Batch = [("SELECT * FROM late", ())]
    with pytest.raises(MissingTableError):
        driver.run(one(Snapshot(b"a", late)))
    write(driver, "CREATE TABLE late (x)", "UPDATE setting SET value = value + 1 WHERE name = 'fence'")
    with pytest.raises(MissingTableError):
        driver.run(one(Snapshot(b"a", late)))
    assert driver.run(one(Snapshot(b"a", COUNT))) == before
    assert driver.run(one(late)) == [[]]


def test_threads_that_begin_to_read_in_one_transaction_at_once_share_its_snapshot(
    driver: SQLiteDriver,
) -> None:
    threads = 4
    with ThreadPoolExecutor(threads + 1) as pool:
        for number in range(60):
            name, start = b"%d" % number, threading.Barrier(threads + 1)

            def reads(name: bytes = name, start: threading.Barrier = start) -> Any:
                start.wait()
                return driver.run(one(Snapshot(name, COUNT)))

            def writes(start: threading.Barrier = start) -> None:
                start.wait()
                count(driver)

            seen = [pool.submit(reads) for _ in range(threads)]
            pool.submit(writes).result()
            assert len({str(each.result()) for each in seen}) == 1
            driver.run(one(Release(name)))
    # Of the connections that were opened, none is left behind in a snapshot that nobody can release.
    assert len(driver._idle) == driver._readers  # pyright: ignore[reportPrivateUsage]


def test_a_snapshot_that_was_released_before_its_first_read_is_over(driver: SQLiteDriver) -> None:
    driver.run(one(Release(b"a")))  # of nothing: no error
    driver.run(one(Snapshot(b"a", COUNT)))
    held = driver._pinned[b"a"]  # pyright: ignore[reportPrivateUsage]
    driver.run(one(Release(b"a")))
    driver._pinned[b"a"] = held  # pyright: ignore[reportPrivateUsage]  # as a reader has it who waits for its turn
    with pytest.raises(TransactionNotFoundError):
        driver.run(one(Snapshot(b"a", COUNT)))
