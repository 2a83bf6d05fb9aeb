"""What a step of the demo is, and how one is run and judged.

A step is a function that uses the library, and a second, plain one that works out from the
source what must come out. The code that is shown is the function's own source text, read back
at run time, so what a reader sees is what ran.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from traceback import extract_tb
from typing import Any, NamedTuple

from kindstore import ndb
from kindstore.cli.demo.source import Source

Cell = str | int | float | bool | None
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the demo shows.

    *code* does it, and its docstring tells a reader why. It may have parameters named as the fields of
    `Stage`. *table* turns its result into rows under *columns*. *expected* computes the same rows
    from the source alone; a row may be longer than the expected one, and then the cells beyond are
    for the reader and not judged (the text of an error). *with_* are shown before *code*.
    """

    title: str
    code: Callable[..., Any]
    columns: tuple[str, ...]
    table: Callable[[Any], Sequence[Row]]
    expected: Callable[[Source], Sequence[Row]]
    with_: tuple[Callable[..., Any] | type, ...] = ()

    @property
    def why(self) -> str:
        """The step in a sentence or two."""
        return inspect.getdoc(self.code) or ""

    @property
    def text(self) -> str:
        """The code of the step, as it runs."""
        return source_of(*self.with_, self.code)


class Stage(NamedTuple):
    """What a step may ask for: the database, the source, and whom to tell of entities stored."""

    client: ndb.Client
    path: Path
    source: Source
    stored: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step. *seconds* is the time that its code took, judging excluded."""

    step: Step
    seconds: float
    rows: Sequence[Row] = ()
    expected: Sequence[Row] = ()
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the step ran and every expected cell came out, row by row."""
        return (
            self.error is None
            and len(self.rows) == len(self.expected)
            and all(row[: len(right)] == right for row, right in zip(self.rows, self.expected, strict=True))
        )

    @property
    def failure(self) -> str | None:
        """The error as text, with the place where it was raised; None if there was none."""
        if self.error is None:
            return None
        place = extract_tb(self.error.__traceback__)[-1]
        return f"{type(self.error).__name__}: {self.error} ({Path(place.filename).name}:{place.lineno})"


def run(step: Step, stage: Stage) -> Outcome:
    """Run *step* in a context of its own, time it and judge it. An error of the step is its outcome, not raised."""
    wanted = inspect.signature(step.code).parameters
    arguments = {name: value for name, value in stage._asdict().items() if name in wanted}
    started = perf_counter()
    try:
        with stage.client.context():
            started = perf_counter()
            result = step.code(**arguments)
            seconds = perf_counter() - started
            rows = list(step.table(result))
    except Exception as error:  # noqa: BLE001 - whatever a step raises is shown and counted as wrong
        return Outcome(step, perf_counter() - started, error=error)
    return Outcome(step, seconds, rows, list(step.expected(stage.source)))


def source_of(*shown: Callable[..., Any] | type) -> str:
    """The source text of *shown*, without docstrings; of the last one, if a function, only its body.

    Decorators stay. Where the source files are not there, says so instead of raising.
    """
    try:
        texts = [_text(item, whole=item is not shown[-1] or isinstance(item, type)) for item in shown]
    except OSError:
        return "# (the source of this step is not installed)"
    return "\n\n".join(texts)


def _text(item: Callable[..., Any] | type, *, whole: bool) -> str:
    source = textwrap.dedent(inspect.getsource(item))
    lines = source.splitlines()
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.FunctionDef | ast.ClassDef) or definition.name != item.__name__:
        raise OSError("the source of something else")  # which Python 3.13 gives where there is none
    first, body = definition.body[0], definition.body
    if ast.get_docstring(definition) is not None:
        assert first.end_lineno is not None
        del lines[first.lineno - 1 : first.end_lineno]
        while len(body) > 1 and not lines[first.lineno - 1].strip():
            del lines[first.lineno - 1]
    return "\n".join(lines) if whole else textwrap.dedent("\n".join(lines[first.lineno - 1 :]))
