"""`kindstore demo`: reads the source, runs the steps one after the other, and reports."""

import argparse
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

from kindstore import ndb
from kindstore.cli.demo.report import Document, Report, Run
from kindstore.cli.demo.rows import entity_count
from kindstore.cli.demo.source import SIZES, Source, read
from kindstore.cli.demo.step import Outcome, Stage, run
from kindstore.cli.demo.steps import STEPS
from kindstore.cli.failure import CannotStart, missing_extra


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
    """Run the demo as *options* say; return 0 if every result was right, else 1.

    Raises CannotStart if something it needs is missing, or the file exists already.
    """
    started = perf_counter()
    report = Document() if options.json else _screen()
    source = read(options.size)
    with _database(options.file, keep=options.keep) as (path, is_kept):
        report.begin(source)
        outcomes = _run_steps(source, path, report)
        size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        seconds = perf_counter() - started
        whole = Run(source, outcomes, len(STEPS), path if is_kept else None, size, seconds)
        report.close(whole)
    return 0 if whole.ok else 1


def _screen() -> Report:
    """A page on standard output. Raises CannotStart if rich is not installed."""
    try:
        # Late, because `kindstore --help` has to be quick, and has to work without the extra.
        from kindstore.cli.demo.screen import Screen  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        raise missing_extra("rich") from None
    return Screen()


def _run_steps(source: Source, path: Path, report: Report) -> list[Outcome]:
    """Run the steps, each in a context of its own. Without the first, which loads, the others make no sense."""
    outcomes: list[Outcome] = []
    with ndb.Client(url=path) as client:
        for step in STEPS:
            report.open(step)
            with report.loading(entity_count(source)) if not outcomes else nullcontext(_ignore) as stored:
                outcomes.append(run(step, Stage(client, path, source, stored)))
            report.outcome(outcomes[-1])
            if not outcomes[0].ok:
                break
    return outcomes


def _ignore(_stored: int) -> None:
    """Nothing to tell: this step loads nothing."""


@contextmanager
def _database(file: Path | None, *, keep: bool) -> Generator[tuple[Path, bool], None, None]:
    """The path of a database to be made, and whether it stays. Deletes it, with all it wrote beside it, if not."""
    if file is not None:
        if file.exists():
            raise CannotStart(f"{file} exists already, and the demo overwrites nothing; name a new file")
        if not file.parent.is_dir():
            raise CannotStart(f"there is no directory {file.parent}")
        yield file, True
    elif keep:
        yield Path(tempfile.mkdtemp(prefix="kindstore-")) / "cities.db", True
    else:
        with tempfile.TemporaryDirectory(prefix="kindstore-") as directory:
            yield Path(directory) / "cities.db", False
