"""Write plans: which index rows an entity has, by code that is made for its columns and types."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.engine.catalog import Catalog
from kindstore.engine.dialect import Dialect
from kindstore.engine.index import Index
from kindstore.values import record
from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import TooLargeError
from kindstore.values.key import Partition
from kindstore.values.ordered import pack
from kindstore.values.types import GeoPt

SPACE = Partition.of("kindstore")
NAMES = ("a", "b", "c", "d")


def catalog(codecs: tuple[str, ...]) -> Catalog:
    made = Catalog(Dialect())
    made.absorb(
        [(1, "kindstore", "", "")], [(1, 1, "K")], [(n, 1, name, 0) for n, name in enumerate(NAMES, 1)], []
    )
    shape = Shape.of(NAMES, ["d"])
    made.absorb([], [], [], [(1, record.dump_shape(shape, codecs))])
    return made


def rows(known: Catalog, values: list[Any]) -> dict[str, list[bytes]]:
    kind = known.kinds[SPACE, "K"]
    found = known.rows(kind, Shape.of(NAMES, ["d"]), values)
    assert found is not None
    return {index.property: packed for index, packed in found.all() if packed}


def expected(values: list[Any]) -> dict[str, list[bytes]]:
    wanted: dict[str, list[bytes]] = {}
    for name, value in zip(NAMES, values, strict=True):
        items = value if type(value) is list else [value]
        if name != "d" and items:
            wanted[name] = sorted({pack(item) for item in items})
    return wanted


atoms = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20) | st.floats()
stored = (
    atoms | st.lists(atoms, max_size=4) | st.datetimes() | st.just(GeoPt(1.0, 2.0)) | st.binary(max_size=9)
)


@given(st.lists(st.tuples(stored, stored, stored, stored), max_size=5))
def test_every_value_has_its_row_whatever_was_written_before(entities: list[tuple[Any, ...]]) -> None:
    """One kind, one shape: the plan of the last entity must never be taken for the next one's."""
    known = catalog(("x",) * 4)
    for values in entities:
        assert rows(known, list(values)) == expected(list(values))


def test_a_list_of_other_types_has_a_plan_of_its_own() -> None:
    known = catalog(("x",) * 4)
    for tags in (["x", "y"], [], [1, 2], ["z"], [True], [1], ["x", 1], ["x"]):
        values = [1, tags, None, tags]
        assert rows(known, values) == expected(values)


def test_a_list_that_is_not_indexed_decides_how_the_column_is_stored() -> None:
    known = catalog(("", "", "", ""))
    times = record.dump_shape(Shape.of(NAMES, ["d"]), ("", "", "", "T"))
    known.absorb([], [], [], [(2, times)])
    kind = known.kinds[SPACE, "K"]
    shape = Shape.of(NAMES, ["d"])
    numbers = []
    for value in (["x"], [datetime(2024, 1, 1)], ["y"], [datetime(2025, 1, 1)]):
        found = known.rows(kind, shape, [1, 2, 3, value])
        assert found is not None
        numbers.append(found.plan.stored.number)
    assert numbers == [1, 2, 1, 2]


def test_more_than_twenty_thousand_values_are_refused() -> None:
    known = catalog(("",) * 4)
    with pytest.raises(TooLargeError, match="20,000"):
        rows(known, [1, list(range(20_000)), 2, None])
    assert len(rows(known, [1, list(range(19_998)), 2, None])["b"]) == 19_998


def test_an_embedded_entity_has_rows_under_dotted_names() -> None:
    known = catalog(("x",) * 4)
    kind = known.kinds[SPACE, "K"]
    values = [1, Entity.of(None, {"inner": 5}), "c", None]
    assert known.rows(kind, Shape.of(NAMES, ["d"]), values) is None  # no index yet
    kind.indexes["b.inner"] = Index(9, "b.inner", Dialect())
    found = rows(known, values)
    assert found == {"a": [pack(1)], "b.inner": [pack(5)], "c": [pack("c")]}
