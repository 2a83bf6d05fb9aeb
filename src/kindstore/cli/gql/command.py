"""`kindstore gql FILE "SELECT …"`: its arguments. `asking` does the work.

Exit status 0 if the query ran, 1 if it is wrong or the Datastore does not have it, 2 if the file cannot be opened.
"""

import argparse
from typing import Any

from kindstore.cli.failure import missing_extra
from kindstore.cli.opening import AppStore, add_file, add_project

DIALECTS = ("v1", "app-engine")


def add_to(commands: Any, app: AppStore | None = None) -> None:
    """Add the command to argparse's *commands*; for the store of *app*, if there is one."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "gql",
        help="ask a database file a question in GQL",
        description="Run one GQL query on a database file, and print its results as a table. Nothing is changed.",
        epilog="Exit status: 0 the query ran; 1 the query is wrong; 2 the file cannot be opened.",
        allow_abbrev=False,
    )
    add_file(parser, app)
    parser.add_argument("query", metavar="QUERY", help="the text of the query")
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        default=DIALECTS[0],
        help="which GQL: v1, with parameters @name (the default), or App Engine's, with :name",
    )
    parser.add_argument(
        "--namespace",
        default="" if app is None else app.namespace,
        metavar="NAME",
        help="the namespace that is asked",
    )
    add_project(parser, app)
    parser.add_argument(
        "--bind",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help='the argument of a parameter, as JSON: name=1815, 1=\'"Ada"\', key=\'{"key": ["Author", "ada"]}\'',
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument(
        "--explain", action="store_true", help="print how the query would run, not its results"
    )
    parser.set_defaults(run=execute)


def execute(options: argparse.Namespace) -> int:
    """Ask what *options* say; return 0, or 1 if the query is wrong.

    Raises CannotStart if the file cannot be opened, or if a table is wanted and rich is not installed.
    """
    # Late, because `kindstore --help` has to be quick, and a document needs no extra.
    from kindstore.cli.gql.asking import ask  # noqa: PLC0415

    if options.json or options.explain:
        from kindstore.cli.gql.document import Document  # noqa: PLC0415

        return ask(options, Document())
    try:
        from kindstore.cli.gql.table import Screen  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        raise missing_extra("rich", "a table", "cli") from None
    return ask(options, Screen())
