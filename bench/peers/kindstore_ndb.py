"""Kindstore through its ndb face, on its SQLite backend with its defaults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import apsw

from bench.peers.contract import Peer
from bench.record import Fields

if TYPE_CHECKING:
    from kindstore.engine.store import EngineStore
from kindstore import ndb
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State


class Record(ndb.Model):
    name = ndb.StringProperty()
    email = ndb.StringProperty()
    age = ndb.IntegerProperty()
    score = ndb.FloatProperty()
    active = ndb.BooleanProperty()
    created = ndb.DateTimeProperty()
    tags = ndb.StringProperty(repeated=True)
    bio = ndb.TextProperty()


class KindstorePeer(Peer):
    def __init__(self, path: str) -> None:
        self._path = path
        self._open()

    def _open(self, durability: str = "full") -> None:
        self._client = ndb.Client(url=f"sqlite:///{self._path}?durability={durability}")
        self._opened = ExitStack()
        self._opened.enter_context(self._client)
        # No identity map: every other peer starts each call without one, too.
        self._opened.enter_context(self._client.context(cache_policy=False))

    def load(self, rows: Iterable[Fields]) -> None:
        self.close()
        self._open("relaxed")
        numbered = enumerate(rows, 1)
        while chunk := [Record(id=number, **fields) for number, fields in islice(numbered, 50_000)]:
            ndb.put_multi(chunk)
        self.close()
        self._open()

    def _writer(self) -> apsw.Connection:
        driver: Any = cast("EngineStore", self._client.store).driver
        # Asked behind its back: how durable it is must be read from the connection that writes.
        connection: apsw.Connection = driver._writer.apsw
        return connection

    def durability(self) -> tuple[str, int]:
        journal, synchronous = (
            cast("Any", self._writer()).pragma(name) for name in ("journal_mode", "synchronous")
        )
        return journal, synchronous

    def settle(self) -> None:
        self._writer().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def discard(self, handles: Iterable[ndb.Key]) -> None:
        ndb.delete_multi(handles)

    def index(self) -> None:
        store: Any = self._client.store
        properties = tuple(map(IndexProperty, ("active", "age", "score")))
        wanted = CompositeIndex("Record", False, properties)
        store.run(store.create_indexes([wanted]))
        while store.run(store.build_index(wanted)).state is State.BUILDING:
            pass

    def close(self) -> None:
        self._opened.close()

    def get(self, number: int) -> Any:
        return Record.get_by_id(number)

    def get_multi(self, numbers: Sequence[int]) -> Sequence[Any]:
        return ndb.get_multi([ndb.Key(Record, number) for number in numbers])

    def query_eq(self, email: str) -> Sequence[Any]:
        return Record.query(Record.email == email).fetch()

    def range_100(self, low: float) -> Sequence[Any]:
        return Record.query(Record.score >= low).order(Record.score).fetch(100)

    def two_eq(self, age: int) -> Sequence[Any]:
        return Record.query(Record.age == age, Record.active == True).fetch()  # noqa: E712

    def eq_sort(self, age: int) -> Sequence[Any]:
        query = Record.query(Record.age == age, Record.active == True)  # noqa: E712
        return query.order(Record.score).fetch(20)

    def or_three(self, first: int, second: int, third: int) -> Sequence[Any]:
        query = Record.query(
            ndb.OR(
                ndb.AND(Record.age == first, Record.active == True),  # noqa: E712
                ndb.AND(Record.age == second, Record.active == False),  # noqa: E712
                ndb.AND(Record.age == third, Record.active == True),  # noqa: E712
            )
        )
        return query.order(Record.score).fetch(50)

    def projection_100(self, age: int) -> Sequence[tuple[int, float]]:
        query = Record.query(Record.active == True, Record.age >= age)  # noqa: E712
        found: Any = query.order(Record.age, Record.score).fetch(100, projection=[Record.age, Record.score])
        return [(each.age, each.score) for each in found]

    def count(self, age: int) -> int:
        return Record.query(Record.age > age).count()

    def iterate(self) -> Sequence[Any]:
        return Record.query().fetch()

    def put_one(self, fields: Fields) -> ndb.Key:
        return Record(**fields).put()

    def batch_500(self, rows: Sequence[Fields]) -> Sequence[ndb.Key]:
        return ndb.put_multi([Record(**fields) for fields in rows])

    def update_one(self, number: int, age: int) -> None:
        record: Any = Record.get_by_id(number)
        record.age = age
        record.put()

    def transfer(self, source: int, target: int, amount: float) -> None:
        def move() -> None:
            left: Any = Record.get_by_id(source)
            right: Any = Record.get_by_id(target)
            left.score -= amount
            right.score += amount
            ndb.put_multi([left, right])

        ndb.transaction(move)

    def delete_one(self, handle: ndb.Key) -> None:
        handle.delete()

    def construct(self, rows: Sequence[tuple[Fields]]) -> None:
        for (fields,) in rows:
            Record(**fields)


def open_peer(path: str) -> KindstorePeer:
    """Open or create *path*."""
    return KindstorePeer(path)
