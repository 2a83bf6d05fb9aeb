"""Where the time of one operation goes: `python -m bench.profiling kindstore get`.

The profiler charges every Python call a microsecond or so: read the order of the lines and the number of
calls, and take times from `python -m bench`.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.peers import NAMES
from bench.worker import Worker
from bench.workload import OPERATIONS


def main() -> None:
    """Profile one operation of one peer on a fresh database."""
    parser = argparse.ArgumentParser(prog="python -m bench.profiling", description=__doc__)
    parser.add_argument("peer", choices=NAMES)
    parser.add_argument("operation", choices=OPERATIONS)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=30, help="how many functions to show (30)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="kindstore-bench-") as directory:
        worker = Worker(options.peer, str(Path(directory) / "profiled.db"))
        worker.load(options.records)
        if OPERATIONS[options.operation].indexed:
            worker.index()
        worker.measure(options.operation, "warm", 0.2)
        run, questions = worker.prepare(options.operation, "profile", 1.0)
        profile = cProfile.Profile()
        profile.runcall(run, questions)
        worker.tidy(options.operation)
        print(f"{len(questions)} calls, {worker.frames(options.operation)} Python frames a call")
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(options.lines)
        worker.close()


if __name__ == "__main__":
    main()
