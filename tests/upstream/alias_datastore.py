"""A pytest plugin under which ``google.cloud.datastore`` is `kindstore.datastore`, for python-datastore's system tests.

All clients of a run are of one store in memory; Google's exceptions are those of Kindstore that say the same.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

from kindstore import connect
from kindstore.values import errors

PUBLIC = ("aggregation", "batch", "client", "entity", "helpers", "key", "query", "transaction")

os.environ["DATASTORE_DATASET"] = "system-tests"


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


def _resource_ids() -> None:
    """``test_utils``, from which the tests take two functions, where it is not installed."""
    try:
        import test_utils.system  # noqa: F401
    except ModuleNotFoundError:
        for name in ("test_utils", "test_utils.system", "test_utils.retry"):
            sys.modules[name] = ModuleType(name)


alias()
