"""What is put is what is got."""

import enum
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kindstore import datastore, ndb
from kindstore.datastore.helpers import GeoPoint
from kindstore.values.errors import BadKeyError, BadValueError

INT64 = st.integers(-(2**63), 2**63 - 1)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
POINTS = st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180))
KEYS = st.builds(lambda number: datastore.Key("K", number, project="p"), st.integers(1, 2**63 - 1))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    INT64,
    st.floats(allow_nan=False),
    st.text(max_size=50),
    st.binary(max_size=50),
    TIMES,
    POINTS,
    KEYS,
)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="."), min_size=1, max_size=10).filter(
    lambda name: not name.startswith("__")
)


def of(properties: dict[str, Any], unindexed: set[str], key: datastore.Key | None = None) -> datastore.Entity:
    entity = datastore.Entity(key, tuple(unindexed & properties.keys()))
    entity.update(properties)
    return entity


EMBEDDED = st.builds(of, st.dictionaries(NAMES, SCALARS, max_size=3), st.sets(NAMES, max_size=2))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4), EMBEDDED)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(properties=st.dictionaries(NAMES, VALUES, max_size=5), data=st.data())
def test_an_entity_is_got_as_it_was_put(
    client: datastore.Client, properties: dict[str, Any], data: st.DataObject
) -> None:
    unindexed = {name for name in properties if data.draw(st.booleans())}
    entity = of(properties, unindexed, client.key("Thing", 1))
    client.put(entity)
    assert client.get(client.key("Thing", 1)) == entity


def test_times_are_read_in_utc(client: datastore.Client) -> None:
    entity = datastore.Entity(client.key("Event", 1))
    entity["naive"] = datetime(2026, 1, 2, 3)
    entity["aware"] = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    client.put(entity)
    found = client.get(entity.key)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert found is not None
    assert found["naive"] == datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert found["aware"] == datetime(2026, 1, 2, 1, tzinfo=UTC)


def test_a_dict_becomes_an_embedded_entity_and_an_enumeration_its_value(client: datastore.Client) -> None:
    class Colour(enum.IntEnum):
        RED = 1

    entity = datastore.Entity(client.key("Thing", 1))
    entity["address"] = {"city": "Turin", "zip": [1, 2]}
    entity["colour"] = Colour.RED
    client.put(entity)
    found = client.get(client.key("Thing", 1))
    assert found is not None
    assert isinstance(found["address"], datastore.Entity)
    assert dict(found["address"]) == {"city": "Turin", "zip": [1, 2]}
    assert type(found["colour"]) is int
    query = client.query(kind="Thing", filters=[("address.city", "=", "Turin")])
    assert [each.key for each in query.fetch()] == [entity.key]


def test_what_can_not_be_stored_is_refused_with_its_path(client: datastore.Client) -> None:
    entity = datastore.Entity(client.key("Thing", 1))
    entity["tags"] = ["a", {"deep": object()}]
    with pytest.raises(BadValueError, match=r"deep"):
        client.put(entity)
    entity["tags"] = client.key("Partial")
    with pytest.raises(BadKeyError, match="tags"):
        client.put(entity)
    with pytest.raises(BadKeyError, match="must have a key"):
        client.put(datastore.Entity())
    with pytest.raises(BadKeyError, match="same project"):
        client.put(datastore.Entity(datastore.Key("Thing", 1, project="q")))
    assert client.get(client.key("Thing", 1)) is None


def test_a_partial_key_is_completed_by_the_put(client: datastore.Client) -> None:
    entity = datastore.Entity(client.key("Thing"))
    client.put(entity)
    assert entity.key is not None
    assert entity.id
    assert client.get(entity.key) == entity
    assert entity.kind == "Thing"


def test_models_and_entities_are_of_one_store(client: datastore.Client) -> None:
    class Author(ndb.Model):
        name = ndb.StringProperty()
        bio = ndb.TextProperty()

    with ndb.Client(store=client.store).context():
        Author(id="ada", name="Ada", bio="long").put()
    entity = client.get(client.key("Author", "ada"))
    assert entity is not None
    assert dict(entity) == {"name": "Ada", "bio": "long"}
    assert entity.exclude_from_indexes == {"bio"}
    entity["name"] = "Ada L."
    client.put(entity)
    with ndb.Client(store=client.store).context():
        assert Author.get_by_id("ada").name == "Ada L."  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
