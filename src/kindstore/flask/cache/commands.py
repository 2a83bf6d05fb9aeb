"""``flask kindstore sweep``: deleting what has expired in the caches of an application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask import Flask, current_app

from kindstore.flask.cache.kindstore_cache import KindstoreCache


def caches_of(app: Flask) -> list[KindstoreCache]:
    """The caches that *app* has: those of Flask-Caching, and the one of its sessions."""
    by_extension: dict[Any, Any] = app.extensions.get("cache") or {}
    sessions = getattr(app.session_interface, "cache", None)  # Flask-Session's name for its cachelib cache
    found = [*by_extension.values(), sessions]
    return [each for each in dict.fromkeys(found) if isinstance(each, KindstoreCache)]


def sweep_command(say: Callable[[str], object] = click.echo) -> None:
    """Delete what has expired in the caches of the current application, and tell how much it was.

    `click.UsageError` if it has none in Kindstore.
    """
    caches = caches_of(current_app)
    if not caches:
        raise click.UsageError(
            "This application has no cache and no sessions in Kindstore (docs/sessions.md)."
        )
    for cache in caches:
        say(f"{cache!r}: {cache.sweep_all()} deleted")
