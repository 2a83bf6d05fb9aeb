"""Interleavings of two or three clients, step by step: the anomalies that Hermitage lists, each one prevented.

The scenarios are those of Hermitage (Kleppmann), told in our verbs: writes are buffered until commit, reads come
from the snapshot of the first read, and the first committer wins. Each runs in both optimistic modes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kindstore.store.abc import Store
from kindstore.store.messages import Concurrency, Delete, Mutation, PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import ConflictError
from kindstore.values.key import Key
from tests.trust.stores import faults_of, find, opened


class Client:
    """One transaction, its statements given one by one."""

    def __init__(self, store: Store, concurrency: Concurrency) -> None:
        self._store = store
        self._transaction = store.run(store.begin(concurrency=concurrency))
        self._mutations: list[Mutation] = []

    def _key(self, number: int) -> Key:
        return Key.of(self._store.partition(), ("Test", "rows", "Row", number))

    def get(self, number: int) -> int | None:
        """The value of row *number*."""
        (row,) = self._store.run(self._store.lookup([self._key(number)], self._transaction))
        return row["value"] if row else None

    def where(self, value: int | None = None) -> dict[int, int]:
        """Number and value of the rows with *value*; of all rows without."""
        root = Key.of(self._store.partition(), ("Test", "rows"))
        filters = () if value is None else (PropertyFilter("value", "=", value),)
        query = Query(self._store.partition(), "Row", ancestor=root, filters=filters)
        found = find(self._store, query, self._transaction)
        return {row.key.path[-1]: row["value"] for row in found if row.key}

    def put(self, number: int, value: int) -> None:
        """Row *number* shall hold *value*."""
        self._mutations.append(Upsert(Entity.of(self._key(number), {"value": value})))

    def delete(self, number: int) -> None:
        """Row *number* shall be gone."""
        self._mutations.append(Delete(self._key(number)))

    def commit(self) -> None:
        """Commit, as the store allows."""
        self._store.run(self._store.commit(self._mutations, self._transaction))

    def conflicts(self) -> bool:
        """Commit, and lose."""
        with pytest.raises(ConflictError):
            self.commit()
        return True

    def rollback(self) -> None:
        """Give up."""
        self._store.run(self._store.rollback(self._transaction))


Begin = Callable[[], Client]


@pytest.fixture(params=Concurrency, ids=lambda c: c.value)
def begin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Begin]:
    """Begins transactions on a store with rows 1 = 10 and 2 = 20, which is checked in the end."""
    with opened(tmp_path / "x.db") as store:
        first = Client(store, Concurrency.OPTIMISTIC)
        first.put(1, 10)
        first.put(2, 20)
        first.commit()
        yield lambda: Client(store, request.param)
        assert faults_of(store) == []


def test_g0_blind_writes_of_two_clients_do_not_mix(begin: Begin) -> None:
    a, b = begin(), begin()
    a.put(1, 11)
    b.put(1, 12)
    a.put(2, 21)
    a.commit()
    assert begin().where() == {1: 11, 2: 21}
    b.put(2, 22)
    b.commit()
    assert begin().where() == {1: 12, 2: 22}


def test_g1a_nobody_sees_what_was_rolled_back(begin: Begin) -> None:
    a, b = begin(), begin()
    a.put(1, 101)
    assert b.get(1) == 10
    a.rollback()
    assert b.get(1) == 10
    assert begin().where() == {1: 10, 2: 20}


def test_g1b_nobody_sees_an_intermediate_value(begin: Begin) -> None:
    a, b = begin(), begin()
    a.put(1, 101)
    assert b.get(1) == 10
    a.put(1, 11)
    a.commit()
    assert b.get(1) == 10
    b.commit()
    assert begin().get(1) == 11


def test_g1c_information_does_not_flow_in_a_circle(begin: Begin) -> None:
    a, b = begin(), begin()
    a.put(1, 11)
    b.put(2, 22)
    assert a.get(2) == 20
    assert b.get(1) == 10
    a.commit()
    assert b.conflicts()
    assert begin().where() == {1: 11, 2: 20}


def test_otv_a_transaction_that_was_observed_does_not_vanish(begin: Begin) -> None:
    a, b = begin(), begin()
    a.put(1, 11)
    a.put(2, 19)
    b.put(1, 12)
    a.commit()
    c = begin()
    assert c.get(1) == 11
    b.put(2, 18)
    assert c.get(2) == 19
    b.commit()
    assert (c.get(2), c.get(1)) == (19, 11)
    c.commit()
    assert begin().where() == {1: 12, 2: 18}


def test_pmp_a_query_repeated_finds_no_phantom(begin: Begin) -> None:
    a, b = begin(), begin()
    assert a.where(30) == {}
    b.put(3, 30)
    b.commit()
    assert a.where(30) == {}
    a.commit()
    assert begin().where(30) == {3: 30}


def test_pmp_a_write_that_rests_on_a_query_conflicts_with_a_change_of_its_rows(begin: Begin) -> None:
    a, b = begin(), begin()
    for number, value in a.where().items():
        a.put(number, value + 10)
    for number in b.where(20):
        b.delete(number)
    a.commit()
    assert b.conflicts()
    assert begin().where() == {1: 20, 2: 30}


def test_p4_no_update_is_lost(begin: Begin) -> None:
    a, b = begin(), begin()
    assert a.get(1) == b.get(1) == 10
    a.put(1, 11)
    b.put(1, 12)
    a.commit()
    assert b.conflicts()
    assert begin().get(1) == 11


def test_g_single_reads_do_not_skew(begin: Begin) -> None:
    a, b = begin(), begin()
    assert a.get(1) == 10
    assert (b.get(1), b.get(2)) == (10, 20)
    b.put(1, 12)
    b.put(2, 18)
    b.commit()
    assert a.get(2) == 20
    a.commit()


def test_g_single_queries_do_not_skew(begin: Begin) -> None:
    a, b = begin(), begin()
    assert a.where() == {1: 10, 2: 20}
    b.put(1, 12)
    b.commit()
    assert a.where(12) == {}
    assert a.where(10) == {1: 10}
    a.commit()


def test_g_single_a_write_on_a_skewed_read_conflicts(begin: Begin) -> None:
    a, b = begin(), begin()
    assert a.get(1) == 10
    assert b.where() == {1: 10, 2: 20}
    b.put(1, 12)
    b.put(2, 18)
    b.commit()
    for number in a.where(20):
        a.delete(number)
    assert a.conflicts()
    assert begin().where() == {1: 12, 2: 18}


def test_g2_item_writes_do_not_skew(begin: Begin) -> None:
    a, b = begin(), begin()
    assert (a.get(1), a.get(2)) == (b.get(1), b.get(2)) == (10, 20)
    a.put(1, 11)
    b.put(2, 21)
    a.commit()
    assert b.conflicts()
    assert begin().where() == {1: 11, 2: 20}


def test_g2_two_inserts_into_each_others_queries_conflict(begin: Begin) -> None:
    a, b = begin(), begin()
    assert a.where(30) == b.where(30) == {}
    a.put(3, 30)
    b.put(4, 30)
    a.commit()
    assert b.conflicts()
    assert begin().where(30) == {3: 30}


def test_g2_a_reader_between_two_writers_sees_no_impossible_state(begin: Begin) -> None:
    """Fekete's read-only anomaly: C sees B but not A, so A, which missed B, must not commit."""
    a, b = begin(), begin()
    assert a.where() == {1: 10, 2: 20}
    b.put(2, (b.get(2) or 0) + 5)
    b.commit()
    c = begin()
    assert c.where() == {1: 10, 2: 25}
    c.commit()
    a.put(1, 0)
    assert a.conflicts()
    assert begin().where() == {1: 10, 2: 25}


def test_a_row_deleted_and_made_again_is_not_the_row_that_was_read(begin: Begin) -> None:
    a = begin()
    assert a.get(1) == 10
    deleter, maker = begin(), begin()
    deleter.delete(1)
    deleter.commit()
    maker.put(1, 10)
    maker.commit()
    a.put(2, 99)
    assert a.conflicts()


def test_a_missing_row_that_was_read_may_not_appear_behind_the_readers_back(begin: Begin) -> None:
    a, b = begin(), begin()
    assert a.get(3) is None
    b.put(3, 30)
    b.commit()
    a.put(1, 0)
    assert a.conflicts()


@pytest.mark.parametrize("by_key", [True, False], ids=["by key", "by query"])
@pytest.mark.parametrize("concurrency", Concurrency, ids=lambda c: c.value)
def test_a_first_read_that_finds_not_even_the_kind_takes_the_snapshot(
    tmp_path: Path, concurrency: Concurrency, by_key: bool
) -> None:
    """Else a transaction that only reads, which is never validated, sees half of another one."""
    with opened(tmp_path / "x.db") as store:
        run, root = store.run, Key.of(store.partition(), ("Test", "root"))
        old, new = root.child("Old", 1), root.child("New", 1)
        run(store.commit([Upsert(Entity.of(old, {"value": 1}))]))

        def read(key: Key, kind: str) -> list[int]:
            if by_key:
                return [e["value"] for e in run(store.lookup([key], reader)) if e]
            return [e["value"] for e in find(store, Query(store.partition(), kind, ancestor=root), reader)]

        reader = run(store.begin(concurrency=concurrency))
        assert read(new, "New") == []
        run(store.commit([Upsert(Entity.of(old, {"value": 2})), Upsert(Entity.of(new, {"value": 2}))]))
        assert read(old, "Old") == [1]
        assert read(new, "New") == []
        run(store.commit([], reader))
