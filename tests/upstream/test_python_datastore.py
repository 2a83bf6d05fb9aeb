"""python-datastore's own system tests, with `kindstore.datastore` in the place of ``google.cloud.datastore``.

They are not part of this project.  ``KINDSTORE_PYTHON_DATASTORE`` names a checkout of googleapis/python-datastore, and
``KINDSTORE_GOOGLE_PYTHON`` a Python (default: this one) in which ``google-cloud-datastore``,
``google-cloud-testutils``, requests, pytest and Kindstore's dependencies are installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kindstore

CHECKOUT = os.environ.get("KINDSTORE_PYTHON_DATASTORE")
PYTHON = os.environ.get("KINDSTORE_GOOGLE_PYTHON") or sys.executable
HERE = Path(__file__).parent
NEEDED = "google.cloud.datastore, test_utils.system, requests, apsw, lark, msgspec"
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) \S*?(test_\w+\.py::[^\s\[]+)", re.MULTILINE)


def excluded() -> dict[str, str]:
    """Test -> the reason for which it is not asked for."""
    lines = (HERE / "excluded_datastore.txt").read_text().splitlines()
    entries = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {test: reason for test, _, reason in entries}


def test_every_excluded_test_has_a_reason() -> None:
    assert all(excluded().values())


def test_what_python_datastore_says_of_the_service_holds(tmp_path: Path) -> None:
    if CHECKOUT is None:
        pytest.skip("KINDSTORE_PYTHON_DATASTORE does not name a checkout of googleapis/python-datastore")
    if subprocess.run([PYTHON, "-c", f"import {NEEDED}"], check=False, capture_output=True).returncode:
        pytest.skip(f"{PYTHON} lacks one of {NEEDED}; KINDSTORE_GOOGLE_PYTHON may name another one")
    shutil.copytree(Path(CHECKOUT, "tests", "system"), tmp_path / "tests_system")
    source = Path(kindstore.__file__).parents[1]
    done = subprocess.run(
        [
            *(PYTHON, "-m", "pytest", "-p", "alias_datastore", "-c", os.devnull, f"--rootdir={tmp_path}"),
            *("-p", "no:cacheprovider", "-q", "-rA", "--tb=no", "tests_system"),
        ],
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("DATASTORE_")},
            "PYTHONPATH": os.pathsep.join((str(HERE), str(source))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GOOGLE_CLOUD_NO_PRINT": "true",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    found = [(test, outcome) for outcome, test in OUTCOME.findall(done.stdout)]
    assert found, f"it did not run:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    passed = [test for test, outcome in found if outcome == "PASSED"]
    assert {test for test, outcome in found if outcome != "PASSED"} == excluded().keys()
    assert len(passed) >= 0.9 * len(found)
