"""A store may be closed at any moment, also by the garbage collector in the middle of another one's commit."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from kindstore.store.program import Batch, Program, Write
from kindstore.values.errors import UnsafeStorageError
from tests.trust.processes import in_processes
from tests.trust.stores import Books, InspectedStore, faults_of, open_store, opened

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Owner:
    """Closes its store when it is collected, and is part of a circle, so that only the collector gets it."""

    def __init__(self, store: InspectedStore) -> None:
        self.circle = self
        weakref.finalize(self, store.close)


@pytest.fixture(autouse=True)
def collector_runs_when_told() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def in_a_write(store: InspectedStore, work: Callable[[], object]) -> None:
    """Do *work* while *store* has the write lock and a write transaction, as the collector may at any line."""

    def program() -> Generator[Batch, list[list[object]], None]:
        work()
        yield [("SELECT 1", ())]

    def write() -> Program[None]:
        yield Write(program())

    store.run(write())


def test_a_store_that_is_collected_in_another_ones_commit_is_closed_after_it(tmp_path: Path) -> None:
    path = tmp_path / "x.db"

    def work(_: int) -> int:
        with opened(path) as store:
            Owner(open_store(path))
            in_a_write(store, gc.collect)
            Books(store).transact(1)
        path.read_bytes()  # nobody has it open any more
        return os.getpid()

    in_processes(work, 1, timeout=20)
    with opened(path) as again:
        assert Books(again).counter() == 1
        assert faults_of(again) == []


def test_a_store_that_is_collected_in_its_own_commit_is_closed_after_it(tmp_path: Path) -> None:
    path = tmp_path / "x.db"

    def work(_: int) -> None:
        store = open_store(path)
        Books(store).transact(1)
        Owner(store)
        in_a_write(store, gc.collect)
        path.read_bytes()

    in_processes(work, 1, timeout=20)
    with opened(path) as again:
        assert Books(again).counter() == 1


def test_until_then_its_file_is_still_guarded(tmp_path: Path) -> None:
    path = tmp_path / "x.db"

    def look() -> None:
        gc.collect()
        with pytest.raises(UnsafeStorageError):
            path.read_bytes()

    def work(_: int) -> None:
        with opened(tmp_path / "y.db") as store:
            Owner(open_store(path))
            in_a_write(store, look)
            path.read_bytes()

    in_processes(work, 1, timeout=20)


def test_a_store_in_memory_leaves_nothing_behind_though_nobody_closes_it(tmp_path: Path) -> None:
    text = "import kindstore; print(kindstore.connect(':memory:').driver.path)"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=30, cwd=tmp_path
    )
    path = Path(done.stdout.strip())
    assert path.name == "memory.db"
    assert not path.parent.exists()


def test_a_child_that_closes_a_store_in_memory_leaves_it_to_the_parent() -> None:
    with opened(Path(":memory:")) as store:
        Books(store).transact(1)
        in_processes(lambda _: store.close(), 1, timeout=20)
        Books(store).transact(2)
        assert in_processes(lambda _: Books(store).counter(), 1, timeout=20) == [2]
