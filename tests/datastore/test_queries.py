"""Queries, their results in pages, and aggregations."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from kindstore import datastore, testing
from kindstore.datastore import And, Or, PropertyFilter
from kindstore.datastore.query_profile import QueryExplainError
from kindstore.values.errors import BadCursorError, BadQueryError


@pytest.fixture
def numbers(client: datastore.Client) -> datastore.Client:
    entities: list[datastore.Entity] = []
    for number in range(1, 701):
        entity = datastore.Entity(client.key("Root", 1, "Number", number))
        entity.update(half=number // 2, even=number % 2 == 0, tags=["all", f"t{number % 7}"])
        entities.append(entity)
    client.put_multi(entities)
    return client


def ids(results: Any) -> list[int]:
    return [entity.key.id for entity in results]


def test_filters_in_every_form(numbers: datastore.Client) -> None:
    root = numbers.key("Root", 1)
    query = numbers.query(kind="Number", ancestor=root, filters=[("half", "<", 3)])
    assert ids(query.fetch()) == [1, 2, 3, 4, 5]
    query.add_filter(filter=PropertyFilter("even", "=", True))
    assert ids(query.fetch()) == [2, 4]
    with pytest.warns(UserWarning, match="positional"):
        query.add_filter("half", ">", 1)
    assert ids(query.fetch()) == [4]
    either = numbers.query(kind="Number").add_filter(
        filter=Or([PropertyFilter("half", "=", 3), And([("half", "=", 9), ("even", "=", False)])])
    )
    assert ids(either.fetch()) == [6, 7, 19]
    by_key = numbers.query(kind="Number")
    by_key.key_filter(numbers.key("Root", 1, "Number", 698), ">")
    assert ids(by_key.fetch()) == [699, 700]
    members = numbers.query(kind="Number", filters=[("half", "IN", [1, 2])], order=["-half"])
    assert ids(members.fetch(limit=3)) == [4, 5, 2]
    others = numbers.query(kind="Number", filters=[("half", "NOT_IN", [350]), ("half", ">", 348)])
    assert ids(others.fetch()) == [698, 699]


def test_results_come_in_pages_with_cursors(numbers: datastore.Client) -> None:
    query = numbers.query(kind="Number")
    results = query.fetch()
    pages = [ids(page) for page in results.pages]
    assert [len(page) for page in pages] == [300, 300, 100]
    assert [*itertools.chain(*pages)] == [*range(1, 701)]
    assert results.next_page_token is None
    first = query.fetch(limit=5)
    assert ids(first) == [1, 2, 3, 4, 5]
    assert ids(query.fetch(limit=2, start_cursor=first.next_page_token)) == [6, 7]
    assert ids(query.fetch(start_cursor=first.next_page_token, offset=690)) == [696, 697, 698, 699, 700]
    assert ids(query.fetch(end_cursor=first.next_page_token)) == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="already started"):
        iter(first)
    with pytest.raises(BadCursorError):
        list(query.fetch(start_cursor="no cursor!"))
    other = numbers.query(kind="Root")
    with pytest.raises(BadCursorError):
        list(other.fetch(start_cursor=first.next_page_token))


def test_keys_projections_and_distinct_values(numbers: datastore.Client) -> None:
    query = numbers.query(kind="Number", order=["-half"])
    query.keys_only()
    (entity,) = query.fetch(limit=1)
    assert (entity.key, dict(entity)) == (numbers.key("Root", 1, "Number", 700), {})
    query = numbers.query(kind="Number", projection=["tags"], distinct_on=["tags"])
    assert [dict(each) for each in query.fetch(limit=3)] == [{"tags": "all"}, {"tags": "t0"}, {"tags": "t1"}]


def test_a_projected_time_is_its_microseconds(client: datastore.Client) -> None:
    # As with the service, whose index does not tell either.
    entity = datastore.Entity(client.key("Event", 1))
    entity["at"] = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    client.put(entity)
    assert [dict(each) for each in client.query(kind="Event", projection=["at"]).fetch()] == [
        {"at": 1_000_000}
    ]


def test_queries_that_make_no_sense_are_refused(numbers: datastore.Client) -> None:
    query = numbers.query(kind="Number")
    with pytest.raises(ValueError, match="Invalid expression"):
        query.add_filter(filter=PropertyFilter("half", "~", 1))
    with pytest.raises(ValueError, match="Invalid key"):
        PropertyFilter("__key__", "=", 1)
    with pytest.raises(TypeError, match="Kind must be a string"):
        query.kind = 1  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError, match="Cannot pass project"):
        numbers.query(project="q")
    with pytest.raises(BadQueryError):
        list(numbers.query(kind="Number", filters=[("half", "IN", [])], order=["half"]).fetch(limit=-1))


def test_aggregations_have_names(numbers: datastore.Client) -> None:
    query = numbers.query(kind="Number", filters=[("half", "<", 3)])
    asked = numbers.aggregation_query(query).count("n").sum("half").avg("half", alias="mean")
    (answers,) = asked.fetch()
    assert [(each.alias, each.value) for each in answers] == [("n", 5), ("property_1", 6), ("mean", 1.2)]
    (limited,) = asked.fetch(limit=2)
    assert limited[0].value == 2
    with pytest.raises(BadQueryError, match="alias"):
        asked.count("n").fetch()


def test_queries_tell_their_plan_if_asked(numbers: datastore.Client) -> None:
    query = numbers.query(
        kind="Number", filters=[("half", "<", 3)], explain_options=datastore.ExplainOptions(analyze=True)
    )
    results = query.fetch()
    with pytest.raises(QueryExplainError, match="until query is complete"):
        _ = results.explain_metrics
    assert len([*results]) == 5
    stats = results.explain_metrics.execution_stats
    assert stats.results_returned == 5
    assert stats.debug_stats["index_entries_scanned"] == "5"
    assert results.explain_metrics.plan_summary.indexes_used[0]["properties"] == "(half ASC, __name__ ASC)"
    planned = numbers.query(kind="Number", explain_options=datastore.ExplainOptions()).fetch()
    assert [*planned] == []
    assert "EntityScan" in planned.explain_metrics.plan_summary.indexes_used[0]["plan"]
    with pytest.raises(QueryExplainError, match="not set"):
        _ = numbers.query(kind="Number").fetch().explain_metrics


def test_a_store_that_tells_no_plan_says_so() -> None:
    with testing.store():
        client = datastore.Client()
        client.put(datastore.Entity(client.key("Number", 1)))
        with pytest.raises(NotImplementedError, match="does not explain"):
            client.query(kind="Number").explain()
        asked = client.query(kind="Number", explain_options=datastore.ExplainOptions(analyze=True)).fetch()
        assert len([*asked]) == 1
        assert asked.explain_metrics.execution_stats.results_returned == 1
