"""Every rule for queries is held before anything runs, and its error says what to change."""

from __future__ import annotations

import pytest

from kindstore.store.checks import check_aggregations, check_query
from kindstore.values.errors import BadQueryError, BadValueError
from tests.conformance.refused_queries import ALL_FIVE, ALLOWED, REFUSED, REFUSED_AGGREGATIONS, asked

AT_FAULT_IS_A_VALUE = {
    "equality with a list",
    "inequality with a list",
    "inequality with an embedded entity",
    "a list in an OR",
    "a list in IN",
    "a tuple in NOT_IN",
    "a value of no type in IN",
    "too long for an index, in IN",
    "too great an int in an OR",
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_rule_is_held(name: str) -> None:
    expected = BadValueError if name in AT_FAULT_IS_A_VALUE else BadQueryError
    with pytest.raises(expected) as caught:
        check_query(REFUSED[name], "kindstore")
    if expected is BadQueryError:
        assert caught.value.hint.endswith("."), "it says what to change"
        assert caught.value.hint[0].isupper()


@pytest.mark.parametrize("name", ALLOWED)
def test_the_limits_themselves_are_allowed(name: str) -> None:
    check_query(ALLOWED[name], "kindstore")


def test_a_query_of_another_project_is_refused() -> None:
    with pytest.raises(BadQueryError, match="another project"):
        check_query(asked(), "other")


@pytest.mark.parametrize("name", REFUSED_AGGREGATIONS)
def test_each_rule_for_aggregations_is_held(name: str) -> None:
    with pytest.raises(BadQueryError) as caught:
        check_aggregations(*REFUSED_AGGREGATIONS[name])
    assert caught.value.hint.endswith(".")


def test_five_aggregations_are_allowed() -> None:
    check_aggregations(asked(), ALL_FIVE)
    check_aggregations(asked(projection=("y", "x")), ALL_FIVE)
    check_aggregations(asked(kind=None, keys_only=True), ALL_FIVE[:2])


def test_every_rule_has_its_own_words() -> None:
    """A message is one rule's, but for those that are the same rule at another place."""
    messages: dict[str, set[str]] = {}
    for name, query in REFUSED.items():
        with pytest.raises((BadQueryError, BadValueError)) as caught:
            check_query(query)
        messages.setdefault(caught.value.message, set()).add(name)
    assert len(messages) >= 25
