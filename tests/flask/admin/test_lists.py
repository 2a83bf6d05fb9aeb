"""Lists: their pages, orders, filters and searches."""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from typing import Any, ClassVar

import pytest
from flask.testing import FlaskClient

from kindstore import ndb
from kindstore.flask.admin import ModelView
from kindstore.testing.sandbox import Sandbox
from tests.flask.admin.library import (
    Novel,
    Novelist,
    NovelistView,
    NovelView,
    SimpleNovelView,
    filter_arg,
    make_app,
    messages,
    rows_of,
    shared_app,
    text_of,
    titles,
    walk,
)

pytestmark = pytest.mark.kindstore(engine="sqlite")


# Paging.


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?sort=1",
        "?sort=1&desc=1",
        "?sort=3&desc=1",
        "?sort=0&desc=1",
        "?search=t",
        "?flt0_{pages}=0",
        "?flt0_{pages}=0&sort=1",
    ],
)
def test_pages_by_cursor_show_each_entity_once_and_lead_back(
    many: list[Any], query: str, datastore: Sandbox
) -> None:
    app, view = shared_app(SimpleNovelView)
    url = "/admin/novel/" + query.format(
        pages=filter_arg(view, "Pages", "greater than").removeprefix("flt0_")
    )
    pages = walk(app.test_client(), url, "&gt;")
    seen = [cells[0] for page in pages for cells in rows_of(page)]
    expected = 900 if "flt0" in query else 1000
    assert len(seen) == len(set(seen)) == expected
    assert len(pages) == -(-expected // 75)
    assert all(len(rows_of(page)) == 75 for page in pages[:-1])

    last = re.search(r'href="([^"]*)">&lt;</a>', pages[-1])
    assert last is not None
    assert "cursor=b" in last[1]
    back = walk(app.test_client(), last[1].replace("&amp;", "&"), "&lt;")
    assert [rows_of(page) for page in back] == [rows_of(page) for page in pages[-2::-1]]


def test_a_last_page_that_is_full_has_no_next_one(datastore: Sandbox) -> None:
    ndb.put_multi([Novel(title="x") for _ in range(150)])
    pages = walk(shared_app(SimpleNovelView)[0].test_client(), "/admin/novel/", "&gt;")
    assert [len(rows_of(page)) for page in pages] == [75, 75]


def test_pages_have_numbers_as_long_as_they_are_few(many: list[Any]) -> None:
    class Limited(NovelView):
        count_limit = 999

    browser = make_app(
        NovelistView(Novelist), NovelView(Novel, endpoint="few"), Limited(Novel, endpoint="lots")
    ).test_client()
    pages = walk(browser, "/admin/few/", "&gt;")
    assert len(pages) == 50
    assert "List (1000)" in pages[0]
    assert len({cells[0] for page in pages for cells in rows_of(page)}) == 1000
    first = browser.get("/admin/lots/").text
    assert "List (" not in first
    assert "cursor=a" in first


@pytest.mark.parametrize("mark", ["a", "b", "x", "agarbage", "bAAAA", "aé", "zAAAA", "b\0"])
def test_a_mark_that_is_none_is_counted_from_the_beginning(many: list[Any], mark: str) -> None:
    browser = shared_app(SimpleNovelView)[0].test_client()
    page = browser.get("/admin/novel/", query_string={"page": 2, "cursor": mark})
    assert page.status_code == 200
    assert [cells[0] for cells in rows_of(page.text)] == [f"Novel {number}" for number in range(151, 226)]


@pytest.mark.kindstore(engine="sqlite", unindexed="error")
def test_single_orders_need_no_composite_index_and_others_say_which(
    many: list[Any], datastore: Sandbox
) -> None:
    app, view = shared_app(SimpleNovelView)
    browser = app.test_client()
    filters = filter_arg(view, "Title", "equals"), filter_arg(view, "Pages", "greater than")
    for query in ("", "?sort=1", "?sort=1&desc=1", "?search=t", f"?{filters[0]}=t5", f"?{filters[1]}=5"):
        pages = walk(browser, f"/admin/novel/{query}", "&gt;")
        last = re.search(r'href="([^"]*)">&lt;</a>', pages[-1])
        assert last is not None
        with suppress(
            AssertionError
        ):  # the page before has a reverse order, which needs an index: it is counted
            datastore.calls.check()
        assert rows_of(browser.get(unescape(last[1])).text) == rows_of(pages[-2])
        datastore.calls.clear()
    page = browser.get(f"/admin/novel/?{filters[0]}=t5&sort=3").text
    assert "- kind: Novel" in messages(page)
    assert "There are no items" in page
    datastore.calls.clear()


def test_another_order_begins_at_the_first_page(many: list[Any]) -> None:
    browser = shared_app(SimpleNovelView)[0].test_client()
    second = walk(browser, "/admin/novel/", "&gt;")[1]
    sort = re.search(r'<a href="([^"]*)" title="Sort by Title"', second)
    assert sort is not None
    assert "cursor" not in sort[1]
    assert "page=" not in sort[1]


def test_a_page_takes_few_calls(many: list[Any], datastore: Sandbox) -> None:
    authors = ndb.put_multi([Novelist(name=f"a{n}") for n in range(20)])
    ndb.put_multi([Novel(title=f"A{n}", author=authors[n % 20]) for n in range(60)])
    browser = make_app().test_client()
    datastore.calls.clear()
    page = browser.get("/admin/novel/?sort=1").text
    assert "a19" in page
    datastore.calls.assert_at_most(1, "lookup")
    datastore.calls.assert_at_most(3)  # the number, the page, the authors


# Sorting, filtering, searching.


@pytest.mark.parametrize(
    ("name", "operation", "value", "expected"),
    [
        ("Title", "equals", "alpha", ["alpha"]),
        ("Title", "not equal", "alpha", ["Alpha", "beta"]),
        ("Title", "starts with", "Al", ["Alpha"]),
        ("Title", "in list", "alpha, beta", ["alpha", "beta"]),
        ("Title", "not in list", "alpha,beta", ["Alpha"]),
        ("Title", "empty", "0", ["Alpha", "alpha", "beta"]),
        ("Title", "empty", "1", []),
        ("Pages", "equals", "20", ["Alpha"]),
        ("Pages", "greater than", "10", ["Alpha"]),
        ("Pages", "smaller than", "20", ["alpha"]),
        ("Pages", "empty", "1", ["beta"]),
        ("Pages", "in list", "10,30", ["alpha"]),
        ("Price", "equals", "1.5", ["alpha"]),
        ("Lent", "equals", "1", ["alpha"]),
        ("Lent", "not equal", "1", ["Alpha", "beta"]),
        ("Published", "equals", "2020-05-01", ["alpha"]),
        ("Published", "between", "2020-04-01 to 2020-05-01", ["alpha"]),
        ("Published", "not between", "2020-04-01 to 2020-05-01", []),
        ("Published", "not between", "2020-05-02 to 2020-05-03", ["alpha"]),
        ("Published", "smaller than", "2021-01-01", ["alpha"]),
        ("Seen", "greater than", "2020-01-01 11:59:59", ["Alpha"]),
        ("Seen", "between", "2020-01-01 11:00:00 to 2020-01-01 13:00:00", ["Alpha"]),
        ("At", "equals", "09:00:00", ["beta"]),
        ("Shape", "equals", "thin", ["alpha"]),
        ("Tags", "equals", "y", ["Alpha"]),
        ("Tags", "in list", "y,z", ["Alpha"]),
        ("Publisher.City", "equals", "Bern", ["beta"]),
        ("Place", "equals", "1,2", ["beta"]),
        ("Author", "equals", "bob", ["Alpha"]),
        ("Author", "in list", "bob,7", ["Alpha"]),
        ("Author", "empty", "1", ["beta"]),
        ("Key", "equals", "1", ["alpha"]),
        ("Key", "not equal", "1", ["Alpha", "beta"]),
    ],
)
def test_filters(shelf: dict[str, Any], name: str, operation: str, value: str, expected: list[str]) -> None:
    app, view = shared_app(NovelView)
    browser = app.test_client()
    for order in ("", "1"):
        query = {filter_arg(view, name, operation): value} | ({"sort": order} if order else {})
        page = browser.get("/admin/novel/", query_string=query).text
        assert not messages(page), messages(page)
        assert sorted(titles(page)) == expected


def test_a_key_filters_by_its_text(shelf: dict[str, Any]) -> None:
    app, view = shared_app(NovelView)
    browser = app.test_client()
    page = browser.get(
        "/admin/novel/", query_string={filter_arg(view, "Author", "equals"): text_of(shelf["ada"])}
    ).text
    assert titles(page) == ["alpha"]


@pytest.mark.parametrize(
    ("name", "operation", "value"),
    [
        ("Pages", "equals", "many"),
        ("Pages", "equals", "9" * 30),
        ("Pages", "in list", ","),
        ("Title", "equals", "x" * 1501),
        ("Title", "starts with", "x" * 1501),
        ("Published", "equals", "yesterday"),
        ("Published", "between", "2020-05-01"),
        ("Published", "between", "2020-05-02 to 2020-05-01"),
        ("Shape", "equals", "round"),
        ("Author", "equals", ""),
        ("Author", "equals", "x" * 2000),
        ("Place", "equals", "100,0"),
        ("Lent", "equals", "perhaps"),
    ],
)
def test_a_filter_for_what_is_no_value_is_a_message(
    shelf: dict[str, Any], name: str, operation: str, value: str
) -> None:
    app, view = shared_app(NovelView)
    browser = app.test_client()
    page = browser.get("/admin/novel/", query_string={filter_arg(view, name, operation): value})
    assert page.status_code == 200
    assert "Invalid Filter Value" in messages(page.text)


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("al", ["alpha", "beta"]),
        ("A", ["Alpha"]),
        (" beta ", ["beta"]),
        ("lpha", []),
        ("x" * 2000, []),
        ("é", []),
    ],
)
def test_a_search_is_for_beginnings(
    browser: FlaskClient, shelf: dict[str, Any], term: str, expected: list[str]
) -> None:
    page = browser.get("/admin/novel/", query_string={"search": term})
    assert page.status_code == 200
    assert sorted(titles(page.text)) == expected
    assert "Title, Isbn starts with" in browser.get("/admin/novel/").text


def test_only_what_is_sortable_sorts(browser: FlaskClient, shelf: dict[str, Any]) -> None:
    page = browser.get("/admin/novel/").text
    assert "Sort by Title" in page
    assert "Sort by Tags" not in page
    assert "Sort by Text" not in page
    assert titles(browser.get("/admin/novel/?sort=1").text) == ["Alpha", "alpha", "beta"]
    assert titles(browser.get("/admin/novel/?sort=1&desc=1").text) == ["beta", "alpha", "Alpha"]
    for number in ("6", "7", "9", "99", "-1"):
        assert len(titles(browser.get(f"/admin/novel/?sort={number}").text)) == 3


def test_a_default_order() -> None:
    class Sorted(ModelView):
        column_default_sort: ClassVar[Any] = [("born", True), ("name", False)]

    ndb.put_multi([Novelist(name=name, born=born) for name, born in [("b", 1), ("a", 1), ("c", 2)]])
    page = make_app(Sorted(Novelist)).test_client().get("/admin/novelist/").text
    assert [cells[0] for cells in rows_of(page)] == ["c", "a", "b"]


def test_a_query_that_the_store_refuses_is_a_message(datastore: Sandbox, shelf: dict[str, Any]) -> None:
    class Asking(NovelView):
        def get_query(self) -> Any:
            return super().get_query().filter(*(Novel.pages != number for number in range(101)))

    page = make_app(NovelistView(Novelist), Asking(Novel)).test_client().get("/admin/novel/")
    assert page.status_code == 200
    assert messages(page.text)
    assert "There are no items" in page.text
