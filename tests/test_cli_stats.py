"""`kindstore stats`: what a database holds."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from kindstore import connect, ndb
from kindstore.cli.main import main
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.store import EngineStore
from kindstore.store.statistics import COLUMNS


class Author(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()


class Book(ndb.Model):
    title = ndb.StringProperty()
    text = ndb.TextProperty()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of four entities in two namespaces, closed."""
    path = tmp_path / "library.db"
    with ndb.Client(url=str(path)) as client:
        with client.context():
            ada = Author(id="Ada", name="Ada", age=36).put()
            Author(id="Alan", name="Alan").put()
            Book(parent=ada, id=1, title="Notes", text="long " * 300).put()
        with client.context(namespace="shop"):
            Book(id=1, title="Notes").put()
    return path


def status_of(*arguments: str | Path) -> int:
    """The exit status of the command, run in this process."""
    try:
        return main(["stats", *(str(argument) for argument in arguments)])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def document(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    """What it prints as JSON."""
    assert status_of(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_a_database_without_statistics_is_told_so(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(database) == 1
    assert capsys.readouterr().out == f"{database}: no statistics; kindstore stats --refresh computes them\n"
    assert status_of(database, "--json") == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_refresh_shows_what_it_found(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(database, "--refresh") == 0
    shown = capsys.readouterr()
    lines = [line.split() for line in shown.out.splitlines()]
    assert ["Entities", "4"] in [line[:2] for line in lines]
    assert ["Author", "2"] in [line[:2] for line in lines]
    assert ["namespace", "shop", "1"] in [line[:3] for line in lines]
    assert ["Author", "age", "Integer,", "NULL", "2"] in [line[:5] for line in lines]
    assert ["Book", "text", "NULL,", "Text", "2"] in [line[:5] for line in lines]
    assert shown.err == ""
    # They are kept: the next time nothing is computed.
    assert status_of(database) == 0
    assert capsys.readouterr().out == shown.out


def test_statistics_are_those_of_the_last_refresh(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = document(capsys, database, "--refresh")
    with ndb.Client(url=str(database)).context():
        Author(id="Grace").put()
    assert document(capsys, database) == first
    assert document(capsys, database, "--refresh")["Total"][0]["count"] == 5


def test_a_namespace_is_shown_alone(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(database, "--refresh", "--namespace", "shop") == 0
    text = capsys.readouterr().out
    assert "Book" in text
    assert "Author" not in text
    assert document(capsys, database, "--namespace", "")["Total"][0]["count"] == 3
    assert status_of(database, "--namespace", "attic") == 1
    assert "no statistics of namespace 'attic'" in capsys.readouterr().out


def test_the_document_has_every_statistic(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = document(capsys, database, "--refresh")
    assert (whole["ok"], whole["file"], whole["namespace"]) == (True, str(database), None)
    for name, columns in COLUMNS.items():
        for row in whole[name]:
            assert row.keys() == {"bytes", "count", "timestamp", *columns}
    sizes = [row["bytes"] for row in whole["Kind"]]
    assert sizes == sorted(sizes, reverse=True)
    assert "Namespace" not in document(capsys, database, "--namespace", "shop")


def test_composite_indexes_are_shown(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = connect(database)
    assert isinstance(store, EngineStore)
    index = CompositeIndex("Author", False, (IndexProperty("age", False), IndexProperty("name", True)))
    store.run(store.create_indexes([index]))
    store.run(store.build_index(index))
    store.close()
    assert status_of(database, "--refresh") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1", "Author", "2"] in [line[:3] for line in lines]


def test_a_page_is_at_most_80_columns_wide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.db"

    class Long(ndb.Expando):
        @classmethod
        def _get_kind(cls) -> str:
            return "AKindWithAVeryLongName" * 10

    with ndb.Client(url=str(path)).context(namespace="n" * 100):
        Long(**{"p" * 300: 1, "東京" * 20: "x"}).put()
    assert status_of(path, "--refresh") == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(str(path))
    assert max(map(len, lines)) <= 80


def test_a_terminal_gets_a_bar_and_the_page(database: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "kindstore.cli", "stats", database, "--refresh"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
        text=True,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "Counting" in shown
    assert "Counting" not in done.stdout


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(tmp_path / "gone.db", "--refresh") == 2
    assert "there is no file" in capsys.readouterr().err
    assert status_of(tmp_path) == 2
    assert "is not a file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = path.read_bytes()
    assert status_of(path, "--refresh", "--json") == 2
    shown = capsys.readouterr()
    assert "cannot be used" in shown.err
    assert shown.out == ""
    assert path.read_bytes() == before


def test_a_namespace_that_cannot_be_is_refused_before_anything_is_done(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(database, "--refresh", "--namespace", "a b") == 2
    assert "no such namespace" in capsys.readouterr().err
    assert status_of(database) == 1


def test_help_tells_its_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--help") == 0
    text = capsys.readouterr().out
    assert "Exit status: 0" in text
    assert "--refresh" in text


def test_what_a_terminal_would_obey_is_printed_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evil.db"

    class Evil(ndb.Expando):
        @classmethod
        def _get_kind(cls) -> str:
            return "a\x1b[2J\nb\x9b"

    with ndb.Client(url=str(path)).context():
        Evil(**{"p\x07[bold]": 1}).put()
    assert status_of(path, "--refresh") == 0
    text = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b"} & {*text}
    assert "a\\x1b[2J\\nb\\x9b" in text
    assert "p\\x07[bold]" in text
