"""python-ndb's own unit tests, with `kindstore.ndb` in the place of ``google.cloud.ndb``.

They are not part of this project.  ``KINDSTORE_PYTHON_NDB`` names a checkout of googleapis/python-ndb, and
``KINDSTORE_GOOGLE_PYTHON`` a Python (default: this one) in which ``google-cloud-datastore``, ``pytz``, pytest and
Kindstore's dependencies are installed.  ``usable.txt`` names the tests that say something about public behaviour, ``excluded.txt``
those of them that Kindstore does not pass, with the reason, and ``internal.txt`` the rest, with what they need.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import kindstore

CHECKOUT = os.environ.get("KINDSTORE_PYTHON_NDB")
PYTHON = os.environ.get("KINDSTORE_GOOGLE_PYTHON") or sys.executable
HERE = Path(__file__).parent
NEEDED = "google.cloud.datastore, pytz, apsw, lark, msgspec"
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) (test_\w+\.py::\S.*?)(?: - .*)?$", re.MULTILINE)


def listed(name: str) -> dict[str, str]:
    """Node id -> reason ("" where none is given) of a list in this directory."""
    lines = (HERE / name).read_text().splitlines()
    entries = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {node: reason for node, _, reason in entries}


USABLE, EXCLUDED, INTERNAL = listed("usable.txt"), listed("excluded.txt"), listed("internal.txt")
FILES = sorted({node.partition("::")[0] for node in USABLE})


@pytest.fixture(scope="module")
def unit() -> Path:
    """The directory of their unit tests; skips where it, or what they import, is missing."""
    if CHECKOUT is None:
        pytest.skip("KINDSTORE_PYTHON_NDB does not name a checkout of googleapis/python-ndb")
    if subprocess.run([PYTHON, "-c", f"import {NEEDED}"], check=False, capture_output=True).returncode:
        pytest.skip(f"{PYTHON} lacks one of {NEEDED}; KINDSTORE_GOOGLE_PYTHON may name another one")
    return Path(CHECKOUT, "tests", "unit").resolve()


@cache
def outcomes(unit: Path, file: str) -> dict[str, str]:
    """What became of the tests of *file*: node id -> PASSED, FAILED or ERROR."""
    source = Path(kindstore.__file__).parents[1]
    done = subprocess.run(
        [
            *(PYTHON, "-m", "pytest", "-p", "alias_ndb", "-p", "public_fixtures", "--noconftest"),
            *("-c", os.devnull, f"--rootdir={unit}", "-p", "no:cacheprovider", "-q", "-rA", "--tb=no", file),
        ],
        cwd=unit,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("DATASTORE_")},
            "PYTHONPATH": os.pathsep.join((str(HERE), str(source))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KINDSTORE_URL": ":memory:",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    found = {node: outcome for outcome, node in OUTCOME.findall(done.stdout)}
    assert found, f"{file} did not run:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return found


def test_every_test_that_is_not_asked_for_has_a_reason() -> None:
    assert all(EXCLUDED.values())
    assert all(INTERNAL.values())
    assert EXCLUDED.keys() <= USABLE.keys()
    assert not USABLE.keys() & INTERNAL.keys()


def test_at_least_680_of_689_usable_tests_are_asked_for() -> None:
    assert len(USABLE.keys() - EXCLUDED.keys()) >= len(USABLE) * 680 / 689


@pytest.mark.parametrize("file", FILES)
def test_what_python_ndb_says_of_public_behaviour_holds(unit: Path, file: str) -> None:
    found = outcomes(unit, file)
    asked = [node for node in USABLE if node.startswith(f"{file}::")]
    amiss = [
        f"{found.get(node, 'GONE')} {node}"
        for node in asked
        if (found.get(node) == "PASSED")
        is (node in EXCLUDED)  # an excluded test that passes is to be struck off
    ]
    assert not amiss, f"{len(amiss)} of {len(asked)}:\n" + "\n".join(amiss)


def main() -> None:
    """Print how many tests of each file are usable and pass, and which of those do not."""
    assert CHECKOUT, "KINDSTORE_PYTHON_NDB does not name a checkout of googleapis/python-ndb"
    total: Counter[str] = Counter()
    for file in FILES:
        found = outcomes(Path(CHECKOUT, "tests", "unit").resolve(), file)
        usable = [node for node in USABLE if node.startswith(f"{file}::")]
        passed = [node for node in usable if found.get(node) == "PASSED"]
        others = [node for node, outcome in found.items() if outcome == "PASSED" and node not in USABLE]
        counts = Counter(usable=len(usable), passed=len(passed), others_passed=len(others), items=len(found))
        total += counts
        print(f"{file:28} {dict(counts)}")
        for node in usable:
            if node not in passed:
                print(f"    {found.get(node, 'GONE'):7} {node}")
    print(f"{'all':28} {dict(total)}")


if __name__ == "__main__":
    main()
