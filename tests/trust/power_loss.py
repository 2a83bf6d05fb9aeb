"""Count what an audit says of every image that a power loss can leave, in one table row per way of storing."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.trust.recording_vfs import Image


class Verdict(Enum):
    """What an audit can find in an image; anything but GOOD is a broken promise."""

    GOOD = "good"
    CORRUPT = "corrupt or cannot be opened"
    PARTIAL = "part of a transaction, or index rows that do not fit"
    LOST = "an acknowledged commit is gone"


@dataclass(frozen=True)
class Finding:
    """What an audit has found: the number of the last transaction in the database, or what is wrong with it."""

    number: int = 0
    fault: Verdict | None = None

    def verdict(self, acknowledged: int) -> Verdict:
        """The judgement, where *acknowledged* is the last number that was promised (0 for none)."""
        if self.fault is not None:
            return self.fault
        return Verdict.LOST if self.number < acknowledged else Verdict.GOOD


Audit = Callable[[Path], Finding]
"""Reopens the database in a directory and says what is in it."""


@dataclass
class Tally:
    """One row of the power-loss table."""

    mode: str
    points: int = 0
    distinct: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter[Verdict])
    stories: list[str] = field(default_factory=list[str])

    @property
    def images(self) -> int:
        """How many images were audited."""
        return self.verdicts.total()

    def __str__(self) -> str:
        bad = " | ".join(str(self.verdicts[v]) for v in (Verdict.CORRUPT, Verdict.PARTIAL, Verdict.LOST))
        return f"| {self.mode} | {self.points} | {self.images} | {self.distinct} | {bad} |"


HEADER = """| mode | crash points | images | distinct | corrupt or unopenable | partial | acknowledged commit lost |
|---|--:|--:|--:|--:|--:|--:|"""


def memory_directory() -> Path:
    """A new directory in memory where the system has one: an image needs no disk."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="power-loss-", dir=memory if memory.is_dir() else None))


def tally(mode: str, images: Iterable[Image], audit: Audit, *, workspace: Path | None = None) -> Tally:
    """Audit every image in a directory of its own; the stories of the first few bad ones are kept.

    Images of neighbouring positions are often the same to the last byte. What is in them is then the same too, and
    is looked for once; what had been promised by that position is compared each time.
    """
    directory = workspace or memory_directory()
    row = Tally(mode)
    last = -1
    known: dict[bytes, Finding] = {}
    try:
        for image in images:
            row.points += image.position != last
            last = image.position
            digest = image.digest()
            if digest not in known:
                image.write_to(directory)
                known[digest] = audit(directory)
                row.distinct += 1
            verdict = known[digest].verdict(max(image.acknowledged, default=0))
            row.verdicts[verdict] += 1
            if verdict is not Verdict.GOOD and len(row.stories) < 5:
                row.stories.append(f"{verdict.value}: {image.story}")
    finally:
        if workspace is None:
            shutil.rmtree(directory, ignore_errors=True)
    return row
