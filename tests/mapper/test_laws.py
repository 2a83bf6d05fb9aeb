"""Laws of properties, for every value that Hypothesis thinks of."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.mapper.blob_key import BlobKey
from kindstore.mapper.blobs import BlobKeyProperty, BlobProperty, JsonProperty
from kindstore.mapper.local_structured import LocalStructuredProperty
from kindstore.mapper.model import Model
from kindstore.mapper.property import Property
from kindstore.mapper.references import KeyProperty, UserProperty
from kindstore.mapper.scalar import BooleanProperty, FloatProperty, GeoPtProperty, IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.structured import StructuredProperty
from kindstore.mapper.text import StringProperty, TextProperty
from kindstore.mapper.times import DateProperty, DateTimeProperty, TimeProperty
from kindstore.values import record
from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import BadValueError
from kindstore.values.key import Key, Partition
from kindstore.values.types import GeoPt, User

ZONE = timezone(timedelta(hours=5, minutes=30))
P = Partition.of("p")

ints = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=375)
degrees = st.floats(-90, 90)
json = st.recursive(
    st.none() | st.booleans() | ints | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
keys = st.builds(lambda part: Key.of(P, ("K", part)), st.integers(1, 2**63 - 1) | texts.filter(bool))
users = st.builds(User, texts, texts, st.none() | texts.filter(bool))


class Item(Model):
    number = IntegerProperty()
    text = TextProperty()
    packed = BlobProperty(compressed=True)


class Inner(Model):
    item = StructuredProperty(Item)
    name = StringProperty()


items = st.builds(
    Item,
    number=st.none() | ints,
    text=st.none() | texts,
    packed=st.none() | st.binary(max_size=50),
)
# An item of which nothing is set, in a list, reads as None: its columns are all null (docs/ndb-differences.md).
full_items = items.filter(lambda item: item != Item())

VALUES: dict[str, tuple[Property[Any], st.SearchStrategy[Any]]] = {
    "flag": (BooleanProperty(), st.booleans()),
    "number": (IntegerProperty("n"), ints),
    "real": (FloatProperty(), st.floats(allow_nan=False)),
    "name": (StringProperty(), texts),
    "text": (TextProperty(), st.text(st.characters(codec="utf-8"))),
    "packed_text": (TextProperty(compressed=True), st.text(st.characters(codec="utf-8"))),
    "blob": (BlobProperty(), st.binary()),
    "packed": (BlobProperty(compressed=True), st.binary()),
    "json": (JsonProperty(), json.filter(lambda value: value is not None)),
    "when": (DateTimeProperty(), st.datetimes()),
    "zoned": (
        DateTimeProperty(tzinfo=ZONE),
        st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)),
    ),
    "day": (DateProperty(), st.dates()),
    "hour": (TimeProperty(), st.times()),
    "place": (GeoPtProperty(), st.builds(GeoPt, degrees, degrees)),
    "link": (KeyProperty(kind="K"), keys),
    "file": (BlobKeyProperty(), st.builds(BlobKey, st.binary(max_size=100))),
    "user": (UserProperty(), users),
    "item": (StructuredProperty(Item), items),
    "inner": (StructuredProperty(Inner), st.builds(Inner, item=st.none() | items, name=st.none() | texts)),
    "local": (LocalStructuredProperty(Item), items),
    "numbers": (IntegerProperty(repeated=True), st.lists(ints)),
    "names": (StringProperty(repeated=True), st.lists(texts, max_size=4)),
    "reals": (FloatProperty(repeated=True), st.lists(st.floats(allow_nan=False))),
    "days": (DateProperty(repeated=True), st.lists(st.dates())),
    "blobs": (BlobProperty(repeated=True, compressed=True), st.lists(st.binary(max_size=50), max_size=3)),
    "jsons": (
        JsonProperty(repeated=True),
        st.lists(json.filter(lambda value: value is not None), max_size=3),
    ),
    "items": (StructuredProperty(Item, repeated=True), st.lists(items, max_size=3)),
    "inners": (
        StructuredProperty(Inner, repeated=True),
        st.lists(st.builds(Inner, item=st.none() | full_items, name=texts), max_size=3),
    ),
    "locals": (LocalStructuredProperty(Item, repeated=True), st.lists(items, max_size=3)),
}

Everything: Any = type(
    "Everything", (Model,), {"__module__": __name__, **{name: prop for name, (prop, _) in VALUES.items()}}
)
some_values = st.fixed_dictionaries({}, optional={name: strategy for name, (_, strategy) in VALUES.items()})


def through_a_record(entity: Entity) -> Entity:
    """*entity* as it comes back from a store."""
    shape = Shape.of(entity.shape.names, entity.shape.unindexed, dict(entity.shape.meanings))
    for name, value in entity.items():
        record.check_value(name, value)
    stored = record.StoredShape(1, shape, tuple(record.codec_of(value) for value in entity.values))
    found, values = record.load(record.dump(stored, entity.values), {1: stored})
    return Entity(entity.key, found, values)


@given(some_values)
def test_what_is_set_is_read(values: dict[str, Any]) -> None:
    built, assigned = Everything(**values), Everything()
    for name, value in values.items():
        setattr(assigned, name, value)
        assert getattr(built, name) == value
    assert built == assigned


@given(some_values, st.booleans())
def test_what_is_stored_is_read_back(values: dict[str, Any], legacy_data: bool) -> None:
    schema = schema_of(Everything)
    instance = Everything(**values)
    entity = through_a_record(schema.to_entity(instance, None, legacy_data))
    again = schema.from_entity(entity)
    assert again == instance
    for name, value in values.items():
        assert type(getattr(again, name)) is type(value)


@given(some_values, st.booleans())
def test_writing_what_nobody_read_changes_nothing(values: dict[str, Any], legacy_data: bool) -> None:
    schema = schema_of(Everything)
    entity = schema.to_entity(Everything(**values), None, legacy_data)
    assert schema.to_entity(schema.from_entity(entity), None, legacy_data) == entity


@given(some_values, st.booleans())
def test_both_forms_read_the_same(values: dict[str, Any], legacy_data: bool) -> None:
    schema = schema_of(Everything)
    instance = Everything(**values)
    entity = schema.to_entity(instance, None, legacy_data)
    other = schema.to_entity(schema.from_entity(entity), None, not legacy_data)
    assert schema.from_entity(other) == instance


@given(some_values, st.sampled_from(sorted(VALUES)))
def test_deleting_restores_the_default(values: dict[str, Any], name: str) -> None:
    instance = Everything(**values)
    delattr(instance, name)
    assert getattr(instance, name) == getattr(Everything(), name)


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.times()
    | keys
    | users
    | st.lists(st.integers() | st.text(), max_size=3)
    | st.builds(object)
)


@given(st.sampled_from(sorted(VALUES)), anything)
def test_a_value_is_refused_or_can_be_stored_and_read_back(name: str, value: Any) -> None:
    schema = schema_of(Everything)
    refused, entity = "", Entity.of(None, {})
    try:
        entity = schema.to_entity(Everything(**{name: value}), None)
    except BadValueError as error:
        refused = error.facts["path"]
    if refused:
        assert refused.startswith(f"Everything.{name}")
        return
    for column, item in entity.items():
        record.check_value(column, item)
    schema.from_entity(entity).to_dict()


@pytest.mark.parametrize("name", sorted(VALUES))
def test_the_constructor_and_assignment_refuse_the_same(name: str) -> None:
    values = [
        None,
        True,
        2**80,
        1.5,
        "x" * 2000,
        b"\xff" * 2000,
        [],
        ["x", None],
        object(),
        {},
        datetime(2020, 1, 1),
    ]
    for value in values:
        assert outcome(Everything, **{name: value}) == outcome(setattr, Everything(), name, value)


def outcome(attempt: Callable[..., Any], *args: Any, **options: Any) -> tuple[type[Any], str] | None:
    try:
        attempt(*args, **options)
    except (BadValueError, TypeError) as error:
        return type(error), str(error)
    return None
