"""Plays the demo: reads the source, runs the steps one after the other, and has it reported."""

import argparse
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter

import kindstore
from kindstore import ndb
from kindstore.cli.demo.report import Document, Report, Run
from kindstore.cli.demo.rows import entity_count
from kindstore.cli.demo.screen import Screen
from kindstore.cli.demo.source import Source, read
from kindstore.cli.demo.step import Outcome, Stage, run
from kindstore.cli.demo.steps import STEPS
from kindstore.cli.failure import CannotStart


def play(options: argparse.Namespace) -> int:
    """Run the demo as *options* say; return 0 if every result was right, else 1.

    Raises CannotStart if something it needs is missing, or the file exists already.
    """
    started = perf_counter()
    report = Document() if options.json else Screen()
    source = read(options.size)
    with _database(options.file, keep=options.keep) as (path, is_kept):
        with _opened(path) as client:
            report.begin(source)
            outcomes = _run_steps(client, path, source, report)
        size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        seconds = perf_counter() - started
        whole = Run(source, outcomes, len(STEPS), path if is_kept else None, size, seconds)
        report.close(whole)
    return 0 if whole.ok else 1


def _run_steps(client: ndb.Client, path: Path, source: Source, report: Report) -> list[Outcome]:
    """Run the steps, each in a context of its own. Without the first, which loads, the others make no sense."""
    outcomes: list[Outcome] = []
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
def _opened(path: Path) -> Generator[ndb.Client, None, None]:
    """A client of the database at *path*, open. Raises CannotStart where no database can be."""
    with ndb.Client(url=path.absolute()) as client:
        try:
            _ = client.store
        except kindstore.Error as error:
            raise CannotStart(f"{path} cannot be opened: {error}") from error
        yield client


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
