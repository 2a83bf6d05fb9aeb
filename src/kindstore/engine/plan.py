"""Plans: how a query is answered, as plain data that print themselves.

`plan` turns a `Query` into a `Plan` by the built-in indexes alone: a scan of one source in the order of the
results, and an existence probe for every other equality filter (a merge join, inside the database).
What no single index gives in order is a join's business (`join`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from kindstore.store.conjunctions import comparisons, is_conjunction
from kindstore.store.messages import Query
from kindstore.values.errors import BadQueryError
from kindstore.values.key import Key
from kindstore.values.ordered import pack

from .notation import BELOW, shown, shown_path, within

KEY = "__key__"


class Bounds(msgspec.Struct, frozen=True):
    """A range of bytes; None where it is open."""

    low: bytes | None = None
    low_included: bool = True
    high: bytes | None = None
    high_included: bool = True

    def narrowed(self, op: str, value: bytes) -> Bounds:
        """This range, cut by one more comparison."""
        low, low_in, high, high_in = self.low, self.low_included, self.high, self.high_included
        if op in (">", ">=", "=") and (low is None or value > low or (value == low and op == ">")):
            low, low_in = value, op != ">"
        if op in ("<", "<=", "=") and (high is None or value < high or (value == high and op == "<")):
            high, high_in = value, op != "<"
        return Bounds(low, low_in, high, high_in)

    def has(self, value: bytes) -> bool:
        """Whether *value* is within this range."""
        low, high = self.low, self.high
        return (low is None or value > low or (value == low and self.low_included)) and (
            high is None or value < high or (value == high and self.high_included)
        )

    def replaced(self, values: Mapping[bytes, bytes]) -> Bounds:
        """This range with other ends, those that *values* has."""
        if self is ALL:
            return self
        low = None if self.low is None else values.get(self.low, self.low)
        high = None if self.high is None else values.get(self.high, self.high)
        return Bounds(low, self.low_included, high, self.high_included)

    def of(self, name: str) -> str:
        """The values of *name* within this range, as text: ``1800 <= year < 1900``."""
        return within(name, self.low, self.low_included, self.high, self.high_included)

    def of_keys(self) -> str:
        """The same of a range of paths: ``__key__ HAS ANCESTOR Key('Author', 'ada')``."""
        if self.low is not None and self.high == self.low + BELOW and self.low_included:
            return f"{KEY} HAS ANCESTOR {shown_path(self.low)}"
        return within(KEY, self.low, self.low_included, self.high, self.high_included, shown_path)


ALL = Bounds()


Pairs: TypeAlias = tuple[tuple[str, bytes], ...]
"""Properties and packed values that an entity has of them."""


class Group(msgspec.Struct, frozen=True, gc=False):
    """Entities that have one of the (property, packed value) pairs *leads*, and all of *probes*.

    The entities of *leads* are looked up once for a query, as a set; where there are none of these, *probes* decide.
    """

    leads: Pairs
    probes: Pairs

    def __str__(self) -> str:
        leads = " or ".join(f"{name} = {shown(value)}" for name, value in self.leads)
        probes = [f"{name} = {shown(value)}" for name, value in self.probes]
        return ", probe ".join([f"among {leads}" if leads else f"probe {probes.pop(0)}", *probes])


class Plan(msgspec.Struct, frozen=True):
    """A scan of *source* in the order of the results, and the equalities that each of them must meet.

    *source*: the property whose index is scanned, None for the entities of the kind themselves.
    *values* is the range of its values (a single one for an equality), *paths* the range of key paths.
    *probes*: (property, packed value) pairs looked up for each row.  *descending* turns the order of the values, or of the paths where there is no source or
    it holds a single value.  *groups*: an entity must be in one of them, if there are any.
    """

    kind: str | None
    source: str | None
    equal: bytes | None
    values: Bounds
    paths: Bounds
    probes: Pairs
    descending: bool
    groups: tuple[Group, ...] = ()

    @property
    def width(self) -> int:
        """How many values a position in the results has, beside the path."""
        return 0 if self.source is None or self.equal is not None else 1

    @property
    def properties(self) -> set[str]:
        """The properties in whose indexes it looks."""
        pairs = [*self.probes]
        for each in self.groups:
            pairs += each.leads + each.probes
        return {name for name, _ in pairs} | ({self.source} if self.source is not None else set())

    def __str__(self) -> str:
        what = self.kind if self.kind is not None else "all kinds"
        if self.source is None:
            text = f"EntityScan({what}"
        elif self.equal is not None:
            text = f"IndexScan({what}.{self.source} = {shown(self.equal)}"
        else:
            text = f"IndexScan({self.values.of(f'{what}.{self.source}')}"
        text += ", desc" if self.descending else ", asc"
        if self.paths is not ALL:
            text += f", {self.paths.of_keys()}"
        for name, value in self.probes:
            text += f", probe {name} = {shown(value)}"
        if self.groups:
            text += f", {' | '.join(map(str, self.groups))}"
        return text + ")"


def plan(query: Query) -> Plan | None:
    """The plan of *query*, None if it takes a join.

    Which of several equalities leads is decided later, by their numbers of rows.
    """
    if query.projection or query.distinct_on or not is_conjunction(query):
        return None
    equal: dict[tuple[str, bytes], None] = {}
    ranges: dict[str, Bounds] = {}
    paths = ancestor_paths(query.ancestor)
    for condition in comparisons(query):
        name, op, value = condition.property, condition.op, condition.value
        if name == KEY:
            paths = paths.narrowed(op, key_path(query, value))
        elif op == "=":
            equal[name, pack(value)] = None
        else:
            ranges[name] = ranges.get(name, ALL).narrowed(op, pack(value))
    orders = _orders(query, {name for name, _ in equal} - set(ranges), bool(ranges))
    if len(ranges) > 1 or len(orders) > 1:
        return None
    source = next(iter(ranges), None)
    descending = False
    if orders:
        [(name, descending)] = orders
        if source is None and name != KEY:
            source = name
        elif name != source and (source is not None or name != KEY):
            return None
    if query.kind is None and (source is not None or equal):
        raise BadQueryError("a query without a kind can only filter and sort by __key__", hint="Name a kind.")
    probes = tuple(equal)
    if any(name == source for name, _ in equal):
        return None  # which of its values the results are sorted by takes a closer look
    if source is not None:
        return Plan(query.kind, source, None, ranges.get(source, ALL), paths, probes, descending)
    if probes:
        (lead, value), *rest = probes
        return Plan(query.kind, lead, value, ALL, paths, tuple(rest), descending)
    return Plan(query.kind, None, None, ALL, paths, (), descending)


def led_by(plan: Plan, at: int) -> Plan:
    """The plan of a join of equalities, with another of them as the source."""
    assert plan.source is not None
    assert plan.equal is not None
    pairs = [(plan.source, plan.equal), *plan.probes]
    source, equal = pairs.pop(at)
    return msgspec.structs.replace(plan, source=source, equal=equal, probes=tuple(pairs))


def _orders(query: Query, equal: set[str], ranged: bool) -> list[tuple[str, bool]]:
    """The sort orders that matter; none for ascending keys.

    Orders of properties with nothing but equality filters are ignored, orders after ``__key__``, and all of
    them for a single key; a last ``__key__`` upwards is how ties are broken anyway (spec/service.md 3.2).
    """
    if {item.op for item in comparisons(query) if item.property == KEY} == {"="}:
        return []
    orders: dict[str, bool] = {}
    for item in query.orders:
        if item.property not in equal:
            orders.setdefault(item.property, item.descending)
            if item.property == KEY:
                break
    if orders.get(KEY) is False and (len(orders) > 1 or not ranged):
        del orders[KEY]
    return list(orders.items())


def ancestor_paths(ancestor: Key | None) -> Bounds:
    """The paths of *ancestor* and all below."""
    return ancestor_bounds(None if ancestor is None else ancestor.path_bytes)


def ancestor_bounds(path: bytes | None) -> Bounds:
    """The paths that begin with *path*."""
    if path is None:
        return ALL
    return Bounds(path, True, path + BELOW, False)


def key_path(query: Query, value: Any) -> bytes:
    """The path of a key that *query* compares with."""
    if not isinstance(value, Key):
        raise BadQueryError(
            "__key__ is compared with a key", value=value, hint="Give it a whole key, not an id."
        )
    if value.partition != query.partition:
        raise BadQueryError(
            "a key of another partition can't be compared with", value=value, hint="Make it in the query's."
        )
    return value.path_bytes
