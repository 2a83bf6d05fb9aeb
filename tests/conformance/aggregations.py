"""Aggregations: COUNT, SUM and AVG over the results of any query (spec/service.md 2.2)."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest

from kindstore.store.messages import Aggregation, Average, Count, Sum
from kindstore.values.entity import Entity
from kindstore.values.errors import ConflictError
from kindstore.values.types import GeoPt
from tests.conformance.database import Database
from tests.conformance.selections import either

BOTH: list[Aggregation] = [Sum("x"), Average("x")]
GREATEST = 2**63 - 1


def same(found: list[Any], expected: list[Any]) -> bool:
    """True for equal values of equal types, NaN among them."""
    return list(map(repr, found)) == list(map(repr, expected))


class Aggregations:
    """What is counted and summed."""

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([], [0, None]),
            ([1, 2, 3], [6, 2.0]),
            ([1, 2], [3, 1.5]),
            ([-1, 1], [0, 0.0]),
            ([1, 2.5], [3.5, 1.75]),
            ([1.0, 2.0], [3.0, 1.5]),
            # Whatever is no number in the index is passed over; a datetime is one there, and so is each of a list.
            ([None, "1", b"1", True, GeoPt(1, 2)], [0, None]),
            ([datetime(1970, 1, 1, 0, 0, 0, 7), 1], [8, 4.0]),
            ([None, 4, "5", [6, 7, 7], [8], [], False], [25, 6.25]),
            # An int as long as it is one of the Datastore's.
            ([GREATEST, 0], [GREATEST, GREATEST / 2]),
            ([GREATEST, 1], [2.0**63, 2.0**62]),
            ([-GREATEST, -1], [-GREATEST - 1, -(2.0**62)]),
            ([-GREATEST, -2], [-(2.0**63), -(2.0**62)]),
            ([GREATEST, 1, -1], [GREATEST, GREATEST / 3]),
            ([float("inf"), 1], [float("inf"), float("inf")]),
            ([float("inf"), float("-inf")], [math.nan, math.nan]),
            ([float("nan"), 1, float("inf")], [math.nan, math.nan]),
        ],
        ids=repr,
    )
    def test_sums_and_averages_are_of_numbers(
        self, db: Database, values: list[Any], expected: list[Any]
    ) -> None:
        for at, value in enumerate(values, start=1):
            db.put(at, x=value)
        found = db.aggregate([*BOTH, Count()])
        assert same(found, [*expected, len(values)])

    def test_unindexed_values_are_not_summed(self, db: Database) -> None:
        db.put("a", x=1)
        db.put("b", unindexed=["x"], x=2)
        db.put("c", y=3)
        assert db.aggregate([*BOTH, Count(), Sum("never"), Average("never")]) == [1, 1.0, 3, 0, None]

    def test_embedded_values_are_summed_by_their_path(self, db: Database) -> None:
        db.put("a", n=Entity.of(None, {"z": 5}))
        db.put("b", n=[Entity.of(None, {"z": 6})])
        db.put("c", n=Entity.of(None, {"z": [7, 8]}))
        db.put("d", n=Entity.of(None, {"z": 2.5}))
        assert db.aggregate([Sum("n.z"), Average("n.z"), Sum("n")]) == [28.5, 5.7, 0]

    @pytest.fixture
    def nine(self, db: Database) -> None:
        for n in range(1, 10):
            db.put(n, x=n, y=n % 3, m=[n, 10 - n])

    @pytest.mark.parametrize(
        ("terms", "options", "expected"),
        [
            ([], {}, [9, 45, 5.0]),
            ([("x", ">", 4)], {}, [5, 35, 7.0]),
            ([("y", "=", 0)], {}, [3, 18, 6.0]),
            ([("y", "IN", (0, 1))], {}, [6, 30, 5.0]),
            ([("x", "!=", 9)], {}, [8, 36, 4.5]),
            ([either(("x", "<", 3), ("y", "=", 2))], {}, [4, 16, 4.0]),
            ([("m", ">", 5)], {}, [8, 40, 5.0]),
            (["-x"], {"limit": 2}, [2, 17, 8.5]),
            (["x"], {"limit": 3, "offset": 1}, [3, 9, 3.0]),
            (["x"], {"offset": 8}, [1, 9, 9.0]),
            (["x"], {"offset": 9}, [0, 0, None]),
            ([], {"limit": 0}, [0, 0, None]),
            ([("x", ">", 99)], {}, [0, 0, None]),
            # Over results of a projection: one for each combination, with the value it has there.
            ([], {"projection": ("x",)}, [9, 45, 5.0]),
            ([], {"projection": ("x", "m")}, [17, 85, 5.0]),
            (["y"], {"projection": ("y", "x"), "distinct_on": ("y",)}, [3, 6, 2.0]),
            (["y"], {"distinct_on": ("y",)}, [3, 6, 2.0]),
        ],
        ids=repr,
    )
    def test_aggregations_are_over_the_results(
        self,
        db: Database,
        nine: None,
        terms: list[Any],
        options: dict[str, Any],
        expected: list[Any],
    ) -> None:
        found = db.aggregate([Count(), Sum("x"), Average("x")], *terms, **options)
        assert same(found, expected)

    def test_what_a_projection_splits_is_summed_as_it_is_split(self, db: Database, nine: None) -> None:
        alone: list[Aggregation] = [Sum("m"), Count()]
        with_y: list[Aggregation] = [Sum("m"), Sum("y"), Count()]
        assert db.aggregate(with_y) == [85, 9, 9]
        assert db.aggregate(alone, projection=("m",)) == [85, 17]
        assert db.aggregate(alone, projection=("m",), distinct_on=("m",)) == [45, 9]
        assert db.aggregate(with_y, projection=("m", "y")) == [85, 16, 17]
        assert db.aggregate(with_y, distinct_on=("m",)) == [45, 10, 9]

    def test_a_count_goes_up_to_a_number(self, db: Database, nine: None) -> None:
        asked = [Count(0), Count(4), Count(9), Count(99), Count()]
        assert db.aggregate(asked) == [0, 4, 9, 9, 9]
        assert db.aggregate(asked, limit=3) == [0, 3, 3, 3, 3]
        assert db.aggregate(asked, ("x", "IN", (1, 2, 3, 4, 5)), offset=1) == [0, 4, 4, 4, 4]

    def test_up_to_does_not_touch_the_other_aggregations(self, db: Database, nine: None) -> None:
        assert db.aggregate([Count(2), Sum("x"), Sum("y"), Average("x"), Count()]) == [2, 45, 9, 5.0, 9]
        assert db.aggregate([Sum("x"), Sum("x")]) == [45, 45]

    def test_aggregations_go_over_all_kinds_ancestors_and_slices(self, db: Database, nine: None) -> None:
        db.put("E", 1, "F", 1, x=5)
        assert db.aggregate([Count()], kind=None) == [10]
        assert db.aggregate([Count()], kind=None, ancestor=db.key(1)) == [2]
        assert db.aggregate([Count(), Sum("x")], kind="F", ancestor=db.key(1)) == [1, 5]
        page = db.page(db.query("x"))
        bounds = {"start": page.cursor_after(1), "end": page.cursor_after(4)}
        assert db.aggregate([Count(), Sum("x")], "x", **bounds) == [3, 12]

    def test_aggregations_in_a_transaction_see_its_snapshot_and_conflict_when_they_change(
        self, db: Database, nine: None
    ) -> None:
        t = db.begin()
        assert db.aggregate([Sum("x"), Average("x")], transaction=t) == [45, 5.0]
        db.put(1, x=2)
        assert db.aggregate([Sum("x"), Average("x")], transaction=t) == [45, 5.0]
        with pytest.raises(ConflictError):
            db.commit(db.upsert(99, y=1), transaction=t)

    def test_an_aggregation_of_nan_does_not_conflict_with_itself(self, db: Database) -> None:
        db.put(1, x=float("nan"))
        t = db.begin()
        [found] = db.aggregate([Sum("x")], transaction=t)
        assert math.isnan(found)
        db.commit(db.upsert("F", 2, x=1), transaction=t)
