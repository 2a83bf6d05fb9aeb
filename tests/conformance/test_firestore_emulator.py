"""Every store answers random v1 queries, and v1 GQL, as Google's Firestore emulator does in its Datastore mode.

Runs where one is: start it (``gcloud emulators firestore start --database-mode=datastore-mode``), and name it in
``KINDSTORE_FIRESTORE_EMULATOR`` as ``host:port``; it is emptied.  ``KINDSTORE_SOAK=1`` asks over 5,000 queries, each as
a message and as GQL.

Entities have no lists, as the emulator gives one result for each value of a list (spec/service.md 4.2); nor times and
bytes, which v1 keeps apart from ints and strings, while App Engine and we don't.  What else is not compared is in
`MEANT`, by name.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import msgspec
import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.backends.memory_matching import sort_orders
from kindstore.connect import connect
from kindstore.store.abc import Store
from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.gql import Dialect, bind, parse
from kindstore.store.messages import Aggregation, Average, Count, Order, Query, Sum
from kindstore.values.entity import Entity
from kindstore.values.errors import Error
from tests.conformance.comparing import loaded
from tests.conformance.emulators import Emulator, Scalars, ours
from tests.conformance.v1_gql import Text
from tests.scale import scaled, seed

HOST = os.environ.get("KINDSTORE_FIRESTORE_EMULATOR", "")
DATA_SETS = scaled(25, soak=600)
QUERIES_EACH = 12

MEANT = {
    "sorted by behind the key": "App Engine ignores such orders; the emulator wants the properties to be there.",
    "a range in some alternatives only": "Firestore wants a property with any inequality to be there in all results.",
    "all kinds, downwards": "The emulator refuses it, see app_engine_meant.py.",
}


def comparable(query: Query) -> Query | str:
    """*query*, if need be with all that is sorted by; or why it is not compared.

    Where orders are left open, App Engine sorts upwards, and by name.  Firestore sorts as the last order does, keys
    too, and by projected properties as they are asked for.  So these are asked with all orders given.
    """
    ranged = [
        {each.property for each in comparisons(alternative) if each.op != "="}
        for alternative in conjunctions(query)
    ]
    names = [order.property for order in query.orders]
    if any(each != ranged[0] for each in ranged) and not set[str]().union(*ranged) <= set(names):
        return "a range in some alternatives only"
    if "__key__" in names[:-1]:
        return "sorted by behind the key"
    if query.projection or query.distinct_on:
        orders = sort_orders(query)
        if "__key__" in [order.property for order in orders][:-1]:
            return "sorted by behind the key"
    elif not query.orders or not query.orders[-1].descending or names[-1] == "__key__":
        return query
    else:
        stated = {order.property: order for order in query.orders}
        effective = dict.fromkeys((*names, *(order.property for order in sort_orders(query))))
        orders = [stated.get(name, Order(name, descending=True)) for name in effective]
    if orders and orders[-1].descending and orders[-1].property != "__key__":
        orders.append(Order("__key__", descending=True))
    return msgspec.structs.replace(query, orders=tuple(orders))


class Comparison:
    """Compares every store with the emulator, and counts."""

    def __init__(self, emulator: Emulator, source: int) -> None:
        self.emulator = emulator
        self.made = Scalars(random.Random(source), app_engine=True)
        self.text = Text(random.Random(source))
        self.counted: Counter[str] = Counter()
        self.faults: list[str] = []
        self.stores: dict[str, Store] = {}

    def data_set(self) -> None:
        """Ask one data set its queries."""
        data: list[Entity] = self.made.data()
        self.stores = {"memory": loaded(MemoryStore(), data), "sqlite": loaded(connect(":memory:"), data)}
        self.emulator.fill(data)
        for _ in range(QUERIES_EACH):
            query = comparable(self.made.query())
            if isinstance(query, str):
                self.counted[f"meant: {query}"] += 1
            elif self.message(query):
                self.gql(query)
                if self.made.chance(0.3):
                    self.aggregations(query, self.made.random.choice("abc"))
        for store in self.stores.values():
            store.close()

    def message(self, query: Query) -> bool:
        """Compare *query* itself; whether it is answered alike."""
        theirs = self.emulator.results(query)
        for name, store in self.stores.items():
            found = ours(store, query)
            if theirs == "kind is required for all orders except __key__ ascending" and isinstance(
                found, list
            ):
                self.counted["meant: all kinds, downwards"] += 1
                return False
            if isinstance(theirs, str) and isinstance(found, Error):
                self.counted[f"refused by {name}"] += 1
            elif theirs != found:
                self.fault(f"{query} on {name}", theirs, found)
                return False
        self.counted["messages"] += isinstance(theirs, list)
        self.counted["with results"] += isinstance(theirs, list) and bool(theirs)
        return isinstance(theirs, list)

    def gql(self, query: Query) -> None:
        """Compare *query* as a text."""
        text = self.text.query(query)
        theirs = self.emulator.results_of(self.text, query)
        read = bind(parse(text, Dialect.V1), query.partition, self.text.args, self.text.kwargs).query
        for name, store in self.stores.items():
            found = ours(store, read)
            if theirs != found:
                self.fault(f"{text} {self.text.args} {self.text.kwargs} on {name}", theirs, found)
        self.counted["texts"] += 1

    def aggregations(self, query: Query, name: str) -> None:
        """Compare aggregations over *query*: each by itself, as the emulator counts what has all summed properties."""
        asked: list[tuple[Aggregation, dict[str, Any], str]] = [
            (Count(), {"count": {}}, "COUNT(*)"),
            (Count(2), {"count": {"upTo": 2}}, "COUNT_UP_TO(2)"),
        ]
        if not query.keys_only and not query.projection and query.kind is not None:
            bare = {"property": {"name": name}}
            asked += [
                (Sum(name), {"sum": bare}, f"SUM({name})"),
                (Average(name), {"avg": bare}, f"AVG({name})"),
            ]
        is_cut = query.limit is not None or query.offset > 0
        for aggregation, message, function in asked:
            if query.distinct_on or (is_cut and not isinstance(aggregation, Count)):
                continue  # the emulator forgets distinct, and cuts what has the property, not what is found
            self.text.aggregation(query, [function])
            answers = {
                "the message": self.emulator.aggregated(query, message),
                "GQL": self.emulator.aggregated_by(self.text, query),
            }
            bound = bind(
                parse(self.text.written, Dialect.V1), query.partition, self.text.args, self.text.kwargs
            )
            for store_name, store in self.stores.items():
                [found] = store.run(store.run_aggregation(query, [aggregation]))
                [read] = store.run(store.run_aggregation(bound.query, bound.aggregations))
                for way, theirs in answers.items():
                    if not repr(theirs) == repr(found) == repr(read):
                        self.fault(f"{self.text.written} as {way} on {store_name}", theirs, (found, read))
            self.counted["aggregations"] += 1

    def fault(self, asked: str, theirs: Any, found: Any) -> None:
        """Note a difference."""
        self.faults.append(f"{asked}\n  emulator: {theirs!r}\n  ours: {found!r}")


@pytest.mark.skipif(
    not HOST,
    reason="needs Google's Firestore emulator in Datastore mode, and its host:port in KINDSTORE_FIRESTORE_EMULATOR",
)
def test_random_queries_are_answered_as_the_emulator_does() -> None:
    counted: Counter[str] = Counter()
    for source in range(seed(3) * 10_000, seed(3) * 10_000 + DATA_SETS):
        comparison = Comparison(Emulator(HOST), source)
        comparison.data_set()
        counted += comparison.counted
        assert not comparison.faults, f"seed {source}: " + "\n".join(comparison.faults[:4])
    print(dict(counted))
    assert all(name.removeprefix("meant: ") in MEANT for name in counted if name.startswith("meant"))
    assert counted["messages"] >= DATA_SETS * QUERIES_EACH * 0.7
    assert counted["texts"] == counted["messages"]
    assert counted["with results"] >= counted["messages"] * 0.3
