"""`ndb.stats`: models of the statistics."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kindstore import ndb
from kindstore.ndb import stats
from kindstore.store.abc import Inspect
from kindstore.store.statistics import BASE, COLUMNS, KINDS, kind_of


class Author(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()


@pytest.fixture
def refreshed(client: ndb.Client, context: ndb.Context) -> None:
    """Three entities in two namespaces, counted."""
    ada = Author(id="ada", name="Ada", age=36).put()
    Author(id="byron", parent=ada, name="Byron").put()
    Author(id="alan", namespace="shop", name="Alan").put()
    store = client.store
    assert isinstance(store, Inspect)
    store.run(store.refresh_statistics())


CLASSES = [
    each
    for each in vars(stats).values()
    if isinstance(each, type) and issubclass(each, stats.BaseStatistic) and "__Stat_" in each.STORED_KIND_NAME
]


def test_there_is_a_class_for_every_kind() -> None:
    assert {each.STORED_KIND_NAME for each in CLASSES} == KINDS
    assert len(CLASSES) == 19
    assert {each._get_kind(): each for each in CLASSES} == stats._DATASTORE_STATS_CLASSES_BY_KIND


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("statistic", COLUMNS)
def test_a_class_has_the_columns_that_are_stored(statistic: str, within: bool) -> None:
    if (statistic, within) == ("Namespace", True):
        return
    cls: Any = stats._DATASTORE_STATS_CLASSES_BY_KIND[kind_of(statistic, within_namespace=within)]
    assert set(cls._properties) == {*BASE, *COLUMNS[statistic]}


def test_everything_is_in_the_default_namespace(refreshed: None) -> None:
    total = stats.GlobalStat.query().get()
    assert total is not None
    assert total.key == ndb.Key("__Stat_Total__", "total_entity_usage")
    assert total.count == 3
    assert total.bytes == total.entity_bytes + total.builtin_index_bytes + total.composite_index_bytes
    assert isinstance(total.timestamp, datetime)
    assert {each.subject_namespace: each.count for each in stats.NamespaceStat.query()} == {"": 2, "shop": 1}
    assert [each.count for each in stats.KindNonRootEntityStat.query()] == [1]


def test_a_namespace_has_its_own(client: ndb.Client, refreshed: None) -> None:
    with client.context(namespace="shop"):
        assert [each.count for each in stats.NamespaceGlobalStat.query()] == [1]
        assert [each.kind_name for each in stats.NamespaceKindStat.query()] == ["Author"]
        assert stats.GlobalStat.query().get() is None


def test_statistics_are_filtered_like_any_model(refreshed: None) -> None:
    query = stats.KindPropertyNamePropertyTypeStat.query(
        stats.KindPropertyNamePropertyTypeStat.property_name == "age"
    )
    found = {each.property_type: (each.count, each.builtin_index_count) for each in query}
    assert found == {"Integer": (1, 0), "INT64": (0, 2), "NULL": (2, 4)}


def test_statistics_are_found_by_key(refreshed: None) -> None:
    found = stats.KindStat.get_by_id("Author")
    assert found is not None
    assert (found.kind_name, found.count) == ("Author", 3)
