"""`python -m bench.ndb_cost`: all sides in one run, interleaved; prints a table in Markdown."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from bench import report
from bench.ndb_cost.side import SIDES, installed
from bench.ndb_cost.workload import ENTITIES, OPERATIONS

ROOT = Path(__file__).parent.parent.parent
BEGIN, END = "<!-- ndb-cost:begin -->", "<!-- ndb-cost:end -->"


class _Process:
    def __init__(self, stack: ExitStack, name: str, path: Path) -> None:
        command = [sys.executable, "-m", "bench.ndb_cost.side", name, str(path)]
        self._child = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        )

    def ask(self, command: str) -> Any:
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(f"{command}\n")
        self._child.stdin.flush()
        return json.loads(self._child.stdout.readline() or "null")


def measure(names: list[str], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Operation -> side -> CPU microseconds an entity of each round; ``memory`` once.

    AssertionError if the sides do not answer alike.
    """
    with TemporaryDirectory(prefix="kindstore-ndb-") as directory, ExitStack() as stack:
        sides = {name: _Process(stack, name, Path(directory) / "cost.db") for name in names}
        answers = {name: side.ask("answers") for name, side in sides.items()}
        assert len(set(answers.values())) == 1, f"the sides answer differently: {answers}"
        random = Random(0)
        found: dict[str, dict[str, list[float]]] = {
            operation: {name: [] for name in names} for operation in OPERATIONS
        }
        for number in range(rounds + 1):
            for operation, cells in found.items():
                for name in random.sample(names, len(names)):
                    taken = sides[name].ask(operation)
                    if number:  # the first round warms up
                        cells[name].append(taken)
        found["memory"] = {name: [side.ask("memory")] for name, side in sides.items()}
        return found


def table(found: dict[str, dict[str, list[float]]], rounds: int) -> str:
    """The least of the rounds for each side, and how many times google-cloud-ndb takes."""
    names = list(found["memory"])
    first, *others = names
    heads = [first, *(f"{name} | ahead" for name in others)]
    lines = [
        f"{ENTITIES:,} entities of ten properties, CPU µs an entity, least of {rounds} rounds in one run.",
        "",
        f"|  | {' | '.join(heads)} |",
        f"| --- |{' ---: |' * (1 + 2 * len(others))}",
    ]
    for operation, cells in found.items():
        base = min(cells[first])
        row = [f"{base:.1f}" if operation != "memory" else f"{base:,.0f}"]
        for name in others:
            least = min(cells[name])
            row += [f"{least:.1f}" if operation != "memory" else f"{least:,.0f}", f"{base / least:.1f}"]
        label = "bytes of a fetched entity" if operation == "memory" else operation
        lines.append(f"| {label} | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.ndb_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds, after one that warms up (7)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between FILE's markers")
    options = parser.parse_args()
    if not installed():
        sys.exit("google-cloud-ndb is not installed (make bench installs it)")
    text = table(measure(list(SIDES), options.rounds), options.rounds)
    print(text)
    if options.write:
        report.write(options.write, text, BEGIN, END)


if __name__ == "__main__":
    main()
