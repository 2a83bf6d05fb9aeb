# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# apsw's stubs leave its buffer type unknown.
"""The floor with one index table for each property: what counting over a range can cost at best."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from bench.peers.raw import Raw
from bench.record import INDEXED

_Row = tuple[int, str | int | float, bytes]
_TABLES = tuple(f"idx_{name}" for name in (*INDEXED, "tags"))
_property = itemgetter(0)


class RawTables(Raw):
    """Entities and seven index tables."""

    _QUERY_EQ = "SELECT e.body FROM idx_email i CROSS JOIN entities e ON e.key = i.key WHERE i.value = ? ORDER BY i.key"
    _RANGE = (
        "SELECT e.body FROM idx_score i CROSS JOIN entities e ON e.key = i.key"
        " WHERE i.value >= ? ORDER BY i.value, i.key LIMIT 100"
    )
    _TWO_EQ = (
        "SELECT e.body FROM idx_age i CROSS JOIN idx_active j CROSS JOIN entities e"
        " WHERE i.value = ? AND e.key = i.key AND j.value = ? AND j.key = i.key ORDER BY i.key"
    )
    _FROM_AGE = (
        "SELECT i.value, e.body FROM idx_age i CROSS JOIN idx_active j CROSS JOIN entities e"
        " WHERE i.value >= ? AND e.key = i.key AND j.value = 1 AND j.key = i.key ORDER BY i.value"
    )
    _COUNT = "SELECT count(*) FROM idx_age WHERE value > ?"

    def _create(self) -> None:
        self._execute(
            "CREATE TABLE IF NOT EXISTS entities(key BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"
            + ";".join(
                f"CREATE TABLE IF NOT EXISTS {table}(value NOT NULL, key BLOB NOT NULL, PRIMARY KEY(value, key))"
                " WITHOUT ROWID"
                for table in _TABLES
            )
        )

    def _add_nine(self, rows: list[_Row]) -> None:
        for number, value, key in rows:
            self._execute(_INSERT[number], (value, key))

    def _add_many(self, rows: list[_Row]) -> None:
        rows.sort()
        for number, group in groupby(rows, _property):
            self._executemany(_INSERT[number], [row[1:] for row in group])

    def _remove(self, rows: list[_Row]) -> None:
        for number, value, key in rows:
            self._execute(_DELETE[number], (value, key))

    def _move(self, stale: list[_Row], fresh: list[_Row]) -> None:
        self._remove(stale)
        self._add_nine(fresh)

    def _pour(self) -> None:
        for number, table in enumerate(_TABLES):
            self._execute(
                f"INSERT INTO {table} SELECT value, key FROM pile WHERE property = ? ORDER BY value, key",
                (number,),
            )


_INSERT = tuple(f"INSERT INTO {table} VALUES (?, ?)" for table in _TABLES)
_DELETE = tuple(f"DELETE FROM {table} WHERE value = ? AND key = ?" for table in _TABLES)


def open_peer(path: str) -> RawTables:
    """Open or create *path*."""
    return RawTables(path)
