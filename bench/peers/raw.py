# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# apsw's stubs leave its buffer type unknown.
"""The floor: hand-written SQL on apsw in Kindstore's kind of layout, with no mapper above it.

One table of entities under packed keys with MessagePack bodies, one table with a row for every indexed value
(tags included: nine rows a record), and a plain object out.  Whatever Kindstore costs above this is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from struct import Struct

import apsw
import msgspec

from bench.peers.contract import Peer
from bench.record import INDEXED, Fields, Loaded

type_of_body = tuple[str, str, int, float, bool, datetime, list[str], str]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(type_of_body).decode
_pack = Struct(">BQ").pack
_score = attrgetter("score")
_PROPERTY = {name: number for number, name in enumerate((*INDEXED, "tags"))}
_TAGS = _PROPERTY["tags"]
# A value as the index table holds it: SQLite has neither booleans nor datetimes.
_Row = tuple[int, str | int | float, bytes]


class Plain:
    """A record without any mapper: eight attributes and nothing else."""

    def __init__(
        self,
        name: str,
        email: str,
        age: int,
        score: float,
        active: bool,
        created: datetime,
        tags: list[str],
        bio: str,
    ) -> None:
        self.name = name
        self.email = email
        self.age = age
        self.score = score
        self.active = active
        self.created = created
        self.tags = tags
        self.bio = bio


def _load(body: bytes) -> Plain:
    return Plain(*_decode(body))


def _dump(record: Loaded) -> bytes:
    return _encode(
        (
            record.name,
            record.email,
            record.age,
            record.score,
            record.active,
            record.created,
            record.tags,
            record.bio,
        )
    )


def key_of(number: int) -> bytes:
    """A packed key: one byte of kind and the number, big-endian, so that keys sort as numbers do."""
    return _pack(1, number)


def index_rows(key: bytes, record: Loaded) -> list[_Row]:
    """The nine index rows of one record, as (property, value, key)."""
    return [
        (0, record.name, key),
        (1, record.email, key),
        (2, record.age, key),
        (3, record.score, key),
        (4, int(record.active), key),
        (5, record.created.isoformat(), key),
        *[(_TAGS, tag, key) for tag in record.tags],
    ]


class Raw(Peer):
    """Entities and one index table for all properties."""

    def __init__(self, path: str) -> None:
        self._connection = apsw.Connection(path)
        # Without it SQLite compiles a statement again whenever a bound value could change its plan.
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self._execute = self._connection.execute
        self._executemany = self._connection.executemany
        # The settings Kindstore runs with: the floor may not lose by a smaller cache.
        self._execute("PRAGMA cache_size = -65536")
        self._durable()
        self._create()
        highest = self._execute("SELECT max(key) FROM entities").get
        self._next = 1 if highest is None else int.from_bytes(highest[1:], "big") + 1
        self._indexed = False

    def _durable(self) -> None:
        self._execute("PRAGMA journal_mode = WAL").fetchall()
        self._execute("PRAGMA synchronous = FULL")

    def _create(self) -> None:
        self._execute(
            """
            CREATE TABLE IF NOT EXISTS entities(key BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS idx(
                kind INTEGER NOT NULL, property INTEGER NOT NULL, value NOT NULL, key BLOB NOT NULL,
                PRIMARY KEY(kind, property, value, key)) WITHOUT ROWID;
            """
        )

    # -- the index table, which `rawt` lays out differently

    _QUERY_EQ = (
        "SELECT e.body FROM idx i CROSS JOIN entities e ON e.key = i.key"
        " WHERE i.kind = 1 AND i.property = 1 AND i.value = ? ORDER BY i.key"
    )
    _RANGE = (
        "SELECT e.body FROM idx i CROSS JOIN entities e ON e.key = i.key"
        " WHERE i.kind = 1 AND i.property = 3 AND i.value >= ? ORDER BY i.value, i.key LIMIT 100"
    )
    _TWO_EQ = (
        "SELECT e.body FROM idx i CROSS JOIN idx j CROSS JOIN entities e"
        " WHERE i.kind = 1 AND i.property = 2 AND i.value = ? AND e.key = i.key"
        " AND j.kind = 1 AND j.property = 4 AND j.value = ? AND j.key = i.key ORDER BY i.key"
    )
    _FROM_AGE = (
        "SELECT i.value, e.body FROM idx i CROSS JOIN idx j CROSS JOIN entities e"
        " WHERE i.kind = 1 AND i.property = 2 AND i.value >= ? AND e.key = i.key"
        " AND j.kind = 1 AND j.property = 4 AND j.value = 1 AND j.key = i.key ORDER BY i.value"
    )
    # With the index on (active, age, score), which both layouts have alike.
    _SORTED = (
        "SELECT e.body FROM composite i CROSS JOIN entities e ON e.key = i.key"
        " WHERE i.active = ? AND i.age = ? ORDER BY i.score, i.key LIMIT ?"
    )
    _EITHER = (
        "SELECT e.body FROM (SELECT score, key FROM ("
        + " UNION ALL ".join(
            [
                "SELECT * FROM (SELECT score, key FROM composite WHERE active = ? AND age = ? ORDER BY score LIMIT 50)"
            ]
            * 3
        )
        + ") ORDER BY score, key LIMIT 50) AS i CROSS JOIN entities e ON e.key = i.key ORDER BY i.score, i.key"
    )
    _PAIRS = (
        "SELECT age, score FROM composite WHERE active = 1 AND age >= ? ORDER BY age, score, key LIMIT 100"
    )
    _COUNT = "SELECT count(*) FROM idx WHERE kind = 1 AND property = 2 AND value > ?"
    _ADD = "INSERT INTO idx VALUES (1, ?, ?, ?)"
    _ADD_NINE = "INSERT INTO idx VALUES " + ", ".join(["(1, ?, ?, ?)"] * 9)
    _REMOVE = "DELETE FROM idx WHERE kind = 1 AND property = ? AND value = ? AND key = ?"
    _PILE = "INSERT INTO idx SELECT 1, property, value, key FROM pile ORDER BY property, value, key"

    def _add_nine(self, rows: list[_Row]) -> None:
        self._execute(self._ADD_NINE, [part for row in rows for part in row])

    def _add_many(self, rows: list[_Row]) -> None:
        rows.sort()
        self._executemany(self._ADD, rows)

    def _remove(self, rows: list[_Row]) -> None:
        self._executemany(self._REMOVE, rows)

    def _move(self, stale: list[_Row], fresh: list[_Row]) -> None:
        self._executemany(self._REMOVE, stale)
        self._executemany(self._ADD, fresh)

    def _pour(self) -> None:
        self._execute(self._PILE)

    # -- not timed

    def load(self, rows: Iterable[Fields]) -> None:
        # Index rows are piled up and poured in sorted order: a million records in a minute, not an hour.
        self._execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
        self._execute("CREATE TEMP TABLE pile(property, value, key); BEGIN")
        for fields in rows:
            record, key = Plain(**fields), key_of(self._next)
            self._next += 1
            self._execute("INSERT INTO entities VALUES (?, ?)", (key, _dump(record)))
            self._executemany("INSERT INTO pile VALUES (?, ?, ?)", index_rows(key, record))
        self._pour()
        self._execute("COMMIT; DROP TABLE pile")
        self._durable()
        # SQLite refuses a checkpoint ("table is locked") between the change of journal and the first read.
        self.get(1)

    def durability(self) -> tuple[str, int]:
        return self._execute("PRAGMA journal_mode").get, self._execute("PRAGMA synchronous").get

    def discard(self, handles: Iterable[bytes]) -> None:
        self._execute("BEGIN IMMEDIATE")
        for key in handles:
            self._delete(key)
        self._execute("COMMIT")

    def settle(self) -> None:
        self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def index(self) -> None:
        self._execute(
            "CREATE TABLE composite(active INTEGER NOT NULL, age INTEGER NOT NULL, score REAL NOT NULL,"
            " key BLOB NOT NULL, PRIMARY KEY(active, age, score, key)) WITHOUT ROWID"
        )
        stored = [(key, _load(body)) for key, body in self._execute("SELECT key, body FROM entities")]
        rows = sorted((int(each.active), each.age, each.score, key) for key, each in stored)
        with self._connection:
            self._executemany("INSERT INTO composite VALUES (?, ?, ?, ?)", rows)
        self._indexed = True

    def close(self) -> None:
        self._connection.close()

    # -- reads

    def get(self, number: int) -> Loaded:
        return _load(self._execute("SELECT body FROM entities WHERE key = ?", (key_of(number),)).get)

    def get_multi(self, numbers: Sequence[int]) -> Sequence[Loaded]:
        keys = [key_of(number) for number in numbers]
        marks = ",".join("?" * len(keys))
        found = dict(self._execute(f"SELECT key, body FROM entities WHERE key IN ({marks})", keys))
        return [_load(found[key]) for key in keys]

    def query_eq(self, email: str) -> Sequence[Loaded]:
        return [_load(body) for (body,) in self._execute(self._QUERY_EQ, (email,))]

    def range_100(self, low: float) -> Sequence[Loaded]:
        return [_load(body) for (body,) in self._execute(self._RANGE, (low,))]

    def two_eq(self, age: int) -> Sequence[Loaded]:
        return [_load(body) for (body,) in self._execute(self._TWO_EQ, (age, 1))]

    def eq_sort(self, age: int) -> Sequence[Loaded]:
        if self._indexed:
            return [_load(body) for (body,) in self._execute(self._SORTED, (1, age, 20))]
        return sorted(self.two_eq(age), key=_score)[:20]

    def or_three(self, first: int, second: int, third: int) -> Sequence[Loaded]:
        if self._indexed:
            rows = self._execute(self._EITHER, (1, first, 0, second, 1, third))
            return [_load(body) for (body,) in rows]
        found: dict[bytes, Loaded] = {}
        for pair in ((first, 1), (second, 0), (third, 1)):
            found.update((body, _load(body)) for (body,) in self._execute(self._TWO_EQ, pair))
        return sorted(found.values(), key=_score)[:50]

    def projection_100(self, age: int) -> Sequence[tuple[int, float]]:
        if self._indexed:
            return self._execute(self._PAIRS, (age,)).fetchall()
        pairs: list[tuple[int, float]] = []
        for found, body in self._execute(self._FROM_AGE, (age,)):
            if len(pairs) >= 100 and pairs[-1][0] != found:
                break
            pairs.append((found, _load(body).score))
        return sorted(pairs)[:100]

    def count(self, age: int) -> int:
        count: int = self._execute(self._COUNT, (age,)).get
        return count

    def iterate(self) -> Sequence[Loaded]:
        return [_load(body) for (body,) in self._execute("SELECT body FROM entities")]

    # -- writes

    def put_one(self, fields: Fields) -> bytes:
        record, key = Plain(**fields), key_of(self._next)
        self._next += 1
        self._execute("BEGIN IMMEDIATE")
        self._execute("INSERT INTO entities VALUES (?, ?)", (key, _dump(record)))
        self._add_nine(index_rows(key, record))
        self._execute("COMMIT")
        return key

    def batch_500(self, rows: Sequence[Fields]) -> Sequence[bytes]:
        keys: list[bytes] = []
        bodies: list[tuple[bytes, bytes]] = []
        pile: list[_Row] = []
        for fields in rows:
            record, key = Plain(**fields), key_of(self._next)
            self._next += 1
            keys.append(key)
            bodies.append((key, _dump(record)))
            pile += index_rows(key, record)
        self._execute("BEGIN IMMEDIATE")
        self._executemany("INSERT INTO entities VALUES (?, ?)", bodies)
        self._add_many(pile)
        self._execute("COMMIT")
        return keys

    def update_one(self, number: int, age: int) -> None:
        self._execute("BEGIN IMMEDIATE")
        key, record = key_of(number), self.get(number)
        if record.age != age:
            stale, record.age = record.age, age
            self._execute("UPDATE entities SET body = ? WHERE key = ?", (_dump(record), key))
            self._move([(2, stale, key)], [(2, age, key)])
        self._execute("COMMIT")

    def transfer(self, source: int, target: int, amount: float) -> None:
        self._execute("BEGIN IMMEDIATE")
        left, right = self.get(source), self.get(target)
        stale: list[_Row] = [(3, left.score, key_of(source)), (3, right.score, key_of(target))]
        left.score -= amount
        right.score += amount
        fresh: list[_Row] = [(3, left.score, key_of(source)), (3, right.score, key_of(target))]
        self._executemany(
            "UPDATE entities SET body = ? WHERE key = ?",
            ((_dump(left), key_of(source)), (_dump(right), key_of(target))),
        )
        self._move(stale, fresh)
        self._execute("COMMIT")

    def delete_one(self, handle: bytes) -> None:
        self._execute("BEGIN IMMEDIATE")
        self._delete(handle)
        self._execute("COMMIT")

    def _delete(self, key: bytes) -> None:
        body = self._execute("SELECT body FROM entities WHERE key = ?", (key,)).get
        self._execute("DELETE FROM entities WHERE key = ?", (key,))
        self._remove(index_rows(key, _load(body)))

    def construct(self, rows: Sequence[tuple[Fields]]) -> None:
        for (fields,) in rows:
            Plain(**fields)


def open_peer(path: str) -> Raw:
    """Open or create *path*."""
    return Raw(path)
