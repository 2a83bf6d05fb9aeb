"""Leads: which of several equalities a plan reads first, by their numbers of rows.

A query with one sort order and equalities is answered by the index of what it is sorted by, read until there are
results enough; of each of its rows it has to be known whether the entity meets the equalities, or one of several
alternatives of them.  That takes a search in an index for each equality and row.  Or the entities that meet one of
them are looked up before, as a set of numbers, in which to look takes an eighth of that: `estimates.InOrder`
has the rule.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kindstore.store.program import Program

from . import statement
from .catalog import Catalog, Kind
from .estimates import Choice, Estimates, InOrder, Lacking, Question
from .join import Join
from .plan import KEY, Group, Pairs, Plan, led_by


class Ordered(msgspec.Struct, frozen=True):
    """A *scan* in the order of the results, which are the entities that meet one of *alternatives*."""

    scan: Plan
    alternatives: tuple[Pairs, ...]

    def by(self, choice: Choice) -> Plan:
        """The plan that *choice* makes of it: alternatives that differ in what leads alone are one group."""
        groups: dict[Pairs, list[tuple[str, bytes]]] = {}
        for pairs, lead in zip(self.alternatives, choice.leads, strict=True):
            if choice.few:
                groups.setdefault((*pairs[:lead], *pairs[lead + 1 :]), []).append(pairs[lead])
            else:
                groups[pairs] = []
        made = [Group(tuple(leads), probes) for probes, leads in groups.items()]
        if len(made) > 1:
            return msgspec.structs.replace(self.scan, groups=tuple(made))
        # What the only one requires besides is required of all.
        [only] = made
        alone = (Group(only.leads, ()),) if only.leads else ()
        return msgspec.structs.replace(self.scan, probes=only.probes, groups=alone)

    def question(self, kind: Kind) -> InOrder:
        """The question that a choice answers, where all properties of the plan have indexes."""
        assert self.scan.source is not None
        wanted = tuple(
            tuple((kind.indexes[name], value) for name, value in pairs) for pairs in self.alternatives
        )
        return InOrder(kind.indexes[self.scan.source], self.scan.values, wanted)


def ordered(planned: Plan | Join) -> Ordered | None:
    """*planned* as a scan in the order of its results; None if that is no scan of one index, or has no equalities."""
    if isinstance(planned, Plan):
        if planned.source is None or planned.equal is not None or not planned.probes:
            return None
        return Ordered(msgspec.structs.replace(planned, probes=()), (planned.probes,))
    if planned.split or len(planned.orders) != 1 or not planned.branches:
        return None
    [(name, descending)] = planned.orders
    first = planned.branches[0]
    if name == KEY or len(first.columns) != 1:
        return None
    for branch in planned.branches:
        is_alike = branch.columns == first.columns and branch.paths == first.paths
        if not is_alike or not branch.equal or branch.fixed or branch.index is not None:
            return None
    scan = Plan(planned.kind, name, None, first.columns[0].bounds, first.paths, (), descending)
    return Ordered(scan, tuple(branch.equal for branch in planned.branches))


def lead(catalog: Catalog, kind: Kind, planned: Plan) -> Program[Plan]:
    """Let the equality with the fewest rows lead a join of equalities, as far as counting a few of them tells."""
    assert planned.source is not None
    assert planned.equal is not None
    pairs = [(planned.source, planned.equal), *planned.probes]
    wanted = [(kind.indexes[name], value) for name, value in pairs]
    while isinstance(found := catalog.estimates.least(wanted), Lacking):
        yield from _count(catalog.estimates, found)
    return led_by(planned, found[0])


def answered(estimates: Estimates, question: Question, most: int | None) -> Program[tuple[Question, Any]]:
    """*question* and its answer if *most* results are read, with counting as much as it takes."""
    while isinstance(found := question.answer(estimates, most), Lacking):
        yield from _count(estimates, found)
    return question, found


def _count(estimates: Estimates, lacking: Lacking) -> Program[None]:
    if not lacking.wanted:
        return  # another thread has just counted them
    [[counts]] = yield [statement.estimate(lacking.wanted, lacking.up_to)]
    for pair, count in zip(lacking.wanted, counts, strict=True):
        estimates.put(pair, count, lacking.up_to)
