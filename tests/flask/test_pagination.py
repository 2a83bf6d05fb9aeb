"""Pages by number and by cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.exceptions import NotFound

from kindstore import ndb
from kindstore.flask import CursorPagination, Kindstore, Model, Query
from kindstore.testing import recorded


class Item(Model):
    number = ndb.IntegerProperty()
    third = ndb.IntegerProperty()
    even = ndb.BooleanProperty()


class Base(DeclarativeBase):
    pass


database: Any = SQLAlchemy(model_class=Base)


class Row(database.Model):  # type: ignore[misc]
    number: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture(scope="module")
def other_app() -> Iterator[Flask]:
    """The same rows in Flask-SQLAlchemy."""
    app = Flask("other")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    database.init_app(app)
    with app.app_context():
        database.create_all()
        database.session.add_all([Row(number=n) for n in range(1, 96)])
        database.session.commit()
    yield app
    with app.app_context():
        database.session.remove()
        database.engine.dispose()


@pytest.fixture
def app() -> Flask:
    app = Flask("app")
    Kindstore(app, url=":memory:")
    return app


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        ndb.put_multi([Item(id=n, number=n, third=n % 3, even=n % 2 == 0) for n in range(1, 96)])
        yield


def numbers(page: Any) -> list[int]:
    return [item.number for item in page]


ITEMS = (
    "page",
    "per_page",
    "total",
    "pages",
    "first",
    "last",
    "has_prev",
    "has_next",
    "prev_num",
    "next_num",
)


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/?page=2",
        "/?page=5",
        "/?page=6",
        "/?page=0",
        "/?page=-1",
        "/?page=x",
        "/?page=3&per_page=7",
        "/?per_page=95",
        "/?per_page=100",
        "/?per_page=0",
        "/?per_page=",
        "/?page=14&per_page=7",
        "/?page=2&per_page=1",
        "/?page=2&per_page=100",
    ],
)
@pytest.mark.parametrize(
    "options", [{}, {"error_out": False}, {"max_per_page": 10}, {"count": False}, {"page": 3}]
)
def test_pages_are_those_of_flask_sqlalchemy(
    app: Flask, other_app: Flask, url: str, options: dict[str, Any]
) -> None:
    def answer(paginate: Callable[..., Any]) -> Any:
        try:
            page = paginate(**options)
        except NotFound:
            return 404
        again = [numbers(page.next(error_out=False))] if page.has_next else []
        links = list(page.iter_pages())
        few = list(page.iter_pages(left_edge=1, left_current=1, right_current=1, right_edge=1))
        try:
            facts = [getattr(page, name) for name in ITEMS]
        except TypeError:  # theirs, where nothing was counted
            facts = []
        return numbers(page), facts if options.get("count", True) else None, links, few, again

    with other_app.test_request_context(url):
        theirs = answer(Row.query.order_by(Row.number).paginate)
    with app.test_request_context(url):
        assert answer(Item.query.order_by(Item.number).paginate) == theirs


def test_a_page_that_tells_how_many_there_are_is_not_counted_again(app: Flask) -> None:
    with recorded() as calls:
        assert Item.query.paginate(page=5, per_page=20).total == 95
    assert len(calls) == 1
    with recorded() as calls:
        assert Item.query.paginate(page=1, per_page=20).total == 95
    assert len(calls) == 2


def test_a_limit_of_the_query_gives_way_to_the_page() -> None:
    page = Item.query.order_by(Item.number).limit(3).offset(5).paginate(page=2, per_page=10)
    assert (numbers(page), page.total) == (list(range(11, 21)), 95)


@pytest.mark.parametrize("page", [2**31, 2**63, 10**30])
def test_a_page_far_beyond_all_is_not_found(page: int) -> None:
    with pytest.raises(NotFound):
        Item.query.paginate(page=page)
    assert Item.query.paginate(page=page, error_out=False).items == []


QUERIES: dict[str, Callable[[], Query[Item]]] = {
    "no order": lambda: Item.query,
    "upwards": lambda: Item.query.order_by(Item.number),
    "downwards": lambda: Item.query.order_by(-Item.number),
    "equal values": lambda: Item.query.order_by(Item.third),
    "equal values downwards": lambda: Item.query.order_by(-Item.third),
    "two orders": lambda: Item.query.order_by(Item.third, -Item.number),
    "filter": lambda: Item.query.filter_by(even=True).order_by(-Item.number),
    "inequality": lambda: Item.query.filter(Item.third > 0),
    "two inequalities": lambda: Item.query.filter(Item.third > 0, Item.number < 50),
    "inequality and order": lambda: Item.query.filter(Item.third > 0).order_by(-Item.number),
    "in": lambda: Item.query.filter(Item.third.IN([0, 2])).order_by(Item.third),
    "in alone": lambda: Item.query.filter(Item.third.IN([0, 2])),
    "or": lambda: Item.query.filter(ndb.OR(Item.third == 1, Item.number > 60)).order_by(Item.number),
    "or of inequalities": lambda: Item.query.filter(ndb.OR(Item.number < 20, Item.number > 60)),
    "or of others": lambda: Item.query.filter(ndb.OR(Item.third < 1, Item.number > 60)),
    "by key": lambda: Item.query.order_by(-Item.key),
    "key filter": lambda: Item.query.filter(Item.key > ndb.Key(Item, 20)),
}


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("asynchronously", [False, True])
def test_a_walk_by_cursors_there_and_back(name: str, asynchronously: bool) -> None:
    query = QUERIES[name]()

    def read(cursor: str | None) -> CursorPagination[Item]:
        if asynchronously:
            return asyncio.run(query.paginate_by_cursor_async(cursor, per_page=10))
        return query.paginate_by_cursor(cursor, per_page=10)

    expected = numbers(query)
    pages, cursor = [], None
    while True:
        page = read(cursor)
        pages.append(page)
        if not page.has_next:
            break
        cursor = page.next_cursor
    assert [number for each in pages for number in numbers(each)] == expected
    assert all(len(each.items) == 10 for each in pages[:-1])
    assert not pages[0].has_prev
    back = pages[-1]
    for before in reversed(pages[:-1]):
        assert back.has_prev, name
        back = read(back.prev_cursor)
        assert numbers(back) == numbers(before)
        forth = read(back.next_cursor)
        assert numbers(forth) == numbers(pages[pages.index(before) + 1])
        assert numbers(read(forth.prev_cursor)) == numbers(before)
    assert not back.has_prev


def test_a_page_stays_where_it_is_when_something_is_put_before_it() -> None:
    query = Item.query.order_by(Item.number)
    first = query.paginate_by_cursor(per_page=10)
    Item(id=1000, number=0).put()
    ndb.Key(Item, 10).delete()  # the one that the cursor is after
    second = query.paginate_by_cursor(first.next_cursor, per_page=10)
    assert numbers(second) == list(range(11, 21))
    assert numbers(query.paginate_by_cursor(second.prev_cursor, per_page=10)) == [0, *range(1, 10)]


def test_results_that_can_not_be_turned_round_have_no_page_before() -> None:
    query = Item.query(projection=[Item.number])
    page = query.paginate_by_cursor(per_page=10)
    page = query.paginate_by_cursor(page.next_cursor, per_page=10)
    assert (page.has_next, page.has_prev) == (True, False)
    with pytest.raises(NotFound):
        query.paginate_by_cursor("p" + str(page.next_cursor)[1:])


def test_the_request_names_the_cursor(app: Flask) -> None:
    @app.get("/")
    def page() -> dict[str, Any]:
        found = Item.query.order_by(Item.number).paginate_by_cursor(max_per_page=30)
        return {"items": numbers(found), "next": found.next_cursor, "size": found.per_page}

    client = app.test_client()
    first: Any = client.get("/?per_page=40").json
    assert (first["size"], first["items"][-1]) == (30, 30)
    assert client.get(f"/?per_page=3&cursor={first['next']}").json == {
        "items": [31, 32, 33],
        "next": client.get(f"/?per_page=3&cursor={first['next']}").json["next"],  # type: ignore[index]
        "size": 3,
    }


@pytest.mark.parametrize("cursor", ["x", "n", "p", "n!", "nAAAA", "ü", "\x00", "n" * 3000, "nä"])
def test_a_bad_cursor_is_not_found(app: Flask, cursor: str) -> None:
    app.add_url_rule("/", "list", lambda: numbers(Item.query.order_by(Item.number).paginate_by_cursor()))
    app.add_url_rule(
        "/mild",
        "mild",
        lambda: numbers(Item.query.order_by(Item.number).paginate_by_cursor(error_out=False)),
    )
    client = app.test_client()
    assert client.get("/", query_string={"cursor": cursor}).status_code == 404
    assert client.get("/mild", query_string={"cursor": cursor}).json == list(range(1, 21))


def test_a_changed_cursor_and_one_of_another_query_are_not_found() -> None:
    query = Item.query.order_by(Item.number)
    cursor = str(query.paginate_by_cursor(per_page=5).next_cursor)
    with pytest.raises(NotFound):
        Item.query.order_by(-Item.third).paginate_by_cursor(cursor)
    with pytest.raises(NotFound):
        query.filter_by(even=True).paginate_by_cursor(cursor)
    for at in range(1, len(cursor)):
        changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        try:
            found = numbers(query.paginate_by_cursor(changed, per_page=5))
        except NotFound:
            continue
        assert found == [6, 7, 8, 9, 10]  # the last letter has spare bits
