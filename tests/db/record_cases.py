"""Write recorded.json: what App Engine's own db, on its in-memory store, answers to the lines of `cases`.

``python tests/db/record_cases.py`` with appengine-python-standard 3.1.0 installed, from the root of the repository.
"""

import datetime as dt
import json
import pickle
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

cases: Any = import_module("cases")

RECORDED = Path(__file__).parent / "recorded.json"


def _record(group: str) -> list[str]:
    testbed: Any = import_module("google.appengine.ext.testbed")
    policies: Any = import_module("google.appengine.datastore.datastore_stub_util")
    bed = testbed.Testbed()
    bed.setup_env(app_id="kindstore", overwrite=True)
    bed.activate()
    bed.init_memcache_stub()
    policy = policies.PseudoRandomHRConsistencyPolicy(probability=1)
    bed.init_datastore_v3_stub(root_path=tempfile.mkdtemp(), consistency_policy=policy)
    scope = {
        "db": import_module("google.appengine.ext.db"),
        "polymodel": import_module("google.appengine.ext.db.polymodel"),
        "metadata": import_module("google.appengine.ext.db.metadata"),
        "users": import_module("google.appengine.api.users"),
        "dt": dt,
        "pickle": pickle,
    }
    try:
        found: list[str] = cases.outcomes(group, scope)
        return found
    finally:
        bed.deactivate()


if __name__ == "__main__":
    found = {group: _record(group) for group in cases.GROUPS}
    RECORDED.write_text(json.dumps(found, indent=1) + "\n")
