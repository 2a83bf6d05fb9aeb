"""The laws of ordered bytes (docs/format.md), for all values."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kindstore.values.errors import BadValueError, CorruptionError, TooLargeError
from kindstore.values.key import Key, Partition
from kindstore.values.order import order_of
from kindstore.values.ordered import (
    PACKERS,
    descending,
    microseconds,
    pack,
    unpack,
    unpack_all,
    unpack_at,
    write_packing,
    write_packing_of_list,
)
from kindstore.values.source import Source
from kindstore.values.types import GeoPt, User
from tests.values.strategies import PARTITION, byte_strings, floats, indexable, integers, paths, strict, texts


@given(indexable, indexable)
@example("a", "a\0")
@example(b"\0", b"\0\0")
@example(0.0, -0.0)
@example("b", b"b")
@example(-256, -257)
def test_bytes_compare_as_values_do(a: Any, b: Any) -> None:
    assert (pack(a) < pack(b)) == (order_of(a) < order_of(b))
    assert (pack(a) == pack(b)) == (order_of(a) == order_of(b))


@given(indexable, indexable)
@example("a", "a\0")
@example("a", "a\1")
def test_complemented_bytes_compare_the_other_way_round(a: Any, b: Any) -> None:
    assert (descending(pack(a)) < descending(pack(b))) == (order_of(b) < order_of(a))


@given(texts | byte_strings, texts | byte_strings)
def test_strings_compare_as_their_utf8(a: str | bytes, b: str | bytes) -> None:
    left, right = (each.encode() if isinstance(each, str) else each for each in (a, b))
    assert (pack(a) < pack(b)) == (left < right)
    assert (descending(pack(a)) < descending(pack(b))) == (right < left)


@given(st.tuples(indexable, indexable), st.tuples(indexable, indexable), st.booleans())
def test_joined_encodings_compare_as_tuples_do(a: Any, b: Any, downwards: bool) -> None:
    """What a composite index needs: the second column decides only where the first is equal."""

    def joined(pair: Any) -> bytes:
        first = pack(pair[0])
        return (descending(first) if downwards else first) + pack(pair[1])

    first_a, first_b = order_of(a[0]), order_of(b[0])
    before = order_of(a[1]) < order_of(b[1]) if first_a == first_b else (first_a < first_b) != downwards
    assert (joined(a) < joined(b)) == before


@given(indexable, indexable)
@example("a", "a\0")
def test_no_encoding_is_the_prefix_of_another(a: Any, b: Any) -> None:
    if order_of(a) != order_of(b):
        assert not pack(a).startswith(pack(b))


@given(indexable)
def test_what_is_unpacked_has_the_same_place(value: Any) -> None:
    found = unpack(pack(value))
    assert order_of(found) == order_of(value)
    assert pack(found) == pack(value)


@given(indexable)
def test_index_form_is_int_for_a_time_and_bytes_for_a_string(value: Any) -> None:
    found = unpack(pack(value))
    if isinstance(value, datetime):
        assert found == microseconds(value)
    elif isinstance(value, str):
        assert found == value.encode()
    else:
        assert type(found) is type(value)


@given(st.lists(indexable, max_size=4))
def test_joined_encodings_come_apart_again(values: list[Any]) -> None:
    packed = b"".join(map(pack, values))
    at, found = 0, []
    while at < len(packed):
        value, at = unpack_at(packed, at)
        found.append(value)
    assert [order_of(value) for value in found] == [order_of(value) for value in values]


@given(st.binary(max_size=30) | st.tuples(indexable, st.binary(max_size=3)).map(lambda t: pack(t[0]) + t[1]))
@example(b"\x58p\0\0\0\0")
@example(b"\x58p\0\0$\0A\0\x19\x01\0")
@example(b"\x48" + b"\xff" * 16)
@example(b"\x20" + b"\xff" * 8)
@example(b"\x30\x01\x03\x00")
@example(b"\x30\x01\x00")
@example(b"\x58p\0\0\0A\0\x30\0\0")
def test_malformed_bytes_raise_corruption_error_only(packed: bytes) -> None:
    try:
        value = unpack(packed)
    except CorruptionError:
        return
    order_of(value)  # what does come back is a whole value


@given(indexable, st.data())
def test_bytes_cut_short_are_refused(value: Any, data: st.DataObject) -> None:
    packed = pack(value)
    short = packed[: data.draw(st.integers(0, len(packed) - 1))]
    with pytest.raises(CorruptionError):
        unpack(short)


@given(paths, paths)
def test_a_path_begins_with_another_exactly_if_that_is_an_ancestor(
    a: tuple[Any, ...], b: tuple[Any, ...]
) -> None:
    below, above = Key.of(PARTITION, a), Key.of(PARTITION, b)
    assert below.path_bytes.startswith(above.path_bytes) == (a[: len(b)] == b)


@given(paths, paths)
def test_a_key_and_its_descendants_are_one_range(a: tuple[Any, ...], b: tuple[Any, ...]) -> None:
    below, above = Key.of(PARTITION, a).path_bytes, Key.of(PARTITION, b).path_bytes
    assert (above <= below < above + b"\xff") == (a[: len(b)] == b)


@pytest.mark.parametrize("kind", [str, bytes])
def test_an_indexed_string_has_at_most_1500_bytes(kind: type) -> None:
    fits: Any = "é" * 750 if kind is str else b"\0" * 1500
    assert unpack(pack(fits)) == (fits.encode() if kind is str else fits)
    with pytest.raises(TooLargeError):
        pack(fits + (fits[:1]))


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63) - 1,
        "\ud800",
        datetime(2026, 1, 1, tzinfo=UTC),
        ...,
        [1],
        {},
        1j,
    ],
    ids=repr,
)
def test_a_value_without_a_place_is_refused(value: Any) -> None:
    with pytest.raises(BadValueError):
        pack(value)


def test_the_classes_of_values_come_in_the_order_of_the_service() -> None:
    """spec/service.md 3.1."""
    in_order = [
        None,
        -(2**63),
        datetime(1969, 1, 1),
        0,
        datetime(1970, 1, 1, 0, 0, 0, 4),
        5,
        False,
        True,
        "",
        b"\0",
        "a",
        b"b",
        "\uffff",
        "😀",
        b"\xff",
        float("-inf"),
        -1.0,
        0.0,
        float("inf"),
        float("nan"),
        GeoPt(-1, 9),
        GeoPt(0, -9),
        User("a"),
        User("b", "a"),
        Key.of(Partition.of("a"), ("Z", 1)),
        Key.of(Partition.of("p"), ("A", 1)),
        Key.of(Partition.of("p"), ("A", 1, "A", 1)),
        Key.of(Partition.of("p"), ("A", 2)),
        Key.of(Partition.of("p"), ("A", 10)),
        Key.of(Partition.of("p"), ("A", "10")),
        Key.of(Partition.of("p"), ("A", "B")),
        Key.of(Partition.of("p"), ("A", "a")),
        Key.of(Partition.of("p"), ("A\0", 1)),
        Key.of(Partition.of("p", "", "n"), ("A", 1)),
    ]
    shuffled = in_order[::2] + in_order[1::2]
    assert sorted(shuffled, key=pack) == in_order
    assert sorted(shuffled, key=order_of) == in_order


def written_out(cls: type) -> Any:
    source = Source("def packed(value):")
    write_packing(source, cls, "value", "found")
    source.add("return found")
    return source.compiled("packed")


@given(indexable)
@example("a\0")
@example("a\1")
@example("é" * 750)
@example(-1)
@example(1023)
@example(1024)
@example(2**63 - 1)
@example(-0.0)
@example(0.0)
@example(float("nan"))
@example(float("inf"))
@example(float("-inf"))
@example(-1.5)
@example(datetime(1970, 1, 1))
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999))
@example(datetime(1978, 12, 4))
@example(datetime(9999, 12, 31, 23, 59, 59, 999_999))
def test_packing_written_out_gives_the_packer_s_bytes(value: Any) -> None:
    if type(value) in PACKERS:
        assert written_out(type(value))(value) == pack(value)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("x" * 1501, TooLargeError),
        ("\0" * 1501, TooLargeError),
        ("\ud800", UnicodeEncodeError),
        (2**63, BadValueError),
        (-(2**63) - 1, BadValueError),
        (datetime(2024, 1, 1, tzinfo=UTC), TypeError),
    ],
)
def test_packing_written_out_refuses_what_the_packer_refuses(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        written_out(type(value))(value)


@given(st.lists(indexable, max_size=5))
@example(["a", "a", "b"])
@example(["a\0", "b"])
@example(["é" * 500, "b" * 1500])
def test_packing_of_a_list_written_out_gives_the_packers_bytes(values: list[Any]) -> None:
    for cls in set(map(type, values)) & PACKERS.keys():
        alike = [value for value in values if type(value) is cls]
        source = Source("def packed(values):")
        write_packing_of_list(source, cls, "values", "found")
        source.add("return found")
        assert source.compiled("packed")(alike) == sorted({pack(value) for value in alike})


COLUMNS = [texts, st.floats(0.0), floats, st.integers(2**48, 2**56 - 1), integers, st.booleans(), indexable]


@given(st.one_of(*(st.lists(each.map(pack), max_size=12) for each in COLUMNS)))
def test_a_column_is_unpacked_as_its_values_are(column: list[bytes]) -> None:
    assert strict(unpack_all(column)) == strict([unpack(each) for each in column])
    assert unpack_all([]) == []


@given(st.lists(st.binary(max_size=10) | indexable.map(pack), min_size=1, max_size=4))
def test_a_malformed_column_raises_corruption_error_only(column: list[bytes]) -> None:
    with suppress(CorruptionError):
        unpack_all(column)
