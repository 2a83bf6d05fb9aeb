"""What is measured once and not by the round: frames, memory, attributes, import and cold start."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter_ns
from types import FrameType
from typing import Any

from bench.process import ROOT
from bench.record import Loaded, touch

_TIMES = 20_000


def frames(call: Callable[[Any], object], questions: Sequence[Any]) -> int:
    """Python frames that the last of *questions* enters; the ones before it warm the caches."""
    *warming, last = questions
    for question in warming:
        call(question)
    entered = 0

    def tally(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal entered
        entered += event == "call"

    sys.setprofile(tally)
    try:
        call(last)
    finally:
        sys.setprofile(None)
    # The lambda around the call and the peer's own method are the bench's.
    return entered - 2


def bytes_per_object(iterate: Callable[[], Sequence[Loaded]]) -> float:
    """Bytes that tracemalloc sees in use for each object of a whole database held in one list."""
    iterate()  # once before, so that caches and statements are not counted
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        held = iterate()
        for loaded in held:
            touch(loaded)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / len(held)


def _best(loop: Callable[[], None], empty: Callable[[], None]) -> float:
    def fastest(run: Callable[[], None]) -> int:
        best = 1 << 62
        for _ in range(7):
            started = perf_counter_ns()
            run()
            best = min(best, perf_counter_ns() - started)
        return best

    return max(0, fastest(loop) - fastest(empty)) / _TIMES


def _nothing() -> None:
    for _ in range(_TIMES):
        pass


def read_ns(loaded: Loaded) -> float:
    """Nanoseconds to read `loaded.age`."""

    def loop() -> None:
        for _ in range(_TIMES):
            _ = loaded.age

    return _best(loop, _nothing)


def write_ns(loaded: Loaded) -> float:
    """Nanoseconds to write `loaded.age`."""

    def loop() -> None:
        for _ in range(_TIMES):
            loaded.age = 40

    return _best(loop, _nothing)


class StartUp:
    """CPU of fresh interpreters, net of a bare one, at best of *times*.

    Bytecode is kept in *bytecode*, whatever the caller's environment says: an installed package has its own.
    """

    def __init__(self, bytecode: Path, times: int = 7) -> None:
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._times = times
        self._bare = self._least("-c", "pass")

    def import_ms(self, statement: str) -> float:
        """CPU milliseconds that *statement* takes."""
        return self._least("-c", statement) - self._bare

    def first_record_ms(self, name: str, path: str) -> float:
        """CPU milliseconds to import peer *name*, open the filled file *path* and read one record."""
        program = f"import sys; from bench.peers import open_peer; open_peer({name!r}, sys.argv[1]).get(1)"
        return self._least("-c", program, path) - self._bare

    def _least(self, *command: str) -> float:
        # The first one writes the bytecode.
        return min([self._run(*command) for _ in range(self._times + 1)][1:])

    def _run(self, *command: str) -> float:
        child = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.DEVNULL, cwd=ROOT, env=self._environment
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command)
        return (usage.ru_utime + usage.ru_stime) * 1000
