"""`ndb.stats`: models of the statistics that a store keeps of itself (docs/metadata.md).

They are written by `kindstore stats FILE --refresh`, or ``client.store.run(client.store.refresh_statistics())``, and
queried like any model: ``KindStat.query().fetch()``.  Those named Namespace… are in the namespace that they are
about, all others in the default one.
"""

from __future__ import annotations

from typing import ClassVar, Final

from kindstore.mapper.scalar import IntegerProperty
from kindstore.mapper.text import StringProperty
from kindstore.mapper.times import DateTimeProperty
from kindstore.ndb.model import Model
from kindstore.store.statistics import kind_of

__all__ = [
    "BaseKindStatistic",
    "BaseStatistic",
    "GlobalStat",
    "KindCompositeIndexStat",
    "KindNonRootEntityStat",
    "KindPropertyNamePropertyTypeStat",
    "KindPropertyNameStat",
    "KindPropertyTypeStat",
    "KindRootEntityStat",
    "KindStat",
    "NamespaceGlobalStat",
    "NamespaceKindCompositeIndexStat",
    "NamespaceKindNonRootEntityStat",
    "NamespaceKindPropertyNamePropertyTypeStat",
    "NamespaceKindPropertyNameStat",
    "NamespaceKindPropertyTypeStat",
    "NamespaceKindRootEntityStat",
    "NamespaceKindStat",
    "NamespacePropertyTypeStat",
    "NamespaceStat",
    "PropertyTypeStat",
]


def __dir__() -> list[str]:
    return __all__


class BaseStatistic(Model):
    """What all statistics have."""

    STORED_KIND_NAME: ClassVar[str] = "__BaseStatistic__"

    bytes = IntegerProperty()
    """Of entities and of index rows together."""
    count = IntegerProperty()
    """Of what it is about: entities, values, or rows of a composite index."""
    timestamp = DateTimeProperty()
    """When it was computed, in UTC."""

    @classmethod
    def _get_kind(cls) -> str:
        return cls.STORED_KIND_NAME


class BaseKindStatistic(BaseStatistic):
    """What statistics about a kind have."""

    STORED_KIND_NAME = "__BaseKindStatistic__"

    kind_name = StringProperty()
    """The kind."""
    entity_bytes = IntegerProperty(default=0)
    """Without indexes."""


class GlobalStat(BaseStatistic):
    """All entities; one entity, called ``total_entity_usage``."""

    STORED_KIND_NAME = kind_of("Total")

    entity_bytes = IntegerProperty(default=0)
    builtin_index_bytes = IntegerProperty(default=0)
    builtin_index_count = IntegerProperty(default=0)
    composite_index_bytes = IntegerProperty(default=0)
    composite_index_count = IntegerProperty(default=0)


class NamespaceStat(BaseStatistic):
    """One namespace; its name is the id, 1 for the default one."""

    STORED_KIND_NAME = kind_of("Namespace")

    subject_namespace = StringProperty()
    """The namespace."""
    entity_bytes = IntegerProperty(default=0)
    builtin_index_bytes = IntegerProperty(default=0)
    builtin_index_count = IntegerProperty(default=0)
    composite_index_bytes = IntegerProperty(default=0)
    composite_index_count = IntegerProperty(default=0)


class KindStat(BaseKindStatistic):
    """All entities of a kind."""

    STORED_KIND_NAME = kind_of("Kind")

    builtin_index_bytes = IntegerProperty(default=0)
    builtin_index_count = IntegerProperty(default=0)
    composite_index_bytes = IntegerProperty(default=0)
    composite_index_count = IntegerProperty(default=0)


class KindRootEntityStat(BaseKindStatistic):
    """Entities of a kind without a parent."""

    STORED_KIND_NAME = kind_of("Kind_IsRootEntity")


class KindNonRootEntityStat(BaseKindStatistic):
    """Entities of a kind with a parent."""

    STORED_KIND_NAME = kind_of("Kind_NotRootEntity")


class PropertyTypeStat(BaseStatistic):
    """Values of a type, in all kinds."""

    STORED_KIND_NAME = kind_of("PropertyType")

    property_type = StringProperty()
    """The type: String, Integer, … of stored values, STRING, INT64, … of those in indexes."""
    entity_bytes = IntegerProperty(default=0)
    builtin_index_bytes = IntegerProperty(default=0)
    builtin_index_count = IntegerProperty(default=0)


class KindPropertyTypeStat(BaseKindStatistic):
    """Values of a type in a kind."""

    STORED_KIND_NAME = kind_of("PropertyType_Kind")

    property_type = StringProperty()
    """The type."""
    builtin_index_bytes = IntegerProperty(default=0)
    builtin_index_count = IntegerProperty(default=0)


class KindPropertyNameStat(BaseKindStatistic):
    """Values of a property of a kind."""

    STORED_KIND_NAME = kind_of("PropertyName_Kind")

    property_name = StringProperty()
    """The property."""
    builtin_index_bytes = IntegerProperty(default=0)
    builtin_index_count = IntegerProperty(default=0)


class KindPropertyNamePropertyTypeStat(BaseKindStatistic):
    """Values of a type in a property of a kind."""

    STORED_KIND_NAME = kind_of("PropertyType_PropertyName_Kind")

    property_type = StringProperty()
    """The type."""
    property_name = StringProperty()
    """The property."""
    builtin_index_bytes = IntegerProperty(default=0)
    builtin_index_count = IntegerProperty(default=0)


class KindCompositeIndexStat(BaseStatistic):
    """Rows of a composite index."""

    STORED_KIND_NAME = kind_of("Kind_CompositeIndex")

    index_id = IntegerProperty()
    """The number of the index."""
    kind_name = StringProperty()
    """Its kind."""


# The same within one namespace.


class NamespaceGlobalStat(GlobalStat):
    """`GlobalStat` of a namespace."""

    STORED_KIND_NAME = kind_of("Total", within_namespace=True)


class NamespaceKindStat(KindStat):
    """`KindStat` of a namespace."""

    STORED_KIND_NAME = kind_of("Kind", within_namespace=True)


class NamespaceKindRootEntityStat(KindRootEntityStat):
    """`KindRootEntityStat` of a namespace."""

    STORED_KIND_NAME = kind_of("Kind_IsRootEntity", within_namespace=True)


class NamespaceKindNonRootEntityStat(KindNonRootEntityStat):
    """`KindNonRootEntityStat` of a namespace."""

    STORED_KIND_NAME = kind_of("Kind_NotRootEntity", within_namespace=True)


class NamespacePropertyTypeStat(PropertyTypeStat):
    """`PropertyTypeStat` of a namespace."""

    STORED_KIND_NAME = kind_of("PropertyType", within_namespace=True)


class NamespaceKindPropertyTypeStat(KindPropertyTypeStat):
    """`KindPropertyTypeStat` of a namespace."""

    STORED_KIND_NAME = kind_of("PropertyType_Kind", within_namespace=True)


class NamespaceKindPropertyNameStat(KindPropertyNameStat):
    """`KindPropertyNameStat` of a namespace."""

    STORED_KIND_NAME = kind_of("PropertyName_Kind", within_namespace=True)


class NamespaceKindPropertyNamePropertyTypeStat(KindPropertyNamePropertyTypeStat):
    """`KindPropertyNamePropertyTypeStat` of a namespace."""

    STORED_KIND_NAME = kind_of("PropertyType_PropertyName_Kind", within_namespace=True)


class NamespaceKindCompositeIndexStat(KindCompositeIndexStat):
    """`KindCompositeIndexStat` of a namespace."""

    STORED_KIND_NAME = kind_of("Kind_CompositeIndex", within_namespace=True)


_DATASTORE_STATS_CLASSES_BY_KIND: Final[dict[str, type[BaseStatistic]]] = {
    each.STORED_KIND_NAME: each
    for each in (
        GlobalStat,
        NamespaceStat,
        KindStat,
        KindRootEntityStat,
        KindNonRootEntityStat,
        PropertyTypeStat,
        KindPropertyTypeStat,
        KindPropertyNameStat,
        KindPropertyNamePropertyTypeStat,
        KindCompositeIndexStat,
        NamespaceGlobalStat,
        NamespaceKindStat,
        NamespaceKindRootEntityStat,
        NamespaceKindNonRootEntityStat,
        NamespacePropertyTypeStat,
        NamespaceKindPropertyTypeStat,
        NamespaceKindPropertyNameStat,
        NamespaceKindPropertyNamePropertyTypeStat,
        NamespaceKindCompositeIndexStat,
    )
}
