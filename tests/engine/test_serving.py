"""Which existing indexes serve a query, alone or merged, and what is missing (spec/service.md 3.6)."""

from __future__ import annotations

import random
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.engine.composite import CompositeIndex, IndexProperty, Needs, Wanted, needs
from kindstore.engine.serving import Missing, Serving, serve
from kindstore.store.messages import Query
from tests.engine.shapes import index, shape, under


def answer(query: Query, *existing: CompositeIndex) -> Serving | Missing:
    found = needs(query)
    assert found is not None
    return serve(found, existing)


def used(query: Query, *existing: CompositeIndex) -> tuple[CompositeIndex, ...]:
    found = answer(query, *existing)
    assert isinstance(found, Serving), found
    return found.indexes


def missing(query: Query, *existing: CompositeIndex) -> CompositeIndex:
    found = answer(query, *existing)
    assert isinstance(found, Missing), found
    return found.index


TWO_EQUAL = shape("a= b=", "c")


def test_the_perfect_index_serves_alone() -> None:
    assert answer(TWO_EQUAL, index("b c"), index("a c"), index("a b c")) == Serving(
        (index("a b c"),), index("c").properties
    )


@pytest.mark.parametrize("properties", ["b a c", "-a b c", "b -a c"])
def test_equalities_may_come_in_any_order_and_direction(properties: str) -> None:
    assert used(TWO_EQUAL, index(properties)) == (index(properties),)


def test_two_indexes_are_merged() -> None:
    assert used(TWO_EQUAL, index("b c"), index("a c"), index("d c")) == (index("a c"), index("b c"))


def test_indexes_of_another_order_kind_or_property_do_not_serve() -> None:
    others = [
        index("a b -c"),
        index("a b c", kind="L"),
        index("a b d"),
        index("a b"),
        index("a b c d"),
        index("c"),
    ]
    assert answer(TWO_EQUAL, *others) == Missing(index("a b c"))


def test_an_index_is_not_joined_with_one_sorted_otherwise() -> None:
    assert missing(TWO_EQUAL, index("a c"), index("b -c")) == index("b c")


def test_an_index_with_another_property_before_the_order_does_not_serve() -> None:
    assert missing(shape("a=", "c"), index("a d c"), index("d a c")) == index("a c")


def test_the_missing_index_is_the_least_that_completes_the_others() -> None:
    query = shape("a= b= d=", "c")
    assert answer(query, index("a b c"), index("a c")) == Missing(index("d c"), (index("a b c"),))


def test_an_open_direction_is_taken_from_the_existing_index() -> None:
    assert answer(shape("a= b= c>"), index("a -c")) == Missing(index("b -c"), (index("a -c"),))
    assert answer(shape("a= c>"), index("a -c")) == Serving((index("a -c"),), index("-c").properties)


def test_the_direction_that_the_query_sorts_by_is_preferred() -> None:
    assert used(shape("a= c>"), index("a -c"), index("a c")) == (index("a c"),)


def test_projected_properties_may_come_in_any_order_and_direction_at_the_end() -> None:
    query = shape("a=", project="b c")
    assert used(query, index("a -c b")) == (index("a -c b"),)
    assert missing(query, index("b a c")) == index("a b c")


def test_distinct_properties_come_before_projected_ones() -> None:
    query = shape(project="b c", distinct="c")
    assert used(query, index("c b")) == (index("c b"),)
    assert missing(query, index("b c")) == index("c b")


def test_an_ancestor_index_does_not_serve_a_query_without_an_ancestor() -> None:
    assert missing(shape("a=", "c"), under("a c")) == index("a c")


def test_the_ancestor_may_come_from_one_of_the_merged_indexes() -> None:
    query = shape("a= b=", "c", ancestor=True)
    assert used(query, index("a c"), under("b c")) == (under("b c"), index("a c"))
    assert missing(query, index("a c"), index("b c")) == under("c")
    assert missing(query, under("a c")) == index("b c")


def test_an_ancestor_costs_as_much_as_two_properties() -> None:
    query = shape("a= b= c= d>", ancestor=True)
    lacks_the_ancestor = index("a b c -d")
    assert missing(query, lacks_the_ancestor, under("d")) == under("-d")  # rather than a, b and c
    assert missing(query, lacks_the_ancestor, under("a b d")) == index("c d")
    assert missing(query, lacks_the_ancestor, under("a d")) == index(
        "b c d"
    )  # equal: upwards as in the perfect one


def test_the_fewest_indexes_are_merged() -> None:
    query = shape("a= b= c= d= e= f=", "z")
    greedy = [index("a b c d z"), index("e z"), index("f z")]
    best = [index("a b e z"), index("c d f z")]
    assert used(query, *greedy, *best) == (best[0], best[1])


def test_many_equalities_are_served_too() -> None:
    names = [f"p{n:02}" for n in range(40)]
    query = shape(" ".join(f"{name}=" for name in names), "z")
    existing = [index(f"{one} {other} z") for one, other in zip(names[::2], names[1::2], strict=True)]
    chosen = used(query, *existing, *(index(f"{name} z") for name in names))
    assert set(chosen) == set(existing)
    assert missing(query, *existing[1:]) == index("p00 p01 z")


def test_a_thousand_indexes_are_looked_through() -> None:
    chance = random.Random(1)
    names = "abcdefgh"
    existing = [
        index(
            " ".join([*chance.sample(names, chance.randrange(1, 5)), chance.choice(["y", "-y", "x", "-x"])])
        )
        for _ in range(1_000)
    ]
    found = answer(shape(" ".join(f"{name}=" for name in names), "y"), *existing)
    assert isinstance(found, Serving)
    assert len(found.indexes) == 2


names = st.sampled_from("abcd")
made_needs = st.builds(
    Needs,
    st.just("K"),
    st.booleans(),
    st.frozensets(names, max_size=4),
    st.lists(st.builds(Wanted, st.sampled_from("xy"), st.sampled_from([None, False, True])), max_size=2).map(
        tuple
    ),
    st.just(frozenset[str]()),
    st.frozensets(st.just("z")),
).filter(lambda found: bool(found.wanted))
properties = st.builds(IndexProperty, names | st.sampled_from("xyz"), st.booleans())
made_indexes = st.builds(
    CompositeIndex, st.just("K"), st.booleans(), st.lists(properties, min_size=1, max_size=4).map(tuple)
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Needs, list[CompositeIndex]]:
    """Needs, and indexes of which most end as they should."""
    found = draw(made_needs)
    fitting = st.builds(
        lambda equal, ancestor, turned: CompositeIndex(
            "K",
            ancestor,
            (*map(IndexProperty, equal), *(turned or found.postfix)),
        ),
        st.lists(names, unique=True, max_size=3),
        st.booleans(),
        st.just(tuple(IndexProperty(each.name, not each.descending) for each in found.postfix)) | st.none(),
    ).filter(lambda made: bool(made.properties))
    return found, draw(st.lists(fitting | made_indexes, max_size=6))


@given(cases())
def test_the_answer_does_not_depend_on_the_order_of_the_indexes(
    case: tuple[Needs, list[CompositeIndex]],
) -> None:
    found, existing = case
    assert len({repr(serve(found, each)) for each in permutations(existing[:4])}) == 1


@given(cases())
def test_no_fewer_indexes_serve(case: tuple[Needs, list[CompositeIndex]]) -> None:
    found, existing = case
    result = serve(found, existing)
    if isinstance(result, Serving):
        assert set(result.indexes) <= set(existing)
        assert isinstance(serve(found, result.indexes), Serving)
        for fewer in combinations(existing, len(result.indexes) - 1):
            assert isinstance(serve(found, fewer), Missing)


@given(cases())
def test_the_missing_index_completes_the_others_and_is_needed(
    case: tuple[Needs, list[CompositeIndex]],
) -> None:
    found, existing = case
    result = serve(found, existing)
    if isinstance(result, Missing):
        assert set(result.joined) <= set(existing)
        assert isinstance(serve(found, [*result.joined, result.index]), Serving)
        assert len(result.index.properties) <= len(found.index.properties)
        for at in range(len(result.index.properties) - len(found.postfix)):
            less = (*result.index.properties[:at], *result.index.properties[at + 1 :])
            if less:
                smaller = CompositeIndex("K", result.index.ancestor, less)
                assert isinstance(serve(found, [*existing, smaller]), Missing)
