"""The composite indexes of a database: their definitions, their tables, and the rows that entities have in them.

An entity has a row for each combination of its values of the index's properties, and of its ancestors where the index
has those.  Like the rows of a property, each tells for every value which other value of the entity comes right before
it in the index, so that a scan gives each entity once.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import msgspec

from kindstore.store.program import Row
from kindstore.values.components import INT_ZERO, STRING
from kindstore.values.errors import CorruptionError, TooLargeError
from kindstore.values.limits import MAX_COMPOSITE_BYTES, MAX_INDEX_ENTRIES

from .composite import KEY, CompositeIndex, IndexProperty
from .dialect import Dialect


class State(enum.IntEnum):
    """How far an index is."""

    BUILDING = 0
    """Kept up to date by every write; what was written before is still being added."""
    SERVING = 1
    ERROR = 2
    """An entity has too many rows in it; kept no longer, until it is dropped."""
    DELETING = 3
    """Dropped, and kept no longer; its rows are being removed.  The index may be there anew, under another number."""


class Composite:
    """A composite index of the database: its number, definition and state, and the texts that change its rows."""

    __slots__ = ("ancestor", "definition", "delete", "fill", "insert", "number", "state", "table")

    def __init__(self, number: int, definition: CompositeIndex, state: State, dialect: Dialect) -> None:
        self.number, self.definition, self.state = number, definition, state
        width, ancestor = len(definition.properties), definition.ancestor
        self.ancestor = ancestor
        self.table = dialect.composite_table(number)
        self.insert = dialect.insert_composite(number, width, ancestor)
        self.fill = dialect.fill_composite(number, width, ancestor)
        self.delete = dialect.delete_composite(number, width, ancestor)

    def __repr__(self) -> str:
        return f"Composite({self.number}, {self.definition}, {self.state.name.lower()})"

    def key_width(self) -> int:
        """How many of a row's values identify it."""
        return len(self.definition.properties) + self.ancestor + 1


def dump_definition(index: CompositeIndex) -> bytes:
    """The stored form of a definition, without its kind."""
    properties = [[each.name, each.descending] for each in index.properties]
    return msgspec.msgpack.encode([1, index.ancestor, properties])


def dump_deleted(index: CompositeIndex, number: int) -> bytes:
    """The stored form of a definition that is being deleted: the same index may be defined again beside it."""
    return msgspec.msgpack.encode([*msgspec.msgpack.decode(dump_definition(index)), number])


def load_definition(kind: str, body: bytes) -> CompositeIndex:
    """The inverse of `dump_definition`, and of `dump_deleted`; `CorruptionError` if malformed."""
    try:
        _, ancestor, properties, *_ = msgspec.msgpack.decode(body)
        return CompositeIndex(
            kind, bool(ancestor), tuple(IndexProperty(name, bool(down)) for name, down in properties)
        )
    except (msgspec.DecodeError, TypeError, ValueError) as exc:
        raise CorruptionError("malformed definition of an index", kind=kind) from exc


def rows_of(
    composites: Iterable[Composite], values: Mapping[str, Sequence[bytes]], path: bytes, entries: int
) -> dict[Composite, list[Row]]:
    """The rows of an entity: (ancestor,) values…, path, values before them….

    *values*: its packed values by property, distinct and in order; *entries*: how many index rows it has besides.
    `TooLargeError` for more than 20,000 rows or 2 MiB, said before one of them is made ("exploding index").
    """
    found: dict[Composite, list[Row]] = {}
    size = 0
    for composite in composites:
        index = composite.definition
        parts = [(path,) if each.name == KEY else values.get(each.name, ()) for each in index.properties]
        above: Sequence[bytes] = ancestors(path) if index.ancestor else ()
        number = prod(map(len, parts)) * (len(above) or 1)
        if not number:
            continue
        entries += number
        size += sum(sum(map(len, part)) * (number // len(part)) for part in parts)
        size += number * len(path) + (sum(map(len, above)) * (number // len(above)) if above else 0)
        if entries > MAX_INDEX_ENTRIES or size > MAX_COMPOSITE_BYTES:
            raise TooLargeError(
                "an entity would have more than 20,000 index rows, or 2 MiB of them",
                index=str(index),
                rows=entries,
                bytes=size,
                hint="Shorten its lists, or drop the index that combines them.",
            )
        found[composite] = _combined(index, parts, above, path)
    return found


def ancestors(path: bytes) -> list[bytes]:
    """The paths of all ancestors of a complete path, the root first and itself last; `CorruptionError` if malformed."""
    found: list[bytes] = []
    at, size = 0, len(path)
    try:
        while at < size:
            at = path.index(b"\0", at) + 1
            code = path[at]
            at = path.index(b"\0", at) + 1 if code == STRING else at + 1 + code - INT_ZERO
            found.append(path[:at])
    except (IndexError, ValueError) as exc:
        raise CorruptionError("malformed key path", path=path) from exc
    return found


def _combined(
    index: CompositeIndex, parts: Sequence[Sequence[bytes]], above: Sequence[bytes], path: bytes
) -> list[Row]:
    columns: list[list[tuple[bytes, bytes | None]]] = []
    for each, part in zip(index.properties, parts, strict=True):
        before = [*part[1:], None] if each.descending else [None, *part[:-1]]
        columns.append(list(zip(part, before, strict=True)))
    rows: list[Row] = []
    for chosen in product(*columns):
        row: tuple[Any, ...] = (*(value for value, _ in chosen), path, *(before for _, before in chosen))
        rows += [(ancestor, *row) for ancestor in above] if index.ancestor else [row]
    return rows
