"""A join of three equalities, each of a tenth of the entities, together of a ten-thousandth: what it reads is bounded.

The plan says how many index rows; SQLite's own steps are counted to see that there are no more.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from kindstore.backends.sqlite import open_store
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.engine.reading import reading
from kindstore.engine.scan import prepare
from kindstore.engine.statement import KEYS
from kindstore.engine.store import EngineStore
from kindstore.store.messages import PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.key import Key

SIZE = 20_000
TOGETHER = SIZE // 10_000
STEPS = 15
"""Of SQLite for an index row of the one that leads, and the search for it in another one."""


def entity(store: EngineStore, number: int) -> Entity:
    every = number % 10_000 == 7
    values = {name: number % 10 == at or every for at, name in enumerate("abc")}
    return Entity.of(Key.of(store.partition(), ("K", number)), values)


def steps(path: Path, store: EngineStore, query: Query) -> int:
    """How many SQLite takes for *query*."""
    made = store.run(prepare(store.catalog, query)).statement(KEYS, None, 0)
    assert made is not None
    counted = 0

    def count() -> bool:
        nonlocal counted
        counted += 1
        return False

    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_progress_handler(count, 1)
    assert len(list(connection.execute(*made))) == TOGETHER
    connection.close()
    return counted


def test_a_join_of_equalities_reads_the_rows_of_one_of_them(tmp_path: Path) -> None:
    path = tmp_path / "join.db"
    store = open_store(path)
    for first in range(1, SIZE, 5_000):
        store.run(store.commit([Upsert(entity(store, number)) for number in range(first, first + 5_000)]))
    query = Query(store.partition(), "K", filters=tuple(PropertyFilter(name, "=", True) for name in "abc"))
    planned = store.run(reading(store.run(prepare(store.catalog, query))))
    assert SIZE / 10 <= planned.rows <= SIZE / 10 + TOGETHER
    # Each of them is sought in the second index; in the third one those alone that are there.
    assert planned.rows < steps(path, store, query) <= STEPS * planned.rows + 200

    index = CompositeIndex("K", False, tuple(map(IndexProperty, "abc")))
    store.run(store.create_indexes([index]))
    while store.run(store.build_index(index)).state is State.BUILDING:
        pass
    planned = store.run(reading(store.run(prepare(store.catalog, query))))
    assert planned.rows == TOGETHER
    assert steps(path, store, query) <= STEPS * TOGETHER + 200
    store.close()
