"""The examples of Google's page "Entities, Properties, and Keys", as they stand there."""

import datetime as dt

import pytest

from kindstore import db


class Employee(db.Model):
    first_name = db.StringProperty()
    last_name = db.StringProperty()
    hire_date = db.DateProperty()
    attended_hr_training = db.BooleanProperty()


class Address(db.Model):
    street = db.StringProperty()
    postal_code = db.StringProperty()


def test_creating() -> None:
    employee = Employee(first_name="Antonio", last_name="Salieri")
    employee.hire_date = dt.datetime.now().date()  # noqa: DTZ005 - as on the page
    employee.attended_hr_training = True
    employee.put()
    assert isinstance(employee.key().id(), int)
    assert Employee.all().get().hire_date == employee.hire_date
    with pytest.raises(db.BadValueError, match="Property hire_date must be a date, but was 'now'"):
        employee.hire_date = "now"


def test_a_key_name() -> None:
    employee = Employee(key_name="asalieri", first_name="Antonio", last_name="Salieri")
    employee.put()
    assert employee.key() == db.Key.from_path("Employee", "asalieri")


def test_two_ways_of_naming_a_parent() -> None:
    employee = Employee()
    employee.put()
    address = Address(parent=employee)
    assert address.parent() is employee
    e_key = employee.key()
    address = Address(parent=e_key)
    address.put()
    assert address.key().parent() == e_key
    assert Address.all().ancestor(employee).count() == 1


def test_retrieving_updating_deleting() -> None:
    address_k = db.Key.from_path("Employee", "asalieri", "Address", 1)
    Address(key=address_k, postal_code="8000", street="Ring").put()
    address = db.get(address_k)
    # "To delete a property, delete the attribute"; App Engine's db refused it for a declared one.
    del address.postal_code
    address.put()
    assert db.get(address_k).postal_code is None
    assert Address.all().filter("postal_code =", None).count() == 0
    assert Address.all().filter("street =", "Ring").count() == 1
    db.delete(address_k)
    assert db.get(address_k) is None

    Employee(key_name="asalieri").put()
    employee = db.get(db.Key.from_path("Employee", "asalieri"))
    employee.delete()
    assert Employee.all().count() == 0


def test_batches() -> None:
    e1, e2, e3 = (Employee(first_name=name) for name in "abc")
    k1, k2, k3 = db.put([e1, e2, e3])
    assert [found.first_name for found in db.get([k1, k2, k3])] == ["a", "b", "c"]
    db.delete([k1, k2, k3])
    assert db.get([k1, k2, k3]) == [None] * 3


class Tagged(db.Expando):
    plain = db.StringListProperty()
    written = db.ListProperty(int, write_empty_list=True)


def test_empty_lists() -> None:
    key = Tagged(dynamic=[]).put()
    found = db.get(key)
    assert (found.plain, found.written, found.dynamic) == ([], [], [])
    assert set(found._kindstore.stored) == {"written", "dynamic"}
    # App Engine found them as None; here, as in Firestore, an empty list has no row in an index.
    assert Tagged.all().filter("written =", None).count() == 0


def test_values_of_mixed_types_have_one_order() -> None:
    values = [
        None,
        3,
        dt.datetime(2020, 1, 1),
        False,
        True,
        "a",
        "b",
        -1.5,
        2.5,
        db.GeoPt(1, 2),
        db.GeoPt(1, 3),
        db.Key.from_path("A", 1),
    ]
    db.put([Tagged(v=value) for value in reversed(values)])
    assert [found.v for found in Tagged.all().order("v")] == values
