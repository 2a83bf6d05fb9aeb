"""Aggregations: counts, sums and averages over the results of a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from kindstore.store import messages

from .query import Query

if TYPE_CHECKING:
    from .client import Client


class BaseAggregation:
    """What is asked of all results together; *alias* names the answer."""

    def __init__(self, alias: str | None = None) -> None:
        self.alias = alias

    def message(self) -> messages.Aggregation:
        """As the store has it."""
        raise NotImplementedError


class CountAggregation(BaseAggregation):
    """How many there are."""

    def message(self) -> messages.Aggregation:
        """As the store has it."""
        return messages.Count()


class SumAggregation(BaseAggregation):
    """The sum of the numbers among the values of *property_ref*."""

    def __init__(self, property_ref: str, alias: str | None = None) -> None:
        super().__init__(alias)
        self.property_ref = property_ref

    def message(self) -> messages.Aggregation:
        """As the store has it."""
        return messages.Sum(self.property_ref)


class AvgAggregation(SumAggregation):
    """Their mean; None of none."""

    def message(self) -> messages.Aggregation:
        """As the store has it."""
        return messages.Average(self.property_ref)


class AggregationResult(msgspec.Struct, frozen=True):
    """One answer."""

    alias: str
    value: Any


class AggregationQuery:
    """Aggregations over the results of *query*, made by `Client.aggregation_query`."""

    def __init__(self, client: Client, query: Query, explain_options: Any = None) -> None:
        if explain_options is not None:
            raise NotImplementedError("explain_options are not supported yet")
        self._client, self._nested_query = client, query
        self._aggregations: list[BaseAggregation] = []

    @property
    def project(self) -> str:
        """The project of the query."""
        return self._nested_query.project

    @property
    def namespace(self) -> str | None:
        """The namespace of the query."""
        return self._nested_query.namespace

    def count(self, alias: str | None = None) -> Self:
        """Ask for a count, too."""
        return self.add_aggregation(CountAggregation(alias))

    def sum(self, property_ref: str, alias: str | None = None) -> Self:
        """Ask for a sum, too."""
        return self.add_aggregation(SumAggregation(property_ref, alias))

    def avg(self, property_ref: str, alias: str | None = None) -> Self:
        """Ask for a mean, too."""
        return self.add_aggregation(AvgAggregation(property_ref, alias))

    def add_aggregation(self, aggregation: BaseAggregation) -> Self:
        """Ask for this, too."""
        self._aggregations.append(aggregation)
        return self

    def add_aggregations(self, aggregations: Iterable[BaseAggregation]) -> Self:
        """Ask for these, too."""
        self._aggregations.extend(aggregations)
        return self

    def fetch(
        self,
        client: Client | None = None,
        limit: int | None = None,
        eventual: bool = False,
        retry: Any = None,
        timeout: float | None = None,
        read_time: datetime | None = None,
    ) -> Iterator[list[AggregationResult]]:
        """The answers: one list of them, in an iterator.  *limit*: look at so many results at most."""
        del retry, timeout
        if read_time is not None:
            raise NotImplementedError("reads of the past are not supported yet")
        client = client or self._client
        query = self._nested_query.message()
        if limit is not None:
            query = msgspec.structs.replace(query, limit=limit)
        transaction, consistency = client.reading(None, eventual)
        asked = [each.message() for each in self._aggregations]
        values = client.store.run(client.store.run_aggregation(query, asked, transaction, consistency))
        # Those without a name are numbered, as the service does.
        unnamed = (f"property_{number}" for number in range(1, len(asked) + 1))
        names = [each.alias or next(unnamed) for each in self._aggregations]
        return iter([[AggregationResult(name, value) for name, value in zip(names, values, strict=True)]])
