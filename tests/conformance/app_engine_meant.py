"""Where our answers and those of App Engine's stub are meant to differ, by name, each with its reason.

Called by `test_app_engine.py`, which counts how often each was the reason and compares all else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kindstore.backends.memory_matching import sort_orders
from kindstore.store.conjunctions import comparisons, conjunctions, fixed_properties
from kindstore.values.entity import Entity
from tests.conformance.cases import Case


class Told:
    """A case, and what the differences that are meant depend on."""

    def __init__(self, data: list[Entity], case: Case) -> None:
        self.case, self.query, self.data = case, case.query, data
        self.alternatives = [comparisons(each) for each in conjunctions(self.query)]
        self.fixed = fixed_properties(self.alternatives)
        self.ranged = {each.property for filters in self.alternatives for each in filters if each.op != "="}
        self.orders = [order.property for order in sort_orders(self.query)]

    def has_lists(self, names: Any) -> bool:
        """True if some entity has a list under one of *names*."""
        return any(isinstance(entity.get(name), list) for entity in self.data for name in names)

    def has_mixed_types(self) -> bool:
        """True if a property that is sorted by has values of several types."""
        return any(
            len({type(entity.get(name)) for entity in self.data if name in entity}) > 1
            for name in self.orders
        )


def _several_inequalities(told: Told, refused: str) -> bool:
    return "Only one inequality filter per query" in refused or "Only one property per query" in refused


def _sorted_otherwise(told: Told, refused: str) -> bool:
    return refused.startswith(
        ("The first sort property must be the same", "First ordering property must be the same")
    )


def _distinct_without_inequality(told: Told, refused: str) -> bool:
    return refused.endswith("must also be a group by property when group by properties are set.")


def _kindless_descending(told: Told, refused: str) -> bool:
    return told.query.kind is None and refused.startswith("kind is required for all orders")


def _cursor_in_a_list(told: Told, refused: str) -> bool:
    sorted_by = told.ranged | set(told.orders)
    return refused.startswith("Cursor does not match query: extra value") and told.has_lists(sorted_by)


def _split_badly(told: Told, refused: str) -> bool:
    faults = {"datastore dev stub produced bad result", "LocalDatastoreServer produced invalid results."}
    return refused in faults and _projected_behind_the_key(told)


def _cursor_without_distinct(told: Told, refused: str) -> bool:
    return refused.startswith("Cursor does not match query: missing values") and (
        _distinct_but_not_split(told) or _projected_behind_the_key(told)
    )


MEANT_REFUSALS: dict[str, Callable[[Told, str], bool]] = {
    # Firestore allows inequalities on several properties (spec/service.md 3.10).
    "several properties with inequalities": _several_inequalities,
    # Firestore allows any order.
    "the property with the inequality is not sorted by first": _sorted_otherwise,
    # Firestore allows it: the emulator of its Datastore mode answers such queries.
    "distinct, without the property with the inequality": _distinct_without_inequality,
    # v1 and App Engine want a kind; here it costs nothing, and the faces refuse it where theirs does.
    "all kinds, downwards": _kindless_descending,
    # The stub's cursor has every value of the list, and then refuses itself.
    "cursor after a result that is sorted by a list": _cursor_in_a_list,
    # The stub's cursor lacks the properties that it does not split by, and then refuses itself.
    "cursor of a query with distinct properties that are not split": _cursor_without_distinct,
    # Its own fault, as it says.
    "projected, and sorted by behind the key": _split_badly,
}
"""Why the stub may refuse what we answer."""


def _projected_behind_the_key(told: Told) -> bool:
    """Orders behind `__key__`, or beside `__key__ =`, are dropped by the stub after it took them for split."""
    names = list(dict.fromkeys(order.property for order in told.query.orders))
    if "__key__" not in told.fixed:
        names = names[names.index("__key__") + 1 :] if "__key__" in names else []
    return bool(set(names) & set(told.query.projection))


def _distinct_but_not_split(told: Told) -> bool:
    """The stub splits by projected and sorted properties alone, and takes a whole list for a distinct value."""
    explicit = {order.property for order in told.query.orders}
    return bool(set(told.query.distinct_on) - set(told.query.projection) - explicit - told.ranged)


def _distinct_leads(told: Told) -> bool:
    """Where the order is left open, distinct properties come before other projected ones, as in the index."""
    return bool(told.query.distinct_on) and set(told.query.projection) - set(told.query.distinct_on) != set()


def _equal_and_in_range(told: Told) -> bool:
    """The stub wants one value of a split list to satisfy equality and range; by spec 3.2 they are independent."""
    equal = {each.property for filters in told.alternatives for each in filters if each.op == "="}
    return bool(told.query.projection) and told.has_lists(equal & set(told.orders))


def _distinct_and_equal(told: Told) -> bool:
    """V1 refuses them, as it does projected ones; App Engine's client does, the stub does not."""
    equal = {each.property for filters in told.alternatives for each in filters if each.op == "="}
    return bool(equal & set(told.query.distinct_on))


MEANT: dict[str, Callable[[Told], bool]] = {
    "distinct, with an equality": _distinct_and_equal,
    "projected, and sorted by behind the key": _projected_behind_the_key,
    "distinct, neither projected nor sorted by": _distinct_but_not_split,
    "distinct before projected": _distinct_leads,
    "equality and range on one list, split": _equal_and_in_range,
}
"""Cases in which both answer, and the answers may differ."""


def _cursor_compared_unpruned(told: Told) -> bool:
    """Beside an equality, the stub compares a cursor with all values of a list, those out of the range too."""
    return bool(told.fixed) and not told.query.projection and told.has_lists(told.ranged & set(told.orders))


MEANT_OF_CURSORS: dict[str, Callable[[Told], bool]] = {
    "cursor among results that are sorted by a list, beside an equality": _cursor_compared_unpruned,
}
"""The same, for answers that depend on cursors."""
