"""The store in memory behaves as a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.store.abc import Store
from kindstore.store.ids import FIRST_SCATTERED, LAST_SCATTERED, IdPolicy, counter_of, nth_id
from kindstore.values.errors import BadArgumentError
from tests.conformance.database import Clock, Database
from tests.conformance.suite import EveryQuerySuite, RefusalSuite, StoreSuite


class TestMemory(StoreSuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return MemoryStore(clock=clock)


class TestMemoryEveryQuery(EveryQuerySuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return MemoryStore(clock=clock)


class TestMemoryRefusals(RefusalSuite):
    def open(self, path: Path, clock: Clock) -> Store:
        return MemoryStore(clock=clock)


def test_sequential_ids_count_from_1() -> None:
    db = Database(MemoryStore(id_policy=IdPolicy.SEQUENTIAL))
    db.put(2, x="by hand")
    assert [db.put(None, x=n).path[-1] for n in range(3)] == [1, 3, 4]


def test_the_nth_id_tells_its_counter() -> None:
    for counter in (1, 2, 3, 1000, 2**51 - 1):
        for policy in IdPolicy:
            assert counter_of(nth_id(policy, counter)) == (policy, counter)
    assert counter_of(FIRST_SCATTERED) is None
    assert counter_of(LAST_SCATTERED + 1) is None
    assert counter_of(LAST_SCATTERED) == (IdPolicy.SCATTERED, 2**51 - 1)


@pytest.mark.parametrize("policy", IdPolicy)
@pytest.mark.parametrize("counter", [0, -1, 2**52])
def test_ids_end(policy: IdPolicy, counter: int) -> None:
    with pytest.raises(BadArgumentError):
        nth_id(policy, counter)
