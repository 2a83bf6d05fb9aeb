"""Which entities a query finds, by which of their values, and where these stand: spec/service.md 3.1-3.3, literally.

Called by `memory_query`.  Pure functions; `values.order` is the law of what comes first.

A query is its conjunctions (`store.conjunctions`): an entity is a result if any of them finds it.  Without projection
and distinct properties it is one result, at the first of the places that the conjunctions give it.  With them it is
one result for each combination of the values of all properties that are projected, distinct or sorted by.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from kindstore.store.checks import KEY
from kindstore.store.conjunctions import (
    Comparisons,
    comparisons,
    conjunctions,
    fixed_properties,
    ranged_properties,
)
from kindstore.store.messages import Order, PropertyFilter, Query
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from kindstore.values.order import order_of
from kindstore.values.ordered import pack

Place = tuple[Any, ...]
"""What `order_of` makes of a value; compares as the value does."""

Values: TypeAlias = dict[str, list[Any]]
"""What an entity has under each name that a query can ask for, its key under ``__key__``."""


class Match(NamedTuple):
    """A result: *position* compares as the results of the query are ordered.

    *sort_values* are the values behind it, one for each order; the key ends it.  *split* has the one value of each
    property for which this is a result of its own, and nothing for a whole entity.
    """

    position: tuple[Any, ...]
    sort_values: tuple[Any, ...]
    entity: Entity
    split: dict[str, Any]


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


def indexed_values(entity: Entity) -> Values:
    """Every value that a query can find, by property: those inside embedded entities under ``a.b``.

    An unindexed property is not there, nor is one whose list is empty; None is a value.
    """
    found: Values = {}
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


def is_split(query: Query) -> bool:
    """True if an entity may be several results of *query*."""
    return bool(query.projection or query.distinct_on)


def sort_orders(query: Query) -> list[Order]:
    """The orders that decide, without the key that breaks ties.

    Orders on properties that are asked to be equal to the same in every conjunction don't, nor do second ones of a
    property, those after ``__key__``, nor any beside ``__key__ =``.  Then, upwards and by name, come properties with
    an inequality in every conjunction, distinct properties, and projected ones.
    """
    alternatives = [comparisons(each) for each in conjunctions(query)]
    fixed = fixed_properties(alternatives)
    orders: list[Order] = []
    seen = set(fixed)
    for order in () if KEY in fixed else query.orders:
        if order.property not in seen:
            orders.append(order)
            seen.add(order.property)
        if order.property == KEY:
            break
    if KEY in seen and not is_split(query):
        return orders
    ranged = sorted(ranged_properties(alternatives), key=lambda name: (name == KEY, name))
    for name in (*ranged, *sorted(query.distinct_on), *sorted(query.projection)):
        if name not in seen:
            orders.append(Order(name))
            seen.add(name)
    return orders


def position_of(orders: Sequence[Order], sort_values: Iterable[Any], key: Key | None) -> tuple[Any, ...]:
    """Where *sort_values* stand in *orders*, and *key*, if there is one, behind them."""
    columns = zip(orders, map(order_of, sort_values), strict=True)
    place = tuple(_Downwards(place) if order.descending else place for order, place in columns)
    return place if key is None else (*place, order_of(key))


def matches(query: Query, entities: Iterable[Entity]) -> list[Match]:
    """Every result of *query*, in order; limit, offset and cursors not applied."""
    orders = sort_orders(query)
    alternatives = [comparisons(each) for each in conjunctions(query)]
    found: list[Match] = []
    for entity in entities:
        key = entity.key
        assert key is not None
        if key.partition == query.partition and _is_in_place(query, key):
            values = {**indexed_values(entity), KEY: [key]}
            met = [filters for filters in alternatives if _meets(filters, values)]
            ways = _split(query, orders, met, values) if is_split(query) else _whole(orders, met, values)
            found += [
                Match(position_of(orders, sort_values, key), sort_values, entity, split)
                for sort_values, split in ways
            ]
    found.sort(key=lambda match: match.position)
    return _first_of_groups(query, found) if query.distinct_on else found


_Way: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""Sort values, and the values of split properties."""


def _whole(orders: Sequence[Order], met: Sequence[Comparisons], values: Values) -> list[_Way]:
    """The entity of *values* once, at the first place of all those that conjunctions give it."""
    ways: list[tuple[Any, ...]] = []
    for filters in met:
        columns = [_sortable(filters, order.property, values.get(order.property, [])) for order in orders]
        if all(columns):  # each property that is sorted by is there
            ways.append(
                tuple(
                    (max if order.descending else min)(column, key=order_of)
                    for order, column in zip(orders, columns, strict=True)
                )
            )
    return [(min(ways, key=lambda way: position_of(orders, way, None)), {})] if ways else []


def _split(
    query: Query, orders: Sequence[Order], met: Sequence[Comparisons], values: Values
) -> Iterator[_Way]:
    """The entity of *values* once for each combination of values that any conjunction finds."""
    names = list(dict.fromkeys((*(order.property for order in orders), *query.projection)))
    seen: set[tuple[bytes, ...]] = set()
    for filters in met:
        for combination in product(*(_splittable(filters, name, values.get(name, [])) for name in names)):
            packed = tuple(map(pack, combination))
            if packed not in seen:
                seen.add(packed)
                split = dict(zip(names, combination, strict=True))
                yield tuple(split[order.property] for order in orders), split


def _first_of_groups(query: Query, found: Iterable[Match]) -> list[Match]:
    """The first of *found* of each combination of the distinct properties; these lead in every order."""
    first: dict[tuple[bytes, ...], Match] = {}
    for match in found:
        first.setdefault(tuple(pack(match.split[name]) for name in query.distinct_on), match)
    return list(first.values())


def _is_in_place(query: Query, key: Key) -> bool:
    if query.kind is not None and key.path[-2] != query.kind:
        return False
    ancestor = query.ancestor
    return ancestor is None or key.path[: len(ancestor.path)] == ancestor.path


def _meets(filters: Comparisons, values: Values) -> bool:
    """True if each equality is met by some value, and all inequalities of a property by one and the same."""
    if not all(
        any(_satisfies(value, each) for value in values.get(each.property, ()))
        for each in filters
        if each.op == "="
    ):
        return False
    return all(_in_range(filters, name, values.get(name, [])) for name in ranged_properties([filters]))


def _sortable(filters: Comparisons, name: str, values: list[Any]) -> list[Any]:
    """The values by which a property can be sorted: those that satisfy its filters, any equality or the range."""
    equalities = _equalities(filters, name)
    ranged = name in ranged_properties([filters])
    if not equalities and not ranged:
        return values
    in_range = _in_range(filters, name, values) if ranged else []
    return [*in_range, *(value for value in values if any(_satisfies(value, each) for each in equalities))]


def _splittable(filters: Comparisons, name: str, values: list[Any]) -> list[Any]:
    """The values for which an entity is a result of its own: those in the range; if there is none, the equal ones."""
    if name in ranged_properties([filters]):
        return _in_range(filters, name, values)
    return _sortable(filters, name, values)


def _equalities(filters: Comparisons, name: str) -> list[PropertyFilter]:
    return [each for each in filters if each.property == name and each.op == "="]


def _in_range(filters: Comparisons, name: str, values: list[Any]) -> list[Any]:
    """Those of *values* that satisfy all inequalities of property *name*."""
    conditions = [each for each in filters if each.property == name and each.op != "="]
    return [value for value in values if all(_satisfies(value, each) for each in conditions)]


def _satisfies(value: Any, condition: PropertyFilter) -> bool:
    place, bound = order_of(value), order_of(condition.value)
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
