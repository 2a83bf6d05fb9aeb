"""PolyModel: classes of one kind, each entity read as what it was put as (spec/ndb.md 1.4)."""

# pyright: reportPrivateUsage=false

import pickle
from typing import Any

import pytest

from kindstore import ndb
from kindstore.ndb.polymodel import PolyModel
from kindstore.store.messages import Upsert
from kindstore.values.entity import Entity


class Named(ndb.Model):
    name = ndb.StringProperty()


class Animal(PolyModel, Named):
    legs = ndb.IntegerProperty(default=4)


class Canine(Animal):
    pass


class Dog(Canine):
    breed = ndb.StringProperty(default="mutt")


class Feline(Animal):
    whiskers = ndb.BooleanProperty()


class Cat(Feline):
    naps = ndb.IntegerProperty()


class Monster(Dog, Cat):
    pass


class Ghoul(Monster, ndb.Expando):
    pass


pytestmark = pytest.mark.usefixtures("context")


def test_all_classes_of_a_hierarchy_are_of_the_kind_of_its_root() -> None:
    assert {cls._get_kind() for cls in (Animal, Canine, Dog, Cat, Monster, Ghoul)} == {"Animal"}
    assert PolyModel._get_kind() == "PolyModel"


def test_the_class_key_names_the_classes_from_the_root_down() -> None:
    assert Cat().class_ == Cat._class_key() == ["Animal", "Feline", "Cat"]
    assert Animal().class_ == ["Animal"]
    assert Ghoul._class_key() == ["Animal", "Feline", "Cat", "Canine", "Dog", "Monster", "Ghoul"]


def test_the_class_key_is_stored_as_class(client: ndb.Client) -> None:
    key = Cat(name="Tom").put()
    (stored,) = client.store.run(client.store.lookup((key,)))
    assert isinstance(stored, Entity)
    assert stored["class"] == ["Animal", "Feline", "Cat"]


def test_the_class_key_is_read_only() -> None:
    with pytest.raises(TypeError, match="class_ is a read-only property"):
        Cat().class_ = ["Animal"]
    with pytest.raises(TypeError, match="class_ is a read-only property"):
        Cat(class_=["Animal"])


@pytest.mark.parametrize("cls", [Animal, Canine, Dog, Cat, Monster, Ghoul])
def test_an_entity_is_read_as_the_class_that_it_was_put_as(cls: type[Animal], context: ndb.Context) -> None:
    put = cls(name="Tom")
    key = put.put()
    context.clear_cache()
    for got in (key.get(), ndb.get_multi([key])[0], Animal.get_by_id(key.id() or 0), Animal.query().get()):
        assert type(got) is cls
        assert got == put
        context.clear_cache()


def test_a_query_for_a_class_finds_it_and_what_is_below(context: ndb.Context) -> None:
    keys = {cls: cls().put() for cls in (Animal, Canine, Dog, Feline, Cat, Monster)}
    context.clear_cache()

    def found(query: ndb.Query[Any]) -> set[type[Animal]]:
        classes = {type(each): each.key for each in query}
        assert classes.items() <= keys.items()
        return set(classes)

    assert found(Animal.query()) == set(keys)
    assert found(Feline.query()) == {Feline, Cat, Monster}
    assert found(Dog.query()) == {Dog, Monster}
    assert Animal.query().filters is None
    assert Cat.query().filters == ndb.FilterNode("class", "=", "Cat")


def test_a_root_is_queried_by_the_properties_of_its_subclasses() -> None:
    Cat(naps=3).put()
    tom = Cat(naps=12)
    tom.put()
    assert Animal.query(Cat.naps > 5).fetch() == [tom]


def test_gql_takes_any_class_of_a_hierarchy() -> None:
    Dog().put()
    tom = Cat(naps=2)
    tom.put()
    assert ndb.gql("SELECT * FROM Cat").fetch() == [tom]
    assert Feline.gql("WHERE class = 'Cat'").fetch() == [tom]


def test_a_projection_is_of_the_class_that_was_asked_for() -> None:
    Cat(name="Tom").put()
    (found,) = Feline.query(projection=["name"]).fetch()
    assert isinstance(found, Feline)
    assert found.name == "Tom"


def test_a_projection_of_the_class_key_gives_an_entity_of_each_of_its_classes() -> None:
    Animal(legs=2).put()
    Cat(legs=3).put()
    found = Animal.query(projection=["class", "legs"]).order(Animal.legs, Animal.class_).fetch()
    assert [(each.legs, each.class_) for each in found] == [
        (2, ["Animal"]),
        (3, ["Animal"]),
        (3, ["Cat"]),
        (3, ["Feline"]),
    ]
    assert [isinstance(each, Feline) for each in found] == [False, False, True, True]
    assert isinstance(found[2], Cat)
    assert not isinstance(found[3], Cat)
    assert found == Animal.query(projection=["class", "legs"]).order(Animal.legs, Animal.class_).fetch()


def test_a_class_may_keep_the_name_that_it_is_stored_under(context: ndb.Context) -> None:
    class Pussy(Feline):
        @classmethod
        def _class_name(cls) -> str:
            return "Pussycat"

    tom = Pussy(name="Tom")
    key = tom.put()
    context.clear_cache()
    assert tom.class_ == ["Animal", "Feline", "Pussycat"]
    assert type(key.get()) is Pussy
    assert Pussy.query().fetch() == [tom]


def test_an_entity_finds_its_class_after_that_moved_within_the_hierarchy(
    client: ndb.Client, context: ndb.Context
) -> None:
    key = ndb.Key("Animal", 1)
    store(client, key, ["Animal", "Pet", "Cat"])  # before cats were felines
    assert type(key.get()) is Cat
    context.clear_cache()
    assert type(Animal.get_by_id(1)) is Cat


def test_an_entity_without_a_class_key_is_of_the_class_asked_for(client: ndb.Client) -> None:
    key = ndb.Key("Animal", 1)
    client.store.run(client.store.commit([Upsert(Entity.of(key, {"name": "Tom"}))]))
    assert type(key.get()) is Animal
    assert key.get().class_ == ["Animal"]


def test_an_unknown_class_key_is_a_kind_error(client: ndb.Client) -> None:
    key = ndb.Key("Animal", 1)
    store(client, key, ["Animal", "Unicorn"])
    with pytest.raises(ndb.KindError, match="No model class found for the kind 'Unicorn'"):
        key.get()


def test_hierarchies_may_have_leaves_of_one_name(context: ndb.Context) -> None:
    class Vehicle(PolyModel):
        pass

    class Dog(Vehicle):  # a cart
        pass

    dogs = [Dog().put(), globals()["Dog"]().put()]
    context.clear_cache()
    assert [type(key.get()) for key in dogs] == [Dog, globals()["Dog"]]


def test_a_leaf_does_not_take_the_kind_of_another_model(context: ndb.Context) -> None:
    class Tree(ndb.Model):
        pass

    key = Tree().put()

    class Plant(PolyModel):
        pass

    type("Tree", (Plant,), {})
    context.clear_cache()
    assert type(key.get()) is Tree


def test_a_structure_is_read_as_the_class_that_it_was_put_as(context: ndb.Context) -> None:
    class House(ndb.Model):
        pet = ndb.LocalStructuredProperty(Animal)

    key = House(pet=Cat(name="Tom", naps=3)).put()
    context.clear_cache()
    assert type(key.get().pet) is Cat
    assert key.get().pet == Cat(name="Tom", naps=3)


def test_an_entity_survives_a_pickle() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        fido = Dog(name="Fido", breed="chihuahua")
        copied = pickle.loads(pickle.dumps(fido, protocol))
        assert copied == fido
        assert copied.class_ == ["Animal", "Canine", "Dog"]


def test_the_class_key_may_be_unindexed_or_stored_under_another_name() -> None:
    class Shape(PolyModel):
        class_ = type(PolyModel.class_)("kind", indexed=False)

    class Circle(Shape):
        pass

    key = Circle().put()
    assert type(key.get()) is Circle
    assert Circle._properties["kind"] is Shape.class_


def store(client: ndb.Client, key: ndb.Key, class_key: list[str]) -> None:
    client.store.run(client.store.commit([Upsert(Entity.of(key, {"class": class_key}))]))
