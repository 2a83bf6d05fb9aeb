"""What a run of the demo amounts to, and who tells of it: the page on a terminal or the JSON document."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kindstore import __version__
from kindstore.cli.demo.rows import entity_count
from kindstore.cli.demo.source import Source
from kindstore.cli.demo.step import Outcome, Step


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over: *planned* is the number of steps, of which the last may not have been reached.

    *kept* is the path of the database if it stays, else None; *bytes_* the size of its files.
    """

    source: Source
    outcomes: list[Outcome]
    planned: int
    kept: Path | None
    bytes_: int
    seconds: float

    @property
    def entities(self) -> int:
        """How many entities the source has."""
        return entity_count(self.source)

    @property
    def rate(self) -> float:
        """Entities per second in the first step, which loads them."""
        return self.entities / self.outcomes[0].seconds

    @property
    def right(self) -> int:
        """How many steps gave the right result."""
        return sum(outcome.ok for outcome in self.outcomes)

    @property
    def ok(self) -> bool:
        """Whether every step was reached and right."""
        return self.right == self.planned


class Report(Protocol):
    """Is told of a run as it goes on."""

    def begin(self, source: Source) -> None:
        """The source has been read; the steps follow."""
        ...

    def open(self, step: Step) -> None:
        """*step* is about to run."""
        ...

    def loading(self, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """*total* entities are loaded within the block; the function is told of each lot."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """The step last opened has run."""
        ...

    def close(self, run: Run) -> None:
        """It is over."""
        ...


class Document:
    """One JSON document on standard output, when the run is over; docs/cli.md describes its fields."""

    def begin(self, source: Source) -> None:
        """Nothing to do yet."""

    def open(self, step: Step) -> None:
        """Nothing to do yet."""

    def loading(self, total: int) -> AbstractContextManager[Callable[[int], None]]:  # noqa: ARG002 - the protocol's
        """Nobody watches."""
        return nullcontext(lambda _: None)

    def outcome(self, outcome: Outcome) -> None:
        """Nothing to do yet."""

    def close(self, run: Run) -> None:
        """Print the document."""
        fields = {
            "ok": run.ok,
            "kindstore": __version__,
            "source": run.source.edition,
            "size": run.source.size,
            "file": None if run.kept is None else str(run.kept),
            "entities": run.entities,
            "bytes": run.bytes_,
            "seconds": round(run.seconds, 3),
            "steps": [_step(outcome) for outcome in run.outcomes],
        }
        print(json.dumps(fields, ensure_ascii=False, indent=2))


def _step(outcome: Outcome) -> dict[str, Any]:
    step = outcome.step
    return {
        "title": step.title,
        "ok": outcome.ok,
        "seconds": round(outcome.seconds, 6),
        "columns": step.columns,
        "rows": outcome.rows,
        "expected": outcome.expected,
        "error": outcome.failure,
        "code": step.text,
    }
