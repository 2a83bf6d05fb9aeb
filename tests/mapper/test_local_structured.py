"""Local structures: one unindexed column, of an embedded entity or of bytes; every form that was ever written reads."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from kindstore.mapper.blobs import JsonProperty
from kindstore.mapper.local_structured import LocalStructuredProperty
from kindstore.mapper.model import Model
from kindstore.mapper.scalar import IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.structured import StructuredProperty
from kindstore.mapper.text import StringProperty
from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError
from kindstore.wire.entity_v1 import decode_entity, encode_entity


class Address(Model):
    city = StringProperty("c")


class Item(Model):
    number = IntegerProperty(required=True)
    place = StructuredProperty(Address)
    local = LocalStructuredProperty(Address)


class Shouting(LocalStructuredProperty[Address | None]):
    """Has hooks of its own, as users write them."""

    def _to_base_type(self, value: Address) -> Address:
        return Address(city=(value.city or "").upper())

    def _from_base_type(self, value: Address) -> Address:
        return Address(city=(value.city or "").title())


class Person(Model):
    home = LocalStructuredProperty(Address)
    items = LocalStructuredProperty(Item, repeated=True)
    kept = LocalStructuredProperty(Item, keep_keys=True)
    packed = LocalStructuredProperty(Address, compressed=True)
    packs = LocalStructuredProperty(Address, compressed=True, repeated=True)
    quiet = LocalStructuredProperty(Address, repeated=True, write_empty_list=False)
    loud = Shouting(Address)


def stored(instance: Model, legacy_data: bool = True) -> Entity:
    return schema_of(type(instance)).to_entity(instance, instance._key, legacy_data)


def loaded(meanings: dict[str, int] | None = None, /, **columns: Any) -> Person:
    person: Person = schema_of(Person).from_entity(Entity.of(None, columns, columns, meanings or {}))
    return person


def test_by_default_it_is_an_embedded_entity_without_a_key() -> None:
    found = stored(Person(home=Address(city="x", id=3), packed=Address(city="y")))
    assert found["home"] == Entity.of(None, {"c": "x"})
    assert found["packed"] == Entity.of(None, {"c": "y"})
    assert found.shape.unindexed == {"home", "items", "kept", "loud", "packed", "packs"}
    assert found.shape.meanings == ()


def test_inside_of_it_structures_are_in_the_form_of_the_whole() -> None:
    person = Person(items=[Item(number=1, place=Address(city="x"), local=Address(city="y"))])
    (dotted,) = stored(person)["items"]
    assert list(dotted) == ["local", "number", "place.c"]
    assert dotted["local"] == Entity.of(None, {"c": "y"})
    (data,) = stored(person, legacy_data=False)["items"]
    embedded = decode_entity(data)
    assert embedded["place"]["c"] == "x"
    assert decode_entity(embedded["local"])["c"] == "y"
    for legacy_data in (True, False):
        assert schema_of(Person).from_entity(stored(person, legacy_data)) == person


def test_without_legacy_data_it_is_the_bytes_of_one() -> None:
    found = stored(Person(home=Address(city="x", id=3)), legacy_data=False)
    assert found["home"] == encode_entity(Entity.of(None, {"c": "x"}))
    assert "home" in found.shape.unindexed
    assert found.shape.meanings == ()


def test_its_bytes_are_compressed_if_asked_and_say_so() -> None:
    person = Person(packed=Address(city="x"), packs=[Address(city="y"), Address(city="z")])
    found = stored(person, legacy_data=False)
    assert decode_entity(zlib.decompress(found["packed"]))["c"] == "x"
    assert [decode_entity(zlib.decompress(item))["c"] for item in found["packs"]] == ["y", "z"]
    assert dict(found.shape.meanings) == {"packed": 22, "packs": 22}
    assert schema_of(Person).from_entity(found) == person


@pytest.mark.parametrize("legacy_data", [True, False])
def test_it_keeps_its_key_if_asked(legacy_data: bool) -> None:
    person = Person(kept=Item(id=3, number=1, project="p"))
    assert schema_of(Person).from_entity(stored(person, legacy_data)) == person


@pytest.mark.parametrize("legacy_data", [True, False])
def test_hooks_of_a_subclass_are_called_in_both_forms(legacy_data: bool) -> None:
    found = stored(Person(loud=Address(city="bern")), legacy_data)
    whole = found["loud"] if legacy_data else decode_entity(found["loud"])
    assert whole["c"] == "BERN"
    assert schema_of(Person).from_entity(found).loud.city == "Bern"


def test_an_empty_list_is_left_out_if_asked() -> None:
    assert "quiet" not in stored(Person())
    assert stored(Person())["packs"] == []


def test_it_is_decoded_once_when_first_read() -> None:
    person = loaded(home=Entity.of(None, {"c": "x"}))
    home = person.home
    assert home is not None
    home.city = "y"
    assert person.home is home
    assert stored(person)["home"]["c"] == "y"


EMBEDDED = Entity.of(None, {"c": "x"})
V1 = encode_entity(EMBEDDED)
APP_ENGINE = bytes.fromhex("6a00 720a 1a0163 2000 2a03 1a0178")
FORMS: dict[str, Any] = {
    "embedded": EMBEDDED,
    "v1": V1,
    "App Engine's": APP_ENGINE,
    "v1, compressed": zlib.compress(V1),
    "App Engine's, compressed": zlib.compress(APP_ENGINE),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["home", "packed"])
def test_every_form_reads(form: str, name: str) -> None:
    assert getattr(loaded(**{name: FORMS[form]}), name) == Address(city="x")
    if form.endswith("compressed"):
        assert getattr(loaded({name: 22}, **{name: FORMS[form]}), name) == Address(city="x")


def test_forms_may_be_mixed_in_a_list() -> None:
    for name in ("packs", "quiet"):
        person = loaded(**{name: list(FORMS.values())})
        assert getattr(person, name) == [Address(city="x")] * len(FORMS)


@pytest.mark.parametrize("legacy_data", [True, False])
def test_what_nobody_read_is_written_as_it_was(legacy_data: bool) -> None:
    packed = zlib.compress(V1)
    person = loaded(
        {"packed": 22, "packs": 22},
        home=APP_ENGINE,
        packed=packed,
        packs=[packed, packed],
        quiet=EMBEDDED,
    )
    again = stored(person, legacy_data)
    assert (again["home"], again["packed"], again["packs"]) == (
        APP_ENGINE,
        packed,
        [packed, packed],
    )
    assert again["quiet"] == EMBEDDED
    assert dict(again.shape.meanings) == {"packed": 22, "packs": 22}


@pytest.mark.parametrize(
    "data", [b"\x1a\x02", b"\x6a\x05", b"\x78\x9cdamaged", b"\xff", zlib.compress(b"\x1a\x02")]
)
def test_damaged_bytes_are_an_error_with_the_path_and_are_kept(data: bytes) -> None:
    person = loaded(home=data)
    with pytest.raises(BadValueError) as caught:
        _ = person.home
    assert caught.value.path == "Person.home"
    assert stored(person)["home"] == data


@pytest.mark.parametrize("legacy_data", [True, False])
def test_errors_inside_have_the_path_through_it(legacy_data: bool) -> None:
    class Bad(Model):
        json = JsonProperty()

    class Holder(Model):
        items = LocalStructuredProperty(Item, repeated=True)
        bad = LocalStructuredProperty(Bad)

    with pytest.raises(BadValueError) as caught:
        stored(Holder(items=[Item(number=1), Item()]), legacy_data)
    assert caught.value.path == "Holder.items[1].number"
    with pytest.raises(BadValueError) as caught:
        stored(Holder(bad=Bad(json=object())), legacy_data)
    assert caught.value.path == "Holder.bad.json"
