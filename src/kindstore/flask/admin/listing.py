"""The list: its query in an order that has a reverse, and pages of it by cursor, forwards and backwards."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kindstore import ndb
from kindstore.mapper.filters import ConjunctionNode, FilterNode, PropertyOrder

_INEQUALITIES: Final = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True)
class Page:
    """Some *rows* of a list, and the marks of the places before and after them, for URLs; None where there are no more."""

    rows: list[Any]
    before: str | None
    after: str | None


def ordered(query: ndb.Query[Any], orders: Sequence[PropertyOrder]) -> ndb.Query[Any]:
    """*query* in *orders*, and in that of keys where these leave it open, so that it has a reverse.

    Without orders it is that of the property of which there is a range, if there is one: no other is as cheap.
    """
    chosen = [*(query.orders or ()), *orders] or _natural(query.filters)
    if "__key__" not in {order.name for order in chosen}:
        descends = bool(chosen) and chosen[-1].reverse
        chosen.append(PropertyOrder("__key__", reverse=descends))
    return _in_order(query, chosen)


def _natural(filters: ndb.Node | None) -> list[PropertyOrder]:
    nodes = filters if isinstance(filters, ConjunctionNode) else [filters]
    names = {each.name for each in nodes if isinstance(each, FilterNode) and each.op in _INEQUALITIES}
    return [PropertyOrder(name) for name in names] if len(names) == 1 else []


def _in_order(query: ndb.Query[Any], orders: Sequence[PropertyOrder]) -> ndb.Query[Any]:
    return query._changed(_orders=tuple(orders))


def page_of(query: ndb.Query[Any], size: int, offset: int = 0, mark: str | None = None) -> Page:
    """*size* results of *query*, which is `ordered`: after *offset* ones, or at *mark*, that of another page.

    ValueError and `BadCursorError` for a mark that is none.
    """
    if mark is None:
        rows, cursor, more = query.fetch_page(size, offset=offset)
        return Page(rows, None, _mark("a", cursor) if more else None)
    way, text = mark[:1], mark[1:]
    try:
        cursor = ndb.Cursor(urlsafe=text)
    except (ValueError, TypeError, binascii.Error):
        raise ValueError("not a place in a list") from None
    if way == "a":
        rows, end, more = query.fetch_page(size, start_cursor=cursor)
        return Page(rows, f"b{text}", _mark("a", end) if more else None)
    if way != "b":
        raise ValueError("not a place in a list")
    backwards = _in_order(query, [-order for order in query.orders or ()])
    rows, end, more = backwards.fetch_page(size, start_cursor=cursor)
    return Page(rows[::-1], _mark("b", end) if more else None, f"a{text}")


def _mark(way: str, cursor: Any) -> str | None:
    return None if cursor is None else way + cursor.urlsafe().decode()
