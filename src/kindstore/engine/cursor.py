"""Cursors: a position in the results of one query, as opaque bytes.

A cursor holds the values and path of the last result, so it stays where it is whatever is inserted or deleted
elsewhere, that result included.  It names its query by a digest and is refused by any other; the query's own
bounds are applied again on top of it, so a forged position reads nothing that the query could not.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from kindstore.store.messages import AndFilter, Filter, PropertyFilter, Query
from kindstore.values.errors import BadCursorError
from kindstore.values.ordered import pack

from .join import orders_of, places_of
from .plan import KEY
from .statement import Position

_VERSION = 1


def columns_of(query: Query) -> tuple[tuple[str, bool], ...]:
    """What a position in the results of *query* consists of."""
    return places_of(orders_of(query), query.distinct_on)


def digest(query: Query, columns: tuple[tuple[str, bool], ...]) -> bytes:
    """Eight bytes that stand for everything that decides which results a query has, and in which order.

    The query with all of its orders reversed has the same.
    """
    parts: list[object] = [
        query.partition.names(),
        query.kind,
        None if query.ancestor is None else query.ancestor.path_bytes,
        [_of_filter(each) for each in query.filters],
        [[name, descending == columns[0][1]] for name, descending in columns],
        sorted(query.projection),
        sorted(query.distinct_on),
    ]
    return blake2b(msgspec.msgpack.encode(parts), digest_size=8).digest()


def _of_filter(condition: Filter) -> list[object]:
    if isinstance(condition, PropertyFilter):
        values: Iterable[Any] = condition.value if condition.op in {"IN", "NOT_IN"} else (condition.value,)
        return [condition.property, condition.op, list(map(pack, values))]
    return [isinstance(condition, AndFilter), *map(_of_filter, condition.filters)]


def encode(query: Query, position: Position | None) -> bytes:
    """The cursor of *query* after *position*; None is the place before the first result."""
    columns = columns_of(query)
    place = [] if position is None else [position.path, *position.values]
    body = msgspec.msgpack.encode([_VERSION, digest(query, columns), columns[0][1], *place])
    return body + blake2b(body, digest_size=4).digest()


def check(query: Query) -> None:
    """`BadCursorError` unless the cursors of *query* are its own."""
    for each in (query.start, query.end):
        if each is not None:
            decode(query, each)


def decode(query: Query, cursor: bytes) -> tuple[Position | None, bool]:
    """The position of *cursor* in *query*, None for before the first result; whether it is of the reversed query.

    `BadCursorError` if it is damaged or belongs to another query.
    """
    columns = columns_of(query)
    body, check = cursor[:-4], cursor[-4:]
    try:
        if blake2b(body, digest_size=4).digest() != check:
            raise ValueError
        version, found, descending, *place = msgspec.msgpack.decode(body)
        if version != _VERSION or not all(isinstance(part, bytes) for part in place):
            raise ValueError
        own = digest(query, columns)
        if found == own and len(place) not in (0, 1 + sum(name != KEY for name, _ in columns)):
            raise ValueError
    except (ValueError, TypeError, msgspec.DecodeError) as exc:
        raise BadCursorError("not a cursor", hint="Pass on a cursor as it was given.") from exc
    if found != own:
        raise BadCursorError(
            "the cursor belongs to another query",
            hint="Use a cursor with the same kind, ancestor, filters and orders that it came from.",
        )
    is_reverse = bool(descending) != columns[0][1]
    return (Position(tuple(place[1:]), place[0], is_reverse) if place else None), is_reverse
