"""Results as one JSON document, written as they come: one result a line."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from kindstore.cli.gql.notation import as_json, entity_as_json
from kindstore.store.messages import Query
from kindstore.values.entity import Entity
from kindstore.values.key import Partition


class Document:
    """Prints to standard output."""

    def results(self, pages: Iterator[list[Entity]], query: Query, home: Partition) -> None:  # noqa: ARG002
        """``{"ok": true, "results": [{"key": […], "properties": {…}}, …]}``."""
        # Before anything is written: a query that is refused writes another document.
        first = next(pages)
        write = sys.stdout.write
        write('{"ok": true, "results": [')
        separator = _write(first, "\n", home)
        for page in pages:
            separator = _write(page, separator, home)
        write("]}\n" if separator == "\n" else "\n]}\n")

    def aggregations(self, values: dict[str, Any]) -> None:
        """``{"ok": true, "aggregations": {"property_1": 3}}``."""
        home = Partition.of("kindstore")
        found = {name: as_json(value, home) for name, value in values.items()}
        print(json.dumps({"ok": True, "aggregations": found}, ensure_ascii=False, indent=2))


def _write(page: list[Entity], separator: str, home: Partition) -> str:
    """Print the results of a page, *separator* before the first; what goes before the next one."""
    for entity in page:
        line = json.dumps(entity_as_json(entity, home), ensure_ascii=False, allow_nan=False)
        sys.stdout.write(f"{separator}  {line}")
        separator = ",\n"
    return separator
