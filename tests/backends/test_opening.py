"""Opening a database file: by several processes at once, and where it is refused."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

import kindstore
from kindstore.backends.memory import MemoryStore
from kindstore.backends.sqlite import guard
from kindstore.store.ids import IdPolicy
from kindstore.store.messages import Concurrency, Count, Query, Upsert
from kindstore.values.errors import (
    BadArgumentError,
    CorruptionError,
    FormatError,
    StorageError,
    UnsafeStorageError,
)
from kindstore.values.key import Key

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


WRONG_OPTIONS: list[dict[str, Any]] = [
    {"colour": "red"},
    {"durability": "none"},
    {"durability": None},
    {"vfs": "nowhere"},
    {"concurrency": "pessimistic"},
    {"concurrency": None},
    {"id_policy": "random"},
    {"id_policy": ["scattered"]},
    {"project": ""},
    {"project": 5},
    {"clock": 12},
]


@pytest.mark.parametrize("options", WRONG_OPTIONS, ids=str)
def test_a_wrong_option_is_refused_before_a_file_is_made(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadArgumentError, match=next(iter(options))):
        kindstore.connect(tmp_path / "a.db", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["optimistic-with-entity-groups", Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS])
@pytest.mark.parametrize("policy", ["sequential", IdPolicy.SEQUENTIAL])
def test_a_mode_may_be_given_by_its_text(mode: Any, policy: Any) -> None:
    store = kindstore.connect(":memory:", concurrency=mode, id_policy=policy)
    assert store.concurrency is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS  # type: ignore[attr-defined]
    assert store.run(store.allocate_ids([Key.of(store.partition(), ("A",))]))[0].path == ("A", 1)
    store.close()


@pytest.mark.parametrize("backend", [lambda: kindstore.connect(":memory:"), MemoryStore])
def test_the_mode_of_a_transaction_may_be_given_by_its_text(backend: Any) -> None:
    store = backend()
    assert isinstance(store.run(store.begin(concurrency="optimistic-with-entity-groups")), bytes)
    for wrong in ("pessimistic", "", 0):
        with pytest.raises(BadArgumentError, match="concurrency"):
            store.run(store.begin(concurrency=wrong))
    store.close()


@pytest.mark.parametrize(
    "url", ["", "a\0b.db", "sqlite:", "sqlite:?project=p", "sqlite:a%00b.db", "\ud800.db", 5, "sqlite:///"]
)
def test_a_path_that_no_file_can_have_is_named(
    url: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kindstore.Error, match=r"(path|url)="):
        kindstore.connect(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["", "/", "/new.db/", "/" + "x" * 300])
def test_a_place_that_can_not_hold_a_database_is_named(end: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        kindstore.connect(f"{tmp_path}{end}")
    assert caught.value.path.startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", [":memory:", "sqlite::memory:", "sqlite:///:memory:", "sqlite:///%3Amemory%3A"]
)
def test_a_store_that_is_not_kept_has_several_names(url: str) -> None:
    store = kindstore.connect(url)
    assert store.driver.path.name == "memory.db"  # type: ignore[attr-defined]
    store.close()


@pytest.mark.parametrize(
    "more",
    ["?durability", "?=", "?durability=", "?project=a&project=b", "?&", "#1.db", "?durability=none"],
)
def test_a_malformed_url_is_refused_before_a_file_is_made(more: str, tmp_path: Path) -> None:
    with pytest.raises(BadArgumentError):
        kindstore.connect(f"sqlite://{tmp_path}/a.db{more}")
    assert list(tmp_path.iterdir()) == []


def test_a_url_that_can_not_be_split_is_refused() -> None:
    with pytest.raises(BadArgumentError, match="malformed URL"):
        kindstore.connect("sqlite://[x/a.db")


def test_a_url_may_have_options(tmp_path: Path) -> None:
    store = kindstore.connect(f"sqlite://{tmp_path}/a%23.db?project=p&durability=relaxed")
    assert store.partition().project == "p"
    assert (tmp_path / "a#.db").is_file()
    store.close()


def test_a_closed_store_refuses_to_run(tmp_path: Path) -> None:
    store = kindstore.connect(tmp_path / "a.db")
    key = kindstore.Key.of(store.partition(), ("A", 1))
    store.close()
    store.close()
    with pytest.raises(StorageError, match="closed"):
        store.run(store.lookup([key]))


def test_a_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    kindstore.connect(tmp_path / "a.db").close()
    (tmp_path / "b.db").hardlink_to(tmp_path / "a.db")
    with pytest.raises(UnsafeStorageError, match="one name only"):
        kindstore.connect(tmp_path / "a.db")


@pytest.mark.parametrize("mishap", ["removed", "replaced", "linked"])
def test_a_commit_into_a_file_that_is_not_there_any_more_is_refused(tmp_path: Path, mishap: str) -> None:
    path = tmp_path / "a.db"
    store = kindstore.connect(path)
    key = kindstore.Key.of(store.partition(), ("A", 1))
    store.run(store.commit([Upsert(kindstore.Entity.of(key, {"n": 1}))]))
    match mishap:
        case "removed":
            path.unlink()
        case "replaced":
            (tmp_path / "other.db").touch()
            (tmp_path / "other.db").replace(path)
        case _:
            (tmp_path / "b.db").hardlink_to(path)
    with pytest.raises(UnsafeStorageError, match="while it was open"):
        store.run(store.commit([Upsert(kindstore.Entity.of(key, {"n": 2}))]))
    store.close()


def test_a_lock_that_can_not_be_had_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db.lock").mkdir()
    with pytest.raises(StorageError, match="lock"):
        kindstore.connect(tmp_path / "a.db")


def test_a_directory_is_refused_as_one(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    with pytest.raises(StorageError, match="not a directory"):
        kindstore.connect(tmp_path / "d")
