"""Structures: both stored forms, written and read, and their filters (spec/ndb.md 2.3)."""

import pickle
from typing import Any

import pytest

from kindstore.mapper.blobs import BlobProperty
from kindstore.mapper.errors import BadFilterError
from kindstore.mapper.filters import AND, OR, FalseNode, FilterNode, PostFilterNode
from kindstore.mapper.local_structured import LocalStructuredProperty
from kindstore.mapper.model import Model
from kindstore.mapper.scalar import IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.structured import SameItem, StructuredProperty
from kindstore.mapper.text import StringProperty, TextProperty
from kindstore.mapper.times import DateTimeProperty
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadValueError
from kindstore.values.key import Key, Partition


class Address(Model):
    street = StringProperty()
    city = StringProperty("c")
    note = TextProperty()
    tags = StringProperty(repeated=True)


class Item(Model):
    x = IntegerProperty()
    y = TextProperty()
    r = IntegerProperty(required=True)


class Box(Model):
    item = StructuredProperty(Item)
    n = IntegerProperty()
    packed = BlobProperty(compressed=True)


class Person(Model):
    name = StringProperty()
    address = StructuredProperty(Address)
    items = StructuredProperty(Item, repeated=True)
    box = StructuredProperty(Box)
    boxes = StructuredProperty(Box, repeated=True)
    home = LocalStructuredProperty(Address)
    homes = LocalStructuredProperty(Item, repeated=True)
    kept = LocalStructuredProperty(Item, keep_keys=True)


def stored(instance: Model, legacy_data: bool = True) -> Entity:
    return schema_of(type(instance)).to_entity(instance, instance._key, legacy_data)


def columns(instance: Model, legacy_data: bool = True) -> dict[str, Any]:
    return {name: value for name, value in stored(instance, legacy_data).items() if value not in (None, [])}


def loaded(**properties: Any) -> Person:
    made: Person = schema_of(Person).from_entity(
        Entity.of(None, {name.replace("__", "."): value for name, value in properties.items()})
    )
    return made


WHOLE: dict[str, Any] = {
    "name": "Ada",
    "address": Address(city="x", tags=["a", "b"], note="n"),
    "items": [Item(x=1, r=1), Item(x=2, y="z", r=2)],
    "box": Box(n=1, item=Item(x=3, r=1), packed=b"hey" * 9),
    "boxes": [Box(n=1, item=Item(x=3, r=1)), Box(n=2)],
    "home": Address(city="q", tags=["t"]),
    "homes": [Item(x=1, r=2)],
}


# --- the two forms


def test_by_default_a_structure_is_stored_as_dotted_columns() -> None:
    found = stored(Person(address=Address(city="x", tags=["a", "b"]), name="Ada"))
    assert found["address.c"] == "x"
    assert found["address.tags"] == ["a", "b"]
    assert found["address.street"] is None
    assert found["name"] == "Ada"
    assert "address.note" in found.shape.unindexed
    assert "address" not in found


def test_by_default_a_repeated_structure_is_stored_as_parallel_lists() -> None:
    found = stored(Person(items=[Item(x=1, r=1), Item(x=2, y="z", r=2)]))
    assert (found["items.x"], found["items.r"], found["items.y"]) == ([1, 2], [1, 2], [None, "z"])


def test_by_default_none_is_one_null_and_an_empty_list_is_nothing() -> None:
    found = stored(Person())
    assert found["address"] is None
    assert not [name for name in found if name.startswith(("items", "boxes"))]


def test_in_the_other_form_a_structure_is_an_embedded_entity() -> None:
    found = stored(Person(address=Address(city="x", id=5), items=[Item(x=1, r=1)]), legacy_data=False)
    assert found["address"].key is None
    assert dict(found["address"].items()) == {"c": "x", "note": None, "street": None, "tags": []}
    assert found["address"].shape.unindexed == {"note"}
    assert [item["x"] for item in found["items"]] == [1]
    assert stored(Person(), legacy_data=False)["items"] == []


def test_a_structure_that_is_not_indexed_has_no_indexed_column() -> None:
    class Quiet(Model):
        address = StructuredProperty(Address, indexed=False)

    dotted = stored(Quiet(address=Address(city="x")))
    assert dotted.shape.unindexed == set(dotted.shape.names)
    assert stored(Quiet(address=Address(city="x")), legacy_data=False).shape.unindexed == {"address"}


def test_a_structure_inside_a_list_may_be_none() -> None:
    found = columns(Person(boxes=[Box(n=1, item=Item(x=3, r=1)), Box(n=2)]))
    assert found["boxes.n"] == [1, 2]
    assert found["boxes.item.x"] == [3, None]
    assert "boxes.item" not in found


@pytest.mark.parametrize("legacy_data", [True, False])
def test_everything_reads_back_as_it_was_in_both_forms(legacy_data: bool) -> None:
    person = Person(**WHOLE)
    again = schema_of(Person).from_entity(stored(person, legacy_data))
    assert again == person
    assert again.to_dict() == person.to_dict()
    assert stored(again, legacy_data) == stored(person, legacy_data)
    empty = Person()
    assert schema_of(Person).from_entity(stored(empty, legacy_data)) == empty


def test_a_subclass_of_the_model_class_is_stored_with_what_it_adds() -> None:
    class Flat(Address):
        floor = IntegerProperty()

    found = columns(Person(address=Flat(city="x", floor=3)))
    assert found["address.floor"] == 3


# --- reading what others wrote


def test_ragged_parallel_lists_are_filled_with_none() -> None:
    person = loaded(items__x=[1, 2], items__r=[3])
    assert [(item.x, item.r) for item in person.items] == [(1, 3), (2, None)]


def test_one_value_in_a_column_of_a_repeated_structure_is_one_item() -> None:
    assert loaded(items__x=1).items == [Item(x=1)]


def test_columns_that_the_structure_does_not_have_are_dropped() -> None:
    person = loaded(address__zork=1)
    assert person.address == Address()


def test_an_embedded_entity_keeps_its_key() -> None:
    key = Key.of(Partition.of("p"), ("Address", 1))
    person = loaded(address=Entity.of(key, {"c": "x"}))
    assert person.address == Address(key=key, city="x")
    assert loaded(home=Entity.of(key, {"c": "x"})).home == Address(city="x")


def test_one_embedded_entity_of_a_repeated_structure_is_a_list() -> None:
    assert loaded(items=Entity.of(None, {"x": 1})).items == [Item(x=1)]
    assert loaded(items=[Entity.of(None, {"x": 1}), None]).items == [Item(x=1), None]


# --- assignment


def test_a_dict_is_accepted_for_a_structure() -> None:
    person = Person(address={"city": "x"}, items=[{"x": 1}], home={"city": "y"})  # type: ignore[arg-type, unused-ignore]
    assert person.address == Address(city="x")
    assert person.items == [Item(x=1)]
    assert person.home == Address(city="y")


def test_another_type_is_refused() -> None:
    with pytest.raises(BadValueError, match="In field address, expected Address instance, got <class 'int'>"):
        Person(address=5)
    with pytest.raises(BadValueError, match="In field home, expected Address, got 5"):
        Person(home=5)
    with pytest.raises(BadValueError, match="expected string"):
        Person(address={"city": 5})


def test_errors_at_put_name_the_whole_path() -> None:
    cases: list[tuple[Person, str]] = [
        (Person(items=[Item(r=1), Item()]), "Person.items[1].r"),
        (Person(box=Box(item=Item())), "Person.box.item.r"),
        (Person(homes=[Item()]), "Person.homes[0].r"),
    ]
    person = Person(address=Address())
    assert person.address is not None
    person.address.tags.append(5)  # type: ignore[arg-type]
    cases.append((person, "Person.address.tags[0]"))
    for instance, path in cases:
        for legacy_data in (True, False):
            with pytest.raises(BadValueError) as caught:
                stored(instance, legacy_data)
            assert caught.value.facts["path"] == path


def test_changes_inside_a_structure_are_written() -> None:
    person = Person(address=Address(city="x"), home=Address(city="x"))
    assert person.address is not None
    assert person.home is not None
    person.address.city = person.home.city = "y"
    assert stored(person)["address.c"] == stored(person)["home"]["c"] == "y"


def test_a_repeated_structure_can_not_contain_repeated_properties() -> None:
    with pytest.raises(TypeError, match=r"contains repeated properties \(directly or indirectly\)"):
        StructuredProperty(Address, repeated=True)

    class Outer(Model):
        address = StructuredProperty(Address)

    with pytest.raises(TypeError, match="Outer"):
        StructuredProperty(Outer, repeated=True)


def test_a_structure_needs_a_model_class() -> None:
    with pytest.raises(TypeError, match="Expected a Model class"):
        StructuredProperty(5)  # type: ignore[call-overload]
    with pytest.raises(NotImplementedError, match="Cannot index"):
        LocalStructuredProperty(Address, indexed=True)


def test_to_dict_recurses_into_structures() -> None:
    person = Person(address=Address(city="x"), items=[Item(x=1)], home=Address())
    found = person.to_dict()
    assert found["address"] == {"city": "x", "note": None, "street": None, "tags": []}
    assert found["items"] == [{"r": None, "x": 1, "y": None}]
    assert found["home"]["city"] is None


def test_automatic_times_inside_structures_are_set_at_put() -> None:
    class Stamp(Model):
        at = DateTimeProperty(auto_now=True)

    class Letter(Model):
        one = StructuredProperty(Stamp)
        many = StructuredProperty(Stamp, repeated=True)
        local = LocalStructuredProperty(Stamp)

    letter = Letter(one=Stamp(), many=[Stamp()], local=Stamp())
    letter._prepare_for_put()
    assert letter.one is not None
    assert letter.local is not None
    assert all(stamp.at is not None for stamp in (letter.one, *letter.many, letter.local))
    assert Person._prepares is False


def test_instances_with_structures_can_be_pickled() -> None:
    person = Person(**WHOLE)
    assert pickle.loads(pickle.dumps(person)) == person


# --- filters


def test_a_sub_property_is_compared_by_its_dotted_stored_name() -> None:
    assert (Person.address.city == "x") == FilterNode("address.c", "=", "x")
    assert (Person.box.item.x > 3) == FilterNode("box.item.x", ">", 3)
    assert (Person.items.x <= 3) == FilterNode("items.x", "<=", 3)
    assert repr(-Person.address.city) == "PropertyOrder(name='address.c', reverse=True)"
    with pytest.raises(AttributeError, match="Model subclass Address has no attribute zork"):
        _ = Person.address.zork
    with pytest.raises(BadFilterError, match=r"unindexed property address\.note"):
        _ = Person.address.note == "x"
    assert Address.city._name == "c"


def test_equality_with_a_structure_is_equality_of_all_that_is_set() -> None:
    assert (Person.address == Address(city="x")) == FilterNode("address.c", "=", "x")
    assert (Person.address == {"city": "x", "street": "y"}) == AND(
        FilterNode("address.c", "=", "x"), FilterNode("address.street", "=", "y")
    )
    assert (Person.box == Box(n=2, item=Item(x=1))) == AND(
        FilterNode("box.item.x", "=", 1), FilterNode("box.n", "=", 2)
    )
    assert (Person.address == None) == FilterNode("address", "=", None)  # noqa: E711


def test_equality_with_a_repeated_structure_asks_each_result() -> None:
    node: Any = Person.items == Item(x=1, r=2)
    assert node == AND(
        FilterNode("items.r", "=", 2),
        FilterNode("items.x", "=", 1),
        PostFilterNode(SameItem("items", Item(x=1, r=2))),
    )
    asked = SameItem("items", Item(x=1, r=2))
    assert asked(Person(items=[Item(x=1, r=2, y="other")]))
    assert not asked(Person(items=[Item(x=1, r=1), Item(x=2, r=2)]))
    assert (Person.items == Item(x=1)) == FilterNode("items.x", "=", 1)


def test_membership_in_a_list_of_structures_is_an_or_of_equalities() -> None:
    assert Person.address.IN([Address(city="x"), Address(city="y")]) == OR(
        FilterNode("address.c", "=", "x"), FilterNode("address.c", "=", "y")
    )
    assert Person.address.IN([]) == FalseNode()
    with pytest.raises(BadArgumentError, match="Expected list, tuple or set"):
        Person.address.IN(5)


@pytest.mark.parametrize("op", ["__lt__", "__gt__", "__le__", "__ge__", "__ne__"])
def test_structures_have_no_order(op: str) -> None:
    with pytest.raises(BadFilterError, match="StructuredProperty filter can only use =="):
        getattr(Person.address, op)(Address(city="x"))


def test_equality_with_an_empty_or_a_local_structure_is_no_filter() -> None:
    with pytest.raises(BadFilterError, match="without any values"):
        _ = Person.address == Address()
    with pytest.raises(BadFilterError, match="Cannot query for non-empty repeated property tags"):
        _ = Person.address == Address(tags=["x"])
    with pytest.raises(BadFilterError, match="unindexed property home"):
        _ = Person.home == Address(city="x")
