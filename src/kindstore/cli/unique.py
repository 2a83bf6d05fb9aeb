"""`kindstore unique check|backfill FILE KIND PROPERTY…`: whether values are unique, and the markers that keep them so.

Exit status 0 if all is well, 1 if something was found that is not, 2 if the database cannot be opened or used.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kindstore.cli.bar import progress
from kindstore.cli.failure import CannotStart
from kindstore.cli.opening import AppStore, add_file, add_project, opened
from kindstore.cli.printable import printable
from kindstore.values.errors import Error

if TYPE_CHECKING:
    from kindstore.mapper.unique import Unique
    from kindstore.mapper.unique_keeping import Report
    from kindstore.store.abc import Store
    from kindstore.values.key import Key

STATUS = "Exit status: 0 all right; 1 a value is not unique, or lacks its marker; 2 the file cannot be opened or used."
SHOWN = 20
"""How many duplicates, and how many entities without a marker, are printed one by one."""


def add_to(commands: Any, app: AppStore | None = None) -> None:
    """Add the command to argparse's *commands*; for the store of *app*, if there is one."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "unique",
        help="check that values are unique, and mark those that were stored before",
        description="Check that the values of properties are unique in a kind, or make the markers that keep them so. "
        "Others may use the database meanwhile.",
        epilog=f"{STATUS} Each of these commands takes --json.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(title="commands", dest="action", metavar="COMMAND", required=True)
    for name, text in (
        ("check", "report values that several entities have, and values without a marker; change nothing"),
        ("backfill", "make the markers that are missing, delete those that are stale, report duplicates"),
    ):
        action = actions.add_parser(name, help=text, description=text, epilog=STATUS, allow_abbrev=False)
        add_file(action, app)
        action.add_argument("kind", metavar="KIND", help="the kind of the entities")
        action.add_argument(
            "properties",
            nargs="+",
            metavar="PROPERTY",
            help="the stored name of a property that is unique; room,seat if two are unique together",
        )
        action.add_argument(
            "--namespace",
            metavar="NAME",
            help="this one alone ('' is the default one); default: each of them",
        )
        add_project(action, app)
        action.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        action.set_defaults(run=execute)


def execute(options: argparse.Namespace) -> int:
    """Do what *options* say; return 0, or 1 if something is not as it should be.

    Raises CannotStart if the file cannot be opened or used.
    """
    # `kindstore --help` has to be quick.
    from kindstore.mapper.unique import Unique  # noqa: PLC0415
    from kindstore.mapper.unique_keeping import backfill, check  # noqa: PLC0415

    work = check if options.action == "check" else backfill
    found: list[tuple[str, Unique, Report]] = []
    with opened(options.file, project=options.project) as store:
        try:
            for namespace in _namespaces(store, options.namespace, options.database):
                partition = store.partition(namespace, options.database)
                for group in options.properties:
                    unique = Unique(options.kind, group.split(","))
                    with _bar(f"{options.action} {unique.path}") as step:
                        report = store.run(work(store, partition, unique, step))
                    found.append((namespace, unique, report))
        except Error as error:
            raise CannotStart(f"{options.file}: {error}") from error
    if options.json:
        _print_document(options.action, found)
    else:
        for namespace, unique, report in found:
            _print_text(options.action, namespace, unique, report)
    return 0 if all(report.ok for _, _, report in found) else 1


def _namespaces(store: Store, wanted: str | None, database: str) -> list[str]:
    """The namespaces to look at: *wanted*, or all that have entities."""
    from kindstore.store.messages import Query  # noqa: PLC0415
    from kindstore.store.metadata import NAMESPACE  # noqa: PLC0415

    if wanted is not None:
        return [wanted]
    query = Query(store.partition("", database), NAMESPACE, keys_only=True)
    # The default namespace is the one with a number instead of a name.
    ids = [each.key.path[-1] for each in store.run(store.run_query(query)).results if each.key is not None]
    return [each if isinstance(each, str) else "" for each in ids]


def _print_text(action: str, namespace: str, unique: Unique, report: Report) -> None:
    where = f"{unique.path} in {namespace}" if namespace else unique.path
    print(f"{printable(where)}: {', '.join(_summary(action, report))}")
    for each in report.duplicates[:SHOWN]:
        one, other = map(_text, each.keys)
        print(f"    {printable(repr(each.value))}: {one} and {other}")
    for key in report.missing[:SHOWN]:
        print(f"    {_text(key)} has no marker")
    left = max(len(report.duplicates) - SHOWN, 0) + max(len(report.missing) - SHOWN, 0)
    if left:
        print(f"    and {left:,} more; --json has all of them")


def _summary(action: str, report: Report) -> Generator[str]:
    yield f"{report.entities:,} entities"
    yield f"{len(report.duplicates):,} duplicates"
    if action == "check":
        yield f"{len(report.missing):,} without a marker"
        yield f"{len(report.stale):,} stale markers"
    else:
        yield f"{report.written:,} markers made"
        yield f"{report.removed:,} stale ones deleted"


def _print_document(action: str, found: list[tuple[str, Unique, Report]]) -> None:
    rows = [
        {
            "ok": report.ok,
            "kind": unique.kind,
            "properties": unique.properties,
            "namespace": namespace,
            "entities": report.entities,
            "duplicates": [
                {"value": repr(each.value), "keys": [key.path for key in each.keys]}
                for each in report.duplicates
            ],
            **_rest(action, report),
        }
        for namespace, unique, report in found
    ]
    document = {"ok": all(row["ok"] for row in rows), "unique": rows}
    print(json.dumps(document, ensure_ascii=False, indent=2))


def _rest(action: str, report: Report) -> dict[str, Any]:
    if action == "check":
        return {"missing": [key.path for key in report.missing], "stale": len(report.stale)}
    return {"written": report.written, "removed": report.removed}


def _text(key: Key) -> str:
    return printable(f"Key({', '.join(map(repr, key.path))})")


@contextmanager
def _bar(text: str) -> Generator[Callable[[int, int], None] | None]:
    """What moves a progress bar on, None where there is none."""
    with progress() as shown:
        if shown is None:
            yield None
            return
        task = shown.add_task(printable(text).replace("[", r"\["), total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
