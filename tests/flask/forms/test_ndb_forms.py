"""Forms of ndb models: which fields there are, what they say, and how they refuse."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flask import Flask
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Form, IntegerField, StringField, SubmitField, TextAreaField, validators
from wtforms.widgets import TextArea

from kindstore import ndb
from kindstore.flask import forms
from kindstore.flask.forms import fields as own
from kindstore.flask.forms.ndb import ModelConverter, model_fields, model_form
from kindstore.values.errors import BadArgumentError, UniqueViolationError
from tests.flask.browser import shown, submission

pytestmark = pytest.mark.kindstore


class Essayist(ndb.Model):
    name = ndb.StringProperty(required=True)
    city = ndb.StringProperty()
    age = ndb.IntegerProperty(required=True)
    is_admin = ndb.BooleanProperty(default=False)


class Titled(ndb.Model):
    title = ndb.StringProperty()

    def __str__(self) -> str:
        return self.title or ""


class Essay(ndb.Model):
    author = ndb.KeyProperty(kind=Essayist)


class Address(ndb.Model):
    street = ndb.StringProperty(required=True)
    city = ndb.StringProperty(default="Bern")


class Resident(ndb.Model):
    email = ndb.StringProperty(unique=True)
    address = ndb.StructuredProperty(Address)


def sent(**values: Any) -> MultiDict[str, str]:
    return MultiDict(values)


def fill_authors() -> list[Any]:
    names = [("fred", 26), ("Bob", 30), ("<script>", 12)]
    return ndb.get_multi(ndb.put_multi([Essayist(name=name, age=age, city="x") for name, age in names]))


# What wtforms-appengine's own tests say.


def test_fields_are_those_of_wtforms_in_the_order_of_the_class() -> None:
    expected = [
        ("name", StringField),
        ("city", StringField),
        ("age", IntegerField),
        ("is_admin", BooleanField),
    ]
    form = model_form(Essayist)()
    assert [field.name for field in form] == [name for name, _ in expected]
    for field, (_, kind) in zip(form, expected, strict=True):
        assert isinstance(field, kind)


def test_a_key_is_chosen_among_the_entities_of_its_kind() -> None:
    known = {author.key.urlsafe().decode() for author in fill_authors()} | {"__None"}
    assert {choice.value for choice in model_form(Essay)().author.iter_choices()} == known


def test_a_key_field_offers_what_its_query_finds() -> None:
    authors = fill_authors()

    class Choosing(Form):
        author = forms.KeyPropertyField(reference_class=Essayist, get_label="name")

    form: Any = Choosing()
    form.author.query = Essayist.query().order(Essayist.name)
    assert not form.validate()
    assert [choice.label for choice in form.author.iter_choices()] == ["<script>", "Bob", "fred"]

    form = Choosing(sent(author=authors[0].key.urlsafe().decode()))
    form.author.query = Essayist.query(Essayist.age > 20)
    assert form.validate()
    assert form.author.data == authors[0].key
    assert [choice.selected for choice in form.author.iter_choices()].count(True) == 1

    for wrong in (authors[2].key, ndb.Key(Essayist, 5), ndb.Key("Essay", authors[0].key.id())):
        form = Choosing(sent(author=wrong.urlsafe().decode()))
        form.author.query = Essayist.query(Essayist.age > 20)
        assert not form.validate()
    for text in ("fooflaf", "", "__None", "é"):
        assert not Choosing(sent(author=text)).validate()


# Keys.


def test_labels_are_escaped() -> None:
    fill_authors()
    Titled(title="<img src=x onerror=alert(1)>").put()

    class Choosing(Form):
        author = forms.KeyPropertyField(
            reference_class=Essayist, get_label="name", allow_blank=True, blank_text="<i>"
        )
        titled = forms.KeyPropertyField(reference_class=Titled)

    page = shown(Choosing())
    assert "<script>" not in page
    assert "<img" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_newlines_stay_in_a_text_area() -> None:
    form_class = model_form(Essayist, field_args={"name": {"widget": TextArea()}})
    form = form_class(sent(name="a\r\nb", age="1"), obj=Essayist(name="ab"))
    assert form.validate()
    assert form.name.data == "a\nb"


def test_values_are_escaped() -> None:
    text = "\"><script>alert('x')</script></textarea>"
    everything = model_form(Essayist)(obj=Essayist(name=text, city=text, age=1))
    assert "<script>" not in shown(everything)
    assert submission(shown(everything))["name"] == text


@pytest.mark.parametrize("kept", [list, iter, "limited"])
def test_other_queries_than_plain_ones_are_looked_through(kept: Any) -> None:
    authors = fill_authors()

    class Choosing(Form):
        author = forms.KeyPropertyField(
            query=lambda: ndb.Query(kind=Essayist, limit=2) if kept == "limited" else kept(authors[:2])
        )

    offered = [choice.value for choice in Choosing().author.iter_choices()]
    assert len(offered) == 2
    for author in authors:
        text = author.key.urlsafe().decode()
        assert Choosing(sent(author=text)).validate() == (text in offered)


def test_a_key_of_what_is_gone_is_offered_and_kept() -> None:
    fill_authors()
    book = Essay(author=ndb.Key(Essayist, 99))
    form_class = model_form(Essay)
    page = shown(form_class(obj=book))
    assert "Essayist 99" in page
    form = form_class(submission(page), obj=book)
    assert form.validate()
    assert form.author.data == ndb.Key(Essayist, 99)


def test_keys_of_another_namespace_are_not_offered() -> None:
    key = Essayist(name="x", age=1, namespace="other").put()
    assert not model_form(Essay)(sent(author=key.urlsafe().decode())).validate()


def test_a_field_without_class_and_query_says_so() -> None:
    class Choosing(Form):
        author = forms.KeyPropertyField()

    with pytest.raises(TypeError, match="neither a reference_class nor a query"):
        list(Choosing().author.iter_choices())


# Making forms.


def test_only_exclude_and_arguments() -> None:
    assert list(model_fields(Essayist, only=["age", "name"])) == ["age", "name"]
    assert list(model_fields(Essayist, exclude=["age", "name"])) == ["city", "is_admin"]
    assert list(model_fields(Essayist, only=())) == []
    form = model_form(
        Essayist,
        field_args={
            "name": {"label": "Full name", "description": "yours"},
            "age": {"validators": [validators.NumberRange(min=14, max=99)]},
            "city": {"choices": ["Bern", "Basel"]},
        },
    )(sent(name="Ada", age="12", city="Bern"))
    assert not form.validate()
    assert list(form.errors) == ["age"]
    assert (form.name.label.text, form.name.description) == ("Full name", "yours")


@pytest.mark.parametrize("option", ["only", "exclude", "field_args"])
def test_a_name_that_is_none_is_refused(option: str) -> None:
    given: Any = {option: {"is_amdin": {}}}
    with pytest.raises(BadArgumentError, match=option):
        model_form(Essayist, **given)


def test_a_name_of_the_form_itself_is_refused() -> None:
    class Sample(ndb.Model):
        data = ndb.StringProperty()

    with pytest.raises(BadArgumentError, match="one of its own"):
        model_form(Sample)
    assert list(model_fields(Sample, exclude=["data"])) == []


def test_what_sets_itself_has_no_field() -> None:
    class Own(ndb.Model):
        changed = ndb.DateTimeProperty(auto_now=True)
        made = ndb.DateProperty(auto_now_add=True)
        sum = ndb.ComputedProperty(lambda self: 1)
        blob = ndb.BlobProperty()
        pickle = ndb.PickleProperty()
        user = ndb.UserProperty()
        anything = ndb.GenericProperty()

    class Animal(ndb.PolyModel):
        name = ndb.StringProperty("n", verbose_name="Called")

    assert model_fields(Own) == {}
    form = model_form(Animal)()
    assert [(field.name, field.label.text) for field in form] == [("name", "Called")]


def test_a_converter_of_ones_own() -> None:
    class Percent(ndb.IntegerProperty[Any]):
        pass

    class Colour(ndb.StringProperty[Any]):
        pass

    class Mixed(ndb.Model):
        share = Percent()
        colour = Colour()
        text = ndb.TextProperty()

    class Converter(ModelConverter):
        def convert_Percent(self, model: Any, prop: Any, kwargs: Any) -> Any:  # noqa: N802
            return own.IntegerPropertyField(render_kw={"max": 100}, **kwargs)

        def convert_TextProperty(self, model: Any, prop: Any, kwargs: Any) -> Any:  # noqa: N802
            return None

    form = model_form(
        Mixed, converter=Converter({"Colour": lambda model, prop, kwargs: TextAreaField(**kwargs)})
    )()
    assert [type(field).__name__ for field in form] == ["IntegerPropertyField", "TextAreaField"]
    assert 'max="100"' in form.share()


# Filling in.


def test_plain_attributes_of_buttons_are_not_stored() -> None:
    class WithButton(model_form(Essayist)):  # type: ignore[misc]
        submit = SubmitField()

    author = Essayist()
    form = WithButton(sent(name="Ada", age="36", submit="Submit"))
    assert form.validate()
    form.populate_obj(author)
    found = author.put().get(use_cache=False)
    assert found.to_dict() == {"name": "Ada", "age": 36, "city": None, "is_admin": False}


def test_buttons_are_kept_away_from_expandos() -> None:
    class Loose(ndb.Expando):
        name = ndb.StringProperty()

    class WithButton(model_form(Loose)):  # type: ignore[misc]
        submit = SubmitField()

    loose = Loose()
    WithButton(sent(name="x", submit="Submit")).populate_obj(loose)
    assert list(loose._properties) == ["name"]


def test_what_the_model_refuses_the_form_refuses() -> None:
    def odd(prop: Any, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value * 3

    def lower(prop: Any, value: str) -> str:
        return value.lower()

    class Law(ndb.Model):
        number = ndb.IntegerProperty(validator=odd)
        name = ndb.StringProperty(validator=lower, choices=None)
        colour = ndb.StringProperty(choices=["red"])

    form = model_form(Law)(sent(number="2", name="x" * 1501, colour="blue"))
    assert not form.validate()
    assert form.errors == {
        "number": ["must be odd"],
        "name": ["Too long: 1,501 bytes in UTF-8, at most 1,500 are possible."],
        "colour": ["Not a valid choice."],
    }
    form = model_form(Law)(sent(number="9" * 30, name="é" * 751))
    assert not form.validate()
    assert "Number must be between" in form.errors["number"][0]
    assert "1,502 bytes" in form.errors["name"][0]


@pytest.mark.parametrize("text", ["", " ", None])
def test_what_is_required_must_be_there(text: str | None) -> None:
    form = model_form(Essayist)(sent(name="Ada", age=text) if text is not None else sent(name="Ada"))
    assert not form.validate()
    assert form.errors == {"age": ["This field is required."]}
    assert "required" in form.age()


def test_validators_of_ones_own_are_not_asked_about_what_is_empty() -> None:
    form_class = model_form(Essayist, field_args={"city": {"validators": [validators.Length(min=3)]}})
    assert form_class(sent(name="A", age="1", city="")).validate()
    assert not form_class(sent(name="A", age="1", city="Io")).validate()
    wanted = model_form(Essayist, field_args={"city": {"validators": [validators.InputRequired()]}})
    assert not wanted(sent(name="A", age="1", city="")).validate()


def test_formats_of_ones_own() -> None:
    class Event(ndb.Model):
        day = ndb.DateProperty()
        at = ndb.DateTimeProperty()
        hour = ndb.TimeProperty()

    form_class = model_form(
        Event,
        field_args={
            "day": {"format": "%d.%m.%Y"},
            "at": {"format": ["%d.%m.%Y %H:%M"]},
            "hour": {"format": "%Hh"},
        },
    )
    event = Event(day=dt.date(2020, 2, 1), at=dt.datetime(2020, 2, 1, 10, 30, 5, 7), hour=dt.time(9))
    page = shown(form_class(obj=event))
    assert "01.02.2020 10:30" in page
    assert "09h" in page
    form = form_class(sent(day="01.02.2020", at="01.02.2020 10:30", hour="2020-01-01"), obj=event)
    assert not form.validate()
    assert list(form.errors) == ["hour"]
    assert (form.day.data, form.at.data) == (event.day, event.at)  # with the seconds that were not shown


# Structures.


def test_an_optional_structure_is_none_until_it_is_filled_in() -> None:
    form_class = model_form(Resident)
    person = Resident()
    form = form_class(submission(shown(form_class(obj=person))), obj=person)
    assert form.validate(), form.errors
    form.populate_obj(person)
    assert person.address is None

    form = form_class(sent(**{"address-city": "Basel"}), obj=person)
    assert not form.validate()
    assert form.errors == {"address": {"street": ["This field is required."]}}
    form = form_class(sent(**{"address-city": "Basel", "address-street": "Gasse"}), obj=person)
    assert form.validate()
    form.populate_obj(person)
    assert person.put().get(use_cache=False).address == Address(street="Gasse", city="Basel")

    form = form_class(sent(**{"address-city": "", "address-street": ""}), obj=person)
    assert form.validate()
    form.populate_obj(person)
    assert person.address is None


def test_a_shared_default_is_left_alone() -> None:
    class Housed(ndb.Model):
        home = ndb.StructuredProperty(Address, default=Address(street="default"))

    housed = Housed()
    form = model_form(Housed)(sent(**{"home-street": "mine", "home-city": "Bern"}), obj=housed)
    assert form.validate()
    form.populate_obj(housed)
    assert (housed.home.street, Housed().home.street) == ("mine", "default")


def test_a_validator_sees_the_whole_structure() -> None:
    def local(prop: Any, value: Address) -> None:
        if value.city != "Bern":
            raise ValueError("not here")

    class Housed(ndb.Model):
        home = ndb.StructuredProperty(Address, validator=local)

    form = model_form(Housed)(sent(**{"home-street": "a", "home-city": "Basel"}))
    assert not form.validate()
    assert form.home.form.form_errors == ["not here"]
    assert form.errors


# Unique values.


def test_a_unique_value_is_asked_for() -> None:
    first = Resident(email="ada@example.org").put()
    form_class = model_form(Resident)
    form = form_class(sent(email="ada@example.org"))
    assert not form.validate()
    assert form.errors == {"email": ["Already exists."]}
    assert form_class(sent(email="ada@example.org"), obj=first.get()).validate()
    assert form_class(sent(email="")).validate()
    assert form_class(sent(email="bob@example.org")).validate()


def test_the_slower_of_two_is_shown_it() -> None:
    form = model_form(Resident)(sent(email="ada@example.org"))
    assert form.validate()
    Resident(email="ada@example.org").put()
    person = Resident()
    form.populate_obj(person)
    with pytest.raises(UniqueViolationError) as caught:
        person.put()
    assert forms.report(form, caught.value)
    assert form.errors == {"email": ["Already exists."]}


def test_errors_of_no_field_are_the_forms() -> None:
    form = model_form(Essayist)(sent(name="Ada", age="36"))
    assert form.validate()
    assert forms.report(form, ndb.exceptions.BadValueError("too heavy", path="Essayist.weight"))
    assert form.form_errors == ["too heavy"]
    assert not forms.report(form, BadArgumentError("else"))


# Flask-WTF.


def test_a_form_of_flask_wtf() -> None:
    app = Flask(__name__)
    app.secret_key = "secret"
    app.config["WTF_CSRF_ENABLED"] = True
    form_class = model_form(Resident, FlaskForm)

    @app.route("/", methods=["GET", "POST"])
    def page() -> str:
        person = Resident()
        form = form_class(obj=person)
        if form.validate_on_submit():
            form.populate_obj(person)
            return str(person.put().id())
        return f"{form.hidden_tag()}{form.email}{form.address}{form.errors}"

    browser = app.test_client()
    html = browser.get("/").text
    form = submission(html, email="ada@example.org", **{"address-street": "S"})
    assert list(form).count("csrf_token") == 1
    number = browser.post("/", data=form).text
    found = Resident.get_by_id(int(number))
    assert found is not None
    assert found.address == Address(street="S", city=None)
    assert "CSRF" in browser.post("/", data={"email": "eve@example.org"}).text


def test_the_page_of_both_mappers() -> None:
    assert forms.model_form(Essayist).__name__ == "EssayistForm"
    assert list(forms.model_fields(Essayist, only=["age"])) == ["age"]
