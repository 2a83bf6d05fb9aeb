"""`kindstore indexes list|create|build|cleanup FILE`: its arguments. `keeping` does the work.

Exit status 0 if all went well, 1 if an index can't be built or was left, 2 if a file can't be read.
"""

import argparse
from pathlib import Path
from typing import Any

from kindstore.cli.opening import AppStore, add_file, add_project

STATUS = "Exit status: 0 all right; 1 an index is in error; 2 a file cannot be opened or read."


def add_to(commands: Any, app: AppStore | None = None) -> None:
    """Add the command to argparse's *commands*; for the store of *app*, if there is one."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "indexes",
        help="list, make, build and remove composite indexes",
        description="Keep the composite indexes of a database file as index.yaml says. Others may use the database "
        "meanwhile.",
        epilog=f"{STATUS} Each of these commands takes --json.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(title="commands", dest="action", metavar="COMMAND", required=True)
    for name, text in (
        ("list", "tell which indexes there are, and how far they are"),
        ("create", "define and build what index.yaml has and the database lacks"),
        ("build", "go on with indexes that are being built"),
        ("cleanup", "remove the indexes that index.yaml does not have"),
    ):
        action = actions.add_parser(name, help=text, description=text, epilog=STATUS, allow_abbrev=False)
        add_file(action, app)
        if name != "build":
            own = None if app is None else app.index_file
            default = own or (None if name == "list" else Path("index.yaml"))
            shown = "; with it, those are listed too that the database lacks" if name == "list" else ""
            action.add_argument(
                "--index-file",
                type=Path,
                default=default,
                metavar="PATH",
                help=f"the file of indexes (default: {default or 'none'}){shown}",
            )
        if name == "cleanup":
            action.add_argument("--yes", action="store_true", help="remove without asking")
        add_project(action, app, database=False)
        action.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        action.set_defaults(run=execute)


def execute(options: argparse.Namespace) -> int:
    """Do what *options* say; return 0, or 1 if an index is in error or was left.

    Raises CannotStart if a file cannot be opened or read.
    """
    from kindstore.cli.indexes.keeping import keep  # noqa: PLC0415  # `kindstore --help` has to be quick

    return keep(options)
