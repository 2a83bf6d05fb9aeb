"""Cursors of every query: walks page by page, slices, and the way back (spec/service.md 3.4)."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from kindstore.store.conjunctions import conjunctions
from kindstore.store.messages import Query
from kindstore.values.entity import Entity
from kindstore.values.errors import BadCursorError, BadQueryError
from tests.conformance.cases import Case, Cases
from tests.conformance.comparing import PARTS, Answers, answer, loaded
from tests.conformance.database import Database, last_ids
from tests.conformance.selections import either

QUERIES: list[tuple[list[Any], dict[str, Any]]] = [
    ([("x", "IN", (1, 3, 5))], {}),
    ([("x", "IN", (1, 3, 5)), "-x"], {}),
    ([("x", "!=", 4)], {}),
    ([("x", "!=", 4), "-x", "y"], {}),
    ([("x", "NOT_IN", (2, 7))], {}),
    ([("m", "IN", (1, 3, 5)), "m"], {}),
    ([("m", "!=", 4), "-m"], {}),
    ([("x", ">", 2), ("y", "<", 1), "-x"], {}),
    ([either(("x", ">", 7), ("y", "=", 0))], {}),
    ([either(("x", ">", 7), ("y", "=", 0)), "-x"], {}),
    ([either(("m", ">", 7), ("m", "<", 3)), "m"], {}),
    ([either(("x", "=", 3), ("x", "<", 2)), "-__key__"], {}),
    ([], {"projection": ("x",)}),
    ([], {"projection": ("m",)}),
    (["-y"], {"projection": ("m",)}),
    (["__key__"], {"projection": ("m",)}),
    ([("m", ">", 3)], {"projection": ("m", "y")}),
    ([("y", "=", 0), "-m"], {"projection": ("m",)}),
    ([("y", "=", 0)], {"projection": ("x", "m")}),
    ([("m", "!=", 4), "-m"], {"projection": ("m",)}),
    ([], {"projection": ("y",), "distinct_on": ("y",)}),
    ([], {"projection": ("m",), "distinct_on": ("m",)}),
    (["-m"], {"projection": ("m", "y"), "distinct_on": ("m", "y")}),
    (["-m", "x"], {"projection": ("x",), "distinct_on": ("m",)}),
    (["m", "-x"], {"distinct_on": ("m",)}),
    ([("y", "IN", (0, 1)), "-m"], {"projection": ("m",), "distinct_on": ("m",)}),
]


def rows(found: list[Entity]) -> list[Any]:
    """Results, told apart by key and values."""
    return [(each.key, list(each.values)) for each in found]


class Places:
    """Behaviour of pages and cursors of all queries."""

    @pytest.fixture
    def many(self, db: Database) -> None:
        db.commit(*(db.upsert(n, x=n // 2, y=n % 2, m=[n % 7, 10 - n % 5, n % 4]) for n in range(1, 20)))

    @pytest.mark.parametrize(("terms", "options"), QUERIES, ids=repr)
    def test_a_walk_page_by_page_finds_the_whole_result(
        self, db: Database, many: None, terms: list[Any], options: dict[str, Any]
    ) -> None:
        query = db.query(*terms, **options)
        whole = rows(db.page(query).results)
        assert len(whole) > 1
        for page_size in (1, 3):
            found: list[Any] = []
            page = db.page(query, page_size=page_size)
            while page.results:
                found += rows(page.results)
                page = db.page(msgspec.structs.replace(query, start=page.cursor), page_size=page_size)
            assert found == whole

    @pytest.mark.parametrize(("terms", "options"), QUERIES, ids=repr)
    def test_each_result_has_a_cursor_after_it(
        self, db: Database, many: None, terms: list[Any], options: dict[str, Any]
    ) -> None:
        query = db.query(*terms, **options)
        page = db.page(query)
        whole = rows(page.results)
        for at in range(-1, len(whole), 4):
            cursor = page.cursor_after(at)
            before, after = (msgspec.structs.replace(query, **{name: cursor}) for name in ("end", "start"))
            assert rows(db.page(after).results) == whole[at + 1 :]
            assert rows(db.page(before).results) == whole[: at + 1]
            assert db.count(*terms, **options, start=cursor) == len(whole) - at - 1
        middle = msgspec.structs.replace(
            query, start=page.cursor_after(0), end=page.cursor_after(len(whole) - 2), offset=1
        )
        assert rows(db.page(middle).results) == whole[2:-1]
        middle = msgspec.structs.replace(middle, limit=1)
        assert rows(db.page(middle).results) == whole[2:-1][:1]

    @pytest.mark.parametrize(("terms", "options"), QUERIES, ids=repr)
    def test_a_cursor_stays_where_it_is_when_results_before_it_go(
        self, db: Database, many: None, terms: list[Any], options: dict[str, Any]
    ) -> None:
        if "distinct_on" in options:
            return  # another one becomes the first of the group: see below
        query = db.query(*terms, **options)
        page = db.page(query)
        whole = rows(page.results)
        at = len(whole) // 2
        for key, _ in whole[: at + 1]:
            db.delete(*key.path)
        left = [row for row in whole[at + 1 :] if row[0] not in {key for key, _ in whole[: at + 1]}]
        assert rows(db.page(msgspec.structs.replace(query, start=page.cursor_after(at))).results) == left

    def test_a_cursor_between_distinct_results_is_between_the_groups(self, db: Database) -> None:
        for n in range(1, 7):
            db.put(n, x=n // 2, y=-n)
        options: dict[str, Any] = {"projection": ("x",), "distinct_on": ("x",)}
        page = db.page(db.query(**options))
        assert db.rows(**options) == [(1, 0), (2, 1), (4, 2), (6, 3)]
        after_1 = page.cursor_after(1)
        db.delete(2)  # 3 is the first of its group now, but the group is over
        db.put(99, x=1)
        db.put(5, x=1)
        assert db.rows(**options, start=after_1) == [(4, 2), (6, 3)]
        assert db.rows(**options, end=after_1) == [(1, 0), (3, 1)]
        assert db.rows("-x", **options, start=after_1) == [(3, 1), (1, 0)]

    def test_a_cursor_stands_between_two_results_of_one_entity(self, db: Database) -> None:
        db.put("a", x=[1, 3])
        db.put("b", x=[2, 3])
        page = db.page(db.query(projection=("x",)))
        assert db.rows(projection=("x",), start=page.cursor_after(0)) == [("b", 2), ("a", 3), ("b", 3)]
        assert db.rows(projection=("x",), start=page.cursor_after(2)) == [("b", 3)]

    # The way back

    @pytest.mark.parametrize(
        ("there", "back"),
        [
            (["x"], ["-x", "-__key__"]),
            (["-x"], ["x", "-__key__"]),
            ([], ["-__key__"]),
            (["x", "-y"], ["-x", "y", "-__key__"]),
            ([("x", ">", 2)], [("x", ">", 2), "-x", "-__key__"]),
            ([("x", "!=", 2)], [("x", "!=", 2), "-x", "-__key__"]),
            ([("y", "=", 0), "x"], [("y", "=", 0), "-x", "-__key__"]),
            ([("y", "=", 0)], [("y", "=", 0), "-__key__"]),
        ],
        ids=repr,
    )
    def test_a_cursor_is_a_place_in_the_reverse_of_its_query_too(
        self, db: Database, many: None, there: list[Any], back: list[Any]
    ) -> None:
        page = db.page(db.query(*there))
        whole = last_ids(page)
        assert db.names(*back) == whole[::-1]
        for at in range(len(whole)):
            cursor = page.cursor_after(at)
            # It is after the result from whichever side one comes.
            assert db.names(*back, start=cursor) == whole[at::-1]
            assert db.names(*back, end=cursor) == whole[:at:-1]
        page = db.page(db.query(*back))
        for at in range(len(whole)):
            assert db.names(*there, start=page.cursor_after(at)) == whole[len(whole) - 1 - at :]

    def test_before_the_first_result_is_after_the_last_of_the_reverse(self, db: Database, many: None) -> None:
        beginning = db.page(db.query("x")).cursor_after(-1)
        assert db.names("-x", "-__key__", start=beginning) == []
        assert db.names("-x", "-__key__", end=beginning) == db.names("-x", "-__key__")

    # Whose cursor it is

    @pytest.mark.parametrize(
        ("terms", "options"),
        [
            ([("x", "IN", (1, 2))], {}),
            ([("x", "IN", (1, 2, 4)), "x"], {}),
            ([("x", "NOT_IN", (1, 2, 3))], {}),
            ([either(("x", "=", 1), ("y", "=", 2))], {}),
            ([("x", "IN", (1, 2, 3))], {"projection": ("y",)}),
            ([("x", "IN", (1, 2, 3)), "-y"], {}),
            ([("x", "IN", (1, 2, 3))], {"kind": "F"}),
        ],
        ids=repr,
    )
    def test_a_cursor_of_another_query_is_refused(
        self, db: Database, many: None, terms: list[Any], options: dict[str, Any]
    ) -> None:
        cursor = db.page(db.query(("x", "IN", (1, 2, 3))), page_size=2).cursor
        bounds: list[dict[str, Any]] = [{"start": cursor}, {"end": cursor}]
        for bound in bounds:
            with pytest.raises(BadCursorError):
                db.names(*terms, **options, **bound)
            with pytest.raises(BadCursorError):
                db.count(*terms, **options, **bound)

    def test_a_cursor_of_a_projection_is_of_no_other(self, db: Database, many: None) -> None:
        cursor = db.page(db.query(projection=("m",)), page_size=2).cursor
        with pytest.raises(BadCursorError):
            db.rows(projection=("m", "x"), start=cursor)
        with pytest.raises(BadCursorError):
            db.rows(projection=("m",), distinct_on=("m",), start=cursor)
        with pytest.raises(BadCursorError):
            db.names("m", start=cursor)

    def test_a_cursor_of_another_namespace_is_refused(self, db: Database, many: None) -> None:
        query = db.query(("x", "!=", 4), "-x")
        cursor = db.page(query, page_size=2).cursor
        other = msgspec.structs.replace(query, partition=db.store.partition("n"), start=cursor)
        with pytest.raises(BadCursorError):
            db.page(other)

    def test_the_same_query_in_other_words_takes_its_cursors(self, db: Database, many: None) -> None:
        cursor = db.page(db.query(("x", "IN", (1, 2, 3))), page_size=2).cursor
        expected = db.names(("x", "IN", (1, 2, 3)), start=cursor)
        assert db.names(("x", "IN", (1, 2, 3)), "__key__", start=cursor, keys_only=True) == expected

    # At random

    @pytest.mark.parametrize("seed", range(8))
    def test_the_answers_to_a_random_query_agree_with_each_other(self, db: Database, seed: int) -> None:
        made = Cases(random.Random(seed))
        store = loaded(db.store, made.data())
        answered = 0
        for _ in range(25):
            case = made.case()
            try:
                whole = Answers(store, case).whole()
            except BadQueryError:
                continue
            answered += 1
            assert_consistent(Answers(store, case), case, whole)
        assert answered > 15


def assert_consistent(asked: Answers, case: Case, whole: list[Any]) -> None:
    """What follows from the results of a query, without a look at what is stored."""
    query = asked.query
    after = whole[case.query.offset :]
    assert asked.cut() == (after if case.query.limit is None else after[: case.query.limit])
    assert asked.pages() == whole
    first = 0 if case.start is None else min(case.start, len(whole) - 1) + 1
    last = len(whole) if case.end is None else min(case.end, len(whole) - 1) + 1
    middle = whole[first:last][case.query.offset :]
    assert asked.between() == (middle if case.query.limit is None else middle[: case.query.limit])
    found = answer(asked.store, case, PARTS[-1])
    assert isinstance(found, type) or len(found) == len(case.aggregations)
    if not (query.projection or query.distinct_on):
        assert len({repr(each) for each in whole}) == len(whole)
        parts = [asked.run(keys_of(each)) for each in conjunctions(query)]
        alone = {repr(each) for part in parts for each in part}
        # What is sorted by must be there, in every alternative; without orders they are all of it.
        bare = {repr(each) for each in asked.run(keys_of(query))}
        assert bare <= alone
        if not query.orders:
            assert bare == alone


def keys_of(query: Query) -> Query:
    """*query*, for keys."""
    return msgspec.structs.replace(query, keys_only=True)
