# mypy: disable-error-code="import-not-found, import-untyped, misc, no-any-return, no-untyped-call, untyped-decorator, name-defined"
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportReturnType=false
"""Pony: every call is a `db_session` of its own, as its documentation has it for a web request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from pony import orm

from bench.peers.contract import Peer
from bench.record import Fields

database = orm.Database()


class Record(database.Entity):
    name = orm.Required(str, index=True)
    email = orm.Required(str, index=True)
    age = orm.Required(int, index=True)
    score = orm.Required(float, index=True)
    active = orm.Required(bool, index=True)
    created = orm.Required(datetime, index=True)
    tags = orm.Required(orm.Json)
    # A LongStr is lazy unless told otherwise, and would be a second query; stripped, it would not be the same text.
    bio = orm.Required(orm.LongStr, lazy=False, autostrip=False)


class PonyPeer(Peer):
    def __init__(self, path: str) -> None:
        @database.on_connect(provider="sqlite")
        def durable(_: Any, connection: Any) -> None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._connection = connection

        database.bind("sqlite", path, create_db=True)
        database.generate_mapping(create_tables=True)

    def load(self, rows: Iterable[Fields]) -> None:
        rest = iter(rows)
        while chunk := list(islice(rest, 1000)):
            with orm.db_session:
                for fields in chunk:
                    Record(**fields)

    @orm.db_session
    def durability(self) -> tuple[str, int]:
        journal, synchronous = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        )
        return journal, synchronous

    @orm.db_session
    def discard(self, handles: Iterable[int]) -> None:
        for handle in handles:
            Record[handle].delete()

    def settle(self) -> None:
        # Not through Pony: it would begin a transaction first.
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @orm.db_session
    def index(self) -> None:
        # Pony declares indexes in the class alone.
        database.execute("CREATE INDEX active_age_score ON Record (active, age, score)")

    @contextmanager
    def writing(self) -> Iterator[None]:
        with orm.db_session:
            yield
            orm.rollback()

    def close(self) -> None:
        database.disconnect()

    @orm.db_session
    def get(self, number: int) -> Record:
        return Record[number]

    @orm.db_session
    def get_multi(self, numbers: Sequence[int]) -> Sequence[Record]:
        found = {record.id: record for record in Record.select(lambda r: r.id in numbers)}
        return [found[number] for number in numbers]

    @orm.db_session
    def query_eq(self, email: str) -> Sequence[Record]:
        return list(Record.select(lambda r: r.email == email))

    @orm.db_session
    def range_100(self, low: float) -> Sequence[Record]:
        return list(Record.select(lambda r: r.score >= low).order_by(Record.score).limit(100))

    @orm.db_session
    def two_eq(self, age: int) -> Sequence[Record]:
        return list(Record.select(lambda r: r.age == age and r.active))

    @orm.db_session
    def eq_sort(self, age: int) -> Sequence[Record]:
        return list(Record.select(lambda r: r.age == age and r.active).order_by(Record.score).limit(20))

    @orm.db_session
    def or_three(self, first: int, second: int, third: int) -> Sequence[Record]:
        found = Record.select(
            lambda r: (
                (r.age == first and r.active)
                or (r.age == second and not r.active)
                or (r.age == third and r.active)
            )
        )
        return list(found.order_by(Record.score).limit(50))

    @orm.db_session
    def projection_100(self, age: int) -> Sequence[tuple[int, float]]:
        pairs = orm.select((r.age, r.score) for r in Record if r.active and r.age >= age)
        # A query of attributes is DISTINCT unless told otherwise.
        return list(pairs.without_distinct().order_by(1, 2).limit(100))

    @orm.db_session
    def count(self, age: int) -> int:
        return Record.select(lambda r: r.age > age).count()

    @orm.db_session
    def iterate(self) -> Sequence[Record]:
        return list(Record.select())

    @orm.db_session
    def put_one(self, fields: Fields) -> int:
        record = Record(**fields)
        orm.commit()
        return record.id

    @orm.db_session
    def batch_500(self, rows: Sequence[Fields]) -> Sequence[int]:
        made = [Record(**fields) for fields in rows]
        orm.commit()
        return [record.id for record in made]

    @orm.db_session
    def update_one(self, number: int, age: int) -> None:
        Record[number].age = age

    @orm.db_session
    def transfer(self, source: int, target: int, amount: float) -> None:
        left, right = Record[source], Record[target]
        left.score -= amount
        right.score += amount

    @orm.db_session
    def delete_one(self, handle: int) -> None:
        Record.select(lambda r: r.id == handle).delete(bulk=True)

    @orm.db_session
    def construct(self, rows: Sequence[tuple[Fields]]) -> None:
        for (fields,) in rows:
            Record(**fields)
        orm.rollback()


def open_peer(path: str) -> PonyPeer:
    """Open or create *path*."""
    return PonyPeer(path)
