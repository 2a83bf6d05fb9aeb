"""`kindstore.ndb`: over a store that answers at once, and over the real one.

The instant store is to the mapper what the channel of `upstream` is to google-cloud-ndb: entities become bytes and
bytes become entities, and nothing is kept but the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kindstore import ndb
from kindstore.store.messages import Committed, Page, Upsert
from kindstore.store.program import Program
from kindstore.values import record
from kindstore.values.entity import Maker, Shape
from kindstore.values.key import Key, Partition

NDB = ndb


class InstantStore:
    """What `Side` needs of a store: upserts, look-ups, and a query for everything."""

    def __init__(self) -> None:
        self._shapes: dict[Shape, record.StoredShape] = {}
        self._by_number: dict[int, record.StoredShape] = {}
        self._bodies: dict[bytes, tuple[int, bytes]] = {}

    def partition(self, namespace: str = "", database: str = "") -> Partition:
        return Partition.of("bench", database, namespace)

    def run(self, program: Program[Any]) -> Any:
        """Run *program*, which never waits."""
        try:
            program.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("a program of the instant store waits for something")

    def close(self) -> None:
        """Nothing is open."""

    def commit(self, mutations: Sequence[Upsert], _: bytes | None = None) -> Program[Committed]:
        yield from ()
        keys: list[Key] = []
        for mutation in mutations:
            entity = mutation.entity
            key = entity.key
            assert key is not None
            stored = self._shapes.get(entity.shape) or self._new(entity.shape, entity.values)
            self._bodies[key.path_bytes] = (1, record.dump(stored, entity.values))
            keys.append(key)
        return Committed(keys, 1)

    def _new(self, shape: Shape, values: list[Any]) -> record.StoredShape:
        number = len(self._shapes) + 1
        stored = record.StoredShape(number, shape, tuple(map(record.codec_of, values)))
        self._shapes[shape] = self._by_number[number] = stored
        return stored

    def lookup(self, keys: Sequence[Key], *_: Any, maker: Maker[Any]) -> Program[list[Any]]:
        yield from ()
        return record.load_all(keys, [self._bodies[key.path_bytes] for key in keys], self._by_number, maker)

    def run_query(self, query: Any, *_: Any, maker: Maker[Any], **__: Any) -> Program[Page[Any]]:
        yield from ()
        rows = [(path, None, *stored) for path, stored in self._bodies.items()]
        found = record.load_rows(rows, query.partition, self._by_number, maker)
        return Page(found, more=False, cursor_after=lambda _: b"")


@contextmanager
def instant() -> Iterator[None]:
    """A context on the instant store."""
    store: Any = InstantStore()
    with ndb.Client(store=store).context(cache_policy=False, legacy_data=False):
        yield


@contextmanager
def sqlite(path: str) -> Iterator[None]:
    """A context on a new database file, with the defaults: every commit is on the disk before it returns."""
    with ndb.Client(url=f"sqlite:///{path}") as client, client.context(cache_policy=False, legacy_data=False):
        yield
