"""Pages of results: `Pagination` by number, as Flask-SQLAlchemy's, and `CursorPagination` by place."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from werkzeug.exceptions import NotFound

from kindstore.flask import asked
from kindstore.mapper.filters import ConjunctionNode, DisjunctionNode, FilterNode, Node, PropertyOrder
from kindstore.ndb.cursor import Cursor
from kindstore.ndb.query import Query
from kindstore.values.errors import BadCursorError

M = TypeVar("M")

_KEY = "__key__"
_FARTHEST = 2**31 - 1
"""The largest offset that the Datastore takes."""


class Pagination(Generic[M]):
    """One page of the results of a query, by its number: what `Query.paginate` returns."""

    def __init__(self, query: Query[M], wanted: Wanted, items: list[M], total: int | None) -> None:
        self._query, self._wanted = query, wanted
        self.page = wanted.page
        """Its number, from 1."""
        self.per_page = wanted.per_page
        """How many results a page has, but for the last."""
        self.items = items
        """The results."""
        self.total = total
        """How many results there are on all pages; None if they were not counted."""
        if not items and self.page > 1 and wanted.error_out:
            raise NotFound

    def __repr__(self) -> str:
        return f"<Pagination: page {self.page} of {self.pages}, {len(self.items)} items>"

    def __iter__(self) -> Iterator[M]:
        return iter(self.items)

    @property
    def first(self) -> int:
        """The number of its first result among all, from 1; 0 if there is none."""
        return (self.page - 1) * self.per_page + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of its last result among all; 0 if there is none."""
        return self.first + len(self.items) - 1 if self.items else 0

    @property
    def pages(self) -> int:
        """How many pages there are; 0 if nothing was counted."""
        return -(-(self.total or 0) // self.per_page)

    @property
    def has_prev(self) -> bool:
        """Whether there is a page before it."""
        return self.page > 1

    @property
    def prev_num(self) -> int | None:
        """The number of the page before it; None if there is none."""
        return self.page - 1 if self.has_prev else None

    @property
    def has_next(self) -> bool:
        """Whether there is a page after it; False if nothing was counted."""
        return self.page < self.pages

    @property
    def next_num(self) -> int | None:
        """The number of the page after it; None if there is none."""
        return self.page + 1 if self.has_next else None

    def prev(self, *, error_out: bool = False) -> Pagination[M]:
        """The page before it, read now."""
        return self._turned(self.page - 1, error_out)

    def next(self, *, error_out: bool = False) -> Pagination[M]:
        """The page after it, read now."""
        return self._turned(self.page + 1, error_out)

    def _turned(self, page: int, error_out: bool) -> Pagination[M]:
        wanted = self._wanted
        return read(self._query, Wanted(page, wanted.per_page, wanted.per_page, error_out, wanted.count))

    def iter_pages(
        self, *, left_edge: int = 2, left_current: int = 2, right_current: int = 4, right_edge: int = 2
    ) -> Iterator[int | None]:
        """The numbers of pages for a row of links: those at both ends and those around it; None for what is left out."""
        end, before = self.pages + 1, 0
        for number in range(1, end):
            at_an_end = number <= left_edge or number >= end - right_edge
            if at_an_end or self.page - left_current <= number <= self.page + right_current:
                if number - before > 1:
                    yield None
                yield number
                before = number
        if before and before < end - 1:
            yield None


class Wanted:
    """Which page is asked for: the arguments of `Query.paginate`, completed by those of the request.

    The response is 404 Not Found for what is no number of a page, if *error_out*; else it is the first page.
    """

    def __init__(
        self, page: int | None, per_page: int | None, max_per_page: int | None, error_out: bool, count: bool
    ) -> None:
        self.page = asked.number(page, "page", 1, error_out)
        self.per_page = asked.size(per_page, max_per_page, error_out)
        self.error_out, self.count = error_out, count

    @property
    def offset(self) -> int:
        """How many results come before the page."""
        return (self.page - 1) * self.per_page

    @property
    def is_possible(self) -> bool:
        """Whether any Datastore has so many results."""
        return self.offset <= _FARTHEST

    def total_of(self, items: list[Any]) -> int | None:
        """How many results there are, if *items* tell; None if they are to be counted."""
        known = len(items) < self.per_page and (items or not self.offset)
        return self.offset + len(items) if known else None


def read(query: Query[M], wanted: Wanted) -> Pagination[M]:
    """The page that is *wanted*; results are counted only if the page does not tell how many there are."""
    items = query.fetch(wanted.per_page, offset=wanted.offset) if wanted.is_possible else []
    total = None
    if wanted.count:
        total = wanted.total_of(items)
        total = _whole(query).count() if total is None else total
    return Pagination(query, wanted, items, total)


async def aread(query: Query[M], wanted: Wanted) -> Pagination[M]:
    """The same in an event loop."""
    items = await query.fetch_async(wanted.per_page, offset=wanted.offset) if wanted.is_possible else []
    total = None
    if wanted.count:
        total = wanted.total_of(items)
        total = await _whole(query).count_async() if total is None else total
    return Pagination(query, wanted, items, total)


class CursorPagination(Generic[M]):
    """One page of the results of a query, by its place: what `Query.paginate_by_cursor` returns.

    However far it is, it costs the same; and it stays where it is when something is put or deleted before it.
    """

    def __init__(
        self, items: list[M], per_page: int, prev_cursor: str | None, next_cursor: str | None
    ) -> None:
        self.items = items
        """The results."""
        self.per_page = per_page
        """How many results a page has, but for the last."""
        self.prev_cursor = prev_cursor
        """The cursor of the page before it, for a URL; None if there is none, or if the query can't be turned round."""
        self.next_cursor = next_cursor
        """The cursor of the page after it; None if there is none."""

    def __repr__(self) -> str:
        return f"<CursorPagination: {len(self.items)} items, next {self.next_cursor!r}>"

    def __iter__(self) -> Iterator[M]:
        return iter(self.items)

    @property
    def has_prev(self) -> bool:
        """Whether there is a page before it, as far as can be told."""
        return self.prev_cursor is not None

    @property
    def has_next(self) -> bool:
        """Whether there is a page after it."""
        return self.next_cursor is not None


class Place:
    """Where a page begins, or ends: what a cursor in a URL says.  None is the first page.

    `BadCursorError` for text that is no such cursor.  It is the Datastore's own with a letter in front, "n" for what comes
    after the place and "p" for what comes before; the store refuses one of another query.
    """

    def __init__(self, text: str | None) -> None:
        if text and (text[0] not in "np" or not text.isascii()):
            raise BadCursorError("malformed cursor", cursor=text)
        self.cursor = Cursor(urlsafe=text[1:]) if text else None
        self.backwards = bool(text) and text[:1] == "p"  # type: ignore[index]


def _text(direction: str, cursor: Cursor | None) -> str | None:
    return None if cursor is None else direction + cursor.urlsafe().decode()


def sized(query: Query[M], place: Place) -> Query[M]:
    """*query* as it is to be read for the page at *place*: all of it, and from the end if the page is before that.

    `BadCursorError` for a place before which this query can't be read.
    """
    whole = _whole(query)
    if not place.backwards:
        return whole
    orders = reversed_orders(whole)
    if orders is None:
        raise BadCursorError("a query that can't be turned round has no page before another")
    return whole._changed(_orders=orders)


def _whole(query: Query[M]) -> Query[M]:
    return query._changed(_limit=None, _offset=None)


def paged(
    query: Query[M], place: Place, per_page: int, page: tuple[list[M], Cursor | None, bool]
) -> CursorPagination[M]:
    """The page that `fetch_page` has read of what `sized` made of *query*."""
    items, end, more = page
    if place.backwards:
        before, after = end if more else None, place.cursor
        items = items[::-1]
    else:
        before, after = place.cursor, end if more else None
    if before is not None and reversed_orders(query) is None:
        before = None
    return CursorPagination(items, per_page, _text("p", before), _text("n", after))


def reversed_orders(query: Query[Any]) -> tuple[PropertyOrder, ...] | None:
    """The orders that give the results of *query* from the last to the first; None where there are none.

    Keys upwards come last of themselves, and before them the properties that have inequalities.
    """
    if query._projection or query._distinct_on:
        return None
    given = list(query._orders or ())
    if _KEY not in (names := [each.name for each in given]):
        ranged = _ranged(query._filters)
        if ranged is None:
            return None
        given += [PropertyOrder(name) for name in sorted(ranged - {_KEY}) if name not in names]
        given.append(PropertyOrder(_KEY))
    return tuple(PropertyOrder(each.name, reverse=not each.reverse) for each in given)


def _ranged(condition: Node | None) -> set[str] | None:
    """The properties that have inequalities in all alternatives; None for a condition that can't be seen through."""
    if condition is None:
        return set()
    if isinstance(condition, DisjunctionNode):
        found = [_ranged(each) for each in condition.nodes]
        known = [each for each in found if each is not None]
        if not known or len(known) < len(found):
            return None
        return {name for name in known[0] if all(name in each for each in known)}
    parts: Sequence[Any] = condition.nodes if isinstance(condition, ConjunctionNode) else (condition,)
    filters = [each for each in parts if isinstance(each, FilterNode)]
    if len(filters) < len(parts):
        return None
    return {each.name for each in filters if each.op not in ("=", "in")}
