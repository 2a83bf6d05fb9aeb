"""``flask --app examples.flask_accounts seed``: the roles, and somebody who can give them to others."""

from __future__ import annotations

import secrets

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_security import hash_password
from flask_security.utils import naive_utcnow

from .models import make_roles, user_datastore

ADMIN = "admin@example.com"


@click.command("seed")
@click.option("--email", default=ADMIN, show_default=True, help="Of the administrator.")
@with_appcontext
def seed(email: str) -> None:
    """Make the roles, and an administrator, whose password is printed this once."""
    make_roles()
    name = current_app.config["APP_NAME"]
    if user_datastore.find_user(case_insensitive=True, email=email):
        click.echo(f"{name}: there is an account {email} already; its password is what it was.")
        return
    password = secrets.token_urlsafe(12)
    user = user_datastore.create_user(
        email=email, password=hash_password(password), confirmed_at=naive_utcnow()
    )
    user_datastore.add_role_to_user(user, "admin")
    click.echo(f"{name}: made the administrator. Written down nowhere else:\n")
    click.echo(f"    e-mail    {email}\n    password  {password}\n")


def init_app(app: Flask) -> None:
    """Add the command to *app*."""
    app.cli.add_command(seed)
