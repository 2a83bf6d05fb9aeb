"""datastore-entity's own tests, with `kindstore.entity` in the place of ``datastore_entity``.

They are not part of this project: ``KINDSTORE_DATASTORE_ENTITY`` names a checkout of komlasapaty/datastore-entity.
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

CHECKOUT = os.environ.get("KINDSTORE_DATASTORE_ENTITY")


def test_what_datastore_entity_says_of_itself_holds(tmp_path: Path) -> None:
    if CHECKOUT is None:
        pytest.skip("KINDSTORE_DATASTORE_ENTITY does not name a checkout of komlasapaty/datastore-entity")
    for name in ("entity", "entity_value"):
        shutil.copytree(Path(CHECKOUT, "tests", name), tmp_path / name)
    for path in tmp_path.rglob("*.py"):
        text = path.read_text()
        path.write_text(text.replace("from datastore_entity import", "from kindstore.entity import"))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            os.devnull,
            f"--rootdir={tmp_path}",
            "-p",
            "no:cacheprovider",
            "-q",
            ".",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(kindstore.__file__).parents[1]),
            "KINDSTORE_URL": ":memory:",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b9 passed", done.stdout)
