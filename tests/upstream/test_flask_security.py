"""Flask-Security's own suite on Kindstore: on a file, and on the store of dictionaries, warnings being errors.

It is not part of this project: ``KINDSTORE_FLASK_SECURITY`` names its unpacked sdist (5.9.2), and
``KINDSTORE_FLASK_SECURITY_PYTHON`` an interpreter with what the suite and Kindstore need (default: this one).  The plug-in
says what is left out.  Of the tests that remain, 46 never touch a store.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kindstore

SDIST = os.environ.get("KINDSTORE_FLASK_SECURITY")
PYTHON = os.environ.get("KINDSTORE_FLASK_SECURITY_PYTHON", sys.executable)
HERE = Path(__file__).parent


@pytest.mark.parametrize("backend", ["backend", "memory_backend"])
def test_what_flask_security_says_of_its_datastores_holds(backend: str, tmp_path: Path) -> None:
    if SDIST is None:
        pytest.skip("KINDSTORE_FLASK_SECURITY does not name an unpacked sdist of Flask-Security 5.9.2")
    done = subprocess.run(
        [
            *(PYTHON, "-m", "pytest", "-q", "-p", "flask_security_plugin"),
            *("--fs-backend", f"kindstore.testing.flask_security:{backend}"),
            *(f"--basetemp={tmp_path / 'suite'}", "tests"),
        ],
        cwd=SDIST,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((SDIST, str(HERE), str(Path(kindstore.__file__).parents[1]))),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=1_200,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert re.search(r"\b683 passed, 4 skipped\b", done.stdout), done.stdout[-2_000:]
