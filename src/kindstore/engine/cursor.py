"""Cursors: a position in the results of one query, as opaque bytes.

A cursor holds the values and path of the last result, so it stays where it is whatever is inserted or deleted
elsewhere, that result included.  It names its query by a digest and is refused by any other; the query's own
bounds are applied again on top of it, so a forged position reads nothing that the query could not.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from kindstore.store.messages import AndFilter, Filter, PropertyFilter, Query
from kindstore.values.errors import BadCursorError
from kindstore.values.ordered import pack

from .statement import Position

_VERSION = 1


def digest(query: Query) -> bytes:
    """Eight bytes that stand for everything that decides which results a query has, and in which order."""
    parts: list[object] = [
        query.partition.names(),
        query.kind,
        None if query.ancestor is None else query.ancestor.path_bytes,
        [_of_filter(each) for each in query.filters],
        [[item.property, item.descending] for item in query.orders],
        query.projection,
        query.distinct_on,
    ]
    return blake2b(msgspec.msgpack.encode(parts), digest_size=8).digest()


def _of_filter(condition: Filter) -> list[object]:
    if isinstance(condition, PropertyFilter):
        values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        return [condition.property, condition.op, list(map(pack, values))]
    return [isinstance(condition, AndFilter), *map(_of_filter, condition.filters)]


def encode(of_query: bytes, position: Position | None) -> bytes:
    """The cursor after *position*; None is the place before the first result."""
    place = [] if position is None else [position.path, *position.values]
    body = msgspec.msgpack.encode([_VERSION, of_query, *place])
    return body + blake2b(body, digest_size=4).digest()


def decode(cursor: bytes, of_query: bytes, width: int) -> Position | None:
    """The position of *cursor*, with *width* values; `BadCursorError` if it is damaged or belongs to another query."""
    body, check = cursor[:-4], cursor[-4:]
    try:
        if blake2b(body, digest_size=4).digest() != check:
            raise ValueError
        version, found, *place = msgspec.msgpack.decode(body)
        if version != _VERSION or not all(isinstance(part, bytes) for part in place):
            raise ValueError
        if found == of_query and len(place) not in (0, width + 1):
            raise ValueError
    except (ValueError, TypeError, msgspec.DecodeError) as exc:
        raise BadCursorError("not a cursor", hint="Pass on a cursor as it was given.") from exc
    if found != of_query:
        raise BadCursorError(
            "the cursor belongs to another query",
            hint="Use a cursor with the same kind, ancestor, filters and orders that it came from.",
        )
    return Position(tuple(place[1:]), place[0]) if place else None
