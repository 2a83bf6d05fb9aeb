"""Whichever disk operation fails, a commit either happened whole or not at all, and the error says which."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from kindstore.values.errors import OutcomeUnknownError, StorageError
from tests.trust.failing_vfs import Failure, Fault, faults
from tests.trust.stores import Books, faults_of, open_store, opened

BEFORE = 12
"""Transactions in the database when the run with the fault begins."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed database with BEFORE transactions of writers 0 to 2."""
    path = tmp_path_factory.mktemp("template") / "x.db"
    with opened(path) as store:
        for number in range(1, BEFORE + 1):
            for writer in range(3):
                Books(store, writer).transact(number)
    return path


def fresh_copy(template: Path, directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(template.parent, directory)
    return directory / template.name


def attempt(books: Books, number: int) -> str:
    """Do transaction *number* and say what the library said."""
    try:
        books.transact(number)
    except OutcomeUnknownError:
        return "unknown"
    except StorageError:
        return "refused"
    return "committed"


def verify(said: str, books: Books, fault: Fault) -> int:
    """The state is the old one or the new one, as *said*; the number of the last transaction in it."""
    number = books.counter()
    allowed = {"committed": {BEFORE + 1}, "refused": {BEFORE}, "unknown": {BEFORE, BEFORE + 1}}[said]
    assert number in allowed, f"the library said {said!r}, {number - BEFORE} is there; {fault}"
    assert books.differences(number) == [], str(fault)
    return number


def run_with(fault: Fault, path: Path) -> str:
    """Open the database on the failing disk, do one transaction and close; what the library said of it.

    After a one-shot fault the disk is well again, and so must be the store that met it.
    """
    said = "refused"
    fault.armed = True
    try:
        store = open_store(path, vfs=fault.vfs)
        try:
            said = attempt(Books(store), BEFORE + 1)
            if not fault.persistent:
                fault.armed = False
                number = verify(said, Books(store), fault)
                assert attempt(Books(store), number + 1) == "committed", str(fault)
                assert Books(store).differences(number + 1) == [], str(fault)
                said = "went on"
        finally:
            fault.armed = not fault.struck or fault.persistent  # closing is part of the sweep
            store.close()
    except StorageError:
        pass  # of opening or of closing: neither changes what is stored
    finally:
        fault.armed = False
    return said


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("persistent", [False, True], ids=["one-shot", "persistent"])
def test_every_fault_leaves_the_old_or_the_new_state_and_says_which(
    template: Path, tmp_path: Path, failure: Failure, persistent: bool
) -> None:
    outcomes: Counter[str] = Counter()
    operations: set[str] = set()
    for fault in faults(failure, persistent=persistent):
        path = fresh_copy(template, tmp_path / "run")
        said = run_with(fault, path)
        outcomes[said] += 1
        operations.add(fault.struck.partition(" ")[0])
        with opened(path) as again:
            books = Books(again)
            if said == "went on":
                assert books.counter() >= BEFORE + 1, str(fault)
                assert books.differences(books.counter()) == [], str(fault)
            else:
                verify(said, books, fault)
            assert faults_of(again) == [], str(fault)
    print(
        f"\n{failure.name} persistent={persistent}: {outcomes.total()} runs, {dict(outcomes)}, {operations}"
    )
    assert outcomes["refused"] > 10
    assert outcomes["committed" if persistent else "went on"] > 10
    assert operations >= {"open", "read", "write", "sync"}


def commit_together(path: Path, fault: Fault) -> dict[int, str]:
    """Three threads commit at once through one store; what each was told."""
    said: dict[int, str] = {}
    together = threading.Barrier(3)
    with opened(path, vfs=fault.vfs) as store:

        def writer(number: int) -> None:
            books = Books(store, number)
            assert (
                books.counter() == BEFORE
            )  # the thread's connection is open: what fails from here is the commit
            together.wait(30)
            fault.armed = True
            said[number] = attempt(books, BEFORE + 1)

        threads = [threading.Thread(target=writer, args=(n,), daemon=True) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), f"a writer hangs; {fault}"
        fault.armed = False
    return said


@pytest.mark.parametrize("failure", Failure)
def test_commits_that_share_one_sync_are_each_told_their_own_outcome(
    template: Path, tmp_path: Path, failure: Failure
) -> None:
    outcomes: Counter[str] = Counter()
    for fault in faults(failure, persistent=False):
        path = fresh_copy(template, tmp_path / "run")
        said = commit_together(path, fault)
        assert len(said) == 3, str(fault)
        with opened(path) as again:
            for number, word in said.items():
                verify(word, Books(again, number), fault)
                outcomes[word] += 1
            assert faults_of(again) == [], str(fault)
    print(f"\n{failure.name}, three writers: {dict(outcomes)}")
    assert outcomes["refused"] > 3


def test_creating_a_database_on_a_failing_disk_can_be_done_again(tmp_path: Path) -> None:
    for number, fault in enumerate(faults(Failure.IO, persistent=True)):
        path = tmp_path / f"{number}.db"
        fault.armed = True
        with suppress(StorageError):
            store = open_store(path, vfs=fault.vfs)
            with suppress(StorageError):
                Books(store).transact(1)
            with suppress(StorageError):
                store.close()
        fault.armed = False
        with opened(path) as again:
            books = Books(again)
            assert books.counter() in {0, 1}, str(fault)
            books.transact(books.counter() + 1)
            assert faults_of(again) == [], str(fault)
