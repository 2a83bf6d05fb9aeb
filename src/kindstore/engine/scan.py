# pyright: reportPrivateUsage=false
"""Reading: pages of queries, counts.  Programs that yield one batch each where the catalog is warm."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.messages import Aggregation, Count, Page, Query, R, Sum
from kindstore.store.program import Program, Row, Snapshot, Statement
from kindstore.values import record
from kindstore.values.entity import EMPTY, Maker, Shape
from kindstore.values.limits import INT_MAX, INT_MIN
from kindstore.values.ordered import unpack, unpack_all

from . import cursor, join_statement, statement
from .catalog import INDEX_EPOCH, Catalog, Kind
from .composite import CompositeIndex, Needs, needs
from .errors import MissingTableError
from .estimates import Question
from .form import LIMIT, OFFSET, Form, Forms, JoinForm, form_of, join_form, remember
from .gather import Gather, gather, gathering
from .gather_rows import results
from .join import Join, join
from .leads import answered, lead, ordered
from .lookup import read
from .plan import Plan, plan
from .serving import Missing as Lacking
from .serving import refusal, serve
from .statement import Position
from .transaction import Transaction

MOST = 1 << 61
"""More results than there can be: any number of at least as many is bound as this one, for SQLite has 64 bits."""


class Scan:
    """A query made ready: its plan, its kinds, and where its cursors begin and end it."""

    __slots__ = ("decided", "empty", "end", "gather", "kinds", "plan", "query", "start")

    def __init__(self, query: Query, kinds: list[Kind], plan: Plan | Join) -> None:
        self.query, self.kinds, self.plan = query, kinds, plan
        self.start: Position | None = None
        self.end: Position | None = None
        self.empty = False
        """Whether the query ends where it begins."""
        self.decided: tuple[Question, Hashable] | None = None
        """What was decided about its plan, which may be another for other operands and limits."""
        self.gather: Gather | None = None
        """How to do without the join that its plan is."""

    @property
    def uses_composites(self) -> bool:
        """Whether it reads a composite index, which may be dropped at any time."""
        return isinstance(self.plan, Join) and any(branch.index is not None for branch in self.plan.branches)

    def statement(self, fetch: str, limit: int | None, offset: int) -> Statement | None:
        """The statement of a page, None where nothing can match."""
        if self.empty:
            return None
        limit, offset = None if limit is None else min(limit, MOST), min(offset, MOST)
        if isinstance(self.plan, Join):
            return join_statement.scan(self.plan, self.kinds, fetch, self.start, self.end, limit, offset)
        return statement.scan(self.plan, self.kinds, fetch, self.start, self.end, limit, offset)


def prepare(
    catalog: Catalog, query: Query, most: int | None = None, *, may_gather: bool = False
) -> Program[Scan]:
    """Plan *query*, of which *most* results are read, and choose what leads; *may_gather*: its results may be gathered.

    Raises for a query or cursor that is no good before it yields.
    """
    start = end = None
    empty = False
    if query.start is not None:
        start, is_reverse = cursor.decode(query, query.start)
        empty = start is None and is_reverse  # the end of the results, looked at from there
    if query.end is not None:
        end, is_reverse = cursor.decode(query, query.end)
        empty = empty or (end is None and not is_reverse)
    planned = yield from _planned(catalog, query)
    kinds = _kinds(catalog, query)
    properties = planned.properties
    if not kinds or not properties <= kinds[0].indexes.keys() or query.kind is None:
        yield from catalog.load()
        kinds = _kinds(catalog, query)
    decided: tuple[Question, Any] | None = None
    gathered: Gather | None = None
    has_choice = isinstance(planned, Join) or planned.probes
    if has_choice and kinds and properties <= kinds[0].indexes.keys():
        if isinstance(planned, Plan) and planned.equal is not None:
            planned = yield from lead(catalog, kinds[0], planned)
        elif (in_order := ordered(planned)) is not None:
            decided = yield from answered(catalog.estimates, in_order.question(kinds[0]), most)
            planned = in_order.by(decided[1])
        elif isinstance(planned, Join) and may_gather and (asked := gathering(kinds[0], planned)) is not None:
            decided = yield from answered(catalog.estimates, asked, most)
            gathered = gather(planned, asked, decided[1], most)
    scan = Scan(query, kinds, planned)
    scan.decided, scan.gather = decided, gathered
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
                raise refusal(lacking)
        existing = _existing(catalog, query)
        if len(lacking) < len(wanted) and existing:
            return join(query, existing)
    planned = plan(query)
    if planned is None:
        return join(query, _existing(catalog, query))
    if planned.probes and planned.equal is not None and (existing := _existing(catalog, query)):
        # Equalities need no composite index, but one that has them all has no other rows than the results'.
        joined = join(query, existing)
        if all(branch.index is not None for branch in joined.branches):
            return joined
    return planned


def _needs(query: Query) -> Needs | None:
    """`composite.needs`, without its work for queries of equalities alone, which are many."""
    is_bare = not query.orders and not query.projection and not query.distinct_on
    if is_bare and all(each.op == "=" for each in comparisons(query)):
        return None
    return needs(query)


def _lacking(catalog: Catalog, query: Query, wanted: list[Needs]) -> list[Lacking]:
    existing = _existing(catalog, query)
    return [found for each in wanted if isinstance(found := serve(each, existing), Lacking)]


def _existing(catalog: Catalog, query: Query) -> list[CompositeIndex]:
    """The composite indexes that can be read now."""
    return [] if query.kind is None else catalog.definitions(query.partition, query.kind)


def _kinds(catalog: Catalog, query: Query) -> list[Kind]:
    if query.kind is not None:
        kind = catalog.kinds.get((query.partition, query.kind))
        return [] if kind is None else [kind]
    return [kind for (partition, _), kind in catalog.kinds.items() if partition == query.partition]


def run_query(
    catalog: Catalog,
    query: Query,
    form: Form | JoinForm | None,
    transaction: Transaction | None,
    page_size: int | None,
    maker: Maker[R],
) -> Program[Page[R]]:
    """The first page of *query*; *form* is what is known of its form."""
    limit = query.limit
    if page_size is not None:
        limit = page_size if limit is None else min(limit, page_size)
    known: list[Row] | None = None
    names: tuple[str, ...] = ()
    if form is not None and transaction is None:
        rest = (-1 if limit is None else min(limit, MOST), min(query.offset, MOST))
        text, gathered = form.find(query, catalog.estimates, rest)
        if gathered is not None and text is not None:
            of_first = gathered.of_first(sum(rest))
            known = yield from _gathered(catalog, query, of_first, text, None, None, limit)
        elif text is not None:
            known = yield from _known_rows(catalog, form, text)
    if known is not None:
        rows = known
        if isinstance(form, JoinForm):
            width, names = form.width, form.names
        else:
            width = 0 if rows and rows[0][1] is None else 1
    else:
        scan = yield from prepare(catalog, query, most_of(query, limit), may_gather=transaction is None)
        rows = yield from _rows(catalog, scan, limit, transaction)
        width = scan.plan.width
        if isinstance(scan.plan, Join):
            names = scan.plan.names
        if transaction is None:
            _remember_page(catalog.forms, scan, limit is not None)
    if query.projection:
        results = _projected(query, names, rows, maker)
    else:
        results = yield from _made(catalog, query, rows, maker)

    def cursor_after(n: int) -> bytes:
        if n < 0:
            return query.start if query.start is not None else cursor.encode(query, None)
        row = rows[n]
        return cursor.encode(query, Position(row[1 : 1 + width], row[0]))

    return Page(results, limit is not None and len(rows) == limit, cursor_after)


def most_of(query: Query, limit: int | None) -> int | None:
    """How many results of *query* are looked at, for a page of at most *limit*."""
    return None if limit is None else min(limit, MOST) + min(query.offset, MOST)


def _known_rows(catalog: Catalog, form: Form | JoinForm, text: Statement) -> Program[list[Row] | None]:
    """The rows of a remembered statement; None if another process has dropped the index that it reads."""
    rows: list[Row]
    try:
        [rows] = yield [text]
    except MissingTableError:
        if not isinstance(form, JoinForm):
            raise
        yield from catalog.load()
        catalog.forms.clear()
        catalog.counts.clear()
        return None
    return rows


def _remember_page(forms: Forms, scan: Scan, limited: bool) -> None:
    """Keep the text of a page for queries of the same form: with places for the limit, if it has one, and the offset."""
    fetch = statement.KEYS if scan.query.keys_only or scan.query.projection else statement.ROWS
    gathered = scan.gather
    if gathered is None:
        make = partial(scan.statement, fetch, LIMIT if limited else None, OFFSET)
    elif gathered.depends_on_operands:
        return
    else:
        make = partial(gathered.of_first(LIMIT + OFFSET).statement, scan.kinds, None)
    _remember(forms, scan, make, limited, 2)


def _remember(
    forms: Forms, scan: Scan, make: Callable[[], Statement | None], limited: bool, rest: int
) -> None:
    """Keep the text that *make* makes, which binds *rest* values besides operands, for queries of the same form."""
    query, plan = scan.query, scan.plan
    form = form_of(query)
    if form is None or query.kind is None or not scan.kinds:
        return
    indexes = scan.kinds[0].indexes
    if not plan.properties <= indexes.keys():
        return  # a branch of a join without rows, until somebody stores the property
    text = make()
    if text is None:
        return
    if isinstance(plan, Join) or scan.decided is not None:
        names = plan.names if isinstance(plan, Join) else ()
        join_form(forms, form, names, plan.width).add(query, text, limited, scan.decided, scan.gather)
    else:
        remember(forms, form, query, plan, indexes, text[0], len(text[1]) - rest)


def _made(catalog: Catalog, query: Query, rows: list[Row], maker: Maker[R]) -> Program[list[R]]:
    """What *maker* makes of a page's rows: (path, values…) of keys, (path, values…, version, body) of entities."""
    if query.keys_only:
        make, packed_in = maker.of(EMPTY), maker.key_class.packed_in
        return [make(packed_in(query.partition, row[0]), [], 0) for row in rows]
    if rows and len(rows[0]) != 4:
        rows = [(row[0], None, *row[-2:]) for row in rows]
    try:
        return record.load_rows(rows, query.partition, catalog.shapes, maker)
    except KeyError:  # a shape that another process has defined
        yield from catalog.load()
        return record.load_rows(rows, query.partition, catalog.shapes, maker)


def _projected(query: Query, names: Sequence[str], rows: list[Row], maker: Maker[R]) -> list[R]:
    """The results of a projection, their values in the form that indexes hold (int for a datetime, bytes for a str).

    *names*: the properties that the rows have values of, after the path.
    """
    if not rows:
        return []
    make = maker.of(Shape.of(query.projection))
    keys = record.keys_of(rows, query.partition, maker.key_class)
    packed = list(zip(*rows, strict=True))
    values = zip(*(unpack_all(packed[1 + names.index(name)]) for name in query.projection), strict=True)
    return [make(key, list(found), 0) for key, found in zip(keys, values, strict=True)]


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
            # The snapshot may hold a composite index that is not built yet.
            stale = scan.uses_composites and flags >> INDEX_EPOCH != catalog.index_epoch
        except MissingTableError:
            stale = True
        if stale:
            if scan.uses_composites:
                scan.plan = join(query)
            kinds = yield from _kinds_in(catalog, query, transaction)
            text, check = _again(catalog, scan, fetch, limit, kinds), again(kinds)
            rows, versions = [], []
            if text is not None and check is not None:
                rows, versions = yield Snapshot(transaction.name, [text, check])
    else:
        yield Snapshot(transaction.name, [])
    transaction.queries.append((again, versions))
    return rows


def _kinds_in(catalog: Catalog, query: Query, transaction: Transaction) -> Program[list[Kind]]:
    """The kinds of *query* with those indexes of properties alone that are there in the snapshot of *transaction*."""
    [properties] = yield Snapshot(transaction.name, [(catalog.dialect.properties, ())])
    there = {number for number, *_ in properties}
    return [each.within(there) for each in _kinds(catalog, query)]


def _current_rows(catalog: Catalog, scan: Scan, fetch: str, limit: int | None) -> Program[list[Row]]:
    """The rows of a page as the database is now."""
    if scan.gather is not None:
        text = None if scan.empty else scan.gather.statement(scan.kinds, scan.start)
        if text is None:
            return []
        found = yield from _gathered(catalog, scan.query, scan.gather, text, scan.start, scan.end, limit)
        if found is not None:
            return found
    rows: list[Row] = []
    text = scan.statement(fetch, limit, scan.query.offset)
    if text is None:
        return rows
    try:
        [rows] = yield [text]
    except MissingTableError:
        if not scan.uses_composites:
            raise
        # Another process has dropped an index, and may just be dropping the next one that would do.
        yield from _replan(catalog, scan)
        text = scan.statement(fetch, limit, scan.query.offset)
        assert text is not None
        [rows] = yield [text]
    return rows


def _gathered(
    catalog: Catalog,
    query: Query,
    gathered: Gather,
    text: Statement,
    start: Position | None,
    end: Position | None,
    limit: int | None,
) -> Program[list[Row] | None]:
    """The rows of a page from records; None if they have to be joined, as those like it will be for a while."""
    [rows] = yield [text]
    rest = start, end, limit, query.offset
    try:
        found = results(gathered, rows, catalog.shapes, *rest)
    except KeyError:  # a shape that another process has defined
        yield from catalog.load()
        found = results(gathered, rows, catalog.shapes, *rest)
    if found is None:
        [kind] = _kinds(catalog, query)
        gathered.note_vain(catalog.estimates, kind)
    return found


def _replan(catalog: Catalog, scan: Scan) -> Program[None]:
    """Plan without the composite indexes, of which one is gone."""
    yield from catalog.load()
    scan.plan = join(scan.query)


def _again(
    catalog: Catalog, scan: Scan, fetch: str, limit: int | None, kinds: list[Kind] | None = None
) -> Statement | None:
    """The statement by which commit repeats a read, with the kinds and indexes that there are by then, or with *kinds*."""
    scan.kinds = _kinds(catalog, scan.query) if kinds is None else kinds
    return scan.statement(fetch, limit, scan.query.offset)


def run_aggregation(
    catalog: Catalog,
    query: Query,
    aggregations: Sequence[Aggregation],
    form: Form | JoinForm | None,
    transaction: Transaction | None = None,
) -> Program[list[Any]]:
    """The value of each aggregation, computed in the database; *form* is what is known of the count's form."""
    whole = transaction is None and query.limit is None and not query.offset
    if form is not None and whole and len(aggregations) == 1 and aggregations[0] == Count():
        known, _ = form.find(query, catalog.estimates)
        rows = None if known is None else (yield from _known_rows(catalog, form, known))
        if rows is not None:
            [(number,)] = rows
            return [number]
    scan = yield from prepare(catalog, query)
    if transaction is not None and scan.uses_composites:
        scan.plan = join(query)  # the snapshot may hold an index that is not built yet
    if whole:
        _remember(catalog.counts, scan, partial(scan.statement, statement.COUNT, None, 0), False, 0)
    found: list[Any] = []
    for aggregation in aggregations:
        if isinstance(aggregation, Count):
            limits = [limit for limit in (query.limit, aggregation.up_to) if limit is not None]
            again = partial(_again, catalog, scan, statement.COUNT, min(limits, default=None))
            rows = yield from _aggregated(catalog, scan, again, transaction)
            found.append(rows[0][0] if rows else 0)
        else:
            counted = partial(_values_again, catalog, scan, aggregation.property)
            rows = yield from _aggregated(catalog, scan, counted, transaction)
            found.append((total if isinstance(aggregation, Sum) else mean)(rows))
    return found


def _values_again(
    catalog: Catalog, scan: Scan, name: str, kinds: list[Kind] | None = None
) -> Statement | None:
    """The values of property *name* among the results, each with how often it is there."""
    keys = _again(catalog, scan, statement.KEYS, scan.query.limit, kinds)
    is_split = name in scan.query.projection or name in scan.query.distinct_on
    if keys is not None and is_split and isinstance(scan.plan, Join):
        return join_statement.values_of(keys, scan.plan.names.index(name))
    index = scan.kinds[0].indexes.get(name) if scan.kinds else None
    return None if keys is None or index is None else statement.values_of(keys, index)


def _aggregated(
    catalog: Catalog, scan: Scan, again: Callable[..., Statement | None], transaction: Transaction | None
) -> Program[list[Row]]:
    """The rows of an aggregation; in a transaction commit repeats it."""
    rows: list[Row] = []
    text = again()
    if text is not None:
        try:
            [rows] = yield read([text], transaction)
        except MissingTableError:
            if transaction is not None:
                text = again(kinds=(yield from _kinds_in(catalog, scan.query, transaction)))
            elif scan.uses_composites:
                yield from _replan(catalog, scan)  # another process has dropped an index
                text = again()
                assert text is not None
            else:
                raise
            if text is not None:
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
    return _sum(numbers)


def mean(rows: list[Row]) -> float | None:
    """The mean of the numbers among (packed value, how often) rows; None of none."""
    numbers = _numbers(rows)
    times = sum(times for _, times in numbers)
    return _sum(numbers) / times if times else None


def _sum(numbers: list[tuple[int | float, int]]) -> float:
    parts = [float(number) * times for number, times in numbers]
    # Infinities that meet are NaN, which `fsum` refuses.
    return math.fsum(parts) if all(map(math.isfinite, parts)) else sum(parts)


def _numbers(rows: list[Row]) -> list[tuple[int | float, int]]:
    values = ((unpack(packed), times) for packed, times in rows)
    return [
        (value, times)
        for value, times in values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
