"""What the automatic part of index.yaml has after some queries."""

from __future__ import annotations

from itertools import permutations

from kindstore.engine.composite import CompositeIndex, Needs, needs
from kindstore.engine.suggestions import suggested
from kindstore.store.messages import Query
from tests.engine.shapes import index, shape, under


def after(
    *queries: Query, manual: tuple[CompositeIndex, ...] = (), automatic: tuple[CompositeIndex, ...] = ()
) -> list[CompositeIndex]:
    return suggested([found for query in queries if (found := needs(query)) is not None], manual, automatic)


def test_each_query_adds_its_perfect_index_once() -> None:
    assert after(shape("a= b>"), shape("a= b<"), shape(orders="b -a"), shape("a=")) == [
        index("a b"),
        index("b -a"),
    ]


def test_the_entries_are_sorted_by_kind_ancestor_and_properties() -> None:
    queries = [
        shape("b=", "c", kind="Z"),
        shape("b=", "c", ancestor=True),
        shape(orders="c -d"),
        shape(orders="c d"),
        shape(orders="b d"),
    ]
    expected = [index("b d"), index("c d"), index("c -d"), under("b c"), index("b c", kind="Z")]
    for each in permutations(queries):
        assert after(*each) == expected


def test_an_open_direction_comes_before_a_stated_one() -> None:
    # The server's order: of (a=, c) and (order a, b) the first has no direction for a.
    assert after(shape(orders="a b"), shape("a=", "c")) == [index("a c"), index("a b")]
    assert after(automatic=(index("a c"), index("a b"))) == [index("a b"), index("a c")]


def test_what_is_in_the_automatic_part_stays() -> None:
    assert after(shape("a= b>"), automatic=(index("x y"),)) == [index("a b"), index("x y")]
    assert after(automatic=(index("x y"), index("x y"))) == [index("x y")]


def test_what_the_manual_part_has_is_not_suggested() -> None:
    assert after(shape("a=", "-b"), manual=(index("a -b"),)) == []
    assert after(shape("a=", "-b"), manual=(index("-a -b"),)) == []  # an equality has no direction
    assert after(shape("a=", "-b"), manual=(index("a b"), under("a -b"))) == [index("a -b")]
    assert after(automatic=(index("a -b"), index("c d")), manual=(index("a -b"),)) == [index("c d")]


def test_a_manual_index_that_would_serve_by_a_merge_join_is_not_enough() -> None:
    assert after(shape("a= b=", "c"), manual=(index("a c"), index("b c"))) == [index("a b c")]


def test_a_laxer_entry_of_this_run_is_replaced() -> None:
    lax, strict = shape("a=", "-b"), shape(orders="-a -b")
    for each in permutations([lax, strict]):
        assert after(*each) == [index("-a -b")]
    assert after(lax) == [index("a -b")]


def test_an_entry_of_the_file_is_not_replaced() -> None:
    assert after(shape(orders="-a -b"), automatic=(index("a -b"),)) == [index("a -b"), index("-a -b")]


def test_one_text_is_never_there_twice() -> None:
    # One leaves a open, the other b: neither replaces the other, and both are written alike.
    assert after(shape("a= b>"), shape(orders="a", project="b")) == [index("a b")]


def test_the_needs_of_a_run_may_repeat_without_cost() -> None:
    found = needs(shape("a= b>"))
    assert isinstance(found, Needs)
    assert {found} == {needs(shape("b<= a= a="))}
    assert suggested([found] * 1_000, (), ()) == [index("a b")]
