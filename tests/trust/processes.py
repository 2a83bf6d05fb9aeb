"""Run a function in several forked processes at once, and bring home what it returns or why it failed."""

from __future__ import annotations

import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

LIFETIME = 600.0
"""Seconds after which a child ends by itself, whatever holds it: it must not outlive a test that has given it up."""


def live_at_most(seconds: float) -> None:
    """Let the kernel end this process after *seconds*, even if it waits for a lock in C."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def in_processes(work: Callable[[int], T], count: int, *, timeout: float = 60.0) -> list[T]:
    """`[work(0), … work(count - 1)]`, each computed in a child of its own, all at the same time.

    Raises:
        AssertionError: if a child raises, dies, or has not ended within *timeout* seconds; its traceback is the text.
    """
    return collect([start(work, number, timeout + 5) for number in range(count)], timeout)


def start(work: Callable[[int], Any], number: int, lifetime: float = LIFETIME) -> tuple[int, int]:
    """Fork a child that runs `work(number)`, *lifetime* seconds at most; its process id and the pipe for `collect`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    os.close(reading)
    live_at_most(lifetime)
    answer: tuple[bool, Any]
    try:
        answer = True, work(number)
    except BaseException:  # noqa: BLE001 - the parent judges it
        answer = False, traceback.format_exc()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
    finally:
        os._exit(0)


def collect(children: Sequence[tuple[int, int]], timeout: float) -> list[Any]:
    """The results of children that `start` has started, in their order."""
    until = time.monotonic() + timeout
    answers: list[Any] = []
    failures: list[str] = []
    for number, (pid, pipe) in enumerate(children):
        content = bytearray()
        while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            piece = os.read(pipe, 1 << 20)
            if not piece:
                break
            content += piece
        else:
            os.kill(pid, signal.SIGKILL)
            failures.append(f"child {number} has not ended after {timeout} seconds")
        os.close(pipe)
        os.waitpid(pid, 0)
        try:
            well, answer = pickle.loads(content)
        except (EOFError, pickle.UnpicklingError):
            failures.append(f"child {number} died")
        else:
            answers.append(answer) if well else failures.append(f"child {number}: {answer}")
    assert not failures, "\n".join(failures)
    return answers
