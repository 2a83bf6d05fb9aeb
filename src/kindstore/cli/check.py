"""`kindstore check FILE`: look for faults in a whole database, changing nothing.

Exit status 0 if the database is sound, 1 if faults were found, 2 if it cannot be opened or read.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import kindstore
from kindstore.cli.failure import CannotStart
from kindstore.cli.opening import AppStore, add_file
from kindstore.store.abc import Inspect


def add_to(commands: Any, app: AppStore | None = None) -> None:
    """Add the command to argparse's *commands*; for the store of *app*, if there is one."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "check",
        help="look for faults in a whole database file",
        description="Read a whole database file and report every fault: an index row without its entity, an "
        "entity without one of its index rows, a record that cannot be read.",
        epilog="Exit status: 0 no fault; 1 faults were found; 2 the file cannot be opened or read.",
        allow_abbrev=False,
    )
    add_file(parser, app, "the database")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.set_defaults(run=execute)


def execute(options: argparse.Namespace) -> int:
    """Check the file that *options* name; return 0 if it is sound, else 1.

    Raises CannotStart if there is no such file or it cannot be read as a database.
    """
    file: Path = options.file
    problems = find_problems(file)
    if options.json:
        print(
            json.dumps(
                {"ok": not problems, "file": str(file), "problems": problems}, ensure_ascii=False, indent=2
            )
        )
    else:
        for problem in problems:
            print(f"{file}: {problem}")
        print(f"{file}: {_summary(len(problems))}")
    return 1 if problems else 0


def find_problems(file: Path) -> list[str]:
    """Every fault in the database *file*, in words."""
    # Opening a database makes one where there is none, which is the last thing a check should do.
    if not file.is_file():
        raise CannotStart(f"there is no file {file}" if not file.exists() else f"{file} is not a file")
    try:
        store = kindstore.connect(file.absolute())
        try:
            if not isinstance(store, Inspect):
                raise CannotStart(f"{file} is in a store that cannot check itself")
            return store.run(store.check())
        finally:
            store.close()
    except kindstore.Error as error:
        raise CannotStart(f"{file} cannot be checked: {error}") from error


def _summary(problems: int) -> str:
    if not problems:
        return "no problems found"
    return "1 problem found" if problems == 1 else f"{problems:,} problems found"
