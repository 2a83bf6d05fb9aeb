"""Projections and distinct results: spec/service.md 3.3."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kindstore.values.entity import Entity
from kindstore.values.errors import ConflictError
from kindstore.values.types import GeoPt, User
from tests.conformance.database import Database
from tests.conformance.selections import either


class Projections:
    """What results of projections are, and which of them are there."""

    @pytest.fixture
    def plain(self, db: Database) -> None:
        for name, (x, y) in {"e": (1, 9), "d": (2, 8), "c": (2, 7), "b": (3, 8), "a": (3, None)}.items():
            db.put(name, x=x, y=y)
        db.put("no y", x=1)
        db.put("hidden", unindexed=["y"], x=1, y=1)
        db.put("empty", x=1, y=[])

    @pytest.mark.parametrize(
        ("terms", "projection", "expected"),
        [
            # Those that have all projected properties, by the names of these upwards, then by key.
            ([], ["y"], [("a", None), ("c", 7), ("b", 8), ("d", 8), ("e", 9)]),
            ([], ["y", "x"], [("e", 9, 1), ("c", 7, 2), ("d", 8, 2), ("a", None, 3), ("b", 8, 3)]),
            (["-y"], ["x"], [("e", 1), ("d", 2), ("b", 3), ("c", 2), ("a", 3)]),
            (["-y"], ["y"], [("e", 9), ("b", 8), ("d", 8), ("c", 7), ("a", None)]),
            ([("x", "=", 2)], ["y"], [("c", 7), ("d", 8)]),
            ([("x", "=", 2), "-x"], ["y"], [("c", 7), ("d", 8)]),
            ([("x", ">", 1)], ["y"], [("c", 7), ("d", 8), ("a", None), ("b", 8)]),
            ([("x", ">", 1), "-x"], ["y", "x"], [("a", None, 3), ("b", 8, 3), ("c", 7, 2), ("d", 8, 2)]),
            ([("y", ">", 7)], ["y"], [("b", 8), ("d", 8), ("e", 9)]),
            ([("x", "IN", (1, 3))], ["y"], [("a", None), ("b", 8), ("e", 9)]),
            ([("x", "!=", 2)], ["y"], [("e", 9), ("a", None), ("b", 8)]),
            ([either(("x", "=", 1), ("y", ">", 7))], ["y"], [("b", 8), ("d", 8), ("e", 9)]),
            (["__key__"], ["y"], [("a", None), ("b", 8), ("c", 7), ("d", 8), ("e", 9)]),
            ([("__key__", "=", "d")], ["y"], [("d", 8)]),
            ([("__key__", ">", "c")], ["y"], [("d", 8), ("e", 9)]),
            # A range of keys is an inequality, and sorts before what is projected.
            ([("__key__", ">=", "b")], ["y"], [("b", 8), ("c", 7), ("d", 8), ("e", 9)]),
        ],
        ids=repr,
    )
    def test_results_have_the_projected_properties(
        self, db: Database, plain: None, terms: list[Any], projection: list[str], expected: list[Any]
    ) -> None:
        terms = [
            ("__key__", term[1], db.key(term[2]))
            if isinstance(term, tuple) and term[0] == "__key__"
            else term
            for term in terms
        ]
        found = db.rows(*terms, projection=tuple(projection))
        assert found == expected
        assert db.count(*terms, projection=tuple(projection)) == len(found)
        assert db.rows(*terms, projection=tuple(projection), offset=1, limit=2) == found[1:3]

    def test_a_result_has_a_key_no_version_and_the_names_in_the_order_asked_for(self, db: Database) -> None:
        db.put("a", x=1, y=2, z=3)
        [found] = db.page(db.query(projection=("z", "x"))).results
        assert (found.key, list(found.items()), found.version) == (
            db.key("a"),
            [("z", 3), ("x", 1)],
            0,
        )

    def test_values_come_in_their_index_form(self, db: Database) -> None:
        values: list[Any] = [
            (None, None),
            (4, 4),
            (datetime(1970, 1, 1, 0, 0, 0, 4), 4),
            (False, False),
            ("é", "é".encode()),
            (b"\xff", b"\xff"),
            (2.5, 2.5),
            (GeoPt(1, 2), GeoPt(1, 2)),
            (User("u", "d", "1"), User("u", "d", "1")),
            (db.key("k"), db.key("k")),
        ]
        for at, (value, _) in enumerate(values, start=1):
            db.put(at, x=value)
        found = dict(db.rows(projection=("x",)))
        assert found == {at: value for at, (_, value) in enumerate(values, start=1)}
        assert [type(found[at]) for at in (2, 3, 4, 5, 6)] == [int, int, bool, bytes, bytes]

    # Lists

    @pytest.fixture
    def tagged(self, db: Database) -> None:
        db.put("a", x=[1, 2, 1], y=[8, 9])
        db.put("b", x=2, y=8)
        db.put("c", x=[3], y=[])

    @pytest.mark.parametrize(
        ("terms", "projection", "expected"),
        [
            ([], ["x"], [("a", 1), ("a", 2), ("b", 2), ("c", 3)]),
            (["-x"], ["x"], [("c", 3), ("a", 2), ("b", 2), ("a", 1)]),
            ([], ["x", "y"], [("a", 1, 8), ("a", 1, 9), ("a", 2, 8), ("b", 2, 8), ("a", 2, 9)]),
            # What is sorted by, or has a range, is one value of each result too …
            (["-y"], ["x"], [("a", 1), ("a", 2), ("a", 1), ("a", 2), ("b", 2)]),
            ([("y", ">", 0)], ["x"], [("a", 1), ("a", 2), ("b", 2), ("a", 1), ("a", 2)]),
            ([("y", ">", 8)], ["x"], [("a", 1), ("a", 2)]),
            ([("x", ">", 1)], ["x"], [("a", 2), ("b", 2), ("c", 3)]),
            ([("x", ">", 1), ("x", "<", 3), "-x"], ["x"], [("a", 2), ("b", 2)]),
            ([("x", "!=", 2)], ["x"], [("a", 1), ("c", 3)]),
            ([("x", "NOT_IN", (1, 3))], ["x"], [("a", 2), ("b", 2)]),
            # … what is equal is not.
            ([("y", "=", 9)], ["x"], [("a", 1), ("a", 2)]),
            ([("y", "=", 8), ("y", "=", 9)], ["x"], [("a", 1), ("a", 2)]),
            ([("y", "IN", (8, 9))], ["x"], [("a", 1), ("a", 2), ("b", 2)]),
            ([either(("y", "=", 9), ("x", ">", 1))], ["x"], [("a", 1), ("a", 2), ("b", 2), ("c", 3)]),
            ([("y", "=", 8), ("y", ">", 8)], ["x"], [("a", 1), ("a", 2)]),
            (["__key__"], ["x"], [("a", 1), ("a", 2), ("b", 2), ("c", 3)]),
            (["-__key__"], ["x"], [("c", 3), ("b", 2), ("a", 1), ("a", 2)]),
        ],
        ids=repr,
    )  # fmt: skip
    def test_a_list_gives_a_result_for_each_combination(
        self, db: Database, tagged: None, terms: list[Any], projection: list[str], expected: list[Any]
    ) -> None:
        assert db.rows(*terms, projection=tuple(projection)) == expected
        assert db.count(*terms, projection=tuple(projection)) == len(expected)

    def test_embedded_values_are_projected_by_their_path(self, db: Database) -> None:
        db.put("a", n=[Entity.of(None, {"z": 2}), Entity.of(None, {"z": [1, 3]})])
        db.put("b", n=Entity.of(None, {"z": 1}))
        assert db.rows(projection=("n.z",)) == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
        assert db.page(db.query(projection=("n.z",))).results[0]["n.z"] == 1

    def test_a_projection_is_one_of_an_ancestor(self, db: Database) -> None:
        db.put("E", 1, "E", 2, x=[5, 4])
        db.put("E", 3, x=1)
        assert db.rows(projection=("x",), ancestor=db.key(1)) == [(2, 4), (2, 5)]
        assert db.rows("-x", projection=("x",), ancestor=db.key(1)) == [(2, 5), (2, 4)]

    # Distinct

    @pytest.mark.parametrize(
        ("terms", "projection", "distinct", "expected"),
        [
            ([], ["x"], ["x"], [("e", 1), ("c", 2), ("a", 3)]),
            (["-x"], ["x"], ["x"], [("a", 3), ("c", 2), ("e", 1)]),
            (["-x", "-__key__"], ["x"], ["x"], [("b", 3), ("d", 2), ("no y", 1)]),
            ([], ["y"], ["y"], [("a", None), ("c", 7), ("b", 8), ("e", 9)]),
            ([("y", ">", 7)], ["y"], ["y"], [("b", 8), ("e", 9)]),
            ([("x", "IN", (2, 3))], ["y"], ["y"], [("a", None), ("c", 7), ("b", 8)]),
            ([("x", "!=", 2), "-x"], ["x"], ["x"], [("a", 3), ("e", 1)]),
            # The first of each combination, in the order of the query.
            (["x", "y"], ["x", "y"], ["x"], [("e", 1, 9), ("c", 2, 7), ("a", 3, None)]),
            (["x", "-y"], ["x", "y"], ["x"], [("e", 1, 9), ("d", 2, 8), ("b", 3, 8)]),
            (["-x", "-y"], ["y"], ["x"], [("b", 8), ("d", 8), ("e", 9)]),
            # Distinct properties come first in the order, if that is left open.
            ([], ["x", "y"], ["y"], [("a", 3, None), ("c", 2, 7), ("d", 2, 8), ("e", 1, 9)]),
            (["-y"], ["x", "y"], ["y", "x"],
             [("e", 1, 9), ("d", 2, 8), ("b", 3, 8), ("c", 2, 7), ("a", 3, None)]),
            (["x", ("y", ">", 7)], ["x"], ["x"], [("e", 1), ("d", 2), ("b", 3)]),
        ],
        ids=repr,
    )  # fmt: skip
    def test_distinct_results_are_the_first_of_their_combination(
        self,
        db: Database,
        plain: None,
        terms: list[Any],
        projection: list[str],
        distinct: list[str],
        expected: list[Any],
    ) -> None:
        options: dict[str, Any] = {"projection": tuple(projection), "distinct_on": tuple(distinct)}
        assert db.rows(*terms, **options) == expected
        assert db.count(*terms, **options) == len(expected)
        assert db.rows(*terms, **options, offset=1, limit=1) == expected[1:2]

    def test_distinct_works_on_whole_entities_and_keys(self, db: Database, plain: None) -> None:
        found = db.page(db.query("x", "-y", distinct_on=("x",))).results
        assert [(each["x"], each["y"]) for each in found] == [(1, 9), (2, 8), (3, 8)]
        assert db.names("x", "-y", distinct_on=("x",), keys_only=True) == ["e", "d", "b"]
        assert db.names(("x", "=", 2), distinct_on=("y",)) == ["c", "d"]

    def test_distinct_lists_are_split(self, db: Database, tagged: None) -> None:
        assert db.rows(projection=("x",), distinct_on=("x",)) == [("a", 1), ("a", 2), ("c", 3)]
        assert db.rows("-y", projection=("x",), distinct_on=("y",)) == [("a", 1), ("a", 1)]
        # An entity is the first of several combinations.
        assert db.names(distinct_on=("x",)) == ["a", "a", "c"]

    def test_distinct_is_by_place(self, db: Database) -> None:
        for at, value in enumerate([4, datetime(1970, 1, 1, 0, 0, 0, 4), 4.0, "b", b"b", 0.0, -0.0], start=1):
            db.put(at, x=value)
        assert db.names(projection=("x",), distinct_on=("x",)) == [1, 4, 6, 3]

    def test_projections_in_a_transaction_conflict_when_an_entity_of_theirs_changes(
        self, db: Database, tagged: None
    ) -> None:
        for options in ({"projection": ("x",)}, {"projection": ("x",), "distinct_on": ("x",)}):
            t = db.begin()
            found = db.rows(transaction=t, **options)
            db.put("0", x=0)
            assert db.rows(transaction=t, **options) == found
            with pytest.raises(ConflictError):
                db.commit(db.upsert("z", x=9), transaction=t)
            db.delete("0")
