"""The documents are true: examples run, links lead somewhere, commands and errors are described."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kindstore.cli.main import parser
from kindstore.values import errors
from tests import pages

TOP = Path(__file__).parents[1]
FOLDERS = [TOP / "docs", TOP / "examples"]
PAGES = [
    TOP / "README.md",
    TOP / "CHANGELOG.md",
    *sorted(page for each in FOLDERS for page in each.rglob("*.md")),
]
WITH_EXAMPLES = [page for page in PAGES if pages.examples(page.read_text())]


def name_of(page: Path) -> str:
    return str(page.relative_to(TOP))


def test_the_readme_has_an_example() -> None:
    assert TOP / "README.md" in WITH_EXAMPLES


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """One page is one program, in a directory of its own; its blocks run in order and share their names.

    If it has tests, pytest runs it, and them.
    """
    # Everything but the code becomes an empty line, so that a traceback's line is the page's line.
    # Not just the page's name: that may be a package's.
    program = tmp_path / f"page_{page.stem}.py"
    program.write_text(pages.program(page.read_text()))
    has_tests = "\ndef test_" in program.read_text()
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if has_tests else []
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("KINDSTORE_", "DATASTORE_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", *runner, program.name],
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{name_of(page)}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert not pages.broken_links(page)


def commands() -> list[str]:
    (subparsers,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return sorted(subparsers.choices)


def test_there_are_commands() -> None:
    assert {"check", "demo"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_is_described(command: str) -> None:
    written = "\n".join(page.read_text() for page in PAGES)
    assert re.search(rf"\bkindstore {command}\b", written), f"no page shows `kindstore {command}`"


def tree_of(error: type[errors.Error]) -> set[type[errors.Error]]:
    """*error* and the public errors of the package below it."""
    below = {each for child in error.__subclasses__() for each in tree_of(child)}
    is_public = error.__module__.startswith("kindstore") and not error.__name__.startswith("_")
    return below | {error} if is_public else below


def test_every_error_is_described() -> None:
    import kindstore.db.key_range
    import kindstore.flask
    import kindstore.ndb  # noqa: F401  # their errors belong to the tree

    written = (TOP / "docs" / "errors.md").read_text()
    missing = [e.__name__ for e in tree_of(errors.Error) if not re.search(rf"\b{e.__name__}\b", written)]
    assert sorted(missing) == []


# The checker of pages itself.


def test_a_page_becomes_a_program_with_the_same_line_numbers() -> None:
    page = "# Title\n```python\nx = 1\n```\ntext\n```sh\nrm -r x\n```\n```python\nassert x == 1\n```\n"
    assert pages.program(page) == "\n\nx = 1\n\n\n\n\n\n\nassert x == 1\n\n"
    assert pages.examples(page) == 2


def test_a_block_inside_a_list_is_dedented() -> None:
    assert pages.program("* text\n\n  ```python\n  if True:\n      x = 1\n  ```\n").split("\n")[3:5] == [
        "if True:",
        "    x = 1",
    ]


def test_a_block_that_never_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        pages.program("text\n```python\nx = 1\n")


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("other.md", False),
        ("other.md#a-title-with-code", False),
        ("#here-too", False),
        ("https://example.org/", False),
        ("gone.md", True),
        ("other.md#no-such-title", True),
        ("#nor-here", True),
    ],
)
def test_broken_links_are_found(tmp_path: Path, link: str, is_broken: bool) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"## Here, too\n\n```text\n[not](a-link.md)\n```\n\n[a link]({link})\n")
    (tmp_path / "other.md").write_text("# A title: with `code`\n")
    assert pages.broken_links(page) == ([link] if is_broken else [])
