"""cachelib's own tests of what all caches have in common, and of its `SimpleCache`, on ours.

They are not part of this project: ``KINDSTORE_CACHELIB`` names an unpacked source distribution of cachelib.
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

SOURCE = os.environ.get("KINDSTORE_CACHELIB")

THEIRS = ("common", "clear", "has", "delete_many_with_prefix", "serializer", "conftest", "test_simple_cache")

SERVERS = "class ProcessStarter: '''Of servers that are not wanted here.'''"
"""In the place of pytest-xprocess, which their conftest imports."""

OURS = '''
import itertools

import pytest
from delete_many_with_prefix import DeleteManyWithPrefixTests
from test_simple_cache import TestSimpleCache as Theirs

from kindstore.flask.cache import KindstoreCache


class Cache(KindstoreCache):
    @property
    def _cache(self):
        """Their name for the dict of all entries."""
        place = self._place()
        return {key.path[-1].partition(":")[2]: key for key in self._keys(*place, self.kind, (), 10_000)}


@pytest.fixture(autouse=True)
def cache_factory(request, tmp_path):
    numbers = itertools.count()

    def made(self, *args, threshold=None, **kwargs):
        return Cache(tmp_path / f"{next(numbers)}.db", *args, sweep_every=1, **kwargs)

    request.cls.cache_factory = made


class TestKindstoreCache(Theirs, DeleteManyWithPrefixTests):
    # There is no threshold: what has expired goes, and nothing else.
    test_threshold = test_threshold_zero_defaults_to_500 = None
'''


def test_what_cachelib_says_of_caches_holds(tmp_path: Path) -> None:
    if SOURCE is None:
        pytest.skip("KINDSTORE_CACHELIB does not name an unpacked source distribution of cachelib")
    for name in THEIRS:
        shutil.copy(Path(SOURCE, "tests", f"{name}.py"), tmp_path)
    (tmp_path / "xprocess.py").write_text(SERVERS)
    (tmp_path / "test_ours.py").write_text(OURS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={tmp_path}"),
            *("-p", "no:cacheprovider", "-q", "test_ours.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(kindstore.__file__).parents[1])},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b29 passed in", done.stdout), done.stdout
