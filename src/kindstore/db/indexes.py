"""`db.get_indexes`: the composite indexes that there are, and how far each is."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

from kindstore.db.operations import Asked
from kindstore.mapper.context import current
from kindstore.mapper.future import Future


class Index:
    """A composite index: its properties with ASCENDING or DESCENDING, and whether it is for queries with an ancestor.

    *index_id* names it: a number made of its parts, the same in every process.
    """

    BUILDING, SERVING, DELETING, ERROR = range(4)
    ASCENDING: ClassVar[int] = 1
    DESCENDING: ClassVar[int] = 2

    def __init__(
        self, index_id: int, kind: str, has_ancestor: bool, properties: Sequence[tuple[str, int]]
    ) -> None:
        self._id, self._kind, self._has_ancestor = index_id, kind, has_ancestor
        self._properties = [*properties]

    def id(self) -> int:
        """The number."""
        return self._id

    def kind(self) -> str:
        """The kind of its entities."""
        return self._kind

    def has_ancestor(self) -> bool:
        """Whether it is for queries with an ancestor."""
        return self._has_ancestor

    def properties(self) -> list[tuple[str, int]]:
        """The name and the direction of each property, in the order of the index."""
        return [*self._properties]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        return f"Index({self._id}, {self._kind!r}, {self._has_ancestor}, {self._properties})"


def get_indexes(**options: Any) -> list[tuple[Index, int]]:
    """The composite indexes of the current namespace and the state of each; none where the store has none.

    *options* are accepted.
    """
    del options
    context = current()
    listed = getattr(context.store, "indexes", None)
    if listed is None:
        return []
    return [
        (_of(each.index), getattr(Index, each.state.name))
        for each in context.store.run(listed(context.partition.namespace))
    ]


def get_indexes_async(**options: Any) -> Asked[list[tuple[Index, int]]]:
    """The same, for `get_result`."""
    found: Future[Any] = Future("get_indexes")
    found.set_result(get_indexes(**options))
    return Asked(found, list)


def _of(index: Any) -> Index:
    return Index(
        zlib.crc32(str(index).encode()),
        index.kind,
        index.ancestor,
        [(each.name, Index.DESCENDING if each.descending else Index.ASCENDING) for each in index.properties],
    )
