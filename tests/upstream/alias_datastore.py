"""A pytest plugin under which ``google.cloud.datastore`` is `kindstore.datastore`, for python-datastore's system tests.

All clients of a run are of one store in memory; Google's exceptions are those of Kindstore that say the same.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import pytest

from kindstore import connect
from kindstore.values import errors

PUBLIC = (
    "aggregation",
    "batch",
    "client",
    "entity",
    "helpers",
    "key",
    "query",
    "query_profile",
    "transaction",
)

os.environ.pop("DATASTORE_DATASET", None)


def alias() -> None:
    """Put `kindstore.datastore` in the place of ``google.cloud.datastore``."""
    import google.cloud as parent
    import google.cloud.exceptions
    from google.api_core import exceptions

    name = "google.cloud.datastore"
    ours: Any = importlib.import_module("kindstore.datastore")
    sys.modules[name] = ours
    parent.datastore = ours
    for public in PUBLIC:
        sys.modules[f"{name}.{public}"] = importlib.import_module(f"kindstore.datastore.{public}")
    client: Any = sys.modules[f"{name}.client"]
    client.DATASTORE_DATASET = "DATASTORE_DATASET"
    for module in (google.cloud.exceptions, exceptions):
        module.Conflict = errors.ConflictError
        module.BadRequest = errors.Error

    store = connect(":memory:", project="system-tests")

    class Client(client.Client):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{"store": store, **options})
            self._http = self._credentials = None

    ours.Client = client.Client = Client


alias()


@pytest.fixture(scope="session", autouse=True)
def populated() -> None:
    """What the tests expect to find, and what a script of theirs writes once, into Google's store."""
    from tests_system.utils import populate_datastore

    client = importlib.import_module("google.cloud.datastore").Client
    for database in (None, "system-tests-named-db"):
        for write in (
            populate_datastore.add_characters,
            populate_datastore.add_uid_keys,
            populate_datastore.add_timestamp_keys,
            populate_datastore.add_large_character_entities,
            populate_datastore.add_mergejoin_dataset_entities,
        ):
            write(client=client(database=database))
