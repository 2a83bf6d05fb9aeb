"""One peer in a process of its own: reads one JSON command a line, answers one JSON line.

Started by `bench.process`; standard output belongs to the conversation, so nothing else may print there.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from time import perf_counter_ns, process_time_ns
from typing import Any

from bench import budgets
from bench.peers import open_peer, versions
from bench.peers.contract import Peer
from bench.record import spell, touch
from bench.workload import OPERATIONS, Operation, record, records

READS = [
    name for name, each in OPERATIONS.items() if not each.writes and not each.indexed and name != "construct"
]
SORTED = ("get_multi", "range_100", "eq_sort", "or_three")
"""The reads of whole records that promise an order."""


class Worker:
    """Answers the commands; each public method is one."""

    def __init__(self, name: str, path: str) -> None:
        self._name = name
        self._peer: Peer = open_peer(name, path)
        self._stored = 0
        self._added: list[Any] = []

    def load(self, count: int) -> dict[str, Any]:
        """Fill the empty database with records 1 to *count*."""
        # A loader makes objects by the million that nothing refers back to: the collector would only walk them.
        gc.disable()
        self._peer.load(records(count))
        gc.enable()
        return self.adopt(count)

    def adopt(self, count: int) -> dict[str, Any]:
        """Take the database as filled with *count* records; what it runs on and how durable it is."""
        self._stored = count
        journal, synchronous = self._peer.durability()
        return {"versions": versions(self._name), "journal": journal, "synchronous": synchronous}

    def answers(self, seed: str) -> dict[str, str]:
        """Operation -> digest of what this peer answers to three questions."""
        return {name: sha256(repr(self.answer(name, seed)).encode()).hexdigest() for name in READS}

    def answer(self, operation: str, seed: str) -> list[Any]:
        """The answers themselves, for the message that says where two peers differ."""
        asked = OPERATIONS[operation].questions(seed, self._stored)[:3]
        return [self._spelled(operation, question) for question in asked]

    def _spelled(self, operation: str, question: tuple[Any, ...]) -> Any:
        found = getattr(self._peer, operation)(*question)
        if operation == "count":
            return found
        if operation == "projection_100":
            return [repr((age, score)) for age, score in found]
        if operation == "get":
            return spell(found)
        spelled = [spell(loaded) for loaded in found]
        return spelled if operation in SORTED else sorted(spelled)

    def index(self) -> None:
        """Add the index that the operations which are `Operation.indexed` are asked with."""
        self._peer.index()

    def measure(self, operation: str, seed: str, scale: float) -> dict[str, float]:
        """Run one round of *operation*: CPU and wall nanoseconds a call (an object, where it says so)."""
        run, questions = self.prepare(operation, seed, scale)
        self._peer.settle()
        gc.collect()
        wall, cpu = perf_counter_ns(), process_time_ns()
        run(questions)
        cpu, wall = process_time_ns() - cpu, perf_counter_ns() - wall
        self.tidy(operation)
        calls = len(questions)
        if operation == "iterate":
            calls *= self._stored
        elif operation == "batch_500":
            calls *= 500
        return {"cpu": cpu / calls, "wall": wall / calls}

    def prepare(self, operation: str, seed: str, scale: float) -> tuple[Callable[[Any], None], Sequence[Any]]:
        """What `measure` runs, and the questions it runs it on."""
        chosen = OPERATIONS[operation]
        questions = chosen.questions(seed, self._stored, scale)
        if operation == "delete_one":
            handles = self._peer.batch_500([fields for (fields,) in questions])
            questions = [(handle,) for handle in handles]
        return self._loop(chosen), questions

    def tidy(self, operation: str) -> None:
        """Delete what a run of *operation* added, so that every round meets as many records."""
        if operation in ("put_one", "batch_500"):
            self._peer.discard(self._added)
        self._added.clear()

    def _loop(self, operation: Operation) -> Callable[[Any], None]:
        if operation.name == "construct":
            return self._peer.construct
        call = getattr(self._peer, operation.method)

        def one(questions: Any) -> None:
            for question in questions:
                touch(call(*question))

        def many(questions: Any) -> None:
            for question in questions:
                for loaded in call(*question):
                    touch(loaded)

        def plain(questions: Any) -> None:
            for question in questions:
                call(*question)

        def keep_one(questions: Any) -> None:
            self._added.extend(call(*question) for question in questions)

        def keep_many(questions: Any) -> None:
            for question in questions:
                self._added.extend(call(*question))

        return {
            "get": one,
            "get_multi": many,
            "query_eq": many,
            "range_100": many,
            "two_eq": many,
            "eq_sort": many,
            "or_three": many,
            "iterate": many,
            "put_one": keep_one,
            "batch_500": keep_many,
        }.get(operation.method, plain)

    def frames(self, operation: str) -> int:
        """Python frames entered by one warm call of *operation*."""
        questions = list(OPERATIONS[operation].questions("frames", self._stored))[:2]
        if operation == "delete_one":
            questions = [(handle,) for handle in self._peer.batch_500([record(7), record(8)])]
        if operation == "construct":
            return budgets.frames(lambda question: self._peer.construct([question]), questions)
        made: list[Any] = []
        call = getattr(self._peer, OPERATIONS[operation].method)
        count = budgets.frames(lambda question: made.append(call(*question)), questions)
        if operation == "put_one":
            self._peer.discard(made)
        if operation == "batch_500":
            self._peer.discard([handle for handles in made for handle in handles])
        return count

    def memory(self) -> dict[str, float]:
        """Bytes a loaded record takes, and nanoseconds to read and to write one of its attributes."""
        with self._peer.writing():
            write_ns = budgets.write_ns(self._peer.get(1))
        return {
            "bytes": budgets.bytes_per_object(self._peer.iterate),
            "read_ns": budgets.read_ns(self._peer.get(1)),
            "write_ns": write_ns,
        }

    def close(self) -> None:
        """Close the database; the process ends after this."""
        self._peer.close()


def main(name: str, path: str) -> None:
    """Serve until `close` or the end of the input."""
    replies = sys.stdout
    # A peer that prints would break the conversation.
    sys.stdout = sys.stderr
    worker = Worker(name, path)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(worker, command)(*arguments)), file=replies, flush=True)
        if command == "close":
            break


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
