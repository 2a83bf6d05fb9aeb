"""Entities as messages of google.datastore.v1: what is written is read, and what is no message is refused."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError, TooLargeError
from kindstore.values.key import Key, Partition
from kindstore.values.types import User
from kindstore.wire.entity_v1 import decode_entity, encode_entity
from tests.wire.entities import entities, plain, written_as


@given(entities)
def test_what_is_written_is_read(entity: Entity) -> None:
    read = decode_entity(encode_entity(entity))
    assert plain(read) == plain(written_as(entity))
    assert list(read) == list(entity)
    assert read.shape.unindexed == entity.shape.unindexed


@given(entities)
def test_meanings_are_kept(entity: Entity) -> None:
    read = dict(decode_entity(encode_entity(entity)).shape.meanings)
    users = {name for name, value in entity.items() if isinstance(value, User | list)}
    assert {name: n for name, n in read.items() if name not in users} == {
        name: n for name, n in entity.shape.meanings if name not in users
    }
    assert all(read[name] == 20 for name, value in entity.items() if isinstance(value, User))


def test_a_list_has_the_meaning_of_its_items() -> None:
    for items in ([b"x", b"y"], [None, b"x"], [None], []):
        entity = Entity.of(None, {"a": items}, ["a"], {"a": 22})
        assert decode_entity(encode_entity(entity)) == entity


def test_a_value_that_can_not_be_stored_is_refused_with_its_path() -> None:
    for value in (object(), 2**63, "\ud800", Key.of(Partition.of("p"), ("A",))):
        with pytest.raises(BadValueError) as caught:
            encode_entity(Entity.of(None, {"a": Entity.of(None, {"b": value})}))
        assert caught.value.path == "a.b"


def test_fields_that_nobody_knows_are_passed_by() -> None:
    entity = Entity.of(None, {"a": 1})
    unknown = b"\xa2\x06\x02hi" + b"\xa8\x06\x05" + b"\xa3\x06\x08\x01\xa4\x06" + b"\xa1\x06" + b"12345678"
    assert decode_entity(unknown + encode_entity(entity)) == entity


def test_entities_nest_twenty_deep() -> None:
    entity = Entity.of(None, {})
    for _ in range(20):
        entity = Entity.of(None, {"a": entity})
    data = encode_entity(entity)
    assert decode_entity(data) == entity
    one_more = b"\x32" + _size(data) + data
    entry = b"\x0a\x01a\x12" + _size(one_more) + one_more
    with pytest.raises(TooLargeError):
        decode_entity(b"\x1a" + _size(entry) + entry)


def _size(data: bytes) -> bytes:
    size = len(data)
    return bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    _read_or_refused(data)


@given(entities, st.data())
def test_damaged_messages_are_read_or_refused(entity: Entity, data: st.DataObject) -> None:
    message = bytearray(encode_entity(entity))
    for _ in range(data.draw(st.integers(1, 3))):
        if message:
            message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refused(bytes(message[: data.draw(st.integers(0, len(message)))]))


def _read_or_refused(data: bytes) -> None:
    with suppress(BadValueError):
        decode_entity(data)


def test_reading_takes_time_in_proportion_to_the_size() -> None:
    """Ten times the bytes of the worst that is known, in less than thirty times the time."""

    def seconds(size: int) -> float:
        nested = b"\x1a" * size
        groups = b"\x0b" * size
        longest = b"\xff" * size
        many = b"\x1a\x05\x12\x03\x4a\x01\x0a" * (size // 7)
        best = 1e9
        for _ in range(3):
            begun = time.process_time()
            for data in (nested, groups, longest, many, encode_entity(Entity.of(None, {"a": [1] * size}))):
                _read_or_refused(data)
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(100_000) < 30 * seconds(10_000)
