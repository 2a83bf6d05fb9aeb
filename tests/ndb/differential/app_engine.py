"""App Engine's side of `test_app_engine.py`, with a Python of its own that has ``appengine-python-standard``.

``python app_engine.py SEED STEPS``: prints what came of each step, one line of JSON each.
"""

import importlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).parent))
program: Any = importlib.import_module("program")
testbed: Any = importlib.import_module("google.appengine.ext.testbed")


def main(seed: int, steps: int) -> None:
    """Run the program on an empty stub, nothing cached."""
    bed = testbed.Testbed()
    bed.activate()
    bed.init_datastore_v3_stub()
    bed.init_memcache_stub()
    ndb: Any = importlib.import_module("google.appengine.ext.ndb")
    context = ndb.get_context()
    context.set_cache_policy(False)
    context.set_memcache_policy(False)
    running = program.Program(ndb, seed)
    for _ in range(steps):
        print(json.dumps(running.step()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
