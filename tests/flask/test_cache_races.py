"""Threads and processes at one cache: one winner, no lost step, no session lost to a sweep, no torn large value."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kindstore.flask.cache import KindstoreCache
from kindstore.testing import Clock, Fault, sandbox
from kindstore.values.errors import Error

SPAWN = multiprocessing.get_context("spawn")


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What *work* returns in each of *count* threads that begin together."""
    gate = threading.Barrier(count)

    def one(number: int) -> Any:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return [each.result(60) for each in [threads.submit(one, number) for number in range(count)]]


@pytest.fixture(params=["shared", "each its own"])
def caches(request: pytest.FixtureRequest, tmp_path: Path) -> list[KindstoreCache]:
    """20 caches on one file: of one connection, or of several, as in several processes."""
    path = tmp_path / "cache.db"
    one = KindstoreCache(path)
    one.set("made", True)
    return [one] * 20 if request.param == "shared" else [KindstoreCache(path) for _ in range(20)]


def test_of_twenty_that_add_one_wins(caches: list[KindstoreCache]) -> None:
    for key in ("a", "b", "c"):
        won = at_once(20, lambda number: caches[number].add(key, number))  # noqa: B023
        assert won.count(True) == 1
        assert caches[0].get(key) == won.index(True)


def test_of_twenty_that_delete_one_has_deleted(caches: list[KindstoreCache]) -> None:
    caches[0].set("a", 1)
    assert at_once(20, lambda number: caches[number].delete("a")).count(True) == 1


def test_no_step_is_lost(caches: list[KindstoreCache]) -> None:
    seen = at_once(20, lambda number: [caches[number].inc("n") for _ in range(10)])
    assert caches[0].get("n") == 200
    assert sorted(value for each in seen for value in each) == list(range(1, 201))


def test_a_large_value_is_never_torn(caches: list[KindstoreCache]) -> None:
    caches[0].set("a", bytes([0]) * 2_500_000)
    stop = threading.Event()

    def work(number: int) -> None:
        cache = caches[number]
        if number == 0:
            for value in range(1, 15):
                cache.set("a", bytes([value]) * (2_500_000 if value % 3 else 10))
            stop.set()
        elif number == 1:
            while not stop.is_set():
                cache.sweep()
        else:
            while not stop.is_set():
                value = cache.get("a")
                assert value is not None
                assert len(set(value)) == 1

    at_once(4, work)
    caches[0].sweep_all()
    assert caches[0].get("a") == bytes([14]) * 2_500_000


def test_a_sweep_takes_nothing_that_is_renewed_meanwhile(tmp_path: Path) -> None:
    """The entry has expired, the sweeper has found it, and before it deletes it the session is used again."""
    clock = Clock()
    with sandbox.store(clock=clock, engine="sqlite") as box:
        cache = KindstoreCache(box.store, sweep_every=0)
        cache.set("session", "old", 10)
        cache.set("dead", "old", 10)
        clock.advance(10)
        original = box.store.commit
        done: list[bool] = []

        def commit(mutations: Any, transaction: Any = None) -> Any:
            if transaction is not None and not done:
                done.append(True)
                assert cache.set("session", "new", 10)
            return original(mutations, transaction)

        box.store.commit = commit  # type: ignore[method-assign]
        assert cache.sweep() == 1
        assert done
        assert cache.get("session") == "new"


def test_a_sweep_that_ends_in_the_middle_is_gone_on_with(tmp_path: Path) -> None:
    clock = Clock()
    with sandbox.store(clock=clock) as box:
        cache = KindstoreCache(box.store, sweep_every=0)
        cache.set_many({str(number): number for number in range(300)}, 10)
        cache.set("large", bytes(3_000_000), 10)
        cache.set("alive", bytes(3_000_000), 100)
        clock.advance(10)
        for nth in range(1, 20):
            box.faults.plan(Fault.BUSY, nth)
            try:
                cache.sweep_all()
            except Error:
                assert cache.get("alive") == bytes(3_000_000)
            else:
                break
        assert cache.sweep_all() == 0
        assert cache.get("alive") == bytes(3_000_000)
        assert len(cache._keys(*cache._place(), "CacheEntry", (), 1000)) == 1


def _add_and_count(path: str) -> tuple[int, int]:
    cache = KindstoreCache(path)
    won = sum(cache.add(f"key {number}", "mine") for number in range(30))
    return won, [cache.inc("n") for _ in range(30)][-1]


def test_processes_share_all_this(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.db")
    cache = KindstoreCache(path)
    cache.set("n", 0)
    with ProcessPoolExecutor(4, mp_context=SPAWN) as processes:
        results = list(processes.map(_add_and_count, [path] * 4))
    assert sum(won for won, _ in results) == 30
    assert cache.get("n") == max(last for _, last in results) == 120


def _set_and_get(path: str, key: str, value: str | None) -> Any:
    cache = KindstoreCache(path)
    if value is not None:
        cache.set(key, value)
    return cache.get(key)


def test_what_one_process_sets_the_other_reads_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.db")
    here = KindstoreCache(path)
    with ProcessPoolExecutor(1, mp_context=SPAWN) as process:
        for number in range(20):
            here.set("a", f"here {number}")
            assert process.submit(_set_and_get, path, "a", None).result(60) == f"here {number}"
            process.submit(_set_and_get, path, "a", f"there {number}").result(60)
            assert here.get("a") == f"there {number}"


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.db")
    with ProcessPoolExecutor(1, mp_context=SPAWN) as process:
        process.submit(_set_and_get, path, "a", "kept").result(60)
    assert KindstoreCache(path).get("a") == "kept"


@pytest.mark.parametrize("after", ["small", b"another" * 400_000, None])
def test_a_large_value_that_changes_while_it_is_read(after: object) -> None:
    """Its entity has been read, and its parts are gone before they are."""
    with sandbox.store() as box:
        cache = KindstoreCache(box.store, sweep_every=0)
        cache.set("a", bytes(3_000_000))
        original = box.store.lookup
        looked: list[Any] = []

        def lookup(keys: Any, *args: Any, **options: Any) -> Any:
            looked.append(keys)
            if len(looked) == 2:  # the parts
                assert len(keys) > 1
                cache.set("a", after) if after else cache.delete("a")
                cache.sweep_all()
            return original(keys, *args, **options)

        box.store.lookup = lookup  # type: ignore[method-assign]
        assert cache.get("a") == after
        assert cache.has("a") is (after is not None)


def test_workers_that_were_forked_after_the_first_call(tmp_path: Path) -> None:
    """As gunicorn's are with ``--preload``: the cache has been used before, and goes on in parent and children."""
    cache = KindstoreCache(tmp_path / "cache.db")
    cache.set("n", 0)
    results = multiprocessing.get_context("fork").SimpleQueue()

    def work() -> None:
        won = sum(cache.add(f"key {number}", "mine") for number in range(20))
        results.put((won, [cache.inc("n") for _ in range(20)]))

    workers = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    work()
    got = [results.get() for _ in range(4)]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sum(won for won, _ in got) == 20
    assert sorted(step for _, steps in got for step in steps) == list(range(1, 81))
    assert cache.get("n") == 80
