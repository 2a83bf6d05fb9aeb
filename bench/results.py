"""What a run measured, as plain data: `run` fills it, `report` prints it, JSON keeps it."""

from __future__ import annotations

from statistics import median

import msgspec


class Cell(msgspec.Struct):
    """Nanoseconds a call (an object, where the operation says so), one figure for each round."""

    cpu: list[float] = []
    wall: list[float] = []


class PeerFacts(msgspec.Struct):
    """What a peer ran on: versions, and the durability read back from its connection."""

    versions: dict[str, str]
    journal: str
    synchronous: int


class Budgets(msgspec.Struct):
    """What is measured once: bytes, nanoseconds, milliseconds of CPU, Python frames by operation."""

    bytes: float
    read_ns: float
    write_ns: float
    import_ms: float
    cold_ms: float
    frames: dict[str, int]


class Results(msgspec.Struct):
    """One run.  `cells[operation][peer]`; `growth[size][operation][peer]` is CPU nanoseconds, least of rounds."""

    records: int
    rounds: int
    machine: str
    python: str
    date: str
    command: str
    peers: dict[str, PeerFacts] = {}
    cells: dict[str, dict[str, Cell]] = {}
    budgets: dict[str, Budgets] = {}
    growth: dict[str, dict[str, dict[str, float]]] = {}

    def least(self, operation: str, peer: str, clock: str = "cpu") -> float:
        """The least of the rounds, in nanoseconds."""
        return min(self._figures(operation, peer, clock))

    def middle(self, operation: str, peer: str, clock: str = "cpu") -> float:
        """The median of the rounds, in nanoseconds."""
        return median(self._figures(operation, peer, clock))

    def _figures(self, operation: str, peer: str, clock: str) -> list[float]:
        cell = self.cells[operation][peer]
        return cell.cpu if clock == "cpu" else cell.wall
