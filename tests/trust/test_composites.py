"""Composite indexes while others write: made, built and dropped, by threads, by processes, and by one that is killed.

Whatever the order, no commit fails for it, no answer is wrong, and the checker finds nothing at the end.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kindstore.backends import sqlite
from kindstore.engine import building
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore
from kindstore.store.messages import (
    Committed,
    Count,
    Delete,
    Insert,
    Mutation,
    Order,
    PropertyFilter,
    Query,
    Sum,
    Upsert,
)
from kindstore.store.program import Program, Write
from kindstore.values.entity import Entity
from kindstore.values.errors import AlreadyExistsError, BadArgumentError, ConflictError
from kindstore.values.key import Key
from tests.scale import scaled
from tests.trust.processes import collect, live_at_most, start

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

BY_COLOUR = CompositeIndex("Thing", False, (IndexProperty("colour"), IndexProperty("size", True)))
BELOW = CompositeIndex("Thing", True, (IndexProperty("tags"), IndexProperty("size")))
INDEXES = (BY_COLOUR, BELOW)
KEYS = 60


def key_of(store: EngineStore, number: int) -> Key:
    return Key.of(store.partition(), ("Box", number % 3 + 1, "Thing", number + 1))


def thing(store: EngineStore, number: int, chance: random.Random) -> Entity:
    properties = {
        "colour": chance.choice(["red", "green", "blue"]),
        "size": chance.randrange(20),
        "tags": chance.sample(["a", "b", "c", "d"], chance.randrange(4)),
    }
    return Entity.of(key_of(store, number), properties)


def of_colour(store: EngineStore, colour: str) -> Query:
    """A query that `BY_COLOUR` serves."""
    filters = (PropertyFilter("colour", "=", colour),)
    return Query(store.partition(), "Thing", filters=filters, orders=(Order("size", True),))


def write(store: EngineStore, chance: random.Random) -> None:
    """One random commit; another writer may have been first, which is all that may go wrong."""
    number = chance.randrange(KEYS)
    kind = chance.randrange(5)
    try:
        if kind == 0:
            store.run(store.commit([Delete(key_of(store, number))]))
        elif kind == 1:
            store.run(store.commit([Insert(thing(store, number, chance))]))
        elif kind == 2:
            transaction = store.run(store.begin())
            colour = chance.choice(["red", "green", "blue"])
            found = store.run(store.run_query(of_colour(store, colour), transaction)).results
            sizes = [entity["size"] for entity in found]
            assert sizes == sorted(sizes, reverse=True)
            changes: list[Mutation] = [Upsert(thing(store, number, chance))]
            if found and found[0].key is not None and found[0].key != key_of(store, number):
                changes.append(Delete(found[0].key))
            store.run(store.commit(changes, transaction))
        else:
            numbers = chance.sample(range(KEYS), 4)
            store.run(store.commit([Upsert(thing(store, each, chance)) for each in numbers]))
    except (AlreadyExistsError, ConflictError):
        pass


def look(store: EngineStore, chance: random.Random) -> None:
    """A query and a count of the same snapshot agree, whatever index answers."""
    query = of_colour(store, chance.choice(["red", "green", "blue"]))
    sizes = [entity["size"] for entity in store.run(store.run_query(query)).results]
    assert sizes == sorted(sizes, reverse=True)
    if chance.randrange(3) == 0:
        assert store.run(store.run_aggregation(query, [Count(), Sum("size")]))[0] is not None


def keep(store: EngineStore, chance: random.Random) -> None:
    """Make, build a little or drop an index."""
    index = chance.choice(INDEXES)
    what = chance.randrange(6)
    if what == 0:
        store.run(store.drop_indexes([index]))
    elif what == 1:
        store.run(store.create_indexes([index]))
    else:
        try:
            store.run(store.build_index(index))
        except BadArgumentError as error:
            assert "no such index" in error.message or "was dropped" in error.message  # noqa: PT017


def finish(store: EngineStore) -> None:
    """Build everything there is."""
    store.run(store.create_indexes(INDEXES))
    for each in store.run(store.indexes()):
        while store.run(store.build_index(each.index, each.namespace)).state is State.BUILDING:
            pass
    assert {each.state for each in store.run(store.indexes())} - {State.DELETING} == {State.SERVING}


def check(store: EngineStore) -> None:
    assert store.run(store.check()) == []


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index takes many steps to build, though there are few entities."""
    monkeypatch.setattr(building, "STEP", 7)


def repeated(
    work: Callable[[EngineStore, random.Random], None], store: EngineStore, seed: int, times: int
) -> None:
    chance = random.Random(seed)
    for _ in range(times):
        work(store, chance)


@pytest.mark.usefixtures("small_steps")
def test_threads_write_while_indexes_come_and_go(tmp_path: Path) -> None:
    store = sqlite.open_store(tmp_path / "a.db", durability="relaxed")
    other = sqlite.open_store(tmp_path / "a.db", durability="relaxed")
    errors: list[BaseException] = []

    def guarded(
        work: Callable[[EngineStore, random.Random], None], on: EngineStore, seed: int, times: int
    ) -> None:
        try:
            repeated(work, on, seed, times)
        except BaseException as error:  # noqa: BLE001 - the test judges it
            errors.append(error)

    tasks = [(write, store, 1), (write, store, 2), (write, other, 3), (look, store, 4), (keep, store, 5)]
    tasks.append((keep, other, 6))
    threads = [threading.Thread(target=guarded, args=(*task, scaled(150))) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    check(other)
    finish(store)
    check(store)
    check(other)
    other.close()
    store.close()


@pytest.mark.usefixtures("small_steps")
def test_processes_write_while_another_makes_builds_and_drops_indexes(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sqlite.open_store(path).close()

    def work(number: int) -> int:
        store = sqlite.open_store(path, durability="relaxed")
        repeated((write, look, keep)[number], store, number, scaled(200))
        store.close()
        return number

    assert collect([start(work, number) for number in range(3)], 100) == [0, 1, 2]
    store = sqlite.open_store(path)
    check(store)
    finish(store)
    check(store)
    store.close()


def fill(path: Path, number: int) -> None:
    store = sqlite.open_store(path, durability="relaxed")
    chance = random.Random(7)
    for some in range(0, number, 200):
        store.run(store.commit([Upsert(thing(store, some + each, chance)) for each in range(200)]))
    store.close()


@pytest.mark.usefixtures("small_steps")
def test_a_builder_that_is_killed_is_gone_on_with_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path, 1200)
    kills = 0
    for attempt in range(scaled(5)):
        pid = os.fork()
        if not pid:
            live_at_most(60)
            store = sqlite.open_store(path)
            store.run(store.create_indexes(INDEXES))
            finish(store)
            os._exit(0)
        time.sleep(0.03 + 0.02 * (attempt % 5))
        os.kill(pid, signal.SIGKILL)
        kills += os.waitpid(pid, 0)[1] == signal.SIGKILL
        store = sqlite.open_store(path)
        check(store)
        repeated(write, store, attempt, 10)
        check(store)
        if {each.state for each in store.run(store.indexes())} == {State.SERVING}:
            store.run(store.drop_indexes([INDEXES[attempt % 2]]))
        store.close()
    assert kills
    store = sqlite.open_store(path)
    finish(store)
    check(store)
    store.close()


@pytest.fixture
def two(tmp_path: Path) -> Any:
    """Two stores on one file of 200 things with a finished index, each with a catalog of its own."""
    path = tmp_path / "a.db"
    fill(path, 200)
    one = sqlite.open_store(path)
    one.run(one.create_indexes(INDEXES))
    finish(one)
    other = sqlite.open_store(path)
    yield one, other
    other.close()
    one.close()


def sizes(store: EngineStore, transaction: bytes | None = None) -> list[int]:
    return [each["size"] for each in store.run(store.run_query(of_colour(store, "red"), transaction)).results]


def stopped_after(program: Program[Any], writes: int) -> Program[None]:
    """*program* up to its *writes*-th write, after which its process is gone."""
    request = next(program)
    while True:
        reply = yield request
        writes -= isinstance(request, Write)
        if not writes:
            program.close()
            return
        request = program.send(reply)


def states(store: EngineStore) -> list[tuple[CompositeIndex, State, int]]:
    return [(each.index, each.state, each.done) for each in store.run(store.indexes())]


@pytest.mark.usefixtures("small_steps")
def test_an_index_is_dropped_in_steps_and_writes_come_between(two: tuple[EngineStore, EngineStore]) -> None:
    one, other = two
    before = sizes(one)
    one.run(stopped_after(one.drop_indexes([BY_COLOUR]), 3))
    for store in two:
        assert states(store) == [(BY_COLOUR, State.DELETING, 14), (BELOW, State.SERVING, 200)]
        assert sizes(store) == before
        assert "by Thing(colour" not in store.run(store.explain(of_colour(store, "red")))
    repeated(write, one, 1, 20)
    repeated(write, other, 2, 20)
    check(one)
    with pytest.raises(BadArgumentError):
        one.run(one.build_index(BY_COLOUR))
    other.run(other.drop_indexes([]))  # goes on
    assert [each for each, *_ in states(one)] == [BELOW]
    check(one)


@pytest.mark.usefixtures("small_steps")
def test_an_index_is_made_anew_while_its_old_rows_are_being_removed(
    two: tuple[EngineStore, EngineStore],
) -> None:
    one, other = two
    for _ in range(2):
        one.run(stopped_after(one.drop_indexes([BY_COLOUR]), 2))
        finish(other)
        check(one)
    assert [state for index, state, _ in states(one) if index == BY_COLOUR] == [
        State.SERVING,
        *2 * [State.DELETING],
    ]
    assert "by Thing(colour" in one.run(one.explain(of_colour(one, "red")))
    repeated(write, other, 3, 20)
    one.run(one.drop_indexes([]))
    assert [each[:2] for each in states(other)] == [(BY_COLOUR, State.SERVING), (BELOW, State.SERVING)]
    check(other)


def test_a_dropper_that_is_killed_is_gone_on_with_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path, 1200)
    stopped = 0
    for attempt in range(scaled(5)):
        store = sqlite.open_store(path)
        finish(store)
        before = sizes(store)
        store.close()
        pid = os.fork()
        if not pid:
            live_at_most(60)
            building.STEP = 7
            store = sqlite.open_store(path)
            store.run(store.drop_indexes(INDEXES))
            os._exit(0)
        time.sleep(0.03 + 0.02 * (attempt % 5))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        store = sqlite.open_store(path)
        stopped += any(state is State.DELETING for _, state, _ in states(store))
        assert sizes(store) == before
        repeated(write, store, attempt, 10)
        check(store)
        if attempt % 2:
            store.run(store.drop_indexes([]))
            assert not any(state is State.DELETING for _, state, _ in states(store))
            check(store)
        store.close()
    assert stopped
    store = sqlite.open_store(path)
    store.run(store.drop_indexes(INDEXES))
    assert states(store) == []
    finish(store)
    check(store)
    store.close()


def test_a_reader_that_still_knows_a_dropped_index_answers_right(
    two: tuple[EngineStore, EngineStore],
) -> None:
    one, other = two
    before = sizes(one)
    assert len(before) > 20
    assert "by Thing(colour" in one.run(one.explain(of_colour(one, "red")))
    other.run(other.drop_indexes([BY_COLOUR]))
    counted = [len(before), sum(before), len([size for size in before if size])]
    above = Query(
        one.partition(),
        "Thing",
        filters=(PropertyFilter("colour", "=", "red"), PropertyFilter("size", ">", 0)),
    )
    assert one.run(one.run_aggregation(of_colour(one, "red"), [Count(), Sum("size")])) == counted[:2]
    other.run(other.create_indexes([BY_COLOUR]))
    assert one.run(one.run_aggregation(above, [Count()])) == counted[2:]
    assert sizes(one) == before
    check(one)


def test_a_reader_meets_an_index_that_was_dropped_and_is_being_made_again(
    two: tuple[EngineStore, EngineStore],
) -> None:
    one, other = two
    before = sizes(one)
    transaction = one.run(one.begin())
    assert sizes(one, transaction) == before
    other.run(other.drop_indexes([BY_COLOUR]))
    other.run(other.create_indexes([BY_COLOUR]))  # of which nothing is built
    one.run(one.commit([Upsert(Entity.of(key_of(one, 900), {"colour": "none", "size": 1}))], transaction))
    assert sizes(one) == before
    check(one)


def test_a_transaction_whose_snapshot_is_older_than_an_index_reads_without_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path, 200)
    one, other = sqlite.open_store(path), sqlite.open_store(path)
    transaction = one.run(one.begin())
    before = sizes(one)
    first_key = key_of(one, 0)
    one.run(one.lookup([first_key], transaction))  # takes the snapshot
    finish(other)
    red = Entity.of(key_of(other, 901), {"colour": "red", "size": 99, "tags": []})
    other.run(other.commit([Upsert(red)]))
    one.run(one.indexes())  # learns of the index
    assert "by Thing(colour" in one.run(one.explain(of_colour(one, "red")))
    assert sizes(one, transaction) == before
    assert sizes(one) == [99, *before]
    count = one.run(one.run_aggregation(of_colour(one, "red"), [Count()], transaction))
    assert count == [len(before)]
    with pytest.raises(ConflictError):
        one.run(one.commit([Delete(first_key)], transaction))
    check(one)
    other.close()
    one.close()


def test_a_transaction_that_read_by_an_index_commits_after_it_is_dropped(
    two: tuple[EngineStore, EngineStore],
) -> None:
    one, other = two
    for changed in (False, True):
        finish(other)
        transaction = one.run(one.begin())
        assert sizes(one, transaction)
        other.run(other.drop_indexes(INDEXES))
        if changed:
            red = Entity.of(key_of(other, 902), {"colour": "red", "size": 5, "tags": []})
            other.run(other.commit([Upsert(red)]))
            with pytest.raises(ConflictError):
                one.run(one.commit([Delete(key_of(one, 903))], transaction))
        else:
            one.run(one.commit([Delete(key_of(one, 903))], transaction))
        check(one)


def test_an_index_that_comes_between_the_two_halves_of_a_commit_gets_its_rows(
    two: tuple[EngineStore, EngineStore],
) -> None:
    one, other = two
    one.run(one.drop_indexes(INDEXES))

    def interrupted(program: Program[Committed]) -> Program[Committed]:
        """*program*, and before its first write another process makes an index and this one learns of it."""
        request = next(program)
        while not isinstance(request, Write):
            request = program.send((yield request))
        other.run(other.create_indexes(INDEXES))
        finish(other)
        one.run(one.indexes())
        while True:
            try:
                reply = yield request
            except Exception as error:  # noqa: BLE001 - it is the program's
                request = program.throw(error)
            else:
                try:
                    request = program.send(reply)
                except StopIteration as end:
                    done: Committed = end.value
                    return done

    red = Entity.of(key_of(one, 5), {"colour": "red", "size": 77, "tags": ["a"]})
    one.run(interrupted(one.commit([Upsert(red), Delete(key_of(one, 6))])))
    assert sizes(one)[0] == 77
    check(one)


def test_what_a_slow_thread_has_read_of_the_catalog_does_not_hide_what_is_newer(
    two: tuple[EngineStore, EngineStore],
) -> None:
    one, _ = two
    stale = one.catalog.load()
    batch = next(stale)
    old = one.run(_replies(batch))
    one.run(one.drop_indexes([BELOW]))
    with pytest.raises(StopIteration):
        stale.send(old)
    assert [each.definition for each in one.catalog.kinds[one.partition(), "Thing"].composites] == [BY_COLOUR]


def _replies(batch: Any) -> Program[Any]:
    return (yield batch)
