"""From a join to SQL: one statement a page.

Every branch is a selection of (path, row number, values in the order of `Join.names`); together they are made
distinct by a window function, compared with the cursors, sorted and cut.  Bodies are fetched for what is left.
"""

from __future__ import annotations

from kindstore.store.program import Statement

from .catalog import Kind
from .composites import Composite, State
from .index import Index
from .join import Branch, Column, Join
from .plan import KEY, ancestor_bounds
from .statement import COUNT, KEYS, ROWS, VERSIONS, Position, Text, cut, first_of_several


class _Tables:
    """Selections from indexes that branches join, each made once: path and value of the rows of a column."""

    def __init__(self) -> None:
        self.names: dict[tuple[int, Column], str] = {}
        self.text = Text()

    def name(self, index: Index, column: Column) -> str:
        """The name of the selection of *column*."""
        found = self.names.get((index.number, column))
        if found is None:
            found = self.names[index.number, column] = f"t{len(self.names)}"
            where = _rows_of(index, column)
            # Materialized, so that it gets an index by path: those of properties are sorted by value.
            text = f"{found} AS MATERIALIZED (SELECT path, value FROM {index.table} AS i{where.where()})"
            self.text.add(text, *where.values)
        return found


def scan(
    plan: Join,
    kinds: list[Kind],
    fetch: str,
    start: Position | None = None,
    end: Position | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> Statement | None:
    """The statement of a page: rows (path, values…, version, body) for ROWS, (path, values…) for KEYS,
    (path, version) for VERSIONS, (number,) for COUNT.  None if nothing can match.
    """
    tables = _Tables()
    branches = [
        made for kind in kinds[:1] for each in plan.branches if (made := _branch(plan, kind, each, tables))
    ]
    if not branches:
        return None
    values = [f"v{at}" for at in range(len(plan.names))]
    columns = ", ".join(("path", "id", *values))
    order = _order(plan)
    # An entity that is among the first so many of all is among the first so many of the branch where it comes first.
    # After a position only the order of keys tells that; sorted by values, it may have come before in another branch.
    early = limit is not None and not plan.split and (start is None or not plan.width)
    found = Text()
    for branch in branches:
        if early and len(branches) > 1:
            after = Text()
            _between(plan, after, start, None)
            page = f"SELECT {columns} FROM ({branch.parts[0]}) AS r{after.where()} ORDER BY {order} LIMIT ?"
            found.add(f"SELECT * FROM ({page})", *branch.values, *after.values, (limit or 0) + offset)
        else:
            found.add(branch.parts[0], *branch.values)
    text, bound = " UNION ALL ".join(found.parts), found.values
    if plan.distinct:
        group = ", ".join(values[plan.names.index(name)] for name in plan.distinct)
        text = _first(text, group, order)
    elif len(branches) > 1:
        text = _first(text, ", ".join(("path", *values)) if plan.split else "path", order)
    where = Text()
    _between(plan, where, start, end)
    cut_text, cut_values = cut(limit, offset)
    page = f"SELECT {columns} FROM ({text}) AS r{where.where()}"
    bound = [*tables.text.values, *bound, *where.values]
    head = f"WITH {', '.join(tables.text.parts)} " if tables.text.parts else ""
    if fetch == COUNT:
        return f"{head}SELECT count(*) FROM ({page}{cut_text})", (*bound, *cut_values)
    bound += cut_values
    page = f"{page} ORDER BY {order}{cut_text}"
    if fetch == KEYS:
        return head + page.replace("path, id", "path", 1), tuple(bound)
    wanted = {
        ROWS: ", ".join(("r.path", *(f"r.{each}" for each in values), "e.version", "e.body")),
        VERSIONS: "r.path, e.version",
    }[fetch]
    # Sorted again: that a join keeps the order of its left side is no law.
    again = ", ".join(f"r.{each}" for each in order.split(", "))
    return (
        f"{head}SELECT {wanted} FROM ({page}) AS r CROSS JOIN entity AS e ON e.id = r.id ORDER BY {again}",
        tuple(bound),
    )


def values_of(keys: Statement, at: int) -> Statement:
    """(value, how often) rows: the values in column *at* of `Join.names` of the results that *keys* selects."""
    text, values = keys
    return f"SELECT v{at}, count(*) FROM ({text}) GROUP BY v{at}", values


def _branch(plan: Join, kind: Kind, branch: Branch, tables: _Tables) -> Text | None:
    """The selection of a branch; None if nothing in it can match, as a property was never stored."""
    indexes = kind.indexes
    names = {name for name, _ in branch.equal} | {column.property for column in branch.columns}
    if not names <= indexes.keys():
        return None
    equal = [(indexes[name], value) for name, value in branch.equal]
    columns = [(indexes[column.property], column) for column in branch.columns]
    places: dict[str, tuple[str, list[bytes]]] = {}
    path = "i.path"
    joined = Text()
    where = Text()
    composite = next((each for each in kind.composites if each.definition == branch.index), None)
    if composite is not None and composite.state is not State.SERVING:
        composite = None  # dropped since the query was planned, and made again
    if composite is not None:
        source = f"{composite.table} AS i"
        equal, columns, path = _lead_by(composite, branch, equal, columns, where, places)
    elif columns:
        index, column = columns.pop(0)
        source = f"{index.table} AS i"
        where = _rows_of(index, column)
        places[column.property] = ("i.value", [])
    elif equal:
        index, value = equal.pop(0)
        source = f"{index.table} AS i"
        where.add(f"{index.term}i.value = ?", value)
    else:
        source = "entity AS i"
        where.add(f"i.kind = {kind.number:d}")
    for at, (index, column) in enumerate(columns):
        name = tables.name(index, column)
        joined.add(f" CROSS JOIN {name} AS j{at} ON j{at}.path = {path}")
        places[column.property] = (f"j{at}.value", [])
    for name, value in branch.fixed:
        places[name] = ("?", [value])
    if composite is None or branch.paths != ancestor_bounds(branch.ancestor) or not composite.ancestor:
        where.bound(path, branch.paths)
    for index, value in equal:
        term = index.term.replace("i.", "p.")
        where.add(
            f"EXISTS (SELECT 1 FROM {index.table} AS p WHERE {term}p.value = ? AND p.path = {path})", value
        )
    selected = [places[name] for name in plan.names]
    columns_text = "".join(f", {text} AS v{at}" for at, (text, _) in enumerate(selected))
    made = Text()
    made.add(
        f"SELECT {path} AS path, i.id AS id{columns_text} FROM {source}{''.join(joined.parts)}{where.where()}",
        *(value for _, bound in selected for value in bound),
        *where.values,
    )
    return made


def _lead_by(
    composite: Composite,
    branch: Branch,
    equal: list[tuple[Index, bytes]],
    columns: list[tuple[Index, Column]],
    where: Text,
    places: dict[str, tuple[str, list[bytes]]],
) -> tuple[list[tuple[Index, bytes]], list[tuple[Index, Column]], str]:
    """Scan a composite index: what is left of the equalities and columns, and the column that holds the path."""
    path = "i.path"
    if composite.ancestor:
        where.add("i.a = ?", branch.ancestor)
    properties = composite.definition.properties
    rest = list(equal)
    for at, each in enumerate(properties[: branch.prefix]):
        if each.name == KEY:
            continue  # the range of paths is that key
        # An index may have a property twice: with a value more than is asked for, the same one again.
        pair = next(pair for pair in (*rest, *equal) if pair[0].property == each.name)
        if pair in rest:
            rest.remove(pair)
        where.add(f"i.c{at} = ?", pair[1])
    left = list(columns)
    for at, each in enumerate(properties[branch.prefix :], branch.prefix):
        if each.name == KEY:
            path = f"i.c{at}"  # the same bytes, in the order of the index
            continue
        column = next((column for _, column in left if column.property == each.name), None)
        if column is None:
            continue  # another column has met it already
        left = [item for item in left if item[1] is not column]
        where.bound(f"i.c{at}", column.bounds)
        if not column.split:
            first_of_several(where, column.bounds, each.descending, f"i.b{at}", f"i.b{at}")
        places[each.name] = (f"i.c{at}", [])
    return rest, left, path


def _rows_of(index: Index, column: Column) -> Text:
    """The rows of an index that stand for a result: within the bounds, and the entity's first there unless split."""
    where = Text()
    if index.term:
        where.add(index.term.removesuffix(" AND "))
    where.bound("i.value", column.bounds)
    if not column.split:
        first_of_several(where, column.bounds, column.descending)
    return where


def _first(text: str, group: str, order: str) -> str:
    """The first row of each *group*."""
    numbered = f"SELECT *, row_number() OVER (PARTITION BY {group} ORDER BY {order}) AS n FROM ({text})"
    return f"SELECT * FROM ({numbered}) WHERE n = 1"


def _order(plan: Join) -> str:
    parts = [_column(plan, name) + (" DESC" if descending else "") for name, descending in plan.orders]
    if KEY not in dict(plan.orders):
        parts.append("path")
    return ", ".join(parts)


def _between(plan: Join, where: Text, start: Position | None, end: Position | None) -> None:
    """After the position of one cursor, and up to that of the other."""
    for position, after in ((start, True), (end, False)):
        if position is None:
            continue
        values = iter(position.values)
        places = [position.path if name == KEY else next(values) for name, _ in plan.places]
        columns = [_column(plan, name) for name, _ in plan.places]
        if len({descending for _, descending in plan.places}) == 1:
            # One seek of an index with this order, however many results have the values of the cursor.
            sign = ">" if after != plan.places[0][1] else "<"
            same = "=" if after == position.before else ""
            marks = ", ".join("?" for _ in columns)
            where.add(f"({', '.join(columns)}) {sign}{same} ({marks})", *places)
            continue
        # a > ? OR (a = ? AND (b < ? OR …)): row values can't mix directions.
        text = "1" if after == position.before else "0"
        bound: list[bytes] = []
        for column, (_, descending), value in reversed(list(zip(columns, plan.places, places, strict=True))):
            sign = ">" if after != descending else "<"
            text = f"({column} {sign} ? OR ({column} = ? AND {text}))"
            bound = [value, value, *bound]
        # Implied by what follows, but a bound of an index where that is none.
        where.add(f"{columns[0]} {'>' if after != plan.places[0][1] else '<'}= ?", places[0])
        where.add(text, *bound)


def _column(plan: Join, name: str) -> str:
    return "path" if name == KEY else f"v{plan.names.index(name)}"
