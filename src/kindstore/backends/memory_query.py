"""Queries over plain entities by full scans: the letter of spec/service.md 2.2 and 3.1-3.4, and nothing clever.

Called by `memory`.  Pure functions: pages and aggregations of what `memory_matching` finds, and their cursors.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from kindstore.store.checks import KEY
from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.messages import Aggregation, Average, Count, Order, Page, Query
from kindstore.values.entity import EMPTY, Entity, Shape
from kindstore.values.errors import BadCursorError, BadQueryError, Error
from kindstore.values.key import Key
from kindstore.values.ordered import pack, unpack

from .memory_matching import Match, indexed_values, matches, position_of, sort_orders

MAX_INT64 = 2**63 - 1

Position: TypeAlias = tuple[Any, ...]

_Body: TypeAlias = tuple[bytes, bool, list[bytes] | None]
"""What a cursor holds: the digest of its query, whether its first column descends, and its place."""


# Pages.


def page_of(query: Query, entities: Iterable[Entity], page_size: int | None) -> Page[Entity]:
    """The first *page_size* results of *query*."""
    start, found = _cut(query, entities)
    page = found if page_size is None else found[:page_size]

    def cursor_after(at: int) -> bytes:
        return start if at < 0 else encode_cursor(query, page[at])

    return Page(
        results=[result_of(query, match) for match in page],
        more=len(page) < len(found),
        cursor_after=cursor_after,
    )


def versions_of(
    query: Query, entities: Iterable[Entity], page_size: int | None
) -> list[tuple[Key | None, int]]:
    """The key of each result of that page, and the version of the entity that it was made of."""
    _, found = _cut(query, entities)
    return [(match.entity.key, match.entity.version) for match in found[:page_size]]


def _cut(query: Query, entities: Iterable[Entity]) -> tuple[bytes, list[Match]]:
    """The results of *query* between its cursors, offset and limit honoured, and the cursor where they begin."""
    found = matches(query, entities)
    start = encode_cursor(query, None) if query.start is None else query.start
    is_before = decode_cursor(query, start)
    found = [match for match in found if not is_before(match)]
    if query.end is not None:
        found = list(filter(decode_cursor(query, query.end), found))
    if query.offset:
        skipped, found = found[: query.offset], found[query.offset :]
        if skipped:
            start = encode_cursor(query, skipped[-1])
    return start, found if query.limit is None else found[: query.limit]


def result_of(query: Query, match: Match) -> Entity:
    """*match* as a result: without values if *query* asks for keys only, with the projected ones if for those.

    Projected values have their index form: int for a datetime, bytes for a str.
    """
    entity = match.entity
    if query.projection:
        values = [unpack(pack(match.split[name])) for name in query.projection]
        return Entity(entity.key, Shape.of(query.projection), values)
    return Entity(entity.key, EMPTY, [], entity.version) if query.keys_only else entity


# Cursors: a place between two results, which is the same from both sides.


def encode_cursor(query: Query, match: Match | None) -> bytes:
    """The place right after *match*, for this query only; None is before the first result."""
    columns = _columns(query)
    place: list[bytes] | None = None
    if match is not None:
        assert match.entity.key is not None
        values = dict(zip((order.property for order in sort_orders(query)), match.sort_values, strict=True))
        place = [pack(values[order.property]) for order in columns if order.property != KEY]
        if not query.distinct_on:
            place.append(match.entity.key.path_bytes)
    body = msgspec.msgpack.encode([_digest(query, columns), columns[0].descending, place])
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:4] + body)


def decode_cursor(query: Query, cursor: bytes) -> Callable[[Match], bool]:
    """Tells which results stand before *cursor*; `BadCursorError` unless it is of *query*, or of its reverse."""
    columns = _columns(query)
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        check, body = raw[:4], raw[4:]
        if hashlib.sha256(body).digest()[:4] != check:
            raise BadCursorError("not a cursor", hint="Pass on a cursor as it was given.")
        digest, descending, place = msgspec.msgpack.decode(body, type=_Body)
        if digest != _digest(query, columns):
            raise BadCursorError(
                "the cursor belongs to another query",
                hint="Use a cursor with the same kind, ancestor, filters and orders that it came from.",
            )
        is_reverse = descending != columns[0].descending
        if place is None:
            return lambda _match: is_reverse
        until = _position(query, place)
    except BadQueryError:
        raise
    except (Error, ValueError, TypeError, msgspec.DecodeError) as exc:
        raise BadCursorError("not a cursor", hint="Pass on a cursor as it was given.") from exc
    # In the reverse of its query, what was right before a cursor is the first after it.
    if is_reverse:
        return lambda match: match.position[: len(until)] < until
    return lambda match: match.position[: len(until)] <= until


def _position(query: Query, place: list[bytes]) -> Position:
    orders = sort_orders(query)
    if query.distinct_on:
        return position_of(orders[: len(query.distinct_on)], map(unpack, place), None)
    *packed, path = place
    key = Key.packed_in(query.partition, path)
    names = [order.property for order in orders]
    values: dict[str, Any] = dict(
        zip((name for name in names if name != KEY), map(unpack, packed), strict=True)
    )
    return position_of(orders, [key if name == KEY else values[name] for name in names], key)


def _columns(query: Query) -> list[Order]:
    """The orders that a place stands in: those of the distinct properties, or all with the key."""
    orders = sort_orders(query)
    if query.distinct_on:
        return orders[: len(query.distinct_on)]
    return orders if any(order.property == KEY for order in orders) else [*orders, Order(KEY)]


def _digest(query: Query, columns: Sequence[Order]) -> bytes:
    """What decides which results *query* has, and in which order or its reverse."""
    parts = (
        query.partition.names(),
        query.kind,
        None if query.ancestor is None else query.ancestor.path,
        sorted(
            sorted((each.property, each.op, pack(each.value)) for each in comparisons(alternative))
            for alternative in conjunctions(query)
        ),
        [(each.property, each.descending == columns[0].descending) for each in columns],
        sorted(query.projection),
        sorted(query.distinct_on),
    )
    return hashlib.sha256(repr(parts).encode()).digest()[:8]


# Aggregations.


def aggregations_of(
    query: Query, aggregations: Sequence[Aggregation], entities: Iterable[Entity]
) -> list[Any]:
    """The value of each of *aggregations* over the results of *query*, its limit, offset and cursors honoured."""
    _start, found = _cut(query, entities)
    answers: list[Any] = []
    for each in aggregations:
        if isinstance(each, Count):
            answers.append(len(found) if each.up_to is None else min(len(found), each.up_to))
            continue
        numbers = [number for match in found for number in _numbers(query, match, each.property)]
        if isinstance(each, Average):
            answers.append(_total(numbers) / len(numbers) if numbers else None)
        else:
            answers.append(_int_or_float(_total(numbers)))
    return answers


def _numbers(query: Query, match: Match, name: str) -> list[int | float]:
    """The numbers in the index rows of *match* under *name*: of a projection, the one that it reads.

    Of a list each distinct number, and of a datetime its microseconds, as in Firestore's emulator: an index can't
    tell them from other numbers.
    """
    is_split = name in query.projection or name in query.distinct_on
    read = [match.split[name]] if is_split else indexed_values(match.entity).get(name, [])
    values = [unpack(packed) for packed in sorted({pack(value) for value in read})]
    return [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


def _total(numbers: Sequence[int | float]) -> int | float:
    """The exact sum if all are ints, else the nearest float; NaN wins."""
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    floats = [float(number) for number in numbers]
    if not all(map(math.isfinite, floats)):
        return sum(floats)
    try:
        return math.fsum(floats)
    except OverflowError:
        return sum(floats)


def _int_or_float(total: int | float) -> int | float:  # noqa: PYI041  # an int stays one
    """*total* as a value of the Datastore: a float where it is out of the range of int64."""
    return total if isinstance(total, float) or -MAX_INT64 - 1 <= total <= MAX_INT64 else float(total)
