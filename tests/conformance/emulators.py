"""Google's emulators as oracles: entities and queries written as v1's JSON, and asked over REST.

    emulator = Emulator("127.0.0.1:8080")
    emulator.fill(entities)
    emulator.results(query)   # as `ours` writes those of a store

Both the Firestore emulator in its Datastore mode and the older Cloud Datastore emulator speak it.
"""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

from kindstore.store.abc import Store
from kindstore.store.messages import AndFilter, Filter, PropertyFilter, Query
from kindstore.values.entity import Entity
from kindstore.values.errors import Error
from kindstore.values.key import Key
from kindstore.values.types import GeoPt
from tests.conformance.cases import PROJECT, Cases
from tests.conformance.v1_gql import Text

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


class Emulator:
    """One of Google's emulators at *host*, ``host:port``.  What it refuses is its message, as a str."""

    def __init__(self, host: str) -> None:
        self.host = host

    def call(self, path: str, body: Any) -> Any:
        """Post *body*; the reply, or why it is refused."""
        request = urllib.request.Request(
            f"http://{self.host}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return str(json.loads(error.read())["error"]["message"])
        return json.loads(text) if text.startswith(b"{") else {}

    def ask(self, method: str, body: Any) -> Any:
        """Call a method of v1."""
        return self.call(f"v1/projects/{PROJECT}:{method}", body)

    def fill(self, data: list[Entity]) -> None:
        """Put *data* into it, and take out all else."""
        self.call("reset", {})
        puts: list[Any] = []
        for entity in data:
            assert entity.key is not None
            unindexed = entity.shape.unindexed
            properties = {name: written_property(value, name in unindexed) for name, value in entity.items()}
            puts.append({"upsert": {"key": written_key(entity.key), "properties": properties}})
        reply = self.ask("commit", {"mode": "NON_TRANSACTIONAL", "mutations": puts})
        assert isinstance(reply, dict), reply

    def results(self, query: Query) -> Any:
        """Paths and projected values of the results of *query*."""
        return self._results(query, {"query": written_query(query)})

    def results_of(self, text: Text, query: Query) -> Any:
        """The same of a GQL text, which stands for *query*."""
        return self._results(query, {"gqlQuery": written_text(text)})

    def _results(self, query: Query, asked: dict[str, Any]) -> Any:
        reply = self.ask("runQuery", {"partitionId": partition_of(query), **asked})
        if isinstance(reply, str):
            return reply
        found: list[Any] = []
        for each in reply["batch"].get("entityResults", []):
            entity = each["entity"]
            values = {
                name: {kind: value for kind, value in one.items() if kind != "meaning"}
                for name, one in entity.get("properties", {}).items()
            }
            found.append([path_of(entity["key"]), [values.get(name) for name in query.projection]])
        return found

    def aggregated(self, query: Query, what: dict[str, Any]) -> Any:
        """One aggregation over *query*, as v1 writes it."""
        asked = {"nestedQuery": written_query(query), "aggregations": [{"alias": "it", **what}]}
        return self._aggregated(query, {"aggregationQuery": asked})

    def aggregated_by(self, text: Text, query: Query) -> Any:
        """The same of a GQL text with one aggregation over *query*."""
        return self._aggregated(query, {"gqlQuery": written_text(text)})

    def _aggregated(self, query: Query, asked: dict[str, Any]) -> Any:
        reply = self.ask("runAggregationQuery", {"partitionId": partition_of(query), **asked})
        if isinstance(reply, str):
            return reply
        [result] = reply["batch"]["aggregationResults"]
        [(kind, value)] = [pair for one in result["aggregateProperties"].values() for pair in one.items()]
        if kind == "nullValue":
            return None
        return int(value) if kind == "integerValue" else float(value)


class Scalars(Cases):
    """Cases without times and bytes, which v1 keeps apart from ints and strings, while App Engine and we don't; nor lists."""

    def value(self) -> Any:
        found = super().value()
        return 3 if isinstance(found, bytes | datetime) else found

    def values(self) -> Any:
        return self.value()


def ours(store: Store, query: Query) -> Any:
    """What *store* answers, as an emulator's results are written; or the error."""
    try:
        page = store.run(store.run_query(query))
    except Error as error:
        return error
    return [
        [list(each.key.path), list(map(written, each.values)) if query.projection else []]
        for each in page.results
        if each.key is not None
    ]


# How v1 writes what we have.


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


def written_property(value: Any, unindexed: bool) -> Any:
    """A value of an entity; of a list each value says by itself that it is not indexed."""
    found = written(value)
    for each in found["arrayValue"]["values"] if isinstance(value, list) else [found]:
        each.update({"excludeFromIndexes": True} if unindexed else {})
    return found


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


def written_text(text: Text) -> Any:
    """A GQL query with its arguments."""
    return {
        "queryString": text.written,
        "allowLiterals": True,
        "positionalBindings": [{"value": written(each)} for each in text.args],
        "namedBindings": {name: {"value": written(each)} for name, each in text.kwargs.items()},
    }
