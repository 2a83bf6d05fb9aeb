"""The run itself: fill every peer, make them agree, then visit them all in random order, round by round."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec

from bench.budgets import StartUp
from bench.peers import imports
from bench.process import WorkerProcess
from bench.results import Budgets, Cell, PeerFacts, Results
from bench.workload import OPERATIONS

Tell = Callable[[str], None]
FULL = 2
_BEFORE_INDEX = [name for name, operation in OPERATIONS.items() if not operation.indexed]
_INDEXED = [name for name, operation in OPERATIONS.items() if operation.indexed]
GROWING = ("get", "query_eq", "range_100", "count")
Workers = dict[str, WorkerProcess]


class Disagreement(Exception):
    """Two peers answered a question differently: nothing they cost can be compared."""


class UnequalDurability(Exception):
    """A peer does not write as durably as the others."""


def machine() -> str:
    """Processor, core count, operating system."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def compare(
    names: Sequence[str],
    *,
    records: int,
    rounds: int,
    command: str,
    scale: float = 1.0,
    once: bool = True,
    tell: Tell,
) -> Results:
    """Run the whole workload on *names*; Disagreement or UnequalDurability before anything is measured.

    *once*: also what is measured once (memory, start-up, frames).
    """
    results = Results(
        records=records,
        rounds=rounds,
        machine=machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        date=time.strftime("%Y-%m-%d"),
        command=command,
    )
    with TemporaryDirectory(prefix="kindstore-bench-") as directory, ExitStack() as stack:
        workers: Workers = {}
        for name in names:
            tell(f"{name}: loading {records:,} records")
            workers[name] = stack.enter_context(WorkerProcess(name, Path(directory) / f"{name}.db"))
            results.peers[name] = _filled(workers[name], records)
        agree(workers, "before")
        _rounds(workers, results, _BEFORE_INDEX, scale, tell)
        # All peers did the same writes, so they must still hold the same data.
        agree(workers, "after")
        if once:
            start_up = StartUp(Path(directory) / "bytecode")
            for name, worker in workers.items():
                tell(f"{name}: frames, memory, start-up")
                results.budgets[name] = _budgets(worker, start_up, str(Path(directory) / f"{name}.db"))
        tell("indexing")
        for worker in workers.values():
            worker.ask("index")
        agree(workers, "indexed")
        _rounds(workers, results, _INDEXED, scale, tell)
        for name, budgets in results.budgets.items():
            budgets.frames |= {each: workers[name].ask("frames", each) for each in _INDEXED}
    return results


def _filled(worker: WorkerProcess, records: int) -> PeerFacts:
    facts = msgspec.convert(worker.ask("load", records), PeerFacts)
    if (facts.journal, facts.synchronous) != ("wal", FULL):
        raise UnequalDurability(f"{worker.name} runs on {facts.journal}, synchronous={facts.synchronous}")
    return facts


def agree(workers: Workers, seed: str) -> None:
    """Raise Disagreement, with both answers, unless every peer answers every read alike."""
    (first, reference), *others = [(name, worker.ask("answers", seed)) for name, worker in workers.items()]
    for name, digests in others:
        for operation, digest in digests.items():
            if digest != reference[operation]:
                left, right = (workers[peer].ask("answer", operation, seed) for peer in (first, name))
                raise Disagreement(
                    f"{operation}: {first} answers {left!s:.600}, {name} answers {right!s:.600}"
                )


def _rounds(workers: Workers, results: Results, operations: Sequence[str], scale: float, tell: Tell) -> None:
    random = Random(0)
    results.cells |= {name: {peer: Cell(cpu=[], wall=[]) for peer in workers} for name in operations}
    for number in range(results.rounds + 1):
        tell(f"round {number} of {results.rounds}" if number else "warm-up round")
        for operation in operations:
            for peer in random.sample(list(workers), len(workers)):
                found = workers[peer].ask("measure", operation, str(number), scale)
                if number:
                    cell = results.cells[operation][peer]
                    cell.cpu.append(found["cpu"])
                    cell.wall.append(found["wall"])


def _budgets(worker: WorkerProcess, start_up: StartUp, path: str) -> Budgets:
    once = worker.ask("memory")
    return Budgets(
        bytes=once["bytes"],
        read_ns=once["read_ns"],
        write_ns=once["write_ns"],
        frames={name: worker.ask("frames", name) for name in _BEFORE_INDEX},
        import_ms=start_up.import_ms(imports(worker.name)),
        cold_ms=start_up.first_record_ms(worker.name, path),
    )


def grow(
    names: Sequence[str], sizes: Sequence[int], *, rounds: int, scale: float = 1.0, tell: Tell
) -> Results:
    """Only the read operations whose cost must not follow the size of the data, at each of *sizes*."""
    grown = Results(records=0, rounds=rounds, machine="", python="", date="", command="")
    for size in sizes:
        with TemporaryDirectory(prefix="kindstore-bench-") as directory, ExitStack() as stack:
            workers: Workers = {}
            for name in names:
                tell(f"growth: {name}: loading {size:,} records")
                started = time.perf_counter()
                workers[name] = stack.enter_context(WorkerProcess(name, Path(directory) / f"{name}.db"))
                grown.peers[name] = _filled(workers[name], size)
                tell(f"growth: {name}: {size:,} records in {time.perf_counter() - started:.1f} s")
            grown.growth[str(size)] = _grown(workers, size, rounds, scale)
    return grown


def _grown(workers: Workers, size: int, rounds: int, scale: float) -> dict[str, dict[str, float]]:
    random = Random(size)
    least = {operation: dict.fromkeys(workers, float("inf")) for operation in GROWING}
    for number in range(rounds + 1):
        for operation in GROWING:
            # A count walks its index rows: forty counts of half a million each would take minutes.
            calls = min(1.0, 20_000 / size) if operation == "count" else 1.0
            for peer in random.sample(list(workers), len(workers)):
                found = workers[peer].ask("measure", operation, str(number), scale * calls)
                if number:
                    least[operation][peer] = min(least[operation][peer], found["cpu"])
    return least
