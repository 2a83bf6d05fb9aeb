"""One side in a process of its own: ``python -m bench.ndb_cost.side NAME PATH``.

Reads the name of an operation a line (or ``answers``, or ``memory``), answers one line of JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bench.ndb_cost.workload import Side

SIDES = ("google-cloud-ndb", "kindstore", "kindstore on SQLite")


def installed() -> bool:
    """Whether google-cloud-ndb is there to be compared with."""
    try:
        version("google-cloud-ndb")
    except PackageNotFoundError:
        return False
    return True


def _entered(name: str, path: str) -> tuple[Any, AbstractContextManager[Any]]:
    if name == "google-cloud-ndb":
        from bench.ndb_cost import upstream

        return upstream.NDB, upstream.context()
    from bench.ndb_cost import ours

    return ours.NDB, ours.instant() if name == "kindstore" else ours.sqlite(path)


def main(name: str, path: str) -> None:
    """Answer until the input ends."""
    ndb, context = _entered(name, path)
    with context:
        side = Side(ndb)
        for line in sys.stdin:
            command = line.strip()
            if command == "answers":
                answer: Any = sha256(repr(side.answers()).encode()).hexdigest()
            elif command == "memory":
                answer = side.memory()
            else:
                answer = side.measure(command)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
