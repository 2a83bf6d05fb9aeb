"""The rows that an entity has in a composite index, as order-preserving bytes (docs/format.md, "Composite rows").

A row is the path of an ancestor, in an index with ancestors, and the values of the properties, those of a descending
property complemented.  No part is the prefix of another one, so rows sort as their parts do, and the rows that begin
with given parts are those from the bytes of these parts up to, and without, the same followed by ``ff``.
The entity's path, by which equal rows are sorted upwards, is kept beside the row.  Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

from kindstore.values.components import INT_ZERO, STRING, read_path
from kindstore.values.errors import CorruptionError, TooLargeError
from kindstore.values.limits import MAX_COMPOSITE_BYTES, MAX_INDEX_ENTRIES
from kindstore.values.ordered import descending, unpack_at

from .composite import KEY, CompositeIndex, IndexProperty

Values: TypeAlias = Mapping[str, Sequence[bytes]]
"""The packed values of an entity by property, distinct and in order, as its rows in the built-in indexes have them."""


def composite_rows(index: CompositeIndex, values: Values, path: bytes) -> list[bytes]:
    """The rows in *index* of the entity at *path* with these *values*, distinct and in order.

    One for each combination of a value of each property, times each ancestor (the entity itself is one) if the index
    has ancestors; none if the entity has no value of some property.  ``__key__`` is the path.  A property that an index
    names twice counts twice.  *path*: of a complete key.  Check the limits first (`check_entries`): nothing here does.
    """
    parts = [_part(each, values, path) for each in index.properties]
    if index.ancestor:
        parts.insert(0, [each + b"\0" for each in ancestors(path)])
    return [b"".join(row) for row in product(*parts)]


def check_entries(indexes: Iterable[CompositeIndex], values: Values, path: bytes, built_in: int) -> None:
    """Raise `TooLargeError` if an entity has more rows in its indexes than the service allows (spec/service.md 3.5).

    At most 20,000, *built_in* included, and 2 MiB of rows in composite indexes, the path in each of them counted.
    Nothing is multiplied out: an index that explodes is refused at the price of one that does not.
    """
    total, size = built_in, 0
    for index in indexes:
        number, length = _extent(index, values, path)
        total += number
        size += length
        if total > MAX_INDEX_ENTRIES:
            raise TooLargeError(
                "an entity has at most 20,000 index entries",
                index=str(index),
                entries=total,
                hint="Exclude long lists from the composite indexes: each combination of their values is an entry.",
            )
        if size > MAX_COMPOSITE_BYTES:
            raise TooLargeError(
                "an entity has at most 2 MiB of entries in composite indexes",
                index=str(index),
                size=size,
                hint="Exclude long lists and long texts from the composite indexes.",
            )


def row_start(
    index: CompositeIndex, values: Sequence[bytes], ancestor: bytes | None = None, at: int = 0
) -> bytes:
    """The bytes with which the rows begin that have *values*, packed, in the properties from number *at* on.

    *ancestor*: the path of the ancestor, for an index with ancestors and *at* = 0.  A key as a value is given as
    its path.  What lies between two starts of the same length of *values* is a range of the last one.
    """
    start = ancestor + b"\0" if ancestor is not None else b""
    for each, value in zip(index.properties[at:], values, strict=False):
        whole = value + b"\0" if each.name == KEY else value
        start += descending(whole) if each.descending else whole
    return start


def read_row(index: CompositeIndex, row: bytes) -> tuple[tuple[Any, ...] | None, list[Any]]:
    """The ancestor's path, None without one, and the values of *row*, in their index form (see `ordered.unpack`).

    The value of ``__key__`` is the path as a tuple.  `CorruptionError` for bytes that are no row of *index*.
    """
    ancestor: tuple[Any, ...] | None = None
    at = 0
    if index.ancestor:
        ancestor, at = _read_key(row, 0)
    values: list[Any] = []
    for each in index.properties:
        # Complementing the rest for each descending property costs less than a second reader for each type.
        packed, start = (descending(row[at:]), 0) if each.descending else (row, at)
        value, end = _read_key(packed, start) if each.name == KEY else unpack_at(packed, start)
        at += end - start
        values.append(value)
    if at != len(row):
        raise CorruptionError("bytes after the end of an index row", at=at)
    return ancestor, values


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


def _part(each: IndexProperty, values: Values, path: bytes) -> Sequence[bytes]:
    """The bytes of one property in the order of the rows."""
    packed = _packed(each, values, path)
    return [descending(value) for value in reversed(packed)] if each.descending else packed


def _packed(each: IndexProperty, values: Values, path: bytes) -> Sequence[bytes]:
    return (path + b"\0",) if each.name == KEY else values.get(each.name, ())


def _extent(index: CompositeIndex, values: Values, path: bytes) -> tuple[int, int]:
    """How many rows an entity has in *index*, and their bytes, its path in each included."""
    parts = [_packed(each, values, path) for each in index.properties]
    if index.ancestor:
        parts.append([each + b"\0" for each in ancestors(path)])
    number = 1
    for part in parts:
        number *= len(part)
    if not number:
        return 0, 0
    # Each value of a part stands in as many rows as the other parts have combinations.
    size = sum(sum(map(len, part)) * (number // len(part)) for part in parts)
    return number, size + number * len(path)


def _read_key(packed: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    try:
        path, end = read_path(packed, at)
        if not path or packed[end]:
            raise ValueError("no path, or no end of it")
    except (IndexError, ValueError) as exc:
        raise CorruptionError("malformed key path in an index row", at=at) from exc
    return path, end + 1
