"""Google's own library reads what is written, and what it writes is read.

Needs google-cloud-datastore, which no extra has: install it beside, and these run.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from kindstore.values.entity import Entity
from kindstore.values.key import Key, Partition
from kindstore.wire.entity_v1 import decode_entity, encode_entity
from tests.wire.entities import entities, plain, written_as

google = pytest.importorskip(
    "google.cloud.datastore_v1.types", reason="google-cloud-datastore is not installed"
)
helpers: Any = pytest.importorskip(
    "google.cloud.datastore.helpers", reason="google-cloud-datastore is not installed"
)


@given(entities)
def test_the_library_reads_what_is_written_and_writes_what_is_read(entity: Entity) -> None:
    message: Any = google.Entity.pb(google.Entity())
    message.ParseFromString(encode_entity(entity))
    again = decode_entity(message.SerializeToString())
    assert plain(again) == plain(written_as(entity))
    assert again.shape.unindexed == entity.shape.unindexed


def test_the_library_sees_the_same_values() -> None:
    key = Key.of(Partition.of("p", "d", "n"), ("A", 1, "B", "b"))
    when = datetime(1969, 12, 31, 23, 59, 59, 999_999)
    entity = Entity.of(
        key,
        {"a": 1, "b": "é", "c": b"\0", "d": when, "e": [1.5, None, True], "f": key},
        ["c", "e"],
        {"c": 22},
    )
    message: Any = google.Entity.pb(google.Entity())
    message.ParseFromString(encode_entity(entity))
    seen = helpers.entity_from_protobuf(message)
    assert (seen.key.project, seen.key.namespace, seen.key.flat_path) == ("p", "n", ("A", 1, "B", "b"))
    assert {**seen, "d": None, "f": None} == {
        "a": 1, "b": "é", "c": b"\0", "d": None, "e": [1.5, None, True], "f": None
    }  # fmt: skip
    assert seen["d"].replace(tzinfo=None) == when
    assert seen["f"] == seen.key
    assert seen.exclude_from_indexes == {"c", "e"}
    assert seen._meanings["c"][0] == 22
