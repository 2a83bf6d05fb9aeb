"""Kill writers at random moments and ask the database afterwards for everything it had acknowledged.

Each writer is a process that commits numbered transactions and, after each commit has returned, writes
the number into a pipe: the ledger.  The parent kills all writers at once with SIGKILL, reopens the
database and audits it.  What a pipe holds is acknowledged; what the database holds beyond it was durable
before the writer could say so, at most one transaction per writer.
"""

from __future__ import annotations

import os
import random
import select
import signal
import struct
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.trust.processes import live_at_most

_RECORD = struct.Struct(">Bq")
_ACKNOWLEDGED, _FAILED = 1, 2

Writer = Callable[[int, int, Callable[[int], None]], None]
"""`writer(number, last, acknowledge)`: commit transactions last + 1, last + 2, … for ever."""

Audit = Callable[[], dict[int, int]]
"""Reopen and check everything; the number of the last transaction that each writer has in the database."""


@dataclass
class Ledger:
    """What a kill loop has seen."""

    seed: int
    cycles: int = 0
    kills: int = 0
    acknowledged: int = 0
    unacknowledged_but_durable: int = 0
    violations: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.cycles} cycles, {self.kills} kills, {self.acknowledged} acknowledged commits, "
            f"{self.unacknowledged_but_durable} durable though not acknowledged, {len(self.violations)} violations"
        )


def kill_loop(
    writer: Writer,
    audit: Audit,
    *,
    writers: int,
    kills: int,
    seed: int,
    alive: tuple[float, float] = (0.01, 0.15),
    first_word: float = 10.0,
) -> Ledger:
    """Start *writers* processes and kill them, again and again, until *kills* have died; audit each time.

    A cycle lives for a random time within *alive* (seconds) after the first acknowledgement, or after
    nothing at all: one cycle in four is killed while it opens the database. Silence for *first_word* seconds
    is a violation. The loop ends at the first violation.
    """
    chance = random.Random(seed)
    ledger = Ledger(seed)
    last = dict.fromkeys(range(writers), 0)
    while ledger.kills < kills and not ledger.violations:
        started = [_start(writer, number, last[number]) for number in range(writers)]
        pipes = [pipe for _, pipe in started]
        if chance.random() < 0.75 and not select.select(pipes, [], [], first_word)[0]:
            ledger.violations.append(f"no writer said a word within {first_word} seconds")
        time.sleep(chance.uniform(*alive))
        for pid, _ in started:
            os.kill(pid, signal.SIGKILL)
        for pid, _ in started:
            os.waitpid(pid, 0)
        ledger.cycles += 1
        ledger.kills += writers

        acknowledged = dict(last)
        for number, pipe in enumerate(pipes):
            acknowledged[number] = _read(pipe, acknowledged[number], ledger)
        ledger.acknowledged += sum(acknowledged[n] - last[n] for n in last)
        found = audit()
        for number, promised in acknowledged.items():
            held = found.get(number, 0)
            if held < promised:
                ledger.violations.append(f"writer {number}: acknowledged {promised}, the database has {held}")
            elif held > promised + 1:
                ledger.violations.append(
                    f"writer {number}: {held} is in the database, {promised} acknowledged"
                )
            ledger.unacknowledged_but_durable += held > promised
            last[number] = held
    return ledger


def _start(writer: Writer, number: int, last: int) -> tuple[int, int]:
    """Fork one writer; its process id and the reading end of its pipe."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    os.close(reading)
    live_at_most(60)
    try:
        writer(number, last, lambda done: _say(writing, _ACKNOWLEDGED, done))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
        text = traceback.format_exc().encode()[-2000:]
        _say(writing, _FAILED, len(text))
        os.write(writing, text)
    finally:
        os._exit(1)


def _say(pipe: int, word: int, number: int) -> None:
    os.write(pipe, _RECORD.pack(word, number))


def _read(pipe: int, last: int, ledger: Ledger) -> int:
    with os.fdopen(pipe, "rb") as words:
        while len(record := words.read(_RECORD.size)) == _RECORD.size:
            word, number = _RECORD.unpack(record)
            if word == _FAILED:
                ledger.violations.append("a writer failed: " + words.read(number).decode())
            elif number != last + 1:
                ledger.violations.append(f"a writer acknowledged {number} after {last}")
            else:
                last = number
    return last
