"""What each of the commands does with the indexes of a database."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from kindstore.cli.failure import CannotStart, missing_extra
from kindstore.cli.indexes.report import Face, bar, face_of
from kindstore.cli.opening import opened
from kindstore.engine.building import Progress
from kindstore.engine.composite import CompositeIndex
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore
from kindstore.values.errors import Error, IndexFileError

Indexes: TypeAlias = tuple[CompositeIndex, ...]


def keep(options: argparse.Namespace) -> int:
    """Do what *options* say; 0, or 1 if an index is in error or was left."""
    # Before the database is opened: opening one of an older version changes it.
    path: Path | None = getattr(options, "index_file", None)
    wanted = None if path is None else read_file(path)
    with opened(options.file, project=options.project) as store:
        if not isinstance(store, EngineStore):
            raise CannotStart(f"{options.file} is in a store without composite indexes")
        face = face_of(options)
        try:
            return _ACTIONS[options.action](store, wanted or (), face, options)
        except Error as error:
            raise CannotStart(f"{options.file}: {error}") from error


def read_file(path: Path) -> Indexes:
    """The indexes of an index.yaml; CannotStart if there is none, or if it can't be understood."""
    try:
        from kindstore.backends.index_file import IndexFile  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "yaml":
            raise
        raise missing_extra("pyyaml", "a file of indexes", "cli") from None
    if not path.is_file():
        raise CannotStart(f"there is no file {path}" if not path.exists() else f"{path} is not a file")
    try:
        return IndexFile(path).read()
    except IndexFileError as error:
        line = error.facts.get("line")
        place = f"{path}, line {line}" if line is not None else str(path)
        shown = _line_of(path, line)
        facts = "".join(
            f", {name}: {value}" for name, value in error.facts.items() if name not in {"file", "line"}
        )
        raise CannotStart(f"{place}: {error.message}{facts}{shown}\n{error.hint}") from error
    except Error as error:
        raise CannotStart(str(error)) from error


def _line_of(path: Path, number: int | None) -> str:
    """The line of a file, to be shown below a message."""
    lines = path.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    if number is None or not 0 < number <= len(lines):
        return ""
    return "\n    " + "".join(each if each.isprintable() else " " for each in lines[number - 1][:100])


def _list(store: EngineStore, wanted: Indexes, face: Face, options: argparse.Namespace) -> int:  # noqa: ARG001
    found = store.run(store.indexes())
    there = {each.index for each in found if each.state is not State.DELETING}
    face.end(found, [each for each in dict.fromkeys(wanted) if each not in there])
    return _status(found)


def _create(store: EngineStore, wanted: Indexes, face: Face, options: argparse.Namespace) -> int:
    # What went wrong once is made anew: its entity may have been mended.
    failed = [each.index for each in store.run(store.indexes()) if each.state is State.ERROR]
    store.run(store.drop_indexes([each for each in failed if each in wanted]))
    store.run(store.create_indexes(wanted))
    return _build(store, wanted, face, options)


def _build(store: EngineStore, wanted: Indexes, face: Face, options: argparse.Namespace) -> int:
    everything = options.action == "build"
    store.run(store.drop_indexes([]))  # goes on with what was interrupted
    for each in store.run(store.indexes()):
        if each.state is State.BUILDING and (everything or each.index in wanted):
            with bar(each) as move:
                _finish(store, each, move)
    found = [each for each in store.run(store.indexes()) if everything or each.index in wanted]
    face.end(found, ())
    return _status(found)


def _finish(store: EngineStore, index: Progress, move: Callable[[Progress], None]) -> None:
    """Build *index* to its end; another process may help, or drop it."""
    while index.state is State.BUILDING:
        index = store.run(store.build_index(index.index, index.namespace))
        move(index)


def _cleanup(store: EngineStore, wanted: Indexes, face: Face, options: argparse.Namespace) -> int:
    found = store.run(store.indexes())
    there = [each.index for each in found if each.state is not State.DELETING]
    extra = [each for each in dict.fromkeys(there) if each not in wanted]
    if extra and not options.yes and not _agreed(extra):
        print("nothing was removed", file=sys.stderr)
        return 1
    store.run(store.drop_indexes(extra))
    interrupted = [each.index for each in found if each.state is State.DELETING]
    face.removed(list(dict.fromkeys([*extra, *interrupted])))
    return 0


def _agreed(extra: Sequence[CompositeIndex]) -> bool:
    """Whether whoever is at the terminal wants *extra* removed."""
    if not sys.stdin.isatty():
        raise CannotStart("there is nobody to ask whether to remove indexes: give --yes")
    for each in extra:
        print(f"  {each}", file=sys.stderr)
    print(f"Remove {'this index' if len(extra) == 1 else 'these indexes'}? [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _status(found: Sequence[Progress]) -> int:
    return int(any(each.state is State.ERROR for each in found))


_ACTIONS: dict[str, Callable[[EngineStore, Indexes, Face, argparse.Namespace], int]] = {
    "list": _list,
    "create": _create,
    "build": _build,
    "cleanup": _cleanup,
}
