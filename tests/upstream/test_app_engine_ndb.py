"""The ndb tests of App Engine's SDK for Python 3, with `kindstore.ndb` in the place of ``google.appengine.ext.ndb``.

They are not part of this project.  ``KINDSTORE_APPENGINE_CHECKOUT`` names a checkout of
GoogleCloudPlatform/appengine-python-standard, and ``KINDSTORE_APPENGINE_PYTHON`` a Python (default: this one) in which
that, absl-py, mock, pytest and Kindstore's dependencies are installed.  ``app_engine_usable.txt`` names the tests that say
something about public behaviour, ``app_engine_excluded.txt`` those of them that Kindstore does not pass, with the reason,
``app_engine_gone.txt`` those of names that google-cloud-ndb has no longer, and ``app_engine_internal.txt`` the rest, with
what they need.  Tests that the SDK itself skips, for want of a Datastore emulator, are on no list.
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
NEEDED = "google.appengine.datastore.datastore_stub_util, absl, mock, apsw, lark, msgspec"
FILES = [f"{name}_test.py" for name in ("key", "metadata", "polymodel", "query", "stats", "tasklets")]
USABLE, EXCLUDED = listed("app_engine_usable.txt"), listed("app_engine_excluded.txt")
INTERNAL, GONE = listed("app_engine_internal.txt"), listed("app_engine_gone.txt")


def directory_of(checkout: str) -> Path:
    """The directory of the ndb tests in a checkout of the SDK."""
    return Path(checkout, "tests/google/appengine/ext/ndb").resolve()


@pytest.fixture(scope="module")
def directory() -> Path:
    """The directory of their tests; skips where it, or what they import, is missing."""
    if CHECKOUT is None:
        pytest.skip("KINDSTORE_APPENGINE_CHECKOUT does not name a checkout of appengine-python-standard")
    if not suites.can_import(PYTHON, NEEDED):
        pytest.skip(f"{PYTHON} lacks one of {NEEDED}; KINDSTORE_APPENGINE_PYTHON may name another one")
    return directory_of(CHECKOUT)


@cache
def outcomes(directory: Path, file: str) -> dict[str, str]:
    """What became of the tests of *file*: node id -> PASSED, FAILED or ERROR."""
    return suites.outcomes(PYTHON, ("alias_app_engine", "app_engine_fixtures"), directory, file)


def test_every_test_that_is_not_asked_for_has_a_reason() -> None:
    assert all(EXCLUDED.values())
    assert all(INTERNAL.values())
    assert all(GONE.values())
    assert EXCLUDED.keys() <= USABLE.keys()
    assert not USABLE.keys() & (INTERNAL.keys() | GONE.keys())


def test_at_least_90_percent_of_the_usable_tests_are_asked_for() -> None:
    assert len(USABLE.keys() - EXCLUDED.keys()) >= len(USABLE) * 0.9


@pytest.mark.parametrize("file", FILES)
def test_every_test_is_on_a_list(directory: Path, file: str) -> None:
    assert outcomes(directory, file).keys() <= USABLE.keys() | INTERNAL.keys() | GONE.keys()


@pytest.mark.parametrize("file", FILES)
def test_what_app_engines_ndb_says_of_public_behaviour_holds(directory: Path, file: str) -> None:
    wrong = suites.amiss(file, outcomes(directory, file), USABLE, EXCLUDED)
    assert not wrong, wrong


def main() -> None:
    """Print how many tests of each file are usable and pass, and which of those do not."""
    assert CHECKOUT, "KINDSTORE_APPENGINE_CHECKOUT does not name a checkout of appengine-python-standard"
    suites.print_counts({file: outcomes(directory_of(CHECKOUT), file) for file in FILES}, USABLE)


if __name__ == "__main__":
    main()
