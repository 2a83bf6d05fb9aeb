"""The entry point: reads the arguments, runs one command, and turns its end into an exit status.

0: everything was right.  1: the command ran and found something wrong.  2: it could not do its
work (wrong arguments, no such file, a missing extra).  130: interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from kindstore import __version__
from kindstore.cli import check, demo, gql, indexes, ndb_lint, stats, unique
from kindstore.cli.failure import CannotStart


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* (default: the process's own) ask for; return its exit status.

    Raises SystemExit, with status 0 or 2, where argparse does: `--help`, `--version`, wrong arguments.
    """
    options = parser().parse_args(arguments)
    # A terminal that cannot show every letter must not end a command half-way through.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except CannotStart as failure:
        print(f"kindstore {options.command}: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"kindstore {options.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`kindstore demo | head`). Python would flush once more at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Each command sets `run`, a function of the parsed options."""
    top = argparse.ArgumentParser(
        prog="kindstore",
        description="Kindstore is the Datastore as a Python library, in one SQLite file.",
        epilog="Exit status: 0 all right; 1 something was found wrong; 2 the command could not do its work.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"kindstore {__version__}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    demo.add_to(commands)
    check.add_to(commands)
    gql.add_to(commands)
    indexes.add_to(commands)
    stats.add_to(commands)
    unique.add_to(commands)
    ndb_lint.add_to(commands)
    return top
