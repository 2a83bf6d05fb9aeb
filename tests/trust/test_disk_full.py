"""A full disk refuses commits with `StorageFullError`, keeps what it has, and takes more once there is room."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kindstore.values.errors import StorageError, StorageFullError
from tests.trust.processes import in_processes
from tests.trust.stores import Books, faults_of, opened

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

MOUNTS = sys.platform == "linux" and os.geteuid() == 0


@contextmanager
def small_disk(directory: Path, size: str) -> Generator[None]:
    """A file system in memory of *size* on *directory*; skips the test where that is not allowed."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
    if not MOUNTS or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small tmpfs; the file-size limit is tested instead")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def write_until_full(
    books: Books, refusal: type[StorageError] = StorageFullError, limit: int = 20_000
) -> int:
    """Commit until the disk is full and that is told by *refusal*; the number of the last commit."""
    for number in range(books.counter(), limit):
        try:
            # Like `transact`, but nothing is deleted, so that the disk does fill up.
            books.store.run(books.store.commit(books.mutations(number + 1)[:2]))
        except refusal:
            return number
    raise AssertionError(f"the disk is not full after {limit} commits")


def test_a_full_disk_refuses_keeps_and_recovers(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "3m"):
        with opened(disk / "x.db") as store:
            books = Books(store)
            number = write_until_full(books)
            assert number > 20
            assert books.counter() == number
            assert faults_of(store) == []
            for _ in range(5):  # it stays full, and stays readable
                with pytest.raises(StorageFullError):
                    store.run(store.commit(books.mutations(number + 1)[:2]))
            assert books.counter() == number

            subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
            store.run(store.commit(books.mutations(number + 1)[:2]))
            assert books.counter() == number + 1
            assert faults_of(store) == []
        with opened(disk / "x.db") as again:
            assert Books(again).counter() == number + 1
            assert faults_of(again) == []


def test_a_process_over_its_file_size_limit_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"

    def fill(_: int) -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with opened(path) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
            # To the system this is no full disk (EFBIG), so it is an input/output error like others.
            number = write_until_full(Books(store), StorageError)
            assert Books(store).counter() == number
            return number

    (number,) = in_processes(fill, 1)
    assert number > 20
    with opened(path) as again:
        assert Books(again).counter() == number
        assert faults_of(again) == []
        again.run(again.commit(Books(again).mutations(number + 1)[:2]))
        assert Books(again).counter() == number + 1
