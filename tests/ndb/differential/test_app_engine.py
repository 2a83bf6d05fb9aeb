"""The same random program on App Engine's NDB, with its datastore stub in memory, and on ours, on SQLite.

The SDK needs a Python of its own, since it takes the name ``google``: name one that has ``appengine-python-standard``
in KINDSTORE_APPENGINE_PYTHON.  KINDSTORE_SEED chooses other programs, KINDSTORE_SOAK makes more of them.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kindstore import ndb
from tests.ndb.differential.program import Program

STEPS = 250
PROGRAMS = round(24 * max(1.0, float(os.environ.get("KINDSTORE_SOAK") or 1)))
PYTHON = os.environ.get("KINDSTORE_APPENGINE_PYTHON")
SEED = int(os.environ.get("KINDSTORE_SEED") or 1)


def theirs(seed: int) -> list[Any]:
    script = Path(__file__).with_name("app_engine.py")
    command = [str(PYTHON), str(script), str(seed), str(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(seed: int) -> list[Any]:
    with ndb.Client(url=":memory:") as client, client.context(cache_policy=False):
        running = Program(ndb, seed)
        return [json.loads(json.dumps(running.step())) for _ in range(STEPS)]


def same(their: Any, our: Any) -> bool:
    """Equal; or errors, of which ours is, among others, what theirs is; or a fault of the stub."""
    if their[:2] == ["_pages", "error"] and their[2][0] == "BadRequestError":
        return True  # it refuses its own cursor where results are in the order of a list ("extra value tags")
    if their[1] == our[1] == "error":
        return their[0] == our[0] and their[2][0] in our[2]
    return bool(their == our)


@pytest.mark.skipif(
    not PYTHON, reason="needs App Engine's SDK: a Python that has it in KINDSTORE_APPENGINE_PYTHON"
)
@pytest.mark.parametrize("seed", range(SEED, SEED + PROGRAMS))
def test_a_random_program_does_the_same_on_both(seed: int) -> None:
    steps = zip(theirs(seed), ours(seed), strict=True)
    differences = [
        f"step {at}\n  theirs {a}\n  ours   {b}" for at, (a, b) in enumerate(steps) if not same(a, b)
    ]
    assert not differences, f"seed {seed}: {len(differences)} of {STEPS}\n" + "\n".join(differences[:3])
