"""Which existing composite indexes serve a query, and what is missing if they do not (spec/service.md 3.6).

One index serves alone if it has what `composite.Needs` asks.  Several serve by a *merge join*: each ends in the same
properties and directions as the query needs after its equality filters, begins with some of these, and together they
have all of them, and the ancestor.  Their rows for the values asked are then sorted alike, and are intersected.
An ancestor index never serves a query without an ancestor: it has too many rows.

Pure.  For *n* indexes of the kind and *k* equality filters: one pass over their properties, then at most
2^k · min(n, 2^k) steps for k < 8, and k · n beyond.  Keep indexes by kind where there are thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from kindstore.values.errors import NeedIndexError

from .composite import CompositeIndex, IndexProperty, Needs
from .stanza import stanza

Postfix: TypeAlias = tuple[IndexProperty, ...]


class Serving(msgspec.Struct, frozen=True):
    """The query is served by *indexes*: a scan of the only one, or a merge join of all.

    Where a property has several equality filters, an index that begins with it is scanned for each of its values, and
    these scans are merged too.
    *rows*: the properties by which their rows are sorted once the equality filters have fixed the ones before; the
    key comes after.  Where the query leaves a direction open, it may be the other one than the query's order.
    """

    indexes: tuple[CompositeIndex, ...]
    rows: Postfix


class Missing(msgspec.Struct, frozen=True):
    """The query is not served; *index* is the least that has to be added.

    *joined*: existing indexes with which it would be merged; empty if it is the perfect index, serving alone.
    """

    index: CompositeIndex
    joined: tuple[CompositeIndex, ...] = ()


def refusal(lacking: Iterable[Missing]) -> NeedIndexError:
    """The error of a query that is not to run without the indexes that it lacks: says what to add to index.yaml."""
    found = list(lacking)
    stanzas = "\n".join(dict.fromkeys(stanza(each.index) for each in found))
    minimal = any(each.joined for each in found)
    which = "minimal index that has to be added" if minimal else "suggested index for this query"
    return NeedIndexError(
        f"This query requires a composite index that is not defined. The {which} is:\n{stanzas}",
        hint="Add it to index.yaml and build it (kindstore indexes create), or leave the strict mode.",
    )


_ANCESTOR_COST = 2
"""An index with ancestors costs as much more as one with two more properties (App Engine's figure)."""

_MAX_EXACT = 8
"""Equality filters, and ancestor, up to which the fewest indexes are sought exactly."""


def serve(needs: Needs, existing: Iterable[CompositeIndex]) -> Serving | Missing:
    """How *existing* indexes serve a query that has these *needs*, or what is missing.

    *existing*: those that can be read now, of any kind, in any order; the answer does not depend on it.
    Of several ways the one with the fewest indexes wins, then the one with the directions of `Needs.index`, then the
    least by name.  A missing index has the fewest properties besides, an ancestor counting as two.
    """
    groups = _groups(needs, existing)
    whole = (1 << (len(needs.equal) + needs.ancestor)) - 1
    perfect = needs.postfix
    ways: list[tuple[int, bool, Postfix, tuple[CompositeIndex, ...]]] = []
    for rows, masks in groups.items():
        chosen = _fewest(masks, whole)
        if chosen:
            ways.append((len(chosen), rows != perfect, rows, chosen))
    if ways:
        _, _, rows, indexes = min(ways)
        return Serving(indexes, rows)
    gaps = [
        (cost, rows != perfect, rows, covered)
        for rows, masks in groups.items()
        for cost, covered in [_gap(needs, masks)]
        if covered
    ]
    if not gaps:
        return Missing(needs.index)
    _, _, rows, covered = min(gaps)
    remaining = [name for bit, name in enumerate(sorted(needs.equal)) if not covered >> bit & 1]
    index = CompositeIndex(
        needs.kind,
        needs.ancestor and not covered >> len(needs.equal) & 1,
        (*map(IndexProperty, remaining), *rows),
    )
    return Missing(index, _fewest(groups[rows], covered))


def _groups(needs: Needs, existing: Iterable[CompositeIndex]) -> dict[Postfix, dict[int, CompositeIndex]]:
    """The indexes that may take part, by the rows that they would be joined on and by what they cover.

    What an index covers is a set of bits: one for each property in `needs.equal`, by name, and one for the ancestor.
    Of those that cover the same, the least stands for all.
    """
    bits = {name: 1 << bit for bit, name in enumerate(sorted(needs.equal))}
    ancestor = 1 << len(bits)
    groups: dict[Postfix, dict[int, CompositeIndex]] = {}
    for index in existing:
        if index.kind != needs.kind or (index.ancestor and not needs.ancestor):
            continue
        split = _split(needs, index.properties)
        if split is None or any(each.name not in bits for each in index.properties[:split]):
            continue
        mask = ancestor if index.ancestor else 0
        for each in index.properties[:split]:
            mask |= bits[each.name]
        masks = groups.setdefault(index.properties[split:], {})
        masks[mask] = min(index, masks.get(mask, index))
    return groups


def _split(needs: Needs, properties: Postfix) -> int | None:
    """Where the postfix that the query needs begins in *properties*; None if they do not end in it."""
    projected = len(properties) - len(needs.projected)
    distinct = projected - len(needs.distinct)
    ordered = distinct - len(needs.ordered)
    if ordered < 0:
        return None
    if (
        _names(properties[projected:]) != needs.projected
        or _names(properties[distinct:projected]) != needs.distinct
    ):
        return None
    for each, wanted in zip(properties[ordered:distinct], needs.ordered, strict=True):
        if each.name != wanted.name or wanted.descending not in {None, each.descending}:
            return None
    return ordered


def _names(properties: Postfix) -> frozenset[str]:
    return frozenset(each.name for each in properties)


def _gap(needs: Needs, masks: Iterable[int]) -> tuple[int, int]:
    """What an index costs that completes the others, and what these cover."""
    covered = 0
    for mask in masks:
        covered |= mask
    names = len(needs.equal)
    missing = names - (covered & ((1 << names) - 1)).bit_count()
    lacks_ancestor = needs.ancestor and not covered >> names & 1
    return missing + _ANCESTOR_COST * lacks_ancestor, covered


def _fewest(masks: Mapping[int, CompositeIndex], whole: int) -> tuple[CompositeIndex, ...]:
    """The fewest indexes that cover *whole* together, at least one; empty if all together do not.

    Those that cover most by themselves come first.  Exactly the fewest up to 8 bits, nearly so beyond.
    """
    if whole in masks:
        return (masks[whole],)
    ranked = sorted(masks.items(), key=lambda item: (-item[0].bit_count(), item[1]))
    if whole.bit_count() > _MAX_EXACT:
        return _greedy(ranked, whole)
    reached: dict[int, tuple[CompositeIndex, ...]] = {0: ()}
    frontier = [0]
    while frontier and whole not in reached:
        following: list[int] = []
        for state in frontier:
            for mask, index in ranked:
                if state | mask not in reached:
                    reached[state | mask] = (*reached[state], index)
                    following.append(state | mask)
        frontier = following
    return reached.get(whole, ())


def _greedy(ranked: list[tuple[int, CompositeIndex]], whole: int) -> tuple[CompositeIndex, ...]:
    """`_fewest`, by taking whatever covers most of the rest."""
    chosen: list[CompositeIndex] = []
    rest = whole
    while rest:
        mask, index = max(ranked, key=lambda item: (item[0] & rest).bit_count())
        if not mask & rest:
            return ()
        chosen.append(index)
        rest &= ~mask
    return tuple(chosen)
