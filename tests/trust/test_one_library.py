"""Nothing else in the process may open a live database: closing a second handle drops the first one's locks."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kindstore.values.errors import UnsafeStorageError
from tests.trust.stores import Books, InspectedStore, faults_of, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
def store(path: Path) -> Iterator[InspectedStore]:
    with opened(path) as store:
        Books(store).transact(1)
        yield store
        assert Books(store).differences(1) == []
        assert faults_of(store) == []


def test_the_standard_librarys_sqlite_is_refused_on_an_open_database(
    store: InspectedStore, path: Path
) -> None:
    with pytest.raises(UnsafeStorageError):
        sqlite3.connect(path)
    with pytest.raises(UnsafeStorageError):
        sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(UnsafeStorageError):
        sqlite3.connect(os.path.relpath(path))


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_opening_a_file_of_an_open_database_is_refused(
    store: InspectedStore, path: Path, suffix: str
) -> None:
    part = Path(f"{path}{suffix}")
    assert part.exists()
    with pytest.raises(UnsafeStorageError):
        part.open("rb")
    with pytest.raises(UnsafeStorageError):
        os.open(part, os.O_RDONLY)


def test_a_link_to_an_open_database_is_the_database(
    store: InspectedStore, path: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with pytest.raises(UnsafeStorageError):
        sqlite3.connect(link)
    with pytest.raises(UnsafeStorageError):
        link.open("rb")


def test_other_threads_are_refused_too(store: InspectedStore, path: Path) -> None:
    raised: list[BaseException] = []

    def intrude() -> None:
        try:
            sqlite3.connect(path)
        except UnsafeStorageError as error:
            raised.append(error)

    thread = threading.Thread(target=intrude, daemon=True)
    thread.start()
    thread.join()
    assert len(raised) == 1


def test_asking_for_its_size_is_allowed_and_so_are_other_files(store: InspectedStore, path: Path) -> None:
    assert path.stat().st_size > 0
    neighbour = path.with_name("neighbour.db")
    neighbour.write_bytes(b"")
    sqlite3.connect(neighbour).close()


def test_a_closed_database_is_anybodys(path: Path) -> None:
    with opened(path) as store:
        Books(store).transact(1)
    assert path.read_bytes().startswith(b"SQLite format 3")
    sqlite3.connect(path).close()


def test_it_stays_refused_until_the_last_store_of_the_file_is_closed(path: Path) -> None:
    with opened(path) as first:
        with opened(path) as second:
            Books(second).transact(1)
        with pytest.raises(UnsafeStorageError):
            path.open("rb")
        assert Books(first).counter() == 1
