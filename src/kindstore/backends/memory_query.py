"""Queries over plain entities by full scans: the letter of spec/service.md 3.1-3.4, and nothing clever.

Called by `memory`.  Pure functions; `values.order` is the law of what comes first.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from kindstore.store.checks import KEY
from kindstore.store.messages import Order, Page, PropertyFilter, Query
from kindstore.values.entity import EMPTY, Entity
from kindstore.values.errors import BadCursorError, BadQueryError, Error
from kindstore.values.key import Key
from kindstore.values.order import order_of
from kindstore.values.ordered import pack, unpack

Place = tuple[Any, ...]
"""What `order_of` makes of a value; compares as the value does."""


class Match(NamedTuple):
    """A result: *position* compares as the results of the query are ordered; *sort_values* and key make its cursor."""

    position: tuple[Any, ...]
    sort_values: tuple[Any, ...]
    entity: Entity


@functools.total_ordering
class _Downwards:
    """A place in a descending column."""

    __slots__ = ("place",)

    def __init__(self, place: Place) -> None:
        self.place = place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Downwards) and self.place == other.place

    def __lt__(self, other: _Downwards) -> bool:
        return other.place < self.place

    __hash__ = None  # type: ignore[assignment]


def indexed_values(entity: Entity) -> dict[str, list[Any]]:
    """Every value that a query can find, by property: those inside embedded entities under ``a.b``.

    An unindexed property is not there, nor is one whose list is empty; None is a value.
    """
    found: dict[str, list[Any]] = {}
    for name, value in entity.items():
        if name in entity.shape.unindexed:
            continue
        items: list[Any] = value if value.__class__ is list else [value]
        for item in items:
            if isinstance(item, Entity):
                for inner, values in indexed_values(item).items():
                    found.setdefault(f"{name}.{inner}", []).extend(values)
            else:
                found.setdefault(name, []).append(item)
    return found


def _satisfies(place: Place, condition: PropertyFilter) -> bool:
    bound = order_of(condition.value)
    match condition.op:
        case "=":
            return place == bound
        case "<":
            return place < bound
        case "<=":
            return place <= bound
        case ">":
            return place > bound
        case _:
            return place >= bound


def _ranges(query: Query) -> dict[str, list[PropertyFilter]]:
    """The inequalities of each property, by name and ``__key__`` last; one single value must meet them all."""
    found: dict[str, list[PropertyFilter]] = {}
    for condition in sorted(query.filters, key=lambda each: (each.property == KEY, each.property)):
        if condition.op != "=":
            found.setdefault(condition.property, []).append(condition)
    return found


def sort_orders(query: Query) -> list[Order]:
    """The orders that decide, without the key that breaks ties.

    Orders on properties with an equality filter alone don't, nor do second ones of a property, those after
    ``__key__``, nor any beside ``__key__ =``.  Ranges that are not sorted by are sorted upwards, by name.
    """
    ranges = _ranges(query)
    fixed = {each.property for each in query.filters if each.op == "="} - set(ranges)
    if KEY in fixed:
        return []
    orders: list[Order] = []
    for order in (*query.orders, *map(Order, ranges)):
        if order.property in fixed:
            continue
        orders.append(order)
        fixed.add(order.property)
        if order.property == KEY:
            break
    return orders


def matches(query: Query, entities: Iterable[Entity]) -> list[Match]:
    """Every entity that *query* asks for, once each, in order; limit, offset and cursors not applied."""
    orders = sort_orders(query)
    return sorted(_matching(query, orders, entities), key=lambda match: match.position)


def _matching(query: Query, orders: list[Order], entities: Iterable[Entity]) -> Iterator[Match]:
    ranges = _ranges(query)
    for entity in entities:
        key = entity.key
        assert key is not None
        if key.partition != query.partition or not _is_in_place(query, key):
            continue
        values = indexed_values(entity)
        values[KEY] = [key]
        if not all(_meets(condition, values) for condition in query.filters if condition.op == "="):
            continue
        if not all(
            any(
                all(_satisfies(order_of(value), each) for each in conditions)
                for value in values.get(name, ())
            )
            for name, conditions in ranges.items()
        ):
            continue
        sort_values: list[Any] = []
        for order in orders:
            candidates = _sortable(query, ranges, order.property, values.get(order.property, []))
            if not candidates:
                break
            sort_values.append((max if order.descending else min)(candidates, key=order_of))
        else:
            yield Match(_position(orders, sort_values, key), tuple(sort_values), entity)


def _is_in_place(query: Query, key: Key) -> bool:
    if query.kind is not None and key.path[-2] != query.kind:
        return False
    ancestor = query.ancestor
    return ancestor is None or key.path[: len(ancestor.path)] == ancestor.path


def _meets(condition: PropertyFilter, values: dict[str, list[Any]]) -> bool:
    return any(_satisfies(order_of(value), condition) for value in values.get(condition.property, ()))


def _sortable(
    query: Query, ranges: dict[str, list[PropertyFilter]], name: str, values: list[Any]
) -> list[Any]:
    """The values by which a property can be sorted: those that satisfy its filters, any equality or the range."""
    equalities = [each for each in query.filters if each.property == name and each.op == "="]
    conditions = ranges.get(name, [])
    if not equalities and not conditions:
        return values
    return [
        value
        for value in values
        if any(_satisfies(order_of(value), each) for each in equalities)
        or (conditions and all(_satisfies(order_of(value), each) for each in conditions))
    ]


def _position(orders: list[Order], sort_values: Iterable[Any], key: Key) -> tuple[Any, ...]:
    columns = zip(orders, map(order_of, sort_values), strict=True)
    return (
        *((_Downwards(place) if order.descending else place) for order, place in columns),
        order_of(key),
    )


def page_of(query: Query, entities: Iterable[Entity], page_size: int | None) -> Page[Entity]:
    """The first *page_size* results of *query*."""
    orders = sort_orders(query)
    found = matches(query, entities)
    start = encode_cursor(query, None) if query.start is None else query.start
    after = decode_cursor(query, orders, start)
    if after is not None:
        found = [match for match in found if match.position > after]
    if query.end is not None:
        until = decode_cursor(query, orders, query.end)
        found = [match for match in found if until is not None and match.position <= until]
    if query.offset:
        skipped, found = found[: query.offset], found[query.offset :]
        if skipped:
            start = encode_cursor(query, skipped[-1])
    if query.limit is not None:
        found = found[: query.limit]
    page = found if page_size is None else found[:page_size]

    def cursor_after(at: int) -> bytes:
        return start if at < 0 else encode_cursor(query, page[at])

    return Page(
        results=[result_of(query, match.entity) for match in page],
        more=len(page) < len(found),
        cursor_after=cursor_after,
    )


def result_of(query: Query, entity: Entity) -> Entity:
    """*entity* as a result: without values if *query* asks for keys only."""
    return Entity(entity.key, EMPTY, [], entity.version) if query.keys_only else entity


def encode_cursor(query: Query, match: Match | None) -> bytes:
    """The position right after *match*, for this query only; None is before the first result."""
    place: list[bytes] = []
    if match is not None:
        assert match.entity.key is not None
        place = [*map(pack, match.sort_values), match.entity.key.path_bytes]
    body = msgspec.msgpack.encode([_digest(query), *place])
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:4] + body)


def decode_cursor(query: Query, orders: list[Order], cursor: bytes) -> tuple[Any, ...] | None:
    """The position that *cursor* stands for, None for before the first result; `BadCursorError` unless of *query*."""
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        check, body = raw[:4], raw[4:]
        if hashlib.sha256(body).digest()[:4] != check:
            raise BadCursorError("not a cursor", hint="Pass on a cursor as it was given.")
        digest, *place = msgspec.msgpack.decode(body)
        if digest != _digest(query):
            raise BadCursorError(
                "the cursor belongs to another query",
                hint="Use a cursor with the same kind, ancestor, filters and orders that it came from.",
            )
        if not place:
            return None
        *packed, path = place
        return _position(orders, map(unpack, packed), Key.packed_in(query.partition, path))
    except BadQueryError:
        raise
    except (Error, ValueError, TypeError, msgspec.DecodeError) as exc:
        raise BadCursorError("not a cursor", hint="Pass on a cursor as it was given.") from exc


def _digest(query: Query) -> bytes:
    """What decides which results *query* has, and in which order."""
    parts = (
        query.partition.names(),
        query.kind,
        None if query.ancestor is None else query.ancestor.path,
        [(each.property, each.op, pack(each.value)) for each in query.filters],
        [(each.property, each.descending) for each in query.orders],
    )
    return hashlib.sha256(repr(parts).encode()).digest()[:8]
