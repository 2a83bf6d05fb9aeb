"""Filters: OR, AND, IN, != and NOT_IN, inequalities on several properties, and the order of what they find."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kindstore.store.messages import AndFilter, Filter, OrFilter, PropertyFilter
from kindstore.values.entity import Entity
from kindstore.values.errors import ConflictError
from tests.conformance.database import Database


def either(*terms: Any) -> OrFilter:
    """An OR."""
    return OrFilter(tuple(map(_filter, terms)))


def both(*terms: Any) -> AndFilter:
    """An AND."""
    return AndFilter(tuple(map(_filter, terms)))


def _filter(term: Any) -> Filter:
    found: Filter = PropertyFilter(*term) if isinstance(term, tuple) else term
    return found


class Selections:
    """Which entities a query finds, and in which order."""

    # One value each

    @pytest.fixture
    def numbers(self, db: Database) -> None:
        for name, (x, y) in {"e": (1, 1), "d": (2, 1), "c": (2, 2), "b": (3, 2), "a": (4, 3)}.items():
            db.put(name, x=x, y=y)
        db.put("null", x=None)
        db.put("text", x="s")
        db.put("without", z=1)

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            # IN, in the order of keys: an equality has no order of its own.
            ([("x", "IN", (2, 4))], ["a", "c", "d"]),
            ([("x", "IN", (4, 2, 4, 2))], ["a", "c", "d"]),
            ([("x", "IN", (9,))], []),
            ([("x", "IN", (None, "s"))], ["null", "text"]),
            ([("x", "IN", (1, True, 1.0))], ["e"]),
            ([("x", "IN", (2, 4)), "x"], ["c", "d", "a"]),
            ([("x", "IN", (2, 4)), "-x"], ["a", "c", "d"]),
            ([("x", "IN", (2, 4)), "-__key__"], ["d", "c", "a"]),
            ([("x", "IN", (1, 2, 3)), ("y", "IN", (2, 3))], ["b", "c"]),
            ([("x", "IN", (1, 2, 3)), ("y", ">", 1)], ["b", "c"]),
            # != and NOT_IN are inequalities, over all types but not over what is missing, and order as such.
            ([("x", "!=", 2)], ["null", "e", "b", "a", "text"]),
            ([("x", "!=", 2), "-x"], ["text", "a", "b", "e", "null"]),
            ([("x", "!=", 9)], ["null", "e", "c", "d", "b", "a", "text"]),
            ([("x", "!=", None)], ["e", "c", "d", "b", "a", "text"]),
            ([("x", "!=", 2), ("y", "=", 2)], ["b"]),
            ([("x", "NOT_IN", (2, 4))], ["null", "e", "b", "text"]),
            ([("x", "NOT_IN", (4, 2, 2, None))], ["e", "b", "text"]),
            ([("x", "NOT_IN", (2,)), "y"], ["e", "b", "a"]),
            # OR
            ([either(("x", "=", 1), ("y", "=", 3))], ["a", "e"]),
            ([either(("x", "=", 1), ("x", "=", 1))], ["e"]),
            ([either(("x", "=", 1))], ["e"]),
            ([either()], []),
            ([either(either(), ("x", "=", 1))], ["e"]),
            ([both()], ["a", "b", "c", "d", "e", "null", "text", "without"]),
            ([either(("x", "=", 1), ("z", "=", 1))], ["e", "without"]),
            ([either(("x", "=", 1), ("z", "=", 1)), "x"], ["e"]),
            ([either(("x", ">", 3), ("y", "<", 2))], ["a", "d", "e", "text"]),
            ([either(("x", ">", 3), ("x", "<", 2))], ["null", "e", "a", "text"]),
            ([either(("x", ">", 3), ("x", "<", 2)), "-x"], ["text", "a", "e", "null"]),
            ([either(("x", ">", 1), ("x", "<", 3))], ["null", "e", "c", "d", "b", "a", "text"]),
            ([either(both(("x", "=", 2), ("y", "=", 1)), both(("x", "=", 3), ("y", "=", 2)))], ["b", "d"]),
            ([both(either(("x", "=", 2), ("x", "=", 3)), either(("y", "=", 2), ("y", "=", 9)))], ["b", "c"]),
            ([either(("x", "IN", (1, 2)), ("y", "=", 3)), "-y", "x"], ["a", "c", "e", "d"]),
            ([either(both(("x", "!=", 2), ("y", "<", 3)), ("x", "=", "s"))], ["b", "e", "text"]),
            # An order on what is equal to the same throughout is no order.
            ([either(("x", "=", 2), ("y", "=", 3)), ("y", "=", 1), "-y"], ["d"]),
            ([either(both(("y", "=", 1), ("x", ">", 0)), both(("y", "=", 1), ("x", "<", 9))), "y", "-x"], ["d", "e"]),
        ],
        ids=repr,
    )  # fmt: skip
    def test_alternatives_are_found_once_each_in_one_order(
        self, db: Database, numbers: None, terms: list[Any], expected: list[str]
    ) -> None:
        assert db.names(*terms) == expected
        assert db.names(*terms, keys_only=True) == expected
        assert db.count(*terms) == len(expected)
        assert db.names(*terms, offset=1, limit=2) == expected[1:3]
        assert db.count(*terms, offset=1, limit=2) == len(expected[1:3])

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            # Firestore's rule: any number of them, in any order; without one, by their names.
            ([("x", ">", 1), ("y", ">", 1)], ["c", "b", "a"]),
            ([("y", ">", 1), ("x", ">", 1)], ["c", "b", "a"]),
            ([("x", ">", 1), ("y", ">", 1), "-y"], ["a", "c", "b"]),
            ([("x", ">", 1), ("y", "<", 3), "-x"], ["b", "d", "c"]),
            ([("x", ">=", 2), ("x", "<", 4), ("y", "<=", 2), ("y", ">", 1)], ["c", "b"]),
            ([("x", "!=", 2), ("y", ">", 1)], ["b", "a"]),
            ([("x", ">", 3), ("y", "<", 2)], []),
        ],
        ids=repr,
    )
    def test_several_properties_have_inequalities(
        self, db: Database, numbers: None, terms: list[Any], expected: list[str]
    ) -> None:
        assert db.names(*terms) == expected
        assert db.count(*terms) == len(expected)

    def test_an_order_may_be_on_another_property_than_the_inequality(
        self, db: Database, numbers: None
    ) -> None:
        assert db.names(("x", ">", 1), "-y") == ["a", "c", "b", "d"]
        assert db.names(("x", ">", 1), "__key__") == ["a", "b", "c", "d", "text"]

    def test_places_in_the_order_are_what_is_compared(self, db: Database) -> None:
        moment = datetime(1970, 1, 1, 0, 0, 0, 4)
        for at, value in enumerate(
            [4, moment, "b", b"b", 0.0, -0.0, float("nan"), True, db.key("k")], start=1
        ):
            db.put(at, x=value)
        assert db.names(("x", "IN", (moment, b"b", -0.0))) == [1, 2, 3, 4, 5, 6]
        assert db.names(("x", "NOT_IN", (4, "b", 0.0))) == [8, 7, 9]
        assert db.names(("x", "!=", float("nan")), "-x", limit=1) == [9]
        assert db.names(("x", "IN", (float("nan"), True, db.key("k")))) == [7, 8, 9]

    # Lists of values

    @pytest.fixture
    def lists(self, db: Database) -> None:
        db.put("e1", x=[-1, 2])
        db.put("e2", x=[1, 5])
        db.put("e3", x=[3])
        db.put("e4", x=[])

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ([("x", "IN", (2, 5, 1))], ["e1", "e2"]),
            # At the first of its places: the least of the values asked for, or downwards the greatest.
            ([("x", "IN", (1, 2, 5)), "x"], ["e2", "e1"]),
            ([("x", "IN", (1, 2, 5)), "-x"], ["e2", "e1"]),
            ([("x", "IN", (2, 3, 5)), "-x"], ["e2", "e3", "e1"]),
            # Any value that is another one.
            ([("x", "!=", 3)], ["e1", "e2"]),
            ([("x", "!=", 2)], ["e1", "e2", "e3"]),
            ([("x", "!=", 5), "-x"], ["e3", "e1", "e2"]),
            # One single value must lie between those of NOT_IN.
            ([("x", "NOT_IN", (-1, 2, 3))], ["e2"]),
            ([("x", "NOT_IN", (-1, 1, 3))], ["e1", "e2"]),
            ([("x", "NOT_IN", (-1, 1, 3)), "-x"], ["e2", "e1"]),
            # Each alternative by itself: its equalities, its one range for one value.
            ([either(both(("x", ">", 0), ("x", "<", 1)), ("x", "=", 3))], ["e3"]),
            ([either(both(("x", ">", 1), ("x", "<", 3)), ("x", "=", 3))], ["e1", "e3"]),
            ([either(both(("x", "=", 1), ("x", ">", 4)), ("x", "=", 3)), "x"], ["e2", "e3"]),
            ([either(("x", ">", 4), ("x", "<", 0))], ["e1", "e2"]),
            ([either(("x", ">", 4), ("x", "<", 0)), "-x"], ["e2", "e1"]),
        ],
        ids=repr,
    )
    def test_lists_are_found_by_each_alternative_and_once(
        self, db: Database, lists: None, terms: list[Any], expected: list[str]
    ) -> None:
        assert db.names(*terms) == expected
        assert db.count(*terms) == len(expected)

    def test_several_ranges_are_met_by_a_value_of_each_property(self, db: Database) -> None:
        db.put("a", x=[1, 9], y=[2, 8])
        db.put("b", x=[1, 5], y=[5])
        db.put("c", x=5)
        ranges = [("x", ">", 2), ("x", "<", 7), ("y", ">", 4), ("y", "<", 6)]
        assert db.names(*ranges) == ["b"]
        assert db.names(("x", ">", 2), ("y", ">", 6)) == ["a"]
        assert db.names(("x", ">", 0), ("y", ">", 0), "-y") == ["a", "b"]

    # Keys, ancestors, embedded entities, namespaces

    @pytest.fixture
    def family(self, db: Database) -> None:
        for path in [("E", 1), ("E", 2), ("E", 1, "E", 3), ("E", 1, "F", 4), ("E", 2, "E", 5)]:
            db.put(*path, x=path[-1], n=Entity.of(None, {"z": [path[-1], 9]}))

    def test_keys_are_compared_in_all_these_ways(self, db: Database, family: None) -> None:
        one, two, three = db.key(1), db.key(2), db.key("E", 1, "E", 3)
        assert db.names(("__key__", "IN", (two, three))) == [3, 2]
        assert db.names(("__key__", "IN", (two, three)), "-x") == [3, 2]
        assert db.names(("__key__", "IN", (two, three)), "x") == [2, 3]
        assert db.names(("__key__", "!=", one)) == [3, 2, 5]
        assert db.names(("__key__", "NOT_IN", (one, two))) == [3, 5]
        assert db.names(either(("__key__", "=", two), ("x", "=", 5)), "-__key__") == [5, 2]
        assert db.names(("__key__", "IN", (two, three)), kind=None) == [3, 2]
        assert db.names(either(("__key__", "<=", one), ("__key__", ">", two)), kind=None) == [1, 5]

    def test_alternatives_are_those_below_the_ancestor(self, db: Database, family: None) -> None:
        assert db.names(("x", "IN", (1, 3, 4, 5)), ancestor=db.key(1)) == [1, 3]
        assert db.names(("x", "!=", 3), "-x", ancestor=db.key(1)) == [1]
        assert db.names(either(("x", ">", 4), ("x", "<", 3)), ancestor=db.key(2)) == [2, 5]
        assert db.names(("x", ">", 1), ("n.z", "<", 9), ancestor=db.key(1)) == [3]

    def test_embedded_entities_are_found_in_all_these_ways(self, db: Database, family: None) -> None:
        assert db.names(("n.z", "IN", (1, 5))) == [1, 5]
        assert db.names(("n.z", "!=", 9)) == [1, 2, 3, 5]
        assert db.names(either(("n.z", "=", 5), ("n.z", "<", 2)), "-n.z") == [5, 1]

    def test_no_other_namespace_is_looked_into(self, db: Database, family: None) -> None:
        other = Database(db.store)
        other.partition = db.store.partition("n")
        other.put(1, x=3)
        assert other.names(("x", "IN", (3, 5))) == [1]
        assert db.names(("x", "IN", (3, 5))) == [3, 5]

    # Transactions

    @pytest.mark.parametrize(
        "terms", [[("x", "IN", (1, 2))], [("x", "!=", 3)], [either(("x", "=", 1), ("y", "=", 2))]], ids=repr
    )
    def test_alternatives_in_a_transaction_conflict_when_their_results_change(
        self, db: Database, terms: list[Any]
    ) -> None:
        db.put("a", x=1, y=1)
        db.put("b", x=3, y=1)
        t = db.begin()
        assert db.names(*terms, transaction=t) == ["a"]
        db.put("c", x=2, y=2)
        assert db.names(*terms, transaction=t) == ["a"]
        with pytest.raises(ConflictError):
            db.commit(db.upsert("d", x=9), transaction=t)
        t = db.begin()
        assert db.names(*terms, transaction=t) == ["a", "c"]
        db.put("b", x=3, y=3)  # is none of the results, before and after
        db.commit(db.upsert("d", x=3), transaction=t)
