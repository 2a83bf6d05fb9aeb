"""``flask kindstore users copy``: accounts from one user datastore to another, with the proof that they are the same."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from flask import Flask
from flask.cli import ScriptInfo

from kindstore.cli.bar import progress
from kindstore.cli.printable import printable
from kindstore.values.errors import Error

if TYPE_CHECKING:
    from rich.progress import TaskID

    from kindstore.flask.security.copying import Report

_SHOWN = 20
"""Differences that are printed; ``--json`` has all."""


class _Side(NamedTuple):
    """One of the two databases."""

    name: str
    datastore: Any
    context: Callable[[], AbstractContextManager[Any]]


@click.group()
def users() -> None:
    """Accounts of Flask-Security."""


@users.command()
@click.argument("source")
@click.argument("target", required=False)
@click.option("--into-existing", is_flag=True, help="Let accounts stay that only the target has.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME", help="Copy this attribute of yours too."
)
@click.option(
    "--batch", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Accounts a commit."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report for machines.")
@click.pass_context
def copy(
    context: click.Context,
    source: str,
    target: str | None,
    into_existing: bool,
    attributes: tuple[str, ...],
    batch: int,
    as_json: bool,
) -> None:
    """Copy every account, role and credential of SOURCE to TARGET (by default, this app), and compare.

    SOURCE and TARGET are MODULE:NAME of a Flask app with Flask-Security, of a function that makes one, or of a user datastore
    of this app.  Any of the databases of kindstore.flask.security, in either place.  A copy that was stopped goes on
    when it is done again.  Exit status: 0 if both sides are equal; 1 if they differ; 2 if it could not be done.
    """
    from kindstore.flask.security.copying import copy_accounts  # noqa: PLC0415 - loads Flask-Security

    script = context.ensure_object(ScriptInfo)
    come_from, go_to = (
        _side(source, script),
        _of_app(script.load_app()) if target is None else _side(target, script),
    )
    if come_from.datastore is go_to.datastore:
        raise click.UsageError("the source and the target are the same datastore")
    with _bar() as move:
        try:
            report = copy_accounts(
                come_from.datastore,
                go_to.datastore,
                progress=move,
                into_existing=into_existing,
                attributes=attributes,
                batch=batch,
                source_context=come_from.context,
                target_context=go_to.context,
            )
        except Exception as error:  # noqa: BLE001 - of any driver; its status would be that of a difference
            said = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
            click.echo(f"flask kindstore users copy: {printable(said)}", err=True)
            context.exit(2)
    if as_json:
        click.echo(json.dumps({"is_equal": report.is_equal, **asdict(report)}, indent=2))
    else:
        _tell(report, come_from, go_to)
    context.exit(0 if report.is_equal else 1)


def _side(name: str, script: ScriptInfo) -> _Side:
    """What MODULE:NAME names; click.UsageError if that is neither an app with accounts nor a datastore."""
    from flask_security.datastore import UserDatastore  # noqa: PLC0415

    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise click.UsageError(f"{name!r} is not MODULE:NAME")
    sys.path.insert(0, "")  # as `flask --app` finds modules, in the working directory
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        if callable(found) and not isinstance(found, (Flask, UserDatastore)):
            found = found()
    except Exception as error:
        raise click.UsageError(f"{name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    if isinstance(found, UserDatastore):
        return _Side(name, found, script.load_app().app_context)
    if not isinstance(found, Flask):
        raise click.UsageError(f"{name} is no Flask app, and no user datastore")
    return _of_app(found, name)


def _of_app(app: Flask, name: str | None = None) -> _Side:
    """The datastore of *app*'s Flask-Security."""
    security = app.extensions.get("security")
    if security is None:
        raise click.UsageError(f"the app {app.name!r} has no Flask-Security")
    return _Side(name or app.name, security.datastore, app.app_context)


def _tell(report: Report, source: _Side, target: _Side) -> None:
    click.echo(
        f"From {source.name} ({type(source.datastore).__name__}) to {target.name} ({type(target.datastore).__name__}):"
    )
    rows = {
        "roles created, updated": f"{report.roles_created:,}, {report.roles_updated:,}",
        "accounts created, updated, the same": f"{report.created:,}, {report.updated:,}, {report.unchanged:,}",
        "digest of the source": report.source_digest,
        "digest of the target": report.target_digest,
    }
    for title, value in rows.items():
        click.echo(f"  {title:<36} {value}")
    if report.is_equal:
        click.echo("Every account and role of the source is in the target, as it is there.")
        return
    click.echo(f"{len(report.differences):,} differences:")
    for line in report.differences[:_SHOWN]:
        click.echo(f"  {printable(line)}")
    if len(report.differences) > _SHOWN:
        click.echo(f"  … and {len(report.differences) - _SHOWN:,} more: --json has them all")


@contextmanager
def _bar() -> Generator[Callable[[str, int, int], None] | None]:
    """What moves a progress bar on, None where there is none."""
    with progress() as shown:
        if shown is None:
            yield None
            return
        tasks: dict[str, TaskID] = {}

        def move(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(step, total=None)
            shown.update(tasks[step], completed=done, total=total)

        yield move
