"""`ndb.Index` and its parts: descriptions of composite indexes, as values.

Nothing here reads them: ``kindstore indexes`` shows which there are (docs/indexes.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["asc", "desc"]
State: TypeAlias = Literal["building", "serving", "deleting", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexProperty:
    """A property of an index, and in which *direction* its values stand there."""

    name: str
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index of entities of *kind* by *properties*, with their ancestors if *ancestor*."""

    kind: str
    properties: Sequence[IndexProperty]
    ancestor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """An index with its number, and whether it is in use."""

    definition: Index
    state: State
    id: int
