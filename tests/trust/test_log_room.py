"""The room behind the log's end is no part of the log: whatever becomes of it, every acknowledged commit is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from kindstore.backends.sqlite import driver
from kindstore.backends.sqlite.log_room import FRAME, START
from kindstore.engine.store import EngineStore
from kindstore.values.key import Key
from tests.scale import scaled, seed
from tests.trust.stores import Books, InspectedStore, faults_of, opened

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="room is made on Linux alone")

HEADER = 32
"""Bytes of the log before its first frame."""

SEED = seed(21)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
def store(path: Path) -> Iterator[InspectedStore]:
    with opened(path) as store:
        yield store
        assert faults_of(store) == []


def used(store: InspectedStore) -> int:
    """Bytes of the log that are its own."""
    own: Any = cast("EngineStore", store).driver
    pages: int = own._log_pages
    return HEADER + pages * FRAME


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def copied(path: Path, to: Path) -> Path:
    """A copy of the database as it is on the disk, made by another process: this one may not open its files."""
    to.mkdir()
    for file in (path, log_of(path)):
        subprocess.run(["cp", file, to / file.name], check=True)
    return to / path.name


def test_a_log_that_has_room_grows_no_longer(store: InspectedStore, path: Path) -> None:
    books = Books(store)
    sizes: list[int] = []
    for number in range(1, 101):
        books.transact(number)
        sizes.append(log_of(path).stat().st_size)
        assert used(store) <= sizes[-1] or used(store) <= START * FRAME
    assert used(store) > 200 * FRAME
    assert len(set(sizes)) < 12
    assert sizes[-1] <= 2 * used(store) + (1 << 16)


def test_there_is_no_room_where_nobody_waits_for_the_disk(path: Path) -> None:
    with opened(path, durability="relaxed") as store:
        books = Books(store)
        for number in range(1, 51):
            books.transact(number)
        assert log_of(path).stat().st_size == used(store)


def test_a_log_that_begins_anew_is_written_over(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(driver, "CHECKPOINT", 200)
    with opened(path) as store:
        books = Books(store)
        sizes: list[int] = []
        for number in range(1, 301):
            books.transact(number)
            sizes.append(log_of(path).stat().st_size)
        assert len(set(sizes)) < 12
        with opened(copied(path, tmp_path / "copy")) as found:
            assert Books(found).differences(300) == []


def test_a_crash_with_any_part_of_the_room_loses_nothing(
    store: InspectedStore, path: Path, tmp_path: Path
) -> None:
    """The room is not waited for: after a loss of power there may be all of it, a part, or none."""
    chance = random.Random(SEED)
    books = Books(store)
    number = 0
    for turn in range(scaled(8, soak=100)):
        for _ in range(chance.randrange(1, 25)):
            number += 1
            books.transact(number)
        copy = copied(path, tmp_path / f"copy-{turn}")
        log, end = log_of(copy), used(store)
        size = log.stat().st_size
        with log.open("r+b") as file:
            file.truncate(chance.choice([size, end, chance.randrange(end, size + 1), size + (1 << 16)]))
        with opened(copy) as found:
            assert Books(found).counter() == number
            assert Books(found).differences(number) == []
            assert faults_of(found) == []
            Books(found).transact(number + 1)


def test_a_commit_that_was_torn_in_the_room_is_not_there(
    store: InspectedStore, path: Path, tmp_path: Path
) -> None:
    """Zeros where a part of the last commit should be, as after a loss of power in the middle of it."""
    chance = random.Random(SEED)
    books = Books(store)
    for number in range(1, 41):
        before = used(store)
        books.transact(number)
        if number % 4 or number < 8:
            continue
        copy = copied(path, tmp_path / f"copy-{number}")
        end = used(store)
        lost = chance.randrange(before, end)
        with log_of(copy).open("r+b") as file:
            file.seek(lost)
            file.write(bytes(end - lost))
        with opened(copy) as found:
            assert Books(found).counter() == number - 1
            assert Books(found).differences(number - 1) == []
            assert faults_of(found) == []


CUTTING = """
import sys, time, apsw
con = apsw.Connection(sys.argv[1])
con.set_busy_timeout(5000)
until = time.monotonic() + float(sys.argv[2])
print("ready", flush=True)
while time.monotonic() < until:
    con.execute("SELECT count(*) FROM entity").fetchall()
    try:
        con.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        pass
    time.sleep(0.002)
"""


def test_another_program_may_cut_the_log_at_any_time(store: InspectedStore, path: Path) -> None:
    Books(store).transact(1)
    other = subprocess.Popen(
        [sys.executable, "-c", CUTTING, str(path), "2"], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    books = Books(store)
    number = 1
    while other.poll() is None:
        number += 1
        books.transact(number)
    other.communicate()
    assert other.returncode == 0
    assert number > 20
    assert books.differences(number) == []


@pytest.mark.parametrize("kind", ["pipe", "link", "directory", "nothing"])
def test_what_stands_in_the_place_of_the_log_is_left_alone(path: Path, tmp_path: Path, kind: str) -> None:
    """Room is made by name; whatever somebody put there, commits go on in the log that is open."""
    other = tmp_path / "other"
    other.write_bytes(b"")
    with opened(path) as store:
        books = Books(store)
        books.transact(1)
        log, aside = log_of(path), tmp_path / "aside"
        log.rename(aside)
        if kind == "pipe":
            os.mkfifo(log)
        elif kind == "link":
            log.symlink_to(other)
        elif kind == "directory":
            log.mkdir()
        number = 1
        while used(store) < 10 * START * FRAME:
            number += 1
            books.transact(number)
        if kind == "directory":
            log.rmdir()
        aside.replace(log)
        books.transact(number + 1)
        assert books.differences(number + 1) == []
    assert other.read_bytes() == b""
    with opened(path) as store:
        assert Books(store).differences(number + 1) == []


def test_a_reader_in_the_way_does_not_keep_every_writer_waiting(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "CHECKPOINT", 50)
    monkeypatch.setattr(driver, "TRUNCATE", 100)
    monkeypatch.setattr(driver, "CUT_AGAIN", 3600.0)
    with opened(path) as store:
        books = Books(store)
        books.transact(1)
        tries: list[int] = []
        own: Any = cast("EngineStore", store).driver
        monkeypatch.setattr(own, "_give_up_old_snapshots", lambda: tries.append(own._log_pages))
        copies: list[int] = []
        checkpoint = own._checkpoint

        def noting(writer: Any) -> None:
            copies.append(own._log_pages)
            checkpoint(writer)

        monkeypatch.setattr(own, "_checkpoint", noting)
        name = store.run(store.begin(read_only=True))
        assert store.run(store.lookup([Key.of(store.partition(), ("Counter", 1))], name))
        for number in range(2, 100):
            books.transact(number)
        assert own._log_pages > 200
        assert len(copies) <= own._log_pages // (50 // 4)
        assert len(tries) == 1
        store.run(store.rollback(name))
        # The next time that it is copied all of it is, and then it is cut without waiting for its turn.
        before, number = len(copies), 99
        while len(copies) == before:
            number += 1
            books.transact(number)
        assert number < 104
        assert len(tries) == 2
        assert log_of(path).stat().st_size == 0
        books.transact(number + 1)
        assert used(store) < 50 * FRAME
