"""Which composite index a query needs: the table of spec/service.md 3.6, and what it follows from."""

from __future__ import annotations

import msgspec
import pytest

from kindstore.engine.composite import CompositeIndex, Wanted, needed_index, needed_indexes, needs
from kindstore.store.messages import AndFilter, OrFilter, PropertyFilter, Query
from kindstore.values.errors import BadQueryError
from tests.engine.shapes import BEYOND, TABLE, index, shape, under


@pytest.mark.parametrize(("query", "expected"), TABLE.values(), ids=TABLE)
def test_a_query_needs_the_index_of_the_table(query: Query, expected: CompositeIndex | None) -> None:
    assert needed_index(query) == expected


def test_the_table_has_forty_forms() -> None:
    assert len(TABLE) >= 40


@pytest.mark.parametrize(("query", "expected"), BEYOND.values(), ids=BEYOND)
def test_several_inequalities_follow_firestore(query: Query, expected: CompositeIndex | None) -> None:
    assert needed_index(query) == expected


def test_what_a_query_leaves_open_is_told() -> None:
    found = needs(shape("c= a= b>", project="e d", distinct="d"))
    assert found is not None
    assert found.equal == {"a", "c"}
    assert found.ordered == (Wanted("b"),)
    assert found.distinct == {"d"}
    assert found.projected == {"e"}
    assert found.wanted == (Wanted("a"), Wanted("c"), Wanted("b", False), Wanted("d"), Wanted("e"))
    assert found.postfix == index("b d e").properties


def test_the_key_beside_a_projection_needs_no_index() -> None:
    assert needed_index(shape(project="__key__ a")) is None


def test_keys_only_limits_and_cursors_do_not_matter() -> None:
    query = shape("a=", "b")
    other = msgspec.structs.replace(query, keys_only=True, limit=3, offset=2, start=b"x", end=b"y")
    assert needed_index(other) == needed_index(query)


def test_a_query_that_is_no_conjunction_is_refused() -> None:
    query = msgspec.structs.replace(shape(orders="b"), filters=(PropertyFilter("a", "IN", (1, 2)),))
    with pytest.raises(BadQueryError) as caught:
        needed_index(query)
    assert "conjunctions" in caught.value.hint


def test_every_conjunction_of_a_query_is_asked_once() -> None:
    either = OrFilter(
        (
            PropertyFilter("a", "IN", (1, 2)),
            PropertyFilter("c", "=", 1),
            AndFilter((PropertyFilter("c", "=", 1), PropertyFilter("d", ">", 1))),
        )
    )
    query = msgspec.structs.replace(shape(orders="b", ancestor=True), filters=(either,))
    assert needed_indexes(query) == (under("a b"), under("c b"), under("c b d"))


def test_unequal_needs_the_index_of_a_range() -> None:
    query = msgspec.structs.replace(
        shape(), filters=(PropertyFilter("a", "=", 1), PropertyFilter("b", "!=", 1))
    )
    assert needed_indexes(query) == (index("a b"),)


def test_an_index_names_itself() -> None:
    assert str(index("a -b")) == "K(a, b desc)"
    assert str(under("-__key__")) == "K(ancestor; __key__ desc)"
