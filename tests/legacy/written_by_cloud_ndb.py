"""Writes `cloud_ndb.json`: entities as google-cloud-ndb stores them, in both modes, and pickles them.  Not a test.

``python written_by_cloud_ndb.py``, by a Python that has ``google-cloud-ndb``; it asks no server.
"""

import importlib
import json
import pickle
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

warnings.simplefilter("ignore")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
library: Any = importlib.import_module("library")
ndb: Any = importlib.import_module("google.cloud.ndb")
model: Any = importlib.import_module("google.cloud.ndb.model")
contexts: Any = importlib.import_module("google.cloud.ndb.context")


def user(email: str, domain: str, user_id: str | None) -> Any:
    """A user of theirs."""
    return model.User(email, domain, user_id)


def stored(entity: Any) -> Any:
    """The message of *entity*, as it is sent."""
    entity._prepare_for_put()
    return model._entity_to_protobuf(entity)


def main() -> None:
    """Write the file."""
    client = SimpleNamespace(
        project="library",
        database="",
        namespace="",
        host="",
        secure=False,
        stub=None,
        client_info=None,
    )
    written: dict[str, Any] = {}
    for mode, legacy_data in (("legacy", True), ("embedded", False)):
        with contexts.Context(client, legacy_data=legacy_data).use():
            entities = library.entities_of(ndb, library.models_of(ndb), user)
            written[mode] = {
                name: stored(entity)._pb.SerializeToString(deterministic=True).hex()
                for name, entity in entities.items()
            }
    with contexts.Context(client).use():
        entities = library.entities_of(ndb, library.models_of(ndb), user)
        written["pickles"] = {
            "made": {name: pickle.dumps(entity).hex() for name, entity in entities.items()},
            # These hold values as they are stored.
            "read": {
                name: pickle.dumps(model._entity_from_protobuf(stored(entity))).hex()
                for name, entity in entities.items()
            },
        }
        written["pickled_key"] = pickle.dumps(entities["plain"].key).hex()
        written["keys"] = {
            entity.key.to_legacy_urlsafe("s~").decode(): list(entity.key.flat())
            for entity in entities.values()
        }
    (HERE / "cloud_ndb.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
