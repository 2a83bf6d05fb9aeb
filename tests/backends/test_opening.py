"""Opening a database file: by several processes at once, and where it is refused."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

import kindstore
from kindstore.backends.sqlite import guard
from kindstore.store.messages import Count, Query
from kindstore.values.errors import (
    BadArgumentError,
    CorruptionError,
    FormatError,
    StorageError,
    UnsafeStorageError,
)

WRITER = """
import os, sys, time
import kindstore
from kindstore.store.messages import Insert
from kindstore.values.entity import Entity
from kindstore.values.key import Key

path, name = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
store = kindstore.connect(path)
for n in range(20):
    key = Key.of(store.partition(), ("Thing",))
    store.run(store.commit([Insert(Entity.of(key, {"n": n, name: [n, n + 1]}))]))
store.close()
"""


def test_processes_that_make_a_file_at_the_same_moment_share_it(tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / f"{attempt}.db"
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), f"of_{n}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(4)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            writer.communicate()
            assert writer.returncode == 0
        store = kindstore.connect(path)
        assert store.run(store.run_aggregation(Query(store.partition(), "Thing"), [Count()])) == [80]
        assert store.run(store.check()) == []  # type: ignore[attr-defined]
        store.close()


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = kindstore.connect(tmp_path / "a.db")
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    store.close()


def test_a_store_that_is_not_kept_leaves_nothing_behind() -> None:
    store = kindstore.connect(":memory:")
    directory = store.driver.path.parent  # type: ignore[attr-defined]
    assert directory.is_dir()
    store.close()
    assert not directory.exists()


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    with pytest.raises(UnsafeStorageError, match="symbolic link"):
        kindstore.connect(tmp_path / "link.db")
    assert not (tmp_path / "real.db").exists()


def test_a_directory_that_anybody_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(UnsafeStorageError, match="anybody may replace"):
        kindstore.connect(tmp_path / "a.db")


def test_a_directory_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't be made"):
        kindstore.connect(tmp_path / "nowhere" / "a.db")


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE t (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(FormatError):
        kindstore.connect(path)
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    kindstore.connect(path).close()
    other = apsw.Connection(str(path))
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(FormatError, match="newer version"):
        kindstore.connect(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("This is not a database, but it is long enough to be taken for one. " * 50)
    with pytest.raises((CorruptionError, FormatError)):
        kindstore.connect(path)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.52.0"])
def test_a_library_that_loses_commits_is_refused(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    with pytest.raises(UnsafeStorageError, match="lose acknowledged commits"):
        guard.check_library()


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite://host/db", "sqlite:///a.db?colour=red", "postgresql://localhost/x"]
)
def test_a_url_of_no_known_kind_is_refused(url: str) -> None:
    with pytest.raises(BadArgumentError):
        kindstore.connect(url)


def test_a_closed_store_refuses_to_run(tmp_path: Path) -> None:
    store = kindstore.connect(tmp_path / "a.db")
    key = kindstore.Key.of(store.partition(), ("A", 1))
    store.close()
    store.close()
    with pytest.raises(StorageError, match="closed"):
        store.run(store.lookup([key]))
