"""From a URL to a store: the one place that knows every backend."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from kindstore.store.abc import Store
from kindstore.values.errors import BadArgumentError

DEFAULT = "kindstore.db"
"""The file in the working directory that is used when nothing else is said."""

_OPTIONS = frozenset({"durability", "vfs", "project"})


def connect(url: str | os.PathLike[str] | None = None, **options: Any) -> Store:
    """The store that *url* names.

    A path or ``sqlite:///absolute/path.db`` is a file, made if it is not there; ``":memory:"`` is a store that is
    gone when it is closed.  None takes the environment's ``KINDSTORE_URL``, else the file ``kindstore.db`` in the
    working directory.  *options* (or the URL's query part): ``durability`` ("full" or "relaxed"), ``project``,
    and for code only ``id_policy``, ``concurrency``, ``clock``.
    `BadArgumentError` for a URL of no known kind; the errors of `backends.sqlite.open_store` for a file.
    """
    if url is None:
        url = os.environ.get("KINDSTORE_URL") or DEFAULT
    text = os.fspath(url)
    if text.startswith("sqlite:"):
        parts = urlsplit(text)
        given = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        unknown = sorted(given.keys() - _OPTIONS)
        if unknown or parts.netloc:
            raise BadArgumentError(
                "malformed URL",
                url=text,
                unknown=unknown,
                hint="Write sqlite:///absolute/path.db or sqlite:path.db.",
            )
        options = {**given, **options}
        text = unquote(parts.path)
    elif "://" in text:
        raise BadArgumentError(
            "no backend for this URL", url=text, hint="There are files: a path, sqlite:///path or :memory:."
        )
    from kindstore.backends.sqlite import open_store  # noqa: PLC0415  # apsw only when a file is opened

    return open_store(text, **options)
