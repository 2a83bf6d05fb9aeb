"""The demo on a terminal: titles, code, tables, times.

A page is never wider than 80 columns, so that it reads the same everywhere, and it has no colour where
standard output is not a terminal or NO_COLOR is set.
"""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from textwrap import wrap

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from kindstore import __version__
from kindstore.cli.demo.report import Run
from kindstore.cli.demo.source import Source
from kindstore.cli.demo.step import Cell, Outcome, Row, Step

WIDTH = 80
INDENT = 4
CODE_INDENT = 8
ROWS = 10
"""At most so many rows of a result are shown."""


class Screen:
    """Prints to standard output; the progress bar goes to standard error, and only on a terminal."""

    def __init__(self) -> None:
        self._out = Console(highlight=False)
        self._out.width = min(self._out.width, WIDTH)
        self._number = 0

    def begin(self, source: Source) -> None:
        """Print the head of the page."""
        self._out.print()
        self._write(f"Kindstore {__version__}: the Datastore as a Python library", style="bold")
        self._write(
            f"{len(source.cities):,} cities of GeoNames ({source.edition}), in one SQLite file. "
            "Each step reads from the file, not from the memory of the step before, and its result is "
            "compared with what plain Python works out from the same source.",
            style="dim",
        )

    def open(self, step: Step) -> None:
        """Print the head of a step: its number and title, why it is there, and its code."""
        self._number += 1
        heading = Text.assemble((f"{self._number:>2}  ", "cyan"), (step.title, "bold cyan"))
        code = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(step.text)
        self._out.print()
        self._out.print(Rule(heading, align="left", style="cyan"))
        self._write(" ".join(step.why.split()))
        self._out.print()
        for line in code.split("\n"):
            self._out.print(Text(" " * CODE_INDENT) + line if line else "")
        self._out.print()

    @contextmanager
    def loading(self, total: int) -> Generator[Callable[[int], None], None, None]:
        """Show a bar that the function yielded moves on, and that vanishes with the end of the block."""
        columns = (
            TextColumn(" " * INDENT + "Loading"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        out, is_watched = Console(stderr=True), sys.stderr.isatty()
        with Progress(*columns, console=out, transient=True, disable=not is_watched) as bar:
            task = bar.add_task("", total=total)
            yield lambda stored: bar.advance(task, stored)

    def outcome(self, outcome: Outcome) -> None:
        """Print what came of the step, whether it was right, and its time."""
        columns, wanted = outcome.step.columns, outcome.expected
        self._table(columns, outcome.rows)
        if outcome.failure is not None:
            verdict = outcome.failure
        elif outcome.ok:
            verdict = f"{_rows(len(outcome.rows))}, as expected"
        else:
            verdict = "WRONG; by the source it is:" if wanted else "WRONG; by the source there is nothing"
        self._verdict(outcome.ok, verdict, duration(outcome.seconds))
        if not outcome.ok and wanted:
            self._table(columns[: len(wanted[0])], wanted)

    def close(self, run: Run) -> None:
        """Print the end of the page: the verdict on the whole, and some small print."""
        self._out.print()
        self._out.print(Rule(style="green" if run.ok else "red", characters="━"))
        self._verdict(run.ok, f"{run.right} of {run.planned} results right", f"{run.seconds:.1f} s in all")
        self._write(
            f"{run.entities:,} entities in {run.bytes_ / 1e6:,.0f} MB, loaded at {run.rate:,.0f} a second.",
            "dim",
        )
        # A path must come out in one piece, however long, so that it can be copied.
        kept = (
            "The file is deleted again; --keep would leave it."
            if run.kept is None
            else f"The file: {run.kept}"
        )
        self._out.print(Text(" " * INDENT + kept, style="dim"), soft_wrap=True)
        self._out.print()

    def _verdict(self, ok: bool, text: str, at_the_right: str) -> None:
        """A line with a mark, a text, and a figure at the right edge."""
        line = Table.grid(expand=True)
        line.add_column()
        line.add_column(justify="right", no_wrap=True)
        line.add_row(
            Text(f"{'✓' if ok else '✗'} {text}", style="green" if ok else "bold red"),
            Text(f"  {at_the_right}", style="bold"),
        )
        self._out.print(Padding(line, (0, 0, 0, INDENT)))

    def _table(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """The first rows of a result, and how many more there are."""
        if not rows:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for position, column in enumerate(columns):
            numeric = all(isinstance(row[position], int | float | None) for row in rows)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in rows[:ROWS]:
            table.add_row(*map(_cell, row[: len(columns)]))
        self._out.print(Padding(table, (0, 0, 0, INDENT), expand=False))
        if len(rows) > ROWS:
            self._write(f"… and {len(rows) - ROWS:,} more", style="dim")

    def _write(self, text: str, style: str = "") -> None:
        """A paragraph. Wrapped here, as rich would fill each line up with blanks."""
        for line in wrap(text, self._out.width - INDENT):
            self._out.print(Text(" " * INDENT + line, style=style))


def duration(seconds: float) -> str:
    """A time with three digits, in the unit that suits it: µs, ms or s."""
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        value = seconds / unit
        if value >= 1 or name == "µs":
            break
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {name}"


def _cell(value: Cell) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _rows(number: int) -> str:
    if not number:
        return "nothing"
    return "1 row" if number == 1 else f"{number:,} rows"
