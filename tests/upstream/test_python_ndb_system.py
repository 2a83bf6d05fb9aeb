"""python-ndb's own system tests on the embedded engine, with `kindstore.ndb` in the place of ``google.cloud.ndb``.

They are not part of this project.  ``KINDSTORE_PYTHON_NDB`` names a checkout of googleapis/python-ndb, and
``KINDSTORE_GOOGLE_PYTHON`` a Python (default: this one) in which ``google-cloud-datastore``, ``google-cloud-testutils``,
``pytz``, pytest and Kindstore's dependencies are installed.  ``system_usable.txt`` names the tests that are asked for,
``system_excluded.txt`` those of them that Kindstore does not pass, with the reason, and ``system_internal.txt`` the rest,
with what they need.  Entities past ndb are seeded and read by `system_fixtures`, in the place of a client of the server.
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
NEEDED = "google.cloud.datastore, test_utils.system, pytz, apsw, lark, msgspec"
USABLE, EXCLUDED = listed("system_usable.txt"), listed("system_excluded.txt")
INTERNAL = listed("system_internal.txt")
FILES = sorted({node.partition("::")[0] for node in USABLE})


def directory_of(checkout: str) -> Path:
    """The directory of the system tests in a checkout of python-ndb."""
    return Path(checkout, "tests", "system").resolve()


@pytest.fixture(scope="module")
def system() -> Path:
    """The directory of their system tests; skips where it, or what they import, is missing."""
    if CHECKOUT is None:
        pytest.skip("KINDSTORE_PYTHON_NDB does not name a checkout of googleapis/python-ndb")
    if not suites.can_import(PYTHON, NEEDED):
        pytest.skip(f"{PYTHON} lacks one of {NEEDED}; KINDSTORE_GOOGLE_PYTHON may name another one")
    return directory_of(CHECKOUT)


@cache
def outcomes(system: Path, file: str) -> dict[str, str]:
    """What became of the tests of *file*: node id -> PASSED, FAILED or ERROR."""
    return suites.outcomes(PYTHON, ("alias_ndb", "system_fixtures"), system, file)


def test_every_test_that_is_not_asked_for_has_a_reason() -> None:
    assert all(EXCLUDED.values())
    assert all(INTERNAL.values())
    assert EXCLUDED.keys() <= USABLE.keys()
    assert not USABLE.keys() & INTERNAL.keys()


def test_at_least_320_of_324_usable_tests_are_asked_for() -> None:
    assert len(USABLE) >= 324
    assert len(USABLE.keys() - EXCLUDED.keys()) >= len(USABLE) * 320 / 324


@pytest.mark.parametrize("file", FILES)
def test_every_test_is_on_a_list(system: Path, file: str) -> None:
    assert outcomes(system, file).keys() <= USABLE.keys() | INTERNAL.keys()


@pytest.mark.parametrize("file", FILES)
def test_what_python_ndb_says_of_models_on_a_datastore_holds(system: Path, file: str) -> None:
    wrong = suites.amiss(file, outcomes(system, file), USABLE, EXCLUDED)
    assert not wrong, wrong


def main() -> None:
    """Print how many tests of each file are usable and pass, and which of those do not."""
    assert CHECKOUT, "KINDSTORE_PYTHON_NDB does not name a checkout of googleapis/python-ndb"
    suites.print_counts({file: outcomes(directory_of(CHECKOUT), file) for file in FILES}, USABLE)


if __name__ == "__main__":
    main()
