"""What a peer must do: the operations of the workload, and seven things it is not timed for.

Each method is written the way that library's own documentation would have its users write it, choosing
the cheaper way where it offers several.  Reads return fresh objects: no peer may answer from an identity map.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from bench.record import Fields, Loaded


class Peer(Protocol):
    """One library on one SQLite file.  *number* is a loaded record's number; a *handle* is the peer's own."""

    @abstractmethod
    def load(self, rows: Iterable[Fields]) -> None:
        """Fill an empty database; the first row is record 1.  May be as unsafe as it likes meanwhile."""

    @abstractmethod
    def durability(self) -> tuple[str, int]:
        """Journal mode and `PRAGMA synchronous` (2 is FULL), read back from the connection that writes."""

    @abstractmethod
    def discard(self, handles: Iterable[Any]) -> None:
        """Delete what `put_one` or `batch_500` added."""

    def writing(self) -> AbstractContextManager[None]:
        """Where attributes of a loaded record can be written without that being stored."""
        return nullcontext()

    @abstractmethod
    def settle(self) -> None:
        """Empty the write-ahead log, so that every measurement of writes meets its checkpoints alike."""

    @abstractmethod
    def index(self) -> None:
        """Add the index on (active, age, score) that `eq_sort`, `or_three` and `projection_100` call for."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    @abstractmethod
    def get(self, number: int) -> Loaded:
        """One record by its key."""

    @abstractmethod
    def get_multi(self, numbers: Sequence[int]) -> Sequence[Loaded]:
        """Many records by key, in the order asked for."""

    @abstractmethod
    def query_eq(self, email: str) -> Sequence[Loaded]:
        """The records with this email: one."""

    @abstractmethod
    def range_100(self, low: float) -> Sequence[Loaded]:
        """The first 100 records with `score >= low`, by score."""

    @abstractmethod
    def two_eq(self, age: int) -> Sequence[Loaded]:
        """All active records of this age, in any order."""

    @abstractmethod
    def eq_sort(self, age: int) -> Sequence[Loaded]:
        """The first 20 active records of this age, by score."""

    @abstractmethod
    def or_three(self, first: int, second: int, third: int) -> Sequence[Loaded]:
        """The first 50 records, by score, that are of the *first* age and active, of the *second* and not active, or
        of the *third* and active."""

    @abstractmethod
    def projection_100(self, age: int) -> Sequence[tuple[int, float]]:
        """Age and score, nothing else, of the first 100 active records of at least this age, by age, then score."""

    @abstractmethod
    def count(self, age: int) -> int:
        """How many records are older than *age*."""

    @abstractmethod
    def iterate(self) -> Sequence[Loaded]:
        """Every record, in any order."""

    @abstractmethod
    def put_one(self, fields: Fields) -> Any:
        """Store a new record under an id of the peer's choice, durably; its handle."""

    @abstractmethod
    def batch_500(self, rows: Sequence[Fields]) -> Sequence[Any]:
        """Store new records in one durable transaction; their handles."""

    @abstractmethod
    def update_one(self, number: int, age: int) -> None:
        """Read a record, change its age, store it, durably."""

    @abstractmethod
    def transfer(self, source: int, target: int, amount: float) -> None:
        """In one durable transaction, read two records and move *amount* of score between them."""

    @abstractmethod
    def delete_one(self, handle: Any) -> None:
        """Delete a record by its key, durably."""

    @abstractmethod
    def construct(self, rows: Sequence[tuple[Fields]]) -> None:
        """Make one object for each row and store none."""
