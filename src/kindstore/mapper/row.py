"""The columns of an entity that is being written, as properties add them."""

from __future__ import annotations

from typing import Any

from kindstore.values.entity import Entity, Shape
from kindstore.values.key import Key


class Row:
    """Columns in order: stored names with their values, which are not indexed, and their meanings."""

    __slots__ = ("meanings", "unindexed", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.unindexed: list[str] = []
        self.meanings: dict[str, int] = {}

    def add(self, name: str, value: Any, indexed: bool = True, meaning: int | None = None) -> None:
        """A column called *name*."""
        self.values[name] = value
        if not indexed:
            self.unindexed.append(name)
        if meaning is not None:
            self.meanings[name] = meaning

    def entity(self, key: Key | None) -> Entity:
        """The entity of these columns."""
        shape = Shape.of(self.values, self.unindexed, self.meanings)
        return Entity(key, shape, list(self.values.values()))
