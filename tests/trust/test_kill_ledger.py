"""Killing processes at any moment loses no commit that the store acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kindstore.backends.sqlite import driver
from kindstore.store.messages import Concurrency
from tests.trust.ledger import kill_loop
from tests.trust.scale import scaled, seed
from tests.trust.stores import Books, faults_of, open_store, opened, retrying

WRITERS = 4
SEED = seed(11)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that many a kill falls into a checkpoint; forked writers inherit it."""
    monkeypatch.setattr(driver, "CHECKPOINT", 50)
    monkeypatch.setattr(driver, "TRUNCATE", 200)


@pytest.mark.parametrize("concurrency", Concurrency)
def test_no_acknowledged_commit_is_lost_by_kills(tmp_path: Path, concurrency: Concurrency) -> None:
    path = tmp_path / "x.db"

    def writer(number: int, last: int, acknowledge: Callable[[int], None]) -> None:
        store = open_store(path)
        books = Books(store, number)
        while True:
            last += 1
            retrying(partial(books.transact, last, concurrency))
            acknowledge(last)

    def audit() -> dict[int, int]:
        with opened(path) as store:
            found: dict[int, int] = {}
            for number in range(WRITERS):
                books = Books(store, number)
                found[number] = books.counter()
                assert books.differences(found[number]) == [], f"seed {SEED}"
            assert faults_of(store) == [], f"seed {SEED}"
            return found

    with opened(path):
        pass
    ledger = kill_loop(writer, audit, writers=WRITERS, kills=scaled(500), seed=SEED, alive=(0.005, 0.12))
    print(f"\n{concurrency.value}: {ledger}")
    assert ledger.violations == [], str(ledger)
    assert ledger.kills >= scaled(500)
    assert ledger.acknowledged > ledger.kills
