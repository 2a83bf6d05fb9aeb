"""The disjunctive normal form of a query: AND, OR, IN, != and NOT_IN turned into plain comparisons.

A *conjunction* is a query whose filters are all `PropertyFilter`, with ``= < <= > >=`` alone, and must all hold.
The results of a query are those of its conjunctions together, each entity once.  Planner, index suggestions and
checks look at conjunctions; nobody else needs to know that OR exists.  Pure functions.

What becomes of what (spec/service.md 1.4, 2.2, 3.2):

* ``x IN (1, 2)``: one conjunction for each distinct value, as App Engine runs one subquery for each.
* ``x != 1``: ``x < 1`` or ``x > 1``.  A list matches if any of its values does.
* ``x NOT_IN (1, 2)``: ``x < 1``, or ``x > 1 AND x < 2``, or ``x > 2``: one single value must lie in a gap.
* OR and AND: distributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from typing import Any, TypeAlias, cast

import msgspec

from kindstore.values.errors import BadQueryError
from kindstore.values.ordered import pack

from .messages import AndFilter, Filter, OrFilter, PropertyFilter, Query

MAX_DISJUNCTIONS = 30
"""Of one query in its normal form; there ``!=`` and NOT_IN count once, as in v1."""

MAX_NOT_IN = 10
"""Values of one NOT_IN."""

MAX_CONJUNCTIONS = MAX_DISJUNCTIONS * (MAX_NOT_IN + 1)
"""Of one query, all ranges of ``!=`` and NOT_IN counted: as many as 30 disjunctions with one NOT_IN each have."""

COMPARISONS = frozenset({"=", "<", "<=", ">", ">="})
"""The operators that conjunctions have."""

_MAX_DEPTH = 100
"""Filters in filters; a query has at most 100 components, so deeper ones hold nothing but themselves."""

Comparisons: TypeAlias = tuple[PropertyFilter, ...]


def conjunctions(query: Query) -> list[Query]:
    """The conjunctions of *query*, distinct, in the order in which its filters name them; nothing else differs.

    A query without OR, IN, ``!=`` and NOT_IN is its only conjunction.  IN with no value at all and OR of no filters
    match nothing, so the list may be empty.  Raises `BadQueryError`, before anything is multiplied out: over 30
    disjunctions, over 10 values in NOT_IN, filters nested over 100 deep, an operator that there is not.
    `BadValueError` for a value without a place in the order.
    """
    if is_conjunction(query):
        return [query]
    check_disjunctions(query)
    whole = AndFilter(query.filters)
    distinct: dict[frozenset[tuple[str, str, bytes]], Comparisons] = {}
    for filters in _disjuncts(whole):
        # By their bytes: to Python True is 1, to the Datastore it is not.
        bare = {(each.property, each.op, pack(each.value)): each for each in filters}
        distinct.setdefault(frozenset(bare), tuple(bare.values()))
    return [msgspec.structs.replace(query, filters=filters) for filters in distinct.values()]


def check_disjunctions(query: Query) -> None:
    """Raise what `conjunctions` does for the form of *query*, without multiplying it out; values are not looked at."""
    disjunctions, ranges = _count(AndFilter(query.filters), 0)
    if disjunctions > MAX_DISJUNCTIONS or ranges > MAX_CONJUNCTIONS:
        raise BadQueryError(
            "a query has at most 30 disjunctions in its normal form",
            disjunctions=disjunctions,
            ranges=ranges,
            hint="Name fewer values in IN, use != once, or run several queries.",
        )


def conditions(filters: Iterable[Filter]) -> Iterator[PropertyFilter]:
    """Every comparison in *filters*, however deep, as it was asked."""
    for each in filters:
        if isinstance(each, PropertyFilter):
            yield each
        else:
            yield from conditions(each.filters)


def ranged_properties(alternatives: Iterable[Comparisons]) -> set[str]:
    """The properties with an inequality in every one of *alternatives*: by these the results have an order."""
    ranged = [{each.property for each in filters if each.op != "="} for filters in alternatives]
    return set[str].intersection(*ranged) if ranged else set()


def fixed_properties(alternatives: Iterable[Comparisons]) -> set[str]:
    """The properties that are asked to be equal to the same in every one of *alternatives*, and nothing else.

    To sort by them would change nothing, so orders on them are ignored (spec/service.md 3.2).
    """
    fixed: list[dict[str, set[bytes]]] = []
    for filters in alternatives:
        ranged = ranged_properties([filters])
        found: dict[str, set[bytes]] = {}
        for each in filters:
            if each.property not in ranged:
                found.setdefault(each.property, set()).add(pack(each.value))
        fixed.append(found)
    if not fixed:
        return set()
    return {name for name, values in fixed[0].items() if all(each.get(name) == values for each in fixed)}


def comparisons(query: Query) -> Comparisons:
    """The filters of a conjunction; `BadQueryError` for a query that is none."""
    filters = tuple(
        each for each in query.filters if isinstance(each, PropertyFilter) and each.op in COMPARISONS
    )
    if len(filters) != len(query.filters):
        raise BadQueryError(
            "a conjunction has the filters = < <= > >= alone", hint="Take store.conjunctions of the query."
        )
    return filters


def is_conjunction(query: Query) -> bool:
    """Whether *query* is its own only conjunction."""
    return all(isinstance(each, PropertyFilter) and each.op in COMPARISONS for each in query.filters)


def _count(condition: Filter, depth: int) -> tuple[int, int]:
    """How many disjunctions *condition* has, and how many conjunctions; refuses what is malformed.

    What matches nothing counts as one: nothing that stands beside it may hide behind a factor of zero.
    """
    if depth > _MAX_DEPTH:
        raise BadQueryError("filters are nested at most 100 deep", hint="Join ANDs in ANDs, and ORs in ORs.")
    if isinstance(condition, AndFilter | OrFilter):
        parts = [_count(each, depth + 1) for each in condition.filters]
        if isinstance(condition, AndFilter):
            return prod(each for each, _ in parts), prod(each for _, each in parts)
        return max(1, sum(each for each, _ in parts)), max(1, sum(each for _, each in parts))
    name, op = condition.property, condition.op
    if op in COMPARISONS:
        return 1, 1
    if op == "!=":
        return 1, 2
    if op not in {"IN", "NOT_IN"}:
        raise BadQueryError(
            "an unknown operator in a filter",
            path=name,
            op=op,
            hint="The operators are = != < <= > >= IN and NOT_IN.",
        )
    size = len(_values(condition))
    if op == "IN":
        return max(1, size), max(1, size)
    if size > MAX_NOT_IN:
        raise BadQueryError(
            "NOT_IN has at most 10 values", path=name, values=size, hint="Name fewer of them."
        )
    return 1, size + 1


def _disjuncts(condition: Filter) -> Iterator[Comparisons]:
    """The conjunctions of *condition*, repetitions and all."""
    if isinstance(condition, AndFilter):
        for chosen in product(*(list(_disjuncts(each)) for each in condition.filters)):
            yield tuple(each for filters in chosen for each in filters)
    elif isinstance(condition, OrFilter):
        for each in condition.filters:
            yield from _disjuncts(each)
    elif condition.op == "IN":
        for value in _distinct(_values(condition)):
            yield (PropertyFilter(condition.property, "=", value),)
    elif condition.op == "!=":
        yield from _gaps(condition.property, (condition.value,))
    elif condition.op == "NOT_IN":
        yield from _gaps(condition.property, _values(condition))
    else:
        yield (condition,)


def _gaps(name: str, values: Iterable[Any]) -> Iterator[Comparisons]:
    """The ranges below, between and above *values*."""
    above: Comparisons = ()
    for value in sorted(_distinct(values), key=pack):
        yield (*above, PropertyFilter(name, "<", value))
        above = (PropertyFilter(name, ">", value),)
    yield above or (PropertyFilter(name, ">=", None),)  # NOT_IN of nothing: any value, null is the least


def _values(condition: PropertyFilter) -> tuple[Any, ...]:
    values: Any = condition.value
    if isinstance(values, tuple | list):
        return tuple(cast("Iterable[Any]", values))
    raise BadQueryError(
        "IN and NOT_IN compare with several values",
        path=condition.property,
        type=type(values).__name__,
        hint="Give them a tuple of values.",
    )


def _distinct(values: Iterable[Any]) -> list[Any]:
    found: dict[bytes, Any] = {}
    for value in values:
        found.setdefault(pack(value), value)
    return list(found.values())
