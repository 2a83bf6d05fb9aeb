"""Statistics: the kinds ``__Stat_…__``, their keys and columns (spec/service.md 3.7).

A store writes them when it is told to (`abc.Inspect.refresh_statistics`); they are read and queried like any kind.
All properties are indexed.  Those about everything are in the default namespace; each namespace has its own, of kinds
``__Stat_Ns_…__`` with the same keys and columns.
"""

from __future__ import annotations

import msgspec

PREFIX = "__Stat_"
NAMESPACE_PREFIX = "__Stat_Ns_"

TOTAL_NAME = "total_entity_usage"
"""The key name of the totals."""

_BUILTIN = ("builtin_index_bytes", "builtin_index_count")
_COMPOSITE = ("composite_index_bytes", "composite_index_count")

COLUMNS: dict[str, tuple[str, ...]] = {
    "Total": ("entity_bytes", *_BUILTIN, *_COMPOSITE),
    "Namespace": ("subject_namespace", "entity_bytes", *_BUILTIN, *_COMPOSITE),
    "Kind": ("kind_name", "entity_bytes", *_BUILTIN, *_COMPOSITE),
    "Kind_IsRootEntity": ("kind_name", "entity_bytes"),
    "Kind_NotRootEntity": ("kind_name", "entity_bytes"),
    "PropertyType": ("property_type", "entity_bytes", *_BUILTIN),
    "PropertyType_Kind": ("kind_name", "property_type", "entity_bytes", *_BUILTIN),
    "PropertyName_Kind": ("kind_name", "property_name", "entity_bytes", *_BUILTIN),
    "PropertyType_PropertyName_Kind": (
        *("kind_name", "property_type", "property_name", "entity_bytes"),
        *_BUILTIN,
    ),
    "Kind_CompositeIndex": ("kind_name", "index_id"),
}
"""The columns of each statistic beside those of `BASE`."""

BASE = ("bytes", "count", "timestamp")
"""What every statistic has: *bytes* of entities and indexes, *count* of what it is about, the time of the refresh."""


def kind_of(statistic: str, *, within_namespace: bool = False) -> str:
    """The kind of one of `COLUMNS`: of everything, or of a single namespace."""
    return f"{NAMESPACE_PREFIX if within_namespace else PREFIX}{statistic}__"


KINDS = frozenset(
    kind_of(statistic, within_namespace=within)
    for statistic in COLUMNS
    for within in (False, True)
    if not (within and statistic == "Namespace")
)
"""All kinds of statistics; entities of these are not counted."""


class Progress(msgspec.Struct, frozen=True):
    """How far a refresh is: *done* of *total* row numbers of entities looked at."""

    done: int
    total: int
