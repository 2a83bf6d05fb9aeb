"""`python -m bench.query_cost`: what queries cost as a kind grows, small and large in one run; prints a table in Markdown.

* A composite-index query for 20 results, and a range of 100: as long at a million entities as at a thousand, but for
  caches.
* A join of three equalities, each of a tenth of the entities, together of a ten-thousandth: the index rows that its
  plan says it reads, and its time without the composite index and with it.
* A count: beside walking over the keys of what is counted.

Times are CPU: of this process, in which SQLite works too.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from bench import report
from kindstore import ndb
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore

BEGIN, END = "<!-- query-cost:begin -->", "<!-- query-cost:end -->"
BATCH = 20_000
RANKS = 1 << 28
"""`Sample.rank` is less."""

SORTED = CompositeIndex("Sample", False, (IndexProperty("tenth"), IndexProperty("rank")))
JOINED = CompositeIndex("Sample", False, (IndexProperty("a"), IndexProperty("b"), IndexProperty("c")))


class Sample(ndb.Model):
    tenth = ndb.IntegerProperty()
    rank = ndb.IntegerProperty()
    a = ndb.BooleanProperty()
    b = ndb.BooleanProperty()
    c = ndb.BooleanProperty()


def sample(number: int) -> Sample:
    """Entity *number*: each of `a`, `b` and `c` holds for a tenth of all, all three for one in 10,000."""
    mixed = number * 0x9E3779B1 % (1 << 32)
    place, every = number % 10, number % 10_000 == 7
    return Sample(
        id=number,
        tenth=mixed % 10,
        rank=mixed >> 4,
        a=place == 0 or every,
        b=place == 1 or every,
        c=place == 2 or every,
    )


class Side:
    """A file with *size* entities."""

    def __init__(self, stack: ExitStack, path: Path, size: int) -> None:
        self.size, self.path = size, path
        with self._client("relaxed") as client, client.context(cache_policy=False):
            store = _engine(client)
            store.run(store.create_indexes([SORTED]))
            for first in range(1, size + 1, BATCH):
                ndb.put_multi([sample(each) for each in range(first, min(first + BATCH, size + 1))])
        self.client = stack.enter_context(self._client("full"))
        self.random = random.Random(1)
        self.joined_rows = 0

    def _client(self, durability: str) -> ndb.Client:
        return ndb.Client(url=f"sqlite:///{self.path}?durability={durability}")

    def asked(self, work: Callable[[Side], Any], times: int) -> float:
        """CPU microseconds a call of *work*."""
        with self.client.context(cache_policy=False):
            begun = time.process_time()
            for _ in range(times):
                work(self)
            return (time.process_time() - begun) / times * 1e6

    def index(self) -> None:
        """Give the join its composite index."""
        store = _engine(self.client)
        store.run(store.create_indexes([JOINED]))
        while store.run(store.build_index(JOINED)).state is State.BUILDING:
            pass


def _engine(client: ndb.Client) -> EngineStore:
    return cast("EngineStore", client.store)


def top_20(side: Side) -> None:
    """The first 20 of a tenth, from a random rank on."""
    tenth, low = side.random.randrange(10), side.random.randrange(1 << 27)
    found = Sample.query(Sample.tenth == tenth, Sample.rank >= low).order(Sample.rank).fetch(20)
    assert len(found) == 20 or side.size < 10_000


def range_again(side: Side) -> None:
    """100 in a range that was asked for before: one of ten."""
    _range_from(side.random.randrange(10) * RANKS // 12)


def range_anew(side: Side) -> None:
    """100 in a range that nobody has asked for."""
    _range_from(side.random.randrange(RANKS * 5 // 6))


def _range_from(low: int) -> None:
    assert len(Sample.query(Sample.rank >= low).order(Sample.rank).fetch(100)) == 100


def _three() -> ndb.Query[Sample]:
    return Sample.query(Sample.a == True, Sample.b == True, Sample.c == True)  # noqa: E712


def three(side: Side) -> None:
    """All entities of which three equalities hold."""
    assert len(_three().fetch()) == -(-side.size // 10_000)


def rows(side: Side) -> int:
    """The index rows that the join reads, as its plan says."""
    with side.client.context(cache_policy=False):
        [line] = [each for each in _three().explain().splitlines() if each.strip().startswith("reads ")]
    return int(line.split()[1].replace(",", ""))


def counted(side: Side) -> None:
    """How many entities there are with a tenth of at least 0: all."""
    assert Sample.query(Sample.tenth >= 0).count() == side.size


def walked(side: Side) -> None:
    """The same, by a walk over their keys."""
    assert sum(1 for _ in Sample.query(Sample.tenth >= 0).iter(keys_only=True)) == side.size


def fetched(side: Side) -> None:
    """The same, by a list of their keys."""
    assert len(Sample.query(Sample.tenth >= 0).fetch(keys_only=True)) == side.size


def table(small: Side, large: Side, rounds: int) -> str:
    """Everything measured, the least of *rounds*."""

    def least(work: Callable[[Side], Any], side: Side, times: int) -> float:
        return min(side.asked(work, times) for _ in range(rounds))

    lines = [
        f"CPU, least of {rounds} rounds in one run.",
        "",
        f"|  | {small.size:,} entities | {large.size:,} entities | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]

    def row(name: str, one: float, other: float, digits: int = 2) -> None:
        lines.append(f"| {name} | {one:,.{digits}f} | {other:,.{digits}f} | {other / one:.2f} |")

    for side in (small, large):
        side.asked(top_20, 200)  # warms up
    pairs = [(small.asked(top_20, 300), large.asked(top_20, 300)) for _ in range(rounds)]
    row("composite index, 20 results, ms", min(p[0] for p in pairs) / 1e3, min(p[1] for p in pairs) / 1e3, 3)
    again = [least(range_again, side, 100) / 1e3 for side in (small, large)]
    row("range of 100 that was asked for before, ms", again[0], again[1], 3)
    anew = [least(range_anew, side, 100) / 1e3 for side in (small, large)]
    row("range of 100 that was not, ms", anew[0], anew[1], 3)
    row("join of three equalities, index rows that its plan reads", rows(small), rows(large), 0)
    row("join of three equalities, ms", least(three, small, 20) / 1e3, least(three, large, 1) / 1e3)
    counts = [least(counted, side, 1) / 1e3 for side in (small, large)]
    walks = [least(walked, side, 1) / 1e3 for side in (small, large)]
    lists = [least(fetched, side, 1) / 1e3 for side in (small, large)]
    row("count of all, ms", counts[0], counts[1])
    row("walk over the keys of all, ms", walks[0], walks[1])
    row("list of the keys of all, ms", lists[0], lists[1])
    small.index()
    large.index()
    row("the join with a composite index, index rows", rows(small), rows(large), 0)
    row(
        "the join with a composite index, ms", least(three, small, 20) / 1e3, least(three, large, 20) / 1e3, 3
    )
    ahead = f"{walks[1] / counts[1]:.0f} times ahead of a walk over their keys, {lists[1] / counts[1]:.0f} times of a list"
    lines += ["", f"A count of {large.size:,} is {ahead} of them."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.query_cost", description=__doc__)
    parser.add_argument("--small", type=int, default=1_000, help="entities of the small kind (1,000)")
    parser.add_argument("--large", type=int, default=1_000_000, help="entities of the large kind (1,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (5)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between FILE's markers")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="kindstore-query-") as directory, ExitStack() as stack:
        small, large = (
            Side(stack, Path(directory) / f"{size}.db", size) for size in (options.small, options.large)
        )
        text = table(small, large, options.rounds)
    print(text)
    if options.write:
        report.write(options.write, text, BEGIN, END)


if __name__ == "__main__":
    main()
