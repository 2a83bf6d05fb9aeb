"""What `Query` tells of how it was answered, if it is asked with ``explain_options``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kindstore.store.messages import AndFilter, Filter, OrFilter, PropertyFilter, Query
from kindstore.values.errors import Error


class QueryExplainError(Error):
    """What was asked for is not there, or not yet."""


@dataclass(frozen=True)
class ExplainOptions:
    """*analyze*: answer the query, too.  Otherwise it is planned only, and has no results."""

    analyze: bool = False


@dataclass(frozen=True)
class PlanSummary:
    """*indexes_used*: for each a dict with its ``properties``, the ``query_scope``, and the ``plan`` of the engine."""

    indexes_used: list[dict[str, Any]]


@dataclass(frozen=True)
class ExecutionStats:
    """How many results there were, in what time, and how many index rows the plan had to look at, at most."""

    results_returned: int
    execution_duration: timedelta
    read_operations: int
    debug_stats: dict[str, Any]


@dataclass(frozen=True)
class ExplainMetrics:
    """The plan; and with ``analyze=True`` what came of it, else `QueryExplainError`."""

    plan_summary: PlanSummary
    _stats: ExecutionStats | None = None

    @property
    def execution_stats(self) -> ExecutionStats:
        """What came of it."""
        if self._stats is None:
            raise QueryExplainError("execution_stats not available when explain_options.analyze=False.")
        return self._stats


def metrics(
    query: Query,
    plan: str | None,
    results: int | None = None,
    seconds: float = 0,
    summed: Iterable[str] = (),
) -> ExplainMetrics:
    """Of *query*, whose *plan* the store has told (None: it does not), and its number of *results* if it was answered.

    *summed*: the properties whose sums or means were asked for.
    """
    names = dict.fromkeys(name for name in (*_compared(query.filters), *summed) if name != "__key__")
    sorted_by = [(order.property, "DESC" if order.descending else "ASC") for order in query.orders]
    parts = [(name, "ASC") for name in names if name not in dict(sorted_by)] + sorted_by
    if "__key__" not in dict(sorted_by):
        parts.append(("__key__", sorted_by[-1][1] if sorted_by else "ASC"))
    shown = ", ".join(f"{'__name__' if name == '__key__' else name} {way}" for name, way in parts)
    scope = "Includes ancestors" if query.ancestor and len(parts) > 1 else "Collection group"
    index = {"properties": f"({shown})", "query_scope": scope, "plan": plan or ""}
    if results is None:
        return ExplainMetrics(PlanSummary([index]))
    rows = sum(map(int, re.findall(r"reads (\d+) rows", plan or "")))
    stats = {
        "billing_details": {"min_query_cost": "0"},
        "documents_scanned": str(results),
        "index_entries_scanned": str(rows),
    }
    return ExplainMetrics(
        PlanSummary([index]), ExecutionStats(results, timedelta(seconds=seconds), results, stats)
    )


def _compared(filters: tuple[Filter, ...]) -> list[str]:
    names: list[str] = []
    for each in filters:
        match each:
            case PropertyFilter(property=name):
                names.append(name)
            case AndFilter(filters=below) | OrFilter(filters=below):
                names += _compared(below)
    return names
