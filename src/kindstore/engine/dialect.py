"""The SQL of the engine: every statement text there is, and the places where databases differ.

Texts are portable SQL with ``?`` for bound values; names of users never enter them, only numbers from the
catalog.  A database that differs subclasses `Dialect` and overrides what differs.  The tables are described in
`docs/format.md`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain

from kindstore.store.program import Row, Statement

AT_ONCE = 256
"""Keys that are looked up by one statement; fewer by powers of two, so that there are few texts."""

OWN_TABLES = 1000
"""Indexes with a table of their own (2.7 times faster to count); the ones after that share one."""

TOGETHER = 32
"""Rows that one statement inserts, where there are many: a fifth faster than one each."""

_INDEX_COLUMNS = "value BLOB NOT NULL, path BLOB NOT NULL, id INTEGER NOT NULL, prev BLOB, next BLOB"


def many_rows(text: str, rows: list[Row]) -> list[Statement]:
    """The statements that run *text* for each of *rows*; an INSERT of `TOGETHER` of them at a time."""
    piled = _insert_together(text) if len(rows) >= TOGETHER else None
    if piled is None:
        return [(text, rows)]
    whole = len(rows) - len(rows) % TOGETHER
    piles = [tuple(chain.from_iterable(rows[at : at + TOGETHER])) for at in range(0, whole, TOGETHER)]
    return [(piled, piles), (text, rows[whole:])] if whole < len(rows) else [(piled, piles)]


@lru_cache(maxsize=10_000)
def _insert_together(text: str) -> str | None:
    """The INSERT *text* for `TOGETHER` rows; None for a statement of another sort."""
    head, values, row = text.partition(" VALUES ")
    return f"{head}{values}{', '.join([row] * TOGETHER)}" if values else None


class Dialect:
    """Statement texts for SQLite; the portable base of the others."""

    create_composite_catalog: tuple[str, ...] = (
        (
            "CREATE TABLE composite (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, body BLOB NOT NULL,"
            " state INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, UNIQUE (kind, body))"
        ),
    )
    upgrades: tuple[tuple[int, tuple[str, ...]], ...] = ((1, create_composite_catalog),)
    """For each format but the newest, the statements that make the next one of it."""

    create_tables: tuple[str, ...] = (
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO setting VALUES ('flags', 0), ('fence', 0)",
        (
            "CREATE TABLE space (id INTEGER PRIMARY KEY, project TEXT NOT NULL, base TEXT NOT NULL,"
            " namespace TEXT NOT NULL, UNIQUE (project, base, namespace))"
        ),
        (
            "CREATE TABLE kind (id INTEGER PRIMARY KEY, space INTEGER NOT NULL, name TEXT NOT NULL,"
            " UNIQUE (space, name))"
        ),
        (
            "CREATE TABLE property (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL,"
            " multiple INTEGER NOT NULL DEFAULT 0, UNIQUE (kind, name))"
        ),
        "CREATE TABLE shape (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE)",
        "CREATE TABLE counter (name TEXT PRIMARY KEY, next INTEGER NOT NULL)",
        "CREATE TABLE reserved_id (id INTEGER PRIMARY KEY)",
        (
            "CREATE TABLE entity (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path BLOB NOT NULL,"
            " version INTEGER NOT NULL, body BLOB NOT NULL)"
        ),
        "CREATE UNIQUE INDEX entity_key ON entity (kind, path)",
        (
            "CREATE TABLE entity_group (space INTEGER NOT NULL, root BLOB NOT NULL, version INTEGER NOT NULL,"
            " PRIMARY KEY (space, root)) WITHOUT ROWID"
        ),
        (
            f"CREATE TABLE index_0 (ix INTEGER NOT NULL, {_INDEX_COLUMNS},"
            " PRIMARY KEY (ix, value, path)) WITHOUT ROWID"
        ),
        *create_composite_catalog,
    )

    # Catalog
    spaces = "SELECT id, project, base, namespace FROM space"
    kinds = "SELECT id, space, name FROM kind"
    properties = "SELECT id, kind, name, multiple FROM property"
    shapes = "SELECT id, body FROM shape"
    add_space = "INSERT INTO space (project, base, namespace) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    add_kind = "INSERT INTO kind (space, name) VALUES (?, ?) ON CONFLICT DO NOTHING"
    add_property = "INSERT INTO property (kind, name) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id"
    add_shape = "INSERT INTO shape (body) VALUES (?) ON CONFLICT DO NOTHING"
    mark_multiple = "UPDATE property SET multiple = 1 WHERE id = ?"
    select_counter = "SELECT next FROM counter WHERE name = ?"
    set_counter = (
        "INSERT INTO counter (name, next) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = excluded.next"
    )

    select_flags = "SELECT value FROM setting WHERE name = 'flags'"
    """Bit 0: whether versions of entity groups are kept.  Bits 1 to 31: the epoch of reserved ids; from 32 on that of
    the composite indexes, which every commit must know, since it keeps their rows."""
    reserve_id = "INSERT INTO reserved_id (id) VALUES (?) ON CONFLICT DO NOTHING"
    reserved_ids = "SELECT id FROM reserved_id"
    raise_epoch = "UPDATE setting SET value = value + 2 WHERE name = 'flags'"

    composites = "SELECT id, kind, body, state, done FROM composite"
    add_composite = "INSERT INTO composite (id, kind, body, state) VALUES (?, ?, ?, ?)"
    set_composite = "UPDATE composite SET state = ?, done = ? WHERE id = ?"
    mark_composite = "UPDATE composite SET state = ?, done = 0, body = ? WHERE id = ?"
    remove_composite = "DELETE FROM composite WHERE id = ?"
    raise_index_epoch = "UPDATE setting SET value = value + 4294967296 WHERE name = 'flags'"
    any_entity = "SELECT 1 FROM entity WHERE kind = ? LIMIT 1"
    some_entities = "SELECT id, path, body FROM entity WHERE id > ? AND id <= ? AND kind = ? ORDER BY id"

    # Entities
    select_entity = "SELECT version, body FROM entity WHERE kind = ? AND path = ?"
    select_state = "SELECT value, (SELECT max(id) FROM entity) FROM setting WHERE name = 'flags'"
    """The flags, and the greatest number that an entity has."""
    select_stored = (
        "SELECT s.value, (SELECT max(id) FROM entity), e.kind, e.path, e.id, e.version, e.body FROM setting AS s"
        " LEFT JOIN entity AS e ON e.kind = ? AND e.path = ? WHERE s.name = 'flags'"
    )
    """One row for each entity asked for, led by the state: nulls where there is no such entity."""
    select_version = "SELECT version FROM entity WHERE kind = ? AND path = ?"
    insert_entity = "INSERT INTO entity (id, kind, path, version, body) VALUES (?, ?, ?, ?, ?)"
    update_entity = "UPDATE entity SET version = ?, body = ? WHERE id = ?"
    delete_entity = "DELETE FROM entity WHERE id = ?"
    prove_written = "SELECT 1 FROM entity WHERE kind = ? AND path = ? AND version = ?"
    prove_deleted = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM entity WHERE kind = ? AND path = ?)"

    # Entity groups (only once a transaction of that mode has run)
    turn_groups_on = "UPDATE setting SET value = value | 1 WHERE name = 'flags'"
    select_group = "SELECT version FROM entity_group WHERE space = ? AND root = ?"
    set_group = (
        "INSERT INTO entity_group (space, root, version) VALUES (?, ?, ?)"
        " ON CONFLICT (space, root) DO UPDATE SET version = CASE WHEN excluded.version > entity_group.version"
        " THEN excluded.version ELSE entity_group.version + 1 END"
    )
    """A version only grows, even if the clock is set back."""
    select_group_version = (
        "SELECT (SELECT version FROM entity_group WHERE space = ? AND root = ?), max(version), count(*) FROM entity"
        " WHERE kind IN (SELECT id FROM kind WHERE space = ?) AND path >= ? AND path < ?"
    )
    """The version kept of a group, and of its entities the greatest one and their number."""

    # Metadata: whether there is anything
    some_of_space = "SELECT 1 FROM entity WHERE kind IN (SELECT id FROM kind WHERE space = ?) LIMIT 1"
    some_of_kind = "SELECT 1 FROM entity WHERE kind = ? LIMIT 1"

    some_paths = "SELECT path FROM entity WHERE kind = ? AND path > ? ORDER BY path LIMIT ?"

    # What the checker reads
    all_entities = "SELECT id, kind, path, body FROM entity WHERE id > ? ORDER BY id LIMIT ?"

    def select_entities(self, kind: int, paths: list[bytes]) -> list[Statement]:
        """Version and body of the entity of each path, nulls where there is none: the rows of all statements in order."""
        statements: list[Statement] = []
        at = 0
        while at < len(paths):
            size = 1 << min(len(paths) - at, AT_ONCE).bit_length() - 1
            statements.append((_select_entities(size), (*paths[at : at + size], kind)))
            at += size
        return statements

    def has_own_table(self, index: int) -> bool:
        """Whether the index of this number has a table of its own."""
        return index <= OWN_TABLES

    def create_index(self, index: int) -> str | None:
        """The text that makes the table of a new index; None where it lives in the shared one."""
        if not self.has_own_table(index):
            return None
        return f"CREATE TABLE index_{index:d} ({_INDEX_COLUMNS}, PRIMARY KEY (value, path)) WITHOUT ROWID"

    def index_table(self, index: int) -> str:
        """The table of an index."""
        return f"index_{index:d}" if self.has_own_table(index) else "index_0"

    def index_term(self, index: int, alias: str) -> str:
        """The condition, with its AND, that picks an index's rows out of its table; empty for an own table."""
        return "" if self.has_own_table(index) else f"{alias}.ix = {index:d} AND "

    def insert_row(self, index: int) -> str:
        """Add a row of a property with a single value: value, path, id."""
        if self.has_own_table(index):
            return f"INSERT INTO index_{index:d} (value, path, id) VALUES (?, ?, ?)"
        return f"INSERT INTO index_0 (ix, value, path, id) VALUES ({index:d}, ?, ?, ?)"

    def insert_multiple(self, index: int) -> str:
        """Add a row of a property with several values: value, path, id, next lower and next higher value."""
        if self.has_own_table(index):
            return f"INSERT INTO index_{index:d} (value, path, id, prev, next) VALUES (?, ?, ?, ?, ?)"
        return f"INSERT INTO index_0 (ix, value, path, id, prev, next) VALUES ({index:d}, ?, ?, ?, ?, ?)"

    def delete_row(self, index: int) -> str:
        """Remove a row: value, path."""
        if self.has_own_table(index):
            return f"DELETE FROM index_{index:d} WHERE value = ? AND path = ?"
        return f"DELETE FROM index_0 WHERE ix = {index:d} AND value = ? AND path = ?"

    def composite_table(self, number: int) -> str:
        """The table of a composite index."""
        return f"composite_{number:d}"

    def create_composite(self, number: int, descending: tuple[bool, ...], ancestor: bool) -> str:
        """Make it: the ancestor's path, a column for each property, path, row number, and the values before."""
        width = len(descending)
        columns = [*(["a"] if ancestor else []), *(f"c{at}" for at in range(width)), "path"]
        key = [*(["a"] if ancestor else [])]
        key += [f"c{at}{' DESC' if down else ''}" for at, down in enumerate(descending)] + ["path"]
        befores = ", ".join(f"b{at} BLOB" for at in range(width))
        return (
            f"CREATE TABLE composite_{number:d} ({', '.join(f'{each} BLOB NOT NULL' for each in columns)},"
            f" id INTEGER NOT NULL, {befores}, PRIMARY KEY ({', '.join(key)})) WITHOUT ROWID"
        )

    def hide_composite(self, number: int) -> str:
        """Give its table another name, by which nobody reads it."""
        return f"ALTER TABLE composite_{number:d} RENAME TO deleted_{number:d}"

    def empty_composite(self, number: int, width: int, ancestor: bool) -> str:
        """Remove some rows of a table that `hide_composite` has renamed, at most as many as bound; 1 for each."""
        key = ", ".join([*(["a"] if ancestor else []), *(f"c{at}" for at in range(width)), "path"])
        table = f"deleted_{number:d}"
        return f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} LIMIT ?) RETURNING 1"

    def drop_composite(self, number: int) -> str:
        """Remove the table that `hide_composite` has renamed."""
        return f"DROP TABLE deleted_{number:d}"

    def insert_composite(self, number: int, width: int, ancestor: bool) -> str:
        """Add a row: (ancestor,) values, path, values before, row number."""
        columns = [*(["a"] if ancestor else []), *(f"c{at}" for at in range(width)), "path"]
        columns += [*(f"b{at}" for at in range(width)), "id"]
        marks = ", ".join("?" * len(columns))
        return f"INSERT INTO composite_{number:d} ({', '.join(columns)}) VALUES ({marks})"

    def fill_composite(self, number: int, width: int, ancestor: bool) -> str:
        """Add a row that a write may have added already."""
        return self.insert_composite(number, width, ancestor) + " ON CONFLICT DO NOTHING"

    def delete_composite(self, number: int, width: int, ancestor: bool) -> str:
        """Remove a row: (ancestor,) values, path."""
        columns = [*(["a"] if ancestor else []), *(f"c{at}" for at in range(width)), "path"]
        return f"DELETE FROM composite_{number:d} WHERE {' AND '.join(f'{each} = ?' for each in columns)}"

    def all_composite_rows(self, number: int, width: int, ancestor: bool) -> str:
        """Every row, for the checker."""
        columns = [*(["a"] if ancestor else []), *(f"c{at}" for at in range(width)), "path"]
        columns += [*(f"b{at}" for at in range(width)), "id"]
        return f"SELECT {', '.join(columns)} FROM composite_{number:d}"

    def some_rows(self, index: int) -> str:
        """Whether an index has a row."""
        term = self.index_term(index, "i").removesuffix(" AND ")
        return f"SELECT 1 FROM {self.index_table(index)} AS i{f' WHERE {term}' if term else ''} LIMIT 1"

    def some_of_types(self, index: int, ranges: int) -> str:
        """For each range of values (from, up to and without) whether an index has a row in it."""
        table, term = self.index_table(index), self.index_term(index, "i")
        one = f"EXISTS (SELECT 1 FROM {table} AS i WHERE {term}i.value >= ? AND i.value < ?)"
        return f"SELECT {', '.join([one] * ranges)}"

    def sum_rows(self, index: int) -> str:
        """How many rows an index has in a range of values (from, up to and without), and their bytes."""
        table, term = self.index_table(index), self.index_term(index, "i")
        size = _lengths("i.value", "i.path", "i.prev", "i.next")
        return f"SELECT count(*), {size} FROM {table} AS i WHERE {term}i.value >= ? AND i.value < ?"

    def sum_composite_rows(self, number: int, width: int, ancestor: bool) -> str:
        """How many rows a composite index has, and their bytes."""
        columns = [*(["a"] if ancestor else []), *(f"c{at}" for at in range(width)), "path"]
        size = _lengths(*columns, *(f"b{at}" for at in range(width)))
        return f"SELECT count(*), {size} FROM composite_{number:d}"

    def all_rows(self, index: int) -> str:
        """Every row of an index after (value, path), for the checker."""
        return (
            f"SELECT value, path, id, prev, next FROM {self.index_table(index)} AS i WHERE "
            f"{self.index_term(index, 'i')}(value, path) > (?, ?) ORDER BY value, path LIMIT ?"
        )


@lru_cache
def _select_entities(paths: int) -> str:
    """Left joins go through the rows on their left in order."""
    wanted = ", ".join(["(?)"] * paths)
    return (
        f"WITH wanted (path) AS (VALUES {wanted}) SELECT e.version, e.body FROM wanted"
        " LEFT JOIN entity AS e ON e.kind = ? AND e.path = wanted.path"
    )


def _lengths(*columns: str) -> str:
    """The bytes in *columns* of all rows together."""
    return f"coalesce(sum({' + '.join(f'coalesce(length({column}), 0)' for column in columns)}), 0)"
