"""The file of indexes that a store is opened with: what it defines, what is suggested in it, and how it is written."""

from __future__ import annotations

import logging
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

import kindstore
from kindstore.backends import sqlite
from kindstore.backends.index_file import IndexFile
from kindstore.engine.composite import CompositeIndex, IndexProperty, needs
from kindstore.engine.composites import State
from kindstore.store.messages import Count, Order, PropertyFilter, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, IndexFileError, NeedIndexError, StorageError
from kindstore.values.key import Key

BY_AUTHOR = CompositeIndex("Book", False, (IndexProperty("author"), IndexProperty("year", True)))
MANUAL = """\
# Ours.
indexes:
- kind: Book
  properties:
  - name: author
  - name: year
    direction: desc
"""


def by_author(store: Any, namespace: str = "") -> Query:
    """A query that needs `BY_AUTHOR`."""
    filters = (PropertyFilter("author", "=", "ada"),)
    return Query(store.partition(namespace), "Book", filters=filters, orders=(Order("year", True),))


def by_year(store: Any) -> Query:
    """A query that needs another index."""
    return Query(store.partition(), "Book", orders=(Order("year"), Order("author")))


def put(store: Any, number: int, namespace: str = "") -> None:
    key = Key.of(store.partition(namespace), ("Book", number))
    store.run(store.commit([Upsert(Entity.of(key, {"author": "ada", "year": number}))]))


def years(store: Any, query: Query) -> list[int]:
    return [entity["year"] for entity in store.run(store.run_query(query)).results]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books.db"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index.yaml"


# What the file defines


def test_indexes_of_the_file_serve_a_new_database_at_once(path: Path, file: Path) -> None:
    file.write_text(MANUAL)
    store = sqlite.open_store(path, index_file=file, indexes="strict")
    assert [(each.index, each.state) for each in store.run(store.indexes())] == [(BY_AUTHOR, State.SERVING)]
    put(store, 1)
    put(store, 2)
    assert years(store, by_author(store)) == [2, 1]
    assert store.run(store.check()) == []
    store.close()


def test_indexes_of_the_file_are_defined_but_not_built_where_there_are_entities(
    path: Path, file: Path
) -> None:
    store = sqlite.open_store(path)
    put(store, 1)
    store.close()
    file.write_text(MANUAL)
    store = sqlite.open_store(path, index_file=file, indexes="strict")
    put(store, 2)
    assert [each.state for each in store.run(store.indexes())] == [State.BUILDING]
    with pytest.raises(NeedIndexError):
        years(store, by_author(store))
    assert store.run(store.build_index(BY_AUTHOR)).state is State.SERVING
    assert years(store, by_author(store)) == [2, 1]
    store.close()


def test_an_index_is_of_all_namespaces_those_to_come_included(path: Path, file: Path) -> None:
    store = sqlite.open_store(path)
    put(store, 1, "old")
    store.close()
    file.write_text(MANUAL)
    store = sqlite.open_store(path, index_file=file, indexes="strict")
    assert years(store, by_author(store, "never")) == []
    put(store, 7, "new")
    found = {each.namespace: each.state for each in store.run(store.indexes())}
    assert found == {"old": State.BUILDING, "new": State.SERVING}
    assert years(store, by_author(store, "new")) == [7]
    with pytest.raises(NeedIndexError):
        years(store, by_author(store, "old"))
    store.close()


def test_a_namespace_to_come_is_served_at_once_where_the_index_serves(path: Path, file: Path) -> None:
    file.write_text(MANUAL)
    store = sqlite.open_store(path, index_file=file, indexes="strict")
    assert years(store, by_author(store, "new")) == []
    put(store, 7, "new")
    put(store, 8, "new")
    assert years(store, by_author(store, "new")) == [8, 7]
    assert store.run(store.check()) == []
    other = sqlite.open_store(path, indexes="strict")
    put(other, 9, "newer")
    assert years(store, by_author(store, "newer")) == [9]
    other.close()
    store.close()


def test_opening_again_changes_nothing(path: Path, file: Path) -> None:
    file.write_text(MANUAL)
    epochs: list[int] = []
    for _ in range(3):
        store = sqlite.open_store(path, index_file=file)
        epochs.append(store.catalog.index_epoch)
        store.close()
    assert epochs == [1, 1, 1]


def test_a_file_that_is_wrong_is_refused_before_a_database_is_made(path: Path, file: Path) -> None:
    file.write_text(MANUAL + "- kind: [\n")
    with pytest.raises(IndexFileError) as caught:
        sqlite.open_store(path, index_file=file)
    assert caught.value.line == 9
    file.write_bytes(b"indexes:\n# \xff\n")
    with pytest.raises(IndexFileError, match="no UTF-8") as caught:
        sqlite.open_store(path, index_file=file)
    assert caught.value.line == 2
    file.unlink()
    file.mkdir()
    with pytest.raises(StorageError, match="can't be read"):
        sqlite.open_store(path, index_file=file)
    assert not path.exists()


@pytest.mark.parametrize("wrong", ["lenient", "", None, 1])
def test_a_mode_that_there_is_not_is_refused(path: Path, wrong: Any) -> None:
    with pytest.raises(BadArgumentError, match="permissive"):
        sqlite.open_store(path, indexes=wrong)
    assert not path.exists()


def test_a_url_names_the_mode_and_the_file(path: Path, file: Path) -> None:
    file.write_text(MANUAL)
    store: Any = kindstore.connect(f"sqlite://{path}?indexes=strict&index_file={file}")
    with pytest.raises(NeedIndexError):
        years(store, by_year(store))
    assert years(store, by_author(store)) == []
    store.close()
    assert file.read_text() == MANUAL


# What is suggested


def test_closing_writes_what_queries_needed(path: Path, file: Path) -> None:
    store = sqlite.open_store(path, index_file=file)
    put(store, 1)
    assert years(store, by_author(store)) == [1]
    store.run(store.run_aggregation(by_year(store), [Count()]))
    assert not file.exists()
    store.close()
    assert file.read_text().startswith("indexes:\n\n# AUTOGENERATED\n")
    by_year_too = CompositeIndex("Book", False, (IndexProperty("year"), IndexProperty("author")))
    assert IndexFile(file).read() == (BY_AUTHOR, by_year_too)
    assert [each.name for each in file.parent.iterdir() if each.name.startswith(".index")] == []


def test_what_stands_in_the_manual_part_is_not_suggested(path: Path, file: Path) -> None:
    before = f"{MANUAL}\n# AUTOGENERATED\n"
    file.write_text(before)
    file.chmod(0o640)
    store = sqlite.open_store(path, index_file=file)
    years(store, by_author(store))
    years(store, by_year(store))
    assert store.suggest_indexes()
    assert not store.suggest_indexes()
    assert file.read_text().startswith(before)
    assert file.read_text().endswith("\n- kind: Book\n  properties:\n  - name: year\n  - name: author\n")
    assert file.stat().st_mode & 0o777 == 0o640
    store.close()


def test_a_manual_file_is_never_written(path: Path, file: Path) -> None:
    file.write_text(MANUAL)
    store = sqlite.open_store(path, index_file=file)
    years(store, by_year(store))
    assert not store.suggest_indexes()
    store.close()
    assert file.read_text() == MANUAL


def test_nothing_is_written_in_the_strict_mode_or_without_such_queries(path: Path, file: Path) -> None:
    store = sqlite.open_store(path, index_file=file, indexes="strict")
    with pytest.raises(NeedIndexError):
        years(store, by_author(store))
    store.close()
    store = sqlite.open_store(path, index_file=file)
    years(store, Query(store.partition(), "Book", orders=(Order("year"),)))
    store.close()
    assert not file.exists()


def test_a_link_is_followed_and_stays(path: Path, file: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.yaml"
    real.parent.mkdir()
    real.write_text("indexes:\n\n# AUTOGENERATED\n")
    file.symlink_to(real)
    store = sqlite.open_store(path, index_file=file)
    years(store, by_author(store))
    store.close()
    assert file.is_symlink()
    assert IndexFile(real).read() == (BY_AUTHOR,)


def test_a_file_that_cannot_be_written_does_not_keep_a_store_open(
    path: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("indexes:\n\n# AUTOGENERATED\n")
    store = sqlite.open_store(path, index_file=file)
    years(store, by_author(store))
    file.write_text("indexes: [\n")
    with pytest.raises(IndexFileError):
        store.suggest_indexes()
    with caplog.at_level(logging.WARNING, "kindstore"):
        store.close()
    assert "no indexes were suggested" in caplog.text
    assert file.read_text() == "indexes: [\n"
    with pytest.raises(StorageError):
        put(store, 1)


def test_a_directory_that_is_gone_is_a_storage_error(tmp_path: Path) -> None:
    file = IndexFile(tmp_path / "gone" / "index.yaml")
    needed = needs(Query(kindstore.Partition.of("p"), "Book", orders=(Order("a"), Order("b"))))
    assert needed is not None
    with pytest.raises(StorageError, match="can't be written"):
        file.update([needed])


def suggest(path: str, number: int) -> None:
    """In a process of its own: suggest an index that only this process needs."""
    query = Query(kindstore.Partition.of("p"), f"K{number}", orders=(Order("a"), Order("b")))
    needed = needs(query)
    assert needed is not None
    IndexFile(path).update([needed])


def test_what_one_process_suggests_is_not_lost_to_another(file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=suggest, args=(os.fspath(file), number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert [each.kind for each in IndexFile(file).read()] == ["K0", "K1", "K2", "K3"]
