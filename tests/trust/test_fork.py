"""A store that was opened before a fork works on both sides of it: gunicorn with --preload."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kindstore.store.messages import Upsert
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from tests.trust.processes import collect, in_processes, start
from tests.trust.stores import Books, InspectedStore, faults_of, opened, retrying

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

EACH = 50


@pytest.fixture
def store(tmp_path: Path) -> Iterator[InspectedStore]:
    with opened(tmp_path / "x.db") as store:
        yield store


def write_some(store: InspectedStore, writer: int, first: int = 1, last: int = EACH) -> int:
    books = Books(store, writer)
    for number in range(first, last + 1):
        retrying(partial(books.transact, number))
    return os.getpid()


def write_on(store: InspectedStore, first: int, number: int) -> None:
    write_some(store, 10 + number, first, first + 4)


def audit(store: InspectedStore, writers: dict[int, int]) -> None:
    for writer, number in writers.items():
        books = Books(store, writer)
        assert books.counter() == number, f"writer {writer}"
        assert books.differences(number) == []
    assert faults_of(store) == []


def test_four_workers_write_through_a_store_opened_before_the_fork(
    store: InspectedStore, tmp_path: Path
) -> None:
    write_some(store, 9)
    children = [start(partial(write_some, store), number) for number in range(4)]
    write_some(store, 9, EACH + 1, 2 * EACH)  # the parent goes on at the same time
    assert len({os.getpid(), *collect(children, 60)}) == 5
    everything = {0: EACH, 1: EACH, 2: EACH, 3: EACH, 9: 2 * EACH}
    audit(store, everything)
    with opened(tmp_path / "x.db") as again:
        audit(again, everything)


def test_a_child_that_closes_its_store_or_ends_leaves_the_parents_locks_alone(store: InspectedStore) -> None:
    """In the child connections are left behind, not closed: closing one drops POSIX locks it never had."""
    write_some(store, 0)
    reader = store.run(store.begin())
    key = Key.of(store.partition(), ("Row", 1))
    assert store.run(store.lookup([key], reader)) == [None]

    def close_and_end(number: int) -> None:
        if number:
            store.close()

    in_processes(close_and_end, 4)
    # The parent's snapshot still holds: no checkpoint of another process may have moved pages under it.
    in_processes(lambda number: write_some(store, 10 + number), 2)
    assert store.run(store.lookup([key], reader)) == [None]
    store.run(store.rollback(reader))
    write_some(store, 0, EACH + 1, 2 * EACH)
    audit(store, {0: 2 * EACH, 10: EACH, 11: EACH})


def test_a_child_keeps_its_commits_when_the_parent_and_others_close(tmp_path: Path) -> None:
    """Preload, fork, and the parent lets go: to the kernel the child must hold locks of its own.

    If it only shares the bookkeeping of locks that it inherited, the next one to close takes itself for the last,
    removes the log, and what the child commits into the removed file is lost.
    """
    path = tmp_path / "x.db"
    says, hears = os.pipe(), os.pipe()

    def child(_: int) -> None:
        write_some(inherited, 0)
        os.write(says[1], b".")
        os.read(hears[0], 1)
        write_some(inherited, 0, EACH + 1, 2 * EACH)

    with opened(path) as inherited:
        write_some(inherited, 9)
        started = start(child, 0)
        os.read(says[0], 1)
    with opened(path) as other:
        write_some(other, 8)
    os.write(hears[1], b".")
    collect([started], 60)
    with opened(path) as again:
        audit(again, {0: 2 * EACH, 8: EACH, 9: EACH})


def test_a_transaction_of_the_parent_is_not_the_childs_to_commit(store: InspectedStore) -> None:
    key = Key.of(store.partition(), ("Row", 1))
    transaction = store.run(store.begin())
    store.run(store.lookup([key], transaction))

    def use(_: int) -> str:
        try:
            store.run(store.lookup([key], transaction))
        except Exception as error:  # noqa: BLE001 - its name is the result
            return type(error).__name__
        return "nothing was raised"

    assert in_processes(use, 1) == ["TransactionNotFoundError"]
    assert store.run(store.lookup([key], transaction)) == [None]


@pytest.mark.parametrize("round_", range(5))
def test_a_fork_in_the_middle_of_other_threads_commits_harms_neither_side(
    store: InspectedStore, round_: int
) -> None:
    """Whatever lock another thread held at that moment, nobody in the child will ever release it."""
    stop = threading.Event()
    done = [0, 0, 0]

    def busy(writer: int) -> None:
        books = Books(store, writer)
        while not stop.is_set():
            retrying(partial(books.transact, done[writer] + 1))
            done[writer] += 1

    threads = [threading.Thread(target=busy, args=(writer,), daemon=True) for writer in range(3)]
    for thread in threads:
        thread.start()
    try:
        while min(done) < 3:
            stop.wait(0.005)
        for first in (1, 6, 11):
            in_processes(partial(write_on, store, first), 3)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    audit(store, dict(enumerate(done)) | {10: 15, 11: 15, 12: 15})


def test_threads_that_fork_at_the_same_time_take_turns(store: InspectedStore) -> None:
    """Two of multiprocessing's pools that start at once: each fork brings the store to rest and lets it go on."""
    failures: list[BaseException] = []

    def fork_often(number: int) -> None:
        try:
            for round_ in range(10):
                in_processes(partial(write_on, store, 5 * round_ + 1), 1 + number)
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    def fork_alone(number: int) -> None:
        try:
            for _ in range(30):
                in_processes(lambda _: store.run(store.lookup([])), 1)
                write_some(store, number, done[number] + 1, done[number] + 2)
                done[number] += 2
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    done = [0, 0, 0]
    threads = [threading.Thread(target=fork_alone, args=(number,), daemon=True) for number in range(3)]
    threads.append(threading.Thread(target=fork_often, args=(1,), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a fork hangs"
    assert failures == []
    audit(store, dict(enumerate(done)) | {10: 50, 11: 50})


def test_a_fork_while_other_threads_open_and_close_the_file_harms_neither_side(
    store: InspectedStore, tmp_path: Path
) -> None:
    """A connection that is just being opened is inherited too, and it belongs to no store yet."""
    path = tmp_path / "x.db"
    stop = threading.Event()
    done = [0, 0, 0]
    failures: list[BaseException] = []

    def come_and_go(writer: int) -> None:
        try:
            while not stop.is_set():
                with opened(path) as own:
                    write_some(own, writer, done[writer] + 1, done[writer] + 1)
                done[writer] += 1
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    def open_and_write(first: int, number: int) -> None:
        with opened(path) as own:
            write_on(own, first, number)

    threads = [threading.Thread(target=come_and_go, args=(writer,), daemon=True) for writer in range(3)]
    for thread in threads:
        thread.start()
    try:
        for round_ in range(10):
            in_processes(partial(open_and_write, 5 * round_ + 1), 2)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert failures == []
    audit(store, dict(enumerate(done)) | {10: 50, 11: 50})


def test_an_entity_read_before_the_fork_is_the_childs_too(store: InspectedStore) -> None:
    key = Key.of(store.partition(), ("Row", 1))
    entity = Entity.of(key, {"value": 1})
    store.run(store.commit([Upsert(entity)]))
    assert in_processes(lambda _: store.run(store.lookup([key])) == [entity], 2) == [True, True]
