"""Running one query: the text is read, bound and run page by page; a face prints what comes."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from kindstore.cli.failure import CannotStart
from kindstore.cli.gql.notation import argument, projected
from kindstore.cli.opening import opened
from kindstore.engine.reading import Reading
from kindstore.engine.store import EngineStore
from kindstore.store.abc import Inspect, Store
from kindstore.store.gql import Bound, Dialect, bind, parse
from kindstore.store.messages import Query
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, Error, StorageError
from kindstore.values.key import Partition

PAGE = 500
"""Results that are read, and kept in memory, at once."""

_DIALECTS = {"v1": Dialect.V1, "app-engine": Dialect.APP_ENGINE}


class Face(Protocol):
    """Where results go."""

    def results(self, pages: Iterator[list[Entity]], query: Query, home: Partition) -> None:
        """Print the results of a query as they come."""
        ...

    def aggregations(self, values: dict[str, Any]) -> None:
        """Print the value of each aggregation, by its name."""
        ...


def ask(options: argparse.Namespace, face: Face) -> int:
    """Run the query that *options* tell of, and print to *face*; 0, or 1 if the query is wrong."""
    with opened(options.file, project=options.project) as store:
        try:
            bound = _bound(options, store)
            if options.explain:
                print(_explained(store, bound, options.json))
            elif bound.aggregations:
                values = store.run(store.run_aggregation(bound.query, bound.aggregations))
                face.aggregations(dict(zip(bound.aliases, values, strict=True)))
            else:
                face.results(_pages(store, bound.query), bound.query, bound.query.partition)
        except StorageError as error:
            raise CannotStart(f"{options.file} cannot be read: {error}") from error
        except Error as error:
            print(f"kindstore gql: {error}", file=sys.stderr)
            if options.json:
                print(json.dumps({"ok": False, "error": str(error)}, ensure_ascii=False, indent=2))
            return 1
    return 0


def _bound(options: argparse.Namespace, store: Store) -> Bound:
    """The query with its arguments; the errors of `parse` and `bind`, and `BadArgumentError` for an argument."""
    home = store.partition(options.namespace, options.database)
    statement = parse(options.query, _DIALECTS[options.dialect])
    numbered: dict[int, Any] = {}
    named: dict[str, Any] = {}
    for text in options.bind:
        name, value = argument(text, home)
        place: tuple[dict[Any, Any], Any] = (named, name)
        if name.isascii() and name.isdecimal():
            place = (numbered, int(name))
        if place[1] in place[0]:
            raise BadArgumentError("an argument is given twice", argument=name)
        place[0][place[1]] = value
    if sorted(numbered) != list(range(1, len(numbered) + 1)):
        raise BadArgumentError("positional arguments are numbered 1, 2 and so on", given=sorted(numbered))
    return bind(statement, home, [numbered[at] for at in sorted(numbered)], named)


def _pages(store: Store, query: Query) -> Iterator[list[Entity]]:
    """The results of *query*, `PAGE` at a time: at least one page, of which only the first may be empty."""
    left = query.limit
    while True:
        page = store.run(store.run_query(query, page_size=PAGE))
        results = page.results
        if query.projection:
            results = [projected(each, query.projection) for each in results]
        yield results
        if left is not None:
            left -= len(results)
        if not page.more or not results or left == 0:
            return
        query = msgspec.structs.replace(query, start=page.cursor, offset=0, limit=left)


def _explained(store: Store, bound: Bound, as_document: bool) -> str:
    """The plan of the query, what it would read, and what running it comes to."""
    if not isinstance(store, Inspect):
        raise BadArgumentError("this store does not explain its plans")
    plan, _, _ = store.run(store.explain(bound.query)).partition("\n  reads")
    read = store.run(store.reading(bound.query)) if isinstance(store, EngineStore) else Reading((), 0)
    began = time.perf_counter()
    if bound.aggregations:
        store.run(store.run_aggregation(bound.query, bound.aggregations))
        number = len(bound.aggregations)
    else:
        number = sum(map(len, _pages(store, bound.query)))
    seconds = time.perf_counter() - began
    if as_document:
        return json.dumps(
            {
                "ok": True,
                "plan": plan.splitlines(),
                "indexes": list(read.indexes),
                "rows": read.rows,
                "results": number,
                "seconds": round(seconds, 6),
            },
            ensure_ascii=False,
            indent=2,
        )
    return (
        f"Plan: {plan}\n"
        f"Indexes: {', '.join(read.indexes) or 'none but that of keys'}\n"
        f"Rows: {read.rows:,} in the ranges that are read\n"
        f"Results: {number:,} in {seconds * 1000:,.1f} ms"
    )


def columns_of(entities: Sequence[Entity]) -> tuple[str, ...]:
    """The names of all properties of *entities*, each once, in the order in which they come."""
    shapes = dict.fromkeys(entity.shape for entity in entities)
    return tuple(dict.fromkeys(name for shape in shapes for name in shape.names))
