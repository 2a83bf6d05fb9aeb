# pyright: reportPrivateUsage=false
"""Reading: lookups, pages of queries, counts.  Programs that yield one batch each where the catalog is warm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from kindstore.store.checks import check_lookup
from kindstore.store.conjunctions import COMPARISONS, comparisons, conjunctions
from kindstore.store.messages import Aggregation, Average, Count, Page, PropertyFilter, Query, R, Sum
from kindstore.store.metadata import ENTITY_GROUP
from kindstore.store.program import Batch, Program, Row, Snapshot, Statement
from kindstore.values import record
from kindstore.values.entity import EMPTY, Entity, Maker, Shape
from kindstore.values.errors import BadQueryError, NeedIndexError
from kindstore.values.key import Key
from kindstore.values.limits import INT_MAX, INT_MIN
from kindstore.values.ordered import pack, unpack

from . import cursor, entity_group, join_statement, statement
from .catalog import INDEX_EPOCH, Catalog, Kind, Place
from .composite import CompositeIndex, Needs, needs
from .composites import State
from .errors import MissingTableError
from .index import Index, nested_values
from .join import Join, join
from .plan import KEY, Plan, led_by, plan
from .serving import Missing as Lacking
from .serving import serve
from .stanza import stanza
from .statement import Position
from .transaction import Transaction

ESTIMATES = (64, 4096)
"""Rows counted at most to choose which of several equalities leads a join; the second if the first can't tell."""


def read(batch: Batch, transaction: Transaction | None) -> Any:
    """The request for *batch*: in the transaction's snapshot, or in the newest state."""
    return batch if transaction is None else Snapshot(transaction.name, batch)


def lookup(
    catalog: Catalog, keys: Sequence[Key], transaction: Transaction | None, maker: Maker[R], project: str
) -> Program[list[R | None]]:
    """What *maker* makes of the entity of each key; in a transaction what was found is remembered."""
    places = _places(catalog, keys)
    if None in places:
        check_lookup(keys, project)
        if any(key.path[-2] == ENTITY_GROUP for key in keys):
            return (yield from _with_groups(catalog, keys, transaction, maker, project))
        yield from catalog.load()
        places = _places(catalog, keys)
    wanted = [place for place in places if place is not None]
    found: dict[Place, tuple[int, bytes]] = {}
    if len(wanted) == 1:
        [rows] = yield read([(catalog.dialect.select_entity, wanted[0])], transaction)
        if rows:
            found[wanted[0]] = rows[0]
    elif wanted:
        batch, numbers = _by_paths(catalog, wanted)
        replies = yield read(batch, transaction)
        for number, rows in zip(numbers, replies, strict=True):
            for path, version, body in rows:
                found[number, path] = (version, body)
    elif transaction is not None:
        yield Snapshot(transaction.name, [])  # nothing to find, and from now on it stays so
    if transaction is not None:
        for key, place in zip(keys, places, strict=True):
            if place is None:
                transaction.unplaced.add(key)
            else:
                transaction.entities[place] = (key, found.get(place, _ABSENT)[0])
    load, shapes = record.load, catalog.shapes
    made: list[R | None] = []
    known: Shape | None = None
    make: Callable[[Key, list[Any], int], R] | None = None
    for key, place in zip(keys, places, strict=True):
        stored = found.get(place) if place is not None else None
        if stored is None:
            made.append(None)
            continue
        version, body = stored
        try:
            shape, values = load(body, shapes)
        except KeyError:  # a shape that another process has defined
            yield from catalog.load()
            shape, values = load(body, shapes)
        if shape is not known or make is None:
            known, make = shape, maker.of(shape)
        made.append(make(key, values, version))
    return made


def _with_groups(
    catalog: Catalog, keys: Sequence[Key], transaction: Transaction | None, maker: Maker[R], project: str
) -> Program[list[R | None]]:
    """`lookup` where versions of entity groups are among what is asked for."""
    asked = [key for key in keys if key.path[-2] == ENTITY_GROUP]
    others = [key for key in keys if key.path[-2] != ENTITY_GROUP]
    versions = iter((yield from entity_group.lookup(catalog, asked, transaction, maker)))
    found: list[R | None] = []
    if others:
        found = yield from lookup(catalog, others, transaction, maker, project)
    rest = iter(found)
    return [next(versions if key.path[-2] == ENTITY_GROUP else rest) for key in keys]


_ABSENT = (0, b"")


AT_ONCE = (1, 3, 10, 30, 100, 300)
"""Keys in one statement; a list is filled up to one of these with its last key, so that there are few texts."""


def _by_paths(catalog: Catalog, wanted: list[Place]) -> tuple[Batch, list[int]]:
    """Statements that look the places up, and the kind that each of them is about."""
    by_kind: dict[int, list[bytes]] = {}
    for number, path in wanted:
        by_kind.setdefault(number, []).append(path)
    batch: Batch = []
    numbers: list[int] = []
    for number, paths in by_kind.items():
        for at in range(0, len(paths), AT_ONCE[-1]):
            some = paths[at : at + AT_ONCE[-1]]
            size = next(size for size in AT_ONCE if size >= len(some))
            some += some[-1:] * (size - len(some))
            batch.append((catalog.dialect.select_entities(size), (number, *some)))
            numbers.append(number)
    return batch, numbers


def _places(catalog: Catalog, keys: Sequence[Key]) -> list[Place | None]:
    """Kind number and path of each key; None for one of an unknown kind, or incomplete."""
    kinds = catalog.kinds
    places: list[Place | None] = []
    for key in keys:
        # Past the properties, which are calls: this is done for every key of every lookup.
        path = key._flat or key.path
        kind = kinds.get((key._partition, path[-2]))
        known = kind is not None and path[-1] is not None
        places.append((kind.number, key._packed or key.path_bytes) if known and kind is not None else None)
    return places


class Scan:
    """A query made ready: its plan, its kinds, and where its cursors begin and end it."""

    __slots__ = ("empty", "end", "kinds", "plan", "query", "start")

    def __init__(self, query: Query, kinds: list[Kind], plan: Plan | Join) -> None:
        self.query, self.kinds, self.plan = query, kinds, plan
        self.start: Position | None = None
        self.end: Position | None = None
        self.empty = False
        """Whether the query ends where it begins."""

    @property
    def uses_composites(self) -> bool:
        """Whether it reads a composite index, which may be dropped at any time."""
        return isinstance(self.plan, Join) and any(branch.index is not None for branch in self.plan.branches)

    def statement(self, fetch: str, limit: int | None, offset: int) -> Statement | None:
        """The statement of a page, None where nothing can match."""
        if self.empty:
            return None
        if isinstance(self.plan, Join):
            return join_statement.scan(self.plan, self.kinds, fetch, self.start, self.end, limit, offset)
        return statement.scan(self.plan, self.kinds, fetch, self.start, self.end, limit, offset)


def prepare(catalog: Catalog, query: Query) -> Program[Scan]:
    """Plan *query* and choose what leads; raises for a query or cursor that is no good before it yields."""
    planned = yield from _planned(catalog, query)
    start = end = None
    empty = False
    if query.start is not None:
        start, is_reverse = cursor.decode(query, query.start)
        empty = start is None and is_reverse  # the end of the results, looked at from there
    if query.end is not None:
        end, is_reverse = cursor.decode(query, query.end)
        empty = empty or (end is None and not is_reverse)
    kinds = _kinds(catalog, query)
    if not kinds or not planned.properties <= kinds[0].indexes.keys() or query.kind is None:
        yield from catalog.load()
        kinds = _kinds(catalog, query)
    if isinstance(planned, Plan) and planned.equal is not None and planned.probes and kinds:
        planned = yield from _lead(catalog, kinds[0], planned)
    scan = Scan(query, kinds, planned)
    scan.start, scan.end = start, end
    scan.empty = empty
    return scan


def _planned(catalog: Catalog, query: Query) -> Program[Plan | Join]:
    """The plan of *query*: by one index of a property, by composite indexes, or else by a join.

    `NeedIndexError` where the catalog is strict and a composite index is missing.
    """
    wanted = [needs for each in conjunctions(query) if (needs := _needs(each)) is not None]
    for needed in wanted:
        catalog.want(needed)
    if wanted:
        lacking = _lacking(catalog, query, wanted)
        if lacking and catalog.strict:
            yield from catalog.load()
            lacking = _lacking(catalog, query, wanted)
            if lacking:
                raise _need_index(lacking)
        existing = _existing(catalog, query)
        if len(lacking) < len(wanted) and existing:
            return join(query, existing)
    return plan(query) or join(query)


def _needs(query: Query) -> Needs | None:
    """`composite.needs`, without its work for queries of equalities alone, which are many."""
    if not query.orders and not query.projection and not query.distinct_on:
        if all(each.op == "=" for each in comparisons(query)):
            return None
    return needs(query)


def _lacking(catalog: Catalog, query: Query, wanted: list[Needs]) -> list[Lacking]:
    existing = _existing(catalog, query)
    return [found for each in wanted if isinstance(found := serve(each, existing), Lacking)]


def _need_index(lacking: list[Lacking]) -> NeedIndexError:
    stanzas = "\n".join(dict.fromkeys(stanza(each.index) for each in lacking))
    minimal = any(each.joined for each in lacking)
    which = "minimal index that has to be added" if minimal else "suggested index for this query"
    return NeedIndexError(
        f"This query requires a composite index that is not defined. The {which} is:\n{stanzas}",
        hint="Add it to index.yaml and build it (kindstore indexes create), or leave the strict mode.",
    )


def _existing(catalog: Catalog, query: Query) -> list[CompositeIndex]:
    """The composite indexes that can be read now."""
    kind = None if query.kind is None else catalog.kinds.get((query.partition, query.kind))
    composites = () if kind is None else kind.composites
    return [each.definition for each in composites if each.state is State.SERVING]


def _kinds(catalog: Catalog, query: Query) -> list[Kind]:
    if query.kind is not None:
        kind = catalog.kinds.get((query.partition, query.kind))
        return [] if kind is None else [kind]
    return [kind for (partition, _), kind in catalog.kinds.items() if partition == query.partition]


def _lead(catalog: Catalog, kind: Kind, planned: Plan) -> Program[Plan]:
    """Let the equality with the fewest rows lead the join, as far as counting a few of them tells."""
    assert planned.source is not None
    assert planned.equal is not None
    pairs = [(planned.source, planned.equal), *planned.probes]
    if not planned.properties <= kind.indexes.keys():
        return planned
    wanted = [(kind.indexes[name], value) for name, value in pairs]
    counts = catalog.estimates.get(wanted)
    if counts is None:
        counts = yield from _count_some(wanted)
        catalog.estimates.put(wanted, counts)
    return led_by(planned, counts.index(min(counts)))


def _count_some(wanted: list[tuple[Index, bytes]]) -> Program[tuple[int, ...]]:
    counts: tuple[int, ...] = ()
    for up_to in ESTIMATES:
        [[counts]] = yield [statement.estimate(wanted, up_to)]
        if min(counts) < up_to:
            break
    return counts


def run_query(
    catalog: Catalog, query: Query, transaction: Transaction | None, page_size: int | None, maker: Maker[R]
) -> Program[Page[R]]:
    """The first page of *query*."""
    limit = query.limit
    if page_size is not None:
        limit = page_size if limit is None else min(limit, page_size)
    known = _known_form(catalog, query, limit) if transaction is None else None
    if known is not None:
        text, width = known
        [rows] = yield [text]
        results = yield from _made(catalog, query, rows, maker)
    else:
        scan = yield from prepare(catalog, query)
        rows = yield from _rows(catalog, scan, limit, transaction)
        _remember_form(catalog, scan)
        width = scan.plan.width
        if query.projection and isinstance(scan.plan, Join):
            results = _projected(query, scan.plan, rows, maker)
        else:
            results = yield from _made(catalog, query, rows, maker)

    def cursor_after(n: int) -> bytes:
        if n < 0:
            return query.start if query.start is not None else cursor.encode(query, None)
        row = rows[n]
        return cursor.encode(query, Position(row[1 : 1 + width], row[0]))

    return Page(results, limit is not None and len(rows) == limit, cursor_after)


def form_of(query: Query) -> tuple[Any, ...] | None:
    """What decides the statement of a simple query: one filter at most, no ancestor, no cursor.  None for others."""
    filters = query.filters
    if query.ancestor is not None or query.start is not None or query.end is not None:
        return None
    if query.projection or query.distinct_on:
        return None
    if not filters:
        return query.partition, query.kind, query.keys_only, query.orders
    [only, *more] = filters
    if not more and isinstance(only, PropertyFilter) and only.property != KEY and only.op in COMPARISONS:
        return query.partition, query.kind, query.keys_only, query.orders, only.property, only.op
    return None


def _known_form(catalog: Catalog, query: Query, limit: int | None) -> tuple[Statement, int] | None:
    """The statement of a query whose form was planned before, and the width of its positions.

    Only its value has to be bound.
    """
    form = form_of(query)
    found = None if form is None else catalog.forms.get(form)
    if found is None:
        return None
    text, times, width = found
    values = (-1 if limit is None else limit, query.offset)
    if not times:
        return (text, values), width
    only: Any = query.filters[0]
    return (text, ((pack(only.value),) * times) + values), width


def _remember_form(catalog: Catalog, scan: Scan) -> None:
    query = scan.query
    form = form_of(query)
    if form is None or query.kind is None or not isinstance(scan.plan, Plan):
        return
    text = scan.statement(statement.KEYS if query.keys_only else statement.ROWS, 1, 0)
    if text is not None:
        if len(catalog.forms) > 2000:
            catalog.forms.clear()
        # The value is bound once, or twice where it also bounds the neighbours of a list's values.
        catalog.forms[form] = (text[0], len(text[1]) - 2, scan.plan.width)


def _made(catalog: Catalog, query: Query, rows: list[Row], maker: Maker[R]) -> Program[list[R]]:
    """What *maker* makes of a page's rows: (path, values…) of keys, (path, values…, version, body) of entities."""
    if query.keys_only:
        make, packed_in = maker.of(EMPTY), maker.key_class.packed_in
        return [make(packed_in(query.partition, row[0]), [], 0) for row in rows]
    if rows and len(rows[0]) != 4:
        rows = [(row[0], None, *row[-2:]) for row in rows]
    try:
        return record.load_all(rows, query.partition, catalog.shapes, maker)
    except KeyError:  # a shape that another process has defined
        yield from catalog.load()
        return record.load_all(rows, query.partition, catalog.shapes, maker)


def _projected(query: Query, plan: Join, rows: list[Row], maker: Maker[R]) -> list[R]:
    """The results of a projection, their values in the form that indexes hold (int for a datetime, bytes for a str)."""
    make, packed_in = maker.of(Shape.of(query.projection)), maker.key_class.packed_in
    places = [1 + plan.names.index(name) for name in query.projection]
    return [make(packed_in(query.partition, row[0]), [unpack(row[at]) for at in places], 0) for row in rows]


def _rows(
    catalog: Catalog, scan: Scan, limit: int | None, transaction: Transaction | None
) -> Program[list[Row]]:
    """The rows of a page; in a transaction also the note by which commit repeats the read."""
    query = scan.query
    fetch = statement.KEYS if query.keys_only or query.projection else statement.ROWS
    if transaction is None:
        return (yield from _current_rows(catalog, scan, fetch, limit))
    again = partial(_again, catalog, scan, statement.VERSIONS, limit)
    rows: list[Row] = []
    versions: list[Row] = []
    text, check = scan.statement(fetch, limit, query.offset), again()
    if text is not None and check is not None:
        try:
            rows, versions, [(flags,)] = yield Snapshot(
                transaction.name, [text, check, (catalog.dialect.select_flags, ())]
            )
            stale = flags >> INDEX_EPOCH != catalog.index_epoch
        except MissingTableError:
            stale = True
        if stale and scan.uses_composites:
            # The snapshot may hold an index that is not built yet, or that is dropped by now.
            scan.plan = join(query)
            text, check = scan.statement(fetch, limit, query.offset), again()
            assert text is not None
            assert check is not None
            rows, versions = [], []
            with suppress(MissingTableError):
                rows, versions = yield Snapshot(transaction.name, [text, check])
        # Otherwise: an index younger than the snapshot, with nothing to find in it.
    else:
        yield Snapshot(transaction.name, [])
    transaction.queries.append((again, versions))
    return rows


def _current_rows(catalog: Catalog, scan: Scan, fetch: str, limit: int | None) -> Program[list[Row]]:
    """The rows of a page as the database is now."""
    rows: list[Row] = []
    text = scan.statement(fetch, limit, scan.query.offset)
    if text is None:
        return rows
    try:
        [rows] = yield [text]
    except MissingTableError:
        if not scan.uses_composites:
            raise
        yield from catalog.load()  # another process has dropped an index
        scan.plan = join(scan.query, _existing(catalog, scan.query))
        text = scan.statement(fetch, limit, scan.query.offset)
        assert text is not None
        [rows] = yield [text]
    return rows


def _again(catalog: Catalog, scan: Scan, fetch: str, limit: int | None) -> Statement | None:
    """The statement by which commit repeats a read, with the kinds and indexes that there are by then."""
    scan.kinds = _kinds(catalog, scan.query)
    return scan.statement(fetch, limit, scan.query.offset)


def run_aggregation(
    catalog: Catalog,
    query: Query,
    aggregations: Sequence[Aggregation],
    transaction: Transaction | None = None,
) -> Program[list[Any]]:
    """The value of each aggregation, computed in the database."""
    for aggregation in aggregations:
        if not isinstance(aggregation, Count | Sum | Average):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadQueryError("an unknown aggregation", type=type(aggregation).__name__)
        if isinstance(aggregation, Count) and aggregation.up_to is not None and aggregation.up_to < 0:
            raise BadQueryError("a count is up to a number from 0", up_to=aggregation.up_to)
    scan = yield from prepare(catalog, query)
    if transaction is not None and scan.uses_composites:
        scan.plan = join(query)  # the snapshot may hold an index that is not built yet
    found: list[Any] = []
    for aggregation in aggregations:
        if isinstance(aggregation, Count):
            limits = [limit for limit in (query.limit, aggregation.up_to) if limit is not None]
            again = partial(_again, catalog, scan, statement.COUNT, min(limits, default=None))
            rows = yield from _aggregated(again, transaction)
            found.append(rows[0][0] if rows else 0)
        else:
            counted = partial(_values_again, catalog, scan, aggregation.property)
            rows = yield from _aggregated(counted, transaction)
            if catalog.may_hold_times(aggregation.property):
                rows = yield from _without_times(catalog, scan, aggregation.property, transaction)
            found.append((total if isinstance(aggregation, Sum) else mean)(rows))
    return found


def _values_again(catalog: Catalog, scan: Scan, name: str) -> Statement | None:
    """The values of property *name* among the results, each with how often it is there."""
    keys = _again(catalog, scan, statement.KEYS, scan.query.limit)
    if keys is not None and name in scan.query.projection and isinstance(scan.plan, Join):
        return join_statement.values_of(keys, scan.plan.names.index(name))
    index = scan.kinds[0].indexes.get(name) if scan.kinds else None
    return None if keys is None or index is None else statement.values_of(keys, index)


def _without_times(
    catalog: Catalog, scan: Scan, name: str, transaction: Transaction | None
) -> Program[list[Row]]:
    """The rows of `_values_again` without datetimes: read from the entities, since indexes hold them as integers."""
    if name in scan.query.projection:
        return (yield from _aggregated(partial(_values_again, catalog, scan, name), transaction))
    whole = partial(_again, catalog, scan, statement.ROWS, scan.query.limit)
    rows = yield from _aggregated(whole, transaction)
    found: list[Row] = []
    for row in rows:
        shape, values = record.load(row[-1], catalog.shapes)
        pairs = nested_values("", Entity(None, shape, values))
        kept = {pack(value): value for path, value in pairs if path == f".{name}"}
        found += [
            (packed, 1) for packed, value in kept.items() if len(kept) == 1 and type(value) in (int, float)
        ]
    return found


def _aggregated(again: Callable[[], Statement | None], transaction: Transaction | None) -> Program[list[Row]]:
    """The rows of an aggregation; in a transaction commit repeats it."""
    rows: list[Row] = []
    text = again()
    if text is not None:
        with suppress(MissingTableError):
            [rows] = yield read([text], transaction)
    elif transaction is not None:
        yield Snapshot(transaction.name, [])
    if transaction is not None:
        transaction.queries.append((again, rows))
    return rows


def total(rows: list[Row]) -> int | float:
    """The sum of the numbers among (packed value, how often) rows: an int as long as it fits in 64 bits.

    Others than numbers are passed over; 0 of none (spec/service.md 2.2).
    """
    numbers = _numbers(rows)
    if all(isinstance(number, int) for number, _ in numbers):
        exact = sum(number * times for number, times in numbers)
        if INT_MIN <= exact <= INT_MAX:
            return int(exact)
    return math.fsum(number * times for number, times in numbers)


def mean(rows: list[Row]) -> float | None:
    """The mean of the numbers among (packed value, how often) rows; None of none."""
    numbers = _numbers(rows)
    times = sum(times for _, times in numbers)
    return math.fsum(float(number) * times for number, times in numbers) / times if times else None


def _numbers(rows: list[Row]) -> list[tuple[int | float, int]]:
    values = ((unpack(packed), times) for packed, times in rows)
    return [
        (value, times)
        for value, times in values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
