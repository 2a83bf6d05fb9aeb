"""A library, its screens, and what the tests see of their pages."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from flask import Flask
from flask.testing import FlaskClient
from flask_admin import Admin

from kindstore import ndb
from kindstore.flask.admin import ModelView


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
