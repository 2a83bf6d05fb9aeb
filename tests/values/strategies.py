"""What Hypothesis makes values, keys and entities of; shared with tests/conformance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from kindstore.values.entity import Entity
from kindstore.values.key import Key, Partition
from kindstore.values.types import GeoPt, User

PARTITION = Partition.of("kindstore")

# NUL, 01 and 02 are what escapes are made of; é and the emoji differ in code points, UTF-16 and UTF-8.
awkward = st.sampled_from(
    ["", "\0", "\1", "\0\1", "\1\1", "\1\2", "a", "a\0", "a\1", "ab", "é", "\uffff", "😀"]
)
texts = awkward | st.text(st.characters(codec="utf-8"), max_size=12)
byte_strings = texts.map(str.encode) | st.binary(max_size=12)
integers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [
        sign * (2**bits) + off
        for bits in (0, 7, 8, 15, 16, 31, 32, 53, 62)
        for sign in (1, -1)
        for off in (-1, 0, 1)
    ]
    + [2**63 - 1, -(2**63)]
)
floats = st.floats() | st.sampled_from([0.0, -0.0, float("inf"), float("-inf"), float("nan")])
times = st.datetimes()
points = st.builds(GeoPt, st.floats(-90, 90), st.floats(-180, 180))
users = st.builds(User.of, texts, texts, st.none() | texts)
namespaces = st.sampled_from(["", "a", "b", "a.b"])
partitions = st.builds(
    Partition.of, st.sampled_from(["kindstore", "p"]), st.sampled_from(["", "d"]), namespaces
)

kinds = st.sampled_from(["A", "B", "A\0", "A\1", "AA", "é"])
names = texts.filter(bool)
ids = st.integers(1, 2**63 - 1) | st.integers(1, 3) | names
pairs = st.lists(st.tuples(kinds, ids), min_size=1, max_size=3)
paths = pairs.map(lambda found: tuple(part for pair in found for part in pair))
keys = st.builds(Key.of, partitions, paths)

indexable: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), integers, floats, texts, byte_strings, times, points, users, keys
)
"""Values that have a place in the order."""

property_names = st.sampled_from(["a", "b", "c", "d", "é", "a.b"])


def _with_nested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    entities = st.builds(
        lambda key, properties, unindexed: Entity.of(key, properties, unindexed & properties.keys()),
        st.none() | keys,
        st.dictionaries(property_names, values | st.lists(values, max_size=3), max_size=3),
        st.frozensets(property_names, max_size=2),
    )
    return values | entities


singles = _with_nested(_with_nested(indexable))
"""Values of any type, embedded entities included, but not lists."""

storable = singles | st.lists(singles, max_size=4)
"""Whatever a property can hold."""


def strict(value: Any) -> Any:
    """A form of *value* that is equal for equal values of equal types alone: True is not 1, and NaN is NaN."""
    if isinstance(value, list):
        return [strict(item) for item in value]
    if isinstance(value, Entity):
        columns = sorted((name, strict(item)) for name, item in value.items())
        return ("Entity", strict(value.key), columns, sorted(value.shape.unindexed), value.shape.meanings)
    if isinstance(value, Key):
        return ("Key", value.partition.names(), value.path)
    if isinstance(value, User):
        return ("User", value.email(), value.auth_domain(), value.user_id())
    if isinstance(value, datetime):
        return ("datetime", value.isoformat())
    return (type(value).__name__, repr(value))
