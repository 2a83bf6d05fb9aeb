"""What can go wrong with a store, made to happen: by an exact plan, or at random from a seed."""

from __future__ import annotations

import enum
import os
import random
import threading
from collections.abc import Iterable

import msgspec

from kindstore.store.abc import Store
from kindstore.store.program import Program, T
from kindstore.values.errors import BusyError, ConflictError, Error, OutcomeUnknownError

from .passing import FREE, Call, Passing, Verb

SEED_VARIABLE = "KINDSTORE_SEED"
"""The variable of the environment that says what to begin with where no seed is given."""


class Fault(enum.Enum):
    """What becomes of a call, with the error that its caller gets."""

    CONFLICT = "conflict"
    """Of a commit: `ConflictError`, as if somebody else had committed first; nothing is written."""

    BUSY = "busy"
    """Of any call: `BusyError`, the store was not available in time; nothing is done."""

    LOST = "lost"
    """Of a commit: `OutcomeUnknownError`, and nothing was written."""

    KEPT = "kept"
    """Of a commit: `OutcomeUnknownError`, and everything was written."""


class Injected(msgspec.Struct, frozen=True):
    """A fault that has happened, and to which call."""

    call: Call
    fault: Fault


class _Planned(msgspec.Struct):
    verb: Verb
    remaining: int
    fault: Fault


class Faults:
    """Which calls fail.  None do until `plan` or `at_random` says so.

    A commit that writes nothing, such as that of a transaction that only read, counts as no commit and never fails;
    nor do `begin` and `rollback`, which ask nothing of a store that could be unavailable.  *injected* lists what has happened.  May be used from any number of threads.
    """

    def __init__(self) -> None:
        self.seed: int | None = None
        self.probability = 0.0
        self.injected: list[Injected] = []
        self._kinds: tuple[Fault, ...] = ()
        self._random = random.Random(0)  # noqa: S311 - to be repeated is what it is for
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        chance = f"seed={self.seed}, probability={self.probability}, " if self.seed is not None else ""
        return f"<Faults {chance}{len(self._planned)} planned, {len(self.injected)} injected>"

    def plan(self, fault: Fault, nth: int = 1, verb: Verb = "commit") -> None:
        """Let the *nth* call of *verb* from now on have *fault*.  May be called several times.

        ValueError for a number less than 1, and for a fault that such a call can't have.
        """
        if nth < 1:
            raise ValueError(f"calls are counted from 1, not {nth}")
        if verb in FREE or (verb != "commit" and fault is not Fault.BUSY):
            raise ValueError(f"a {verb} can't have the fault {fault.value!r}")
        with self._lock:
            self._planned.append(_Planned(verb, nth, fault))

    def at_random(
        self, probability: float = 0.1, seed: int | None = None, kinds: Iterable[Fault] = tuple(Fault)
    ) -> None:
        """Let every call fail with this *probability*, from 0 to 1, by one of *kinds* that it can have.

        The same *seed* and the same calls give the same faults; without one it is taken from ``KINDSTORE_SEED``, or
        made up: `seed` tells it.  Only commits of transactions meet conflicts, as in life.
        """
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability is from 0 to 1, not {probability}")
        if seed is None:
            said = os.environ.get(SEED_VARIABLE)
            seed = int(said) if said else random.SystemRandom().getrandbits(32)
        with self._lock:
            self.seed, self.probability, self._kinds = seed, probability, tuple(kinds)
            self._random.seed(seed)

    def stop(self) -> None:
        """No more faults, planned or at random."""
        with self._lock:
            self._planned.clear()
            self.probability = 0.0

    def of(self, call: Call) -> Fault | None:
        """What happens to *call*: asked once for each, and noted."""
        if call.verb in FREE or (call.verb == "commit" and not call.writes):
            return None
        with self._lock:
            fault = self._due(call) or self._chosen(call)
            if fault is not None:
                self.injected.append(Injected(call, fault))
            return fault

    def _due(self, call: Call) -> Fault | None:
        due: Fault | None = None
        for each in list(self._planned):
            if each.verb == call.verb:
                each.remaining -= 1
                if each.remaining <= 0 and due is None:
                    due = each.fault
                    self._planned.remove(each)
        return due

    def _chosen(self, call: Call) -> Fault | None:
        if not self.probability or self._random.random() >= self.probability:
            return None
        possible = [each for each in self._kinds if _can_meet(call, each)]
        return self._random.choice(possible) if possible else None


def _can_meet(call: Call, fault: Fault) -> bool:
    if call.verb != "commit":
        return fault is Fault.BUSY
    return fault is not Fault.CONFLICT or call.transaction is not None


class Faulty(Passing):
    """*store*, whose calls fail as *faults* say."""

    def __init__(self, store: Store, faults: Faults) -> None:
        super().__init__(store)
        self.faults = faults

    def _pass(self, call: Call, program: Program[T]) -> Program[T]:
        fault = self.faults.of(call)
        if fault is None:
            return (yield from program)
        if fault is Fault.KEPT:
            yield from program
        elif call.verb == "commit" and call.transaction is not None:
            yield from self.store.rollback(call.transaction)  # it is over, however its commit ends
        raise _error(call, fault)


def _error(call: Call, fault: Fault) -> Error:
    match fault:
        case Fault.CONFLICT:
            return ConflictError("an injected conflict", call=str(call))
        case Fault.BUSY:
            return BusyError("an injected fault: the store was not available in time", call=str(call))
        case Fault.LOST | Fault.KEPT:
            return OutcomeUnknownError(
                "an injected fault: the commit may or may not have happened",
                call=str(call),
                hint="Read, then decide.",
            )
