"""Run the program of a seed on App Engine's db, with its datastore stub in memory: ``app_engine.py SEED STEPS``.

Prints a list of outcomes in JSON.
"""

import datetime as dt
import json
import sys
import tempfile
from importlib import import_module
from typing import Any

program: Any = import_module("program")


def main(seed: int, steps: int) -> None:
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
        "dt": dt,
    }
    print(json.dumps(program.run(program.lines_of(seed, steps), scope)))


main(int(sys.argv[1]), int(sys.argv[2]))
