"""OR, IN, != and NOT_IN become conjunctions that together mean the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.messages import AndFilter, Filter, Order, OrFilter, PropertyFilter, Query
from kindstore.values.errors import BadQueryError, BadValueError
from kindstore.values.key import Key, Partition
from kindstore.values.ordered import pack

SPACE = Partition.of("kindstore")


def query(*filters: Filter, **others: Any) -> Query:
    return Query(SPACE, "K", filters=filters, **others)


def is_(name: str, op: str, value: Any) -> PropertyFilter:
    return PropertyFilter(name, op, value)


def texts(*filters: Filter) -> list[str]:
    """Each conjunction as text."""
    return [
        " ".join(f"{each.property}{each.op}{each.value}" for each in comparisons(one))
        for one in conjunctions(query(*filters))
    ]


def test_a_conjunction_stays_as_it_is() -> None:
    asked = query(is_("a", "=", 1), is_("b", ">", 2), orders=(Order("b"),), limit=3)
    assert conjunctions(asked) == [asked]
    assert conjunctions(asked)[0] is asked


def test_a_query_without_filters_is_a_conjunction() -> None:
    assert conjunctions(query()) == [query()]


def test_in_is_one_conjunction_for_each_value() -> None:
    assert texts(is_("a", "IN", (3, 1, 3, 2)), is_("b", ">", 0)) == ["a=3 b>0", "a=1 b>0", "a=2 b>0"]


def test_in_tells_values_apart_as_the_datastore_does() -> None:
    found = conjunctions(query(is_("a", "IN", (1, True, 1.0, "b", b"b", 0.0, -0.0))))
    assert [comparisons(each)[0].value for each in found] == [1, True, 1.0, "b", 0.0]
    assert [type(comparisons(each)[0].value) for each in found] == [int, bool, float, str, float]


def test_or_of_nothing_has_no_conjunction() -> None:
    assert conjunctions(query(OrFilter(()), is_("b", "=", 1))) == []
    assert texts(OrFilter((OrFilter(()), is_("b", "=", 1)))) == ["b=1"]


def test_in_of_nothing_has_no_conjunction() -> None:
    assert conjunctions(query(is_("a", "IN", ()), is_("b", "=", 1))) == []


def test_unequal_is_below_or_above() -> None:
    assert texts(is_("a", "!=", 5)) == ["a<5", "a>5"]


def test_not_in_is_the_gaps_between_the_values() -> None:
    assert texts(is_("a", "NOT_IN", (5, 3, 5))) == ["a<3", "a>3 a<5", "a>5"]


def test_not_in_nothing_is_any_value() -> None:
    assert texts(is_("a", "NOT_IN", ())) == ["a>=None"]


def test_or_under_and_is_distributed() -> None:
    either = OrFilter((is_("a", "=", 1), AndFilter((is_("b", "=", 2), is_("c", "=", 3)))))
    assert texts(either, is_("d", "IN", (4, 5))) == ["a=1 d=4", "a=1 d=5", "b=2 c=3 d=4", "b=2 c=3 d=5"]


def test_equal_conjunctions_are_one() -> None:
    one, other = is_("a", "=", 1), is_("b", "=", 2)
    both = OrFilter((AndFilter((one, other)), AndFilter((other, one)), AndFilter((one, one, other))))
    assert texts(both) == ["a=1 b=2"]


def test_everything_but_the_filters_is_kept() -> None:
    ancestor = Key.of(SPACE, ("A", 1))
    asked = query(
        is_("a", "IN", (1, 2)), ancestor=ancestor, orders=(Order("a", True),), projection=("b",), limit=5
    )
    for each in conjunctions(asked):
        assert msgspec.structs.replace(each, filters=asked.filters) == asked


def test_thirty_disjunctions_are_allowed_and_no_more() -> None:
    thirty = is_("a", "IN", tuple(range(15))), OrFilter((is_("b", "=", 1), is_("b", "=", 2)))
    assert len(conjunctions(query(*thirty))) == 30
    with pytest.raises(BadQueryError) as caught:
        conjunctions(query(*thirty, is_("c", "IN", (1, 2))))
    assert caught.value.disjunctions == 60
    assert caught.value.hint


def test_unequal_counts_as_one_disjunction() -> None:
    assert len(conjunctions(query(is_("a", "IN", tuple(range(30))), is_("b", "!=", 1)))) == 60


def test_filters_that_would_explode_are_refused_at_once() -> None:
    for op, value in (("IN", (1, 2)), ("!=", 1)):
        with pytest.raises(BadQueryError):
            conjunctions(query(*(is_(f"p{n}", op, value) for n in range(90))))


@pytest.mark.parametrize(
    "nothing", [is_("z", "IN", ()), OrFilter(())], ids=["IN of nothing", "OR of nothing"]
)
def test_what_matches_nothing_hides_no_explosion(nothing: Filter) -> None:
    many = AndFilter(tuple(is_(f"p{n}", "IN", (1, 2)) for n in range(90)))
    with pytest.raises(BadQueryError):
        conjunctions(query(nothing, many))
    assert conjunctions(query(nothing, is_("p", "IN", (1, 2)))) == []


def test_ten_values_are_the_most_for_not_in() -> None:
    assert len(conjunctions(query(is_("a", "NOT_IN", tuple(range(10)))))) == 11
    with pytest.raises(BadQueryError):
        conjunctions(query(is_("a", "NOT_IN", tuple(range(11)))))


def test_deep_nesting_is_refused() -> None:
    deep: Filter = is_("a", "IN", (1, 2))
    for _ in range(5_000):
        deep = AndFilter((deep,))
    with pytest.raises(BadQueryError):
        conjunctions(query(deep))


@pytest.mark.parametrize(
    "wrong",
    [is_("a", "LIKE", "x"), is_("a", "IN", 5), is_("a", "NOT_IN", "ab")],
    ids=["operator", "IN of a number", "NOT_IN of a str"],
)
def test_a_malformed_filter_is_refused(wrong: Filter) -> None:
    with pytest.raises(BadQueryError):
        conjunctions(query(AndFilter((wrong,))))


def test_a_value_without_an_order_is_refused() -> None:
    with pytest.raises(BadValueError):
        conjunctions(query(is_("a", "IN", ([1], 2))))


values = st.sampled_from([None, 0, 1, 2, True, 1.0, "a"])
leaves = st.one_of(
    st.builds(
        PropertyFilter, st.sampled_from("ab"), st.sampled_from(["=", "<", "<=", ">", ">=", "!="]), values
    ),
    st.builds(
        PropertyFilter,
        st.sampled_from("ab"),
        st.sampled_from(["IN", "NOT_IN"]),
        st.lists(values, max_size=3).map(tuple),
    ),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda each: AndFilter(tuple(each))),
        st.lists(below, min_size=1, max_size=3).map(lambda each: OrFilter(tuple(each))),
    ),
    max_leaves=5,
)


def holds(condition: Filter, entity: dict[str, Any]) -> bool:
    """Whether an entity with one value a property meets *condition*, by what the operators mean."""
    if isinstance(condition, AndFilter):
        return all(holds(each, entity) for each in condition.filters)
    if isinstance(condition, OrFilter):
        return any(holds(each, entity) for each in condition.filters)
    found = pack(entity[condition.property])
    if condition.op in {"IN", "NOT_IN"}:
        return (found in map(pack, condition.value)) is (condition.op == "IN")
    asked = pack(condition.value)
    return {
        "=": found == asked,
        "!=": found != asked,
        "<": found < asked,
        "<=": found <= asked,
        ">": found > asked,
        ">=": found >= asked,
    }[condition.op]


@given(st.lists(filters, max_size=3), st.fixed_dictionaries({"a": values, "b": values}))
def test_the_conjunctions_together_mean_what_the_query_means(
    given_filters: list[Filter], entity: dict[str, Any]
) -> None:
    try:
        found = conjunctions(query(*given_filters))
    except BadQueryError as error:
        assert error.disjunctions > 30 or error.ranges > 330  # noqa: PT017  # nothing else can be wrong with these
        return
    expected = all(holds(each, entity) for each in given_filters)
    assert any(all(holds(each, entity) for each in one.filters) for one in found) is expected
