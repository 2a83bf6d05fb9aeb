"""The screens of Flask-Admin, through a browser of a kind."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from typing import Any, ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_admin import Admin
from flask_admin.actions import action
from flask_admin.form import SecureForm
from werkzeug.datastructures import MultiDict
from wtforms import StringField

from kindstore import db, ndb
from kindstore.flask.admin import FilterStartsWith, ModelView
from kindstore.flask.forms import checks
from kindstore.flask.forms.fields import IntegerPropertyField
from kindstore.testing.sandbox import Sandbox
from kindstore.values.errors import BadArgumentError
from tests.flask.browser import submission

pytestmark = pytest.mark.kindstore(engine="sqlite")


class Novelist(ndb.Model):
    name = ndb.StringProperty(required=True)
    born = ndb.IntegerProperty()


class Address(ndb.Model):
    street = ndb.StringProperty()
    city = ndb.StringProperty()


class Novel(ndb.Model):
    title = ndb.StringProperty(required=True)
    isbn = ndb.StringProperty(unique=True)
    author = ndb.KeyProperty(kind=Novelist)
    pages = ndb.IntegerProperty()
    price = ndb.FloatProperty()
    published = ndb.DateProperty()
    seen = ndb.DateTimeProperty()
    at = ndb.TimeProperty()
    lent = ndb.BooleanProperty(default=False)
    tags = ndb.StringProperty(repeated=True)
    text = ndb.TextProperty()
    blob = ndb.BlobProperty()
    details = ndb.JsonProperty()
    shape = ndb.StringProperty(choices=["thick", "thin"])
    place = ndb.GeoPtProperty()
    publisher = ndb.StructuredProperty(Address)
    shops = ndb.StructuredProperty(Address, repeated=True)
    paragraphs = ndb.TextProperty(repeated=True)
    others = ndb.KeyProperty(kind="Novel", repeated=True)


class NovelistView(ModelView):
    can_view_details = True
    column_searchable_list: ClassVar[Any] = ("name",)


class NovelView(ModelView):
    can_view_details = True
    can_export = True
    column_list: ClassVar[Any] = (
        "key",
        "title",
        "author",
        "pages",
        "published",
        "lent",
        "tags",
        "publisher",
        "publisher.city",
        "text",
    )
    column_searchable_list: ClassVar[Any] = ("title", "isbn")
    column_filters: ClassVar[Any] = (
        *("key", "title", "pages", "price", "author", "lent", "published", "seen", "at", "shape", "tags"),
        *("publisher.city", "place"),
    )
    form_args: ClassVar[Any] = {"author": {"get_label": "name"}}
    form_excluded_columns: ClassVar[Any] = ("others",)


def make_app(*views: Any, **config: Any) -> Flask:
    app = Flask(__name__)
    app.secret_key = "secret"
    app.config.update(config)
    admin = Admin(app, name="Library")
    for view in views or (NovelistView(Novelist), NovelView(Novel)):
        admin.add_view(view)
    return app


_APPS: dict[str, tuple[Flask, Any]] = {}


def shared_app(view: Any) -> tuple[Flask, Any]:
    """An application with such a *view* of books, made once, as its templates take a while."""
    if view.__name__ not in _APPS:
        made = view(Novel)
        _APPS[view.__name__] = make_app(NovelistView(Novelist), made), made
    return _APPS[view.__name__]


@pytest.fixture
def browser() -> FlaskClient:
    return shared_app(NovelView)[0].test_client()


def text_of(key: Any) -> str:
    return str(key.urlsafe().decode())


def filter_arg(view: Any, name: str, operation: str) -> str:
    """The name of the parameter for a filter."""
    for index, each in enumerate(view._filters):
        if (str(each.name), str(each.operation())) == (name, operation):
            return f"flt0_{index}"
    raise AssertionError(f"no filter {name} {operation}")


def rows_of(html: str) -> list[list[str]]:
    """The cells of the list."""
    body = html[html.index('<table class="table ') :]
    body = body[: body.index("</table>")]
    found = [
        re.findall(r'<td class="col-[^"]*">(.*?)</td>', row, re.DOTALL) for row in body.split("<tr>")[2:]
    ]
    return [[cell.strip() for cell in cells] for cells in found if cells]


def titles(html: str) -> list[str]:
    return [cells[1] for cells in rows_of(html)]


def messages(html: str) -> str:
    return " ".join(re.findall(r'<div class="alert[^>]*>(.*?)</div>', html, re.DOTALL))


# From the first entity to the last.


def test_a_life_of_an_entity(browser: FlaskClient) -> None:
    ada = Novelist(name="Ada & <co>", born=1815).put()
    assert "There are no items" in browser.get("/admin/novel/").text

    page = browser.get("/admin/novel/new/").text
    assert "Ada &amp; &lt;co&gt;" in page
    form = submission(
        page[page.index("<form") :],
        title="Notes",
        isbn="1",
        author=text_of(ada),
        pages="120",
        tags="a\r\nb",
        **{"publisher-city": "London"},
    )
    form.add("shops-0-city", "Bern")
    form.add("shops-1-city", "")
    form.add("paragraphs-0", "one\r\ntwo")
    answer = browser.post("/admin/novel/new/", data=form, follow_redirects=True)
    assert "successfully created" in messages(answer.text), answer.text
    book = Novel.query().get()
    assert book is not None
    assert (book.title, book.author, book.pages, book.tags) == ("Notes", ada, 120, ["a", "b"])
    assert book.publisher == Address(city="London")
    assert book.shops == [Address(city="Bern")]
    assert book.paragraphs == ["one\ntwo"]
    cells = rows_of(answer.text)[0]
    assert cells[0] == f"Novel {book.key.id()}"
    assert cells[2] == f'<a href="/admin/novelist/details/?id={text_of(ada)}">Ada &amp; &lt;co&gt;</a>'
    assert cells[6:9] == ["a, b", "city: London", "London"]

    edit = f"/admin/novel/edit/?id={text_of(book.key)}"
    page = browser.get(edit).text
    form = submission(page[page.index("<form") :], pages="130", lent="y")
    assert "successfully saved" in browser.post(edit, data=form, follow_redirects=True).text
    changed = book.key.get(use_cache=False)
    assert changed.to_dict() == {**book.to_dict(), "pages": 130, "lent": True}

    page = browser.get(f"/admin/novel/details/?id={text_of(book.key)}").text
    assert "city: London" in page
    assert "Ada &amp; &lt;co&gt;" in page
    answer = browser.post("/admin/novel/delete/", data={"id": text_of(book.key)}, follow_redirects=True)
    assert "successfully deleted" in messages(answer.text)
    assert Novel.query().count() == 0


def test_wrong_values_are_shown_beside_their_fields(browser: FlaskClient) -> None:
    Novel(title="x", isbn="1").put()
    data = {"title": "", "isbn": "1", "pages": "many", "details": "{", "shape": "round", "place": "100,0"}
    page = browser.post("/admin/novel/new/", data=data).text
    for text in (
        *("This field is required.", "Already exists.", "Not a valid integer value.", "Not valid JSON."),
        *("Not a valid choice.", "Not a valid coordinate location."),
    ):
        assert text in page, text
    assert Novel.query().count() == 1


# Keys.


def wrong_keys() -> Iterator[str]:
    yield text_of(Novelist(name="x").put())
    yield text_of(Novel(title="elsewhere", namespace="other").put())
    yield text_of(ndb.Key(Novel, 99))
    yield text_of(ndb.Key(Novel, 99, project="another"))
    yield from ("garbage", "é", "12345678901234567890123", "x" * 2000, "%00", "Ag")


def test_a_key_that_is_none_is_not_found(browser: FlaskClient) -> None:
    for wrong in wrong_keys():
        for screen in ("edit", "details"):
            answer = browser.get(f"/admin/novel/{screen}/", query_string={"id": wrong}, follow_redirects=True)
            assert answer.status_code == 200
            assert "Record does not exist." in messages(answer.text), wrong
        answer = browser.post(
            "/admin/novel/edit/", query_string={"id": wrong}, data={"title": "x"}, follow_redirects=True
        )
        assert "Record does not exist." in messages(answer.text)
        answer = browser.post("/admin/novel/delete/", data={"id": wrong}, follow_redirects=True)
        assert "Record does not exist." in messages(answer.text)
        answer = browser.post(
            "/admin/novel/action/", data={"action": "delete", "rowid": [wrong]}, follow_redirects=True
        )
        assert "0 records" in messages(answer.text)
    assert Novelist.query().count() == 1
    assert Novel.query(namespace="other").count() == 1
    assert browser.get("/admin/novel/edit/?id=a&id=b").status_code == 302


def test_an_entity_is_found_by_its_id_as_well(browser: FlaskClient) -> None:
    Novel(id=7, title="seven").put()
    Novel(id="name", title="named").put()
    assert "seven" in browser.get("/admin/novel/edit/?id=7").text
    assert "named" in browser.get("/admin/novel/edit/?id=name").text


# Two people at once.


def test_what_somebody_else_has_changed_is_not_overwritten(browser: FlaskClient) -> None:
    key = Novel(title="first").put()
    edit = f"/admin/novel/edit/?id={text_of(key)}"
    page = browser.get(edit).text
    form = submission(page[page.index("<form") :], title="mine")
    book = key.get()
    book.tags = ["theirs"]
    book.put()
    page = browser.post(edit, data=form).text
    assert "Somebody else has changed" in messages(page)
    assert (key.get(use_cache=False).title, key.get(use_cache=False).tags) == ("first", ["theirs"])
    assert 'value="mine"' in page
    fresh = browser.get(edit).text
    form = submission(fresh[fresh.index("<form") :], title="mine")
    assert "successfully saved" in browser.post(edit, data=form, follow_redirects=True).text


def test_a_change_in_the_same_moment_is_refused_as_well() -> None:
    class Racing(NovelView):
        def on_model_change(self, form: Any, model: Any, is_created: bool) -> None:
            @ndb.non_transactional()
            def change() -> None:
                novel = model.key.get(use_cache=False)
                novel.pages = 7
                novel.put()

            change()

    key = Novel(title="first").put()
    browser = make_app(NovelistView(Novelist), Racing(Novel)).test_client()
    page = browser.post(f"/admin/novel/edit/?id={text_of(key)}", data={"title": "mine"}).text
    assert "Somebody else has changed" in messages(page)
    assert (key.get(use_cache=False).title, key.get(use_cache=False).pages) == ("first", 7)


def test_what_is_deleted_meanwhile_is_not_written_again(browser: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Novel(title="first").put()
    app, view = shared_app(NovelView)
    validate = view.validate_form

    def deleting(form: Any) -> Any:
        key.delete()
        return validate(form)

    monkeypatch.setattr(view, "validate_form", deleting)
    page = browser.post(f"/admin/novel/edit/?id={text_of(key)}", data={"title": "mine"}).text
    assert "Somebody else has changed or deleted" in messages(page)
    assert key.get(use_cache=False) is None


# Paging.


def walk(browser: FlaskClient, url: str, sign: str) -> list[str]:
    """The pages from *url* on, following the link that is called *sign*."""
    pages = []
    while True:
        html = browser.get(url).text
        assert not messages(html), messages(html)
        pages.append(html)
        link = re.search(rf'<li class="page-item">\s*<a class="page-link" href="([^"]*)">{sign}</a>', html)
        if link is None:
            return pages
        url = link[1].replace("&amp;", "&")


class SimpleNovelView(NovelView):
    simple_list_pager = True
    page_size = 75


@pytest.fixture
def many() -> list[Any]:
    author = Novelist(name="Ada").put()
    return ndb.put_multi(
        [Novel(id=n + 1, title=f"t{n % 7}", pages=n % 10 or None, author=author) for n in range(1000)]
    )


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?sort=1",
        "?sort=1&desc=1",
        "?sort=3&desc=1",
        "?sort=0&desc=1",
        "?search=t",
        "?search=t&sort=3",
        "?flt0_{pages}=0",
        "?flt0_{pages}=0&sort=1",
        "?page_size=50",
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
    assert len(walk(browser, "/admin/lots/", "&gt;")) == 50
    assert "List (" not in browser.get("/admin/lots/").text
    assert "cursor=" in walk(browser, "/admin/lots/", "&gt;")[0]


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


@pytest.fixture
def shelf() -> dict[str, Any]:
    ada, bob = ndb.put_multi([Novelist(name="Ada"), Novelist(id="bob", name="Bob")])
    day = dt.date(2020, 5, 1)
    ndb.put_multi(
        [
            Novel(
                id=1, title="alpha", pages=10, price=1.5, author=ada, lent=True, published=day, shape="thin"
            ),
            Novel(
                id=2, title="Alpha", pages=20, author=bob, tags=["x", "y"], seen=dt.datetime(2020, 1, 1, 12)
            ),
            Novel(
                id=3,
                title="beta",
                isbn="al",
                at=dt.time(9),
                publisher=Address(city="Bern"),
                place=ndb.GeoPt(1, 2),
            ),
        ]
    )
    return {"ada": ada, "bob": bob}


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


# What may be seen.


def test_what_the_query_hides_is_not_to_be_had() -> None:
    class OnlyLent(NovelView):
        def get_query(self) -> Any:
            return super().get_query().filter(Novel.lent == True)  # noqa: E712

    hidden, seen = ndb.put_multi([Novel(title="hidden"), Novel(title="seen", lent=True)])
    browser = make_app(NovelistView(Novelist), OnlyLent(Novel)).test_client()
    assert titles(browser.get("/admin/novel/").text) == ["seen"]
    answer = browser.get(f"/admin/novel/edit/?id={text_of(hidden)}", follow_redirects=True)
    assert "Record does not exist." in messages(answer.text)
    browser.post("/admin/novel/action/", data={"action": "delete", "rowid": [text_of(hidden), text_of(seen)]})
    assert [book.title for book in Novel.query()] == ["hidden"]


def test_a_namespace_of_its_own() -> None:
    class Tenant(NovelView):
        namespace = "tenant"

    Novel(title="default").put()
    ada = Novelist(name="Ada", namespace="tenant").put()
    Novelist(name="Eve").put()
    browser = make_app(NovelistView(Novelist), Tenant(Novel)).test_client()
    assert titles(browser.get("/admin/novel/").text) == []
    page = browser.get("/admin/novel/new/").text
    assert "Ada" in page
    assert "Eve" not in page
    browser.post("/admin/novel/new/", data={"title": "ours", "author": text_of(ada)})
    assert [(each.title, each.author) for each in Novel.query(namespace="tenant")] == [("ours", ada)]
    assert Novel.query().count() == 1
    page = browser.get("/admin/novel/").text
    assert titles(page) == ["ours"]
    assert "Ada" in page


def test_who_may_not_see_a_view_gets_nothing_of_it(shelf: dict[str, Any]) -> None:
    class Closed(NovelistView):
        def is_accessible(self) -> bool:
            return False

    browser = make_app(Closed(Novelist), NovelView(Novel)).test_client()
    for screen in ("", "new/", "edit/?id=1", "ajax/lookup/?name=x", "export/csv/"):
        assert browser.get(f"/admin/novelist/{screen}").status_code == 403
    assert "/admin/novelist/" not in browser.get("/admin/novel/").text  # nor a link


def test_a_subclass_of_a_hierarchy_shows_its_own() -> None:
    class Creature(ndb.PolyModel):
        name = ndb.StringProperty()

    class Kitten(Creature):
        lives = ndb.IntegerProperty()

    rex, tom = ndb.put_multi([Creature(name="Rex"), Kitten(name="Tom", lives=9)])
    browser = make_app(ModelView(Creature), ModelView(Kitten)).test_client()
    assert "Rex" in browser.get("/admin/creature/").text
    assert "Tom" in browser.get("/admin/creature/").text
    page = browser.get("/admin/kitten/").text
    assert "Tom" in page
    assert "Rex" not in page
    answer = browser.get(f"/admin/kitten/edit/?id={text_of(rex)}", follow_redirects=True)
    assert "Record does not exist." in messages(answer.text)
    answer = browser.post(
        f"/admin/kitten/edit/?id={text_of(tom)}", data={"name": "Tim", "lives": "8"}, follow_redirects=True
    )
    assert "successfully saved" in messages(answer.text)
    assert tom.get(use_cache=False) == Kitten(key=tom, name="Tim", lives=8)


# The rest of Flask-Admin.


def test_forms_with_csrf_protection() -> None:
    class Secure(NovelView):
        form_base_class = SecureForm
        column_editable_list: ClassVar[Any] = ("title",)

    browser = make_app(NovelistView(Novelist), Secure(Novel)).test_client()
    assert "Failed to create record" in messages(browser.post("/admin/novel/new/", data={"title": "x"}).text)
    assert Novel.query().count() == 0
    page = browser.get("/admin/novel/new/").text
    form = submission(page[page.index("<form") :], title="x")
    assert form.getlist("csrf_token")
    assert "successfully created" in browser.post("/admin/novel/new/", data=form, follow_redirects=True).text
    book = Novel.query().get()
    assert book is not None
    edit = f"/admin/novel/edit/?id={text_of(book.key)}"
    page = browser.get(edit).text
    form = submission(page[page.index("<form") :], title="y")
    assert "successfully saved" in browser.post(edit, data=form, follow_redirects=True).text
    browser.post("/admin/novel/delete/", data={"id": text_of(book.key)})
    browser.post("/admin/novel/action/", data={"action": "delete", "rowid": text_of(book.key)})
    assert Novel.query().count() == 1
    data = {"id": text_of(book.key), "csrf_token": form["csrf_token"]}
    browser.post("/admin/novel/delete/", data=data)
    assert Novel.query().count() == 0


def test_many_are_deleted_at_once(browser: FlaskClient, datastore: Sandbox) -> None:
    keys = ndb.put_multi([Novel(title=f"t{n}", isbn=str(n)) for n in range(30)])
    datastore.calls.clear()
    data = MultiDict([("action", "delete"), *(("rowid", text_of(key)) for key in keys[:20])])
    answer = browser.post("/admin/novel/action/", data=data)
    assert answer.status_code == 302
    datastore.calls.assert_at_most(1, "commit")
    assert Novel.query().count() == 10
    assert "20 records were successfully deleted" in browser.get("/admin/novel/").text


def test_actions_of_ones_own_and_forbidden_ones() -> None:
    class Acting(NovelView):
        can_delete = False

        @action("lend", "Lend")  # type: ignore[untyped-decorator]
        def lend(self, ids: list[str]) -> None:
            books = self.get_several(ids)
            for book in books:
                book.lent = True
            ndb.put_multi(books)

    key = Novel(title="x").put()
    browser = make_app(NovelistView(Novelist), Acting(Novel)).test_client()
    browser.post("/admin/novel/action/", data={"action": "delete", "rowid": text_of(key)})
    browser.post("/admin/novel/action/", data={"action": "lend", "rowid": text_of(key)})
    assert key.get(use_cache=False).lent


def test_hooks() -> None:
    told: list[Any] = []

    class Hooked(NovelView):
        def on_model_change(self, form: Any, model: Any, is_created: bool) -> None:
            told.append(("change", model.title, is_created, ndb.in_transaction()))
            if model.title == "bad":
                raise ValueError("not that one")

        def after_model_change(self, form: Any, model: Any, is_created: bool) -> None:
            told.append(("changed", model.title, is_created, model.key.id() is not None))

        def on_model_delete(self, model: Any) -> None:
            told.append(("delete", model.title))

        def after_model_delete(self, model: Any) -> None:
            told.append(("deleted", model.title))

    browser = make_app(NovelistView(Novelist), Hooked(Novel)).test_client()
    browser.post("/admin/novel/new/", data={"title": "good"})
    answer = browser.post("/admin/novel/new/", data={"title": "bad"})
    assert "not that one" in messages(answer.text)
    key = Novel.query().get(keys_only=True)
    browser.post(f"/admin/novel/edit/?id={text_of(key)}", data={"title": "better"})
    browser.post("/admin/novel/delete/", data={"id": text_of(key)})
    assert told == [
        ("change", "good", True, True),
        ("changed", "good", True, True),
        ("change", "bad", True, True),
        ("change", "better", False, True),
        ("changed", "better", False, True),
        ("delete", "better"),
        ("deleted", "better"),
    ]
    assert Novel.query().count() == 0


def test_an_export(browser: FlaskClient, shelf: dict[str, Any], datastore: Sandbox) -> None:
    ndb.put_multi([Novel(title=f"z{n}", author=shelf["ada"]) for n in range(700)])
    datastore.calls.clear()
    answer = browser.get("/admin/novel/export/csv/?sort=1")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0][:4] == ["Key", "Title", "Author", "Pages"]
    assert [row[1] for row in rows[1:4]] == ["Alpha", "alpha", "beta"]
    assert rows[1][2] == "Bob"
    assert len(rows) == 704
    datastore.calls.assert_at_most(2, "lookup")
    assert len(list(csv.reader(io.StringIO(browser.get("/admin/novel/export/csv/?search=z").text)))) == 701


class SearchingView(NovelView):
    form_excluded_columns: ClassVar[Any] = ()
    form_ajax_refs: ClassVar[Any] = {
        "author": {"fields": ["name"], "page_size": 5},
        "others": {"fields": ("title",)},
    }


def test_keys_that_are_looked_for(shelf: dict[str, Any]) -> None:
    browser = make_app(NovelistView(Novelist), SearchingView(Novel)).test_client()
    found = json.loads(browser.get("/admin/novel/ajax/lookup/?name=author&query=A&offset=0&limit=10").text)
    assert found == [[text_of(shelf["ada"]), "Ada"]]
    assert len(json.loads(browser.get("/admin/novel/ajax/lookup/?name=author").text)) == 2
    assert browser.get("/admin/novel/ajax/lookup/?name=nonsense&query=A").status_code == 404

    edit = f"/admin/novel/edit/?id={text_of(ndb.Key(Novel, 1))}"
    page = browser.get(edit).text
    assert "Ada" in page
    form = submission(page[page.index("<form") :], author=text_of(shelf["bob"]))
    form["others"] = ",".join(text_of(ndb.Key(Novel, number)) for number in (3, 2))
    answer = browser.post(edit, data=form, follow_redirects=True)
    assert "successfully saved" in messages(answer.text), answer.text
    book = Novel.get_by_id(1, use_cache=False)
    assert book is not None
    assert (book.author, book.others) == (shelf["bob"], [ndb.Key(Novel, 3), ndb.Key(Novel, 2)])
    for wrong in ("garbage", text_of(ndb.Key(Novel, 1)), text_of(ndb.Key(Novelist, 99))):
        page = browser.get(edit).text
        form = submission(page[page.index("<form") :], author=wrong)
        assert "Not a valid choice." in browser.post(edit, data=form).text
    page = browser.get(edit).text
    form = submission(page[page.index("<form") :], author="", others="")
    assert "successfully saved" in browser.post(edit, data=form, follow_redirects=True).text
    book = Novel.get_by_id(1, use_cache=False)
    assert book is not None
    assert (book.author, book.others) == (None, [])


def test_cells_that_are_edited_in_place(shelf: dict[str, Any], datastore: Sandbox) -> None:
    class Editing(NovelView):
        column_list: ClassVar[Any] = (
            "title",
            "pages",
            "lent",
            "published",
            "author",
            "shape",
            "tags",
            "seen",
            "at",
            "price",
            "text",
        )
        column_editable_list: Any = column_list

    browser = make_app(NovelistView(Novelist), Editing(Novel)).test_client()
    datastore.calls.clear()
    page = browser.get("/admin/novel/")
    assert page.status_code == 200
    datastore.calls.assert_at_most(
        4
    )  # the number, the page, the authors that it has and those to choose from
    assert unescape(page.text).count('"text": "Novelist bob"') == 3
    key = ndb.Key(Novel, 1)
    data = {"list_form_pk": text_of(key), "pages": "11"}
    answer = browser.post("/admin/novel/ajax/update/", data=data)
    assert (answer.status_code, answer.text) == (200, "Record was successfully saved.")
    book = key.get(use_cache=False)
    assert (book.pages, book.title, book.lent) == (11, "alpha", True)
    answer = browser.post("/admin/novel/ajax/update/", data={**data, "pages": "x"})
    assert answer.status_code == 500
    assert "Not a valid integer" in answer.text
    answer = browser.post("/admin/novel/ajax/update/", data={"list_form_pk": "garbage", "pages": "1"})
    assert answer.status_code == 500
    assert "does not exist" in answer.text


def test_rules_and_fields_of_ones_own() -> None:
    class Ruled(NovelView):
        form_columns = ("title", "pages", "extra")
        form_extra_fields: ClassVar[Any] = {"extra": StringField("Extra")}
        form_rules = ("title", "pages", "extra")
        form_overrides: ClassVar[Any] = {"pages": IntegerPropertyField}
        form_choices: ClassVar[Any] = {"title": ["one", ("two", "Two!")]}
        column_labels: ClassVar[Any] = {"title": "Called"}
        column_descriptions: ClassVar[Any] = {"title": "What it is called"}

    browser = make_app(NovelistView(Novelist), Ruled(Novel)).test_client()
    page = browser.get("/admin/novel/new/").text
    assert "Called" in page
    assert "Extra" in page
    assert "Two!" in page
    answer = browser.post("/admin/novel/new/", data={"title": "two", "extra": "x"}, follow_redirects=True)
    assert "successfully created" in messages(answer.text)
    key = Novel.query().get(keys_only=True)
    edit = f"/admin/novel/edit/?id={text_of(key)}"
    page = browser.get(edit).text
    form = submission(page[page.index("<form") :], title="one")
    assert "successfully saved" in browser.post(edit, data=form, follow_redirects=True).text


def test_expandos_store_nothing_of_the_forms() -> None:
    class Untidy(ndb.Expando):
        name = ndb.StringProperty()

    class UntidyView(ModelView):
        column_editable_list: ClassVar[Any] = ("name",)

    key = Untidy(name="x", more=3).put()
    browser = make_app(UntidyView(Untidy)).test_client()
    edit = f"/admin/untidy/edit/?id={text_of(key)}"
    page = browser.get(edit).text
    form = submission(page[page.index("<form") :], name="y")
    assert "successfully saved" in browser.post(edit, data=form, follow_redirects=True).text
    browser.post("/admin/untidy/ajax/update/", data={"list_form_pk": text_of(key), "name": "z"})
    assert key.get(use_cache=False).to_dict() == {"name": "z", "more": 3}


def test_a_value_that_somebody_was_faster_with(browser: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    Novel(title="x", isbn="1").put()
    monkeypatch.setattr(checks.Unique, "__call__", lambda *_: None)
    page = browser.post("/admin/novel/new/", data={"title": "y", "isbn": "1"}).text
    assert "Already exists." in page
    assert Novel.query().count() == 1


def test_all_values_of_all_kinds_are_shown(datastore: Sandbox) -> None:
    class Everything(ModelView):
        can_view_details = True
        can_export = True
        column_display_pk = True

    text = "<script>alert(1)</script>" * 10
    book = Novel(
        title="<b class=x>",
        author=ndb.Key(Novelist, 99),
        seen=dt.datetime(2020, 1, 2, 3, 4, 5, 678),
        at=dt.time(1, 2, 3, 4),
        published=dt.date(2020, 1, 2),
        tags=["<i class=x>", "b"],
        text=text,
        blob=b"\x00" * 5000,
        details={"<a class=x>": [1, None]},
        place=ndb.GeoPt(1, 2),
        shops=[Address(city="<u class=x>"), Address(street="s", city="c")],
        others=[ndb.Key(Novel, 5)],
    )
    key = book.put()
    browser = make_app(NovelistView(Novelist), Everything(Novel)).test_client()
    for url in (
        "/admin/novel/",
        f"/admin/novel/details/?id={text_of(key)}",
        f"/admin/novel/edit/?id={text_of(key)}",
    ):
        page = browser.get(url).text
        for raw in ("<script>alert", "<b class=x>", "<i class=x>", "<u class=x>", "<a class=x>"):
            assert raw not in page, (url, raw)
    page = browser.get("/admin/novel/").text
    for shown in (
        "2020-01-02 03:04:05",
        "Novelist 99",
        "city: &lt;u class=x&gt;; street: s, city: c",
        "1.0,2.0",
        "Novel 5",
    ):
        assert shown in page, shown
    assert browser.get("/admin/novel/export/csv/").status_code == 200


# What is refused when the view is made.


@pytest.mark.parametrize(
    "attributes",
    [
        {"column_searchable_list": ["pages"]},
        {"column_searchable_list": ["nonsense"]},
        {"column_filters": ["text"]},
        {"column_filters": ["nonsense"]},
        {"column_filters": ["publisher"]},
        {"column_sortable_list": ["text"]},
        {"column_sortable_list": ["nonsense"]},
        {"form_columns": ["nonsense"]},
        {"column_editable_list": ["publisher"]},
        {"column_editable_list": ["shops"]},
        {"column_editable_list": ["others"]},
        {"column_editable_list": ["blob"]},
        {"form_ajax_refs": {"author": {"fields": ["born"]}}},
        {"form_ajax_refs": {"author": {}}},
        {"form_ajax_refs": {"title": {"fields": ["name"]}}},
    ],
)
def test_what_no_query_can_do_is_said_at_once(attributes: dict[str, Any]) -> None:
    with pytest.raises(BadArgumentError):
        type("Wrong", (ModelView,), attributes)(Novel)


def test_models_of_db_have_no_view() -> None:
    class Old(db.Model):
        name = db.StringProperty()

    with pytest.raises(BadArgumentError, match="ndb"):
        ModelView(Old)


def test_filters_of_ones_own() -> None:
    class Own(ModelView):
        column_filters: ClassVar[Any] = (FilterStartsWith(Novelist.name, "Called"), Novelist.born)

    ndb.put_multi([Novelist(name="Ada"), Novelist(name="Bob")])
    view = Own(Novelist)
    browser = make_app(view).test_client()
    page = browser.get("/admin/novelist/", query_string={filter_arg(view, "Called", "starts with"): "B"}).text
    assert [cells[0] for cells in rows_of(page)] == ["Bob"]
    assert filter_arg(view, "Born", "greater than")
