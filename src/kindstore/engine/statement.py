"""From a plan to SQL: texts of numbers from the catalog and fixed words; what comes from outside is always bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kindstore.store.program import Statement

from .catalog import Kind
from .index import Index
from .plan import ALL, Bounds, Group, Plan

ROWS, KEYS, VERSIONS, COUNT = "rows", "keys", "versions", "count"
"""What a scan fetches: whole entities, paths alone, paths with versions, or only how many there are."""

LARGE = 8192
"""Bytes of a record up to which it is read for the values in it."""

_INDEX_COLUMNS = {
    ROWS: "i.path, i.value, e.version, e.body",
    KEYS: "i.path, i.value",
    VERSIONS: "i.path, e.version",
    COUNT: "count(*)",
}
_EQUAL_COLUMNS = {**_INDEX_COLUMNS, ROWS: "i.path, NULL, e.version, e.body", KEYS: "i.path, NULL"}
"""Where all rows have one value; their order is that of the paths, so a cursor needs no more."""

_ENTITY_COLUMNS = {
    ROWS: "path, NULL, version, body",
    KEYS: "path, NULL",
    VERSIONS: "path, version",
    COUNT: "path",
}


class Position:
    """Where a cursor points: after the result with these packed *values* of what it is sorted by, and this path.

    Or right *before* it: a cursor of the query with all orders reversed.
    """

    __slots__ = ("before", "path", "values")

    def __init__(self, values: tuple[bytes, ...], path: bytes, before: bool = False) -> None:
        self.values, self.path, self.before = values, path, before

    @property
    def value(self) -> bytes | None:
        """The only value that a scan of one index sorts by; None in a scan of paths."""
        return self.values[0] if self.values else None

    def after(self, descending: bool) -> str:
        """The comparison of paths that come after it, going up or *descending*."""
        return ("<" if descending else ">") + ("=" if self.before else "")

    def until(self, descending: bool) -> str:
        """The comparison of paths that come before it."""
        return (">" if descending else "<") + ("" if self.before else "=")


JOINED = 20
"""Equalities at most that are joined, which is faster than to ask whether there is a row: SQLite joins 64 tables."""


class Text:
    """A text in the making, with the values that its question marks stand for."""

    __slots__ = ("parts", "values")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> None:
        """One more condition, or part."""
        self.parts.append(text)
        self.values += values

    def extend(self, other: Text) -> None:
        """All conditions of *other*, too."""
        self.parts += other.parts
        self.values += other.values

    def bound(self, column: str, bounds: Bounds) -> None:
        """Conditions that keep *column* within *bounds*."""
        if bounds.low is not None:
            self.add(f"{column} {'>=' if bounds.low_included else '>'} ?", bounds.low)
        if bounds.high is not None:
            self.add(f"{column} {'<=' if bounds.high_included else '<'} ?", bounds.high)

    def where(self) -> str:
        """All conditions; empty if there are none."""
        return f" WHERE {' AND '.join(self.parts)}" if self.parts else ""


def scan(
    plan: Plan,
    kinds: list[Kind],
    fetch: str,
    start: Position | None = None,
    end: Position | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> Statement | None:
    """The statement of a page: rows (path, value, version, body) for ROWS, (path, value) for KEYS, (path, version)
    for VERSIONS, (number,) for COUNT.  None if no entity can match: a kind or property that nothing was ever stored in.
    """
    if not kinds:
        return None
    if plan.source is None:
        return _entity_scan(plan, kinds, fetch, start, end, limit, offset)
    indexes = kinds[0].indexes
    source = indexes.get(plan.source)
    required = _required(plan, indexes)
    if source is None or required is None:
        return None
    rest = cut(limit, offset)
    if fetch == COUNT:
        return _count(plan, source, required, start, end, rest)
    if plan.descending and plan.groups and limit is not None:
        return _last_of_few(plan, source, required, fetch, start, end, limit, offset)
    if plan.descending and plan.equal is None and plan.paths is ALL and not plan.groups:
        return _downwards(plan, source, required, fetch, start, end, rest)
    where = _conditions(plan, source, required, start, end)
    columns = (_INDEX_COLUMNS if plan.equal is None else _EQUAL_COLUMNS)[fetch]
    if plan.equal is None:
        # Downwards within a few paths, or in a group: what is left after those are picked out is sorted.
        order = "i.value DESC, i.path" if plan.descending else "i.value, i.path"
    else:
        order = "i.path DESC" if plan.descending else "i.path"
    tables = f"{source.table} AS i{required.tables}{_join(fetch)}"
    text = f"SELECT {columns} FROM {tables}{where.where()} ORDER BY {order}{rest[0]}"
    return text, (*where.values, *rest[1])


def cut(limit: int | None, offset: int) -> tuple[str, tuple[int, ...]]:
    """The end of a statement that is cut, and its values."""
    if limit is None and not offset:
        return "", ()
    return " LIMIT ? OFFSET ?", (-1 if limit is None else limit, offset)


def _join(fetch: str) -> str:
    return " CROSS JOIN entity AS e ON e.id = i.id" if fetch in (ROWS, VERSIONS) else ""


def _conditions(
    plan: Plan,
    source: Index,
    required: _Required,
    start: Position | None,
    end: Position | None,
    *,
    distinct: bool = True,
) -> Text:
    """What a row of the source's index must meet.  *distinct*: to stand for its entity, which counts once."""
    where = Text()
    if source.term:
        where.add(source.term.removesuffix(" AND "))
    if plan.equal is not None:
        where.add("i.value = ?", plan.equal)
        if start is not None:
            where.add(f"i.path {start.after(plan.descending)} ?", start.path)
        if end is not None:
            where.add(f"i.path {end.until(plan.descending)} ?", end.path)
    else:
        _between(plan, where, start, end)
        # Past a cursor it is the cursor that SQLite is to seek: "+" keeps a bound that holds anyway out of its choice.
        low, high = (end, start) if plan.descending else (start, end)
        of_low = msgspec.structs.replace(plan.values, high=None)
        of_high = msgspec.structs.replace(plan.values, low=None)
        where.bound("i.value" if low is None else "+i.value", of_low)
        where.bound("i.value" if high is None else "+i.value", of_high)
        if distinct:
            first_of_several(where, plan.values, plan.descending)
    where.bound("i.path", plan.paths)
    where.extend(required.where)
    return where


class _Required:
    """What an entity must have besides its row in the source: *tables* that are joined, and conditions."""

    __slots__ = ("tables", "where")

    def __init__(self, tables: str, where: Text) -> None:
        self.tables, self.where = tables, where


def _required(plan: Plan, indexes: dict[str, Index]) -> _Required | None:
    """What *plan* requires of an entity; None if there can't be one that has it."""
    tables, where = "", Text()
    for at, (name, value) in enumerate(plan.probes):
        if name not in indexes:
            return None
        if at < JOINED:
            # An entity has at most one row of a value.
            tables += f" CROSS JOIN {indexes[name].table} AS p{at}"
            where.add(_is_of(indexes[name], f"p{at}"), value)
        else:
            where.add(*_has(indexes[name], value))
    groups = [made for each in plan.groups if (made := _in_group(each, indexes)) is not None]
    if plan.groups and not groups:
        return None
    if groups:
        values = (value for each in groups for value in each.values)
        where.add(f"({' OR '.join(' AND '.join(each.parts) for each in groups)})", *values)
    return _Required(tables, where)


def _in_group(group: Group, indexes: dict[str, Index]) -> Text | None:
    """The conditions that an entity is in *group*; None if there can't be one in it."""
    found = Text()
    leads = [(indexes[name], value) for name, value in group.leads if name in indexes]
    if not {name for name, _ in group.probes} <= indexes.keys() or (group.leads and not leads):
        return None
    if leads:
        selections = (
            f"SELECT m.id FROM {index.table} AS m WHERE {_term(index, 'm')}m.value = ?" for index, _ in leads
        )
        found.add(f"i.id IN ({' UNION ALL '.join(selections)})", *(value for _, value in leads))
    for name, value in group.probes:
        found.add(*_has(indexes[name], value))
    return found


def _has(index: Index, value: bytes) -> tuple[str, bytes]:
    """The condition that the entity of a row has *value*, too."""
    return f"EXISTS (SELECT 1 FROM {index.table} AS p WHERE {_is_of(index, 'p')})", value


def _is_of(index: Index, alias: str) -> str:
    return f"{_term(index, alias)}{alias}.value = ? AND {alias}.path = i.path"


def _term(index: Index, alias: str) -> str:
    return index.term.replace("i.", f"{alias}.")


def first_of_several(
    where: Text, bounds: Bounds, descending: bool, prev: str = "i.prev", next_: str = "i.next"
) -> None:
    """Of an entity with several values in the range, its lowest counts, or downwards its highest.

    That one's neighbour towards the start is outside of the range, or there is none.
    """
    if descending:
        if bounds.high is None:
            where.add(f"{next_} IS NULL")
        else:
            where.add(f"({next_} IS NULL OR {next_} {'>' if bounds.high_included else '>='} ?)", bounds.high)
    elif bounds.low is None:
        where.add(f"{prev} IS NULL")
    else:
        where.add(f"({prev} IS NULL OR {prev} {'<' if bounds.low_included else '<='} ?)", bounds.low)


def _between(plan: Plan, where: Text, start: Position | None, end: Position | None) -> None:
    """Between two cursors of a range: values up, or down, and among equal values keys always up."""
    if not plan.descending:
        # One seek, however many entities have the value of the cursor.
        if start is not None:
            where.add(f"(i.value, i.path) {start.after(False)} (?, ?)", start.value, start.path)
        if end is not None:
            where.add(f"(i.value, i.path) {end.until(False)} (?, ?)", end.value, end.path)
        return
    if start is not None:
        where.add("i.value <= ?", start.value)
        where.add(f"(i.value < ? OR i.path {start.after(False)} ?)", start.value, start.path)
    if end is not None:
        where.add("i.value >= ?", end.value)
        where.add(f"(i.value > ? OR i.path {end.until(False)} ?)", end.value, end.path)


def _downwards(
    plan: Plan,
    source: Index,
    required: _Required,
    fetch: str,
    start: Position | None,
    end: Position | None,
    rest: tuple[str, tuple[int, ...]],
) -> Statement:
    """A range from its highest value down, but among equal values keys upwards.

    No index has that order, and sorting costs as much as there are equal values.  So one step of a recursion finds
    the next lower value, and the join reads its rows in the order of their keys: CROSS JOIN fixes the nesting.
    """
    term = source.term.replace("i.", "n.")
    first, after = Text(), Text()
    first.bound("n.value", plan.values)
    after.add("n.value < v.value")
    if plan.values.low is not None:
        after.bound("n.value", Bounds(plan.values.low, plan.values.low_included))
    if start is not None:
        first.add("n.value <= ?", start.value)
    if end is not None:
        first.add("n.value >= ?", end.value)
        after.add("n.value >= ?", end.value)
    of_index = f"SELECT max(n.value) FROM {source.table} AS n"
    initial = " AND ".join(first.parts) or "1"
    text = (
        f"WITH RECURSIVE v (value) AS ({of_index} WHERE {term}{initial} UNION ALL"
        f" SELECT ({of_index} WHERE {term}{' AND '.join(after.parts)}) FROM v WHERE v.value IS NOT NULL)"
        f" SELECT {_INDEX_COLUMNS[fetch]} FROM v CROSS JOIN {source.table} AS i ON {source.term}i.value = v.value"
    )
    values = [*first.values, *after.values]
    if start is not None:
        text += f" AND i.path {start.after(False)} CASE WHEN v.value = ? THEN ? ELSE x'' END"
        values += [start.value, start.path]
    where = Text()
    first_of_several(where, plan.values, plan.descending)
    if end is not None:
        where.add(f"(i.value > ? OR i.path {end.until(False)} ?)", end.value, end.path)
    where.bound("i.path", plan.paths)
    where.extend(required.where)
    return f"{text}{required.tables}{_join(fetch)}{where.where()}{rest[0]}", (
        *values,
        *where.values,
        *rest[1],
    )


def _last_of_few(
    plan: Plan,
    source: Index,
    required: _Required,
    fetch: str,
    start: Position | None,
    end: Position | None,
    limit: int,
    offset: int,
) -> Statement:
    """The same where few rows of the index make a result, so that most of its values would be sought in vain.

    Read from its end until there are results enough, it gives them but for the order of their keys: of those with the
    last of these values others may come first.  They are read again, upwards.
    """
    where = _conditions(plan, source, required, start, end)
    tables = f"{source.table} AS i{required.tables}"
    rows = f"SELECT i.value, i.path, i.id FROM {tables}"
    last = "(SELECT value FROM last)"
    text = (
        f"WITH found AS MATERIALIZED ({rows}{where.where()} ORDER BY i.value DESC LIMIT ?),"
        " last AS MATERIALIZED (SELECT CASE count(*) WHEN ? THEN min(value) END AS value FROM found),"
        f" tied AS MATERIALIZED ({rows}{where.where()} AND i.value = {last} ORDER BY i.path LIMIT ?)"
        f" SELECT {_INDEX_COLUMNS[fetch]} FROM (SELECT * FROM (SELECT * FROM found WHERE value > coalesce({last}, x'')"
        " UNION ALL SELECT * FROM tied) ORDER BY value DESC, path LIMIT ? OFFSET ?) AS i"
        f"{_join(fetch)} ORDER BY i.value DESC, i.path"
    )
    enough = limit + offset
    return text, (*where.values, enough, enough, *where.values, enough, limit, offset)


def _count(
    plan: Plan,
    source: Index,
    required: _Required,
    start: Position | None,
    end: Position | None,
    rest: tuple[str, tuple[int, ...]],
) -> Statement:
    """How many there are.  In a range, rows are counted without a look at their neighbours as long as no entity is
    marked to have several values; the mark is read in the statement itself, as it may have been set a moment ago.
    """
    where = _conditions(plan, source, required, start, end)
    tables = f"{source.table} AS i{required.tables}"
    if rest[0]:
        text = f"SELECT count(*) FROM (SELECT 1 FROM {tables}{where.where()}{rest[0]})"
        return text, (*where.values, *rest[1])
    exact = f"SELECT count(*) FROM {tables}{where.where()}"
    if plan.equal is not None or source.multiple:
        return exact, tuple(where.values)
    plain = _conditions(plan, source, required, start, end, distinct=False)
    text = (
        f"SELECT CASE WHEN (SELECT multiple FROM property WHERE id = {source.number:d}) THEN ({exact})"
        f" ELSE (SELECT count(*) FROM {tables}{plain.where()}) END"
    )
    return text, (*where.values, *plain.values)


def _entity_scan(
    plan: Plan,
    kinds: list[Kind],
    fetch: str,
    start: Position | None,
    end: Position | None,
    limit: int | None,
    offset: int,
) -> Statement:
    where = Text()
    where.bound("path", plan.paths)
    if start is not None:
        where.add(f"path {start.after(plan.descending)} ?", start.path)
    if end is not None:
        where.add(f"path {end.until(plan.descending)} ?", end.path)
    tail = "".join(f" AND {part}" for part in where.parts)
    order = " ORDER BY path DESC" if plan.descending else " ORDER BY path"
    rest, rest_values = cut(limit, offset)
    if len(kinds) == 1:
        source = f"entity WHERE kind = {kinds[0].number:d}{tail}"
        if fetch != COUNT:
            return f"SELECT {_ENTITY_COLUMNS[fetch]} FROM {source}{order}{rest}", (
                *where.values,
                *rest_values,
            )
        if not rest:
            return f"SELECT count(*) FROM {source}", tuple(where.values)
        return f"SELECT count(*) FROM (SELECT 1 FROM {source}{rest})", (*where.values, *rest_values)
    # Every kind's rows come in order and are cut off early; the union is sorted and cut again.
    each = "" if limit is None else " LIMIT ?"
    each_values = [*where.values, *([] if limit is None else [limit + offset])]
    union = " UNION ALL ".join(
        f"SELECT * FROM (SELECT {_ENTITY_COLUMNS[fetch]} FROM entity WHERE kind = {kind.number:d}{tail}{order}{each})"
        for kind in kinds
    )
    text = f"SELECT * FROM ({union}){order}{rest}"
    if fetch == COUNT:
        text = f"SELECT count(*) FROM ({text})"
    return text, (*(each_values * len(kinds)), *rest_values)


def values_of(keys: Statement, index: Index) -> Statement:
    """(value, how often) rows: the values in *index* of the entities whose paths lead the rows of *keys*."""
    text, values = keys
    assert isinstance(values, tuple)
    where = f" WHERE {index.term.removesuffix(' AND ')}" if index.term else ""
    return (
        (
            f"WITH k AS MATERIALIZED (SELECT path FROM ({text})),"
            f" s AS MATERIALIZED (SELECT path, value FROM {index.table} AS i{where})"
            " SELECT s.value, count(*) FROM k CROSS JOIN s ON s.path = k.path GROUP BY s.value"
        ),
        values,
    )


def estimate(wanted: Sequence[tuple[Index, bytes | Bounds]], up_to: int) -> Statement:
    """One row: how many rows of each index have the value, or one in the range, counted to *up_to*."""
    parts = Text()
    for index, value in wanted:
        where = Text()
        if index.term:
            where.add(index.term.removesuffix(" AND "))
        if isinstance(value, Bounds):
            where.bound("i.value", value)
        else:
            where.add("i.value = ?", value)
        rows = f"SELECT 1 FROM {index.table} AS i{where.where()} LIMIT {up_to:d}"
        parts.add(f"(SELECT count(*) FROM ({rows}))", *where.values)
    return f"SELECT {', '.join(parts.parts)}", tuple(parts.values)


def candidates(
    plan: Plan, kinds: list[Kind], split: bool, start: bytes | None, first: int | None, at_most: int
) -> Statement | None:
    """Rows (path, value, version, body) of the source, *at_most* and one more; body is null where it is `LARGE`.

    All of them; or, where *first* is given, those from the value *start* on, beyond it as many as that and one more, and
    all that have the value of the last of these.  *split*: every row of an entity, not only the first in the range.
    """
    indexes = kinds[0].indexes
    source = indexes.get(plan.source or "")
    required = _required(plan, indexes)
    if source is None or required is None:
        return None
    where = _conditions(plan, source, required, None, None, distinct=not split)
    tables = f"{source.table} AS i{required.tables}"
    if first is not None:
        order, onwards, beyond, back = "i.value DESC", "<=", "<", ">="
        if not plan.descending:
            order, onwards, beyond, back = "i.value", ">=", ">", "<="
        counted = Text()
        counted.extend(where)
        if start is not None:
            counted.add(f"i.value {beyond} ?", start)
            where.add(f"i.value {onwards} ?", start)
        last = f"SELECT i.value FROM {tables}{counted.where()} ORDER BY {order} LIMIT 1 OFFSET ?"
        endless = "x''" if plan.descending else "x'ff'"
        where.add(f"i.value {back} coalesce(({last}), {endless})", *counted.values, first)
    text = (
        f"SELECT i.path, i.value, e.version, CASE WHEN length(e.body) <= {LARGE:d} THEN e.body END"
        f" FROM {tables}{_join(ROWS)}{where.where()} LIMIT {at_most + 1:d}"
    )
    return text, tuple(where.values)
