"""Expandos through a store: properties that no class declares."""

from datetime import datetime
from typing import Any

import pytest

from kindstore import ndb


class Page(ndb.Expando):
    title = ndb.StringProperty()


class Address(ndb.Model):
    city = ndb.StringProperty()


@pytest.fixture
def page(context: ndb.Context) -> Any:
    made: Any = Page(id=1, title="Home", hits=3, tags=["a", "b"])
    made.seen = datetime(2026, 11, 21)
    made.place = ndb.GeoPt(46.5, 6.6)
    made.address = Address(city="Lausanne")
    made.link = ndb.Key("Page", 2)
    made.none = None
    made.empty = []
    made.put()
    context.clear_cache()
    return made


def test_dynamic_properties_come_back(page: Any) -> None:
    again: Any = Page.get_by_id(1)
    assert again is not page
    assert (again.title, again.hits, again.tags, again.none) == ("Home", 3, ["a", "b"], None)
    assert again.seen == page.seen
    assert again.place == page.place
    assert again.address.city == "Lausanne"
    assert again.empty == []


def test_a_dynamic_key_can_be_got(page: Any, context: ndb.Context) -> None:
    Page(id=2, title="Next").put()
    context.clear_cache()
    again: Any = Page.get_by_id(1)
    assert type(again.link) is ndb.Key
    assert again.link.get().title == "Next"


@pytest.mark.usefixtures("page")
def test_dynamic_properties_are_queried_by_name() -> None:
    assert Page.query(ndb.GenericProperty("hits") == 3).count() == 1
    assert Page.query(ndb.FilterNode("tags", "=", "b")).count() == 1
    assert Page.query(ndb.FilterNode("address.city", "=", "Lausanne")).count() == 1
    assert Page.query(ndb.GenericProperty("hits") > 3).count() == 0


def test_a_deleted_property_is_gone(page: Any, context: ndb.Context) -> None:
    del page.hits
    page.put()
    context.clear_cache()
    again: Any = Page.get_by_id(1)
    assert not hasattr(again, "hits")
    assert Page.query(ndb.GenericProperty("hits") == 3).count() == 0


def test_a_dict_becomes_an_expando_of_this_face(context: ndb.Context) -> None:
    made: Any = Page(id=3, nested={"a": 1, "deep": {"b": "x"}})
    made.put()
    context.clear_cache()
    again: Any = Page.get_by_id(3)
    assert isinstance(again.nested, ndb.Expando)
    nested: Any = again.nested
    assert nested.a == 1
    assert nested.deep.b == "x"


def test_a_plain_model_reads_an_expandos_entity_and_drops_what_it_does_not_know(context: ndb.Context) -> None:
    class Sheet(ndb.Expando):
        pass

    Sheet(id=1, title="t", more=5).put()
    context.clear_cache()

    class Plain(ndb.Model):
        title = ndb.StringProperty()

        @classmethod
        def _get_kind(cls) -> str:
            return "Sheet"

    plain = Plain.get_by_id(1)
    assert plain is not None
    assert plain.to_dict() == {"title": "t"}
