"""`kindstore indexes`: what it lists, builds and removes, and what it says of files that are wrong."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kindstore.backends import sqlite
from kindstore.cli.main import main
from kindstore.store.messages import Upsert
from kindstore.store.program import Program, Write
from kindstore.values.entity import Entity
from kindstore.values.key import Key

FILE = """\
indexes:
- kind: Book
  properties:
  - name: author
  - name: year
    direction: desc
- kind: Book
  ancestor: yes
  properties:
  - name: year
"""
SERVING = "Book(author, year desc): serving\nBook(ancestor; year): serving\n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A closed database of 2,500 books: more than one step of building."""
    path = tmp_path / "books.db"
    store = sqlite.open_store(path, durability="relaxed")
    home = store.partition()
    for some in range(0, 2500, 500):
        books = [
            Entity.of(Key.of(home, ("Book", n + 1)), {"author": f"a{n % 7}", "year": n % 100})
            for n in range(some, some + 500)
        ]
        store.run(store.commit([Upsert(each) for each in books]))
    store.close()
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "index.yaml"
    path.write_text(FILE)
    return path


def indexes(action: str, database: Path, *options: str | Path) -> int:
    """The exit status of `kindstore indexes`, run in this process."""
    return main(["indexes", action, str(database), *map(str, options)])


def sound(database: Path) -> bool:
    store = sqlite.open_store(database)
    faults = store.run(store.check())
    store.close()
    return faults == []


def states(database: Path) -> dict[str, str]:
    store = sqlite.open_store(database)
    found = {f"{each.index} {each.namespace}".strip(): each.state.name for each in store.run(store.indexes())}
    store.close()
    return found


def explode(database: Path) -> None:
    """Put a book with 200 authors and 200 years."""
    store = sqlite.open_store(database)
    lists = {"author": [f"a{n}" for n in range(200)], "year": list(range(200))}
    store.run(store.commit([Upsert(Entity.of(Key.of(store.partition(), ("Book", "all")), lists))]))
    store.close()


def test_there_are_none_at_first(database: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert indexes("list", database) == 0
    assert capsys.readouterr().out == "no composite indexes\n"
    assert indexes("list", database, "--index-file", file) == 0
    assert capsys.readouterr().out == "Book(author, year desc): missing\nBook(ancestor; year): missing\n"


def test_create_builds_what_the_file_has(
    database: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert indexes("create", database, "--index-file", file) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(SERVING.splitlines())
    assert sound(database)
    assert indexes("create", database, "--index-file", file) == 0
    assert indexes("list", database, "--index-file", file) == 0
    assert "missing" not in capsys.readouterr().out


def test_index_yaml_in_the_working_directory_is_the_file(
    database: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert indexes("create", database) == 0
    assert set(states(database).values()) == {"SERVING"}


def test_the_document_has_the_names_of_the_file(
    database: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = sqlite.open_store(database, index_file=file)
    store.close()
    assert indexes("list", database, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    assert document["indexes"][0] == {
        "kind": "Book",
        "ancestor": False,
        "properties": [{"name": "author", "direction": "asc"}, {"name": "year", "direction": "desc"}],
        "namespace": "",
        "state": "building",
        "progress": 0.0,
        "culprit": None,
    }


@pytest.mark.parametrize("action", ["build", "cleanup"])
def test_a_removal_that_was_interrupted_is_listed_and_gone_on_with(
    database: Path, file: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    indexes("create", database, "--index-file", file)
    store = sqlite.open_store(database)
    index = store.run(store.indexes())[0].index
    store.run(_first_write_of(store.drop_indexes([index])))
    store.close()
    capsys.readouterr()
    assert indexes("list", database, "--index-file", file) == 0
    assert capsys.readouterr().out == (
        "Book(author, year desc): deleting\nBook(ancestor; year): serving\nBook(author, year desc): missing\n"
    )
    assert sound(database)
    named: list[str | Path] = ["--index-file", file] if action == "cleanup" else []
    assert indexes(action, database, *named) == 0
    assert f"{index}: removed" in capsys.readouterr().out or action == "build"
    assert states(database) == {"Book(ancestor; year)": "SERVING"}
    assert sound(database)


def _first_write_of(program: Program[None]) -> Program[None]:
    """*program*, cut off after its first write."""
    request = next(program)
    while not isinstance(request, Write):
        request = program.send((yield request))
    yield request


def test_build_goes_on_where_another_stopped(
    database: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = sqlite.open_store(database, index_file=file)
    first = store.run(store.indexes())[0]
    assert store.run(store.build_index(first.index)).done == 2000
    store.close()
    assert indexes("list", database) == 0
    assert f"{first.index}: building, 80% done" in capsys.readouterr().out
    assert indexes("build", database) == 0
    assert set(states(database).values()) == {"SERVING"}
    assert sound(database)


def test_cleanup_removes_what_the_file_does_not_have(
    database: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert indexes("create", database, "--index-file", file) == 0
    file.write_text(FILE[: FILE.index("- kind: Book\n  ancestor")])
    capsys.readouterr()
    assert indexes("cleanup", database, "--index-file", file, "--yes") == 0
    assert capsys.readouterr().out == "Book(ancestor; year): removed\n"
    assert states(database) == {"Book(author, year desc)": "SERVING"}
    assert indexes("cleanup", database, "--index-file", file) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_cleanup_does_not_remove_without_an_answer(
    database: Path, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert indexes("create", database, "--index-file", file) == 0
    file.write_text("indexes:\n")
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert indexes("cleanup", database, "--index-file", file) == 2
    assert "give --yes" in capsys.readouterr().err
    assert len(states(database)) == 2


@pytest.mark.parametrize(("answer", "status", "left"), [("n", 1, 2), ("", 1, 2), ("y", 0, 0), ("yes", 0, 0)])
def test_cleanup_asks(database: Path, file: Path, answer: str, status: int, left: int) -> None:
    assert indexes("create", database, "--index-file", file) == 0
    file.write_text("indexes:\n")
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "kindstore.cli",
        "indexes",
        "cleanup",
        str(database),
        "--index-file",
        str(file),
    ]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as asked:
        os.write(ours, f"{answer}\n".encode())
        _, errors = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert "Remove these indexes? [y/N]" in errors
    assert asked.returncode == status
    assert len(states(database)) == left


def test_an_exploding_index_is_in_error_and_says_which_entity(
    database: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explode(database)
    assert indexes("create", database, "--index-file", file) == 1
    text = capsys.readouterr().out
    assert "Book(author, year desc): error\n    Key('Book', 'all') has too many rows in it" in text
    assert "Book(ancestor; year): serving" in text
    assert indexes("list", database, "--json") == 1
    document: Any = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert [each["culprit"] for each in document["indexes"]] == [["Book", "all"], None]
    assert sound(database)


def test_an_index_in_error_is_made_anew_once_its_entity_is_mended(
    database: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explode(database)
    assert indexes("create", database, "--index-file", file) == 1
    assert indexes("build", database) == 1
    store = sqlite.open_store(database)
    key = Key.of(store.partition(), ("Book", "all"))
    store.run(store.commit([Upsert(Entity.of(key, {"author": "a1", "year": 1}))]))
    store.close()
    capsys.readouterr()
    assert indexes("create", database, "--index-file", file) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(SERVING.splitlines())
    assert sound(database)


def test_a_file_that_is_not_there_is_said_to_be_missing(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert indexes("create", database, "--index-file", tmp_path / "gone.yaml") == 2
    assert "there is no file" in capsys.readouterr().err
    assert indexes("build", tmp_path / "gone.db") == 2
    assert "there is no file" in capsys.readouterr().err
    assert not (tmp_path / "gone.db").exists()


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        ("indexes:\n- kind: A\n  propertys:\n  - name: a\n", 3, "propertys"),
        ("indexes:\n- kind: A\n  properties:\n  - name: a\n    direction: down\n", 5, "direction: down"),
        ("indexes:\n- kind: [A\n", 3, "no YAML"),
        ("indexes:\n- properties:\n  - name: a\n", 2, "without kind"),
    ],
)
def test_a_broken_file_is_shown_with_its_line(
    database: Path, file: Path, text: str, line: int, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    for action in ("create", "cleanup", "list"):
        assert indexes(action, database, "--index-file", file) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert f"{file}, line {line}: " in printed.err
        assert shown in printed.err
    assert states(database) == {}


def test_every_command_tells_its_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("list", "create", "build", "cleanup"):
        with pytest.raises(SystemExit):
            main(["indexes", action, "--help"])
        text = capsys.readouterr().out
        assert "Exit status: 0" in text
        assert "--json" in text
