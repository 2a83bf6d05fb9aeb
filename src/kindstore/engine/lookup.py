# pyright: reportPrivateUsage=false
"""Lookups by key.  Programs that yield one batch each where the catalog is warm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kindstore.store.checks import check_lookup
from kindstore.store.messages import R
from kindstore.store.metadata import ENTITY_GROUP
from kindstore.store.program import Batch, Program, Row, Snapshot
from kindstore.values import record
from kindstore.values.entity import Maker
from kindstore.values.key import Key

from . import entity_group
from .catalog import Catalog, Kind
from .transaction import Transaction

ABSENT: Row = (None, None)
"""The version and body of an entity that is not there."""


def read(batch: Batch, transaction: Transaction | None) -> Any:
    """The request for *batch*: in the transaction's snapshot, or in the newest state."""
    return batch if transaction is None else Snapshot(transaction.name, batch)


def lookup(
    catalog: Catalog, keys: Sequence[Key], transaction: Transaction | None, maker: Maker[R], project: str
) -> Program[list[R | None]]:
    """What *maker* makes of the entity of each key; in a transaction what was found is remembered."""
    if len(keys) == 1:
        return _lookup_one(catalog, keys[0], transaction, maker, project)
    return _lookup_many(catalog, keys, transaction, maker, project)


def _lookup_one(
    catalog: Catalog, key: Key, transaction: Transaction | None, maker: Maker[R], project: str
) -> Program[list[R | None]]:
    # Past the properties of keys, which are calls; so everywhere in this module.
    path = key._flat or key.path
    kind = catalog.kinds.get((key._partition, path[-2]))
    if kind is None or path[-1] is None:
        check_lookup((key,), project)
        if path[-2] == ENTITY_GROUP:
            return (yield from entity_group.lookup(catalog, (key,), transaction, maker))
        yield from catalog.load()
        kind = catalog.kinds.get((key._partition, path[-2]))
    if kind is None:
        if transaction is not None:
            yield Snapshot(transaction.name, [])  # nothing to find, and from now on it stays so
            transaction.unplaced.add(key)
        return [None]
    place = (kind.number, key._packed or key.path_bytes)
    batch: Batch = [(catalog.dialect.select_entity, place)]
    [rows] = yield batch if transaction is None else Snapshot(transaction.name, batch)
    if transaction is not None:
        transaction.entities[place] = (key, rows[0][0] if rows else 0)
    if not rows:
        return [None]
    version, body = rows[0]
    try:
        shape, values = record.load(body, catalog.shapes)
    except KeyError:  # a shape that another process has defined
        yield from catalog.load()
        shape, values = record.load(body, catalog.shapes)
    return [maker.of(shape)(key, values, version)]


def _with_groups(
    catalog: Catalog, keys: Sequence[Key], transaction: Transaction | None, maker: Maker[R], project: str
) -> Program[list[R | None]]:
    """`lookup` where versions of entity groups are among what is asked for."""
    asked = [key for key in keys if key.path[-2] == ENTITY_GROUP]
    others = [key for key in keys if key.path[-2] != ENTITY_GROUP]
    versions = iter((yield from entity_group.lookup(catalog, asked, transaction, maker)))
    found: list[R | None] = []
    if others:
        found = yield from lookup(catalog, others, transaction, maker, project)
    rest = iter(found)
    return [next(versions if key.path[-2] == ENTITY_GROUP else rest) for key in keys]


def _lookup_many(
    catalog: Catalog, keys: Sequence[Key], transaction: Transaction | None, maker: Maker[R], project: str
) -> Program[list[R | None]]:
    groups = _by_kind(catalog, keys)
    if None in groups:
        check_lookup(keys, project)
        if any(key.path[-2] == ENTITY_GROUP for key in keys):
            return (yield from _with_groups(catalog, keys, transaction, maker, project))
        yield from catalog.load()
        groups = _by_kind(catalog, keys)
    unplaced = groups.pop(None, None)
    batch: Batch = []
    sizes: list[int] = []
    for kind, group in groups.items():
        statements = catalog.dialect.select_entities(kind.number, group.paths) if kind is not None else []
        batch += statements
        sizes.append(len(statements))
    replies: list[list[Row]] = []
    if batch or transaction is not None:
        replies = yield read(batch, transaction)
    rows = _in_order(list(groups.values()), sizes, replies, len(keys))
    if transaction is not None:
        for kind, group in groups.items():
            for at, path in zip(group.places, group.paths, strict=True):
                assert kind is not None
                transaction.entities[kind.number, path] = (keys[at], rows[at][0] or 0)
        if unplaced is not None:
            transaction.unplaced.update([keys[at] for at in unplaced.places])
    try:
        return record.load_all(keys, rows, catalog.shapes, maker)
    except KeyError:  # a shape that another process has defined
        yield from catalog.load()
        return record.load_all(keys, rows, catalog.shapes, maker)


class _Group:
    """The keys of one kind: their places in the list of all, and their paths."""

    __slots__ = ("paths", "places")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.paths: list[bytes] = []


def _by_kind(catalog: Catalog, keys: Sequence[Key]) -> dict[Kind | None, _Group]:
    """*keys* by kind; under None those of unknown kinds and the incomplete ones, without paths."""
    groups: dict[Kind | None, _Group] = {}
    partition = name = None
    kind: Kind | None = None
    places: list[int] = []
    paths: list[bytes] = []
    for at, key in enumerate(keys):
        path = key._flat or key.path
        if path[-2] != name or key._partition is not partition:
            partition, name = key._partition, path[-2]
            kind = catalog.kinds.get((partition, name))
            group = groups.setdefault(kind, _Group())
            places, paths = group.places, group.paths
        if kind is None:
            places.append(at)
        elif path[-1] is None:
            groups.setdefault(None, _Group()).places.append(at)
        else:
            places.append(at)
            paths.append(key._packed or key.path_bytes)
    return groups


def _in_order(groups: list[_Group], sizes: list[int], replies: list[list[Row]], number: int) -> list[Row]:
    """The row of each key, of the *replies* to as many statements for each group as *sizes* says."""
    if len(replies) == 1 and len(replies[0]) == number:
        return replies[0]
    rows = [ABSENT] * number
    at = 0
    for group, size in zip(groups, sizes, strict=True):
        found = [row for reply in replies[at : at + size] for row in reply]
        at += size
        for place, row in zip(group.places, found, strict=True):
            rows[place] = row
    return rows
