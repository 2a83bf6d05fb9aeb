"""The law of forms: shown and sent as it is, a form changes nothing; what it accepts, the model accepts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from kindstore import ndb
from kindstore.flask.forms import model_form
from kindstore.testing import store
from tests.flask.browser import shown, submission

ZURICH = dt.timezone(dt.timedelta(hours=2))


class Place(ndb.Model):
    city = ndb.StringProperty()
    zip_code = ndb.IntegerProperty(default=3000)
    open = ndb.BooleanProperty()


class Step(ndb.Model):
    text = ndb.TextProperty()
    at = ndb.TimeProperty()


class FilledIn(ndb.Model):
    name = ndb.StringProperty(required=True)
    note = ndb.StringProperty(default="a note")
    text = ndb.TextProperty()
    packed = ndb.TextProperty(compressed=True)
    number = ndb.IntegerProperty(default=5)
    ratio = ndb.FloatProperty()
    flag = ndb.BooleanProperty(default=True)
    perhaps = ndb.BooleanProperty()
    moment = ndb.DateTimeProperty()
    local = ndb.DateTimeProperty(tzinfo=ZURICH)
    day = ndb.DateProperty()
    hour = ndb.TimeProperty()
    point = ndb.GeoPtProperty()
    json = ndb.JsonProperty()
    anything = ndb.KeyProperty()
    other = ndb.KeyProperty(kind="FilledIn")
    others = ndb.KeyProperty(kind="FilledIn", repeated=True)
    colour = ndb.StringProperty(choices=["red", "green"])
    sizes = ndb.IntegerProperty(choices=[1, 2, 3], repeated=True)
    tags = ndb.StringProperty(repeated=True)
    numbers = ndb.IntegerProperty(repeated=True)
    ratios = ndb.FloatProperty(repeated=True)
    flags = ndb.BooleanProperty(repeated=True)
    moments = ndb.DateTimeProperty(repeated=True)
    texts = ndb.TextProperty(repeated=True)
    place = ndb.StructuredProperty(Place)
    home = ndb.StructuredProperty(Place, required=True)
    places = ndb.StructuredProperty(Place, repeated=True)
    step = ndb.LocalStructuredProperty(Step)
    steps = ndb.LocalStructuredProperty(Step, repeated=True)


TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
"""What a store can hold."""
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False)
MOMENTS = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1))
POINTS = st.builds(ndb.GeoPt, st.floats(-90, 90), st.floats(-180, 180))
KEYS = st.builds(ndb.Key, st.just("FilledIn"), st.integers(1, 9))
JSON = st.recursive(
    st.none() | st.booleans() | INTS | FLOATS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = st.builds(Place, city=st.none() | TEXTS, zip_code=st.none() | INTS, open=st.none() | st.booleans())
STEPS = st.builds(Step, text=st.none() | TEXTS, at=st.none() | st.times())


def lists_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, max_size=3)


ENTITIES = st.fixed_dictionaries(
    {"name": TEXTS.filter(bool), "home": PLACES},
    optional={
        "note": st.none() | TEXTS,
        "text": st.none() | TEXTS,
        "packed": st.none() | TEXTS,
        "number": st.none() | INTS,
        "ratio": st.none() | FLOATS,
        "flag": st.none() | st.booleans(),
        "perhaps": st.none() | st.booleans(),
        "moment": st.none() | MOMENTS,
        "local": st.none() | MOMENTS,
        "day": st.none() | st.dates(),
        "hour": st.none() | st.times(),
        "point": st.none() | POINTS,
        "json": JSON,
        "anything": st.none() | KEYS,
        "other": st.none() | KEYS,
        "others": lists_of(KEYS),
        "colour": st.sampled_from([None, "red", "green"]),
        "sizes": lists_of(st.sampled_from([1, 2, 3])),
        "tags": lists_of(TEXTS),
        "numbers": lists_of(INTS),
        "ratios": lists_of(FLOATS),
        "flags": lists_of(st.booleans()),
        "moments": lists_of(MOMENTS),
        "texts": lists_of(TEXTS),
        "place": st.none() | PLACES,
        "places": lists_of(PLACES),
        "step": st.none() | STEPS,
        "steps": lists_of(STEPS),
    },
)


@settings(deadline=None, max_examples=100)
@given(ENTITIES)
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(values: dict[str, Any]) -> None:
    with store():
        for number in (1, 2, 3):
            FilledIn(id=number, name=f"<b>{number}</b>", home=Place()).put()
        before = FilledIn(id="it", **values)
        before.put()
        form_class = model_form(FilledIn)
        sent = submission(shown(form_class(obj=ndb.Key(FilledIn, "it").get(use_cache=False))))

        entity = ndb.Key(FilledIn, "it").get(use_cache=False)
        form = form_class(sent, obj=entity)
        assert form.validate(), form.errors
        form.populate_obj(entity)
        assert entity == before
        entity.put()
        assert ndb.Key(FilledIn, "it").get(use_cache=False) == before


JUNK = (
    st.text(max_size=30)
    | INTS.map(str)
    | FLOATS.map(str)
    | MOMENTS.map(str)
    | st.sampled_from(
        [
            *("", " ", "__None", "nan", "1e999", "9" * 5000, "x" * 1501, "é" * 800, "\0", "-", "null", "NaN"),
            *("1,2", "91,0", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59", "0001-01-01T00:00"),
            *(
                "2020-01-01T25:00",
                "true\nfalse",
                "1\n2",
                "\ud800",
                "y",
                "red",
                "2",
                '{"a": "\ud800"}',
                '"\\ud800"',
            ),
        ]
    )
    | st.just("").map(lambda _: ndb.Key("FilledIn", 1).urlsafe().decode())
    | st.just("").map(lambda _: ndb.Key("FilledIn", "x" * 1501).urlsafe().decode())
)
NAMES = [
    *(
        name
        for name in FilledIn._properties
        if name not in ("place", "home", "places", "step", "steps", "texts")
    ),
    *("texts-0", "texts-7", "place-city", "place-zip_code", "home-city", "home-zip_code", "home-open"),
    *(
        "places-0-city",
        "places-0-zip_code",
        "places-3-open",
        "step-at",
        "step-text",
        "steps-1-at",
        "steps-1-text",
    ),
]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(NAMES), JUNK), max_size=12), st.booleans())
def test_what_a_form_accepts_the_model_accepts(sent: list[tuple[str, str]], filled: bool) -> None:
    with store():
        FilledIn(id=1, name="one", home=Place()).put()
        form_class = model_form(FilledIn)
        good = submission(shown(form_class(obj=FilledIn(name="x", home=Place()))))
        formdata = MultiDict([*sent, *((k, v) for k, v in good.items(multi=True) if filled)])
        form = form_class(formdata)
        shown(form)  # a form with wrong values can be shown again
        entity = FilledIn()
        if form.validate():
            form.populate_obj(entity)
            entity.put()
        else:
            assert form.errors


@pytest.mark.parametrize("name", ["tags", "places"])
def test_lists_can_be_emptied(datastore: Any, name: str) -> None:
    entity = FilledIn(name="x", home=Place(), tags=["a"], places=[Place(city="Bern")])
    form_class = model_form(FilledIn)
    changes = {"tags": ""} if name == "tags" else {"places-0-city": "", "places-0-zip_code": ""}
    sent = submission(shown(form_class(obj=entity)), **changes)
    form = form_class(sent, obj=entity)
    assert form.validate(), form.errors
    form.populate_obj(entity)
    assert getattr(entity, name) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("text", "x" * 1_048_488), ("json", "[" * 99_999), ("tags", "x" * 1501), ("packed", "x" * 1_048_488)],
)
def test_what_is_too_much_is_a_message_or_is_stored(datastore: Any, name: str, text: str) -> None:
    form = model_form(FilledIn)(MultiDict({"name": "x", name: text}), home=Place())
    entity = FilledIn()
    assert form.validate() == (name == "packed"), form.errors
    assert list(form.errors) == ([] if name == "packed" else [name])
    if name == "packed":
        form.populate_obj(entity)
        entity.put()
