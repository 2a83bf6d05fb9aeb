"""`kindstore ndb-lint PATH`: report what in a code base written for NDB would not work on `kindstore.ndb`.

Exit status 0 if nothing was found, 1 if something was, 2 if PATH cannot be read.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kindstore.cli.failure import CannotStart
from kindstore.cli.ndb_lint.finding import findings
from kindstore.testing import store

# Directories that hold other people's code.
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})


def add_to(commands: Any) -> None:
    """Add the command to argparse's *commands*."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "ndb-lint",
        help="report what in a code base would not work on kindstore.ndb",
        description="Read Python files and report the imports, names and options of google.cloud.ndb and "
        "google.appengine.ext.ndb in them that kindstore.ndb does not have. Nothing of the code is run.",
        epilog="Exit status: 0 nothing found; 1 something found; 2 PATH cannot be read.",
        allow_abbrev=False,
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="a file, or a directory with all below it")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.set_defaults(run=execute)


def execute(options: argparse.Namespace) -> int:
    """Report on the files below the path that *options* name; return 0 if nothing was found, else 1.

    Raises CannotStart if there is no such path, or a file can't be read.
    """
    path: Path = options.path
    files = list(python_files(path))
    with store():  # what is tried out goes to a store in memory
        found = [each for file in files for each in findings(str(file), _source(file))]
    if options.json:
        shown = [{"file": each.file, "line": each.line, "message": each.message} for each in found]
        document = {"ok": not found, "path": str(path), "files": len(files), "findings": shown}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for each in found:
            print(each)
        print(f"{path}: {_counted(len(found), 'finding')} in {_counted(len(files), 'file')}")
    return 1 if found else 0


def python_files(path: Path) -> Iterator[Path]:
    """*path* itself if it is a file, else the Python files below it, in order; hidden directories are left out."""
    if path.is_file():
        yield path
    elif path.is_dir():
        for file in sorted(path.rglob("*.py")):
            above = file.relative_to(path).parts[:-1]
            if not any(part.startswith(".") or part in _SKIPPED for part in above):
                yield file
    else:
        raise CannotStart(f"there is no {path}")


def _source(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotStart(f"{file} cannot be read: {error.strerror}") from error


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
