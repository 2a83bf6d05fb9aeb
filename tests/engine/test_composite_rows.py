"""The rows of an entity in a composite index: laws of their bytes, and limits."""

from __future__ import annotations

import re
from functools import cmp_to_key
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composite_rows import ancestors, check_entries, composite_rows, read_row, row_start
from kindstore.values.components import pack_path, unpack_path
from kindstore.values.errors import CorruptionError, TooLargeError
from kindstore.values.limits import MAX_COMPOSITE_BYTES
from kindstore.values.order import order_of, path_order
from kindstore.values.ordered import descending, pack, unpack
from tests.engine.shapes import index, under
from tests.values.strategies import indexable, paths, strict

ADA = pack_path(("Author", "ada", "Book", 1))


def packed(**values: Any) -> dict[str, list[bytes]]:
    """Values by property as the built-in indexes have them."""
    return {
        name: sorted({pack(item) for item in (value if isinstance(value, list) else [value])})
        for name, value in values.items()
    }


def test_a_row_is_the_values_one_after_the_other() -> None:
    assert composite_rows(index("a b"), packed(a=1, b="x"), ADA) == [pack(1) + pack("x")]


def test_a_descending_part_is_complemented() -> None:
    assert composite_rows(index("a -b"), packed(a=1, b="x"), ADA) == [pack(1) + descending(pack("x"))]


def test_the_key_is_the_path_with_its_end() -> None:
    assert composite_rows(index("a -__key__"), packed(a=1), ADA) == [pack(1) + descending(ADA + b"\0")]


def test_an_entity_without_one_of_the_properties_has_no_row() -> None:
    assert composite_rows(index("a b"), packed(a=1, c=2), ADA) == []
    assert composite_rows(under("a b"), packed(a=1, b=[]), ADA) == []


def test_null_has_a_row() -> None:
    assert composite_rows(index("a b"), packed(a=None, b=None), ADA) == [pack(None) * 2]


def test_every_combination_of_values_has_a_row() -> None:
    rows = composite_rows(index("a -b"), packed(a=[2, 1, 2], b=[3, "x"]), ADA)
    assert [read_row(index("a -b"), row) for row in rows] == [
        (None, [1, b"x"]),
        (None, [1, 3]),
        (None, [2, b"x"]),
        (None, [2, 3]),
    ]


def test_a_property_that_an_index_names_twice_counts_twice() -> None:
    rows = composite_rows(index("a a"), packed(a=[1, 5]), ADA)
    assert [read_row(index("a a"), row)[1] for row in rows] == [[1, 1], [1, 5], [5, 1], [5, 5]]


def test_an_ancestor_index_has_a_row_for_each_ancestor_and_the_entity_itself() -> None:
    rows = composite_rows(under("a"), packed(a=[1, 2]), ADA)
    assert [read_row(under("a"), row) for row in rows] == [
        (("Author", "ada"), [1]),
        (("Author", "ada"), [2]),
        (("Author", "ada", "Book", 1), [1]),
        (("Author", "ada", "Book", 1), [2]),
    ]


# Laws.

directions = st.booleans()
atoms = st.sampled_from([None, 0, 1, 256, True, "", "a", "a\0", "a\1", "b", 0.0, 1.0]) | indexable


@st.composite
def indexes(draw: st.DrawFn) -> CompositeIndex:
    names = draw(st.lists(st.sampled_from(["a", "b", "__key__"]), min_size=1, max_size=3))
    return CompositeIndex(
        "K", draw(st.booleans()), tuple(IndexProperty(name, draw(directions)) for name in names)
    )


entities = st.tuples(st.fixed_dictionaries({"a": atoms, "b": atoms}), paths)
lists = st.tuples(
    st.fixed_dictionaries({"a": st.lists(atoms, max_size=3), "b": st.lists(atoms, max_size=3)}), paths
)


def compare(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


@given(indexes(), entities, entities)
def test_rows_sort_as_their_values_do(
    made: CompositeIndex, one: tuple[dict[str, Any], Any], other: tuple[dict[str, Any], Any]
) -> None:
    """Of an index without ancestors, followed by the path; ancestors only come before."""
    made = CompositeIndex(made.kind, False, made.properties)

    def by_law(left: tuple[dict[str, Any], Any], right: tuple[dict[str, Any], Any]) -> int:
        for each in made.properties:
            found = [
                path_order(path) if each.name == "__key__" else order_of(values[each.name])
                for values, path in (left, right)
            ]
            if found[0] != found[1]:
                return compare(*found) * (-1 if each.descending else 1)
        return compare(path_order(left[1]), path_order(right[1]))

    def row(entity: tuple[dict[str, Any], Any]) -> tuple[bytes, bytes]:
        path = pack_path(entity[1])
        (found,) = composite_rows(made, packed(**entity[0]), path)
        return found, path

    assert compare(row(one), row(other)) == by_law(one, other)
    assert sorted([one, other], key=cmp_to_key(by_law)) == sorted([one, other], key=row)


@given(indexes(), lists)
def test_the_rows_of_an_entity_are_the_product_in_order(
    made: CompositeIndex, entity: tuple[dict[str, Any], Any]
) -> None:
    values, path = packed(**entity[0]), pack_path(entity[1])
    rows = composite_rows(made, values, path)
    expected = len(entity[1]) // 2 if made.ancestor else 1
    for each in made.properties:
        expected *= 1 if each.name == "__key__" else len(values[each.name])
    assert len(rows) == expected
    assert all(one < other for one, other in pairwise(rows))


@given(indexes(), lists)
def test_a_row_is_read_as_it_was_made(made: CompositeIndex, entity: tuple[dict[str, Any], Any]) -> None:
    values, path = packed(**entity[0]), pack_path(entity[1])
    for row in composite_rows(made, values, path):
        ancestor, found = read_row(made, row)
        assert (ancestor is not None) is made.ancestor
        if ancestor is not None:
            assert pack_path(ancestor) in ancestors(path)
        for each, value in zip(made.properties, found, strict=True):
            if each.name == "__key__":
                assert value == entity[1]
            else:
                assert strict(value) in [strict(unpack(one)) for one in values[each.name]]
        start = b"" if ancestor is None else pack_path(ancestor)
        again = [
            path if each.name == "__key__" else pack(value)
            for each, value in zip(made.properties, found, strict=True)
        ]
        assert row_start(made, again, start if made.ancestor else None) == row


@given(indexes(), entities, entities, st.integers(0, 3))
def test_the_rows_that_begin_with_given_parts_are_one_range(
    made: CompositeIndex, one: tuple[dict[str, Any], Any], other: tuple[dict[str, Any], Any], size: int
) -> None:
    parts = [
        [
            pack_path(path) if each.name == "__key__" else pack(values[each.name])
            for each in made.properties[:size]
        ]
        for values, path in (one, other)
    ]
    root = pack_path(one[1][:2])
    start = row_start(made, parts[0], root if made.ancestor else None)
    path = pack_path(other[1])
    for row in composite_rows(made, packed(**other[0]), path):
        is_alike = parts[0] == parts[1] and (not made.ancestor or row.startswith(root + b"\0"))
        assert (start <= row < start + b"\xff") is is_alike
        assert row.startswith(start) is is_alike


@given(paths)
def test_the_ancestors_of_a_path_are_its_beginnings(path: tuple[Any, ...]) -> None:
    found = ancestors(pack_path(path))
    assert [unpack_path(each) for each in found] == [path[:end] for end in range(2, len(path) + 1, 2)]


@given(st.binary(max_size=12), indexes())
def test_bytes_that_are_no_row_are_an_error_of_ours(row: bytes, made: CompositeIndex) -> None:
    for read in (lambda: read_row(made, row), lambda: ancestors(row)):
        try:
            read()
        except CorruptionError as error:
            assert error.message  # noqa: PT017  # some bytes are a row


# Limits.


@given(st.lists(indexes(), max_size=3), lists)
def test_the_limits_count_what_the_rows_are(
    made: list[CompositeIndex], entity: tuple[dict[str, Any], Any]
) -> None:
    values, path = packed(**entity[0]), pack_path(entity[1])
    rows = [row for each in made for row in composite_rows(each, values, path)]
    check_entries(made, values, path, 20_000 - len(rows))
    if rows:
        with pytest.raises(TooLargeError) as caught:
            check_entries(made, values, path, 20_001 - len(rows))
        assert caught.value.entries > 20_000


def test_an_exploding_index_is_refused_without_being_multiplied_out() -> None:
    values = packed(**{name: list(range(1_000)) for name in "abcdef"})
    with pytest.raises(TooLargeError) as caught:
        check_entries([index("a"), index("a b c d e f")], values, ADA, 6_000)
    assert caught.value.index == "K(a, b, c, d, e, f)"
    assert caught.value.entries == 6_000 + 1_000 + 1_000**6


def test_two_mebibytes_of_rows_are_allowed_and_no_more() -> None:
    path = pack_path(("K", 1))
    row = len(pack("x" * 1_000)) + len(pack(1 << 40)) + len(path)
    most = MAX_COMPOSITE_BYTES // row
    numbers = [(1 << 40) + n for n in range(most + 1)]
    made = [index("a b")]
    check_entries(made, packed(a="x" * 1_000, b=numbers[:-1]), path, 0)
    with pytest.raises(TooLargeError) as caught:
        check_entries(made, packed(a="x" * 1_000, b=numbers), path, 0)
    assert caught.value.size == (most + 1) * row


def test_entries_count_together_over_all_indexes() -> None:
    values = packed(a=list(range(100)), b=list(range(100)))
    check_entries([index("a b"), index("b a")], values, ADA, 0)
    with pytest.raises(TooLargeError):
        check_entries([index("a b"), index("b a")], values, ADA, 1)
    check_entries([index("a b"), under("a c")], values, ADA, 10_000)  # no c, no row


# docs/format.md.

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
EXAMPLES: list[tuple[str, str, str]] = re.findall(
    r"^\| `(.+)` \| `(.+)` \| `([0-9a-f ]+)` \|$",
    PAGE.partition("| index | entity | row |")[2].partition("\n\n")[0],
    re.MULTILINE,
)


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize(("named", "entity", "expected"), EXAMPLES)
def test_a_row_is_packed_as_the_page_says(named: str, entity: str, expected: str) -> None:
    values, path = eval(entity)
    is_ancestor, names = named.startswith("ancestor; "), named.removeprefix("ancestor; ").split(", ")
    made = index(" ".join(f"-{name.removesuffix(' desc')}" if " " in name else name for name in names))
    made = CompositeIndex("K", is_ancestor, made.properties)
    assert composite_rows(made, packed(**values), pack_path(path))[0].hex(" ") == expected
