"""Batches: what several futures wait for, done at once.

Without an event loop, ``put_async`` and its likes do their work when somebody asks.  Whoever asks first does it for
all that wait in that context: one commit for what is to be written, one lookup for what is to be read, as in NDB.
(In asyncio work starts at once, and the driver's group commit shares its cost.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, TypeVar, cast

from kindstore.store.abc import Store
from kindstore.store.messages import Committed, Consistency, Delete, Mutation
from kindstore.store.program import Program
from kindstore.values.entity import ENTITIES, Maker, Readers, Shape
from kindstore.values.errors import Error, OutcomeUnknownError
from kindstore.values.key import Key

T = TypeVar("T")

LARGEST: Final = 500
"""Mutations in one commit for several futures; what one call writes is never divided."""

Parts = tuple[Key, Shape, list[Any], int]


class Wanted:
    """A commit of *mutations*, or a lookup of *keys*, that a program waits for; its outcome once it is *done*."""

    __slots__ = ("done", "error", "keys", "maker", "mutations", "result")

    def __init__(
        self, keys: Sequence[Key], mutations: Sequence[Mutation] = (), maker: Maker[Any] = ENTITIES
    ) -> None:
        self.keys, self.mutations, self.maker = keys, mutations, maker
        self.done = False
        self.result: Any = None
        self.error: Error | None = None

    def finish(self, result: Any = None, error: Error | None = None) -> None:
        """This is the outcome."""
        self.result, self.error, self.done = result, error, True


class Batching:
    """The store of programs that may wait for each other: its commits and lookups are done for all that wait.

    They are done in the order in which they were asked for: neighbours of one sort together, and never two writes
    of one key in one commit.  If a common commit or lookup fails with nothing done, each is tried by itself, so that
    one's error is not another's.  *afterwards* is called when something was done; it looks itself for what it has caused to be done.
    """

    def __init__(self, store: Store, afterwards: Callable[[], None]) -> None:
        self._store = store
        self._afterwards = afterwards
        self._waiting: list[Wanted] = []
        self._lock = threading.RLock()
        self._telling = False

    def __getattr__(self, name: str) -> Any:
        # Everything else is the store's own.
        return getattr(self._store, name)

    def commit(self, mutations: Sequence[Mutation]) -> Program[Committed]:
        """See `Store.commit`; outside of transactions only."""
        keys = [each.key if isinstance(each, Delete) else each.entity.key for each in mutations]
        return self._wait(Wanted([key for key in keys if key is not None and key.is_complete], mutations))

    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[list[Any]]:
        """See `Store.lookup`; outside of transactions only.  One that may be stale goes by itself."""
        assert transaction is None
        if consistency is not Consistency.STRONG:
            return self._store.lookup(keys, None, consistency, maker=maker)
        return self._wait(Wanted(keys, maker=maker))

    def _wait(self, wanted: Wanted) -> Program[Any]:
        self._waiting.append(wanted)
        try:
            yield wanted
        except GeneratorExit:  # its future was cancelled
            if wanted in self._waiting:
                self._waiting.remove(wanted)
            raise
        if wanted.error is not None:
            raise wanted.error
        return wanted.result

    def run(self, program: Program[T]) -> T:
        """Run *program* to its end in this thread, and all that waits with it."""
        with self._lock:  # so that a thread waits for what another one has taken on
            try:
                return self._store.run(self._served(program, self._all))
            finally:
                self._tell()

    def _tell(self) -> None:
        """Call *afterwards*, unless this is a part of such a call: those of many futures would be one inside the other."""
        if self._telling:
            return
        self._telling = True
        try:
            self._afterwards()
        finally:
            self._telling = False

    async def arun(self, program: Program[T]) -> T:
        """Run *program* to its end in an event loop, by itself: there the driver makes the batches."""
        return await self._store.arun(self._served(program, self._alone))

    def _served(self, program: Program[T], work: Callable[[Wanted], Program[None]]) -> Program[T]:
        """*program* as one that the store itself can run: what it waits for here is done on the way."""
        try:
            request = program.send(None)
            while True:
                if isinstance(request, Wanted):
                    if not request.done:
                        yield from work(request)
                    request = program.send(None)
                    continue
                try:
                    reply = yield request
                except GeneratorExit:
                    program.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - passed on to the program, which may handle it
                    request = program.throw(error)
                else:
                    request = program.send(reply)
        except StopIteration as ended:
            return cast("T", ended.value)

    def _alone(self, wanted: Wanted) -> Program[None]:
        if wanted not in self._waiting:
            raise RuntimeError("another thread is at work on this batch: wait for the future there")
        self._waiting.remove(wanted)
        yield from self._write([wanted]) if wanted.mutations else self._look_up([wanted])

    def _all(self, _: Wanted) -> Program[None]:
        waiting, self._waiting = self._waiting, []
        for writes, neighbours in groupby(waiting, lambda wanted: bool(wanted.mutations)):
            if not writes:
                yield from self._look_up(list(neighbours))
                continue
            for group in _without_repeats(neighbours):
                yield from self._write(group)

    def _write(self, group: list[Wanted]) -> Program[None]:
        try:
            committed = yield from self._store.commit([each for wanted in group for each in wanted.mutations])
        except Error as error:
            if len(group) == 1 or isinstance(error, OutcomeUnknownError):
                for wanted in group:
                    wanted.finish(error=error)
            else:
                for wanted in group:
                    yield from self._write([wanted])
            return
        keys = iter(committed.keys)
        for wanted in group:
            wanted.finish(Committed([next(keys) for _ in wanted.mutations], committed.version))

    def _look_up(self, group: list[Wanted]) -> Program[None]:
        try:
            found = yield from self._store.lookup(
                [key for wanted in group for key in wanted.keys], maker=_PARTS
            )
        except Error as error:
            if len(group) == 1:
                group[0].finish(error=error)
            else:
                for wanted in group:
                    yield from self._look_up([wanted])
            return
        parts = iter(found)
        for wanted in group:
            mine = [next(parts) for _ in wanted.keys]
            try:
                wanted.finish([_made(wanted.maker, each) for each in mine])
            except Error as error:  # a value that its property can't decode
                wanted.finish(error=error)


class _PartsMaker:
    key_class: type[Key] = Key

    def of(self, shape: Shape) -> Callable[[Key, list[Any], int], Parts]:
        return lambda key, values, version: (key, shape, values, version)

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `values.entity.Maker`."""


_PARTS = _PartsMaker()


def _made(maker: Maker[Any], parts: Parts | None) -> Any:
    if parts is None:
        return None
    key, shape, values, version = parts
    return maker.of(shape)(key, values, version)


def _without_repeats(waiting: Iterator[Wanted]) -> Iterator[list[Wanted]]:
    """*waiting* in groups in which no key is named twice, and that are not too large."""
    group: list[Wanted] = []
    keys: set[Key] = set()
    size = 0
    for wanted in waiting:
        if group and (size + len(wanted.mutations) > LARGEST or not keys.isdisjoint(wanted.keys)):
            yield group
            group, keys, size = [], set[Key](), 0
        group.append(wanted)
        keys.update(wanted.keys)
        size += len(wanted.mutations)
    if group:
        yield group
