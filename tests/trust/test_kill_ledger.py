"""Killing processes at any moment loses no commit that the store acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kindstore.backends.sqlite import driver
from kindstore.store.messages import Concurrency
from tests.scale import scaled, seed
from tests.trust.ledger import kill_loop
from tests.trust.stores import Books, faults_of, open_store, opened, retrying

WRITERS = 4
SEED = seed(11)
KILLS = 250

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that many a kill falls into a checkpoint; forked writers inherit it."""
    monkeypatch.setattr(driver, "CHECKPOINT", 50)
    monkeypatch.setattr(driver, "TRUNCATE", 200)


@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize("concurrency", Concurrency)
def test_no_acknowledged_commit_is_lost_by_kills(
    tmp_path: Path, concurrency: Concurrency, durability: str
) -> None:
    """Nor with relaxed durability: what it may lose takes a loss of power."""
    path = tmp_path / "x.db"
    own_seed = SEED + (durability == "relaxed")

    def writer(number: int, last: int, acknowledge: Callable[[int], None]) -> None:
        store = open_store(path, durability=durability)
        books = Books(store, number)
        while True:
            last += 1
            retrying(partial(books.transact, last, concurrency))
            acknowledge(last)

    def audit() -> dict[int, int]:
        with opened(path, durability=durability) as store:
            found: dict[int, int] = {}
            for number in range(WRITERS):
                books = Books(store, number)
                found[number] = books.counter()
                assert books.differences(found[number]) == [], f"seed {own_seed}"
            assert faults_of(store) == [], f"seed {own_seed}"
            return found

    with opened(path):
        pass
    ledger = kill_loop(
        writer, audit, writers=WRITERS, kills=scaled(KILLS), seed=own_seed, alive=(0.005, 0.12)
    )
    print(f"\n{concurrency.value}, {durability}: {ledger}")
    assert ledger.violations == [], str(ledger)
    assert ledger.kills >= scaled(KILLS)
    assert ledger.acknowledged > ledger.cycles
