"""Forms of db models."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from kindstore import db
from kindstore.flask import forms
from kindstore.flask.forms.db import ModelConverter, model_fields, model_form
from kindstore.testing import store
from tests.flask.browser import shown, submission

pytestmark = pytest.mark.kindstore


class Author(db.Model):
    name = db.StringProperty(required=True)
    city = db.StringProperty()
    age = db.IntegerProperty(required=True)
    is_admin = db.BooleanProperty(default=False)


class Everything(db.Model):
    name = db.StringProperty()
    lines = db.StringProperty(multiline=True)
    text = db.TextProperty()
    number = db.IntegerProperty()
    ratio = db.FloatProperty()
    flag = db.BooleanProperty()
    moment = db.DateTimeProperty()
    day = db.DateProperty()
    hour = db.TimeProperty()
    point = db.GeoPtProperty()
    category = db.CategoryProperty()
    link = db.LinkProperty()
    email = db.EmailProperty()
    phone = db.PhoneNumberProperty()
    postal = db.PostalAddressProperty()
    rating = db.RatingProperty()
    tags = db.StringListProperty()
    numbers = db.ListProperty(int)
    moments = db.ListProperty(dt.datetime)
    colour = db.StringProperty(choices=["red", "green"])
    author = db.ReferenceProperty(Author)
    blob = db.BlobProperty()
    user = db.UserProperty()
    im = db.IMProperty()
    anything = db.ReferenceProperty()
    keys = db.ListProperty(db.Key)
    made = db.DateTimeProperty(auto_now_add=True)


WITHOUT_FIELD = {"blob", "user", "im", "anything", "keys", "made"}
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=10)
MOMENTS = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1))


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": optional(TEXTS),
        "lines": optional(st.text(st.characters(blacklist_categories=["Cs"]), max_size=10)),
        "text": optional(TEXTS.map(db.Text)),
        "number": optional(st.integers(-(2**63), 2**63 - 1)),
        "ratio": optional(st.floats(allow_nan=False)),
        "flag": optional(st.booleans()),
        "moment": optional(MOMENTS),
        "day": optional(st.dates()),
        "hour": optional(st.times()),
        "point": optional(st.builds(db.GeoPt, st.floats(-90, 90), st.floats(-180, 180))),
        "category": optional(TEXTS.filter(bool).map(db.Category)),
        "link": optional(st.just(db.Link("https://example.org/?a=1&b=<2>"))),
        "email": optional(TEXTS.filter(bool).map(db.Email)),
        "phone": optional(TEXTS.filter(bool).map(db.PhoneNumber)),
        "postal": optional(TEXTS.filter(bool).map(db.PostalAddress)),
        "rating": optional(st.integers(0, 100).map(db.Rating)),
        "tags": st.lists(TEXTS, max_size=3),
        "numbers": st.lists(st.integers(-9, 9), max_size=3),
        "moments": st.lists(MOMENTS, max_size=3),
        "colour": st.sampled_from([None, "red", "green"]),
    },
)


def values_of(instance: Any) -> dict[str, Any]:
    return {name: prop.get_value_for_datastore(instance) for name, prop in instance.properties().items()}


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(values: dict[str, Any]) -> None:
    with store():
        author = Author(name="<i>", age=1)
        author.put()
        before = Everything(author=author, **values)
        key = before.put()
        form_class = model_form(Everything)
        instance = db.get(key)
        form = form_class(submission(shown(form_class(obj=db.get(key)))), obj=instance)
        assert form.validate(), form.errors
        form.populate_obj(instance)
        instance.put()
        assert values_of(db.get(key)) == values_of(before)


def test_fields_of_everything() -> None:
    assert set(model_fields(Everything)) == set(Everything.properties()) - WITHOUT_FIELD
    assert [field.name for field in model_form(Author)()] == ["name", "city", "age", "is_admin"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("name", "x" * 1501),
        ("name", "é" * 751),
        ("name", "a\nb"),
        ("number", "x"),
        ("number", "9" * 20),
        ("rating", "101"),
        ("link", "nonsense"),
        ("point", "100,0"),
        ("colour", "blue"),
        ("numbers", "1\nx"),
        ("moment", "2020-01-01T00:00+01:00"),
        ("author", "x"),
        ("text", "x" * 1_048_488),
    ],
)
def test_what_the_model_refuses_the_form_refuses(name: str, text: str) -> None:
    form = model_form(Everything)(MultiDict({name: text}))
    assert not form.validate()
    assert list(form.errors) == [name]
    shown(form)


def test_an_instance_is_chosen_by_reference() -> None:
    ada, eve = Author(name="Ada", age=36), Author(name="<Eve>", age=1)
    db.put([ada, eve])
    form_class = model_form(Everything, field_args={"author": {"get_label": "name"}})
    assert "&lt;Eve&gt;" in shown(form_class())
    form = form_class(MultiDict({"author": str(ada.key())}))
    assert form.validate(), form.errors
    instance = Everything()
    form.populate_obj(instance)
    assert db.get(instance.put()).author.name == "Ada"
    adults = form_class(MultiDict({"author": str(eve.key())}))
    adults.author.query = Author.all().filter("age >", 18)
    assert not adults.validate()


def test_both_mappers_by_one_name() -> None:
    form = forms.model_form(Author, exclude=["city"], converter=ModelConverter())(
        MultiDict({"name": "", "age": "1"})
    )
    assert not form.validate()
    assert form.errors == {"name": ["This field is required."]}
    assert list(forms.model_fields(Author, only=["age"])) == ["age"]
