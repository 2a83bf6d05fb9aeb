"""What else views of Flask-Admin can do."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from html import unescape
from typing import Any, ClassVar

import pytest
from flask.testing import FlaskClient
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
from tests.flask.admin.library import (
    Address,
    Novel,
    Novelist,
    NovelistView,
    NovelView,
    filter_arg,
    make_app,
    messages,
    rows_of,
    text_of,
)
from tests.flask.browser import submission

pytestmark = pytest.mark.kindstore(engine="sqlite")


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
