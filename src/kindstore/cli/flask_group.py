"""``flask kindstore …``: the commands of `kindstore` that work on a store, on that of the app.

Flask finds the group by the entry point ``flask.commands``.  A command of `main.ON_A_STORE` is in it without more; what
is for apps alone is a command of click, added to `group` at the end of this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from flask.cli import ScriptInfo, with_appcontext

from kindstore.cli import main
from kindstore.cli.flask_users import users
from kindstore.cli.opening import AppStore

_NOWHERE: Final = AppStore(Path(), "kindstore", "")


class StoreGroup(click.Group):
    """A group with the commands of the registry, beside those that are added to it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all of them."""
        return sorted({*super().list_commands(ctx), *main.descriptions(_NOWHERE)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called *cmd_name*, None if there is none."""
        known = super().get_command(ctx, cmd_name)
        description = main.descriptions(_NOWHERE).get(cmd_name)
        if known is not None or description is None:
            return known

        def callback(arguments: tuple[str, ...]) -> None:
            _run(cmd_name, arguments)

        return click.Command(
            cmd_name,
            callback=callback,
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            short_help=description,
            add_help_option=False,  # argparse has the help
            context_settings={"ignore_unknown_options": True},
        )


@click.group("kindstore", cls=StoreGroup)
def group() -> None:
    """Look at the app's store, check it, and keep its indexes."""


def _run(name: str, arguments: tuple[str, ...]) -> None:
    """Run the command *name*, and end with its exit status."""
    context = click.get_current_context()
    helping = {"-h", "--help"} & set(arguments)  # help wants no app
    place = _NOWHERE if helping else _store(context.ensure_object(ScriptInfo))
    context.exit(main.run(main.parser(place), [name, *arguments]))


def _store(script: ScriptInfo) -> AppStore:
    """Where the store of the app is.  click.UsageError, exit status 2, for an app without one in a file."""
    from kindstore.flask import Kindstore  # noqa: PLC0415 - Flask loads this module for every command of its own

    app = script.load_app()
    extension = app.extensions.get("kindstore")
    if not isinstance(extension, Kindstore):
        raise click.UsageError(f"the app {app.name!r} has no Kindstore extension: call Kindstore(app)")
    client = extension.client_of(app)
    if client.path == ":memory:":
        raise click.UsageError(f"the store of the app {app.name!r} is in memory: set KINDSTORE_URL to a path")
    return AppStore(Path(client.path), client.project, client.namespace, client.database, client.index_file)


# What only apps have: a command, or a group of them (`group.add_command(users)`).


@group.command()
@with_appcontext
def sweep() -> None:
    """Delete what has expired in the app's caches and sessions."""
    from kindstore.flask.cache import sweep_command  # noqa: PLC0415 - late like all here, and needs cachelib

    sweep_command()


group.add_command(users)
