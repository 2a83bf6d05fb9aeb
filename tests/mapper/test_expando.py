"""Expandos: attributes that become properties."""

import pickle
from typing import Any

import pytest

from kindstore.mapper.expando import Expando
from kindstore.mapper.filters import FilterNode
from kindstore.mapper.generic import GenericProperty
from kindstore.mapper.model import Model
from kindstore.mapper.scalar import IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.structured import StructuredProperty
from kindstore.mapper.text import StringProperty
from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError
from kindstore.values.types import User


class Place(Model):
    city = StringProperty("c")


class Hero(Expando):
    name = StringProperty()
    level = IntegerProperty(default=1)


def stored(instance: Model, legacy_data: bool = True) -> Entity:
    return schema_of(type(instance)).to_entity(instance, instance._key, legacy_data)


def loaded(entity: Entity) -> Hero:
    made: Hero = schema_of(Hero).from_entity(entity)
    return made


def test_any_attribute_that_is_set_becomes_a_property() -> None:
    molly = Hero(name="Molly", power="bionic eyes", id=1)
    molly.stretch = 30
    assert (molly.name, molly.power, molly.stretch, molly.level) == ("Molly", "bionic eyes", 30, 1)
    assert list(molly._properties) == ["level", "name", "power", "stretch"]
    assert repr(molly) == "Hero(key=Key('Hero', 1), level=1, name='Molly', power='bionic eyes', stretch=30)"
    assert molly.to_dict() == {"level": 1, "name": "Molly", "power": "bionic eyes", "stretch": 30}
    assert dict(stored(molly).items()) == molly.to_dict()


def test_the_class_and_other_instances_are_not_touched() -> None:
    Hero(power="x")
    assert list(Hero._properties) == ["level", "name"]
    with pytest.raises(AttributeError, match="type object 'Hero' has no attribute 'power'"):
        _ = getattr(Hero, "power")  # noqa: B009 - the checkers know that it is not there
    with pytest.raises(AttributeError, match="'Hero' object has no attribute 'power'"):
        _ = Hero().power


def test_declared_properties_are_checked_as_ever() -> None:
    with pytest.raises(BadValueError, match="expected integer"):
        Hero(level="x")
    hero = Hero()
    with pytest.raises(BadValueError, match="expected integer"):
        hero.level = "x"  # type: ignore[assignment]


def test_attributes_with_an_underscore_in_front_are_not_stored() -> None:
    hero = Hero(name="x")
    hero._seen = True
    assert hero._seen
    assert "_seen" not in stored(hero)
    assert "_seen" not in hero.to_dict()


def test_a_list_makes_a_repeated_property_and_may_be_empty() -> None:
    hero = Hero(names=["a", 1], none=[])
    assert hero._properties["names"]._repeated
    found = stored(hero)
    assert (found["names"], found["none"]) == (["a", 1], [])
    again = loaded(found)
    assert (again.names, again.none) == (["a", 1], [])


def test_a_dict_or_a_model_becomes_a_structure() -> None:
    hero = Hero(home=Place(city="x"), gear={"hat": 1, "deep": {"x": 2}}, bag=[{"x": 1}, {"x": 2}])
    assert hero.gear.deep.x == 2
    assert isinstance(hero._properties["home"], StructuredProperty)
    found = stored(hero)
    assert (found["home.c"], found["gear.hat"], found["gear.deep.x"], found["bag.x"]) == ("x", 1, 2, [1, 2])
    again = loaded(found)
    assert (again.home.c, again.gear.hat, again.gear.deep.x) == ("x", 1, 2)
    embedded = loaded(stored(hero, legacy_data=False))
    assert [item.x for item in embedded.bag] == [1, 2]
    assert embedded.gear == hero.gear


def test_what_was_loaded_is_written_back_the_same() -> None:
    properties: dict[str, Any] = {
        "name": "x",
        "plain": 1,
        "list": [1, 2],
        "one.x": 1,
        "many.x": [1, 2],
        "nothing": None,
    }
    entity = Entity.of(None, {"level": 1, **properties}, unindexed=["plain", "one.x"])
    assert stored(loaded(entity)) == entity


def test_the_parts_of_a_structure_win_over_a_value_of_its_name() -> None:
    hero = loaded(Entity.of(None, {"gear.x": 1, "gear": None}))
    assert hero.gear.x == 1


def test_meanings_of_stored_values_are_honoured() -> None:
    user = Entity.of(None, {"email": "a@b.c", "auth_domain": "b.c"}, ["email", "auth_domain"])
    entity = Entity.of(None, {"level": 1, "name": None, "user": user}, meanings={"user": 20})
    hero = loaded(entity)
    assert hero.user == User("a@b.c", "b.c")
    assert stored(hero) == entity


def test_deleting_removes_a_dynamic_property_and_resets_a_declared_one() -> None:
    hero = Hero(power="x", level=5)
    del hero.power, hero.level
    assert hero.level == 1
    assert "power" not in hero._properties
    with pytest.raises(AttributeError):
        _ = hero.power
    with pytest.raises(AttributeError):
        del hero.power


def test_the_defaults_for_dynamic_properties_are_those_of_the_class() -> None:
    class Log(Expando):
        _default_indexed = False
        _write_empty_list_for_dynamic_properties = False

    log = Log(text="x" * 2000, none=[])
    found = stored(log)
    assert found.shape.unindexed == {"text"}
    assert "none" not in found
    with pytest.raises(BadValueError, match="at most 1500 bytes"):
        Hero(text="x" * 2000)


def test_expandos_are_equal_with_the_same_properties_and_values() -> None:
    assert Hero(power="x") == Hero(power="x")
    assert Hero(power="x") != Hero(power="y")
    assert Hero(power="x") != Hero(other="x")


def test_expandos_can_be_pickled() -> None:
    hero = Hero(name="x", power=[1], gear={"x": 1}, id=3)
    again = pickle.loads(pickle.dumps(hero))
    assert again == hero
    assert stored(again) == stored(hero)


def test_dynamic_properties_are_queried_by_a_generic_property() -> None:
    assert (GenericProperty("power") == "x") == FilterNode("power", "=", "x")


def test_a_dynamic_structure_may_be_queried_through_a_declared_one() -> None:
    class Owner(Model):
        gear = StructuredProperty(Expando)

    assert (Owner.gear.hat == 3) == FilterNode("gear.hat", "=", 3)
    assert (Owner.gear == Expando(hat=3)) == FilterNode("gear.hat", "=", 3)


def test_a_dotted_name_sets_what_is_inside_of_a_structure() -> None:
    hero = Hero()
    setattr(hero, "home.city", "Zurich")
    assert hero.home.city == "Zurich"
    setattr(hero, "home.street", "Limmat")
    assert hero.home.to_dict() == {"city": "Zurich", "street": "Limmat"}


class Team(Model):
    heroes = StructuredProperty(Hero, repeated=True)


@pytest.mark.parametrize("legacy_data", [True, False])
def test_in_a_list_of_expandos_each_has_its_own_properties(legacy_data: bool) -> None:
    heroes = [Hero(name="a", power=1), Hero(name="b", place=Place(city="x")), Hero(place=Place(), power=2)]
    entity = stored(Team(heroes=heroes), legacy_data)
    if legacy_data:
        assert entity["heroes.power"] == [1, None, 2]
    found = schema_of(Team).from_entity(entity).heroes
    assert [sorted(each._properties) for each in found] == [
        ["level", "name", "power"],
        ["level", "name", "place"],
        ["level", "name", "power"] if legacy_data else ["level", "name", "place", "power"],
    ]
    assert [found[0].power, found[1].place.c, found[2].power, found[2].name] == [1, "x", 2, None]


def test_a_property_of_an_expando_in_a_list_is_written_back_unindexed_if_it_was() -> None:
    entity = Entity.of(
        None, {"heroes.name": ["a", "b"], "heroes.power": ["long", None]}, unindexed=["heroes.power"]
    )
    team = schema_of(Team).from_entity(entity)
    assert "heroes.power" in stored(team).shape.unindexed
