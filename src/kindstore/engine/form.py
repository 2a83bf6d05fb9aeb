"""Forms: statements of queries that were planned before, for queries that differ from those in their operands alone.

What decides the text of a statement (`form_of`) is all that a query has but its operands, limit and offset.  Kinds and
indexes are only ever added, so a text once made stays right.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from kindstore.store.conjunctions import COMPARISONS
from kindstore.store.messages import PropertyFilter, Query
from kindstore.store.program import Statement
from kindstore.values.ordered import pack

from .index import Index
from .plan import KEY, Plan

FormOf: TypeAlias = tuple[Any, ...]

PLAIN = frozenset({int, str, bytes, float, bool, type(None)})
"""Types of which `pack` refuses every value that `check_query` does."""

MAX_FORMS = 2000
"""Forms that are remembered; with more of them all are forgotten."""


class Form:
    """The texts for queries of one form, and which operands are bound in them.

    A join of equalities has a text for each of them that may lead; *indexes* are theirs, in the order of the filters.
    """

    __slots__ = ("_texts", "indexes")

    def __init__(self, indexes: list[Index]) -> None:
        self.indexes = indexes
        self._texts: dict[int, tuple[str, tuple[int, ...]]] = {}

    def add(self, lead: int, text: str, order: tuple[int, ...]) -> None:
        """Use *text* where filter number *lead* leads; *order*: the numbers of the filters whose operands it binds."""
        self._texts[lead] = text, order

    def statement(self, query: Query, estimates: Estimates, rest: tuple[int, ...] = ()) -> Statement | None:
        """The statement of *query*, with the values *rest* after its operands.

        None if it has to be counted first which equality leads, or if none was planned where this one does.
        `BadValueError` and `TooLargeError` for an operand that no index can hold.
        """
        filters: Any = query.filters
        if not filters:
            return self._texts[0][0], rest
        if len(filters) == 1:
            text, order = self._texts[0]
            return text, (pack(filters[0].value),) * len(order) + rest
        packed = [pack(each.value) for each in filters]
        counts = estimates.get(list(zip(self.indexes, packed, strict=True)))
        found = None if counts is None else self._texts.get(counts.index(min(counts)))
        if found is None:
            return None
        text, order = found
        return text, (*[packed[at] for at in order], *rest)


class Estimates:
    """How many rows some values have, as counted not long ago; good enough to choose an order by."""

    USES = 1000
    """Answers given before it is time to count again."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Any, ...], list[Any]] = {}

    def get(self, wanted: list[tuple[Index, bytes]]) -> tuple[int, ...] | None:
        """The counts of these values, None if they have to be counted (again)."""
        found = self._counts.get(tuple(wanted))
        if found is None or found[1] <= 0:
            return None
        found[1] -= 1
        counts: tuple[int, ...] = found[0]
        return counts

    def put(self, wanted: list[tuple[Index, bytes]], counts: tuple[int, ...]) -> None:
        """Remember *counts*."""
        if len(self._counts) > 10_000:
            self._counts.clear()
        self._counts[tuple(wanted)] = [counts, self.USES]


def form_of(query: Query) -> FormOf | None:
    """What decides the text of a simple query: one filter at most, or equalities of different properties.

    None for others, and for those with an ancestor or a cursor.
    """
    if query.ancestor is not None or query.start is not None or query.end is not None:
        return None
    if query.projection or query.distinct_on:
        return None
    filters: Any = query.filters
    if not filters:
        return query.partition, query.kind, query.keys_only, query.orders
    if len(filters) == 1:
        [only] = filters
        if only.__class__ is not PropertyFilter or only.property == KEY or only.op not in COMPARISONS:
            return None
        return query.partition, query.kind, query.keys_only, query.orders, only.property, only.op
    names: dict[str, None] = {}
    for each in filters:
        if each.__class__ is not PropertyFilter or each.op != "=" or each.property == KEY:
            return None
        names[each.property] = None
    if len(names) < len(filters):
        return None
    return query.partition, query.kind, query.keys_only, query.orders, tuple(names)


def is_plain(query: Query) -> bool:
    """Whether the operands of *query*, which has a form, are checked well enough when they are packed."""
    filters: Any = query.filters
    for each in filters:  # noqa: SIM110 - a generator would cost as much again, for every query
        if each.value.__class__ not in PLAIN:
            return False
    return True


def remember(
    forms: dict[FormOf | None, Form],
    form: FormOf,
    query: Query,
    planned: Plan,
    indexes: dict[str, Index],
    text: str,
    bound: int,
) -> None:
    """Keep *text*, the statement of *planned*, which binds *bound* operands, for other queries of the *form* of *query*."""
    filters: Any = query.filters
    lead, order, joined = 0, (0,) * bound, list[Index]()
    if len(filters) > 1:
        if planned.equal is None or planned.source is None:
            return
        places = {each.property: at for at, each in enumerate(filters)}
        lead = places[planned.source]
        order = (lead, *[places[name] for name, _ in planned.probes])
        if len(order) != bound or bound != len(filters):
            return
        joined = [indexes[each.property] for each in filters]
    known = forms.get(form)
    if known is None:
        if len(forms) >= MAX_FORMS:
            forms.clear()
        known = forms[form] = Form(joined)
    known.add(lead, text, order)
