"""Tables in Markdown out of a run's results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.peers import FLOORS
from bench.results import Results
from bench.workload import OPERATIONS

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_READS = [
    name
    for name, operation in OPERATIONS.items()
    if not operation.writes and not operation.indexed and name != "construct"
]
_INDEXED = [name for name, operation in OPERATIONS.items() if operation.indexed]
_WRITES = [name for name, operation in OPERATIONS.items() if operation.writes]
_SUBJECT = "kindstore"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(nanoseconds: float) -> str:
    """Microseconds in three digits: `6.68`, `85.0`, `1206`, `16k`."""
    micro = nanoseconds / 1000
    if micro >= 10_000:
        return f"{micro / 1000:.0f}k"
    return f"{micro:.0f}" if micro >= 100 else f"{micro:.1f}" if micro >= 10 else f"{micro:.2f}"


def ratio(value: float) -> str:
    """A ratio in three digits: `0.95`, `3.50`, `17.2`, `139`."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _title(operation: str) -> str:
    return operation + (", per object" if OPERATIONS[operation].per_object else "")


def _costs(results: Results, operations: Sequence[str], clock: str) -> str:
    floor = _floor(results)
    rows: list[list[str]] = []
    for peer in results.peers:
        row = [peer]
        for operation in operations:
            least = results.least(operation, peer, clock)
            cell = f"{number(results.middle(operation, peer, clock))}/{number(least)}"
            row.append(cell + (f" ×{ratio(least / results.least(operation, floor, clock))}" if floor else ""))
        rows.append(row)
    return _table(["", *map(_title, operations)], rows)


def _floor(results: Results) -> str | None:
    return FLOORS[0] if FLOORS[0] in results.peers else None


def _verdict(results: Results) -> str:
    """Kindstore's place in each operation: against the floor and against the best of the mappers."""
    mappers = [peer for peer in results.peers if peer not in (*FLOORS, _SUBJECT)]
    rows: list[list[str]] = []
    for operation in OPERATIONS:
        ours = results.least(operation, _SUBJECT)
        floors = [results.least(operation, floor) for floor in FLOORS if floor in results.peers]
        row = [_title(operation), *[ratio(ours / floor) for floor in floors]]
        if mappers:
            best = min(mappers, key=lambda peer: results.least(operation, peer))
            row += [best, ratio(results.least(operation, best) / ours)]
            row += [ratio(results.least(operation, peer) / ours) for peer in mappers]
        rows.append(row)
    floors_named = [f"× {floor}" for floor in FLOORS if floor in results.peers]
    head = ["", *floors_named]
    if mappers:
        head += ["best mapper", "ahead of it", *[f"ahead of {peer}" for peer in mappers]]
    return _table(head, rows)


def _budgets(results: Results) -> str:
    head = ["", "bytes per loaded record", "read ns", "write ns", "import, CPU ms", "cold start, CPU ms"]
    return _table(
        head,
        (
            (
                peer,
                f"{found.bytes:.0f}",
                f"{found.read_ns:.0f}",
                f"{found.write_ns:.0f}",
                f"{found.import_ms:.0f}",
                f"{found.cold_ms:.0f}",
            )
            for peer, found in results.budgets.items()
        ),
    )


def _frames(results: Results) -> str:
    operations = [name for name in OPERATIONS if name != "iterate"]
    return _table(
        ["", *operations],
        (
            [peer, *[f"{found.frames[operation]:,}" for operation in operations]]
            for peer, found in results.budgets.items()
        ),
    )


def _growth(results: Results) -> str:
    sizes = list(results.growth)
    operations = list(next(iter(results.growth.values())))
    peers = list(next(iter(results.growth[sizes[0]].values())))
    shown = " / ".join(f"{int(size):,}" for size in sizes)
    return f"CPU µs, least of the rounds, at {shown} records:\n\n" + _table(
        ["", *operations],
        (
            [
                peer,
                *[
                    " / ".join(number(results.growth[size][operation][peer]) for size in sizes)
                    for operation in operations
                ],
            ]
            for peer in peers
        ),
    )


def tables(results: Results) -> str:
    """The whole report."""
    versions = {name: found for facts in results.peers.values() for name, found in facts.versions.items()}
    parts = [
        f"Measured {results.date} on {results.machine}, {results.python}, by `{results.command}`: "
        f"{results.records:,} records, {results.rounds} rounds. "
        + ", ".join(f"{name} {found}" for name, found in versions.items())
        + ". Every peer: journal_mode=WAL, synchronous=FULL (read back).",
        "A cell is `median/least ×ratio`, microseconds a call; the ratio is least over least to `raw`.",
        "### Reads, CPU µs\n\n" + _costs(results, _READS, "cpu"),
        "### With an index on (active, age, score), CPU µs\n\n" + _costs(results, _INDEXED, "cpu"),
        "### Writes and construction, CPU µs\n\n" + _costs(results, [*_WRITES, "construct"], "cpu"),
        "### Writes, wall µs\n\n" + _costs(results, _WRITES, "wall"),
    ]
    if _SUBJECT in results.peers:
        parts.append("### Kindstore's place, CPU, least over least\n\n" + _verdict(results))
    if results.budgets:
        parts.append("### Memory, attributes, start-up\n\n" + _budgets(results))
        parts.append("### Python frames a call\n\n" + _frames(results))
    if results.growth:
        parts.append("### Growth\n\n" + _growth(results))
    return "\n\n".join(parts) + "\n"


def write(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put *text* between the markers of the document *path*; ValueError when it has none."""
    before, opened, rest = path.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"{path} lacks the markers {begin} and {end}")
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")
