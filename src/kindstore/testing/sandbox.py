"""A fresh store for one test, in which the models work at once, and everything that the test can do to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.mapper.context import Context
from kindstore.ndb.client import DEFAULT_PROJECT, Client, ambient
from kindstore.store.abc import Store
from kindstore.store.ids import IdPolicy
from kindstore.store.messages import Concurrency

from .clock import Clock
from .eventual import Eventual
from .faults import Faults, Faulty
from .policies import Always, Delays, Never, Policy, Probability
from .recording import Calls, Recorder, Unindexed, indexes_of

Engine: TypeAlias = Literal["memory", "sqlite"]
Ids: TypeAlias = Literal["scattered", "sequential"]

_POLICIES: Final[dict[str, Callable[[Clock], Policy]]] = {
    "always": lambda _: Always(),
    "never": lambda _: Never(),
    "probability": lambda _: Probability(),
    "delays": lambda clock: Delays(clock=clock.monotonic),
}


class Sandbox:
    """A store of a test's own.

    *store*: what the models work on.  *client*: the `ndb.Client` on it.  *context*: the context that was entered.
    *clock*: the time in it.  *faults*: what goes wrong.  *calls*: what it was asked.
    """

    def __init__(
        self, store: Recorder, client: Client, context: Context, clock: Clock, faults: Faults, calls: Calls
    ) -> None:
        self.store, self.client, self.context = store, client, context
        self.clock, self.faults, self.calls = clock, faults, calls

    def __repr__(self) -> str:
        return f"<Sandbox: {self.store.store!r}, {self.clock!r}, {self.faults!r}, {self.calls!r}>"


@contextmanager
def store(
    *,
    engine: Engine = "memory",
    project: str = DEFAULT_PROJECT,
    ids: Ids = "scattered",
    concurrency: Concurrency | str = Concurrency.OPTIMISTIC,
    clock: Clock | None = None,
    consistency: Policy | str | None = None,
    faults: float = 0.0,
    seed: int | None = None,
    n_plus_one: int | None = None,
    unindexed: Unindexed = "allow",
    index_file: str | os.PathLike[str] | None = None,
) -> Generator[Sandbox]:
    """A block in which everything goes to a new, empty store: models, keys, and every `ndb.Client` that names no place.

    *engine*: "memory", plain dictionaries, or "sqlite", the engine itself on a memory disk, which can also explain
    queries and keep statistics.  *project*: of its keys.  *ids*: automatic ids are "scattered", 5629499534213120,
    5066549580791808, …, or "sequential", 1, 2, 3, …; in both cases the same in every run.  *concurrency*: what makes
    transactions conflict.  *clock*: the time, which stands still; default: a new `Clock`.  *consistency*: which commits
    global queries see: a policy, or "always", "never", "probability", "delays"; default: all of them.  *faults*: the
    probability with which a call fails, and *seed* what that begins with (`Faults.at_random`).  *n_plus_one*,
    *unindexed*: what is too much, in the words of `Calls`, with the indexes of *index_file*, an index.yaml.

    At its end the store is gone.  If the block did not end by an exception, AssertionError for what was too much.
    Raises ValueError for a name that there is not, and the errors of the parts.
    """
    clock = Clock() if clock is None else clock
    plan = Faults()
    if faults:
        plan.at_random(faults, seed)
    calls = Calls(n_plus_one, unindexed, indexes_of(index_file))
    opened = _opened(engine, project, ids, concurrency, clock)
    if consistency is not None:
        opened = Eventual(opened, _policy(consistency, clock))
    recorder = Recorder(Faulty(opened, plan))
    client = Client(store=recorder)
    try:
        with ambient.replaced(client), recorder.telling(calls):
            with client.context() as context:
                yield Sandbox(recorder, client, context, clock, plan, calls)
            calls.check()
    finally:
        client.close()
        recorder.close()


def _opened(engine: Engine, project: str, ids: Ids, concurrency: Concurrency | str, clock: Clock) -> Store:
    policy, mode = IdPolicy(ids), Concurrency(concurrency)
    now, monotonic = clock.time_ns, clock.monotonic
    match engine:
        case "memory":
            return MemoryStore(project, id_policy=policy, concurrency=mode, clock=monotonic, now=now)
        case "sqlite":
            return connect(
                ":memory:", project=project, id_policy=policy, concurrency=mode, clock=monotonic, now=now
            )
    raise ValueError(f"engine is 'memory' or 'sqlite', not {engine!r}")


def _policy(consistency: Policy | str, clock: Clock) -> Policy:
    if not isinstance(consistency, str):
        return consistency
    make = _POLICIES.get(consistency)
    if make is None:
        raise ValueError(f"consistency is a policy, or one of {', '.join(_POLICIES)}; not {consistency!r}")
    return make(clock)
