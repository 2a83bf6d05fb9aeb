"""A database of format 1, from before composite indexes, opens, becomes one of format 2, and works.

`format_1.db` was written by the last commit of that format (eb93cfe), and packed with VACUUM.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from kindstore.backends import sqlite
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.engine.dialect import Dialect
from kindstore.store.messages import Count, Delete, Order, PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import FormatError
from kindstore.values.key import Key

OLD = Path(__file__).with_name("format_1.db")
BY_YEAR = CompositeIndex("Book", False, (IndexProperty("year"), IndexProperty("title", True)))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the database of format 1."""
    return Path(shutil.copy(OLD, tmp_path / "old.db"))


def format_of(path: Path) -> Any:
    connection = apsw.Connection(str(path))
    try:
        return connection.pragma("user_version")
    finally:
        connection.close()


def titles(store: Any, *filters: PropertyFilter, orders: tuple[Order, ...] = ()) -> list[str]:
    query = Query(store.partition(), "Book", filters=filters, orders=orders)
    return [entity["title"] for entity in store.run(store.run_query(query)).results]


def test_the_file_is_of_format_1() -> None:
    assert format_of(OLD) == 1


def test_opening_brings_it_to_format_2(old: Path) -> None:
    sqlite.open_store(old).close()
    assert format_of(old) == 2
    sqlite.open_store(old).close()
    assert format_of(old) == 2


def test_all_is_there_and_sound(old: Path) -> None:
    store = sqlite.open_store(old)
    home = store.partition()
    [ada] = store.run(store.lookup([Key.of(home, ("Author", "ada"))]))
    assert dict(ada.items()) == {"name": "Ada", "born": datetime(1815, 12, 10), "notes": "x" * 2000}
    assert len(titles(store)) == 29
    assert titles(store, PropertyFilter("year", "=", 1800), PropertyFilter("tags", "=", "t1")) == [
        "Book 7",
        "Book 28",
    ]
    elsewhere = Query(store.partition("novels"), "Book")
    assert store.run(store.run_aggregation(elsewhere, [Count()])) == [1]
    assert store.run(store.check()) == []
    store.close()


def test_it_takes_writes_and_composite_indexes(old: Path) -> None:
    store = sqlite.open_store(old)
    home = store.partition()
    store.run(store.create_indexes([BY_YEAR]))
    store.run(
        store.commit(
            [
                Upsert(Entity.of(Key.of(home, ("Book", "new")), {"title": "New", "year": 1800})),
                Delete(Key.of(home, ("Author", "ada", "Book", 7))),
            ]
        )
    )
    assert [each.namespace for each in store.run(store.indexes())] == ["", "novels"]
    for each in store.run(store.indexes()):
        while store.run(store.build_index(each.index, each.namespace)).state is State.BUILDING:
            pass
    asked = (PropertyFilter("year", "=", 1800),)
    downwards = (Order("title", True),)
    assert "by Book(year, title desc)" in store.run(
        store.explain(Query(home, "Book", filters=asked, orders=downwards))
    )
    assert titles(store, *asked, orders=downwards) == ["New", "Book 28", "Book 21", "Book 14"]
    assert store.run(store.check()) == []
    store.close()


def test_an_upgrade_that_fails_leaves_format_1(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("CREATE TABLE composite (id INTEGER PRIMARY KEY)", "CREATE TABLE composite (id)")
    monkeypatch.setattr(Dialect, "upgrades", ((1, texts),))
    with pytest.raises(Exception, match="already exists"):
        sqlite.open_store(old)
    assert format_of(old) == 1
    monkeypatch.undo()
    store = sqlite.open_store(old)
    assert store.run(store.check()) == []
    store.close()


def test_a_newer_format_is_refused(old: Path) -> None:
    connection = apsw.Connection(str(old))
    connection.pragma("user_version", 3)
    connection.close()
    with pytest.raises(FormatError, match="newer version"):
        sqlite.open_store(old)
