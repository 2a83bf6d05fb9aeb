"""The stored record: what goes in comes out, and damage is told."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.values import record
from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import BadValueError, CorruptionError, FormatError, TooLargeError
from kindstore.values.types import GeoPt, User
from tests.values.strategies import property_names, singles, storable, strict, times

columns = st.dictionaries(property_names, storable, max_size=5)


def stored_shape(entity: Entity, number: int = 7) -> record.StoredShape:
    return record.StoredShape(number, entity.shape, tuple(map(record.codec_of, entity.values)))


@given(columns, st.frozensets(property_names), st.integers(0, 2**31))
def test_a_record_comes_back_as_it_was(
    properties: dict[str, Any], unindexed: frozenset[str], number: int
) -> None:
    entity = Entity.of(None, properties, unindexed & properties.keys())
    stored = stored_shape(entity, number)
    before = strict(entity)
    shape, values = record.load(record.dump(stored, entity.values), {number: stored})
    assert shape is entity.shape
    assert strict(Entity(None, shape, values)) == before
    assert strict(entity) == before  # dump changes nothing


@given(columns, st.frozensets(property_names), st.dictionaries(property_names, st.integers(0, 30)))
def test_a_stored_shape_comes_back_as_it_was(
    properties: dict[str, Any], unindexed: frozenset[str], meanings: dict[str, int]
) -> None:
    shape = Shape.of(properties, unindexed, meanings)
    codecs = tuple(map(record.codec_of, properties.values()))
    again = record.load_shape(3, record.dump_shape(shape, codecs))
    assert (again.number, again.shape, again.codecs) == (3, shape, codecs)


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (None, record.PLAIN),
        (True, record.PLAIN),
        (1, record.PLAIN),
        (1.5, record.PLAIN),
        ("a", record.PLAIN),
        (b"a", record.PLAIN),
        ([], record.PLAIN),
        ([None, 1, "a"], record.PLAIN),
        (datetime(2026, 1, 1), record.TIME),
        ([None, datetime(2026, 1, 1)], record.TIMES),
        (GeoPt(1, 2), record.TAGGED),
        (User("a"), record.TAGGED),
        ([1, datetime(2026, 1, 1)], record.TAGGED),
        ([Entity.of(None, {})], record.TAGGED),
    ],
    ids=repr,
)
def test_each_column_has_its_codec(value: Any, codec: str) -> None:
    assert record.codec_of(value) == codec


@given(times, st.none() | st.lists(st.none() | times, max_size=3))
def test_null_fits_the_codec_of_times(one: datetime, other: Any) -> None:
    stored = record.StoredShape(1, Shape.of(["a", "b"]), (record.TIME, record.TIMES))
    for values in ([one, other], [None, None]):
        assert record.load(record.dump(stored, values), {1: stored})[1] == values


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not this"


class Level(enum.IntEnum):
    HIGH = 3


class Celsius(float):
    __slots__ = ()


class Digest(bytes):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "plain"), [(Name("x"), "x"), (Level.HIGH, 3), (Celsius(1.5), 1.5), (Digest(b"x"), b"x")]
)
def test_a_subclass_is_stored_as_its_plain_type(value: Any, plain: Any) -> None:
    stored = record.StoredShape(1, Shape.of(["a", "b"]), (record.codec_of(value), record.codec_of([value])))
    _, values = record.load(record.dump(stored, [value, [value]]), {1: stored})
    assert strict(values) == strict([plain, [plain]])


# Damage.


@given(st.binary(max_size=60))
def test_arbitrary_bytes_raise_corruption_error_only(body: bytes) -> None:
    stored = record.StoredShape(1, Shape.of(["a", "b"]), (record.TIME, record.TAGGED))
    try:
        record.load(body, {1: stored})
    except (CorruptionError, KeyError):
        return


@given(storable, st.data())
def test_a_damaged_record_raises_corruption_error_only(value: Any, data: st.DataObject) -> None:
    entity = Entity.of(None, {"a": value, "b": value})
    stored = stored_shape(entity)
    body = bytearray(record.dump(stored, entity.values))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        record.load(bytes(body), {7: stored})
    except CorruptionError:
        return
    except KeyError:
        assert body[-1] != 7


@pytest.mark.parametrize(
    ("tag", "body"),
    [
        (1, b"short"),
        (2, b"short"),
        (2, b"\xff" * 16),
        (3, b"\x58p"),
        (4, b"\x01"),
        (4, b"\x94\1\2\3\4"),
        (5, b"\x95\xc0\x90\x90\x90\x01"),
        (5, b"\x95\xc0\x91\x90\x90\x90\x80"),
        (5, b"\x95\x80\x90\x90\x90\x80"),
        (99, b""),
    ],
    ids=repr,
)
def test_a_malformed_tag_is_refused(tag: int, body: bytes) -> None:
    value = msgspec.msgpack.Ext(tag, body)
    stored = record.StoredShape(1, Shape.of(["a"]), (record.TAGGED,))
    with pytest.raises(CorruptionError):
        record.load(msgspec.msgpack.encode([value, 1]), {1: stored})


@pytest.mark.parametrize("values", [[], [1, 1], [1, 2, 3, 1], ["x" * 10, None, "1"]], ids=repr)
def test_a_record_with_other_columns_than_its_shape_is_refused(values: list[Any]) -> None:
    stored = record.StoredShape(1, Shape.of(["a", "b"]), ("", ""))
    with pytest.raises((CorruptionError, KeyError)) as caught:
        record.load(msgspec.msgpack.encode(values), {1: stored})
    assert caught.type is CorruptionError or values[-1] == "1"


def test_a_record_of_bottomless_nesting_is_refused() -> None:
    stored = record.StoredShape(1, Shape.of(["a"]), (record.TAGGED,))
    with pytest.raises(CorruptionError):
        record.load(b"\x92" + b"\x91" * 100_000 + b"\xc0\x01", {1: stored})


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_no_stored_shape(body: bytes) -> None:
    try:
        record.load_shape(1, body)
    except (CorruptionError, FormatError):
        return


@pytest.mark.parametrize(
    "parts",
    [
        [1, ["a"], ["?"], [], {}],
        [1, ["a"], [], [], {}],
        [1, ["a", "a"], ["", ""], [], {}],
        [1, ["a"], [""], [], ["a"]],
        [1, [["a"]], [""], [], {}],
        [1, ["a"], [""]],
        ["1", ["a"], [""], [], {}],
        [],
        None,
    ],
    ids=repr,
)
def test_a_malformed_stored_shape_is_refused(parts: Any) -> None:
    with pytest.raises(CorruptionError):
        record.load_shape(1, msgspec.msgpack.encode(parts))


@pytest.mark.parametrize("rest", [[["a"], [""], [], {}], [{"names": ["a"]}], [["a"], [""], [], {}, "more"]])
def test_a_stored_shape_of_a_newer_version_says_so(rest: list[Any]) -> None:
    with pytest.raises(FormatError, match="newer version"):
        record.load_shape(1, msgspec.msgpack.encode([record.FORMAT + 1, *rest]))


# What can't be stored.


@given(storable)
def test_what_can_be_stored_passes_the_check(value: Any) -> None:
    record.check_value("a", value)


def nested(depth: int) -> Entity:
    entity = Entity.of(None, {"x": 1})
    for _ in range(depth - 1):
        entity = Entity.of(None, {"e": entity})
    return entity


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (2**63, BadValueError),
        ("\ud800", BadValueError),
        (..., BadValueError),
        ({}, BadValueError),
        ((1,), BadValueError),
        ([[1]], BadValueError),
        ([1, ...], BadValueError),
        ("x" * 1_048_488, TooLargeError),
        (b"x" * 1_048_488, TooLargeError),
        (nested(21), TooLargeError),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_stored_is_refused_with_its_path(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        record.check_value("Author.age", value)
    assert caught.value.path.startswith("Author.age")  # type: ignore[attr-defined]


def test_twenty_nested_entities_can_be_stored() -> None:
    entity = Entity.of(None, {"e": nested(20)})
    record.check_value("e", entity["e"])
    stored = stored_shape(entity)
    assert record.load(record.dump(stored, entity.values), {7: stored})[1] == entity.values


def test_an_entity_has_at_most_1048572_bytes() -> None:
    stored = record.StoredShape(1, Shape.of(["a", "b"]), ("", ""))
    frame = len(record.dump(stored, [b"x" * 600_000, b"x" * 400_000])) - 1_000_000
    assert len(record.dump(stored, [b"x" * 600_000, b"x" * (448_572 - frame)])) == 1_048_572
    with pytest.raises(TooLargeError):
        record.dump(stored, [b"x" * 600_000, b"x" * (448_573 - frame)])


@given(singles)
def test_strict_tells_a_value_from_its_likes(value: Any) -> None:
    """The yardstick of these tests itself."""
    assert strict(value) == strict(value)
    assert strict(True) != strict(1) != strict(1.0)
