"""The versions of entity groups, as entities ``__entity_group__`` (spec/service.md 3.7).

Commits keep these versions only from the first time on that somebody wants them: a transaction of the mode with
entity groups, or a lookup here.  The version of a group that was not written since is the greatest version among its
entities.  Both are stamps of the same clock, and what is kept is raised by every commit, so that it only grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kindstore.store.metadata import GROUP_VERSION, is_entity_group
from kindstore.store.program import Program, Row, Snapshot, Statement, Write
from kindstore.values.entity import Maker
from kindstore.values.key import Key, Partition

from .catalog import Catalog
from .commit import GROUPS_ON
from .transaction import Transaction, group_of


def lookup(
    catalog: Catalog, keys: Sequence[Key], transaction: Transaction | None, maker: Maker[Any]
) -> Program[list[Any]]:
    """What *maker* makes of the version of each group of *keys*; None for a key of no group, or one never written.

    A transaction conflicts if a group that it asked for has changed since.
    """
    yield from keep(catalog)
    yield from catalog.load()
    groups = [group_of(key) for key in keys]
    again = [partial(_statement, catalog, *group) for group in groups]
    statements = [each() for each in again]
    replies = yield statements if transaction is None else Snapshot(transaction.name, statements)
    if transaction is not None and not transaction.by_group:
        transaction.queries += zip(again, replies, strict=True)
    make = maker.of(GROUP_VERSION)
    found: list[Any] = []
    for key, [row] in zip(keys, replies, strict=True):
        version = _version(row)
        if version is None or not is_entity_group(key):
            found.append(None)
        else:
            found.append(make(maker.key_class.packed_in(key.partition, key.path_bytes), [version], 0))
    return found


def keep(catalog: Catalog) -> Program[None]:
    """See to it that commits keep the versions of groups from now on."""
    [[(flags,)]] = yield [(catalog.dialect.select_flags, ())]
    if not flags & GROUPS_ON:
        yield Write(_turn_on(catalog))


def _turn_on(catalog: Catalog) -> Program[None]:
    yield [(catalog.dialect.turn_groups_on, ())]


def _statement(catalog: Catalog, space: Partition, root: bytes) -> Statement:
    """The version kept of a group; and the greatest of its entities and their number, which any commit changes."""
    number = catalog.space_numbers.get(space, -1)  # with the number that it has by then, when it is repeated
    return catalog.dialect.select_group_version, (number, root, number, root, root + b"\xff")


def _version(row: Row) -> int | None:
    kept, greatest, _ = row
    return max(kept or 0, greatest or 0) or None
