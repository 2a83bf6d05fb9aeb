"""`kindstore stats FILE`: what is in a database, by namespace, kind, property and index.

Shows the statistics that were last computed; with --refresh it computes them first.  Exit status 0 if there are
some, 1 if there are none, 2 if the database cannot be opened or read.
"""

import argparse
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import kindstore
from kindstore.cli.failure import CannotStart, missing_extra
from kindstore.cli.opening import AppStore, add_file, add_project
from kindstore.store.abc import Inspect, Store
from kindstore.store.messages import Order, Query
from kindstore.store.statistics import COLUMNS, Progress, kind_of
from kindstore.values.errors import BadKeyError
from kindstore.values.key import Partition


def add_to(commands: Any, app: AppStore | None = None) -> None:
    """Add the command to argparse's *commands*; for the store of *app*, if there is one."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "stats",
        help="show what a database file holds, by kind and property",
        description="Show the statistics of a database file: how many entities of each kind there are, the bytes that they and "
        "their indexes take, and the types of their properties. They are those of the last refresh.",
        epilog="Exit status: 0 there are statistics; 1 there are none (--refresh makes them); "
        "2 the file cannot be opened, read or written.",
        allow_abbrev=False,
    )
    add_file(parser, app, "the database")
    parser.add_argument("--refresh", action="store_true", help="compute all statistics anew, and store them")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument(
        "--namespace",
        metavar="NAME",
        help="show those of one namespace alone ('' is the default one); default: of all together",
    )
    add_project(parser, app)
    parser.set_defaults(run=execute)


def execute(options: argparse.Namespace) -> int:
    """Show the statistics of the file that *options* name; return 0 if there are some, else 1.

    Raises CannotStart if there is no such file, it cannot be used as a database, or the extra is missing.
    """
    file: Path = options.file
    # Opening a database makes one where there is none, which is the last thing this should do.
    if not file.is_file():
        raise CannotStart(f"there is no file {file}" if not file.exists() else f"{file} is not a file")
    screen = None if options.json else _screen()
    try:
        store = kindstore.connect(file.absolute(), project=options.project)
        try:
            partition = store.partition(
                options.namespace or "", options.database
            )  # wrong names are found before work is done
            if options.refresh:
                refresh(store, file, screen)
            found = read(store, partition, within=options.namespace is not None)
        finally:
            store.close()
    except BadKeyError as error:
        raise CannotStart(f"there can be no such namespace or database: {error}") from error
    except kindstore.Error as error:
        raise CannotStart(f"{file} cannot be used: {error}") from error
    if screen is None:
        document = {"ok": bool(found["Total"]), "file": str(file), "namespace": options.namespace, **found}
        print(json.dumps(document, ensure_ascii=False, indent=2, default=datetime.isoformat))
    elif found["Total"]:
        screen.show(file, options.namespace, found)
    else:
        where = "" if options.namespace is None else f" of namespace {options.namespace!r}"
        print(f"{file}: no statistics{where}; kindstore stats --refresh computes them")
    return 0 if found["Total"] else 1


def refresh(store: Store, file: Path, screen: Any) -> None:
    """Compute the statistics of *store*, with a bar on *screen* if there is one."""
    if not isinstance(store, Inspect):
        raise CannotStart(f"{file} is in a store that has no statistics")
    if screen is None:
        store.run(store.refresh_statistics())
        return
    with screen.counting() as move:
        on_step: Callable[[Progress], None] = move
        store.run(store.refresh_statistics(on_step))


def read(store: Store, partition: Partition, *, within: bool) -> dict[str, list[dict[str, Any]]]:
    """The statistics of everything, or of one namespace, by their names in `store.statistics.COLUMNS`."""
    names = [name for name in COLUMNS if not (within and name == "Namespace")]
    return {name: _rows(store, partition, name, within) for name in names}


def _rows(store: Store, partition: Partition, name: str, within: bool) -> list[dict[str, Any]]:
    """The entities of one statistic, the largest first."""
    kind = kind_of(name, within_namespace=within)
    query = Query(partition, kind, orders=(Order("bytes", descending=True),))
    return [dict(each.items()) for each in store.run(store.run_query(query)).results]


def _screen() -> Any:
    try:
        # Late, because `kindstore --help` has to be quick, and has to work without the extra.
        from kindstore.cli.stats_screen import Screen  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        raise missing_extra("rich", "kindstore stats", "cli") from None
    return Screen()
