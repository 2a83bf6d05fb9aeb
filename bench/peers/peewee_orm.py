# mypy: disable-error-code="import-not-found, import-untyped, misc, no-any-return, no-untyped-call"
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportReturnType=false
"""Peewee on the standard library's sqlite3."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import peewee

from bench.peers.contract import Peer
from bench.record import Fields

database = peewee.SqliteDatabase(None)


class TagsField(peewee.TextField):
    def db_value(self, value: Any) -> Any:
        return json.dumps(value)

    def python_value(self, value: Any) -> Any:
        return json.loads(value)


class Record(peewee.Model):
    name = peewee.CharField(index=True)
    email = peewee.CharField(index=True)
    age = peewee.IntegerField(index=True)
    score = peewee.FloatField(index=True)
    active = peewee.BooleanField(index=True)
    created = peewee.DateTimeField(index=True)
    tags = TagsField()
    bio = peewee.TextField()

    class Meta:
        database = database


class PeeweePeer(Peer):
    def __init__(self, path: str) -> None:
        database.init(path, pragmas={"journal_mode": "wal", "synchronous": "full"})
        database.connect()
        database.create_tables([Record])

    def load(self, rows: Iterable[Fields]) -> None:
        with database.atomic():
            for batch in peewee.chunked(rows, 1000):
                Record.insert_many(batch).execute()

    def durability(self) -> tuple[str, int]:
        return database.pragma("journal_mode"), database.pragma("synchronous")

    def discard(self, handles: Iterable[int]) -> None:
        with database.atomic():
            for handle in handles:
                Record.delete_by_id(handle)

    def settle(self) -> None:
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def index(self) -> None:
        Record.add_index(Record.active, Record.age, Record.score)
        Record.create_table()

    def close(self) -> None:
        database.close()

    def get(self, number: int) -> Record:
        return Record.get_by_id(number)

    def get_multi(self, numbers: Sequence[int]) -> Sequence[Record]:
        found = {record.id: record for record in Record.select().where(Record.id.in_(numbers))}
        return [found[number] for number in numbers]

    def query_eq(self, email: str) -> Sequence[Record]:
        return list(Record.select().where(Record.email == email))

    def range_100(self, low: float) -> Sequence[Record]:
        return list(Record.select().where(Record.score >= low).order_by(Record.score).limit(100))

    def two_eq(self, age: int) -> Sequence[Record]:
        return list(Record.select().where((Record.age == age) & (Record.active == True)))  # noqa: E712

    def eq_sort(self, age: int) -> Sequence[Record]:
        wanted = (Record.age == age) & (Record.active == True)  # noqa: E712
        return list(Record.select().where(wanted).order_by(Record.score).limit(20))

    def or_three(self, first: int, second: int, third: int) -> Sequence[Record]:
        wanted = (
            ((Record.age == first) & (Record.active == True))  # noqa: E712
            | ((Record.age == second) & (Record.active == False))  # noqa: E712
            | ((Record.age == third) & (Record.active == True))  # noqa: E712
        )
        return list(Record.select().where(wanted).order_by(Record.score).limit(50))

    def projection_100(self, age: int) -> Sequence[tuple[int, float]]:
        wanted = (Record.active == True) & (Record.age >= age)  # noqa: E712
        pairs = Record.select(Record.age, Record.score).where(wanted)
        return list(pairs.order_by(Record.age, Record.score).limit(100).tuples())

    def count(self, age: int) -> int:
        return Record.select().where(Record.age > age).count()

    def iterate(self) -> Sequence[Record]:
        return list(Record.select())

    def put_one(self, fields: Fields) -> int:
        return Record.create(**fields).id

    def batch_500(self, rows: Sequence[Fields]) -> Sequence[int]:
        made = [Record(**fields) for fields in rows]
        with database.atomic():
            # bulk_create() gives no ids back on SQLite; the last one ends a run without gaps.
            Record.bulk_create(made, 500)
            last = Record.select(peewee.fn.MAX(Record.id)).scalar()
        return range(last - len(made) + 1, last + 1)

    def update_one(self, number: int, age: int) -> None:
        record = Record.get_by_id(number)
        record.age = age
        record.save()

    def transfer(self, source: int, target: int, amount: float) -> None:
        with database.atomic():
            left, right = Record.get_by_id(source), Record.get_by_id(target)
            left.score -= amount
            right.score += amount
            left.save()
            right.save()

    def delete_one(self, handle: int) -> None:
        Record.delete_by_id(handle)

    def construct(self, rows: Sequence[tuple[Fields]]) -> None:
        for (fields,) in rows:
            Record(**fields)


def open_peer(path: str) -> PeeweePeer:
    """Open or create *path*."""
    return PeeweePeer(path)
