"""App Engine's own answers to queries.  Not a test: run by `test_app_engine.py` with a Python of its own.

Reads one JSON object from stdin and writes one to stdout: "answers", one of each case, and "indexes", of each data set
the automatic part of the index.yaml that its queries leave, those that are merged aside.  Needs the PyPI package ``appengine-python-standard``.
A value is [type, written]; a key is written [namespace, path].  A query has "namespace", "kind", "ancestor",
"alternatives" (lists of [property, op, value]), "orders", "projection", "distinct", "keys_only", "limit" and
"offset"; a case is [number of the data set, query, start, end, the query backwards or null].

A query with one alternative goes to the datastore stub as its protocol buffer; one with several is merged by
`google.appengine.api.datastore.MultiQuery`, as the SDK does for IN and ``!=``.
"""

import datetime as dt
import importlib
import json
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")
testbed: Any = importlib.import_module("google.appengine.ext.testbed")
datastore: Any = importlib.import_module("google.appengine.api.datastore")
datastore_types: Any = importlib.import_module("google.appengine.api.datastore_types")
datastore_errors: Any = importlib.import_module("google.appengine.api.datastore_errors")
datastore_pb: Any = importlib.import_module("google.appengine.datastore.datastore_pb")
stub_index: Any = importlib.import_module("google.appengine.datastore.datastore_stub_index")
stub_map: Any = importlib.import_module("google.appengine.api.apiproxy_stub_map")
errors: Any = importlib.import_module("google.appengine.runtime.apiproxy_errors")

EPOCH = dt.datetime(1970, 1, 1)
OPERATORS = {"<": 1, "<=": 2, ">": 3, ">=": 4, "=": 5}
REFUSED = (errors.ApplicationError, datastore_errors.Error, AttributeError)


def key_of(written: Any) -> Any:
    namespace, path = written
    return datastore_types.Key.from_path(*path, namespace=namespace)


def value_of(written: Any) -> Any:
    kind, value = written
    match kind:
        case "float":
            return float(value)
        case "bytes":
            return datastore_types.ByteString(bytes.fromhex(value))
        case "time":
            return EPOCH + dt.timedelta(microseconds=value)
        case "point":
            return datastore_types.GeoPt(*value)
        case "key":
            return key_of(value)
        case _:
            return value


def store(entities: Any) -> None:
    for written, unindexed, properties in entities:
        namespace, path = written
        parent = key_of([namespace, path[:-2]]) if path[:-2] else None
        named = {"id": path[-1]} if isinstance(path[-1], int) else {"name": path[-1]}
        entity = datastore.Entity(path[-2], parent=parent, namespace=namespace, **named)
        for name, value in properties:
            listed = value[0] == "list"
            entity[name] = [value_of(each) for each in value[1]] if listed else value_of(value)
        entity.set_unindexed_properties(unindexed)
        datastore.Put(entity)


def path_of(reference: Any) -> list[Any]:
    return [
        part
        for element in reference.path.element
        for part in (element.type, element.name if element.HasField("name") else element.id)
    ]


def written_value(value: Any) -> Any:
    if value.HasField("int64Value"):
        return ["int", value.int64Value]
    if value.HasField("booleanValue"):
        return ["bool", value.booleanValue]
    if value.HasField("stringValue"):
        return ["bytes", value.stringValue.hex()]
    if value.HasField("doubleValue"):
        return ["float", repr(value.doubleValue)]
    if value.HasField("pointvalue"):
        return ["point", [value.pointvalue.x, value.pointvalue.y]]
    if value.HasField("referencevalue"):
        key = value.referencevalue
        path = [
            part
            for element in key.pathelement
            for part in (element.type, element.name if element.HasField("name") else element.id)
        ]
        return ["key", [key.name_space, path]]
    return ["none", None]


def buffer_of(asked: Any) -> Any:
    query = datastore_pb.Query()
    query.app = "oracle"
    query.name_space = asked["namespace"]
    if asked["kind"] is not None:
        query.kind = asked["kind"]
    if asked["ancestor"] is not None:
        query.ancestor.CopyFrom(key_of(asked["ancestor"])._ToPb())
    for name, op, value in asked["alternatives"][0]:
        condition = query.filter.add()
        condition.op = OPERATORS[op]
        condition.property.add().CopyFrom(datastore_types.ToPropertyPb(name, value_of(value)))
        condition.property[0].name = name
        condition.property[0].multiple = False
    for name, descending in asked["orders"]:
        order = query.order.add()
        order.property, order.direction = name, 2 if descending else 1
    query.property_name.extend(asked["projection"])
    query.group_by_property_name.extend(asked["distinct"])
    query.keys_only = asked["keys_only"]
    query.compile = True
    query.count = 300
    return query


def run(query: Any, projection: Any) -> tuple[list[Any], list[Any]]:
    """The results, and the cursor after each."""
    reply = datastore_pb.QueryResult()
    stub_map.MakeSyncCall("datastore_v3", "RunQuery", query, reply)
    if reply.more_results:
        raise ValueError("over 300 results")
    results = []
    for entity in reply.result:
        values = {each.name: written_value(each.value) for each in entity.property}
        results.append([path_of(entity.key), [values.get(name) for name in projection]])
    return results, list(reply.result_compiled_cursor)


def answered(ask: Any) -> Any:
    """What *ask* returns, or the message with which it is refused."""
    try:
        return ask()
    except REFUSED as error:
        return {"refused": str(getattr(error, "error_detail", "") or error)}


def merged(asked: Any) -> Any:
    """The results of a query with several alternatives."""
    queries = []
    orders = [(name, 2 if descending else 1) for name, descending in asked["orders"]]
    for alternative in asked["alternatives"]:
        query = datastore.Query(asked["kind"], namespace=asked["namespace"])
        filters: dict[str, list[Any]] = {}
        for name, op, value in alternative:
            filters.setdefault(f"{name} {op}", []).append(value_of(value))
        for name, values in filters.items():
            query[name] = values if len(values) > 1 else values[0]
        if asked["ancestor"] is not None:
            query.Ancestor(key_of(asked["ancestor"]))
        query.Order(*orders)
        queries.append(query)
    try:
        found = list(datastore.MultiQuery(queries, orders).Run())
    except TypeError:  # it sorts by Python's order, which values of several types do not have
        found = [entity for query in queries for entity in query.Run()]
        return {"in any order": [[path_of(entity.key()._ToPb()), []] for entity in found]}
    return [[path_of(entity.key()._ToPb()), []] for entity in found]


class History(list[Any]):
    """The queries that ran, as the writer of index.yaml asks for them."""

    def items(self) -> Any:
        return [(query, 1) for query in self]


def one(case: Any, history: History) -> Any:
    """The answers to a case; its query goes into *history*, unless it is refused."""
    _, asked, start, end, backwards = case
    if len(asked["alternatives"]) > 1:
        return {"whole": answered(lambda: merged(asked))}
    cursors: list[Any] = []

    def whole() -> Any:
        query = buffer_of(asked)
        results, after = run(query, asked["projection"])
        history.append(query)
        cursors.extend(after)
        return results

    def bounded(first: Any, last: Any, base: Any, limited: bool) -> Any:
        query = buffer_of(base)
        if limited:
            query.offset = asked["offset"]
            if asked["limit"] is not None:
                query.limit = asked["limit"]
        for at, name in ((first, "compiled_cursor"), (last, "end_compiled_cursor")):
            if at is not None:
                getattr(query, name).CopyFrom(cursors[min(at, len(cursors) - 1)])
        return run(query, base["projection"])[0]

    answers = {"whole": answered(whole), "cut": answered(lambda: bounded(None, None, asked, True))}
    if cursors:
        answers["between"] = answered(lambda: bounded(start, end, asked, True))
        if backwards is not None and start is not None:
            answers["backwards"] = [
                answered(lambda: bounded(start, None, backwards, False)),
                answered(lambda: bounded(None, start, backwards, False)),
            ]
    return answers


def main() -> None:
    asked = json.load(sys.stdin)
    bed = testbed.Testbed()
    bed.setup_env(app_id="oracle", overwrite=True)
    bed.activate()
    bed.init_datastore_v3_stub(require_indexes=False)
    stub = bed.get_stub("datastore_v3")
    answers = [None] * len(asked["cases"])
    by_data: dict[int, list[int]] = {at: [] for at in range(len(asked["data"]))}
    for number, case in enumerate(asked["cases"]):
        by_data[case[0]].append(number)
    indexes: list[str] = []
    for at, numbers in by_data.items():
        stub.Clear()
        store(asked["data"][at])
        history = History()
        for number in numbers:
            answers[number] = one(asked["cases"][number], history)
        indexes.append(stub_index.GenerateIndexFromHistory(history))
    json.dump({"answers": answers, "indexes": indexes}, sys.stdout)


main()
