"""What is measured once and not by the round: frames, memory, attributes, import and cold start."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
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


def _cpu_ms(*command: str) -> float:
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, cwd=ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return (usage.ru_utime + usage.ru_stime) * 1000


def import_ms(statement: str, times: int = 7) -> float:
    """CPU milliseconds that *statement* adds to a bare interpreter, at best of *times*."""
    bare = min(_cpu_ms("-c", "pass") for _ in range(times))
    return min(_cpu_ms("-c", statement) for _ in range(times)) - bare


def cold_start_ms(name: str, path: str, times: int = 7) -> float:
    """CPU milliseconds from a bare interpreter to the first record read from the filled file *path*."""
    program = f"import sys; from bench.peers import open_peer; open_peer({name!r}, sys.argv[1]).get(1)"
    bare = min(_cpu_ms("-c", "pass") for _ in range(times))
    return min(_cpu_ms("-c", program, path) for _ in range(times)) - bare
