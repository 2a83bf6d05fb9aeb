"""Concurrent transactions, over threads and processes, are as if one had run after the other, in real time."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kindstore.store.messages import Concurrency
from tests.scale import scaled, scaled_time, seed
from tests.trust.histories import Outcome, Transaction, check, lists_read
from tests.trust.list_append import Client, ListName
from tests.trust.power_loss import memory_directory
from tests.trust.processes import in_processes
from tests.trust.stores import faults_of, opened

SEED = seed(21)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

Runner = Callable[[Path, Concurrency | None, int], list[Transaction]]


def with_threads(
    path: Path, concurrency: Concurrency | None, each: int, *, first: int = 0
) -> list[Transaction]:
    """Four clients of one store, each in its thread; *each* is how many transactions a client commits."""
    histories: list[list[Transaction]] = []
    failures: list[BaseException] = []
    with opened(path) as store:

        def work(number: int) -> None:
            try:
                histories.append(Client(store, first + number, SEED, concurrency, lists=4).run(each))
            except BaseException as error:  # noqa: BLE001 - reported below
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    return [transaction for history in histories for transaction in history]


def with_processes(path: Path, concurrency: Concurrency | None, each: int) -> list[Transaction]:
    """Four processes with one client each."""

    def work(number: int) -> list[Transaction]:
        with opened(path) as store:
            return Client(store, number, SEED, concurrency, lists=4).run(each)

    return [t for history in in_processes(work, 4, timeout=scaled_time(100)) for t in history]


def with_threads_in_processes(path: Path, concurrency: Concurrency | None, each: int) -> list[Transaction]:
    """Two processes with four clients each, on half as many transactions."""
    histories = in_processes(
        lambda number: with_threads(path, concurrency, each // 2, first=number * 4),
        2,
        timeout=scaled_time(100),
    )
    return [t for history in histories for t in history]


@pytest.fixture
def path() -> Iterator[Path]:
    """A file in memory: isolation does not depend on the disk, and more transactions meet without it."""
    directory = memory_directory()
    yield directory / "x.db"
    shutil.rmtree(directory)


@pytest.mark.parametrize("concurrency", Concurrency)
@pytest.mark.parametrize("runner", [with_threads, with_processes, with_threads_in_processes])
def test_fifteen_thousand_concurrent_transactions_are_serializable(
    path: Path, runner: Runner, concurrency: Concurrency
) -> None:
    with opened(path):
        pass
    history = runner(path, concurrency, scaled(626))
    with opened(path) as store:
        names: set[ListName] = {op.key for t in history for op in t.operations}  # type: ignore[misc]
        history.append(Client(store, 99, SEED, Concurrency.OPTIMISTIC, lists=4).read_all(sorted(names)))
        assert faults_of(store) == []
    outcomes = Counter(t.outcome.value for t in history if not t.name.endswith("(reads)"))
    print(f"\n{runner.__name__}, {concurrency.value}, seed {SEED}: {dict(outcomes)}")
    assert outcomes["ok"] >= 2500
    assert outcomes["failed"] > 25, "the clients did not meet: this run shows nothing"
    found = check(history, real_time=True)
    assert found == [], f"seed {SEED}, {len(found)} anomalies: " + "\n".join(map(str, found[:5]))


def test_negative_control_without_transactions_there_are_anomalies(path: Path) -> None:
    history = with_threads(path, None, 500)
    assert all(t.outcome is Outcome.OK for t in history)
    found = Counter(a.name for a in check(history))
    print(f"\nno transactions: {len(history)} of them, {dict(found)}")
    assert found["lost-update"] > 5
    assert sum(len(list(lists_read(t))) for t in history) > 500
