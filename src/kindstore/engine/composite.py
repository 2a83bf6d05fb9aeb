"""Composite indexes: what one is, and which one a query needs (spec/service.md 3.6).

`needs` is the law as a pure function of a conjunction (`store.conjunctions`).  Its answer is laxer than one index:
properties compared for equality may come in any order and direction, so that `serving` can find out whether
existing indexes do, and `suggestions` can merge what several queries need.  `Needs.index` is the one that a
suggestion names.
"""

from __future__ import annotations

import msgspec

from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.messages import Query

KEY = "__key__"


class IndexProperty(msgspec.Struct, frozen=True, order=True, gc=False):
    """One property of a composite index, upwards unless *descending*.  ``__key__`` is the entity's key."""

    name: str
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.name} desc" if self.descending else self.name


class CompositeIndex(msgspec.Struct, frozen=True, order=True, gc=False):
    """An index of the entities of *kind* by several *properties*, at least one.

    *ancestor*: it has a row for each ancestor of an entity, the entity itself included, and serves queries for the
    descendants of one.  Without it, it serves only queries without an ancestor.  Equal, hashed and sorted by its parts.
    """

    kind: str
    ancestor: bool
    properties: tuple[IndexProperty, ...]

    def __str__(self) -> str:
        """As plans and errors name it: ``Book(ancestor; author, year desc)``."""
        names = ", ".join(map(str, self.properties))
        return f"{self.kind}(ancestor; {names})" if self.ancestor else f"{self.kind}({names})"


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """A property that a query's index must have; None where either direction will do."""

    name: str
    descending: bool | None = None


class Needs(msgspec.Struct, frozen=True):
    """What the index of a query must be like: *equal* in any order, then the *postfix*, of three parts.

    *equal*: properties with equality filters.  *ordered*: those that are sorted by or have inequalities, in this
    order.  *distinct*, then *projected*: what else the query reads, each in any order and direction.
    """

    kind: str
    ancestor: bool
    equal: frozenset[str]
    ordered: tuple[Wanted, ...]
    distinct: frozenset[str] = frozenset()
    projected: frozenset[str] = frozenset()

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """All properties in the order that a suggestion gives them: sets by name, inequalities upwards."""
        ordered = (Wanted(each.name, bool(each.descending)) for each in self.ordered)
        sets = (self.distinct, self.projected)
        return (
            *(Wanted(name) for name in sorted(self.equal)),
            *ordered,
            *(Wanted(name) for names in sets for name in sorted(names)),
        )

    @property
    def postfix(self) -> tuple[IndexProperty, ...]:
        """The properties after *equal* as a suggestion has them."""
        return self.index.properties[len(self.equal) :]

    @property
    def index(self) -> CompositeIndex:
        """The perfect index: with it alone the query reads nothing but its results."""
        properties = tuple(IndexProperty(each.name, bool(each.descending)) for each in self.wanted)
        return CompositeIndex(self.kind, self.ancestor, properties)


def needs(query: Query) -> Needs | None:
    """What *query*, a conjunction, needs of a composite index; None if the built-in indexes serve it.

    Built-in: filters and upward order by ``__key__``; equality filters, with or without an ancestor; without an
    ancestor one single property besides, whether sorted by, compared with an inequality, or projected; all queries
    without a kind.  Equality filters need no order of theirs, nor does what comes after ``__key__``, nor anything
    once ``__key__`` must be equal to one key; a property is sorted by once.  A projected property that is named by
    an ignored order counts as sorted by, as in App Engine.

    Several inequalities, which App Engine has not, follow Firestore (3.10): those not sorted by come after the
    orders, by name and upwards; that of ``__key__`` is met by the path in each row.
    Raises `BadQueryError` if *query* is no conjunction.
    """
    if query.kind is None:
        return None
    equal = {each.property for each in comparisons(query) if each.op == "="}
    ranged = {each.property for each in comparisons(query) if each.op != "="}
    orders, named = _orders(query, equal, ranged)
    read = [name for name in (*query.projection, *query.distinct_on) if name != KEY and name not in named]
    if not read:
        key_order = orders.pop() if orders and orders[-1].name == KEY else None
        if key_order is not None and key_order.descending:
            orders.append(key_order)
        elif not ranged - {KEY}:
            equal.discard(KEY)
            ranged.discard(KEY)
        if not orders and not ranged:
            return None
    ordered = (*orders, *_inequalities(ranged, orders))
    distinct = frozenset(read) & frozenset(query.distinct_on)
    found = Needs(
        query.kind,
        query.ancestor is not None,
        frozenset(equal),
        ordered,
        distinct,
        frozenset(read) - distinct,
    )
    is_single = len(found.wanted) <= 1 and not found.ancestor
    return None if is_single and ordered != (Wanted(KEY, True),) else found


def _orders(query: Query, equal: set[str], ranged: set[str]) -> tuple[list[Wanted], set[str]]:
    """The sort orders that matter, and the names of all properties that filters or orders mention usefully."""
    named = equal - ranged
    orders: list[Wanted] = []
    for each in query.orders:
        if each.property not in named:
            named.add(each.property)
            orders.append(Wanted(each.property, each.descending))
    if KEY in equal - ranged:
        orders.clear()
    for at, order in enumerate(orders):
        if order.name == KEY:
            del orders[at + 1 :]
            break
    return orders, named | ranged


def _inequalities(ranged: set[str], orders: list[Wanted]) -> list[Wanted]:
    """The properties with inequalities that come after *orders*."""
    others = sorted(ranged - {KEY} - {each.name for each in orders})
    if not orders and len(ranged - {KEY}) <= 1:
        return [Wanted(name) for name in others or sorted(ranged)]
    return [Wanted(name, False) for name in others]


def needed_index(query: Query) -> CompositeIndex | None:
    """The perfect index of a conjunction; None if it needs none.  `BadQueryError` if *query* is no conjunction."""
    found = needs(query)
    return found.index if found is not None else None


def needed_indexes(query: Query) -> tuple[CompositeIndex, ...]:
    """The perfect indexes of all conjunctions of any query, distinct, in their order; raises as `conjunctions` does."""
    found = (needed_index(each) for each in conjunctions(query))
    return tuple(dict.fromkeys(index for index in found if index is not None))
