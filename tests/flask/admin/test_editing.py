"""The life of an entity in the screens of Flask-Admin, and what keys and forms are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from kindstore import ndb
from kindstore.flask.admin import ModelView
from kindstore.testing.sandbox import Sandbox
from tests.flask.admin.library import (
    Address,
    Novel,
    Novelist,
    NovelistView,
    NovelView,
    make_app,
    messages,
    rows_of,
    shared_app,
    text_of,
    titles,
)
from tests.flask.browser import submission

pytestmark = pytest.mark.kindstore(engine="sqlite")


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


def test_what_is_deleted_meanwhile_is_not_written_again(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Novel(title="first").put()
    _, view = shared_app(NovelView)
    validate = view.validate_form

    def deleting(form: Any) -> Any:
        key.delete()
        return validate(form)

    monkeypatch.setattr(view, "validate_form", deleting)
    page = browser.post(f"/admin/novel/edit/?id={text_of(key)}", data={"title": "mine"}).text
    assert "Somebody else has changed or deleted" in messages(page)
    assert key.get(use_cache=False) is None


def test_a_new_entity_does_not_take_the_key_of_another() -> None:
    class ByTitle(NovelView):
        def on_model_change(self, form: Any, model: Any, is_created: bool) -> None:
            if is_created:
                model.key = ndb.Key(Novel, form.title.data)

    browser = make_app(NovelistView(Novelist), ByTitle(Novel)).test_client()
    browser.post("/admin/novel/new/", data={"title": "emma", "pages": "1"})
    answer = browser.post("/admin/novel/new/", data={"title": "emma", "pages": "2"})
    assert "with this key already" in messages(answer.text)
    assert [(each.key.id(), each.pages) for each in Novel.query()] == [("emma", 1)]


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


def test_many_are_held_against_the_query_in_few_questions(datastore: Sandbox) -> None:
    class Alternatives(NovelView):
        def get_query(self) -> Any:
            return super().get_query().filter(Novel.pages.IN([1, 2, 3, 4]))

    keys = ndb.put_multi([Novel(title="x", pages=n % 8) for n in range(80)])
    view = Alternatives(Novel)
    with make_app(NovelistView(Novelist), view).test_request_context():
        datastore.calls.clear()
        found = view.get_several([text_of(key) for key in keys])
        assert len(found) == 40
        assert {book.pages for book in found} == {1, 2, 3, 4}
        datastore.calls.assert_at_most(20)


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
