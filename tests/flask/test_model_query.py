"""`Model.query`: NDB's query and Flask-SQLAlchemy's verbs in one."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from kindstore import ndb
from kindstore.flask import Kindstore, ManyResultsError, Model, NoResultError, asc, desc
from kindstore.mapper.errors import UnknownPropertyError
from kindstore.ndb.polymodel import PolyModel
from kindstore.values.errors import Error


class Person(Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()
    active = ndb.BooleanProperty(default=True)
    confirmed_at = ndb.DateTimeProperty()
    tags = ndb.StringProperty(repeated=True)
    nick = ndb.StringProperty("n")


class Other(Model):
    name = ndb.StringProperty()


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    app = Flask("app")
    Kindstore(app, url=":memory:")
    with app.app_context():
        ndb.put_multi(
            [
                Person(id="ada", name="Ada", age=36, active=False, tags=["x", "y"], nick="a"),
                Person(id="bob", name="Bob", age=20, confirmed_at=datetime(2020, 1, 1)),
                Person(id=7, name="Cyd", age=28),
            ]
        )
        yield


def names(query: Any) -> list[str]:
    return [each.name for each in query]


def test_filters_are_all_of_them() -> None:
    assert names(Person.query.filter(Person.active == True, Person.age > 20)) == ["Cyd"]  # noqa: E712
    assert names(Person.query.filter(Person.active == False)) == ["Ada"]  # noqa: E712
    before = Person.confirmed_at < datetime(2021, 1, 1)
    assert names(Person.query.filter(before, Person.confirmed_at != None)) == ["Bob"]  # noqa: E711
    assert Person.query.filter(before).count() == 3  # None comes before every time, as in every Datastore
    assert names(Person.query.filter().order_by(Person.age)) == ["Bob", "Cyd", "Ada"]


def test_it_can_be_copied_and_pickled() -> None:
    for query, count in ((Person.query, 3), (Person.query.filter_by(name="Ada"), 1)):
        for made in (copy.copy(query), copy.deepcopy(query), pickle.loads(pickle.dumps(query))):
            assert made.filter(Person.age > 0).count() == count
    assert not hasattr(Person.query, "_nothing")
    assert not hasattr(Person.query, "nothing")


def test_it_can_be_called_as_ndbs() -> None:
    query = Person.query(Person.age > 20, namespace="").order(-Person.age)
    assert names(query) == ["Ada", "Cyd"]
    assert names(query.filter_by(active=True).limit(1)) == ["Cyd"]
    assert query.orders == [-Person.age]
    assert Person.query(projection=["name"], distinct=True).count() == 3
    assert Person().query.count() == 3


def test_filter_by_knows_properties_by_their_names_in_the_code() -> None:
    assert names(Person.query.filter_by(name="Ada", age=36)) == ["Ada"]
    assert names(Person.query.filter_by(tags="y")) == ["Ada"]
    assert names(Person.query.filter_by(nick="a")) == ["Ada"]
    assert names(Person.query.filter_by(id=7)) == ["Cyd"]
    with pytest.raises(UnknownPropertyError, match="'name'"):
        Person.query.filter_by(nmae="Ada")
    with pytest.raises(UnknownPropertyError, match="query"):
        Person.query.filter_by(query="Ada")


@pytest.mark.parametrize("text", ["titel", "-titel", "", "put", "nick.name"])
def test_an_order_by_no_property_is_refused(text: str) -> None:
    with pytest.raises(UnknownPropertyError):
        Person.query.order_by(text)
    assert len(Person.query.order_by("__key__", "nick", "-n").all()) == 3


def test_orders_limits_and_offsets() -> None:
    query = Person.query.order_by(desc(Person.active), asc(Person.name))
    assert names(query) == ["Bob", "Cyd", "Ada"]
    assert names(query.offset(1).limit(1)) == ["Cyd"]
    assert names(query.limit(1).limit(None)) == ["Bob", "Cyd", "Ada"]
    assert names(Person.query.order_by("-age").limit(1)) == ["Ada"]
    assert names(Person.query.order_by(-Person.age, "name").limit(1)) == ["Ada"]
    assert Person.query.limit(0).first() is Person.query.limit(0).first_async().result() is None
    assert not Person.query.limit(0).exists()
    assert Person.query.order_by("age").limit(1).one().name == "Bob"


def test_one_result() -> None:
    adas = Person.query.filter_by(name="Ada")
    none = Person.query.filter_by(name="Zoe")
    ada = adas.first()
    assert ada is adas.first_or_404() is adas.one() is adas.one_or_none() is adas.one_or_404()
    assert none.first() is none.one_or_none() is none.get() is None
    with pytest.raises(NoResultError):
        none.one()
    with pytest.raises(ManyResultsError, match=r"kind='Person'.*PropertyOrder"):
        Person.query.order_by("age").one()
    with pytest.raises(ManyResultsError):
        Person.query.one_or_none()
    with pytest.raises(NotFound, match="nobody"):
        none.first_or_404("nobody")
    for query in (none, Person.query):
        with pytest.raises(NotFound, match="nobody"):
            query.one_or_404("nobody")


def test_get_takes_ids_names_keys_and_urlsafe_keys() -> None:
    for ident, name in (("ada", "Ada"), (7, "Cyd")):
        key = ndb.Key(Person, ident)
        for given in (ident, key, key.urlsafe().decode()):
            found = Person.query.get(given)
            assert found is not None
            assert found.name == name
            assert Person.query.get_or_404(given) is found
            assert found.id == ident
    assert Person().id is None


@pytest.mark.parametrize(
    "ident",
    [
        "7",
        8,
        0,
        -1,
        2**64,
        "",
        "x" * 2000,
        "\ud800",
        True,
        None,
        3.5,
        [7],
        ndb.Key("Other", "ada"),
        ndb.Key("Other", "ada").urlsafe().decode(),
        ndb.Key("Person", "ada", namespace="tenant").urlsafe().decode(),
        ndb.Key("Person", "ada", project="elsewhere").urlsafe().decode(),
        ndb.Key("Person", None),
    ],
)
def test_what_is_no_key_of_an_entity_here_is_not_found(ident: Any) -> None:
    ndb.put_multi([Other(id="ada"), Person(id="ada", namespace="tenant")])
    with pytest.raises(NotFound, match="no such person"):
        Person.query.get_or_404(ident, "no such person")
    assert Person.query.get(ident) is None
    assert Person.query.filter_by(id=ident).all() == []
    assert Person.query.filter_by(id=ident, name="Ada").count() == 0


def test_all_count_exists_delete() -> None:
    assert len(Person.query.all()) == Person.query.count() == 3
    young = Person.query.filter(Person.age < 30)
    assert young.exists()
    assert young.delete() == 2
    assert not young.exists()
    assert Person.query.delete() == 1
    assert Person.query.count() == 0


def test_gql_has_the_verbs_too() -> None:
    assert names(Person.gql("WHERE age > :1 ORDER BY age", 20).limit(1)) == ["Cyd"]
    assert Person.gql("WHERE age > 20").paginate(per_page=1).total == 2


def test_other_models_of_ndb_can_be_mixed_in() -> None:
    class Animal(Model, PolyModel):
        name = ndb.StringProperty()

    class Cat(Animal):
        pass

    class Bag(Model, ndb.Expando):
        pass

    ndb.put_multi([Animal(name="a"), Cat(name="c"), Bag(size=3)])
    assert sorted(names(Animal.query)) == ["a", "c"]
    assert names(Cat.query.filter_by(name="c")) == ["c"]
    assert isinstance(Animal.query.filter_by(name="c").one(), Cat)
    assert Animal.query.order_by("whiskers").all() == []
    assert Bag.query.one().size == 3


def test_a_query_that_can_not_be_is_refused() -> None:
    with pytest.raises(TypeError):
        Person.query.filter("age > 3")  # type: ignore[arg-type]
    with pytest.raises(Error):
        Person.query.limit("3").all()  # type: ignore[arg-type]


def test_a_model_may_have_properties_of_these_names() -> None:
    class Odd(Model):
        id = ndb.StringProperty()  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
        query = ndb.StringProperty()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    Odd(id="x", query="q", _id="k").put()
    found = Odd.get_by_id("k")
    assert found is not None
    assert (found.id, found.query) == ("x", "q")
