"""What the tests of messages share: entities with marks, and forms of them in which equal ones are equal."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kindstore.values.entity import Entity
from kindstore.values.key import Key
from kindstore.values.types import User
from tests.values import strategies as values


def with_marks(
    key: Key | None, properties: dict[str, Any], unindexed: frozenset[str], meanings: dict[str, int]
) -> Entity:
    # A list's meaning is that of its items, and a null has none.
    has_meaning = {
        name: meaning
        for name, meaning in meanings.items()
        if properties.get(name) is not None and not isinstance(properties[name], User)
    }
    return Entity.of(key, properties, unindexed & properties.keys(), has_meaning)


entities = st.builds(
    with_marks,
    st.none() | values.keys,
    st.dictionaries(values.property_names, values.storable, max_size=5),
    st.frozensets(values.property_names),
    st.dictionaries(values.property_names, st.integers(1, 30), max_size=2),
)


def written_as(value: Any) -> Any:
    """*value* as the message has it: a user is an embedded entity."""
    if isinstance(value, list):
        return [written_as(item) for item in value]
    if isinstance(value, User):
        parts = {"email": value.email(), "auth_domain": value.auth_domain()}
        return Entity.of(
            None, parts | ({"user_id": value.user_id()} if value.user_id() else {}), parts | {"user_id": 0}
        )
    if isinstance(value, Entity):
        return Entity.of(
            value.key, {name: written_as(item) for name, item in value.items()}, value.shape.unindexed
        )
    return value


def plain(value: Any) -> Any:
    """A form of *value* in which equal values are equal, whatever marks their columns have."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Entity):
        return (values.strict(value.key), sorted((name, plain(item)) for name, item in value.items()))
    return values.strict(value)
