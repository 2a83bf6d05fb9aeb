"""Commands: ``flask --app examples/flask_login deactivate NAME``, and ``activate``."""

import click
from flask import Flask

from .accounts import ACTIVE, INACTIVE


def init_app(app: Flask) -> None:
    """Give *app* its commands."""

    def set_status(name: str, status: int) -> None:
        user = app.config["USERS"].named(name.casefold())
        if user is None:
            raise click.ClickException(f"nobody is called {name!r}")
        user.change(status=status)

    @app.cli.command("deactivate")
    @click.argument("name")
    def deactivate(name: str) -> None:
        """Let NAME log in no more; who is logged in is out at once."""
        set_status(name, INACTIVE)
        click.echo(f"{name} can no longer log in.")

    @app.cli.command("activate")
    @click.argument("name")
    def activate(name: str) -> None:
        """Let NAME log in again."""
        set_status(name, ACTIVE)
        click.echo(f"{name} can log in again.")
