"""Aggregations: counts, sums and averages over the results of a query."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Self

import msgspec

from kindstore.store import messages
from kindstore.values.errors import BadQueryError

from .place import Place
from .query import Query
from .query_profile import ExplainMetrics, ExplainOptions, QueryExplainError, metrics


class BaseAggregation(ABC):
    """What is asked of all results together; *alias* names the answer."""

    def __init__(self, alias: str | None = None) -> None:
        self.alias = alias

    @abstractmethod
    def message(self) -> messages.Aggregation:
        """As the store has it."""


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

    def __init__(self, client: Place, query: Query, explain_options: ExplainOptions | None = None) -> None:
        self.explain_options = explain_options
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
        client: Place | None = None,
        limit: int | None = None,
        eventual: bool = False,
        retry: Any = None,
        timeout: float | None = None,
        read_time: datetime | None = None,
    ) -> AggregationResults:
        """The answers: one list of them, in an iterator.  *limit*: look at so many results at most.

        `BadQueryError` if two of them have one alias.
        """
        del retry, timeout
        if read_time is not None:
            raise NotImplementedError("reads of the past are not supported yet")
        client = client or self._client
        query = self._nested_query.message()
        if limit is not None:
            query = msgspec.structs.replace(query, limit=limit)
        transaction, consistency = client.reading(eventual)
        # Those without a name are numbered, as the service does.
        unnamed = (f"property_{number}" for number in range(1, len(self._aggregations) + 1))
        names = [each.alias or next(unnamed) for each in self._aggregations]
        if len({*names}) < len(names):
            raise BadQueryError("an alias stands for two aggregations", aliases=names)
        asked = [each.message() for each in self._aggregations]
        store = client.store

        def answers() -> list[AggregationResult]:
            values = store.run(store.run_aggregation(query, asked, transaction, consistency))
            # The mean of nothing is none in the store; google-cloud-datastore has always said 0.
            return [
                AggregationResult(name, 0.0 if value is None else value)
                for name, value in zip(names, values, strict=True)
            ]

        summed = [each.property_ref for each in self._aggregations if isinstance(each, SumAggregation)]

        def explained(results: int | None = None, seconds: float = 0) -> ExplainMetrics:
            return metrics(query, self._nested_query.plan(), results, seconds, summed)

        return AggregationResults(self.explain_options, answers, explained)


class AggregationResults(Iterator[list[AggregationResult]]):
    """One list of answers; the store is asked when it is read."""

    def __init__(
        self,
        options: ExplainOptions | None,
        answers: Callable[[], list[AggregationResult]],
        explained: Callable[..., ExplainMetrics],
    ) -> None:
        self._options, self._answers, self._explained = options, answers, explained
        self._done = options is not None and not options.analyze
        self._metrics: ExplainMetrics | None = None

    def __next__(self) -> list[AggregationResult]:
        if self._done:
            raise StopIteration
        self._done = True
        began = time.perf_counter()
        answers = self._answers()
        if self._options is not None:
            self._metrics = self._explained(1, time.perf_counter() - began)
        return answers

    @property
    def pages(self) -> Iterator[list[list[AggregationResult]]]:
        """The same in pages, of which there is one."""
        yield [*self]

    @property
    def explain_metrics(self) -> ExplainMetrics:
        """See `Results.explain_metrics`."""
        if self._options is None:
            raise QueryExplainError("explain_options not set on query.")
        if self._metrics is None and not self._options.analyze:
            self._metrics = self._explained()
        if self._metrics is None:
            raise QueryExplainError("explain_metrics not available until query is complete.")
        return self._metrics
