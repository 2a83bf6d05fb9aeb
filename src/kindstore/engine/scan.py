# pyright: reportPrivateUsage=false
"""Reading: pages of queries, counts.  Programs that yield one batch each where the catalog is warm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from kindstore.store.messages import Aggregation, Count, Page, Query, R
from kindstore.store.program import Program, Row, Snapshot, Statement
from kindstore.values import record
from kindstore.values.entity import EMPTY, Maker
from kindstore.values.errors import BadQueryError

from . import cursor, statement
from .catalog import Catalog, Kind
from .errors import MissingTableError
from .form import Form, FormOf, form_of, remember
from .index import Index
from .lookup import read
from .plan import Plan, led_by, plan
from .statement import Position
from .transaction import Transaction

ESTIMATES = (64, 4096)
"""Rows counted at most to choose which of several equalities leads a join; the second if the first can't tell."""


class Scan:
    """A query made ready: its plan, its kinds, and where its cursors begin and end it."""

    __slots__ = ("empty", "end", "kinds", "plan", "query", "start")

    def __init__(self, query: Query, kinds: list[Kind], plan: Plan) -> None:
        self.query, self.kinds, self.plan = query, kinds, plan
        self.start: Position | None = None
        self.end: Position | None = None
        self.empty = False
        """Whether the query ends where it begins."""

    def statement(self, fetch: str, limit: int | None, offset: int) -> Statement | None:
        """The statement of a page, None where nothing can match."""
        if self.empty:
            return None
        return statement.scan(self.plan, self.kinds, fetch, self.start, self.end, limit, offset)


def prepare(catalog: Catalog, query: Query) -> Program[Scan]:
    """Plan *query* and choose what leads; raises for a query or cursor that is no good before it yields."""
    planned = plan(query)
    start = end = None
    if query.start is not None or query.end is not None:
        digest = cursor.digest(query)
        start = None if query.start is None else cursor.decode(query.start, digest)
        end = None if query.end is None else cursor.decode(query.end, digest)
    kinds = _kinds(catalog, query)
    if not kinds or not _known(kinds[0], planned) or query.kind is None:
        yield from catalog.load()
        kinds = _kinds(catalog, query)
    if planned.equal is not None and planned.probes and kinds and _known(kinds[0], planned):
        planned = yield from _lead(catalog, kinds[0], planned)
    scan = Scan(query, kinds, planned)
    scan.start, scan.end = start, end
    scan.empty = query.end is not None and end is None
    return scan


def _kinds(catalog: Catalog, query: Query) -> list[Kind]:
    if query.kind is not None:
        kind = catalog.kinds.get((query.partition, query.kind))
        return [] if kind is None else [kind]
    return [kind for (partition, _), kind in catalog.kinds.items() if partition == query.partition]


def _known(kind: Kind, planned: Plan) -> bool:
    if planned.source is not None and planned.source not in kind.indexes:
        return False
    return all(name in kind.indexes for name, _ in planned.probes)


def _lead(catalog: Catalog, kind: Kind, planned: Plan) -> Program[Plan]:
    """Let the equality with the fewest rows lead the join, as far as counting a few of them tells."""
    assert planned.source is not None
    assert planned.equal is not None
    pairs = [(planned.source, planned.equal), *planned.probes]
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
    catalog: Catalog,
    query: Query,
    form: Form | None,
    transaction: Transaction | None,
    page_size: int | None,
    maker: Maker[R],
) -> Program[Page[R]]:
    """The first page of *query*; *form* is what is known of its form."""
    limit = query.limit
    if page_size is not None:
        limit = page_size if limit is None else min(limit, page_size)
    text: Statement | None = None
    if form is not None and transaction is None:
        text = form.statement(query, catalog.estimates, (-1 if limit is None else limit, query.offset))
    if text is not None:
        [rows] = yield [text]
    else:
        scan = yield from prepare(catalog, query)
        rows = yield from _rows(catalog, scan, limit, transaction)
        # With a limit and an offset, so that the text has places for them.
        fetch = statement.KEYS if query.keys_only else statement.ROWS
        _remember(catalog.forms, scan, partial(scan.statement, fetch, 1, 0), 2)
    results: list[R]
    if query.keys_only:
        make, packed_in = maker.of(EMPTY), maker.key_class.packed_in
        results = [make(packed_in(query.partition, row[0]), [], 0) for row in rows]
    else:
        try:
            results = record.load_rows(rows, query.partition, catalog.shapes, maker)
        except KeyError:  # a shape that another process has defined
            yield from catalog.load()
            results = record.load_rows(rows, query.partition, catalog.shapes, maker)

    def cursor_after(n: int) -> bytes:
        if n < 0:
            return query.start if query.start is not None else cursor.encode(cursor.digest(query), None)
        return cursor.encode(cursor.digest(query), Position(rows[n][1], rows[n][0]))

    return Page(results, limit is not None and len(rows) == limit, cursor_after)


def _remember(
    forms: dict[FormOf | None, Form], scan: Scan, make: Callable[[], Statement | None], rest: int
) -> None:
    """Keep the text that *make* makes, which binds *rest* values besides operands, for queries of the same form."""
    form = form_of(scan.query)
    text = None if form is None or scan.query.kind is None else make()
    if form is not None and text is not None:
        remember(forms, form, scan.query, scan.plan, scan.kinds[0].indexes, text[0], len(text[1]) - rest)


def _rows(
    catalog: Catalog, scan: Scan, limit: int | None, transaction: Transaction | None
) -> Program[list[Row]]:
    """The rows of a page; in a transaction also the note by which commit repeats the read."""
    query = scan.query
    text = scan.statement(statement.KEYS if query.keys_only else statement.ROWS, limit, query.offset)
    rows: list[Row] = []
    if transaction is None:
        if text is not None:
            [rows] = yield [text]
        return rows
    versions: list[Row] = []
    again = partial(_again, catalog, scan, statement.VERSIONS, limit)
    check = again()
    if text is not None and check is not None:
        with suppress(MissingTableError):  # an index younger than the snapshot: nothing to find in it
            rows, versions = yield Snapshot(transaction.name, [text, check])
    else:
        yield Snapshot(transaction.name, [])
    transaction.queries.append((again, versions))
    return rows


def _again(catalog: Catalog, scan: Scan, fetch: str, limit: int | None) -> Statement | None:
    """The statement by which commit repeats a read, with the kinds and indexes that there are by then."""
    scan.kinds = _kinds(catalog, scan.query)
    return scan.statement(fetch, limit, scan.query.offset)


def run_aggregation(
    catalog: Catalog,
    query: Query,
    aggregations: Sequence[Aggregation],
    form: Form | None,
    transaction: Transaction | None = None,
) -> Program[list[Any]]:
    """The value of each aggregation, computed in the database; *form* is what is known of the count's form."""
    for aggregation in aggregations:
        if not isinstance(aggregation, Count):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadQueryError("an unknown aggregation", type=type(aggregation).__name__)
        if aggregation.up_to is not None and aggregation.up_to < 0:
            raise BadQueryError("a count is up to a number from 0", up_to=aggregation.up_to)
    whole = transaction is None and query.limit is None and not query.offset
    if form is not None and whole and len(aggregations) == 1 and aggregations[0].up_to is None:
        known = form.statement(query, catalog.estimates)
        if known is not None:
            [[(number,)]] = yield [known]
            return [number]
    scan = yield from prepare(catalog, query)
    if whole:
        _remember(catalog.counts, scan, partial(scan.statement, statement.COUNT, None, 0), 0)
    counts: list[Any] = []
    for aggregation in aggregations:
        limits = [limit for limit in (query.limit, aggregation.up_to) if limit is not None]
        limit = min(limits, default=None)
        again = partial(_again, catalog, scan, statement.COUNT, limit)
        counts.append((yield from _count(again, transaction)))
    return counts


def _count(again: Callable[[], Statement | None], transaction: Transaction | None) -> Program[int]:
    rows: list[Row] = []
    text = again()
    if text is not None:
        with suppress(MissingTableError):
            [rows] = yield read([text], transaction)
    elif transaction is not None:
        yield Snapshot(transaction.name, [])
    if transaction is not None:
        transaction.queries.append((again, rows))
    number: int = rows[0][0] if rows else 0
    return number
