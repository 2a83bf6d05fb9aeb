"""`db.stats`: models of the statistics that a store keeps of itself (docs/metadata.md).

They are written by `kindstore stats FILE --refresh`, or ``client.store.run(client.store.refresh_statistics())``.  Those
named Namespace… are in the namespace that they are about, all others in the default one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kindstore.db.model import Model
from kindstore.db.property import IntegerProperty, StringProperty
from kindstore.db.times import DateTimeProperty
from kindstore.store.statistics import COLUMNS, kind_of


class BaseStatistic(Model):
    """What all statistics have: *bytes*, *count* and *timestamp*."""

    STORED_KIND_NAME: ClassVar[str] = "__BaseStatistic__"

    bytes = IntegerProperty()
    count = IntegerProperty()
    timestamp = DateTimeProperty()

    @classmethod
    def kind(cls) -> str:
        """The kind that the store has for it."""
        return cls.STORED_KIND_NAME


class BaseKindStatistic(BaseStatistic):
    """What all statistics about kinds have: *kind_name* and *entity_bytes*."""

    STORED_KIND_NAME = "__BaseKindStatistic__"

    kind_name = StringProperty()
    entity_bytes = IntegerProperty(default=0)


_TEXTS = frozenset({"subject_namespace", "property_type", "property_name"})


def _made(name: str, statistic: str, within: bool) -> Any:
    columns = COLUMNS[statistic]
    base: Any = BaseKindStatistic if "kind_name" in columns else BaseStatistic
    properties = {
        column: StringProperty() if column in _TEXTS else IntegerProperty(default=0)
        for column in columns
        if column not in base.properties()
    }
    about = f"The statistic {statistic} of {'its namespace' if within else 'everything'}."
    kind = kind_of(statistic, within_namespace=within)
    return type(base)(
        name, (base,), {**properties, "STORED_KIND_NAME": kind, "__doc__": about, "__module__": __name__}
    )


GlobalStat: Any = _made("GlobalStat", "Total", False)
NamespaceStat: Any = _made("NamespaceStat", "Namespace", False)
KindStat: Any = _made("KindStat", "Kind", False)
KindRootEntityStat: Any = _made("KindRootEntityStat", "Kind_IsRootEntity", False)
KindNonRootEntityStat: Any = _made("KindNonRootEntityStat", "Kind_NotRootEntity", False)
PropertyTypeStat: Any = _made("PropertyTypeStat", "PropertyType", False)
KindPropertyTypeStat: Any = _made("KindPropertyTypeStat", "PropertyType_Kind", False)
KindPropertyNameStat: Any = _made("KindPropertyNameStat", "PropertyName_Kind", False)
KindPropertyNamePropertyTypeStat: Any = _made(
    "KindPropertyNamePropertyTypeStat", "PropertyType_PropertyName_Kind", False
)
KindCompositeIndexStat: Any = _made("KindCompositeIndexStat", "Kind_CompositeIndex", False)
NamespaceGlobalStat: Any = _made("NamespaceGlobalStat", "Total", True)
NamespaceKindStat: Any = _made("NamespaceKindStat", "Kind", True)
NamespaceKindRootEntityStat: Any = _made("NamespaceKindRootEntityStat", "Kind_IsRootEntity", True)
NamespaceKindNonRootEntityStat: Any = _made("NamespaceKindNonRootEntityStat", "Kind_NotRootEntity", True)
NamespacePropertyTypeStat: Any = _made("NamespacePropertyTypeStat", "PropertyType", True)
NamespaceKindPropertyTypeStat: Any = _made("NamespaceKindPropertyTypeStat", "PropertyType_Kind", True)
NamespaceKindPropertyNameStat: Any = _made("NamespaceKindPropertyNameStat", "PropertyName_Kind", True)
NamespaceKindPropertyNamePropertyTypeStat: Any = _made(
    "NamespaceKindPropertyNamePropertyTypeStat", "PropertyType_PropertyName_Kind", True
)
NamespaceKindCompositeIndexStat: Any = _made("NamespaceKindCompositeIndexStat", "Kind_CompositeIndex", True)
