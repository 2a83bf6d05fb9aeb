"""Forms: statements of queries that were planned before, for queries that differ from those in their operands alone.

What decides the text of a statement (`form_of`) is all that a query has but its operands, limit and offset; and, in a
join, which of the operands are equal and how they are ordered, since to that much a plan looks at them.  Kinds and indexes
of properties are only ever added, so a text once made stays right; those of joins are forgotten when a composite index
comes or goes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias, TypeVar

from kindstore.store.conjunctions import COMPARISONS
from kindstore.store.messages import Filter, PropertyFilter, Query
from kindstore.store.program import Statement
from kindstore.values.errors import BadValueError, TooLargeError
from kindstore.values.ordered import pack

from .estimates import Estimates, Lacking, Question
from .index import Index
from .plan import KEY, Plan

FormOf: TypeAlias = tuple[Any, ...]

PLAIN = frozenset({int, str, bytes, float, bool, type(None)})
"""Types of which `pack` refuses every value that `check_query` does."""

MAX_FORMS = 2000
"""Forms that are remembered; with more of them all are forgotten."""


_RANKED = 8
"""Parts of a form that knows the ranks of the operands (`_form_of_join`)."""

MAX_DEPTH = 10
"""Filters in filters, up to which a query has a form."""


Found: TypeAlias = tuple[Statement | None, Any]
"""A statement that is remembered, if there is one, and the note that was made of it."""


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

    def find(self, query: Query, estimates: Estimates, rest: tuple[int, ...] = ()) -> Found:
        """The statement of *query*, with the values *rest* after its operands, and no note.

        None if it has to be counted first which equality leads, or if none was planned where this one does.
        `BadValueError` and `TooLargeError` for an operand that no index can hold.
        """
        filters: Any = query.filters
        if not filters:
            return (self._texts[0][0], rest), None
        if len(filters) == 1:
            text, order = self._texts[0]
            return (text, (pack(filters[0].value),) * len(order) + rest), None
        packed = [pack(each.value) for each in filters]
        least = estimates.least(list(zip(self.indexes, packed, strict=True)))
        found = None if isinstance(least, Lacking) else self._texts.get(least[0])
        if found is None:
            return None, None
        text, order = found
        return (text, (*[packed[at] for at in order], *rest)), None


LIMIT, OFFSET = 1 << 40, 1 << 20
"""What stands for a limit and an offset in the statement that `JoinForm.add` takes."""


class JoinForm:
    """The texts for joins of one form, with a limit and without, and what is bound in them.

    *names* and *width* are those of `Join`.  *ranked*: the form says which operands are equal.  Where a text depends on a decision, there is one for each answer.
    """

    __slots__ = ("_asked", "_texts", "names", "ranked", "width")

    def __init__(self, names: tuple[str, ...], width: int, ranked: bool) -> None:
        self.names, self.width, self.ranked = names, width, ranked
        self._asked: tuple[Question, list[bytes]] | None = None
        self._texts: dict[tuple[bool, Hashable], tuple[str, tuple[int, ...], Any]] = {}

    def add(
        self,
        query: Query,
        made: Statement,
        limited: bool,
        decided: tuple[Question, Hashable] | None = None,
        note: Any = None,
    ) -> None:
        """Use the text of *made*, the statement of *query* with the limit `LIMIT`, or none, and the offset `OFFSET`.

        *limited*: for queries with a limit.  *decided*: where the plan depends on the answer to a question, these.
        *note*: what `find` is to give with it.
        """
        text, bound = made
        operands: list[Any] = []
        _spell(query.filters, [], operands)
        places: dict[Any, int] = {}
        for at, value in enumerate((*operands, LIMIT, OFFSET, LIMIT + OFFSET)):
            places.setdefault(value, at)
        places[-1] = places[LIMIT]
        if not all(value in places for value in bound):
            return
        if not self.ranked and len(set(operands)) < len(operands):
            return  # of equal operands nothing tells which of them is bound where
        answer = None
        if decided is not None:
            question, answer = decided
            self._asked = question, operands
        self._texts[limited, answer] = text, tuple(places[value] for value in bound), note

    def find(self, query: Query, estimates: Estimates, rest: tuple[int, ...] = ()) -> Found:
        """The statement of *query* with the limit (-1: none) and offset *rest*, and its note; None if none is known."""
        values: list[Any] = []
        _spell(query.filters, [], values)
        answer, most = None, None
        if rest and rest[0] >= 0:
            most = sum(rest)
        if self._asked is not None:
            question, operands = self._asked
            answer = question.of(dict(zip(operands, values, strict=True))).answer(estimates, most)
        found = self._texts.get((most is not None, answer))
        if found is None:
            return None, None
        values += (*rest, sum(rest))
        text, order, note = found
        return (text, tuple([values[at] for at in order])), note


Forms: TypeAlias = dict[FormOf | None, Form | JoinForm]
"""What is remembered."""

F = TypeVar("F", Form, JoinForm)


def form_of(query: Query) -> FormOf | None:
    """What decides the text of *query*.

    None for one with an ancestor, a cursor, a filter on ``__key__`` or NOT_IN, and for one that is no good.
    """
    if query.ancestor is not None or query.start is not None or query.end is not None:
        return None
    filters: Any = query.filters
    if query.projection or query.distinct_on:
        return _form_of_join(query)
    if not filters:
        return query.partition, query.kind, query.keys_only, query.orders
    if len(filters) == 1:
        [only] = filters
        if only.__class__ is not PropertyFilter or only.property == KEY or only.op not in COMPARISONS:
            return _form_of_join(query)
        return query.partition, query.kind, query.keys_only, query.orders, only.property, only.op
    names: dict[str, None] = {}
    if query.orders:
        return _form_of_join(query)
    for each in filters:
        if each.__class__ is not PropertyFilter or each.op != "=" or each.property == KEY:
            return _form_of_join(query)
        names[each.property] = None
    if len(names) < len(filters):
        return _form_of_join(query)
    return query.partition, query.kind, query.keys_only, query.orders, tuple(names)


def is_plain(filters: Sequence[Filter]) -> bool:
    """Whether the operands of *filters*, of a query which has a form, are checked well enough when they are packed."""
    for each in filters:
        if not isinstance(each, PropertyFilter):
            if not is_plain(each.filters):
                return False
        elif each.value.__class__ not in PLAIN and not (
            each.value.__class__ is tuple and PLAIN.issuperset(map(type, each.value))
        ):
            return False
    return True


def _form_of_join(query: Query) -> FormOf | None:
    shape: list[Any] = []
    operands: list[bytes] = []
    try:
        if not _spell(query.filters, shape, operands):
            return None
    except (BadValueError, TooLargeError, UnicodeEncodeError):
        return None  # which is for the checks of a query to tell
    ranks = {packed: at for at, packed in enumerate(sorted(set(operands)))}
    order = tuple([ranks[packed] for packed in operands])
    asked = query.partition, query.kind, query.keys_only, query.orders, query.projection, query.distinct_on
    return *asked, tuple(shape), order


def _spell(
    filters: Sequence[Filter], shape: list[Any], operands: list[bytes], depth: int = MAX_DEPTH
) -> bool:
    """Add to *shape* and *operands* what *filters* consist of; whether a form can have them."""
    for each in filters:
        if not isinstance(each, PropertyFilter):
            shape.append(each.__class__)
            if not depth or not _spell(each.filters, shape, operands, depth - 1):
                return False
            shape.append(None)  # what follows is outside
        elif each.property == KEY:
            return False
        elif each.op == "IN" and (operand := each.value).__class__ is tuple:
            shape.append((each.property, len(operand)))
            operands += map(pack, operand)
        elif each.op in COMPARISONS or each.op == "!=":
            shape.append((each.property, each.op))
            operands.append(pack(each.value))
        else:
            return False
    return True


def remember(
    forms: Forms,
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
        if len(places) < len(filters):
            return  # several values of one property: its name does not tell which of them is bound where
        lead = places[planned.source]
        order = (lead, *[places[name] for name, _ in planned.probes])
        if len(order) != bound or bound != len(filters):
            return
        joined = [indexes[each.property] for each in filters]
    known = forms.get(form)
    if not isinstance(known, Form):
        known = _kept(forms, form, Form(joined))
    known.add(lead, text, order)


def join_form(forms: Forms, form: FormOf, names: tuple[str, ...], width: int) -> JoinForm:
    """What is remembered of joins of *form*, whose results have values of *names*: to add to."""
    known = forms.get(form)
    if not isinstance(known, JoinForm):
        known = _kept(forms, form, JoinForm(names, width, len(form) == _RANKED))
    return known


def _kept(forms: Forms, form: FormOf, made: F) -> F:
    if len(forms) >= MAX_FORMS:
        forms.clear()
    forms[form] = made
    return made
