"""Readers, writers and transactions that meet in one global cache at every possible moment: nobody gets an old value.

Each actor is a thread, but only one goes on at a time, to its next call of the cache or the store; which one, and which
of them dies on the way, Hypothesis says.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindstore import ndb
from kindstore.backends.memory import MemoryStore
from kindstore.mapper.global_cache import KNOWN, LOCK_TIME, Shelf
from kindstore.ndb.global_cache import GlobalCache
from kindstore.store.messages import Committed, Delete, Mutation
from kindstore.store.program import Program


@pytest.fixture(autouse=True, scope="module")
def _no_waiting() -> Iterator[None]:
    """Who tries again does so at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shelf.__init__, "__defaults__", (time.time, lambda _: None))
        yield


class Counter(ndb.Model):
    n = ndb.IntegerProperty()


class Died(BaseException):
    """The end of a process, in the middle of whatever it was doing."""


class Actor:
    """A thread that goes on to the next `pause` when it is told to."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.done = self.dead = False
        self.error: BaseException | None = None
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.dead:
                self.work()
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by `go_on`
            self.error = error
        self.done = True
        self._paused.release()

    def pause(self) -> None:
        self._paused.release()
        self._go.acquire()
        if self.dead:
            raise Died

    def go_on(self) -> None:
        self._go.release()
        assert self._paused.acquire(timeout=20), "an actor hangs"
        if self.error is not None:
            raise self.error

    def die(self) -> None:
        self.dead = True
        while not self.done:
            self.go_on()


class Stage:
    """What the actors share: a store, a cache, the values that were committed, and who is on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.failing = False
        self.committed: list[int | None] = []
        self.refused: set[int] = set()
        self.actors: list[Actor] = []
        self.store = PausingStore(MemoryStore(), self)
        self.cache = PausingCache(self)
        pausing: Any = self.store
        self.client = ndb.Client(store=pausing)
        with self.client.context():
            self.key = Counter(id=1, n=0).put()

    def pause(self) -> None:
        for actor in self.actors:
            if actor._thread is threading.current_thread():
                actor.pause()

    def act(self, work: Callable[[], None]) -> Actor:
        def in_context() -> None:
            with self.client.context(global_cache=self.cache, cache_policy=False):
                work()

        actor = Actor(in_context)
        self.actors.append(actor)
        return actor

    # What actors do.

    def read(self) -> None:
        first = len(self.committed) - 1
        found = self.key.get()
        value = None if found is None else found.n
        assert value in self.committed[first:], f"{value} is older than {self.committed[first:]}"

    def put(self, n: int) -> None:
        try:
            Counter(id=1, n=n).put()
        except OSError:
            self.refused.add(n)
        else:
            assert n in self.committed

    def delete(self) -> None:
        with suppress(OSError):
            self.key.delete()

    def add(self) -> None:
        @ndb.transactional(retries=50)
        def add() -> None:
            counter = self.key.get()
            Counter(id=1, n=(1000 if counter is None else counter.n) + 100).put()

        with suppress(OSError):
            add()

    def check(self) -> None:
        """What is in the cache now is what is in the store."""
        for value in self.cache.values.values():
            assert not value.startswith(KNOWN) or self.cached_n() == self.committed[-1]

    def cached_n(self) -> int | None:
        with self.client.context(global_cache=self.cache, cache_policy=False):
            found = self.key.get(use_datastore=False)
        return None if found is None else found.n


class PausingStore:
    """A store at whose door every actor waits for his turn, when he comes and when he goes."""

    def __init__(self, store: MemoryStore, stage: Stage) -> None:
        self._store, self._stage = store, stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def lookup(self, *args: Any, **options: Any) -> Program[Any]:
        self._stage.pause()
        found = yield from self._store.lookup(*args, **options)
        self._stage.pause()
        return found

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        self._stage.pause()
        committed = yield from self._store.commit(mutations, transaction)
        for each in mutations:
            self._stage.committed.append(None if isinstance(each, Delete) else each.entity["n"])
        self._stage.pause()
        return committed


class PausingCache(GlobalCache):
    """A dict as a cache, with a clock that is set by hand, and a line that may be cut."""

    transient_errors = (OSError,)
    strict_read = False
    thread_safe = in_process = True

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._items: dict[bytes, tuple[bytes, float | None]] = {}
        self._local = threading.local()

    @property
    def values(self) -> dict[bytes, bytes]:
        now = self._stage.now
        return {key: value for key, (value, until) in self._items.items() if until is None or until > now}

    def _begin(self) -> None:
        self._stage.pause()
        if self._stage.failing:
            raise OSError("the line is cut")

    def _store(self, items: dict[bytes, bytes], expires: float | None) -> None:
        until = self._stage.now + expires if expires else None
        self._items.update((key, (value, until)) for key, value in items.items())

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        self._begin()
        return [self.values.get(key) for key in keys]

    def set(self, items: dict[bytes, bytes], expires: float | None = None) -> None:
        self._begin()
        self._store(items, expires)

    def set_if_not_exists(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        self._begin()
        free = {key: value for key, value in items.items() if key not in self.values}
        self._store(free, expires)
        return {key: key in free for key in items}

    def delete(self, keys: list[bytes]) -> None:
        self._begin()
        for key in keys:
            self._items.pop(key, None)

    def watch(self, items: dict[bytes, bytes]) -> None:
        self._begin()
        self._local.watched = {
            key: self._items[key] for key, value in items.items() if self.values.get(key) == value
        }

    def unwatch(self, keys: list[bytes]) -> None:
        self._local.watched = {}

    def compare_and_swap(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        self._begin()
        watched = self._local.watched
        same = {
            key: value
            for key, value in items.items()
            if key in watched and self._items.get(key) is watched[key]
        }
        self._store(same, expires)
        return {key: key in same for key in items}

    def clear(self) -> None:
        self._items.clear()


PARTS = ("read", "read", "read", "put", "put", "delete", "add")


def cast_of(chance: random.Random) -> Stage:
    """Two to six actors; often one has read already, so that there is something in the cache."""
    stage = Stage()
    if chance.random() < 0.7:
        play(stage, chance, [stage.act(stage.read)])
    for number in range(chance.randint(2, 6)):
        part = chance.choice(PARTS)
        stage.act(partial(stage.put, number + 1) if part == "put" else getattr(stage, part))
    return stage


def play(
    stage: Stage, chance: random.Random, actors: list[Actor] | None = None, deaths: float = 0, cuts: float = 0
) -> None:
    """Let the actors go on in any order, until all are done or dead."""
    while waiting := [actor for actor in actors or stage.actors if not actor.done]:
        actor = chance.choice(waiting)
        # Sometimes a few steps at once: else nobody ever gets far ahead of the others.
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            if chance.random() < cuts:
                stage.failing = not stage.failing
            if chance.random() < deaths:
                actor.die()
            if actor.done:
                break
            actor.go_on()
    stage.failing = False
    stage.check()


def is_of_use(stage: Stage, chance: random.Random) -> bool:
    """Whether what is read now is kept."""
    play(stage, chance, [stage.act(stage.read)])
    return stage.committed[-1] is None or stage.cached_n() == stage.committed[-1]


seeds = st.integers(0, 2**48).map(random.Random)


@settings(max_examples=1000, deadline=None)
@given(seeds)
def test_nobody_gets_an_old_value(chance: random.Random) -> None:
    stage = cast_of(chance)
    play(stage, chance)
    assert is_of_use(stage, chance)


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_nor_when_processes_die_and_their_locks_expire(chance: random.Random) -> None:
    stage = cast_of(chance)
    play(stage, chance, deaths=0.05)
    stage.now += 3 * LOCK_TIME
    assert is_of_use(stage, chance)


@settings(max_examples=150, deadline=None)
@given(seeds)
@pytest.mark.filterwarnings("ignore:Error connecting to global cache:RuntimeWarning")
def test_nor_when_the_line_to_the_cache_is_cut(chance: random.Random) -> None:
    """Reads go on from the store; a write is done, or it is refused before it is done."""
    stage = cast_of(chance)
    play(stage, chance, cuts=0.05)
    assert stage.refused.isdisjoint(filter(None, stage.committed))
    stage.now += 3 * LOCK_TIME
    assert is_of_use(stage, chance)
