"""The examples run: three stages of one application, each reading what the others wrote into one file."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
STAGES = ("db", "half", "ndb")


class Application:
    """A process of one stage on one file."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, *call: Any) -> Any:
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(json.dumps(call) + "\n")
        asked.flush()
        answer = answers.readline()
        assert answer, f"{call} ended the process"
        return json.loads(answer)


@contextmanager
def application(stage: str, file: Path) -> Generator[Application]:
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("KINDSTORE_", "DATASTORE_"))}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "run.py", stage, str(file)],
        cwd=EXAMPLES / "db_to_ndb",
        env=settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Application(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()


def fill(library: Application) -> list[str]:
    """Write some of everything; the keys that it gave."""
    return [
        library("add_author", "Ada", "1815-12-10"),
        library("add_author", "Grace", "1906-12-09"),
        library("add_book", "QA1", "Notes ", "Ada", 1, "engines", "numbers"),
        library("add_book", "QA2", "Letters", "Ada", 2),
        library("add_book", "QA3", " Compilers", "Grace", 3, "engines"),
    ]


@pytest.mark.parametrize(("writer", "reader"), [*itertools.permutations(STAGES, 2)])
def test_what_one_stage_writes_another_reads_and_changes(writer: str, reader: str, tmp_path: Path) -> None:
    file = tmp_path / "library.db"
    with application(writer, file) as library:
        keys = fill(library)
        assert library("lend", "QA1", "Eve") == 0
        first, cursor = library("page")
    with application(reader, file) as library:
        assert library("books_of", "Ada") == ["Letters", "Notes"]
        assert library("about", "engines") == [["Compilers", "Grace", 3], ["Notes", "Ada", 0]]
        assert (first, library("page", cursor)[0]) == (["Compilers", "Letters"], ["Notes"])
        assert library("lend", "QA1", "Bob") is None
        assert library("lend", "QA3", "Bob") == 2
        assert [loan[:2] for loan in library("readers")] == [["Bob", "Compilers"], ["Eve", "Notes"]]
        assert library("give_back", "QA1", "Eve") == 1
        assert fill(library) == keys  # under the same keys
    with application(writer, file) as library:
        assert library("about", "engines") == [["Compilers", "Grace", 3], ["Notes", "Ada", 1]]
        assert [loan[:2] for loan in library("readers")] == [["Bob", "Compilers"]]


def test_all_stages_work_on_one_file_at_the_same_time(tmp_path: Path) -> None:
    file = tmp_path / "library.db"
    with ExitStack() as running:
        libraries = [running.enter_context(application(stage, file)) for stage in STAGES]
        libraries[0]("add_author", "Ada", "1815-12-10")
        libraries[1]("add_book", "QA1", "Notes", "Ada", 30, "engines")
        left = [library("lend", "QA1", f"reader {n}") for n in range(10) for library in libraries]
        assert left == [*range(29, -1, -1)]
        assert [library("lend", "QA1", "late") for library in libraries] == [None, None, None]
        lists = [library("readers") for library in libraries]
        assert lists[0] == lists[1] == lists[2]
        assert len(lists[0]) == 30


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    page = (EXAMPLES / "db_to_ndb" / "README.md").read_text()
    commands = re.findall(r"echo '(.*)' \| python run.py (\w+) library.db *(?:# (.*))?", page)
    assert len(commands) == 3
    for call, stage, result in commands:
        with application(stage, tmp_path / "library.db") as library:
            answer = library(*json.loads(call))
        if result:
            assert answer == json.loads(result)
