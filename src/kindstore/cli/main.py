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
from kindstore.cli.opening import AppStore

ON_A_STORE = (check, gql, indexes, stats, unique)
"""The commands that work on a store; ``flask kindstore`` has them too."""
OTHERS = (demo, ndb_lint)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* (default: the process's own) ask for; return its exit status.

    Raises SystemExit, with status 0 or 2, where argparse does: `--help`, `--version`, wrong arguments.
    """
    return run(parser(), arguments)


def run(top: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """`main`, for the commands of *top*, which `parser` made."""
    options = top.parse_args(arguments)
    # A terminal that cannot show every letter must not end a command half-way through.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except CannotStart as failure:
        print(f"{top.prog} {options.command}: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{top.prog} {options.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`kindstore demo | head`). Python would flush once more at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def parser(app: AppStore | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line. Each command sets `run`, a function of the parsed options.

    With *app*: of ``flask kindstore``, which has the commands that work on a store, on that one.
    """
    return _made(app)[0]


def descriptions(app: AppStore) -> dict[str, str]:
    """What each command of the parser for *app* does, by its name."""
    return {name: str(each.description) for name, each in _made(app)[1].items()}


def _made(app: AppStore | None) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    top = argparse.ArgumentParser(
        prog="kindstore" if app is None else "flask kindstore",
        description="Kindstore is the Datastore as a Python library, in one SQLite file.",
        epilog="Exit status: 0 all right; 1 something was found wrong; 2 the command could not do its work.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"kindstore {__version__}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for each in ON_A_STORE:
        each.add_to(commands, app)
    for each in () if app is not None else OTHERS:
        each.add_to(commands)
    return top, commands.choices
