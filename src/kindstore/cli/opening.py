"""Opening a database that a command is given: one that exists, and never a new one; and the arguments that name it."""

import argparse
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import kindstore
from kindstore.cli.failure import CannotStart
from kindstore.store.abc import Store


class AppStore(NamedTuple):
    """The store of an app that has these commands (`flask_group`): what need not be said there."""

    file: Path
    project: str
    namespace: str
    database: str = ""
    index_file: Path | None = None


def add_file(
    parser: argparse.ArgumentParser, app: AppStore | None, text: str = "the database; it must exist"
) -> None:
    """Let *parser* take the path of a database, as ``options.file``: that of *app* if there is one."""
    if app is None:
        parser.add_argument("file", type=Path, metavar="FILE", help=text)
    else:
        parser.set_defaults(file=app.file)


def add_project(parser: argparse.ArgumentParser, app: AppStore | None, database: bool = True) -> None:
    """Let *parser* take the project of the keys, as ``options.project``; by default that of *app*.

    *database*: and their database, as ``options.database``.
    """
    default = "kindstore" if app is None else app.project
    parser.add_argument(
        "--project", default=default, metavar="NAME", help=f"the project of the keys (default: {default})"
    )
    if database:
        own = "" if app is None else app.database
        parser.add_argument(
            "--database",
            default=own,
            metavar="NAME",
            help=f"the database of the keys (default: {own or 'the one without a name'})",
        )


@contextmanager
def opened(file: Path, **options: Any) -> Generator[Store]:
    """The store in *file*, closed at the end of the block; *options* as `kindstore.connect` takes them.

    Raises `CannotStart` if there is no such file, or if it cannot be opened as a database.
    """
    # Opening a database makes one where there is none, which is the last thing that a look at it should do.
    if not file.is_file():
        raise CannotStart(f"there is no file {file}" if not file.exists() else f"{file} is not a file")
    try:
        store = kindstore.connect(file.absolute(), **options)
    except kindstore.Error as error:
        raise CannotStart(f"{file} cannot be opened: {error}") from error
    try:
        yield store
    finally:
        store.close()
