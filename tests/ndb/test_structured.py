"""Structures through a store, in both formats: dotted columns (legacy, the default) and embedded entities."""

from collections.abc import Iterator
from typing import Any

import pytest

from kindstore import ndb


class Address(ndb.Model):
    street = ndb.StringProperty()
    city = ndb.StringProperty()
    note = ndb.StringProperty()


class Phone(ndb.Model):
    kind = ndb.StringProperty()
    number = ndb.StringProperty()


class Contact(ndb.Model):
    name = ndb.StringProperty()
    home = ndb.StructuredProperty(Address)
    phones = ndb.StructuredProperty(Phone, repeated=True)
    private = ndb.LocalStructuredProperty(Address)
    history = ndb.LocalStructuredProperty(Address, repeated=True, compressed=True)


@pytest.fixture(params=[True, False], ids=["legacy", "embedded"])
def contexts(request: pytest.FixtureRequest, client: ndb.Client) -> Iterator[ndb.Context]:
    with client.context(legacy_data=request.param) as context:
        yield context


def contact() -> Contact:
    return Contact(
        id="ada",
        name="Ada",
        home=Address(street="St James's Square", city="London"),
        phones=[Phone(kind="home", number="1"), Phone(kind="work", number="2")],
        private=Address(city="Ockham"),
        history=[Address(city="Kirkby"), Address(city="Fordhook")],
    )


def test_structures_come_back(contexts: ndb.Context) -> None:
    contact().put()
    contexts.clear_cache()
    again = Contact.get_by_id("ada")
    assert again is not None
    assert again.to_dict() == contact().to_dict()
    assert isinstance(again.home, Address)
    assert [type(phone) for phone in again.phones] == [Phone, Phone]


def test_no_structure_is_none_and_an_empty_list_is_empty(contexts: ndb.Context) -> None:
    Contact(id="nobody").put()
    contexts.clear_cache()
    again = Contact.get_by_id("nobody")
    assert again is not None
    assert (again.home, again.phones, again.private, again.history) == (None, [], None, [])


def test_a_part_is_queried_by_its_path(contexts: ndb.Context) -> None:
    contact().put()
    contexts.clear_cache()
    city: Any = Contact.home.city
    found = Contact.query(city == "London").get()
    assert found is not None
    assert found.name == "Ada"
    assert Contact.query(city == "Paris").count() == 0
    number: Any = Contact.phones.number
    assert Contact.query(number == "2").count() == 1
    assert Contact.query().order(city).count() == 1


def test_a_whole_structure_is_compared_by_what_is_set_in_it(contexts: ndb.Context) -> None:
    contact().put()
    contexts.clear_cache()
    assert Contact.query(Contact.home == Address(city="London")).count() == 1
    assert Contact.query(Contact.home == Address(city="London", street="Elsewhere")).count() == 0


def test_of_repeated_structures_one_must_match_in_full(contexts: ndb.Context) -> None:
    contact().put()
    contexts.clear_cache()
    # Each of the values is in some phone, but not both in one.
    mixed: Any = Phone(kind="home", number="2")
    one: Any = Phone(kind="work", number="2")
    phones: Any = Contact.phones
    for query, expected in ((Contact.query(phones == mixed), 0), (Contact.query(phones == one), 1)):
        assert len(query.fetch()) == expected
        assert query.count() == expected
        assert len(query.fetch(keys_only=True)) == expected


def test_either_format_reads_what_the_other_wrote(client: ndb.Client) -> None:
    for writes, reads in ((True, False), (False, True)):
        with client.context(legacy_data=writes):
            contact().put()
        with client.context(legacy_data=reads):
            again = Contact.get_by_id("ada")
            assert again is not None
            assert again.to_dict() == contact().to_dict()


def test_a_structure_can_be_changed_in_place(contexts: ndb.Context) -> None:
    key = contact().put()
    contexts.clear_cache()
    again = key.get()
    again.home.city = "Paris"
    again.phones.pop()
    again.put()
    contexts.clear_cache()
    last = key.get()
    assert last.home.city == "Paris"
    assert len(last.phones) == 1
    city: Any = Contact.home.city
    assert Contact.query(city == "London").count() == 0
