"""What a query reads: the indexes that it scans, and how many rows there are in the ranges of these scans."""

from __future__ import annotations

import msgspec

from kindstore.store.program import Program, Row, Statement

from . import join_statement, statement
from .catalog import Kind
from .composites import State
from .join import Branch, Join
from .plan import ALL, Plan
from .scan import Scan


class Reading(msgspec.Struct, frozen=True):
    """*indexes* that are scanned, by name, those of single properties as ``Kind.property``; none: the entities are.

    *rows*: how many index rows lie in the ranges that are scanned, which is what a query without a limit reads; with
    one it stops earlier where an index has the order of the results.  For each of them the equalities that no scan
    has met are looked up.
    """

    indexes: tuple[str, ...]
    rows: int


def reading(scan: Scan) -> Program[Reading]:
    """What the query that was made ready as *scan* reads."""
    kinds, plan, start, end = scan.kinds, scan.plan, scan.start, scan.end
    if scan.gather is not None:
        plan, start, end = scan.gather.candidates, None, None
    if isinstance(plan, Join):
        parts = list(dict.fromkeys(part for each in plan.branches for part in _parts(each, kinds)))
        names = tuple(dict.fromkeys(name for each in parts if (name := _name(plan.kind, each)) is not None))
        scans = [Join(plan.kind, (each,), ()) for each in parts]
        statements = [join_statement.scan(each, kinds, statement.COUNT) for each in scans]
    else:
        alone = msgspec.structs.replace(plan, probes=(), groups=())
        statements = [statement.scan(alone, kinds, statement.COUNT, start, end, None, 0)]
        leads = dict.fromkeys(pair for each in plan.groups for pair in each.leads)
        looked_up = [Plan(plan.kind, name, value, ALL, ALL, (), False) for name, value in leads]
        statements += [statement.scan(each, kinds, statement.COUNT) for each in looked_up]
        sources = dict.fromkeys(each.source for each in (plan, *looked_up) if each.source is not None)
        names = tuple(f"{plan.kind}.{name}" for name in sources)
    batch: list[Statement] = [each for each in statements if each is not None and not scan.empty]
    replies: list[list[Row]] = []
    if batch:
        replies = yield batch
    return Reading(names, sum(rows[0][0] for rows in replies))


def _parts(branch: Branch, kinds: list[Kind]) -> list[Branch]:
    """The scans of a branch, each as one that does nothing else: what leads, and the columns that are joined."""
    columns = [
        msgspec.structs.replace(each, split=True) for each in branch.columns
    ]  # every row, not only the first
    composites = [each for kind in kinds[:1] for each in kind.composites if each.state is State.SERVING]
    if branch.index is not None and any(each.definition == branch.index for each in composites):
        properties = [each.name for each in branch.index.properties]
        equal = tuple(pair for pair in branch.equal if pair[0] in properties[: branch.prefix])
        led = tuple(each for each in columns if each.property in properties[branch.prefix :])
        lead = msgspec.structs.replace(branch, equal=equal, columns=led, fixed=())
        columns = [each for each in columns if each not in led]
    elif columns:
        lead = Branch((), (columns.pop(0),), (), branch.paths)
    else:
        lead = Branch(branch.equal[:1], (), (), branch.paths)
    return [lead, *(Branch((), (each,), (), ALL) for each in columns)]


def _name(kind: str | None, part: Branch) -> str | None:
    if part.index is not None:
        return str(part.index)
    source = part.columns[0].property if part.columns else part.equal[0][0] if part.equal else None
    return None if source is None else f"{kind}.{source}"
