"""Property classes of one's own: hooks that stack without calling super (spec/ndb.md 2.1)."""

import pickle
from typing import Any

import pytest

from kindstore.mapper.blobs import BlobProperty
from kindstore.mapper.filters import FilterNode
from kindstore.mapper.model import Model
from kindstore.mapper.property import Property
from kindstore.mapper.scalar import IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.text import StringProperty
from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError


class Positive(IntegerProperty[Any]):
    def _validate(self, value: Any) -> Any:
        if value < 1:
            raise BadValueError("Non-positive", value)


class SingleDigit(Positive):
    def _validate(self, value: Any) -> Any:
        if value > 9:
            raise BadValueError("Multi-digit", value=value)


class Fuzzy:
    """A number that prints itself."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fuzzy) and self.number == other.number

    __hash__ = None  # type: ignore[assignment]


class FuzzyProperty(StringProperty[Any]):
    """A `Fuzzy`, stored as text; an int is accepted for one."""

    log: list[str]

    def _validate(self, value: Any) -> Any:
        if isinstance(value, int):
            return Fuzzy(value)
        if not isinstance(value, Fuzzy):
            raise BadValueError("Not fuzzy", value=value)
        return None

    def _to_base_type(self, value: Any) -> Any:
        return f"~{value.number}"

    def _from_base_type(self, value: Any) -> Any:
        return Fuzzy(int(value[1:]))


class FuzzierProperty(FuzzyProperty):
    """A `Fuzzy`, stored and read one larger."""

    def _to_base_type(self, value: Any) -> Any:
        return Fuzzy(value.number + 1)

    def _from_base_type(self, value: Any) -> Any:
        return Fuzzy(value.number - 1)


class Thing(Model):
    digit = SingleDigit(default=5)
    digits = SingleDigit(repeated=True)
    fuzzy = FuzzyProperty()
    fuzzier = FuzzierProperty()
    many = FuzzyProperty(repeated=True)


def columns(instance: Model) -> dict[str, Any]:
    return dict(schema_of(type(instance)).to_entity(instance, None).items())


def loaded(**properties: Any) -> Thing:
    made: Thing = schema_of(Thing).from_entity(Entity.of(None, properties))
    return made


def test_every_validate_of_the_bases_runs_when_a_value_is_set() -> None:
    assert Thing(digit=9).digit == 9
    for bad, message in ((0, "Non-positive"), (10, "Multi-digit")):
        with pytest.raises(BadValueError, match=message):
            Thing(digit=bad)
        with pytest.raises(BadValueError, match=message):
            Thing(digits=[1, bad])
    with pytest.raises(BadValueError, match="expected integer"):
        Thing(digit=5.0)


def test_an_error_may_carry_details_by_position_as_in_ndb() -> None:
    with pytest.raises(BadValueError) as caught:
        Thing(digit=0)
    assert str(caught.value) == "Non-positive: 0"
    assert caught.value.args == ("Non-positive", 0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.args) == (str(caught.value), caught.value.args)


def test_setting_runs_the_hooks_down_to_the_first_class_that_converts() -> None:
    # StringProperty's own check would refuse a Fuzzy: it sees the converted value, at put.
    thing = Thing(fuzzy=3, fuzzier=Fuzzy(4))
    assert (thing.fuzzy, thing.fuzzier) == (Fuzzy(3), Fuzzy(4))
    # FuzzierProperty converts, so at this point nobody looks at what its bases would refuse.
    assert Thing(fuzzier="~3").fuzzier == "~3"
    with pytest.raises(BadValueError, match="Not fuzzy"):
        thing.fuzzy = "~3"


def test_writing_runs_the_whole_chain_and_reading_runs_it_backwards() -> None:
    thing = Thing(fuzzy=3, fuzzier=Fuzzy(4), many=[1, Fuzzy(2)])
    found = columns(thing)
    assert (found["fuzzy"], found["fuzzier"], found["many"]) == ("~3", "~5", ["~1", "~2"])
    assert loaded(**found) == thing


def test_what_is_converted_is_checked_by_the_class_that_stores_it() -> None:
    thing = Thing(fuzzy=Fuzzy(10**2000))
    with pytest.raises(BadValueError, match="at most 1500 bytes"):
        columns(thing)


def test_a_converted_value_is_decoded_once_at_the_first_access() -> None:
    thing = loaded(fuzzy="~3", many=["~1"], fuzzier="broken")
    assert thing.fuzzy is thing.fuzzy
    assert thing.many == [Fuzzy(1)]
    with pytest.raises(ValueError, match="invalid literal"):
        _ = thing.fuzzier


def test_hooks_never_see_none() -> None:
    assert Thing(fuzzy=None).fuzzy is None
    assert loaded(fuzzy=None).fuzzy is None
    assert columns(Thing(fuzzy=None))["fuzzy"] is None


def test_operands_of_comparisons_are_converted() -> None:
    assert (Thing.fuzzy == 3) == FilterNode("fuzzy", "=", "~3")
    assert (Thing.fuzzier > Fuzzy(3)) == FilterNode("fuzzier", ">", "~4")
    with pytest.raises(BadValueError, match="Multi-digit"):
        _ = Thing.digit == 10


def test_a_property_of_a_wholly_new_type_can_be_made() -> None:
    class ComplexProperty(Property[Any]):
        def _validate(self, value: Any) -> Any:
            if not isinstance(value, complex):
                raise BadValueError("Not complex")

        def _to_base_type(self, value: Any) -> Any:
            return [value.real, value.imag]

        def _from_base_type(self, value: Any) -> Any:
            return complex(*value)

    class Wave(Model):
        phase = ComplexProperty(indexed=False)

    wave = Wave(phase=1 + 2j)
    entity = schema_of(Wave).to_entity(wave, None)
    assert entity["phase"] == [1.0, 2.0]
    assert schema_of(Wave).from_entity(entity) == wave


def test_a_blob_subclass_converts_before_compression() -> None:
    class Upper(BlobProperty[Any]):
        def _to_base_type(self, value: Any) -> Any:
            return value.upper()

        def _from_base_type(self, value: Any) -> Any:
            return value.lower()

    class Doc(Model):
        body = Upper(compressed=True)

    doc = Doc(body=b"abc" * 20)
    entity = schema_of(Doc).to_entity(doc, None)
    assert len(entity["body"]) < 20
    assert schema_of(Doc).from_entity(entity).body == b"abc" * 20


def test_a_subclass_may_override_what_reading_gives() -> None:
    class Loud(StringProperty[Any]):
        def _get_value(self, entity: Any) -> Any:
            value = super()._get_value(entity)
            return value and value.upper()

    class Louder(StringProperty[Any]):
        def __get__(self, entity: Any, owner: Any = None) -> Any:
            value: Any = super().__get__(entity, owner)
            return value if entity is None else f"{value}!"

    class Sign(Model):
        text = Loud()
        more = Louder()

    sign = Sign(text="a", more="b")
    assert (sign.text, sign.more) == ("A", "b!")
    assert isinstance(Sign.text, Loud)
    assert isinstance(Sign.more, Louder)
    assert columns(sign) == {"more": "b", "text": "a"}


def test_a_subclass_may_override_setting() -> None:
    class Stripped(StringProperty[Any]):
        def _set_value(self, entity: Any, value: Any) -> None:
            super()._set_value(entity, value and value.strip())

    class Traced(StringProperty[Any]):
        def __set__(self, entity: Any, value: Any) -> None:
            super().__set__(entity, value and value + "?")

    class Sign(Model):
        text = Stripped()
        more = Traced()

    sign = Sign(text=" a ", more="b")
    assert (sign.text, sign.more) == ("a", "b?")
    sign.text = " c "
    assert sign.text == "c"


def test_a_subclass_may_prepare_itself_for_a_put() -> None:
    class Counter(IntegerProperty[Any]):
        def _prepare_for_put(self, entity: Any) -> None:
            self._set_value(entity, (self._get_value(entity) or 0) + 1)

    class Page(Model):
        puts = Counter()

    page = Page()
    page._prepare_for_put()
    page._prepare_for_put()
    assert page.puts == 2
