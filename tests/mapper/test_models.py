"""Model classes and their instances as values: construction, keys, comparison, dicts, repr, pickles."""

import copy
import inspect
import pickle
from typing import Any

import pytest

from kindstore.mapper.computed import ComputedProperty
from kindstore.mapper.errors import KindError, ReadonlyPropertyError, UnprojectedPropertyError
from kindstore.mapper.filters import FilterNode
from kindstore.mapper.model import Model
from kindstore.mapper.property import Property
from kindstore.mapper.references import KeyProperty
from kindstore.mapper.scalar import FloatProperty, IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.text import StringProperty
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadValueError
from kindstore.values.key import Key, Partition

P = Partition.of("p")


class Author(Model):
    name = StringProperty()
    age = IntegerProperty("a", default=3)
    tags = StringProperty(repeated=True)
    marker = 1001


class Poet(Author):
    verses = IntegerProperty()


# --- classes


def test_a_class_knows_its_properties_by_stored_name_and_those_of_its_bases() -> None:
    assert list(Author._properties) == ["a", "name", "tags"]
    assert list(Poet._properties) == ["a", "name", "tags", "verses"]
    assert Poet.age is Author.age


def test_properties_of_a_mixin_count() -> None:
    class Stamped:
        stamp = IntegerProperty()

    class Note(Stamped, Model):
        text = StringProperty()

    assert Note(stamp=1, text="x").to_dict() == {"stamp": 1, "text": "x"}


def test_the_repr_of_a_class_shows_its_properties() -> None:
    assert repr(Author) == (
        "Author<age=IntegerProperty('a', default=3), name=StringProperty('name'), "
        "tags=StringProperty('tags', repeated=True)>"
    )
    assert repr(Model) == "Model<>"


def test_a_class_is_found_by_its_kind() -> None:
    class Renamed(Model):
        @classmethod
        def _get_kind(cls) -> str:
            return "OtherName"

    assert Model._lookup_model("OtherName") is Renamed
    assert "Model" not in Model._kind_map
    with pytest.raises(KindError, match="No model class found for the kind 'Nowhere'"):
        Model._lookup_model("Nowhere")


def test_a_kind_that_is_no_str_is_refused() -> None:
    with pytest.raises(KindError, match="non-string"):

        class Bad(Model):  # pyright: ignore[reportUnusedClass]
            @classmethod
            def _get_kind(cls) -> Any:
                return 5


def test_a_property_name_with_an_underscore_in_front_is_refused() -> None:
    with pytest.raises(TypeError, match="_x cannot begin with an underscore"):

        class Bad(Model):  # pyright: ignore[reportUnusedClass]
            _x = StringProperty()


def test_one_property_object_can_not_be_two_attributes() -> None:
    shared = StringProperty()
    with pytest.raises(TypeError, match="same Property object"):

        class Bad(Model):  # pyright: ignore[reportUnusedClass]
            a = shared
            b = shared


def test_two_properties_can_not_have_one_stored_name() -> None:
    with pytest.raises(TypeError, match="one stored name"):

        class Bad(Model):  # pyright: ignore[reportUnusedClass]
            a = StringProperty("x")
            b = StringProperty("x")


def test_a_class_says_which_hooks_it_overrides() -> None:
    class Hooked(Model):
        def _pre_put_hook(self) -> None:
            raise AssertionError

        @classmethod
        def _post_get_hook(cls, key: Any, future: Any) -> None:
            raise AssertionError

    assert Author._overridden == frozenset()
    assert Hooked._overridden == {"_pre_put_hook", "_post_get_hook"}


# --- construction


def test_the_constructor_takes_properties_by_code_name() -> None:
    ada = Author(name="Ada", age=36)
    assert (ada.name, ada.age, ada.tags, ada.key) == ("Ada", 36, [], None)


def test_a_name_that_the_class_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="type object 'Author' has no attribute 'zz'"):
        Author(zz=1)
    with pytest.raises(AttributeError, match="type object 'Author' has no attribute 'zz'"):
        Author().populate(zz=1)


def test_an_attribute_that_is_no_property_can_not_be_set_by_the_constructor() -> None:
    with pytest.raises(TypeError, match="Cannot set non-property marker"):
        Author(marker=29)


def test_values_are_not_passed_by_position() -> None:
    with pytest.raises(TypeError, match=r"keyword arguments only|positional"):
        Author("Ada")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"keyword arguments only|positional"):
        Author("Ada")  # type: ignore[call-arg]


def test_a_key_is_made_of_id_parent_and_partition() -> None:
    parent = Key.of(P, ("Country", "ch"))
    assert Author(id=5, parent=parent).key == Key.of(P, ("Country", "ch", "Author", 5))
    key = Author(id="x", namespace="n", app="p2", database="d").key
    assert key.path == ("Author", "x")
    assert key.partition == Partition.of("p2", "d", "n")
    assert not Author(parent=parent).has_complete_key()
    assert Author(id=1).has_complete_key()
    assert not Author().has_complete_key()


def test_a_key_and_parts_of_a_key_do_not_go_together() -> None:
    with pytest.raises(BadArgumentError, match="given 'key' does not accept"):
        Author(key=Key.of(P, ("Author", 1)), id=3)


def test_a_parent_must_be_a_key() -> None:
    with pytest.raises(BadValueError, match="Expected Key instance"):
        Author(parent=5)


def test_the_key_of_an_entity_has_the_kind_of_its_class() -> None:
    with pytest.raises(KindError, match="Expected Key kind to be Author; received X"):
        Author(key=Key.of(P, ("X", 1)))
    ada = Author()
    with pytest.raises(KindError):
        ada.key = Key.of(P, ("X", 1))
    with pytest.raises(BadValueError, match="Expected Key"):
        ada.key = 5
    ada.key = Key.of(P, ("Author", 1))
    assert ada._key is ada.key
    del ada.key
    assert ada.key is None


def test_a_class_may_be_particular_about_its_keys() -> None:
    class Numbered(Model):
        @staticmethod
        def _validate_key(key: Any) -> Any:
            if not isinstance(key.path[-1], int):
                raise BadValueError("ids only")
            return key

    assert Numbered(key=Key.of(P, ("Numbered", 1))).key.path == ("Numbered", 1)
    with pytest.raises(BadValueError, match="ids only"):
        Numbered(key=Key.of(P, ("Numbered", "x")))
    with pytest.raises(BadValueError, match="ids only"):
        Numbered(id="x")
    with pytest.raises(KindError):
        Numbered(key=Key.of(P, ("Other", 1)))


def test_properties_may_be_called_anything() -> None:
    names = [
        "type",
        "len",
        "C",
        "M",
        "d",
        "e",
        "k",
        "v0",
        "values",
        "entity",
        "self",
        "cls",
        "new",
        "dump",
        "load",
    ]
    odd: Any = type(
        "Odd", (Model,), {name: StringProperty() for name in [*names, "class", "not an identifier"]}
    )
    for instance in (odd(**{name: name for name in names}), odd(**{name: name for name in names})):
        setattr(instance, "class", "x")
        entity = schema_of(odd).to_entity(instance, None)
        again = schema_of(odd).from_entity(entity)
        assert again == instance
        assert [getattr(again, name) for name in names] == names
        assert odd(**{"class": "y", "not an identifier": "z"}).to_dict()["class"] == "y"


def test_a_property_wins_over_an_argument_of_its_name() -> None:
    class Collision(Model):
        id = FloatProperty()
        key = StringProperty()
        parent = StringProperty()

    thing = Collision(id=17, key="k", parent="p", _id=2009)
    assert (thing.id, thing.key, thing.parent) == (17.0, "k", "p")
    assert thing._key == Key.of(Partition.of(""), ("Collision", 2009))
    assert repr(thing) == "Collision(_key=Key('Collision', 2009), id=17.0, key='k', parent='p')"
    assert Collision(_key=Key.of(P, ("Collision", 1)))._key == Key.of(P, ("Collision", 1))
    assert Collision._key == Key.of(P, ("Collision", 1))  # a filter, and true
    assert isinstance(Collision.key, StringProperty)


def test_every_argument_of_the_constructor_has_a_twin_for_classes_with_such_properties() -> None:
    class Twin(Model):
        namespace = StringProperty()
        project = StringProperty()
        database = StringProperty()
        projection = StringProperty()

    twin = Twin(
        namespace="n", project="p", database="d", projection="x", _id=1, _namespace="ns", _project="pr"
    )
    assert twin.to_dict() == {"namespace": "n", "project": "p", "database": "d", "projection": "x"}
    assert twin.key == Key.of(Partition.of("pr", "", "ns"), ("Twin", 1))
    assert Twin(namespace="n", _projection=("namespace",)).to_dict() == {"namespace": "n"}


def test_a_property_may_have_the_name_of_a_method() -> None:
    class Odd(Model):
        populate = StringProperty()  # type: ignore[assignment]
        to_dict = StringProperty()  # type: ignore[assignment]

    odd = Odd(populate="x")
    odd._populate(to_dict="y")
    assert odd._to_dict() == {"populate": "x", "to_dict": "y"}


def test_a_subclass_may_have_a_constructor_of_its_own() -> None:
    class Named(Author):
        def __init__(self, *args: Any, **values: Any) -> None:
            super().__init__(*args, **{"name": "default", **values})
            self._extra = 5

    class NamedPoet(Named):
        verses = IntegerProperty(default=1)

    assert Author(name="x").name == "x"
    assert (Named().name, Named(age=4).age, Named()._extra) == ("default", 4, 5)
    poet = NamedPoet(verses=2, id=3)
    assert (poet.name, poet.verses, poet._extra, poet.key.path) == ("default", 2, 5, ("NamedPoet", 3))
    read = schema_of(NamedPoet).from_entity(Entity.of(None, {"name": None}))
    assert (read.name, read.verses, read._extra) == (None, 1, 5)


def test_a_subclass_made_after_the_first_instance_has_its_own_properties() -> None:
    class First(Model):
        a = IntegerProperty(default=1)

    First(a=2)

    class Second(First):
        b = IntegerProperty(default=2)

    for _ in range(2):
        assert Second(a=5).to_dict() == {"a": 5, "b": 2}
        assert Second(b=6).to_dict() == {"a": 1, "b": 6}


def test_populate_sets_several_properties() -> None:
    ada = Author()
    ada.populate(name="Ada", age=36)
    assert (ada.name, ada.age) == ("Ada", 36)


# --- as values


def test_entities_are_equal_with_the_same_class_key_and_values() -> None:
    assert Author(name="Ada", id=1) == Author(name="Ada", id=1)
    assert Author(name="Ada", age=3) == Author(name="Ada")
    assert Author(name="Ada") != Author(name="Bob")
    assert Author(id=1) != Author(id=2)
    assert Poet(name="Ada") != Author(name="Ada")
    assert Author() != 5


def test_entities_are_neither_hashable_nor_ordered() -> None:
    with pytest.raises(TypeError, match="mutable"):
        hash(Author())
    with pytest.raises(TypeError, match="not orderable"):
        _ = Author() < Author()


def test_repr_shows_key_and_values_by_code_name() -> None:
    assert repr(Author(name="Ada", age=36, id=1, tags=["x"])) == (
        "Author(key=Key('Author', 1), age=36, name='Ada', tags=['x'])"
    )


def test_to_dict_has_code_names_and_can_be_narrowed() -> None:
    ada = Author(name="Ada")
    assert ada.to_dict() == {"age": 3, "name": "Ada", "tags": []}
    assert ada.to_dict(include=["name", "zork"]) == {"name": "Ada"}
    assert ada.to_dict(exclude={"name"}) == {"age": 3, "tags": []}
    assert ada.to_dict(include=["name"], exclude=["name"]) == {}
    with pytest.raises(TypeError):
        ada.to_dict(include="name")


def test_repr_shows_a_none_that_was_set_and_not_one_that_was_never_set() -> None:
    ada = Author(name=None, age=None)
    assert repr(ada) == "Author(age=None, name=None)"
    del ada.name
    assert repr(ada) == "Author(age=None)"
    assert repr(copy.copy(ada)) == repr(ada)
    ada.name = "Ada"
    assert repr(ada) == "Author(age=None, name='Ada')"
    assert ada == Author(name="Ada", age=None)


def test_repr_of_a_projection_shows_whatever_is_known() -> None:
    ada = Author(name="Ada", tags=["x"])
    ada._set_projection(("name",))
    assert repr(ada) == "Author(name='Ada', tags=['x'], _projection=('name',))"
    with pytest.raises(UnprojectedPropertyError):
        Author.tags._get_value(ada)


def test_a_plain_model_takes_any_key() -> None:
    key = Key.of(P, ("Anything", 1))
    assert Model(key=key)._key is key
    with pytest.raises(KindError, match="Author"):
        Author(key=key)


def test_a_class_is_looked_up_by_kind() -> None:
    class Essayist(Author):
        pass

    assert Model._lookup_model("Essayist") is Essayist
    assert Model._lookup_model("Nobody", Poet) is Poet
    with pytest.raises(KindError, match="Nobody"):
        Model._lookup_model("Nobody")


def test_entities_can_be_pickled_and_copied() -> None:
    ada = Author(name="Ada", id=1, tags=["x"])
    for twin in (pickle.loads(pickle.dumps(ada)), copy.copy(ada), copy.deepcopy(ada)):
        assert twin == ada
        assert type(twin) is Author
    assert copy.deepcopy(ada).tags is not ada.tags


def test_a_pickle_of_another_form_is_a_clear_error() -> None:
    with pytest.raises(BadValueError, match="entity"):
        Author().__setstate__(b"j\x01")
    with pytest.raises(BadValueError, match="entity"):
        Author().__setstate__(3)
    with pytest.raises(BadValueError, match="google-cloud-ndb"):
        Author().__setstate__({"_values": {"name": "Ada"}})


# --- projections


def test_an_entity_of_a_projection_knows_only_what_was_projected() -> None:
    ada = Author(name="Ada", projection=("name",))
    assert ada.name == "Ada"
    assert ada._projection == ("name",)
    with pytest.raises(UnprojectedPropertyError, match="Property a is not in the projection"):
        _ = ada.age
    assert ada.to_dict() == {"name": "Ada"}
    assert repr(ada) == "Author(name='Ada', _projection=('name',))"


def test_an_entity_of_a_projection_is_read_only() -> None:
    ada = Author(name="Ada", projection=["name"])
    with pytest.raises(ReadonlyPropertyError, match="projection entity"):
        ada.name = "Bob"
    with pytest.raises(ReadonlyPropertyError):
        ada.age = 5
    with pytest.raises(ReadonlyPropertyError):
        del ada.name


def test_a_projected_entity_is_an_instance_of_its_class_and_equals_only_its_like() -> None:
    ada = Author(name="Ada", projection=("name",))
    assert isinstance(ada, Author)
    assert ada == Author(name="Ada", projection=("name",))
    assert ada != Author(name="Ada")
    assert pickle.loads(pickle.dumps(ada)) == ada
    assert Model._kind_map["Author"]._projecting is None


def test_a_projected_computed_property_reads_the_stored_value() -> None:
    class Shout(Model):
        name = StringProperty()
        loud = ComputedProperty(lambda self: self.name.upper())

    shout = schema_of(Shout).from_entity(Entity.of(None, {"loud": "STORED"}))
    shout._set_projection(["loud"])
    assert shout.loud == "STORED"


# --- comparisons are filters


def test_comparing_a_property_makes_a_filter_with_the_stored_name_and_value() -> None:
    assert (Author.age > 3) == FilterNode("a", ">", 3)
    assert (Author.age == True) == FilterNode("a", "=", 1)  # noqa: E712
    assert (Author.tags == "x") == FilterNode("tags", "=", "x")
    assert (Author.name == None) == FilterNode("name", "=", None)  # noqa: E711
    assert Author.age.IN([1, 2]) == (Author.age.IN((1, 2)))
    assert Author.age.NOT_IN([1]) == FilterNode("a", "not_in", [1])
    assert repr(-Author.age) == "PropertyOrder(name='a', reverse=True)"
    with pytest.raises(BadValueError, match="expected integer"):
        _ = Author.age == "x"
    with pytest.raises(BadArgumentError, match="expected list, tuple or set, got 5"):
        Author.age.IN(5)


def test_the_key_of_a_class_is_compared_with_keys_only() -> None:
    key = Key.of(P, ("Author", 1))
    assert (Author.key > key) == FilterNode("__key__", ">", key)
    with pytest.raises(BadValueError, match="can't be compared to None"):
        _ = Author.key == None  # noqa: E711
    with pytest.raises(BadValueError, match="Expected Key"):
        _ = Author.key == 5


def test_properties_are_hashable_though_their_equality_is_a_filter() -> None:
    assert len({Author.age, Author.name, Author.age}) == 2


def test_a_property_that_is_read_without_a_call_has_no_get() -> None:
    assert not hasattr(Author.age, "__get__")
    assert not hasattr(KeyProperty(), "__get__")
    assert inspect.isdatadescriptor(Author.age)
    assert isinstance(Author.age, Property)
