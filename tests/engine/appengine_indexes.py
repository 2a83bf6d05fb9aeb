"""App Engine's own answers about indexes.  Not a test: run by `test_index_differential.py` with a Python of its own.

Reads one JSON object from stdin and writes one to stdout; needs the PyPI package ``appengine-python-standard``.
A query is [kind, ancestor, [[property, op]], [[property, descending]], projection, distinct]; an index is
[kind, ancestor, [[property, descending]]].
"""

import importlib
import io
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
datastore_index: Any = importlib.import_module("google.appengine.datastore.datastore_index")
stub_index: Any = importlib.import_module("google.appengine.datastore.datastore_stub_index")
datastore_pb: Any = importlib.import_module("google.appengine.datastore.datastore_pb")
stub_map: Any = importlib.import_module("google.appengine.api.apiproxy_stub_map")
ruamel: Any = importlib.import_module("ruamel.yaml")
testbed: Any = importlib.import_module("google.appengine.ext.testbed")
db: Any = importlib.import_module("google.appengine.ext.db")

GETMTIME = stub_index.os.path.getmtime
OPERATORS = {"<": 1, "<=": 2, ">": 3, ">=": 4, "=": 5}


def query_of(written: Any) -> Any:
    """The protocol buffer of a query."""
    kind, ancestor, filters, orders, projection, distinct = written
    query = datastore_pb.Query()
    query.app = "app"
    if kind is not None:
        query.kind = kind
    if ancestor:
        query.ancestor.app = "app"
        element = query.ancestor.path.element.add()
        element.type, element.id = "A", 1
    for name, op in filters:
        condition = query.filter.add()
        condition.op = OPERATORS[op]
        asked = condition.property.add()
        asked.name, asked.multiple = name, False
        asked.value.int64Value = 1
    for name, descending in orders:
        order = query.order.add()
        order.property, order.direction = name, 2 if descending else 1
    query.property_name.extend(projection)
    query.group_by_property_name.extend(distinct)
    return query


def definition_of(written: Any) -> Any:
    """The index as the SDK has it."""
    kind, ancestor, properties = written
    return datastore_index.Index(
        kind=kind,
        ancestor=ancestor,
        properties=[
            datastore_index.Property(name=name, direction="desc" if descending else "asc")
            for name, descending in properties
        ],
    )


def index_of(kind: Any, ancestor: Any, properties: Any) -> Any:
    """What is suggested, as JSON."""
    recommended = datastore_index.GetRecommendedIndexProperties(properties)
    return [kind, bool(ancestor), [[each.name, each.direction == 2] for each in recommended]]


def needed(written: Any) -> Any:
    """The needed index, None for none, "refused" for a query that the SDK does not have."""
    try:
        required, *index = datastore_index.CompositeIndexForQuery(query_of(written))
    except AssertionError:
        return "refused"
    return index_of(*index) if required else None


def minimal(written: Any) -> Any:
    """[is the perfect one, the minimal index] given what exists; None if that serves."""
    query, existing = written
    found = datastore_index.MinimalCompositeIndexForQuery(
        query_of(query), [definition_of(each) for each in existing]
    )
    return None if found is None else [found[0], index_of(*found[1:])]


class Stub:
    """As much of the datastore's stub as the writer of index.yaml asks."""

    def __init__(self, history: Any) -> None:
        self.history = history

    def GetStub(self, _service: str) -> Any:  # noqa: N802  # theirs
        return self

    def QueryHistory(self) -> Any:  # noqa: N802
        return self

    def items(self) -> Any:
        return [(query_of(each), 1) for each in self.history]

    def _QueryCompositeIndexHistoryLength(self) -> int:  # noqa: N802
        return len(self.history) + 1


class Written(io.StringIO):
    """A file that keeps its text when it is closed."""

    def close(self) -> None:
        self.text = self.getvalue()


def yaml(written: Any) -> Any:
    """The texts of index.yaml after each round of queries, each beginning with the text before."""
    text, rounds = written
    texts: list[str | None] = []
    for history in rounds:
        stub_map.apiproxy = Stub(history)
        updater = stub_index.IndexYamlUpdater("")
        file = Written()

        def opened(_name: str, mode: str, now: Any = text, file: Written = file) -> Any:
            return io.StringIO(now) if mode == "r" else file

        # It looks at the real directory for the time of change: there is a file exactly if there is a text.
        stub_index.os.path.getmtime = time_of(text)
        try:
            updater.UpdateIndexYaml(opened)
        finally:
            stub_index.os.path.getmtime = GETMTIME
        text = getattr(file, "text", text)
        texts.append(text)
    return texts


def time_of(text: str | None) -> Any:
    """What `os.path.getmtime` says of a file with this text."""

    def getmtime(_name: str) -> float:
        if text is None:
            raise OSError
        return 1.0

    return getmtime


def read(text: str) -> Any:
    """The indexes of a file, sorted; and, to any YAML of version 1.2, no name may be anything but a text."""
    keys = datastore_index.IndexDefinitionsToKeys(datastore_index.ParseIndexDefinitions(text))
    for entry in ruamel.YAML(typ="safe", pure=True).load(text)["indexes"]:
        assert {type(each) for each in [entry["kind"], *(one["name"] for one in entry["properties"])]} == {
            str
        }
    found = [[k, a, [[each.name, each.direction == 2] for each in properties]] for k, a, properties in keys]
    return sorted(found)


def run(written: Any) -> Any:
    """The text of index.yaml after each of some queries has run in the development server's datastore.

    A query is [[[property, op, value]], [[property, descending]], ancestor].
    """
    texts: list[str | None] = []
    with tempfile.TemporaryDirectory() as directory:
        bed = testbed.Testbed()
        bed.setup_env(app_id="kindstore", overwrite=True)
        bed.activate()
        bed.init_memcache_stub()
        bed.init_datastore_v3_stub(root_path=directory)
        file = Path(directory) / "index.yaml"
        for filters, orders, ancestor in written:
            query = db.Query(type("K", (db.Expando,), {}))
            if ancestor:
                query.ancestor(db.Key.from_path("A", 1))
            for name, op, value in filters:
                query.filter(f"{name} {op}", value)
            for name, descending in orders:
                query.order("-" * descending + name)
            list(query.run(limit=1))
            texts.append(file.read_text() if file.exists() else None)
        bed.deactivate()
    return texts


asked = json.load(sys.stdin)
answers = {
    name: [answer(each) for each in asked[name]]
    for name, answer in {"needed": needed, "minimal": minimal, "yaml": yaml, "read": read, "run": run}.items()
}
json.dump(answers, sys.stdout)
