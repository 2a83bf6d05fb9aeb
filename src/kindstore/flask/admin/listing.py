"""The list: pages of a query by cursor, forwards and backwards."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kindstore import ndb
from kindstore.mapper.filters import ConjunctionNode, FilterNode, PropertyOrder
from kindstore.values.errors import BadQueryError, NeedIndexError

_INEQUALITIES: Final = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True)
class Page:
    """Some *rows* of a list, and the marks of the places before and after them, for URLs; None where there are no more."""

    rows: list[Any]
    before: str | None
    after: str | None


def in_order(query: ndb.Query[Any], orders: Sequence[PropertyOrder]) -> ndb.Query[Any]:
    """*query* in its own orders, then in *orders*."""
    return query._changed(_orders=(*(query.orders or ()), *orders)) if orders else query


def _reversed(query: ndb.Query[Any]) -> ndb.Query[Any]:
    """*query* from its end to its beginning."""
    orders = [-order for order in query.orders or _natural(query.filters)]
    if "__key__" not in {order.name for order in orders}:
        orders.append(PropertyOrder("__key__", reverse=True))  # the store settles ties upwards
    return query._changed(_orders=tuple(orders))


def _natural(filters: ndb.Node | None) -> list[PropertyOrder]:
    """The order that a query has if it names none: that of the property of which it has a range."""
    nodes = filters if isinstance(filters, ConjunctionNode) else [filters]
    names = {each.name for each in nodes if isinstance(each, FilterNode) and each.op in _INEQUALITIES}
    return [PropertyOrder(name) for name in names]


def page_of(query: ndb.Query[Any], size: int, offset: int = 0, mark: str | None = None) -> Page:
    """*size* results of *query* at *mark*, that of another page, or after *offset* ones, if that leads nowhere.

    A mark may be of another query, or made up.  A query may have no reverse, for want of an index.
    """
    if mark is not None:
        try:
            return _page_at(query, size, mark)
        except (BadQueryError, NeedIndexError):
            pass
    rows, cursor, more = query.fetch_page(size, offset=offset)
    return Page(rows, None, _mark("a", cursor) if more else None)


def _page_at(query: ndb.Query[Any], size: int, mark: str) -> Page:
    way, text = mark[:1], mark[1:]
    cursor = ndb.Cursor(urlsafe=text)
    if way == "b":
        rows, end, more = _reversed(query).fetch_page(size, start_cursor=cursor)
        return Page(rows[::-1], _mark("b", end) if more else None, f"a{text}")
    rows, end, more = query.fetch_page(size, start_cursor=cursor)
    return Page(rows, f"b{text}", _mark("a", end) if more else None)


def _mark(way: str, cursor: Any) -> str | None:
    return None if cursor is None else way + cursor.urlsafe().decode()
