"""Kindstore through its ndb face, on its SQLite backend with its defaults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice

from bench.peers.contract import Peer
from bench.record import Fields
from kindstore import ndb


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
        self._client = ndb.Client(url=path)
        self._opened = ExitStack()
        # No identity map: every other peer starts each call without one, too.
        self._opened.enter_context(self._client.context(cache_policy=False))

    def load(self, rows: Iterable[Fields]) -> None:
        numbered = enumerate(rows, 1)
        while chunk := [Record(id=number, **fields) for number, fields in islice(numbered, 10_000)]:
            ndb.put_multi(chunk)

    def durability(self) -> tuple[str, int]:
        raise NotImplementedError

    def discard(self, handles: Iterable[ndb.Key]) -> None:
        ndb.delete_multi(handles)

    def close(self) -> None:
        self._opened.close()

    def get(self, number: int) -> Record:
        return Record.get_by_id(number)

    def get_multi(self, numbers: Sequence[int]) -> Sequence[Record]:
        return ndb.get_multi([ndb.Key(Record, number) for number in numbers])

    def query_eq(self, email: str) -> Sequence[Record]:
        return Record.query(Record.email == email).fetch()

    def range_100(self, low: float) -> Sequence[Record]:
        return Record.query(Record.score >= low).order(Record.score).fetch(100)

    def two_eq(self, age: int) -> Sequence[Record]:
        return Record.query(Record.age == age, Record.active == True).fetch()  # noqa: E712

    def count(self, age: int) -> int:
        return Record.query(Record.age > age).count()

    def iterate(self) -> Sequence[Record]:
        return Record.query().fetch()

    def put_one(self, fields: Fields) -> ndb.Key:
        return Record(**fields).put()

    def batch_500(self, rows: Sequence[Fields]) -> Sequence[ndb.Key]:
        return ndb.put_multi([Record(**fields) for fields in rows])

    def update_one(self, number: int, age: int) -> None:
        record = Record.get_by_id(number)
        record.age = age
        record.put()

    def transfer(self, source: int, target: int, amount: float) -> None:
        def move() -> None:
            left, right = Record.get_by_id(source), Record.get_by_id(target)
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
