"""Records as version 1 of the format wrote them.  Never change these bytes: databases hold them."""

from __future__ import annotations

from datetime import datetime

import pytest

from kindstore.values import record
from kindstore.values.entity import Entity, Shape
from kindstore.values.key import Key, Partition
from kindstore.values.types import GeoPt, User
from tests.values.strategies import strict

KEY = Key.of(Partition.of("p", "d", "n"), ("A", 1, "B", "x\0"))
ENTITY = Entity.of(
    None,
    {
        "null": None,
        "yes": True,
        "int": -(2**63),
        "float": 1.5,
        "text": "é",
        "bytes": b"\0\xff",
        "list": [1, None, "a"],
        "time": datetime(1815, 12, 10, 1, 2, 3, 4),
        "times": [datetime(2026, 11, 21), None],
        "point": GeoPt(52.5, -13.25),
        "user": User("a@b.c", "b.c", None),
        "key": KEY,
        "mixed": [datetime(9999, 12, 31, 23, 59, 59, 999999), 1],
        "inner": Entity.of(KEY, {"a": [Entity.of(None, {}), 1.0], "b": "x"}, {"b"}, {"a": 9}),
    },
    unindexed={"text", "bytes"},
    meanings={"text": 15},
)
SHAPE = bytes.fromhex(
    "95019ea46e756c6ca3796573a3696e74a5666c6f6174a474657874a56279746573a46c697374a474696d65a574696d65"
    "73a5706f696e74a475736572a36b6579a56d69786564a5696e6e65729ea0a0a0a0a0a0a0a174a154a178a178a178a178"
    "a17892a56279746573a47465787481a4746578740f"
)
RECORD = bytes.fromhex(
    "9fc0c3d38000000000000000cb3ff8000000000000a2c3a9c40200ff9301c0a161c40a07170c0a01020300000492c40a"
    "07ea0b15000000000000c0d802404a400000000000c02a800000000000c70c0493a56140622e63a3622e63c0c7130358"
    "700064006e0041001901420030780101000092c70a01270f0c1f173b3b0f423f01c7380595c41358700064006e004100"
    "1901420030780101000092a161a1629292c7060595c090909080cb3ff0000000000000a17891a16281a16109cd012c"
)


def test_a_shape_of_version_1_is_read() -> None:
    stored = record.load_shape(300, SHAPE)
    assert stored.shape is ENTITY.shape
    assert isinstance(stored.shape, Shape)


def test_a_record_of_version_1_is_read() -> None:
    stored = record.load_shape(300, SHAPE)
    shape, values = record.load(RECORD, {300: stored})
    assert strict(Entity(None, shape, values)) == strict(ENTITY)


@pytest.mark.skipif(record.FORMAT != 1, reason="records are written in a newer version now")
def test_version_1_is_written_to_the_byte() -> None:
    codecs = tuple(map(record.codec_of, ENTITY.values))
    assert record.dump_shape(ENTITY.shape, codecs) == SHAPE
    assert record.dump(record.StoredShape(300, ENTITY.shape, codecs), ENTITY.values) == RECORD
