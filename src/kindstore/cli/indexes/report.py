"""What the commands print: text for readers, or one document."""

import argparse
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from kindstore.cli.bar import progress
from kindstore.cli.printable import printable
from kindstore.engine.building import Progress
from kindstore.engine.composite import CompositeIndex
from kindstore.engine.composites import State

TOO_MANY = (
    "has too many rows in it: shorten its lists, or name fewer of them in the index, then create it again"
)


class Face(Protocol):
    """Where the outcome goes."""

    def end(self, found: Sequence[Progress], missing: Sequence[CompositeIndex]) -> None:
        """Tell which indexes there are, and which of the file are not."""
        ...

    def removed(self, indexes: Sequence[CompositeIndex]) -> None:
        """Tell which were removed."""
        ...


def face_of(options: argparse.Namespace) -> Face:
    """The one that *options* ask for."""
    return Document() if options.json else Lines()


class Lines:
    """Prints one line for each index to standard output."""

    def end(self, found: Sequence[Progress], missing: Sequence[CompositeIndex]) -> None:
        """Each index with its state, and what is wrong with it."""
        for each in found:
            print(f"{_named(each)}: {_state(each)}")
            if each.state is State.ERROR:
                culprit = "an entity that is gone by now" if each.culprit is None else repr(each.culprit)
                print(f"    {culprit} {TOO_MANY}")
        for index in missing:
            print(f"{printable(str(index))}: missing")
        if not found and not missing:
            print("no composite indexes")

    def removed(self, indexes: Sequence[CompositeIndex]) -> None:
        """Each index that is gone."""
        for index in indexes:
            print(f"{printable(str(index))}: removed")
        if not indexes:
            print("nothing to remove")


class Document:
    """Prints one JSON document to standard output."""

    def end(self, found: Sequence[Progress], missing: Sequence[CompositeIndex]) -> None:
        """``{"ok": …, "indexes": [{"kind": …, "state": …}]}``."""
        rows: list[dict[str, Any]] = [
            {
                **as_json(each.index),
                "namespace": each.namespace,
                "state": each.state.name.lower(),
                "progress": round(_part(each), 4),
                "culprit": None if each.culprit is None else list(each.culprit.path),
            }
            for each in found
        ]
        rows += [
            {**as_json(index), "namespace": "", "state": "missing", "progress": 0.0, "culprit": None}
            for index in missing
        ]
        _print({"ok": all(each.state is not State.ERROR for each in found), "indexes": rows})

    def removed(self, indexes: Sequence[CompositeIndex]) -> None:
        """``{"ok": true, "removed": […]}``."""
        _print({"ok": True, "removed": [as_json(each) for each in indexes]})


def as_json(index: CompositeIndex) -> dict[str, Any]:
    """An index as an object with the names of index.yaml."""
    properties = [
        {"name": each.name, "direction": "desc" if each.descending else "asc"} for each in index.properties
    ]
    return {"kind": index.kind, "ancestor": index.ancestor, "properties": properties}


@contextmanager
def bar(index: Progress) -> Generator[Callable[[Progress], None]]:
    """A progress bar on standard error, where that is a terminal; the function yielded moves it on."""
    with progress() as shown:
        if shown is None:
            yield lambda index: None
            return
        task = shown.add_task(_named(index).replace("[", r"\["), total=index.total, completed=index.done)
        yield lambda index: shown.update(task, total=index.total, completed=index.done)


def _named(index: Progress) -> str:
    return printable(f"{index.index} in {index.namespace}" if index.namespace else str(index.index))


def _state(index: Progress) -> str:
    if index.state is State.BUILDING:
        return f"building, {_part(index):.0%} done"
    return index.state.name.lower()


def _part(index: Progress) -> float:
    """How much of it is done, from 0 to 1."""
    if index.state is State.BUILDING:
        return min(index.done / index.total, 1.0) if index.total else 0.0
    return float(index.state is State.SERVING)


def _print(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))
