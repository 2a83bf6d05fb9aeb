"""Automatic ids of several stores on one file: the blocks that one holds and what another reserves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kindstore
from kindstore.store.abc import Store
from kindstore.store.ids import FIRST_SCATTERED, LAST_SCATTERED
from kindstore.store.messages import Insert, Upsert
from kindstore.store.program import Program
from kindstore.values.entity import Entity
from kindstore.values.key import Key

FIRST_IDS = [5629499534213120, 5066549580791808, 6192449487634432]


def put(store: Store, **properties: object) -> int:
    key = Key.of(store.partition(), ("Thing",))
    number: int = store.run(store.commit([Insert(Entity.of(key, properties))])).keys[0].path[-1]
    return number


def reserve(store: Store, *numbers: int) -> None:
    store.run(store.reserve_ids([Key.of(store.partition(), ("Thing", number)) for number in numbers]))


def test_the_first_ids_are_those_of_every_engine(tmp_path: Path) -> None:
    store = kindstore.connect(tmp_path / "a.db")
    assert [put(store, n=n) for n in range(3)] == FIRST_IDS
    store.close()


def test_an_id_that_another_store_has_reserved_is_not_given_out_of_a_block_held_already(
    tmp_path: Path,
) -> None:
    one, other = (kindstore.connect(tmp_path / "a.db") for _ in range(2))
    assert put(one) == FIRST_IDS[0]
    reserve(other, FIRST_IDS[1])
    assert put(one) == FIRST_IDS[2]
    one.close()
    other.close()


def test_an_id_that_another_store_has_used_is_passed_over(tmp_path: Path) -> None:
    one, other = (kindstore.connect(tmp_path / "a.db") for _ in range(2))
    assert put(one) == FIRST_IDS[0]
    taken = Key.of(other.partition(), ("Thing", FIRST_IDS[1]))
    other.run(other.commit([Upsert(Entity.of(taken, {"by": "hand"}))]))
    assert put(one) == FIRST_IDS[2]
    [found] = one.run(one.lookup([taken]))
    assert found is not None
    assert found["by"] == "hand"
    one.close()
    other.close()


def test_reserving_far_away_ids_uses_up_none(tmp_path: Path) -> None:
    store = kindstore.connect(tmp_path / "a.db")
    reserve(store, FIRST_SCATTERED + 1, LAST_SCATTERED)
    assert put(store) == FIRST_IDS[0]
    store.close()


def test_an_id_that_is_reserved_while_a_put_holds_it_is_not_used(tmp_path: Path) -> None:
    """Another thread of the same process reserves an id between its being taken and its being written."""
    store: Any = kindstore.connect(tmp_path / "a.db")
    take = store._ids.take

    def overtaken(number: int) -> Program[list[int]]:
        ids: list[int] = yield from take(number)
        if ids[0] == FIRST_IDS[0]:
            reserve(store, ids[0])
        return ids

    store._ids.take = overtaken
    assert put(store) == FIRST_IDS[1]
    store.close()


def test_who_reads_the_reserved_ids_first_and_learns_them_last_takes_none_back(tmp_path: Path) -> None:
    """Two threads of one process, of which the other is the last to note the epoch."""
    store: Any = kindstore.connect(tmp_path / "a.db")
    ids = store._ids
    slow = ids.refresh()
    before = store.run(_read(slow.send(None)))
    reserve(store, FIRST_IDS[0])
    newer = ids.epoch
    with pytest.raises(StopIteration):
        slow.send(before)
    ids.epoch = newer
    assert put(store) == FIRST_IDS[1]
    store.close()


def _read(batch: list[Any]) -> Program[Any]:
    return (yield batch)
