"""Results as a table, a page at a time: the widths of the columns are those of the first page.

Where the columns would be too narrow to be read, each result is a block of lines instead, one for each property.
What is cut ends in an ellipsis; ``--json`` has it whole.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from kindstore.cli.gql.asking import columns_of
from kindstore.cli.gql.notation import as_text, key_as_text
from kindstore.store.messages import Query
from kindstore.values.entity import Entity
from kindstore.values.key import Partition

WIDTH = 80
"""Columns of the page where standard output is no terminal."""

GAP = 2
READABLE = 10
"""Columns that a value needs at least, if it has so many."""

READABLE_KEY = 36
"""The same of a key, which is cut only if it is longer."""

LONGEST = 400
"""Characters of a value in a block."""

KEY = "__key__"


class Layout:
    """The columns of a table: their names, widths, and which are numbers."""

    def __init__(
        self, names: tuple[str, ...], rows: Sequence[Sequence[str]], numbers: Sequence[bool]
    ) -> None:
        self.names, self.numbers = names, numbers
        self.natural = [max(cell_len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
        self.widths = list(self.natural)

    def fits(self, width: int) -> bool:
        """Whether *width* is enough for every column to be read; cut the widest ones to it."""
        room = width - GAP * (len(self.names) - 1)
        least = [READABLE_KEY if name == KEY else READABLE for name in self.names]
        if sum(map(min, self.natural, least)) > room:
            return False
        # The narrow columns keep what they need; what is left is shared by the wide ones.
        low, high = READABLE, max(self.natural, default=0)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high)
                if sum(min(each, max(middle, floor)) for each, floor in zip(self.natural, least, strict=True))
                <= room
                else (low, middle - 1)
            )
        self.widths = [min(each, max(low, floor)) for each, floor in zip(self.natural, least, strict=True)]
        return True

    def line(self, cells: Sequence[str]) -> str:
        """One line of the table."""
        parts = [
            " " * (width - cell_len(cell)) + _cut(cell, width)
            if number
            else set_cell_size(_cut(cell, width), width)
            for cell, width, number in zip(cells, self.widths, self.numbers, strict=True)
        ]
        return (" " * GAP).join(parts).rstrip()


class Screen:
    """Prints to standard output."""

    def __init__(self) -> None:
        self._out = Console(highlight=False)
        self._width = self._out.width if self._out.is_terminal else WIDTH
        self._layout: Layout | None = None
        self._blocks = False
        self._number = 0

    def results(self, pages: Iterator[list[Entity]], query: Query, home: Partition) -> None:
        """Print all results, and how many there are."""
        for page in pages:
            if page:
                self._page(page, query, home)
        self._write(
            "nothing" if not self._number else f"{self._number:,} result{'s' * (self._number > 1)}", "dim"
        )

    def aggregations(self, values: dict[str, Any]) -> None:
        """Print each aggregation's name and value."""
        home = Partition.of("kindstore")
        width = max(map(cell_len, values))
        for name, value in values.items():
            self._write(f"{set_cell_size(name, width)}  {as_text(value, home)}")

    def _page(self, page: list[Entity], query: Query, home: Partition) -> None:
        names = (KEY, *(query.projection or columns_of(page)))
        rows = [_row(entity, names, home) for entity in page]
        if self._layout is None or (not self._blocks and not {*names} <= {*self._layout.names}):
            if self._layout is not None:
                self._write("")  # other properties than before: another table
            self._begin(names, rows, [_is_number(page, name) for name in names])
        assert self._layout is not None
        for entity, row in zip(page, rows, strict=True):
            self._number += 1
            if self._blocks:
                self._block(entity, home)
            else:
                cells = dict(zip(names, row, strict=True))
                self._write(self._layout.line([cells.get(name, "") for name in self._layout.names]))

    def _begin(self, names: tuple[str, ...], rows: list[list[str]], numbers: list[bool]) -> None:
        shown = tuple(as_text(name, _HOME) for name in names)
        layout = Layout(shown, rows, numbers)
        self._blocks = not layout.fits(self._width)
        if not self._blocks:
            self._write(layout.line(shown), "bold")
        layout.names = names
        self._layout = layout

    def _block(self, entity: Entity, home: Partition) -> None:
        self._write(_key(entity, home), "bold")
        width = max(map(cell_len, entity.shape.names), default=0)
        for name, value in entity.items():
            text = _cut(as_text(value, home), LONGEST)
            label = Text(f"  {set_cell_size(as_text(name, home), width)}  ", style="dim")
            lines = Text(text).wrap(self._out, max(self._width - width - 4, READABLE), overflow="fold")
            for at, line in enumerate(lines or [Text("")]):
                line.rstrip()
                self._out.print(Text.assemble(label if at == 0 else " " * len(label), line), soft_wrap=True)

    def _write(self, text: str, style: str = "") -> None:
        # Never as markup, and never folded: a line is a result.
        self._out.print(Text(text, style=style), soft_wrap=True)


_HOME = Partition.of("kindstore")


def _row(entity: Entity, names: tuple[str, ...], home: Partition) -> list[str]:
    return [
        _key(entity, home) if name == KEY else as_text(entity[name], home) if name in entity else ""
        for name in names
    ]


def _key(entity: Entity, home: Partition) -> str:
    return "" if entity.key is None else key_as_text(entity.key, home)


def _is_number(page: list[Entity], name: str) -> bool:
    return name != KEY and all(
        type(entity[name]) in {int, float, type(None)} for entity in page if name in entity
    )


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
