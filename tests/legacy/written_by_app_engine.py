"""Writes `app_engine.json`: entities and keys as App Engine's own NDB stores and pickles them.  Not a test.

``python written_by_app_engine.py``, by a Python that has ``appengine-python-standard``.
"""

import importlib
import json
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
library: Any = importlib.import_module("library")
testbed: Any = importlib.import_module("google.appengine.ext.testbed")


def main() -> None:
    """Write the file."""
    bed = testbed.Testbed()
    bed.setup_env(app_id="s~library", overwrite=True)
    bed.activate()
    bed.init_datastore_v3_stub()
    bed.init_memcache_stub()
    ndb: Any = importlib.import_module("google.appengine.ext.ndb")
    ndb.PolyModel = importlib.import_module("google.appengine.ext.ndb.polymodel").PolyModel
    users: Any = importlib.import_module("google.appengine.api.users")

    def user(email: str, domain: str, user_id: str | None) -> Any:
        return users.User(email, domain, user_id)

    library.key = lambda ndb, *path: ndb.Key(*path, namespace="tenant", app="s~library")
    entities = library.entities_of(ndb, library.models_of(ndb), user)
    for entity in entities.values():
        entity._prepare_for_put()
    written = {
        "entities": {name: entity._to_pb().SerializeToString().hex() for name, entity in entities.items()},
        "pickles": {
            name: {protocol: pickle.dumps(entity, protocol).hex() for protocol in (2, 4)}
            for name, entity in entities.items()
        },
        "keys": {entity.key.urlsafe().decode(): list(entity.key.flat()) for entity in entities.values()},
        "pickled_key": pickle.dumps(entities["plain"].key, 2).hex(),
    }
    (HERE / "app_engine.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
