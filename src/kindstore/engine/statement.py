"""From a plan to SQL: the text depends on the plan's form alone and is cached by it; values are always bound."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kindstore.store.program import Statement

from .catalog import Kind
from .index import Index
from .plan import ALL, Bounds, Plan

ROWS, KEYS, VERSIONS, COUNT = "rows", "keys", "versions", "count"
"""What a scan fetches: whole entities, paths alone, paths with versions, or only how many there are."""


class Position:
    """Where a cursor points: after the row with this value and path (value None in a scan of paths)."""

    __slots__ = ("path", "value")

    def __init__(self, value: bytes | None, path: bytes) -> None:
        self.value, self.path = value, path


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
    kind = kinds[0]
    source = kind.indexes.get(plan.source)
    probes = [kind.indexes.get(name) for name, _ in plan.probes]
    if source is None or None in probes:
        return None
    return _index_scan(plan, source, probes, fetch, start, end, limit, offset)  # type: ignore[arg-type]


def _index_scan(
    plan: Plan,
    source: Index,
    probes: list[Index],
    fetch: str,
    start: Position | None,
    end: Position | None,
    limit: int | None,
    offset: int,
) -> Statement:
    bound: list[Any] = []
    bounds = plan.values
    equal = plan.equal is not None
    dedupe = ""
    neighbour = None
    if equal:
        bound.append(plan.equal)
    else:
        bound += _bound_values(bounds)
        # In a range an entity counts at its first value only: the lowest, or downwards the highest.
        neighbour = bounds.high if plan.descending else bounds.low
        if neighbour is not None:
            bound.append(neighbour)
        dedupe = "next" if plan.descending else "prev"
    bound += _bound_values(plan.paths)
    for position in (start, end):
        if position is not None:
            bound += _position_values(plan, position)
    bound += [value for _, value in plan.probes]
    if limit is not None or offset:
        bound += [-1 if limit is None else limit, offset]
    form = (
        fetch,
        source.table,
        source.term,
        equal,
        _form(bounds),
        dedupe,
        _form(plan.paths),
        plan.descending,
        start is not None,
        end is not None,
        tuple((probe.table, probe.term) for probe in probes),
        limit is not None or offset > 0,
    )
    if fetch == COUNT and dedupe and not source.multiple and not form[-1]:
        return _guarded_count(source, form, bound, neighbour is not None, len(_bound_values(bounds)))
    return _index_text(*form), tuple(bound)


def _guarded_count(
    source: Index, form: tuple[Any, ...], bound: list[Any], neighbour: bool, at: int
) -> Statement:
    """Count rows without looking at their neighbours, as long as no entity is marked to have several values.

    The mark is read in the statement itself: another process may have set it a moment ago.
    """
    plain = _index_text(*form[:5], "", *form[6:])
    text = (
        f"SELECT CASE WHEN (SELECT multiple FROM property WHERE id = {source.number:d})"
        f" THEN ({_index_text(*form)}) ELSE ({plain}) END"
    )
    without = bound[:at] + bound[at + 1 :] if neighbour else bound
    return text, tuple(bound + without)


@lru_cache(maxsize=2000)
def _index_text(
    fetch: str,
    table: str,
    term: str,
    equal: bool,
    bounds: tuple[str, str],
    dedupe: str,
    paths: tuple[str, str],
    descending: bool,
    start: bool,
    end: bool,
    probes: tuple[tuple[str, str], ...],
    limited: bool,
) -> str:
    columns = {
        ROWS: "i.path, i.value, e.version, e.body",
        KEYS: "i.path, i.value",
        VERSIONS: "i.path, e.version",
        COUNT: "count(*)",
    }[fetch]
    where = ["i.value = ?"] if equal else [f"i.value {op} ?" for op in bounds if op]
    if dedupe == "prev":
        where.append(_first_of_several("prev", {">=": "<", ">": "<="}.get(bounds[0])))
    elif dedupe == "next":
        where.append(_first_of_several("next", {"<=": ">", "<": ">="}.get(bounds[1])))
    where += [f"i.path {op} ?" for op in paths if op]
    if equal:
        after, until = ("<", ">=") if descending else (">", "<=")
        where += [f"i.path {after} ?"] * start + [f"i.path {until} ?"] * end
        order = "i.path DESC" if descending else "i.path"
    elif descending:
        # Values downwards but, among equal values, keys upwards.
        where += ["i.value <= ? AND (i.value < ? OR i.path > ?)"] * start
        where += ["i.value >= ? AND (i.value > ? OR i.path <= ?)"] * end
        order = "i.value DESC, i.path"
    else:
        where += ["(i.value, i.path) > (?, ?)"] * start + ["(i.value, i.path) <= (?, ?)"] * end
        order = "i.value, i.path"
    where += [
        f"EXISTS (SELECT 1 FROM {probe} AS p WHERE {probe_term.replace('i.', 'p.')}p.value = ? AND p.path = i.path)"
        for probe, probe_term in probes
    ]
    text = f"SELECT {columns} FROM {table} AS i"
    if fetch in (ROWS, VERSIONS):
        text += " CROSS JOIN entity AS e ON e.id = i.id"
    condition = term + " AND ".join(where) if where else term.removesuffix(" AND ")
    if condition:
        text += f" WHERE {condition}"
    if fetch == COUNT:
        if not limited:
            return text
        inner = text.replace("count(*)", "1", 1)
        return f"SELECT count(*) FROM ({inner} ORDER BY {order} LIMIT ? OFFSET ?)"
    text += f" ORDER BY {order}"
    return text + " LIMIT ? OFFSET ?" if limited else text


def _first_of_several(neighbour: str, op: str | None) -> str:
    """True on the row of an entity's first value in range: its neighbour towards the start is outside of it."""
    if op is None:
        return f"i.{neighbour} IS NULL"
    return f"(i.{neighbour} IS NULL OR i.{neighbour} {op} ?)"


def _entity_scan(
    plan: Plan,
    kinds: list[Kind],
    fetch: str,
    start: Position | None,
    end: Position | None,
    limit: int | None,
    offset: int,
) -> Statement:
    bound = _bound_values(plan.paths)
    for position in (start, end):
        if position is not None:
            bound.append(position.path)
    limited = limit is not None or offset > 0
    text = _entity_text(
        fetch,
        tuple(kind.number for kind in kinds),
        _form(plan.paths),
        plan.descending,
        start is not None,
        end is not None,
        limited,
    )
    if len(kinds) > 1:
        # Every kind's rows come in order and are cut off early; the union is sorted and cut again.
        most = -1 if limit is None else limit + offset
        bound = (bound + ([most] if limited else [])) * len(kinds)
    if limited:
        bound += [-1 if limit is None else limit, offset]
    return text, tuple(bound)


@lru_cache(maxsize=2000)
def _entity_text(
    fetch: str,
    kinds: tuple[int, ...],
    paths: tuple[str, str],
    descending: bool,
    start: bool,
    end: bool,
    limited: bool,
) -> str:
    columns = {
        ROWS: "path, NULL, version, body",
        KEYS: "path, NULL",
        VERSIONS: "path, version",
        COUNT: "1",
    }[fetch]
    after, until = ("<", ">=") if descending else (">", "<=")
    where = [f"path {op} ?" for op in paths if op]
    where += [f"path {after} ?"] * start + [f"path {until} ?"] * end
    order = " ORDER BY path DESC" if descending else " ORDER BY path"
    tail = "".join(f" AND {term}" for term in where)
    cut = " LIMIT ? OFFSET ?" if limited else ""
    if len(kinds) == 1:
        text = f"SELECT {columns} FROM entity WHERE kind = {kinds[0]:d}{tail}"
        if fetch == COUNT:
            return (
                f"SELECT count(*) FROM ({text}{order}{cut})"
                if limited
                else text.replace("SELECT 1", "SELECT count(*)")
            )
        return text + order + cut
    one = f"SELECT * FROM (SELECT {columns.replace('1', 'path') if fetch == COUNT else columns} FROM entity WHERE kind = "
    inner_cut = " LIMIT ?" if limited else ""
    union = " UNION ALL ".join(f"{one}{kind:d}{tail}{order}{inner_cut})" for kind in kinds)
    if fetch == COUNT:
        return f"SELECT count(*) FROM (SELECT * FROM ({union}){order}{cut})"
    return f"SELECT * FROM ({union}){order}{cut}"


def estimate(probes: list[tuple[Index, bytes]], up_to: int) -> Statement:
    """One row: how many entities have each of these values, counted to *up_to*."""
    parts = [
        f"(SELECT count(*) FROM (SELECT 1 FROM {index.table} AS i WHERE {index.term}i.value = ? LIMIT {up_to:d}))"
        for index, _ in probes
    ]
    return f"SELECT {', '.join(parts)}", tuple(value for _, value in probes)


def _form(bounds: Bounds) -> tuple[str, str]:
    if bounds is ALL:
        return "", ""
    low = "" if bounds.low is None else ">=" if bounds.low_included else ">"
    high = "" if bounds.high is None else "<=" if bounds.high_included else "<"
    return low, high


def _bound_values(bounds: Bounds) -> list[Any]:
    return [value for value in (bounds.low, bounds.high) if value is not None]


def _position_values(plan: Plan, position: Position) -> list[Any]:
    if plan.equal is not None:
        return [position.path]
    if plan.descending:
        return [position.value, position.value, position.path]
    return [position.value, position.path]
