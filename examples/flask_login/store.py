"""Where the users are: one file in the instance folder, unless KINDSTORE_URL says otherwise."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask

from kindstore import ndb


def init_app(app: Flask) -> None:
    """Give *app* its store, and each request a context in it."""
    app.config.setdefault("KINDSTORE_URL", str(Path(app.instance_path) / "users.db"))
    client = ndb.Client(url=app.config["KINDSTORE_URL"])
    app.extensions["store"] = client
    serve = app.wsgi_app

    def in_context(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with client.context():
            return serve(environ, start)

    app.wsgi_app = in_context
