"""The same random program on App Engine's db, with its datastore stub in memory, and on ours, on SQLite.

As in `tests.ndb.differential`: KINDSTORE_APPENGINE_PYTHON names a Python that has ``appengine-python-standard``,
KINDSTORE_SEED chooses other programs, KINDSTORE_SOAK makes more of them.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from kindstore import db
from kindstore.db import metadata, polymodel
from tests.db.differential.program import lines_of, run

STEPS = 250
PROGRAMS = round(12 * max(1.0, float(os.environ.get("KINDSTORE_SOAK") or 1)))
PYTHON = os.environ.get("KINDSTORE_APPENGINE_PYTHON")
SEED = int(os.environ.get("KINDSTORE_SEED") or 1)


def theirs(seed: int) -> list[str]:
    script = Path(__file__).with_name("app_engine.py")
    command = [str(PYTHON), "-W", "ignore", str(script), str(seed), str(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(seed: int) -> list[str]:
    with db.Client(url=":memory:") as client, client.context():
        return run(lines_of(seed, STEPS), {"db": db, "polymodel": polymodel, "metadata": metadata, "dt": dt})


def same(line: str, their: str, our: str) -> bool:
    """Equal; or the same error in other words, where App Engine's come from its server (docs/db.md)."""
    if "b'invalid filter" in their:
        return our.startswith("BadFilterError: ")
    if "'x' * 1501" in line and our.startswith("TooLargeError: "):
        return True  # the stub compares with texts that no index has
    if their.startswith("OverflowError: "):
        return our.startswith("Bad")  # of an int that is none of 64 bits
    if "!=" in line and "order" not in line.lower():
        # It merges what it reads in the order of the property as if that were the order of keys.
        return sorted(their) == sorted(our) or (
            re.search(r"\[1:3\]|limit=|LIMIT|fetch\(|get\(\)", line) is not None
            and "Error" not in their + our
        )
    if their.startswith("BadRequestError: Cursor does not match query: extra value "):
        return True  # it refuses its own cursor where results are in the order of a list
    return their == our


@pytest.mark.skipif(
    not PYTHON, reason="needs App Engine's SDK: a Python that has it in KINDSTORE_APPENGINE_PYTHON"
)
@pytest.mark.parametrize("seed", range(SEED, SEED + PROGRAMS))
def test_a_random_program_does_the_same_on_both(seed: int) -> None:
    steps = zip(lines_of(seed, STEPS), theirs(seed), ours(seed), strict=True)
    differences = [f"{line}\n  theirs {a}\n  ours   {b}" for line, a, b in steps if not same(line, a, b)]
    assert not differences, f"seed {seed}: {len(differences)} of {STEPS}\n" + "\n".join(differences[:5])
