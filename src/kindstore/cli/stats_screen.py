"""The statistics on a terminal: at most 80 columns wide, and without colour where there is no terminal."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kindstore.cli.printable import printable
from kindstore.store import statistics

WIDTH = 80

Rows = Sequence[dict[str, Any]]


class Screen:
    """Prints to standard output; the progress bar goes to standard error, and only on a terminal."""

    def __init__(self) -> None:
        self._out = Console(highlight=False)
        self._out.width = min(self._out.width, WIDTH)

    @contextmanager
    def counting(self) -> Generator[Callable[[statistics.Progress], None], None, None]:
        """Show a bar that the function yielded moves on, and that vanishes with the end of the block."""
        columns = (TextColumn("Counting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        out, is_watched = Console(stderr=True), sys.stderr.isatty()
        with Progress(*columns, console=out, transient=True, disable=not is_watched) as bar:
            task = bar.add_task("", total=None)
            yield lambda step: bar.update(task, completed=step.done, total=step.total)

    def show(self, file: Path, namespace: str | None, found: dict[str, Rows]) -> None:
        """Print everything that was *found*."""
        [total] = found["Total"]
        where = "all namespaces" if namespace is None else _named(namespace)
        # A path must come out in one piece, however long, so that it can be copied.
        self._out.print(Text(f"{file}: {where}, {total['timestamp']:%Y-%m-%d %H:%M:%S} UTC"), soft_wrap=True)
        rows: list[tuple[Any, ...]] = [_sizes("Entities", total["count"], total["entity_bytes"])]
        for name in ("builtin", "composite"):
            count, size = total[f"{name}_index_count"], total[f"{name}_index_bytes"]
            rows.append(_sizes(f"Rows of {'built-in' if name == 'builtin' else name} indexes", count, size))
        rows.append(("Together", "", _bytes(total["bytes"])))
        self._table(("", "Number", "Size"), rows)
        spaces = found.get("Namespace", ())
        if [each["subject_namespace"] for each in spaces] != [""]:
            self._table(
                ("Namespace", *_WHOLE),
                [(_named(each["subject_namespace"]), *_whole(each)) for each in spaces],
            )
        self._table(("Kind", *_WHOLE), [(each["kind_name"], *_whole(each)) for each in found["Kind"]])
        types: dict[tuple[str, str], list[str]] = {}
        for each in found["PropertyType_PropertyName_Kind"]:
            if each["count"]:
                types.setdefault((each["kind_name"], each["property_name"]), []).append(each["property_type"])
        self._table(
            ("Kind", "Property", "Types", "Values", "Size", "Indexes"),
            [
                (
                    each["kind_name"],
                    each["property_name"],
                    ", ".join(sorted(types.get((each["kind_name"], each["property_name"]), []))),
                    f"{each['count']:,}",
                    _bytes(each["entity_bytes"]),
                    _bytes(each["builtin_index_bytes"]),
                )
                for each in found["PropertyName_Kind"]
            ],
            texts=3,
        )
        self._table(
            ("Composite index", "Kind", "Rows", "Size"),
            [
                (str(each["index_id"]), each["kind_name"], f"{each['count']:,}", _bytes(each["bytes"]))
                for each in found["Kind_CompositeIndex"]
            ],
            texts=2,
        )

    def _table(self, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], texts: int = 1) -> None:
        """A table whose first columns, *texts* of them, are words and the others figures; nothing without rows."""
        if not rows:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for at, column in enumerate(columns):
            is_text = at < texts
            table.add_column(
                column, justify="left" if is_text else "right", overflow="fold", no_wrap=not is_text
            )
        for row in rows:
            table.add_row(*(Text(printable(str(cell))) for cell in row))
        self._out.print()
        self._out.print(table)


_WHOLE = ("Entities", "Size", "Indexes", "Together")


def _whole(row: dict[str, Any]) -> tuple[str, ...]:
    indexes = row["builtin_index_bytes"] + row["composite_index_bytes"]
    return f"{row['count']:,}", _bytes(row["entity_bytes"]), _bytes(indexes), _bytes(row["bytes"])


def _sizes(name: str, count: int, size: int) -> tuple[str, str, str]:
    return name, f"{count:,}", _bytes(size)


def _named(namespace: str) -> str:
    return f"namespace {namespace}" if namespace else "default namespace"


def _bytes(size: int) -> str:
    """A size with three digits, in the unit that suits it."""
    if size < 1000:
        return f"{size} B"
    value = size / 1000
    for unit in ("kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
