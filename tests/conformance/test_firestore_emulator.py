"""The store in memory answers random v1 queries as Google's Firestore emulator does, in its Datastore mode.

Runs where one is: start it (``gcloud emulators firestore start --database-mode=datastore-mode``), and name it in
``KINDSTORE_FIRESTORE_EMULATOR`` as ``host:port``; it is emptied.  ``KINDSTORE_SOAK=1`` asks over 5,000 queries.

Entities have no lists, as the emulator gives one result for each value of a list (spec/service.md 4.2); nor times and
bytes, which v1 keeps apart from ints and strings, while App Engine and we don't.  What else is not compared is in
`MEANT`, by name.
"""

from __future__ import annotations

import json
import math
import os
import random
import urllib.error
import urllib.request
from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.backends.memory_matching import sort_orders
from kindstore.store.abc import Store
from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.messages import AndFilter, Average, Count, Filter, Order, PropertyFilter, Query, Sum
from kindstore.values.entity import Entity
from kindstore.values.errors import Error
from kindstore.values.key import Key
from kindstore.values.types import GeoPt
from tests.conformance.cases import Cases
from tests.conformance.comparing import loaded

HOST = os.environ.get("KINDSTORE_FIRESTORE_EMULATOR")
SEED = int(os.environ.get("KINDSTORE_SEED", "3"))
DATA_SETS = 600 if os.environ.get("KINDSTORE_SOAK") else 25
QUERIES_EACH = 12
PROJECT = "kindstore"

OPERATORS = {
    "=": "EQUAL",
    "!=": "NOT_EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "IN": "IN",
    "NOT_IN": "NOT_IN",
}

MEANT = {
    "sorted by behind the key": "App Engine ignores such orders; the emulator wants the properties to be there.",
    "a range in some alternatives only": "Firestore wants a property with any inequality to be there in all results.",
    "all kinds, downwards": "The emulator refuses it, see test_app_engine.py.",
}


class Scalars(Cases):
    """Cases without lists, times and bytes."""

    def value(self) -> Any:
        found = super().value()
        return 3 if isinstance(found, bytes | datetime) else found

    def values(self) -> Any:
        return self.value()


def call(path: str, body: Any) -> Any:
    """Post to the emulator; its error as text."""
    request = urllib.request.Request(
        f"http://{HOST}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return {"refused": json.loads(error.read())["error"]["message"]}
    return json.loads(text) if text.startswith(b"{") else {}


def ask(method: str, body: Any) -> Any:
    return call(f"v1/projects/{PROJECT}:{method}", body)


def written_key(key: Key) -> Any:
    pairs = zip(key.path[::2], key.path[1::2], strict=True)
    path = [
        {"kind": kind, "id": str(last)} if isinstance(last, int) else {"kind": kind, "name": last}
        for kind, last in pairs
    ]
    space = {"namespaceId": key.partition.namespace} if key.partition.namespace else {}
    return {"partitionId": {"projectId": PROJECT, **space}, "path": path}


def written(value: Any) -> Any:
    match value:
        case None:
            return {"nullValue": None}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"integerValue": str(value)}
        case float():
            return {"doubleValue": "Infinity" if math.isinf(value) else value}
        case bytes():
            return {"stringValue": value.decode()}
        case str():
            return {"stringValue": value}
        case GeoPt():
            # Its JSON leaves out what is 0.
            place = {"latitude": value.latitude, "longitude": value.longitude}
            return {"geoPointValue": {name: number for name, number in place.items() if number}}
        case Key():
            return {"keyValue": written_key(value)}
        case tuple() | list():
            return {"arrayValue": {"values": list(map(written, value))}}
        case _:
            raise TypeError(type(value))


def written_filter(condition: Filter) -> Any:
    if isinstance(condition, PropertyFilter):
        return {
            "propertyFilter": {
                "property": {"name": condition.property},
                "op": OPERATORS[condition.op],
                "value": written(condition.value),
            }
        }
    op = "AND" if isinstance(condition, AndFilter) else "OR"
    return {"compositeFilter": {"op": op, "filters": list(map(written_filter, condition.filters))}}


def written_query(query: Query) -> Any:
    filters = list(map(written_filter, query.filters))
    if query.ancestor is not None:
        below = {"op": "HAS_ANCESTOR", "value": written(query.ancestor), "property": {"name": "__key__"}}
        filters.append({"propertyFilter": below})
    found: dict[str, Any] = {"offset": query.offset}
    if query.kind is not None:
        found["kind"] = [{"name": query.kind}]
    if filters:
        found["filter"] = {"compositeFilter": {"op": "AND", "filters": filters}}
    if query.limit is not None:
        found["limit"] = query.limit
    directions = {True: "DESCENDING", False: "ASCENDING"}
    found["order"] = [
        {"property": {"name": each.property}, "direction": directions[each.descending]}
        for each in query.orders
    ]
    names = query.projection or (("__key__",) if query.keys_only else ())
    found["projection"] = [{"property": {"name": name}} for name in names]
    found["distinctOn"] = [{"name": name} for name in query.distinct_on]
    return found


def path_of(key: Any) -> list[Any]:
    return [
        part
        for each in key["path"]
        for part in (each["kind"], int(each["id"]) if "id" in each else each["name"])
    ]


def partition_of(query: Query) -> Any:
    return {"projectId": PROJECT, "namespaceId": query.partition.namespace}


def theirs(query: Query) -> Any:
    """The emulator's results, or why it refuses."""
    reply = ask("runQuery", {"partitionId": partition_of(query), "query": written_query(query)})
    if "refused" in reply:
        return reply["refused"]
    found: list[Any] = []
    for each in reply["batch"].get("entityResults", []):
        entity = each["entity"]
        values = {
            name: {kind: value for kind, value in written.items() if kind != "meaning"}
            for name, written in entity.get("properties", {}).items()
        }
        found.append([path_of(entity["key"]), [values[name] for name in query.projection]])
    return found


def ours(store: Store, query: Query) -> Any:
    try:
        page = store.run(store.run_query(query))
    except Error as error:
        return error
    return [
        [list(each.key.path), list(map(written, each.values)) if query.projection else []]
        for each in page.results
        if each.key is not None
    ]


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


def meant(their: Any, our: Any) -> str | None:
    """Why only one of both refuses."""
    if their == "kind is required for all orders except __key__ ascending" and not isinstance(our, Error):
        return "all kinds, downwards"
    return None


def aggregated(query: Query, what: dict[str, Any]) -> Any:
    """One aggregation by the emulator."""
    asked = {"nestedQuery": written_query(query), "aggregations": [{"alias": "it", **what}]}
    reply = ask("runAggregationQuery", {"partitionId": partition_of(query), "aggregationQuery": asked})
    if "refused" in reply:
        return reply["refused"]
    [(kind, value)] = reply["batch"]["aggregationResults"][0]["aggregateProperties"]["it"].items()
    if kind == "nullValue":
        return None
    return int(value) if kind == "integerValue" else float(value)


@pytest.mark.skipif(
    HOST is None,
    reason="needs Google's Firestore emulator in Datastore mode, and its host:port in KINDSTORE_FIRESTORE_EMULATOR",
)
def test_random_queries_are_answered_as_the_emulator_does() -> None:
    counted: Counter[str] = Counter()
    faults: list[str] = []
    for seed in range(SEED * 10_000, SEED * 10_000 + DATA_SETS):
        made = Scalars(random.Random(seed), app_engine=True)
        data = made.data()
        store = loaded(MemoryStore(), data)
        fill(data)
        for _ in range(QUERIES_EACH):
            query = comparable(made.query())
            if isinstance(query, str):
                counted[f"meant: {query}"] += 1
                continue
            their, our = theirs(query), ours(store, query)
            reason = meant(their, our)
            if reason is not None:
                counted[f"meant: {reason}"] += 1
            elif isinstance(their, str) and isinstance(our, Error):
                counted["refused"] += 1
            elif their != our:
                faults.append(f"seed {seed}: {query}\n  emulator: {their}\n  ours: {our!r}")
            else:
                counted["compared"] += 1
                counted["with results"] += bool(our)
                if made.chance(0.3):
                    faults += aggregations_differ(store, query, made.random.choice("abc"), counted)
    assert not faults, f"{len(faults)} differences, {dict(counted)}\n" + "\n".join(faults[:4])
    print(dict(counted))
    assert all(name.removeprefix("meant: ") in MEANT for name in counted if name.startswith("meant"))
    assert counted["compared"] >= DATA_SETS * QUERIES_EACH * 0.7
    assert counted["with results"] >= counted["compared"] * 0.3


def fill(data: list[Entity]) -> None:
    """Put *data*, and nothing else, into the emulator."""
    call("reset", {})
    puts: list[Any] = []
    for entity in data:
        assert entity.key is not None
        properties = {
            name: {
                **written(value),
                **({"excludeFromIndexes": True} if name in entity.shape.unindexed else {}),
            }
            for name, value in entity.items()
        }
        puts.append({"upsert": {"key": written_key(entity.key), "properties": properties}})
    reply = ask("commit", {"mode": "NON_TRANSACTIONAL", "mutations": puts})
    assert "refused" not in reply, reply


def aggregations_differ(store: Store, query: Query, name: str, counted: Counter[str]) -> list[str]:
    """Compare aggregations over *query*: each by itself, as the emulator counts what has all summed properties."""
    asked: list[tuple[Any, dict[str, Any]]] = [(Count(), {"count": {}}), (Count(2), {"count": {"upTo": 2}})]
    if not query.keys_only and not query.projection and query.kind is not None:
        bare = {"property": {"name": name}}
        asked += [(Sum(name), {"sum": bare}), (Average(name), {"avg": bare})]
    is_cut = query.limit is not None or query.offset > 0
    faults: list[str] = []
    for ours_asked, theirs_asked in asked:
        if query.distinct_on or (is_cut and not isinstance(ours_asked, Count)):
            continue  # the emulator forgets distinct, and cuts what has the property, not what is found
        [found] = store.run(store.run_aggregation(query, [ours_asked]))
        expected = aggregated(query, theirs_asked)
        counted["aggregations"] += 1
        if repr(found) != repr(expected):
            faults.append(f"{ours_asked} over {query}\n  emulator: {expected!r}\n  ours: {found!r}")
    return faults
