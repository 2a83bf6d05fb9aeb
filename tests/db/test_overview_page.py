"""The example of Google's page "The Python DB Client Library for Cloud Datastore", as it stands there."""

import datetime as dt
from typing import Any

from kindstore import db
from kindstore.db import users


class Employee(db.Model):
    name = db.StringProperty(required=True)
    role = db.StringProperty(required=True, choices={"executive", "manager", "producer"})
    hire_date = db.DateProperty()
    new_hire_training_completed = db.BooleanProperty(indexed=False)
    email = db.StringProperty()


def test_the_example() -> None:
    user = users.User("john@example.com")
    e = Employee(name="John", role="manager", email=user.email())
    e.hire_date = dt.datetime.now().date()  # noqa: DTZ005 - as on the page
    e.put()

    training_registration_list = ["john@example.com", "jane@example.com"]
    employees_trained = db.GqlQuery("SELECT * FROM Employee WHERE email IN :1", training_registration_list)
    for each in employees_trained:
        each.new_hire_training_completed = True
        db.put(each)
    assert [each.new_hire_training_completed for each in Employee.all()] == [True]


def test_the_path_of_an_entity() -> None:
    path = ("Person", "GreatGrandpa", "Person", "Grandpa", "Person", "Dad", "Person", "Me")
    me = db.Key.from_path(*path)
    assert me.to_path() == list(path)
    assert me.parent() == db.Key.from_path(*path[:-2])
    assert me.entity_group() == db.Key.from_path("Person", "GreatGrandpa")
    # "the parent entity need not actually exist"
    person: Any = db.PropertiedClass("Person", (db.Model,), {})
    person(key=me).put()
    assert [found.key() for found in db.Query().ancestor(db.Key.from_path("Person", "GreatGrandpa"))] == [me]
