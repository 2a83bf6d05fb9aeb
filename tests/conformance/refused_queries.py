"""Every query that the Datastore does not have, one row for each rule (spec/service.md 2.2, 3.3, 3.5, spec/v1.md)."""

from __future__ import annotations

from typing import Any

import pytest

from kindstore.store.abc import Store
from kindstore.store.messages import (
    Aggregation,
    AndFilter,
    Average,
    Count,
    Filter,
    Order,
    OrFilter,
    PropertyFilter,
    Query,
    Sum,
)
from kindstore.values.entity import Entity
from kindstore.values.errors import BadQueryError, BadValueError, Error
from kindstore.values.key import Key, Partition
from tests.conformance.database import Database

SPACE = Partition.of("kindstore")
KEY = Key.of(SPACE, ("E", 1))
OTHERS_KEY = Key.of(Partition.of("kindstore", "", "n"), ("E", 1))


def x(op: str, value: Any, name: str = "x") -> PropertyFilter:
    """A filter on x."""
    return PropertyFilter(name, op, value)


def nested(depth: int) -> Filter:
    """A filter in so many others."""
    found: Filter = x("=", 1)
    for _ in range(depth):
        found = AndFilter((found,))
    return found


def asked(*filters: Filter, orders: str = "", kind: str | None = "E", **options: Any) -> Query:
    """A query; *orders* as in "a -b"."""
    by = tuple(Order(name.removeprefix("-"), name.startswith("-")) for name in orders.split())
    return Query(SPACE, kind, filters=filters, orders=by, **options)


def letters(count: int) -> list[str]:
    """So many names of properties."""
    return [f"p{at}" for at in range(count)]


REFUSED: dict[str, Query] = {
    # Numbers
    "a negative limit": asked(limit=-1),
    "a negative offset": asked(offset=-1),
    "over 100 filters": asked(*(x("=", n) for n in range(101))),
    "over 100 filters in an OR": asked(
        *(x("=", n) for n in range(80)), OrFilter((AndFilter(tuple(x("=", n, "y") for n in range(21))),))
    ),
    "over 100 filters and orders": asked(*(x("=", n) for n in range(99)), orders="a b"),
    "over 100 with the ancestor": asked(*(x("=", n) for n in range(100)), ancestor=KEY),
    "over 30 alternatives of an IN": asked(x("IN", tuple(range(31)))),
    "over 30 alternatives of an OR": asked(OrFilter(tuple(x("=", n) for n in range(31)))),
    "over 30 alternatives of both": asked(x("IN", tuple(range(6))), x("IN", tuple(range(6)), "y")),
    "over 10 values of NOT_IN": asked(x("NOT_IN", tuple(range(11)))),
    "over 10 properties with inequalities": asked(*(x(">", 1, name) for name in letters(11))),
    "over 10 with one in an OR": asked(
        *(x(">", 1, name) for name in letters(10)), OrFilter((x("<", 1), x("=", 1)))
    ),
    "over 10 with a !=": asked(*(x(">", 1, name) for name in letters(10)), x("!=", 1)),
    "filters nested over 100 deep": asked(nested(200)),
    "filters nested very deep": asked(nested(5000)),
    # Operators and their values
    "an unknown operator": asked(x("LIKE", 1)),
    "an unknown operator in an OR": asked(OrFilter((x("=", 1), x("==", 1)))),
    "equality with a list": asked(x("=", [1])),
    "inequality with a list": asked(x("!=", [1])),
    "inequality with an embedded entity": asked(x(">", Entity.of(None, {}))),
    "a list in an OR": asked(OrFilter((x("=", [1]), x("=", 1)))),
    "a list in IN": asked(x("IN", (1, [2]))),
    "a tuple in NOT_IN": asked(x("NOT_IN", (1, (2,)))),
    "IN with nothing": asked(x("IN", ())),
    "NOT_IN with nothing": asked(x("NOT_IN", ())),
    "IN with one value alone": asked(x("IN", 1)),
    "IN with a text": asked(x("IN", "ab")),
    "a value of no type in IN": asked(x("IN", (1, ...))),
    "too long for an index, in IN": asked(x("IN", ("x" * 1501,))),
    "too great an int in an OR": asked(OrFilter((x("=", 2**63), x("=", 1)))),
    # != and NOT_IN
    "!= twice": asked(x("!=", 1), x("!=", 2)),
    "!= and NOT_IN": asked(x("!=", 1), x("NOT_IN", (2,), "y")),
    "NOT_IN twice": asked(x("NOT_IN", (1,)), x("NOT_IN", (2,), "y")),
    "!= twice, in an OR": asked(OrFilter((x("!=", 1), x("!=", 2)))),
    "NOT_IN with IN": asked(x("NOT_IN", (1,)), x("IN", (2,), "y")),
    "NOT_IN with OR": asked(x("NOT_IN", (1,)), OrFilter((x("=", 1, "y"), x("=", 2, "y")))),
    "NOT_IN in an OR": asked(AndFilter((OrFilter((x("NOT_IN", (1,)), x("=", 2, "y"))),))),
    # Keys
    "__key__ with a number": asked(x("=", 1, "__key__")),
    "__key__ IN numbers": asked(x("IN", (KEY, 2), "__key__")),
    "__key__ with a key of another namespace": asked(x(">", OTHERS_KEY, "__key__")),
    "__key__ IN keys of another namespace": asked(x("IN", (KEY, OTHERS_KEY), "__key__")),
    "__key__ != a key of another namespace": asked(x("!=", OTHERS_KEY, "__key__")),
    "an ancestor of another namespace": asked(ancestor=OTHERS_KEY),
    # Kinds and names
    "without a kind, a filter": asked(x("=", 1), kind=None),
    "without a kind, a filter in an OR": asked(OrFilter((x("=", KEY, "__key__"), x("=", 1))), kind=None),
    "without a kind, an order": asked(orders="x", kind=None),
    "without a kind, a projection": asked(kind=None, projection=("x",)),
    "without a kind, distinct": asked(kind=None, distinct_on=("x",)),
    "an empty kind": asked(kind=""),
    "an empty name in an OR": asked(OrFilter((x("=", 1, ""), x("=", 1)))),
    "an empty name in a projection": asked(projection=("",)),
    # Projection
    "projected, and equal": asked(x("=", 1), projection=("x",)),
    "projected, and equal to one of several": asked(x("IN", (1, 2)), projection=("y", "x")),
    "projected, and equal in an OR": asked(OrFilter((x("=", 1), x(">", 2))), projection=("x",)),
    "projected twice": asked(projection=("x", "y", "x")),
    "the key projected": asked(projection=("__key__",)),
    "the key projected beside others": asked(projection=("x", "__key__")),
    "a reserved property projected": asked(projection=("__scatter__",)),
    "a projection of keys only": asked(projection=("x",), keys_only=True),
    # Distinct
    "distinct, and equal": asked(x("=", 1), distinct_on=("x",)),
    "distinct, and equal to one of several": asked(x("IN", (1, 2)), distinct_on=("x",)),
    "distinct, and equal in an OR": asked(OrFilter((x("=", 1), x(">", 1))), distinct_on=("x", "y")),
    "distinct twice": asked(distinct_on=("x", "x")),
    "a distinct key": asked(distinct_on=("__key__",)),
    "sorted by another property before": asked(orders="y x", projection=("x",), distinct_on=("x",)),
    "sorted by another property only": asked(orders="y", projection=("x",), distinct_on=("x",)),
    "sorted by another one between": asked(orders="x z y", distinct_on=("x", "y")),
    "sorted by the key before": asked(orders="__key__ x", distinct_on=("x",)),
    "an inequality on another property": asked(x(">", 1, "y"), distinct_on=("x",)),
    "!= on another property": asked(x("!=", 1, "y"), projection=("x",), distinct_on=("x",)),
    "an inequality on the key": asked(x(">", KEY, "__key__"), distinct_on=("x",)),
    "an inequality on another, half sorted": asked(x(">", 1, "z"), orders="x", distinct_on=("x", "y")),
    "an order that does not count": asked(
        x("=", KEY, "__key__"), x(">", 1, "z"), orders="x z", distinct_on=("x",)
    ),
}
"""Each is refused with `BadQueryError`, or `BadValueError` where a value is at fault, and says what to change."""

ALLOWED: dict[str, Query] = {
    "100 filters": asked(*(x("=", n) for n in range(100))),
    "99 filters, an order": asked(*(x("=", n) for n in range(99)), orders="a"),
    "30 alternatives": asked(x("IN", tuple(range(15))), OrFilter((x("=", 1, "y"), x("=", 2, "y")))),
    "10 values of NOT_IN": asked(x("NOT_IN", tuple(range(10)))),
    "10 properties with inequalities": asked(*(x(">", 1, name) for name in letters(10))),
    "20 inequalities on one property": asked(*(x(">", n) for n in range(20))),
    "filters nested 90 deep": asked(nested(90)),
    "an AND of nothing": asked(AndFilter(())),
    "an OR of nothing": asked(OrFilter(())),
    "!= beside OR and IN": asked(x("!=", 1), x("IN", (1, 2), "y"), OrFilter((x("=", 1, "z"),))),
    "NOT_IN beside all else": asked(x("NOT_IN", (1,)), x("=", 1, "y"), AndFilter((x(">", 1, "z"),))),
    "a list for IN": asked(x("IN", [1, 2])),
    "keys, without a kind": asked(x("IN", (KEY,), "__key__"), x(">", KEY, "__key__"), kind=None),
    "__key__ downwards, without a kind": asked(orders="-__key__", kind=None),
    "projected, with !=": asked(x("!=", 1), projection=("x",)),
    "projected, and sorted by the key": asked(orders="__key__", projection=("x", "y")),
    "distinct of what is not projected": asked(distinct_on=("x",), projection=("y",)),
    "distinct, keys only": asked(distinct_on=("x",), keys_only=True),
    "distinct ones first": asked(orders="-y x z", distinct_on=("x", "y")),
    "some distinct ones first": asked(orders="-y", distinct_on=("x", "y")),
    "an order that decides nothing before": asked(x("=", 1), orders="x y", distinct_on=("y",)),
    "an inequality on a distinct one": asked(x(">", 1), distinct_on=("y", "x")),
    "an inequality behind distinct ones": asked(x(">", 1, "z"), orders="x y", distinct_on=("x", "y")),
    "distinct, and not equal": asked(x("!=", 1), distinct_on=("x",)),
}
"""What is on the right side of the same limits."""

REFUSED_AGGREGATIONS: dict[str, tuple[Query, list[Any]]] = {
    "none": (asked(), []),
    "six": (asked(), [Count()] * 6),
    "a negative count": (asked(), [Count(-1)]),
    "a sum of keys": (asked(), [Sum("__key__")]),
    "an average of keys": (asked(), [Count(), Average("__key__")]),
    "a sum of no name": (asked(), [Sum("")]),
    "a text": (asked(), ["count"]),
    "a sum without a kind": (asked(kind=None), [Sum("x")]),
    "a sum over keys": (asked(keys_only=True), [Count(), Sum("x")]),
    "an average of what is not projected": (asked(projection=("y",)), [Average("x")]),
}

ALL_FIVE: list[Aggregation] = [Count(), Count(0), Sum("x"), Average("x"), Sum("y")]


class QueryRefusals:
    """What is refused, by every store and before anything runs."""

    @pytest.mark.parametrize("name", REFUSED)
    def test_a_query_that_there_is_not_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises((BadQueryError, BadValueError)):
            store.run(store.run_query(REFUSED[name]))
        with pytest.raises((BadQueryError, BadValueError)):
            store.run(store.run_aggregation(REFUSED[name], [Count()]))

    @pytest.mark.parametrize("name", ALLOWED)
    def test_a_query_within_the_limits_is_answered(self, db: Database, name: str) -> None:
        assert db.page(ALLOWED[name]).results == []
        query = ALLOWED[name]
        can_sum = query.kind is not None and not query.keys_only and not query.projection
        aggregations = ALL_FIVE if can_sum else ALL_FIVE[:2]
        expected = [0, 0, 0, None, 0][: len(aggregations)]
        assert db.store.run(db.store.run_aggregation(ALLOWED[name], aggregations)) == expected

    @pytest.mark.parametrize("name", REFUSED_AGGREGATIONS)
    def test_an_aggregation_that_there_is_not_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises(Error):
            store.run(store.run_aggregation(*REFUSED_AGGREGATIONS[name]))

    def test_a_refused_query_leaves_its_transaction_alone(self, db: Database) -> None:
        db.put("a", x=1)
        t = db.begin()
        for query in (REFUSED["IN with nothing"], REFUSED["projected twice"]):
            with pytest.raises(BadQueryError):
                db.page(query, t)
        with pytest.raises(BadQueryError):
            db.aggregate([Sum("__key__")], transaction=t)
        assert db.names(("x", "IN", (1, 2)), transaction=t) == ["a"]
        db.commit(db.upsert("b", x=1), transaction=t)
