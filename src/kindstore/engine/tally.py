"""What the entities of one kind come to: counted record by record, without making values of what is only measured.

Sizes are those of the record (docs/format.md): of a value the bytes that MessagePack takes for it, of an entity its
record and its key path.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kindstore.values import record
from kindstore.values.errors import CorruptionError
from kindstore.values.record import StoredShape

from .catalog import Kind
from .composites import ancestors

_decode = msgspec.msgpack.Decoder(list[Any]).decode
_size = msgspec.msgpack.Encoder().encode

TAGS = {1: "Date/Time", 2: "GeoPt", 3: "Key", 4: "User", 5: "EmbeddedEntity"}
"""The types of tagged values."""

MEANINGS = {
    2: "Category",
    3: "Link",
    7: "Date/Time",
    8: "Email",
    9: "GeoPt",
    10: "IM",
    11: "PhoneNumber",
    12: "PostalAddress",
    13: "Rating",
    14: "Blob",
    15: "Text",
    16: "ShortBlob",
    17: "BlobKey",
    19: "EmbeddedEntity",
}
"""The types that App Engine's meanings stand for."""

_PLAIN = {
    type(None): "NULL",
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    str: "String",
    bytes: "ShortBlob",
}
_UNINDEXED = {**_PLAIN, str: "Text", bytes: "Blob"}


class KindTally:
    """The figures of *kind*, a kind in a namespace.

    *count* and *bytes* of entities and of *roots*, those without a parent; *values* (property, type) -> [count, bytes] of
    single values, those in lists each for itself; *indexed* (property, place in `store.metadata.TYPES`) -> (rows,
    bytes), *composites* number -> (rows, bytes).
    """

    __slots__ = (
        "_columns",
        "bytes",
        "composites",
        "count",
        "indexed",
        "kind",
        "path_bytes",
        "roots",
        "values",
    )

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.count = self.bytes = self.path_bytes = 0
        self.roots = [0, 0]
        self.values: dict[tuple[str, str], list[int]] = {}
        self.indexed: dict[tuple[str, int], tuple[int, int]] = {}
        self.composites: dict[int, tuple[int, int]] = {}
        self._columns: dict[int, list[_Column]] = {}

    def add(self, path: bytes, body: bytes, shapes: dict[int, StoredShape]) -> None:
        """Count an entity; KeyError where *shapes* lacks its columns, `CorruptionError` for a malformed record."""
        try:
            values = _decode(body)
            number = values.pop()
        except (msgspec.DecodeError, IndexError) as exc:
            raise CorruptionError("malformed record", size=len(body)) from exc
        columns = self._columns.get(number)
        if columns is None:
            columns = self._columns[number] = _columns_of(shapes[number])
        if len(columns) != len(values):
            raise CorruptionError("a record of other columns than its shape", shape=number)
        size = len(path) + len(body)
        self.count += 1
        self.bytes += size
        self.path_bytes += len(path)
        if len(ancestors(path)) == 1:
            self.roots[0] += 1
            self.roots[1] += size
        for column, value in zip(columns, values, strict=True):
            if value.__class__ is list:
                for item in value:
                    self._add_value(column, item)
            else:
                self._add_value(column, value)

    def _add_value(self, column: _Column, value: Any) -> None:
        cls = value.__class__
        kind = column.types.get(cls)
        if kind is None:  # a tag tells
            kind = TAGS.get(value.code, "EmbeddedEntity")
        tally = column.tallies.get(kind)
        if tally is None:
            tally = column.tallies[kind] = self.values.setdefault((column.name, kind), [0, 0])
        tally[0] += 1
        if cls is float:
            tally[1] += 9
        elif cls is bool or value is None:
            tally[1] += 1
        else:
            tally[1] += len(_size(value))


class _Column:
    """A column of a stored shape: its name, the type that each class of raw value is there, and their tallies."""

    __slots__ = ("name", "tallies", "types")

    def __init__(self, name: str, types: dict[type, str]) -> None:
        self.name, self.types = name, types
        self.tallies: dict[str, list[int]] = {}


def _columns_of(stored: StoredShape) -> list[_Column]:
    shape = stored.shape
    meanings = dict(shape.meanings)
    columns: list[_Column] = []
    for name, codec in zip(shape.names, stored.codecs, strict=True):
        types = _UNINDEXED if name in shape.unindexed else _PLAIN
        if codec in (record.TIME, record.TIMES):
            types = {**types, bytes: "Date/Time"}
        elif meanings.get(name) in MEANINGS:
            # A meaning is of what MessagePack has for the value; what has a tag tells its type itself.
            meant = MEANINGS[meanings[name]]
            types = {cls: kind if cls is type(None) else meant for cls, kind in types.items()}
        columns.append(_Column(name, types))
    return columns
