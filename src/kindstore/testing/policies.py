"""When a global query sees a commit: the policies of App Engine's test bed, and names of our own."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from kindstore.values.entity import Entity
from kindstore.values.key import Key


class Unapplied(msgspec.Struct, frozen=True):
    """What a commit changed in one entity group, not seen by global queries yet.

    *changes*: each key with its new entity, None where it was deleted; *version*: the commit's; *seconds*: when it
    was, by the policy's clock; *chance*: a number from 0 to 1, drawn for it.
    """

    changes: tuple[tuple[Key, Entity | None], ...]
    version: int
    seconds: float
    chance: float


class Policy(Protocol):
    """Decides what global queries see."""

    def draw(self) -> tuple[float, float]:
        """The time of a commit, and a chance for it."""
        ...

    def shows(self, commit: Unapplied) -> bool:
        """Whether a global query that comes now sees *commit*; asked for each in turn, up to the first one refused."""
        ...


class Always:
    """Every query sees every commit: App Engine's master/slave datastore, and Kindstore without a policy."""

    def draw(self) -> tuple[float, float]:
        """Nothing to decide by."""
        return 0.0, 0.0

    def shows(self, commit: Unapplied) -> bool:  # noqa: ARG002
        """Yes."""
        return True


class Never(Always):
    """No global query sees a commit until something strong has read its entity group."""

    def shows(self, commit: Unapplied) -> bool:  # noqa: ARG002
        """No."""
        return False


class Probability:
    """A global query sees each commit that it could see with this *probability*; the same *seed*, the same answers."""

    def __init__(self, probability: float = 0.5, seed: int | str = 0) -> None:
        self.probability = probability
        self._random = random.Random(seed)  # noqa: S311 - to be repeated is what it is for

    def draw(self) -> tuple[float, float]:
        """Nothing: the coin is tossed for each query."""
        return 0.0, 0.0

    def shows(self, commit: Unapplied) -> bool:  # noqa: ARG002
        """A toss."""
        return self._random.random() < self.probability


DELAYS = ((0.98, 0.1), (0.99, 0.3), (0.995, 2.0), (1.0, 240.0))
"""Parts of all commits, and the seconds after which global queries see them (App Engine's figures)."""


class Delays:
    """98 % of the commits are seen after 0.1 s, 99 % after 0.3 s, 99.5 % after 2 s, all after 240 s."""

    def __init__(self, seed: int | str = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated is what it is for
        self._clock = clock

    def draw(self) -> tuple[float, float]:
        """Now, and how late this one is."""
        return self._clock(), self._random.random()

    def shows(self, commit: Unapplied) -> bool:
        """Whether its delay is over."""
        delay = next(seconds for part, seconds in DELAYS if commit.chance <= part)
        return self._clock() - commit.seconds >= delay


MasterSlaveConsistencyPolicy = Always
PseudoRandomHRConsistencyPolicy = Probability
TimeBasedHRConsistencyPolicy = Delays
