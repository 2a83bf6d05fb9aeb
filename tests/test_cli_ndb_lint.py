"""`kindstore ndb-lint`: what in a code base written for NDB would not work on `kindstore.ndb`."""

import json
from pathlib import Path
from typing import Any

import pytest

from kindstore.cli.main import main
from kindstore.cli.ndb_lint.finding import findings
from kindstore.testing import store

LIBRARY = """\
from google.cloud import ndb


class Book(ndb.Model):
    title = ndb.StringProperty(required=True, validator=lambda prop, value: value.strip())
    authors = ndb.KeyProperty(kind="Author", repeated=True)
    summary = ndb.TextProperty("s", compressed=True)
    pages = ndb.LocalStructuredProperty(ndb.Model, keep_keys=True)
    cover = ndb.PickleProperty(allow_pickle=True)


@ndb.transactional(retries=1, xg=True)
def rename(key, title):
    book = key.get(use_cache=False, use_memcache=False, memcache_timeout=60)
    book.title = title
    book.put(deadline=3)


def pages(cursor, client):
    with client.context(namespace="shop", global_cache=None):
        query = Book.query(Book.title > "a", distinct=True, projection=[Book.title], default_options=None)
        query.fetch_page(20, start_cursor=cursor, batch_size=20, read_policy=ndb.EVENTUAL_CONSISTENCY)
        return ndb.Key("Book", 1, app="library", namespace=None), ndb.exceptions.BadValueError
"""


def found_in(source: str) -> list[tuple[int, str]]:
    """The lines and messages of what is found in *source*."""
    with store():
        return [(each.line, each.message) for each in findings("app.py", source.encode())]


def test_nothing_is_found_in_what_works() -> None:
    assert found_in(LIBRARY) == []


@pytest.mark.parametrize(
    "source",
    [
        "from google.cloud import ndb\nndb.zork\n",
        "from google.cloud import ndb as n\nn.zork\n",
        "import google.cloud.ndb\ngoogle.cloud.ndb.zork\n",
        "import google.cloud.ndb as n\nn.zork(1)\n",
        "from google.appengine.ext import ndb\n@ndb.zork\ndef f(): pass\n",
        "from google.appengine.ext import ndb\nclass A(ndb.zork): pass\n",
        "from kindstore import ndb\nprint(ndb.zork.more.and_more)\n",
        "#\nfrom google.cloud.ndb import Key, zork\n",
        "from google.cloud.ndb import (Key,\n    zork as z)\n",
        "def f():\n    from google.appengine.ext.ndb import zork\n",
        "#\nimport google.cloud.ndb.zork\n",
        "#\nfrom google.cloud.ndb.zork import Key\n",
        "#\nfrom google.cloud.ndb.zork import *\n",
    ],
)
def test_a_name_that_is_not_there_is_found_wherever_it_stands(source: str) -> None:
    assert found_in(source) == [(2, "kindstore.ndb has no zork")]


def test_names_are_followed_into_modules_and_classes() -> None:
    source = "from google.cloud import ndb\nndb.Key.from_path\nndb.query.Query.zork\nndb.model.Model.query\n"
    assert found_in(source) == [
        (2, "kindstore.ndb.Key has no from_path"),
        (3, "kindstore.ndb.query.Query has no zork"),
    ]


def test_a_name_that_does_nothing_but_refuse_is_found() -> None:
    source = "from google.appengine.ext.ndb import blobstore, BlobKey\nblobstore.BlobInfo.get('x')\n"
    assert found_in(source) == [(2, "kindstore.ndb.blobstore.BlobInfo is not supported")]


def test_names_of_others_and_unknown_values_are_left_alone() -> None:
    source = (
        "from google.cloud import ndb, storage\nfrom . import zork\nfrom .google.cloud.ndb import zork\n"
        "import os.zork\nstorage.zork()\nzork.Key(zork=1)\nndb.Key('A', 1).get().zork\n"
        "{}.pop(zork=1)\ncache.get('a', zork=1)\n"
    )
    assert found_in(source) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("ndb.StringProperty(zork=1)", "StringProperty has no option zork"),
        ("ndb.StructuredProperty(A, zork=1)", "StructuredProperty has no option zork"),
        ("ndb.Key('A', 1, zork=1)", "Key has no option zork"),
        ("ndb.Client(zork=1)", "Client has no option zork"),
        ("ndb.put_multi(books, zork=1)", "put_multi has no option zork"),
        ("ndb.Model.query(zork=1)", "query has no option zork"),
        ("ndb.transaction(f, zork=1)", "transaction has no option zork"),
        ("book.put(force_writes=True)", "put(force_writes=…): the option 'force_writes' is not supported"),
        (
            "ndb.PickleProperty(indexed=False)",
            "PickleProperty neither reads nor writes without allow_pickle=True",
        ),
    ],
)
def test_options_that_do_not_work_are_found(call: str, message: str) -> None:
    assert found_in(f"from google.cloud import ndb\nprint({call})\n") == [(2, message)]


@pytest.mark.parametrize(
    "call",
    [
        "client.context(global_cache=ndb.RedisCache.from_environment(), global_cache_policy=None)",
        "book.put(use_datastore=False)",
        "ndb.get_multi(keys, use_global_cache=False, global_cache_timeout=60)",
        "ndb.get_context().set_memcache_timeout_policy(60)",
    ],
)
def test_what_concerns_global_caches_works(call: str) -> None:
    assert found_in(f"from google.cloud import ndb\nprint({call})\n") == []


def test_a_method_of_an_unknown_object_counts_only_where_ndb_is_imported() -> None:
    assert found_in("book.put(force_writes=True)\n") == []


def test_the_names_of_a_star_import_are_known() -> None:
    source = "from google.cloud.ndb import *\nStringProperty(zork=1)\n"
    assert found_in(source) == [(2, "StringProperty has no option zork")]


def test_a_file_of_python_2_is_one_finding() -> None:
    ((line, message),) = found_in("from google.appengine.ext import ndb\nprint ndb.zork\n")
    assert line == 2
    assert message.startswith("not Python 3: ")


# The command.


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A directory with a file that works, one that does not, and some that are not the application's."""
    (tmp_path / "library.py").write_text(LIBRARY)
    for place in ("pages", ".git", "venv/lib"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "old.py").write_text("from google.cloud import ndb\nndb.zork()\n")
    (tmp_path / "notes.txt").write_text("from google.cloud import ndb\nndb.zork()\n")
    return tmp_path


def test_a_directory_is_read_with_all_below_it(application: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ndb-lint", str(application)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{application}/pages/old.py:2: kindstore.ndb has no zork",
        f"{application}: 1 finding in 2 files",
    ]


def test_a_single_file_is_read(application: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ndb-lint", str(application / "library.py")]) == 0
    assert capsys.readouterr().out == f"{application}/library.py: 0 findings in 1 file\n"


def test_the_document_has_the_same_findings(application: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ndb-lint", str(application), "--json"]) == 1
    document: Any = json.loads(capsys.readouterr().out)
    finding = {
        "file": f"{application}/pages/old.py",
        "line": 2,
        "message": "kindstore.ndb has no zork",
    }
    assert document == {"ok": False, "path": str(application), "files": 2, "findings": [finding]}


def test_a_path_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ndb-lint", str(tmp_path / "gone")]) == 2
    assert f"there is no {tmp_path / 'gone'}" in capsys.readouterr().err


def test_no_database_is_made(application: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["ndb-lint", "."]) == 1
    assert not list(tmp_path.glob("*.db*"))
