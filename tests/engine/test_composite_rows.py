"""The rows of an entity in a composite index: one for each combination of its values, and of its ancestors."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.engine.composite import KEY, CompositeIndex, IndexProperty
from kindstore.engine.composites import Composite, State, ancestors, rows_of
from kindstore.engine.dialect import Dialect
from kindstore.values.components import pack_path
from kindstore.values.errors import CorruptionError, TooLargeError
from kindstore.values.ordered import pack
from tests.values.strategies import paths

ADA = pack_path(("Author", "ada"))


def composite(text: str, ancestor: bool = False) -> Composite:
    properties = tuple(IndexProperty(name.lstrip("-"), name[0] == "-") for name in text.split())
    return Composite(1, CompositeIndex("K", ancestor, properties), State.SERVING, Dialect())


def packed(**values: Any) -> dict[str, list[bytes]]:
    return {
        name: sorted({pack(item) for item in (value if isinstance(value, list) else [value])})
        for name, value in values.items()
    }


def rows(made: Composite, path: bytes = ADA, **values: Any) -> list[tuple[Any, ...]]:
    return rows_of([made], packed(**values), path, 0).get(made, [])


def test_one_value_each_is_one_row() -> None:
    assert rows(composite("a -b"), a=1, b="x") == [(pack(1), pack("x"), ADA, None, None)]


def test_a_row_tells_which_value_comes_before_each_of_its_own_in_the_index() -> None:
    one, two, three = map(pack, (1, 2, 3))
    assert rows(composite("a"), a=[1, 2, 3]) == [(one, ADA, None), (two, ADA, one), (three, ADA, two)]
    assert rows(composite("-a"), a=[1, 2, 3]) == [(one, ADA, two), (two, ADA, three), (three, ADA, None)]


def test_an_entity_that_lacks_a_property_has_no_row() -> None:
    assert rows(composite("a b"), a=1) == []
    assert rows(composite("a b"), a=1, b=[]) == []


def test_the_key_is_a_property() -> None:
    assert rows(composite(f"a -{KEY}"), a=1) == [(pack(1), ADA, ADA, None, None)]


def test_each_ancestor_has_the_rows() -> None:
    path = pack_path(("A", 1, "B", "x", "K", 3))
    above = [pack_path(("A", 1)), pack_path(("A", 1, "B", "x")), path]
    assert rows(composite("a", ancestor=True), path, a=1) == [(each, pack(1), path, None) for each in above]


@given(
    st.lists(st.sampled_from(("a", "-a", "b", "-b", "c")), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 3), max_size=3)),
    st.booleans(),
    paths,
)
def test_there_is_a_row_for_each_combination(
    names: list[str], values: dict[str, list[int]], ancestor: bool, flat: tuple[Any, ...]
) -> None:
    path = pack_path(flat)
    made = composite(" ".join(names), ancestor)
    found = rows(made, path, **values)
    columns = [packed(**values).get(name.lstrip("-"), []) for name in names]
    above = len(ancestors(path)) if ancestor else 1
    assert len(found) == prod(map(len, columns)) * above
    assert len({row[: made.key_width()] for row in found}) == len(found)
    skipped = 1 if ancestor else 0
    assert {row[skipped : skipped + len(names)] for row in found} == set(product(*columns))
    # Of each column one value has none before it, and the others lead to it one by one.
    for at in range(len(names)):
        before = {row[skipped + at]: row[made.key_width() + at] for row in found}
        assert sum(value is None for value in before.values()) == bool(before)


@given(paths)
def test_ancestors_are_the_paths_that_begin_a_path(flat: tuple[Any, ...]) -> None:
    expected = [pack_path(flat[:end]) for end in range(2, len(flat) + 1, 2)]
    assert ancestors(pack_path(flat)) == expected


@pytest.mark.parametrize("path", [b"A", b"A\0", b"A\0\x30x"])
def test_a_malformed_path_has_no_ancestors(path: bytes) -> None:
    with pytest.raises(CorruptionError):
        ancestors(path)


def test_too_many_rows_are_refused_and_those_of_single_properties_count() -> None:
    made = composite("a b")
    values = packed(a=list(range(100)), b=list(range(100)))
    assert len(rows_of([made], values, ADA, 10_000)[made]) == 10_000
    with pytest.raises(TooLargeError, match="20,000"):
        rows_of([made], values, ADA, 10_001)


def test_two_mebibytes_of_rows_are_refused() -> None:
    made = composite("a b")
    values = packed(a=["x" * 1400 + str(n) for n in range(40)], b=list(range(40)))
    with pytest.raises(TooLargeError, match="2 MiB"):
        rows_of([made], values, ADA, 0)
