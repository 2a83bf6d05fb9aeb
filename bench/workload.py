"""What is stored and what is asked: the same records and the same questions for every peer.

Everything follows from a record's number or from a seed; nothing depends on the process or on the peer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bench.record import Fields

_FIRST = (  # noqa: SIM905
    "Ada Alan Barbara Claude Donald Edgar Edsger Frances Grace Hedy Ivan Jean John Karen Ken Leslie "
    "Lynn Margaret Mary Niklaus Olga Peter Radia Robin Rosa Shafi Sophie Stephen Tim Tony Vera Whitfield"
).split()
_LAST = (  # noqa: SIM905
    "Allen Backus Bartik Cerf Codd Dijkstra Engelbart Floyd Goldberg Hamilton Hoare Hopper Iverson Jones "
    "Karp Knuth Lamarr Lamport Liskov Lovelace Milner Naur Perlis Ritchie Scott Shannon Sutherland Tarjan "
    "Thompson Turing Wilkes Wirth"
).split()
_WORDS = (
    "keeps a garden of small programs and writes about storage, order and time; walks by the river, "
    "collects maps, repairs clocks, reads old manuals and "
) * 10
_EPOCH = datetime(2020, 1, 1)
_MASK = (1 << 64) - 1


def record(number: int) -> Fields:
    """Record *number* (from 1): unique email, score and creation time; 72 ages; half of them active."""
    # SplitMix64: far cheaper than seeding a Random per record, which would dominate a load of a million.
    bits = (number * 0x9E3779B97F4A7C15) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    first, last = _FIRST[bits & 31], _LAST[(bits >> 5) & 31]
    place = (bits >> 10) % 900
    return {
        "name": f"{first} {last} {bits >> 40:06x}",
        "email": f"{first.lower()}.{number:07d}@example.org",
        "age": 18 + (bits >> 20) % 72,
        "score": (bits >> 11) / (1 << 53) * 1000.0,
        "active": bool((bits >> 33) & 1),
        "created": _EPOCH + timedelta(microseconds=(bits >> 18) % (5 * 365 * 86_400_000_000)),
        "tags": [f"t{(bits >> 7) % 97}", f"u{(bits >> 13) % 89}", f"v{(bits >> 19) % 83}"],
        "bio": _WORDS[place : place + 300],
    }


def records(count: int, first: int = 1) -> Iterator[Fields]:
    """The *count* records from number *first* on."""
    return map(record, range(first, first + count))


INDEXED = "_indexed"
"""How the names of operations end that are asked with a fitting index."""


@dataclass(frozen=True)
class Operation:
    """One row of the workload: how often it is called in a round, and with what.

    `arguments(random, stored)` gives one call's arguments when records 1 to *stored* are in the database.
    """

    name: str
    calls: int
    arguments: Callable[[Random, int], tuple[Any, ...]]
    per_object: bool = False
    writes: bool = False
    indexed: bool = False
    """Asked once the peers have an index on (active, age, score), which is after all writes."""

    @property
    def method(self) -> str:
        """The peer's method that it calls."""
        return self.name.removesuffix(INDEXED)

    def questions(self, seed: str, stored: int, scale: float = 1.0) -> Sequence[tuple[Any, ...]]:
        """The arguments of every call of one round; equal for every peer that gets the same *seed*."""
        # Seeded by text: Random hashes it the same way in every process, unlike hash().
        random = Random(f"{self.method}/{seed}")
        return [self.arguments(random, stored) for _ in range(max(1, round(self.calls * scale)))]


def _new(random: Random, stored: int) -> Fields:
    return record(stored + 1 + random.randrange(1 << 22))


def _some(random: Random, stored: int, wanted: int) -> list[int]:
    return random.sample(range(1, stored + 1), min(wanted, stored))


_SELECTIVE = (
    Operation("eq_sort", 40, lambda r, n: (r.randint(18, 89),)),
    Operation("or_three", 20, lambda r, n: tuple(r.randint(18, 89) for _ in range(3))),
    Operation("projection_100", 20, lambda r, n: (r.randint(18, 80),)),
)

OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("get", 800, lambda r, n: (r.randint(1, n),)),
        Operation("get_multi", 25, lambda r, n: (_some(r, n, 100),)),
        Operation("query_eq", 600, lambda r, n: (record(r.randint(1, n))["email"],)),
        Operation("range_100", 25, lambda r, n: (r.uniform(0.0, 800.0),)),
        Operation("two_eq", 25, lambda r, n: (r.randint(18, 89),)),
        Operation("count", 40, lambda r, n: (r.randint(45, 55),)),
        *_SELECTIVE,
        Operation("iterate", 1, lambda r, n: (), per_object=True),
        Operation("put_one", 60, lambda r, n: (_new(r, n),), writes=True),
        Operation(
            "batch_500", 2, lambda r, n: ([_new(r, n) for _ in range(500)],), per_object=True, writes=True
        ),
        Operation("update_one", 60, lambda r, n: (r.randint(1, n), r.randint(18, 89)), writes=True),
        Operation("transfer", 60, lambda r, n: (*_some(r, n, 2), r.random()), writes=True),
        Operation("delete_one", 60, lambda r, n: (_new(r, n),), writes=True),
        Operation("construct", 2000, lambda r, n: (_new(r, n),)),
        *(replace(each, name=each.name + INDEXED, indexed=True) for each in _SELECTIVE),
    )
}
