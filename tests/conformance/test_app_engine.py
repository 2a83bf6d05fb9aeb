"""The store in memory answers random queries as App Engine's own datastore stub does.

Runs where the SDK is: ``pip install appengine-python-standard`` into any virtual environment, and its Python in
``KINDSTORE_APPENGINE_PYTHON`` (it needs old versions of some packages, so it has no place in ours).
``KINDSTORE_SOAK=1`` asks over 20,000 queries, and the seed of each run is in ``KINDSTORE_SEED``.

What is not compared is in `MEANT`, `MEANT_OF_CURSORS` and `MEANT_REFUSALS`, by name, with its reason.  Never asked:

* -0.0 and NaN: to the stub -0.0 is not 0.0, and NaN is in no order (spec/service.md 4.2, 3.1);
* users: the stub makes up their ids;
* empty lists: App Engine stores them as null, Firestore and we as no value at all (3.10);
* properties of embedded entities, which App Engine does not index;
* sums and averages, which came with Firestore: see `test_firestore_emulator.py`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.backends.memory_matching import sort_orders
from kindstore.store.abc import Store
from kindstore.store.checks import check_query
from kindstore.store.conjunctions import comparisons, conjunctions, fixed_properties
from kindstore.store.messages import Query
from kindstore.values.entity import Entity
from kindstore.values.errors import BadQueryError, Error
from kindstore.values.key import Key
from kindstore.values.ordered import microseconds
from kindstore.values.types import GeoPt
from tests.conformance.cases import Case, Cases
from tests.conformance.comparing import Answers, loaded, reversed_query

SEED = int(os.environ.get("KINDSTORE_SEED", "3"))
DATA_SETS = 2500 if os.environ.get("KINDSTORE_SOAK") else 60
QUERIES_EACH = 12


def sdk_python() -> str | None:
    """The Python that has the SDK."""
    named = os.environ.get("KINDSTORE_APPENGINE_PYTHON")
    if named:
        return named
    return sys.executable if find_spec("google") and find_spec("google.appengine") else None


PYTHON = sdk_python()


# What is meant to differ.


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


def _kindless_descending(told: Told, refused: str) -> bool:
    return told.query.kind is None and refused.startswith("kind is required for all orders")


def _cursor_in_a_list(told: Told, refused: str) -> bool:
    sorted_by = told.ranged | set(told.orders)
    return refused.startswith("Cursor does not match query: extra value") and told.has_lists(sorted_by)


def _split_badly(told: Told, refused: str) -> bool:
    return refused == "datastore dev stub produced bad result" and _projected_behind_the_key(told)


def _cursor_without_distinct(told: Told, refused: str) -> bool:
    return refused.startswith("Cursor does not match query: missing values") and (
        _distinct_but_not_split(told) or _projected_behind_the_key(told)
    )


MEANT_REFUSALS: dict[str, Callable[[Told, str], bool]] = {
    # Firestore allows inequalities on several properties (spec/service.md 3.10).
    "several properties with inequalities": _several_inequalities,
    # Firestore allows any order.
    "the property with the inequality is not sorted by first": _sorted_otherwise,
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


# Writing for the SDK.


def written_key(key: Key) -> Any:
    return [key.partition.namespace, list(key.path)]


def written_value(value: Any) -> Any:
    match value:
        case None:
            return ["none", None]
        case bool():
            return ["bool", value]
        case int():
            return ["int", value]
        case float():
            return ["float", repr(value)]
        case str():
            return ["str", value]
        case bytes():
            return ["bytes", value.hex()]
        case datetime():
            return ["time", microseconds(value)]
        case GeoPt():
            return ["point", [value.latitude, value.longitude]]
        case list():
            return ["list", [written_value(each) for each in value]]
        case Key():
            return ["key", written_key(value)]
        case _:
            raise TypeError(type(value))


def written_entity(entity: Entity) -> Any:
    assert entity.key is not None
    properties = [[name, written_value(value)] for name, value in entity.items()]
    return [written_key(entity.key), sorted(entity.shape.unindexed), properties]


def written_query(query: Query, orders: Any = None) -> Any:
    return {
        "namespace": query.partition.namespace,
        "kind": query.kind,
        "ancestor": None if query.ancestor is None else written_key(query.ancestor),
        "alternatives": [
            [[each.property, each.op, written_value(each.value)] for each in comparisons(alternative)]
            for alternative in conjunctions(query)
        ],
        "orders": [[each.property, each.descending] for each in orders or query.orders],
        "projection": query.projection,
        "distinct": query.distinct_on,
        "keys_only": query.keys_only,
        "limit": query.limit,
        "offset": query.offset,
    }


def written_case(at: int, case: Case) -> Any:
    alone = msgspec.structs.replace(case.query, limit=None, offset=0)
    several = len(conjunctions(case.query)) > 1
    backwards = None if several or case.start is None else reversed_query(alone)
    return [
        at,
        written_query(case.query, sort_orders(case.query) if several else None),
        case.start,
        case.end,
        None if backwards is None else written_query(backwards),
    ]


def asked_of_the_sdk(data: list[list[Entity]], cases: list[tuple[int, Case]]) -> list[Any]:
    """The SDK's answers."""
    assert PYTHON is not None
    asked = {
        "data": [[written_entity(entity) for entity in entities] for entities in data],
        "cases": [written_case(at, case) for at, case in cases],
    }
    done = subprocess.run(
        [PYTHON, str(Path(__file__).with_name("appengine_queries.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[Any] = json.loads(done.stdout)
    return answers


# Ours, in the same form.


class Ours(Answers):
    """Our answers as the SDK's are written: paths, and projected values."""

    def run(self, query: Query) -> list[Any]:
        return [
            [list(each.key.path), [written_value(value) for value in each.values] if query.projection else []]
            for each in self.store.run(self.store.run_query(query)).results
            if each.key is not None
        ]

    def part(self, name: str) -> Any:
        """One of the answers, or that it is refused."""
        try:
            return getattr(self, name)()
        except Error as error:
            return error


class Tally:
    """Compares, and counts what was compared and what was not."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.meant: Counter[str] = Counter()
        self.faults: list[str] = []

    def case(self, store: Store, told: Told, theirs: dict[str, Any]) -> None:
        """Compare all that the SDK answered to one case."""
        ours = Ours(store, told.case)
        pairs = 0
        for name, answer in theirs.items():
            found = ours.part(name)
            if name == "backwards" and isinstance(found, list):
                pairs += sum(self.one(told, name, *each) for each in zip(answer, found, strict=True))
            elif name == "backwards":
                pairs += sum(self.one(told, name, each, found) for each in answer)
            else:
                pairs += self.one(told, name, answer, found)
        self.compared["cases"] += bool(pairs)

    def one(self, told: Told, name: str, theirs: Any, ours: Any) -> bool:
        """Compare one answer; False if it is meant to differ."""
        reason = self.reason(told, name, theirs, ours)
        if reason is not None:
            self.meant[reason] += 1
            return False
        if isinstance(theirs, dict) and "in any order" in theirs and isinstance(ours, list):
            theirs, ours = _without_order(theirs["in any order"]), _without_order(ours)
            name = "merged, in any order"
        elif len(told.alternatives) > 1 and isinstance(theirs, list) and isinstance(ours, list):
            name = "merged"
            if told.has_lists(told.orders) or told.has_mixed_types() or told.ranged - set(told.orders):
                # The SDK merges lists by the wrong one of their values (spec 4.2), compares values as Python does,
                # where True is 1, and forgets orders that alternatives have of their own: it has no order here.
                theirs, ours = _without_order(theirs), _without_order(ours)
                name = "merged, in any order"
        refused = isinstance(theirs, dict)
        if refused != isinstance(ours, BadQueryError) or (not refused and theirs != ours):
            self.faults.append(f"{name} of {told.case}\n  App Engine: {theirs}\n  ours: {ours!r}")
        self.compared["refused" if refused else name] += 1
        self.compared["with results"] += not refused and bool(theirs)
        return True

    @staticmethod
    def reason(told: Told, name: str, theirs: Any, ours: Any) -> str | None:
        """Why they are meant to differ."""
        if isinstance(theirs, dict) and "refused" in theirs:
            if not isinstance(ours, Error):
                found = (each for each, holds in MEANT_REFUSALS.items() if holds(told, theirs["refused"]))
                return next(found, None)
            return None
        meant = MEANT | MEANT_OF_CURSORS if name in {"between", "backwards"} else MEANT
        return next((each for each, holds in meant.items() if holds(told)), None)


def _without_order(results: list[Any]) -> list[Any]:
    return sorted({repr(each) for each in results})


def is_askable(case: Case) -> bool:
    """False for what App Engine's client cannot say: a projection of several alternatives, a NOT_IN …"""
    try:
        alternatives = conjunctions(case.query)
    except Error:
        return False
    if not alternatives:
        return False
    if len(alternatives) > 1:
        # v1 refuses some that the client would split, and the client cannot project what it merges.
        return not (case.query.projection or case.query.distinct_on or _is_refused(case.query))
    return True


def _is_refused(query: Query) -> bool:
    try:
        check_query(query)
    except Error:
        return True
    return False


@pytest.mark.skipif(
    PYTHON is None,
    reason="needs App Engine's SDK: pip install appengine-python-standard into some environment, and name its "
    "Python in KINDSTORE_APPENGINE_PYTHON",
)
def test_random_queries_are_answered_as_app_engine_does() -> None:
    source = random.Random(SEED)
    made = Cases(source, app_engine=True)
    data = [made.data() for _ in range(DATA_SETS)]
    cases = [(at, case) for at in range(DATA_SETS) for case in (made.case() for _ in range(QUERIES_EACH))]
    cases = [(at, case) for at, case in cases if is_askable(case)]
    answers = asked_of_the_sdk(data, cases)
    stores = [loaded(MemoryStore(), entities) for entities in data]
    tally = Tally()
    for (at, case), theirs in zip(cases, answers, strict=True):
        tally.case(stores[at], Told(data[at], case), theirs)
    figures = f"{dict(tally.compared)}; meant: {dict(tally.meant)}"
    assert not tally.faults, f"{len(tally.faults)} differences; {figures}\n" + "\n".join(tally.faults[:3])
    print(figures)
    assert tally.compared["cases"] >= DATA_SETS * QUERIES_EACH * 0.6
    assert tally.compared["with results"] >= tally.compared["cases"] * 0.5
