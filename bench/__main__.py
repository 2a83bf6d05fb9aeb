"""`python -m bench`: see `--help`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import report
from bench.peers import NAMES, missing
from bench.run import compare, grow

_GROWING_PEERS = ("kindstore", "raw", "rawt")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Kindstore beside its peers, in ratios."
    )
    parser.add_argument("--records", type=int, default=10_000, help="records in each database (10,000)")
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds, after one that warms up (7)")
    parser.add_argument("--peers", help=f"some of {','.join(NAMES)} (all that are installed)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="calls a round, as a multiple of the usual (1)"
    )
    parser.add_argument(
        "--growth",
        type=_numbers,
        default=[],
        metavar="N,N…",
        help="also the growth table, at these sizes: 1000,10000,100000,1000000",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every figure of the run")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between FILE's markers")
    return parser.parse_args(words)


def _chosen(asked: str | None) -> list[str]:
    names = asked.split(",") if asked else list(NAMES)
    for name in names:
        if name not in NAMES:
            sys.exit(f"no peer {name!r}; there are {', '.join(NAMES)}")
        if lacking := missing(name):
            message = f"{name}: not installed: {', '.join(lacking)}"
            if asked:
                sys.exit(message)
            print(message, file=sys.stderr)
    return [name for name in names if not missing(name)]


def main(words: Sequence[str]) -> None:
    """Run, print the tables, keep and write what was asked for."""
    options = _arguments(words)
    names = _chosen(options.peers)
    started = time.perf_counter()

    def tell(text: str) -> None:
        print(f"[{time.perf_counter() - started:6.1f} s] {text}", file=sys.stderr, flush=True)

    command = shlex.join(["python", "-m", "bench", *words])
    results = compare(
        names, records=options.records, rounds=options.rounds, command=command, scale=options.scale, tell=tell
    )
    if options.growth:
        growing = [name for name in names if name in _GROWING_PEERS]
        results.growth = grow(
            growing, options.growth, rounds=min(options.rounds, 3), scale=options.scale, tell=tell
        ).growth
    text = report.tables(results)
    print(text)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    if options.write:
        report.write(options.write, text)


if __name__ == "__main__":
    main(sys.argv[1:])
