"""App Engine's own statistics.  Not a test: run by `test_statistics_differential.py` with a Python of its own.

Reads ``{"generator": path, "sets": [[[namespace, path, {name: [[type, value]]}]]]}`` from stdin and writes, for each
set of entities, ``[[namespace, kind, id, {column: figure}]]`` to stdout.  Needs the PyPI package
``appengine-python-standard``, and ``datastore_stats_generator.py`` of the Google Cloud SDK.
"""

import importlib
import importlib.util
import json
import sys
import tempfile
import warnings
from datetime import datetime
from typing import Any

warnings.simplefilter("ignore")
testbed: Any = importlib.import_module("google.appengine.ext.testbed")
datastore: Any = importlib.import_module("google.appengine.api.datastore")
types: Any = importlib.import_module("google.appengine.api.datastore_types")
users: Any = importlib.import_module("google.appengine.api.users")

MAKERS: dict[str, Any] = {
    "NULL": lambda value: None,
    "Boolean": bool,
    "Integer": int,
    "Float": float,
    "String": str,
    "Text": types.Text,
    "ShortBlob": lambda value: types.ByteString(value.encode()),
    "Blob": lambda value: types.Blob(value.encode()),
    "Date/Time": lambda value: datetime(value, 1, 1),
    "GeoPt": lambda value: types.GeoPt(value, value),
    "User": lambda value: users.User(value, _auth_domain="x.y", _user_id="1"),
    "Key": lambda value: types.Key.from_path("Other", value),
}
COLUMNS = ("kind_name", "property_name", "property_type", "subject_namespace", "count", "builtin_index_count")


def generator_at(path: str) -> Any:
    """The module of the generator."""
    spec: Any = importlib.util.spec_from_file_location("generator", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def statistics_of(generator: Any, entities: Any) -> list[Any]:
    """What the SDK counts in *entities*."""
    bed = testbed.Testbed()
    bed.setup_env(app_id="oracle", overwrite=True)
    bed.activate()
    with tempfile.TemporaryDirectory() as directory:
        bed.init_memcache_stub()
        bed.init_datastore_v3_stub(root_path=directory)
        for namespace, path, properties in entities:
            *above, kind, name = path
            parent = types.Key.from_path(*above, namespace=namespace) if above else None
            unindexed = [key for key, values in properties.items() if values[0][0] in ("Text", "Blob")]
            entity = datastore.Entity(
                kind, name=name, parent=parent, namespace=namespace, unindexed_properties=unindexed
            )
            for key, values in properties.items():
                made = [MAKERS[kind](value) for kind, value in values]
                entity[key] = made if len(made) > 1 else made[0]
            datastore.Put(entity)
        done = generator.DatastoreStatsProcessor("oracle").Run()
        found: list[Any] = []
        for within in (done.whole_app_stats, done.namespace_stats):
            for each in within.values():
                key = each.key()
                columns = {
                    name: getattr(each, name)
                    for name in COLUMNS
                    if name in each.properties() and getattr(each, name) is not None
                }
                found.append([key.namespace(), key.kind(), key.id_or_name(), columns])
        bed.deactivate()
    return sorted(found, key=repr)


def main() -> None:
    """Answer what is asked."""
    asked = json.load(sys.stdin)
    generator = generator_at(asked["generator"])
    json.dump([statistics_of(generator, entities) for entities in asked["sets"]], sys.stdout)


if __name__ == "__main__":
    main()
