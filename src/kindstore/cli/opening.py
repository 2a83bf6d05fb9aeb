"""Opening a database that a command is given: one that exists, and never a new one."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kindstore
from kindstore.cli.failure import CannotStart
from kindstore.store.abc import Store


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
