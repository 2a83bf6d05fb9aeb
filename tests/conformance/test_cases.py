"""Random queries: the model agrees with itself, and the comparison of two stores finds what is wrong with one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given

from kindstore.backends.memory import MemoryStore
from kindstore.store.messages import Aggregation, Order, Query
from kindstore.store.program import Program
from kindstore.values.entity import Entity
from kindstore.values.errors import Error
from tests.conformance.cases import Case, Cases, cases
from tests.conformance.comparing import Answers, compare, loaded
from tests.conformance.places import assert_consistent
from tests.scale import scaled

SEEDS = scaled(25)


@given(cases())
def test_the_answers_of_the_model_agree_with_each_other(made: tuple[list[Entity], list[Case]]) -> None:
    data, asked = made
    store = loaded(MemoryStore(), data)
    for case in asked:
        try:
            whole = Answers(store, case).whole()
        except Error:
            continue
        assert_consistent(Answers(store, case), case, whole)


def test_a_store_compares_with_itself() -> None:
    counted = compare(MemoryStore, MemoryStore, range(SEEDS))
    assert counted["compared"] == SEEDS * 12
    assert counted["found"] > counted["compared"] // 3
    assert 0 < counted["refused"] < counted["compared"] // 4


def test_random_cases_are_of_every_feature() -> None:
    made = Cases(random.Random(1))
    queries = [made.query() for _ in range(600)]
    text = repr(queries)
    for word in ("AndFilter", "OrFilter", "'IN'", "'NOT_IN'", "'!='", "'n.z'", "datetime", "GeoPt", "nan"):
        assert word in text, word
    assert any(each.projection and not each.distinct_on for each in queries)
    assert any(each.distinct_on and each.projection != each.distinct_on for each in queries)
    assert any(each.distinct_on and not each.projection for each in queries)
    assert any(each.kind is None and each.ancestor is not None for each in queries)
    assert any(each.keys_only and each.orders for each in queries)
    assert len({each.partition for each in queries}) == 2


class Changed(MemoryStore):
    """A store with a fault: it answers another query than it was asked."""

    def change(self, query: Query) -> Query:
        """The query that is answered."""
        raise NotImplementedError

    def run_query(self, query: Query, *args: Any, **options: Any) -> Program[Any]:
        return super().run_query(self.change(query), *args, **options)

    def run_aggregation(
        self, query: Query, aggregations: Sequence[Aggregation], *args: Any, **options: Any
    ) -> Program[list[Any]]:
        return super().run_aggregation(self.change(query), aggregations, *args, **options)


class ForgetsFilters(Changed):
    def change(self, query: Query) -> Query:
        return msgspec.structs.replace(query, filters=query.filters[:1])


class ForgetsDistinct(Changed):
    def change(self, query: Query) -> Query:
        return msgspec.structs.replace(query, distinct_on=())


class TurnsOrders(Changed):
    def change(self, query: Query) -> Query:
        orders = tuple(Order(each.property, not each.descending) for each in query.orders)
        return msgspec.structs.replace(query, orders=orders)


class ForgetsOffset(Changed):
    def change(self, query: Query) -> Query:
        return msgspec.structs.replace(query, offset=0)


class ForgetsEnd(Changed):
    def change(self, query: Query) -> Query:
        return msgspec.structs.replace(query, end=None)


class ForgetsProjection(Changed):
    def change(self, query: Query) -> Query:
        return msgspec.structs.replace(query, projection=())


@pytest.mark.parametrize(
    "faulty", [ForgetsFilters, ForgetsDistinct, TurnsOrders, ForgetsOffset, ForgetsEnd, ForgetsProjection]
)
def test_a_faulty_store_does_not_compare(faulty: type[MemoryStore]) -> None:
    with pytest.raises(AssertionError, match="seed"):
        compare(MemoryStore, faulty, range(20))
