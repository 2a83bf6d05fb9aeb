"""The db and gql tests of App Engine's SDK for Python 3, with `kindstore.db` in the place of ``google.appengine.ext.db``.

They are not part of this project.  ``KINDSTORE_APPENGINE_CHECKOUT`` names a checkout of
GoogleCloudPlatform/appengine-python-standard, and ``KINDSTORE_APPENGINE_PYTHON`` a Python (default: this one) in which
that, absl-py, pytest and Kindstore's dependencies are installed.  ``app_engine_db_usable.txt`` names the tests that say
something about public behaviour, ``app_engine_db_excluded.txt`` those of them that Kindstore does not pass, with the
reason, and ``app_engine_db_internal.txt`` the rest, with what they need.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.upstream import suites
from tests.upstream.suites import listed

CHECKOUT = os.environ.get("KINDSTORE_APPENGINE_CHECKOUT")
PYTHON = os.environ.get("KINDSTORE_APPENGINE_PYTHON") or sys.executable
NEEDED = "google.appengine.datastore.datastore_stub_util, absl, apsw, lark, msgspec"
DIRECTORIES = {
    "metadata_test.py": "db",
    "polymodel_test.py": "db",
    "stats_test.py": "db",
    "gql_test.py": "gql",
}
USABLE, EXCLUDED = listed("app_engine_db_usable.txt"), listed("app_engine_db_excluded.txt")
INTERNAL = listed("app_engine_db_internal.txt")


@pytest.fixture(scope="module")
def checkout() -> Path:
    """The checkout of the SDK; skips where it, or what its tests import, is missing."""
    if CHECKOUT is None:
        pytest.skip("KINDSTORE_APPENGINE_CHECKOUT does not name a checkout of appengine-python-standard")
    if not suites.can_import(PYTHON, NEEDED):
        pytest.skip(f"{PYTHON} lacks one of {NEEDED}; KINDSTORE_APPENGINE_PYTHON may name another one")
    return Path(CHECKOUT).resolve()


@cache
def outcomes(checkout: Path, file: str) -> dict[str, str]:
    """What became of the tests of *file*: node id -> PASSED, FAILED or ERROR."""
    directory = checkout / "tests/google/appengine/ext" / DIRECTORIES[file]
    return suites.outcomes(PYTHON, ("alias_app_engine_db", "app_engine_db_fixtures"), directory, file)


def test_every_test_that_is_not_asked_for_has_a_reason() -> None:
    assert all(EXCLUDED.values())
    assert all(INTERNAL.values())
    assert EXCLUDED.keys() <= USABLE.keys()
    assert not USABLE.keys() & INTERNAL.keys()


def test_at_least_95_percent_of_the_usable_tests_are_asked_for() -> None:
    assert len(USABLE.keys() - EXCLUDED.keys()) >= len(USABLE) * 0.95


@pytest.mark.parametrize("file", DIRECTORIES)
def test_every_test_is_on_a_list(checkout: Path, file: str) -> None:
    assert outcomes(checkout, file).keys() <= USABLE.keys() | INTERNAL.keys()


@pytest.mark.parametrize("file", DIRECTORIES)
def test_what_app_engines_db_says_of_public_behaviour_holds(checkout: Path, file: str) -> None:
    wrong = suites.amiss(file, outcomes(checkout, file), USABLE, EXCLUDED)
    assert not wrong, wrong


def main() -> None:
    """Print how many tests of each file are usable and pass, and which of those do not."""
    assert CHECKOUT, "KINDSTORE_APPENGINE_CHECKOUT does not name a checkout of appengine-python-standard"
    checkout = Path(CHECKOUT).resolve()
    suites.print_counts({file: outcomes(checkout, file) for file in DIRECTORIES}, USABLE)


if __name__ == "__main__":
    main()
