"""python-ndb's own unit tests, with `kindstore.ndb` in the place of ``google.cloud.ndb``.

They are not part of this project.  ``KINDSTORE_PYTHON_NDB`` names a checkout of googleapis/python-ndb, and
``KINDSTORE_GOOGLE_PYTHON`` a Python (default: this one) in which ``google-cloud-datastore``, ``pytz``, pytest and
Kindstore's dependencies are installed.  ``usable.txt`` names the tests that say something about public behaviour, ``excluded.txt``
those of them that Kindstore does not pass, with the reason, and ``internal.txt`` the rest, with what they need.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.upstream import suites
from tests.upstream.suites import listed

CHECKOUT = os.environ.get("KINDSTORE_PYTHON_NDB")
PYTHON = os.environ.get("KINDSTORE_GOOGLE_PYTHON") or sys.executable
NEEDED = "google.cloud.datastore, pytz, apsw, lark, msgspec"
USABLE, EXCLUDED, INTERNAL = listed("usable.txt"), listed("excluded.txt"), listed("internal.txt")
FILES = sorted({node.partition("::")[0] for node in USABLE})


@pytest.fixture(scope="module")
def unit() -> Path:
    """The directory of their unit tests; skips where it, or what they import, is missing."""
    if CHECKOUT is None:
        pytest.skip("KINDSTORE_PYTHON_NDB does not name a checkout of googleapis/python-ndb")
    if not suites.can_import(PYTHON, NEEDED):
        pytest.skip(f"{PYTHON} lacks one of {NEEDED}; KINDSTORE_GOOGLE_PYTHON may name another one")
    return Path(CHECKOUT, "tests", "unit").resolve()


@cache
def outcomes(unit: Path, file: str) -> dict[str, str]:
    """What became of the tests of *file*: node id -> PASSED, FAILED or ERROR."""
    return suites.outcomes(PYTHON, ("alias_ndb", "public_fixtures"), unit, file)


def test_every_test_that_is_not_asked_for_has_a_reason() -> None:
    assert all(EXCLUDED.values())
    assert all(INTERNAL.values())
    assert EXCLUDED.keys() <= USABLE.keys()
    assert not USABLE.keys() & INTERNAL.keys()


def test_at_least_680_of_689_usable_tests_are_asked_for() -> None:
    assert len(USABLE.keys() - EXCLUDED.keys()) >= len(USABLE) * 680 / 689


@pytest.mark.parametrize("file", FILES)
def test_what_python_ndb_says_of_public_behaviour_holds(unit: Path, file: str) -> None:
    wrong = suites.amiss(file, outcomes(unit, file), USABLE, EXCLUDED)
    assert not wrong, wrong


def main() -> None:
    """Print how many tests of each file are usable and pass, and which of those do not."""
    assert CHECKOUT, "KINDSTORE_PYTHON_NDB does not name a checkout of googleapis/python-ndb"
    unit = Path(CHECKOUT, "tests", "unit").resolve()
    suites.print_counts({file: outcomes(unit, file) for file in FILES}, USABLE)


if __name__ == "__main__":
    main()
