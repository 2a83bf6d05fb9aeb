# pyright: reportUnknownMemberType=false
# apsw's stubs leave the type of its buffers unknown.
"""What SQLite does better than the portable texts."""

from __future__ import annotations

import apsw

from kindstore.engine.dialect import Dialect
from kindstore.store.program import Statement

HAS_ARRAYS = "ENABLE_CARRAY" in apsw.compile_options
"""Whether a list can be bound as a whole; it can in the builds of PyPI."""


class SQLiteDialect(Dialect):
    """Statement texts for SQLite alone."""

    def select_entities(self, kind: int, paths: list[bytes]) -> list[Statement]:
        """One statement, however many there are."""
        if not HAS_ARRAYS or not paths:
            return super().select_entities(kind, paths)
        return [(_SELECT_ENTITIES, (apsw.carray(tuple(paths)), kind))]


_SELECT_ENTITIES = (
    "SELECT e.version, e.body FROM carray(?) AS wanted"
    " LEFT JOIN entity AS e ON e.kind = ? AND e.path = wanted.value"
)
