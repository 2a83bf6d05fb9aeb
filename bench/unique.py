"""What a unique property costs: CPU and Python frames of a put with one and without, on a file.

Run it with ``.venv/bin/python -m bench.unique``; docs/unique.md has the figures of a run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import FrameType

from kindstore import ndb

PUTS, ROUNDS = 500, 9


class Plain(ndb.Model):
    email = ndb.StringProperty()
    name = ndb.StringProperty()


class User(ndb.Model):
    email = ndb.StringProperty(unique=True)
    name = ndb.StringProperty()


def frames(work: Callable[[], object]) -> int:
    """How many Python functions *work* calls."""
    count = -1

    def seen(frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG001
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def measure(model: type[Plain | User], number: int) -> dict[str, tuple[float, int]]:
    """CPU microseconds of one put, and its frames: of a new entity, of one put again, with another value, a delete."""
    made = [model(id=f"{number}-{at}", email=f"{number}-{at}@example.org", name="x") for at in range(PUTS)]
    found: dict[str, tuple[float, int]] = {}

    def timed(name: str, work: Callable[[Plain | User], object]) -> None:
        began = time.process_time()
        for each in made[1:]:
            work(each)
        taken = (time.process_time() - began) / (PUTS - 1) * 1e6
        found[name] = taken, frames(lambda: work(made[0]))

    def again(each: Plain | User) -> None:
        each.name = "y"
        each.put()

    def change(each: Plain | User) -> None:
        each.email = f"{each.email}.new"
        each.put()

    timed("new", lambda each: each.put())
    timed("put again", again)
    timed("with another value", change)
    timed("delete", lambda each: each.key.delete())
    return found


def main() -> None:
    """Print a table in Markdown."""
    with (
        tempfile.TemporaryDirectory() as directory,
        ndb.Client(url=Path(directory) / "bench.db") as client,
        client.context(cache_policy=False),
    ):
        runs = [(measure(Plain, number), measure(User, number)) for number in range(ROUNDS)]
    print("| put | CPU µs without | with one unique property | frames without | with |")
    print("| --- | --: | --: | --: | --: |")
    for name in runs[0][0]:
        without, unique = (median(run[at][name][0] for run in runs) for at in (0, 1))
        print(f"| {name} | {without:.0f} | {unique:.0f} | {runs[-1][0][name][1]} | {runs[-1][1][name][1]} |")


if __name__ == "__main__":
    main()
