"""Statistics: counts the whole database, and writes what it finds as entities of the kinds ``__Stat_…__``.

Entities are read a few thousand at a time, each time in the newest state, and rows of indexes are counted by the
database; nothing is locked while that goes on.  So the figures are those of one state only if nobody writes meanwhile.
What is held in memory grows with the kinds, and with the properties and types of each.  Then the new statistics are
written in commits of a few hundred, those that are out of date go, and the totals come last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from kindstore.store.messages import Delete, Mutation, Upsert
from kindstore.store.program import Program
from kindstore.store.statistics import KINDS, Progress, kind_of
from kindstore.values.key import Key, Partition

from .catalog import Catalog, Kind
from .errors import MissingTableError
from .metadata import TYPE_RANGES
from .tally import KindTally
from .tally_rows import statistics_of

STEP = 2000
"""Entities read at once."""

WRITTEN_AT_ONCE = 300
"""Statistics written in one commit."""

Commit = Callable[[Sequence[Mutation]], Program[Any]]
"""Writes mutations without the check that refuses reserved kinds."""


def refresh(
    catalog: Catalog,
    commit: Commit,
    timestamp: datetime,
    progress: Callable[[Progress], None] | None = None,
) -> Program[int]:
    """Compute all statistics and write them in place of the old ones; how many there are now.

    *progress* is called after each step, between two statements.
    """
    yield from catalog.load()
    tallies = yield from _count_entities(catalog, progress)
    written: dict[Key, Upsert] = {}
    for partition in _databases(tallies):
        kinds = [
            tally
            for tally in tallies.values()
            if (tally.kind.partition.project, tally.kind.partition.database)
            == (partition.project, partition.database)
        ]
        for tally in kinds:
            yield from _count_rows(catalog, tally)
        for entity in statistics_of(partition, kinds, timestamp):
            assert entity.key is not None
            written[entity.key] = Upsert(entity)
    totals = {kind_of("Total"), kind_of("Total", within_namespace=True)}
    last = [each for key, each in written.items() if key.path[0] in totals]
    yield from _write(commit, [each for key, each in written.items() if key.path[0] not in totals])
    yield from _remove_old(catalog, commit, written.keys())
    yield from _write(commit, last)
    return len(written)


def _count_entities(
    catalog: Catalog, progress: Callable[[Progress], None] | None
) -> Program[dict[int, KindTally]]:
    """What the entities of each kind come to, by the number of the kind."""
    sql = catalog.dialect
    [[(_, last)]] = yield [(sql.select_state, ())]
    total = last or 0
    tallies: dict[int, KindTally | None] = {}
    after = 0
    while True:
        [rows] = yield [(sql.all_entities, (after, STEP))]
        for _, number, path, body in rows:
            if number not in tallies:
                if number not in catalog.kinds_by_number:
                    yield from catalog.load()  # another process has just defined it
                kind = catalog.kinds_by_number[number]
                tallies[number] = None if kind.name in KINDS else KindTally(kind)
            tally = tallies[number]
            if tally is None:
                continue
            try:
                tally.add(path, body, catalog.shapes)
            except KeyError:
                yield from catalog.load()  # a shape that another process has defined
                tally.add(path, body, catalog.shapes)
        if rows:
            after = rows[-1][0]
        if progress is not None:
            progress(Progress(min(after, total) if len(rows) == STEP else total, total))
        if len(rows) < STEP:
            return {number: tally for number, tally in tallies.items() if tally is not None}


def _count_rows(catalog: Catalog, tally: KindTally) -> Program[None]:
    """Add to *tally* the rows that its kind has in each index."""
    sql = catalog.dialect
    for name, index in sorted(tally.kind.indexes.items()):
        ranges = [(low, high) for low, high in TYPE_RANGES]
        replies = yield [(sql.sum_rows(index.number), bounds) for bounds in ranges]
        for at, [(rows, size)] in enumerate(replies):
            if rows:
                tally.indexed[name, at] = (rows, size)
    for composite in tally.kind.composites:
        definition = composite.definition
        text = sql.sum_composite_rows(composite.number, len(definition.properties), definition.ancestor)
        try:
            [[(rows, size)]] = yield [(text, ())]
        except MissingTableError:  # another process has just dropped it
            continue
        if rows:
            tally.composites[composite.number] = (rows, size)


def _databases(tallies: dict[int, KindTally]) -> list[Partition]:
    """The default namespace of each database in which there is anything."""
    return list({tally.kind.partition.with_namespace(""): None for tally in tallies.values()})


def _write(commit: Commit, mutations: Sequence[Mutation]) -> Program[None]:
    for at in range(0, len(mutations), WRITTEN_AT_ONCE):
        yield from commit(mutations[at : at + WRITTEN_AT_ONCE])


def _remove_old(catalog: Catalog, commit: Commit, kept: Any) -> Program[None]:
    """Delete every statistic whose key is not among *kept*."""
    for kind in [kind for kind in catalog.kinds.values() if kind.name in KINDS]:
        old = yield from _old(catalog, kind, kept)
        yield from _write(commit, [Delete(key) for key in old])


def _old(catalog: Catalog, kind: Kind, kept: Any) -> Program[list[Key]]:
    found: list[Key] = []
    after = b""
    while True:
        [rows] = yield [(catalog.dialect.some_paths, (kind.number, after, STEP))]
        keys = [Key.packed_in(kind.partition, path) for (path,) in rows]
        found += [key for key in keys if key not in kept]
        if len(rows) < STEP:
            return found
        after = rows[-1][0]
