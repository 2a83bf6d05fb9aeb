"""Writers queue fairly: neither of two processes, nor one of several threads, can keep the others out."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.trust.processes import in_processes
from tests.trust.stores import Books, InspectedStore, opened

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

FAIR = 0.8
"""The part of its fair share that the worst-off writer must get."""


def write_until(store: InspectedStore, writer: int, end: float) -> tuple[int, float]:
    """Commit in a tight loop until *end*; how many, and the longest wait for one in seconds."""
    books = Books(store, writer)
    number, longest = 0, 0.0
    while (now := time.monotonic()) < end:
        store.run(store.commit(books.mutations(number + 1)))
        number += 1
        longest = max(longest, time.monotonic() - now)
    return number, longest


def worst_share(counts: list[int]) -> float:
    return min(counts) * len(counts) / sum(counts)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_in_tight_write_loops_get_their_fair_share(tmp_path: Path, processes: int) -> None:
    path = tmp_path / "x.db"
    with opened(path):
        pass
    beginning = time.monotonic() + 0.5

    def work(number: int) -> tuple[int, float]:
        with opened(path) as store:
            time.sleep(max(0.0, beginning - time.monotonic()))
            return write_until(store, number, beginning + 3)

    results = in_processes(work, processes)
    counts = [count for count, _ in results]
    print(f"\n{processes} processes: {counts} commits, worst share {worst_share(counts):.2f}, ", end="")
    print(f"longest wait {max(wait for _, wait in results) * 1000:.0f} ms")
    assert sum(counts) > 50
    # Only the two of the promise are held to it exactly: four share two cores with each other.
    assert worst_share(counts) >= (FAIR if processes == 2 else 0.5), counts


def test_threads_of_one_store_get_their_fair_share(tmp_path: Path) -> None:
    counts: dict[int, int] = {}
    with opened(tmp_path / "x.db") as store:
        end = time.monotonic() + 2

        def work(number: int) -> None:
            counts[number], _ = write_until(store, number, end)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(
        f"\n4 threads: {sorted(counts.values())} commits, worst share {worst_share(list(counts.values())):.2f}"
    )
    assert worst_share(list(counts.values())) >= FAIR, counts
