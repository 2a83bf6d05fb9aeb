"""A pytest plugin under which ``google.cloud.ndb`` is `kindstore.ndb`: ``pytest -p alias_ndb -p public_fixtures``.

python-ndb's test files import private modules at their top.  These are there, and empty: a test that uses one fails,
and such tests are on the list of those that need internals (``internal.txt``).
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

SUBJECT = os.environ.get("KINDSTORE_ALIAS_SUBJECT", "kindstore.ndb")
"""The package that is tested; another one shows which tests say something about public behaviour (`scan.py`)."""

PUBLIC = (
    *("blobstore", "client", "context", "django_middleware", "exceptions", "global_cache", "key", "metadata"),
    *("model", "msgprop", "polymodel", "query", "stats", "tasklets", "utils", "version"),
)
PRIVATE = (
    *("_batch", "_cache", "_datastore_api", "_datastore_query", "_datastore_types", "_eventloop", "_gql"),
    *("_legacy_entity_pb", "_legacy_protocol_buffer", "_options", "_remote", "_retry", "_transaction"),
)


def alias() -> None:
    """Put the subject in the place of ``google.cloud.ndb``, with its public submodules (empty ones for those it lacks)."""
    import google.cloud as parent  # the client library of the Datastore, which the tests import, is a part of it

    name = "google.cloud.ndb"
    ndb = importlib.import_module(SUBJECT)
    sys.modules[name] = ndb
    parent.ndb = ndb
    for public in PUBLIC:
        try:
            module = importlib.import_module(f"{SUBJECT}.{public}")
        except ModuleNotFoundError as error:
            if error.name != f"{SUBJECT}.{public}":
                raise
            module = ModuleType(f"{name}.{public}")
        sys.modules[f"{name}.{public}"] = module
        setattr(ndb, public, module)
    for private in PRIVATE:
        module = ModuleType(f"{name}.{private}")
        sys.modules[module.__name__] = module
        setattr(ndb, private, module)
    # Read when test_model.py is imported, as a parameter of tests of internals.
    vars(sys.modules[f"{name}.model"]).setdefault("_MEANING_COMPRESSED", 22)


alias()
