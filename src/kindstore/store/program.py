"""Programs: logic that never waits, and the requests with which it asks a driver to wait for it.

A verb of a store returns a *program*: a generator that yields requests, is sent their replies, and returns the
verb's result.  Programs are composed with ``yield from``, so the same lines serve sync and async, SQLite and
PostgreSQL, and a test can drive them by hand.  Above the waist requests are opaque: pass them on.

Laws for a driver:

1. A `list` is one batch of statements, one round trip: its reply is a list with the rows of each statement.
   It sees a recent committed state, and its own process's acknowledged writes always.
2. `Snapshot` runs a batch in the pinned state of a transaction, which is taken at the first such batch, even an
   empty one.
3. `Write` runs a whole program in one serializable transaction of the database and replies with its value after
   that is durable; if the program raises, nothing is written.  Errors of the database are thrown into the
   program at the place where it waits, already translated into our own tree.
4. However a program ends, the driver leaves no transaction of a `Write` open.
"""

from collections.abc import Callable, Generator
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Row: TypeAlias = tuple[Any, ...]
Statement: TypeAlias = tuple[str, tuple[Any, ...] | list[tuple[Any, ...]]]
"""A text and the values bound in it; a *list* of value tuples runs the text once for each of them."""

Batch: TypeAlias = list[Statement]
Program: TypeAlias = Generator[Any, Any, T]


class Write(msgspec.Struct, Generic[T]):
    """Run *program* in one serializable write transaction; the reply is its value, once durable.

    *proof* makes, of that value, a statement that finds a row exactly if the transaction is in the database:
    with it the driver decides what an exception from COMMIT meant.  None where nothing was to be written.
    """

    program: Program[T]
    proof: Callable[[T], Statement | None] | None = None


class Snapshot(msgspec.Struct, gc=False):
    """Run *batch* in the pinned snapshot called *name* (a transaction); the reply is as for a batch."""

    name: bytes
    batch: Batch


class Release(msgspec.Struct, gc=False):
    """Let go of the snapshot called *name*; without effect where there is none."""

    name: bytes


class Driver(Protocol):
    """The only thing that waits: runs programs against one database."""

    @property
    def identity(self) -> str:
        """What tells this database from others, in every process that has it open."""
        ...

    def run(self, program: Program[T]) -> T:
        """Run *program* to its end in this thread."""
        ...

    async def arun(self, program: Program[T]) -> T:
        """Run *program* to its end without blocking the event loop."""
        ...

    def close(self) -> None:
        """Give back every connection.  A closed driver refuses to run."""
        ...
