"""Queries: filters, orders, ancestors, lists of values."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kindstore.values.entity import Entity
from kindstore.values.errors import NeedIndexError
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User
from tests.conformance.database import Database

# Written by appengine-python-standard 3.1.0 (DatastoreFileStub): entities, and queries with their results.
APP_ENGINE: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("app_engine_answers.json").read_text(encoding="utf-8")
)


class Queries:
    """Behaviour of run_query and run_aggregation, cursors aside."""

    # One property

    @pytest.fixture
    def numbers(self, db: Database) -> None:
        for name, x in {"e": 1, "d": 2, "c": 2, "b": 3, "a": 4}.items():
            db.put(name, x=x)

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ([("x", "=", 2)], "cd"),
            ([("x", "=", 9)], ""),
            ([("x", "<", 2)], "e"),
            ([("x", "<=", 2)], "ecd"),
            ([("x", ">", 2)], "ba"),
            ([("x", ">=", 2)], "cdba"),
            ([("x", ">", 1), ("x", "<", 4)], "cdb"),
            ([("x", ">", 1), ("x", ">=", 3), ("x", "<", 9)], "ba"),
            ([("x", ">", 3), ("x", "<", 2)], ""),
            ([("x", ">=", 2), ("x", "<=", 2)], "cd"),
            ([("x", ">", 2), ("x", "<", 2)], ""),
            ([("x", "=", 2), ("x", "=", 3)], ""),
            (["x"], "ecdba"),
            (["-x"], "abcde"),
            ([("x", ">=", 2), "x"], "cdba"),
            ([("x", ">=", 2), "-x"], "abcd"),
            ([("x", "<", 4), "-x"], "bcde"),
            ([("x", "=", 2), "-x"], "cd"),
            (["x", "__key__"], "ecdba"),
            (["__key__"], "abcde"),
            (["-__key__"], "edcba"),
            ([("x", "=", 2), "-__key__"], "dc"),
            (["__key__", "-x"], "abcde"),
        ],
        ids=repr,
    )
    def test_one_property_filters_and_sorts_and_keys_break_ties(
        self, db: Database, numbers: None, terms: list[Any], expected: str
    ) -> None:
        assert db.names(*terms) == list(expected)
        assert db.count(*terms) == len(expected)
        assert db.names(*terms, keys_only=True) == list(expected)

    @pytest.mark.parametrize("limit", [0, 1, 3, 5, 9, None])
    @pytest.mark.parametrize("offset", [0, 1, 4, 5, 9])
    @pytest.mark.parametrize("terms", [["x"], ["-x"], [], [("x", ">", 1)], [("x", "=", 2)]], ids=repr)
    def test_limit_and_offset_cut_the_results(
        self, db: Database, numbers: None, limit: int | None, offset: int, terms: list[Any]
    ) -> None:
        whole = db.names(*terms)
        assert db.names(*terms, limit=limit, offset=offset) == whole[offset:][:limit]
        assert db.count(*terms, limit=limit, offset=offset) == len(whole[offset:][:limit])
        assert db.count(*terms, up_to=2, offset=offset) == min(2, len(whole[offset:]))

    def test_a_keys_only_result_has_a_key_and_no_values(self, db: Database, numbers: None) -> None:
        [first, *_] = db.page(db.query("x", keys_only=True)).results
        assert first.key == db.key("e")
        assert list(first) == []

    def test_a_query_gives_whole_entities_with_their_versions(self, db: Database) -> None:
        version = db.version(db.upsert("a", x=1, y=[1, "é"]))
        [found] = db.page(db.query(("x", "=", 1))).results
        assert found == db.entity("a", x=1, y=[1, "é"])
        assert found.version == version

    def test_a_query_of_an_unknown_kind_or_property_has_no_results(self, db: Database, numbers: None) -> None:
        assert db.names(kind="Nothing") == []
        assert db.names("z") == db.names(("z", "=", 1)) == db.names(("x", "=", 2), ("z", "=", 1)) == []
        assert db.count(kind="Nothing") == db.count("z") == 0

    # Types

    def test_a_range_goes_on_through_all_later_types(self, db: Database) -> None:
        values = [
            None, 3, datetime(1970, 1, 1, 0, 0, 0, 4), False, True, b"a", "b", 3.0, GeoPt(1, 2), User("u"), db.key("k")
        ]  # fmt: skip
        for at, value in enumerate(values):
            db.put(at + 1, x=value)
        everything = list(range(1, 12))
        assert db.names("x") == everything
        assert db.names("-x") == everything[::-1]
        assert db.names(("x", ">", 3)) == everything[2:]
        assert db.names(("x", "<", "b")) == everything[:6]
        assert db.names(("x", ">=", None)) == everything
        assert db.names(("x", "<", None)) == []

    def test_equal_place_is_equal(self, db: Database) -> None:
        db.put("bytes", x=b"b")
        db.put("int", x=4)
        db.put("float", x=4.0)
        db.put("zero", x=-0.0)
        db.put("nan", x=float("nan"))
        assert db.names(("x", "=", "b")) == ["bytes"]
        assert db.names(("x", "=", datetime(1970, 1, 1, 0, 0, 0, 4))) == ["int"]
        assert db.names(("x", "=", 4.0)) == ["float"]
        assert db.names(("x", "=", 0.0)) == ["zero"]
        assert db.names(("x", "=", float("nan"))) == ["nan"]
        assert db.names(("x", ">", float("inf"))) == ["nan"]

    def test_strings_sort_by_their_utf8_whatever_bytes_they_hold(self, db: Database) -> None:
        strings = ["", "\0", "\0\0", "\0\1", "\1", "a", "a\0", "a\1", "aa", "é", "\uffff", "😀"]
        for at, text in enumerate(strings):
            db.put(at + 1, x=text)
        everything = list(range(1, len(strings) + 1))
        assert db.names("x") == everything
        assert db.names("-x") == everything[::-1]
        assert db.names(("x", ">", "a")) == everything[6:]
        assert db.names(("x", "<=", "a"), "-x") == everything[5::-1]

    # What is found at all

    def test_null_is_a_value_and_absence_is_not(self, db: Database) -> None:
        db.put("null", x=None)
        db.put("absent", y=1)
        db.put("one", x=1)
        assert db.names(("x", "=", None)) == ["null"]
        assert db.names("x") == ["null", "one"]
        assert db.names(("x", "<", 1)) == ["null"]

    def test_unindexed_values_are_never_found(self, db: Database) -> None:
        db.put("indexed", x=1)
        db.put("not", unindexed=["x"], x=1)
        db.put("list", unindexed=["x"], x=[1, 2])
        db.put("inner", unindexed=["x"], x=Entity.of(None, {"z": 1}))
        assert db.names(("x", "=", 1)) == db.names("x") == ["indexed"]
        assert db.names(("x.z", "=", 1)) == []

    def test_an_empty_list_has_no_value(self, db: Database) -> None:
        db.put("empty", x=[])
        db.put("null", x=[None])
        assert db.names("x") == db.names(("x", "=", None)) == ["null"]
        assert db.get("empty") == db.entity("empty", x=[])

    def test_embedded_entities_are_found_by_their_properties(self, db: Database) -> None:
        inner = Entity.of(
            None, {"b": 1, "c": [2, 3], "hidden": 4, "d": Entity.of(None, {"e": 5})}, ["hidden"]
        )
        db.put("one", x=inner)
        db.put("two", x=[inner, Entity.of(None, {"b": 7}), 8])
        assert db.names(("x.b", "=", 1)) == ["one", "two"]
        assert db.names(("x.b", ">", 1)) == ["two"]
        assert db.names(("x.c", "=", 2), ("x.c", "=", 3)) == ["one", "two"]
        assert db.names(("x.d.e", "=", 5)) == ["one", "two"]
        assert db.names(("x.hidden", "=", 4)) == []
        assert db.names(("x", "=", 8)) == db.names("x") == ["two"]
        db.put("two", x=8)
        assert db.names(("x.b", ">", 0)) == ["one"]

    def test_a_property_with_a_dot_is_found_beside_an_embedded_one(self, db: Database) -> None:
        db.commit(db.upsert("one", **{"x.b": 1}), db.upsert("two", x=Entity.of(None, {"b": 2})))
        db.commit(db.upsert("both", **{"x.b": [1, 3], "x": Entity.of(None, {"b": 2})}))
        assert db.names("x.b") == ["both", "one", "two"]
        assert db.names("-x.b") == ["both", "two", "one"]
        assert db.names(("x.b", "=", 2)) == ["both", "two"]

    # Several equalities

    def test_all_equalities_must_hold(self, db: Database) -> None:
        for n in range(1, 61):
            db.put(n, two=n % 2, three=n % 3, five=n % 5)
        assert db.names(("two", "=", 0), ("three", "=", 0)) == list(range(6, 61, 6))
        assert db.names(("two", "=", 0), ("three", "=", 0), ("five", "=", 0)) == [30, 60]
        assert db.names(("two", "=", 0), ("three", "=", 0), "-__key__", limit=2) == [60, 54]
        assert db.names(("two", "=", 0), ("three", "=", 0), "-three", "two") == list(range(6, 61, 6))
        assert db.count(("two", "=", 1), ("five", "=", 0)) == 6

    def test_an_equality_and_a_range_or_order_of_another_property(self, db: Database) -> None:
        for n in range(1, 31):
            db.put(n, two=n % 2, x=-n)
        assert db.names(("two", "=", 0), ("x", ">", -7)) == [6, 4, 2]
        assert db.names(("two", "=", 0), ("x", ">", -7), "-x") == [2, 4, 6]
        assert db.names(("two", "=", 1), "x", limit=3) == [29, 27, 25]
        assert db.names(("two", "=", 1), "-x", limit=3) == [1, 3, 5]

    # Lists of values: spec/service.md 3.2

    @pytest.fixture
    def lists(self, db: Database) -> None:
        db.put("e1", x=[-1, 2])
        db.put("e2", x=[1, 5])
        db.put("e3", x=[3])

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            # Each equality may be met by a value of its own …
            ([("x", "=", 1), ("x", "=", 5)], ["e2"]),
            ([("x", "=", 1), ("x", "=", 2)], []),
            # … all inequalities by one and the same …
            ([("x", ">", 0), ("x", "<", 1)], []),
            ([("x", ">", 0), ("x", "<", 2)], ["e2"]),
            ([("x", ">", 2), ("x", "<", 5)], ["e3"]),
            # … and these two have nothing to do with each other.
            ([("x", "=", 1), ("x", ">", 4)], ["e2"]),
            ([("x", "=", 2), ("x", "<", 0)], ["e1"]),
            ([("x", "=", 2), ("x", ">", 2)], []),
            # Upwards by the least, downwards by the greatest of the values that satisfy the filters.
            ([("x", ">=", 2), "x"], ["e1", "e3", "e2"]),
            ([("x", ">=", 2), "-x"], ["e2", "e3", "e1"]),
            ([("x", "<=", 4), "-x"], ["e3", "e1", "e2"]),
            ([("x", "<=", 4), "x"], ["e1", "e2", "e3"]),
            ([("x", "<", 2), "-x"], ["e2", "e1"]),
            ([("x", ">", -9), ("x", "<", 9)], ["e1", "e2", "e3"]),
            (["x"], ["e1", "e2", "e3"]),
            (["-x"], ["e2", "e3", "e1"]),
        ],
        ids=repr,
    )
    def test_lists_of_values_are_found_by_the_law_of_the_service(
        self, db: Database, lists: None, terms: list[Any], expected: list[str]
    ) -> None:
        assert db.names(*terms) == expected
        assert db.count(*terms) == len(expected)

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ([("x", "=", 1), ("x", ">", 4)], "abc"),
            ([("x", "=", 1), ("x", ">", 4), "x"], "abc"),
            ([("x", "=", 1), ("x", ">", 4), "-x"], "acb"),
            ([("x", "=", 1), ("x", "<", 4), "-x"], "fabc"),
            ([("x", "=", 1), ("x", ">=", 1), "x"], "abcf"),
            ([("x", "=", 9), ("x", "<", 4), "-x"], "a"),
            ([("x", "=", 1), ("x", "=", 9), ("x", ">", 4), "x"], "a"),
            ([("x", ">", 4), ("x", "<", 9), "-x"], "ceb"),
        ],
        ids=repr,
    )
    def test_a_value_that_meets_any_filter_on_the_property_is_sorted_by(
        self, db: Database, terms: list[Any], expected: str
    ) -> None:
        """As App Engine's own datastore stub answers (appengine-python-standard 3.1.0)."""
        for name, x in {"a": [1, 9], "b": [1, 5], "c": [1, 7, 8], "d": [3], "e": [5, 6], "f": [1, 2]}.items():
            db.put(name, x=x)
        assert db.names(*terms) == list(expected)
        assert db.count(*terms) == len(expected)

    @pytest.mark.parametrize("case", APP_ENGINE, ids=lambda case: f"{len(case['queries'])} queries")
    def test_answers_are_those_of_app_engine(self, db: Database, case: dict[str, Any]) -> None:
        """Random lists of values of all types, filters and orders; answered by App Engine's own datastore stub."""
        for name, properties in case["entities"].items():
            db.commit(db.upsert(name, **properties))
        answered = 0
        for filters, orders, expected in case["queries"]:
            terms = [*map(tuple, filters), *orders]
            try:
                found = db.names(*terms)
            except NeedIndexError:
                continue
            assert found == expected, terms
            assert db.count(*terms) == len(expected), terms
            answered += 1
        assert answered >= len(case["queries"]) // 2

    def test_a_value_given_twice_counts_once(self, db: Database) -> None:
        db.put("a", x=[1, 1, 2, True, 1.0, b"s", "s"])
        assert db.names("x") == db.names("-x") == db.names(("x", ">", 0)) == ["a"]
        assert db.count("x") == db.count(("x", ">", 0)) == db.count(("x", "=", "s")) == 1

    def test_lists_are_found_when_their_values_change(self, db: Database, lists: None) -> None:
        db.put("e1", x=[2, 9])
        db.put("e2", x=5)
        db.put("e3", x=[3, -7, 1])
        assert db.names("x") == ["e3", "e1", "e2"]
        assert db.names("-x") == ["e1", "e2", "e3"]
        assert db.names(("x", ">=", 3), "-x") == ["e1", "e2", "e3"]
        assert db.names(("x", "<", 3), "-x") == ["e1", "e3"]

    # Keys and ancestors

    @pytest.fixture
    def family(self, db: Database) -> None:
        for path in [
            ("E", 1),
            ("E", 2),
            ("E", 10),
            ("E", "10"),
            ("E", "a"),
            ("E", "a\0"),
            ("E", 1, "E", 1),
            ("E", 1, "F", 1),
            ("E", 1, "F", 1, "E", "x"),
            ("E", "a", "E", 5),
            ("F", 1),
        ]:
            db.put(*path, x=len(path), y=1)

    def paths(self, db: Database, *terms: Any, **options: Any) -> list[tuple[Any, ...]]:
        return [entity.key.path for entity in db.page(db.query(*terms, **options)).results if entity.key]

    def test_keys_sort_element_by_element_and_ids_before_names(self, db: Database, family: None) -> None:
        expected = [
            ("E", 1),
            ("E", 1, "E", 1),
            ("E", 1, "F", 1, "E", "x"),
            ("E", 2),
            ("E", 10),
            ("E", "10"),
            ("E", "a"),
            ("E", "a", "E", 5),
            ("E", "a\0"),
        ]
        assert self.paths(db) == self.paths(db, "__key__") == expected
        assert self.paths(db, "-__key__") == expected[::-1]

    @pytest.mark.parametrize("terms", [[], [("y", "=", 1)], [("y", ">", 0)], ["__key__"]], ids=repr)
    def test_an_ancestor_includes_itself_and_all_below(
        self, db: Database, family: None, terms: list[Any]
    ) -> None:
        below_1 = [("E", 1), ("E", 1, "E", 1), ("E", 1, "F", 1, "E", "x")]
        assert self.paths(db, *terms, ancestor=db.key(1)) == below_1
        assert self.paths(db, *terms, ancestor=db.key("E", 1, "F", 1)) == below_1[2:]
        assert self.paths(db, *terms, ancestor=db.key("a")) == [("E", "a"), ("E", "a", "E", 5)]
        assert self.paths(db, *terms, ancestor=db.key(99)) == []
        assert db.count(*terms, ancestor=db.key(1)) == 3

    def test_an_ancestor_that_was_never_stored_has_descendants(self, db: Database) -> None:
        db.put("P", "p", "E", 1, x=1)
        assert db.names(ancestor=db.key("P", "p")) == [1]

    def test_an_ancestor_query_sorts_and_ranges(self, db: Database, family: None) -> None:
        assert self.paths(db, "-x", ancestor=db.key(1)) == [
            ("E", 1, "F", 1, "E", "x"),
            ("E", 1, "E", 1),
            ("E", 1),
        ]
        assert self.paths(db, ("x", ">", 2), ("y", "=", 1), ancestor=db.key(1), limit=1) == [("E", 1, "E", 1)]

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ([("__key__", "=", 2)], [("E", 2)]),
            ([("__key__", "=", 3)], []),
            ([("__key__", ">", 2)], [("E", 10), ("E", "10"), ("E", "a"), ("E", "a", "E", 5), ("E", "a\0")]),
            ([("__key__", "<=", 2)], [("E", 1), ("E", 1, "E", 1), ("E", 1, "F", 1, "E", "x"), ("E", 2)]),
            ([("__key__", ">", 1), ("__key__", "<", 10), "-__key__"],
             [("E", 2), ("E", 1, "F", 1, "E", "x"), ("E", 1, "E", 1)]),
            ([("__key__", ">=", "a"), ("y", "=", 1)], [("E", "a"), ("E", "a", "E", 5), ("E", "a\0")]),
            ([("__key__", "=", 2), "-x"], [("E", 2)]),
            ([("__key__", "=", 2), "-never"], [("E", 2)]),
            ([("x", ">", 0), ("__key__", ">=", "a")], [("E", "a"), ("E", "a\0"), ("E", "a", "E", 5)]),
        ],
        ids=repr,
    )  # fmt: skip
    def test_keys_are_filtered_like_a_property(
        self, db: Database, family: None, terms: list[Any], expected: list[tuple[Any, ...]]
    ) -> None:
        terms = [(term[0], term[1], db.key(term[2])) if term[0] == "__key__" else term for term in terms]
        assert self.paths(db, *terms) == expected

    def test_a_query_without_a_kind_sees_all_kinds_in_key_order(self, db: Database, family: None) -> None:
        everything = self.paths(db, kind=None)
        assert len(everything) == 11
        assert everything[:5] == [
            ("E", 1),
            ("E", 1, "E", 1),
            ("E", 1, "F", 1),
            ("E", 1, "F", 1, "E", "x"),
            ("E", 2),
        ]
        assert everything[-1] == ("F", 1)
        assert self.paths(db, kind=None, ancestor=db.key(1)) == everything[:4]
        assert self.paths(db, ("__key__", ">", db.key("a")), kind=None, limit=2) == everything[8:10]
        assert self.paths(db, "-__key__", kind=None, offset=1, limit=2) == everything[-2:-4:-1]
        assert db.count(kind=None) == 11
        assert db.count(kind=None, up_to=4) == 4
        assert db.names(kind=None, keys_only=True, limit=1) == [1]

    def test_a_query_sees_every_acknowledged_write(self, db: Database) -> None:
        for n in range(1, 20):
            db.put(n, x=n)
            assert db.count() == n
            assert db.names("-x", limit=1) == [n]
            assert db.names(("x", "=", n)) == [n]

    def test_kinds_may_have_awkward_names(self, db: Database) -> None:
        kinds = ["E", "E\0", "E\1", "é", "e", "index_0", "'; DROP TABLE entity; --", "null"]
        for at, kind in enumerate(kinds):
            db.commit(db.upsert(kind, 1, **{kind: at}))
        for at, kind in enumerate(kinds):
            assert [e[kind] for e in db.page(db.query((kind, "=", at), kind=kind)).results] == [at]
        assert self.paths(db, kind=None) == sorted([(kind, 1) for kind in kinds], key=lambda p: p[0].encode())

    def test_keys_of_results_are_whole_keys(self, db: Database) -> None:
        db.put("E", 1, "F", "é", x=1)
        [found] = db.page(db.query(kind="F")).results
        assert found.key == Key.of(db.partition, ("E", 1, "F", "é"))
