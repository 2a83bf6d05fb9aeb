"""Cursors: walking the results of a query, whatever happens meanwhile."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from kindstore.store.messages import Query
from kindstore.values.errors import BadCursorError, BadQueryError
from tests.conformance.database import Database, last_ids

QUERIES: list[list[Any]] = [
    [],
    ["x"],
    ["-x"],
    ["__key__"],
    ["-__key__"],
    [("x", ">", 1)],
    [("x", ">", 1), "-x"],
    [("y", "=", 0)],
    [("y", "=", 0), "-__key__"],
    [("y", "=", 0), ("z", "=", 0)],
    [("y", "=", 0), "x"],
    [("y", "=", 0), "-x"],
    ["m"],
    ["-m"],
    [("m", ">", 3), "m"],
    [("m", "<", 9), "-m"],
]


def walk(db: Database, query: Query, page_size: int) -> list[Any]:
    """All results, a page at a time, each page beginning where the last one ended."""
    found: list[Any] = []
    while True:
        page = db.page(query, page_size=page_size)
        assert len(page.results) <= page_size
        found += last_ids(page)
        if len(page.results) < page_size:
            return found
        assert page.more or db.page(msgspec.structs.replace(query, start=page.cursor)).results == []
        query = msgspec.structs.replace(query, start=page.cursor)


@dataclasses.dataclass
class Step:
    """A page of one result, and the cursors around it."""

    before: bytes
    name: Any
    after: bytes


class Cursors:
    """Behaviour of pages and cursors."""

    @pytest.fixture
    def many(self, db: Database) -> None:
        db.commit(
            *(db.upsert(n, x=n // 3, y=n % 2, z=n % 4 // 2, m=[n % 7, 10 - n % 5, n]) for n in range(1, 31)),
        )

    @pytest.mark.parametrize("page_size", [1, 4, 30, 99])
    @pytest.mark.parametrize("terms", QUERIES, ids=repr)
    def test_pages_together_are_the_whole_result(
        self, db: Database, many: None, terms: list[Any], page_size: int
    ) -> None:
        whole = db.names(*terms)
        assert walk(db, db.query(*terms), page_size) == whole
        assert walk(db, db.query(*terms, keys_only=True), page_size) == whole

    @pytest.mark.parametrize("terms", QUERIES, ids=repr)
    def test_each_result_has_a_cursor_after_it(self, db: Database, many: None, terms: list[Any]) -> None:
        query = db.query(*terms)
        page = db.page(query)
        whole = last_ids(page)
        for at in range(-1, len(whole)):
            cursor = page.cursor_after(at)
            assert last_ids(db.page(msgspec.structs.replace(query, start=cursor))) == whole[at + 1 :]
            assert last_ids(db.page(msgspec.structs.replace(query, end=cursor))) == whole[: at + 1]
        middle = msgspec.structs.replace(query, start=page.cursor_after(2), end=page.cursor_after(5))
        assert last_ids(db.page(middle)) == whole[3:6]
        assert db.count(*terms, start=page.cursor_after(2), end=page.cursor_after(5)) == len(whole[3:6])
        assert page.cursor == page.cursor_after(len(whole) - 1)

    def test_an_end_before_the_start_leaves_nothing(self, db: Database, many: None) -> None:
        page = db.page(db.query("x"))
        assert db.names("x", start=page.cursor_after(5), end=page.cursor_after(2)) == []

    @pytest.mark.parametrize("terms", [[], ["x"], ["-x"], ["m"], [("y", "=", 0)]], ids=repr)
    def test_a_cursor_stays_where_it_is_when_its_entity_is_deleted(
        self, db: Database, many: None, terms: list[Any]
    ) -> None:
        query = db.query(*terms)
        page = db.page(query)
        whole = last_ids(page)
        for at in range(3, 8):
            db.delete(whole[at])
        assert last_ids(db.page(msgspec.structs.replace(query, start=page.cursor_after(7)))) == whole[8:]
        assert last_ids(db.page(msgspec.structs.replace(query, start=page.cursor_after(5)))) == whole[8:]
        assert last_ids(db.page(msgspec.structs.replace(query, end=page.cursor_after(5)))) == whole[:3]

    @pytest.mark.parametrize("terms", [[], ["x"], ["-x"], [("x", ">", 1), "-x"], [("y", "=", 0)]], ids=repr)
    def test_nothing_is_before_an_end_when_all_that_was_is_deleted(
        self, db: Database, many: None, terms: list[Any]
    ) -> None:
        page = db.page(db.query(*terms))
        whole = last_ids(page)
        for name in whole[:6]:
            db.delete(name)
        for at in range(6):
            assert db.names(*terms, end=page.cursor_after(at)) == []
            assert db.count(*terms, end=page.cursor_after(at)) == 0
        assert db.names(*terms, end=page.cursor_after(6)) == whole[6:7]

    def test_a_cursor_stays_where_it_is_when_others_are_inserted(self, db: Database) -> None:
        for n in (10, 20, 30, 40):
            db.put(n, x=n)
        page = db.page(db.query("x"), page_size=2)
        for n in (5, 15, 25, 20 + 1):
            db.put(n, x=n)
        db.put(19, x=20)
        db.put(22, x=20)
        assert db.names("x", start=page.cursor) == [22, 21, 25, 30, 40]

    def test_a_cursor_does_not_follow_its_entity(self, db: Database) -> None:
        for n in (10, 20, 30):
            db.put(n, x=n)
        page = db.page(db.query("x"), page_size=1)
        db.put(10, x=25)
        assert db.names("x", start=page.cursor) == [20, 10, 30]

    def test_limit_and_offset_count_from_the_cursor(self, db: Database, many: None) -> None:
        start = db.page(db.query(), page_size=10).cursor
        assert db.names(start=start, offset=5, limit=3) == [16, 17, 18]
        assert db.count(start=start, offset=5) == 15

    def test_a_limit_ends_the_pages(self, db: Database, many: None) -> None:
        page = db.page(db.query("__key__", limit=5), page_size=10)
        assert last_ids(page) == [1, 2, 3, 4, 5]
        assert last_ids(db.page(db.query("__key__", start=page.cursor, limit=1))) == [6]

    def test_more_is_true_where_results_follow_and_false_after_the_last(
        self, db: Database, many: None
    ) -> None:
        assert db.page(db.query(), page_size=29).more
        assert not db.page(db.query(), page_size=31).more
        assert not db.page(db.query()).more
        assert not db.page(db.query(("x", "=", 999)), page_size=1).more

    def test_the_cursor_of_an_empty_result_is_its_beginning(self, db: Database) -> None:
        page = db.page(db.query("x"))
        assert page.results == []
        db.put("a", x=1)
        assert db.names("x", start=page.cursor) == ["a"]
        assert db.names("x", end=page.cursor) == []

    def test_the_cursor_of_an_empty_page_after_a_cursor_is_that_cursor(
        self, db: Database, many: None
    ) -> None:
        last = db.page(db.query("x")).cursor
        page = db.page(db.query("x", start=last))
        assert page.results == []
        db.put(99, x=99)
        assert db.names("x", start=page.cursor) == [99]

    @pytest.mark.parametrize(
        "other",
        [
            ["x"],
            ["-y"],
            [("y", "=", 1)],
            [("y", ">", 0)],
            [("y", "=", 0), ("z", "=", 0)],
        ],
        ids=repr,
    )
    def test_a_cursor_of_another_query_is_refused(self, db: Database, many: None, other: list[Any]) -> None:
        cursor = db.page(db.query(("y", "=", 0)), page_size=3).cursor
        bounds: list[dict[str, Any]] = [{"start": cursor}, {"end": cursor}]
        for options in bounds:
            with pytest.raises(BadCursorError):
                db.names(*other, **options)
            with pytest.raises(BadCursorError):
                db.count(*other, **options)

    def test_a_cursor_of_another_kind_ancestor_or_partition_is_refused(
        self, db: Database, many: None
    ) -> None:
        cursor = db.page(db.query(), page_size=3).cursor
        with pytest.raises(BadCursorError):
            db.names(kind="F", start=cursor)
        with pytest.raises(BadCursorError):
            db.names(kind=None, start=cursor)
        with pytest.raises(BadCursorError):
            db.names(ancestor=db.key(1), start=cursor)
        with pytest.raises(BadCursorError):
            db.page(Query(db.store.partition("n"), "E", start=cursor))

    def test_limit_and_keys_only_do_not_make_another_query(self, db: Database, many: None) -> None:
        cursor = db.page(db.query("x", limit=3)).cursor
        assert db.names("x", start=cursor, keys_only=True, limit=1) == db.names("x")[3:4]

    @pytest.mark.parametrize("cursor", [b"", b"x", b"\0" * 40, b"AAAA", "é".encode() * 9])
    def test_nonsense_is_refused(self, db: Database, many: None, cursor: bytes) -> None:
        with pytest.raises(BadCursorError):
            db.names("x", start=cursor)
        with pytest.raises(BadCursorError):
            db.names("x", end=cursor)

    def test_a_cursor_with_any_byte_changed_is_refused_or_harmless(self, db: Database, many: None) -> None:
        cursor = db.page(db.query("x"), page_size=3).cursor
        refused = 0
        for at in range(len(cursor)):
            damaged = cursor[:at] + bytes((cursor[at] ^ 1,)) + cursor[at + 1 :]
            try:
                db.names("x", start=damaged)
            except BadCursorError:
                refused += 1
        assert refused >= len(cursor) - 2  # spare bits of base64

    @pytest.mark.parametrize("option", ["limit", "offset", "page_size"])
    def test_negative_numbers_are_refused(self, db: Database, option: str) -> None:
        options: dict[str, Any] = {option: -1}
        size = options.pop("page_size", None)
        with pytest.raises(BadQueryError):
            db.page(db.query(**options), page_size=size)
