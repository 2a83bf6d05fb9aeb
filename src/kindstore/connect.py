"""From a URL to a store: the one place that knows every backend."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from kindstore.store.abc import Store
from kindstore.values.errors import BadArgumentError

DEFAULT = "kindstore.db"
"""The file in the working directory that is used when nothing else is said."""

_OPTIONS = frozenset({"durability", "vfs", "project", "indexes", "index_file"})


def connect(url: str | os.PathLike[str] | None = None, **options: Any) -> Store:
    """The store that *url* names.

    A path or ``sqlite:///absolute/path.db`` is a file, made if it is not there; ``":memory:"`` is a store that is
    gone when it is closed.  None takes the environment's ``KINDSTORE_URL``, else the file ``kindstore.db`` in the
    working directory.  *options* (or the URL's query part): ``durability`` ("full" or "relaxed"), ``project``,
    ``indexes`` ("permissive", or "strict": a query without its composite index is refused), ``index_file`` (the path of
    an index.yaml), and for code only ``id_policy``, ``concurrency``, ``clock``.
    `BadArgumentError` for a URL of no known kind and for an unknown option; the errors of
    `backends.sqlite.open_store` for a file.  Whatever is wrong is found before a file is made.
    """
    text, given = read_url(os.environ.get("KINDSTORE_URL") or DEFAULT if url is None else url)
    options = {**given, **options}
    from kindstore.backends.sqlite import open_store  # noqa: PLC0415  # apsw only when a file is opened

    return open_store(text, **options)


def read_url(url: str | os.PathLike[str]) -> tuple[str, dict[str, str]]:
    """The path that *url* names, and the options in it.  `BadArgumentError` for what `connect` would refuse unopened."""
    try:
        text = os.fsdecode(url)
    except TypeError:
        raise BadArgumentError("a store is named by a URL or a path", url=url) from None
    if text.startswith("sqlite:"):
        return _of_url(text)
    if "://" in text:
        raise BadArgumentError(
            "no backend for this URL", url=text, hint="There are files: a path, sqlite:///path or :memory:."
        )
    return text, {}


def project_in(url: str | os.PathLike[str] | None = None) -> str | None:
    """The project that *url*, or without one what `connect` takes in its place, names; None if it names none."""
    text = os.fsdecode(os.environ.get("KINDSTORE_URL", "") if url is None else url)
    return _of_url(text)[1].get("project") if text.startswith("sqlite:") else None


def _of_url(url: str) -> tuple[str, dict[str, str]]:
    """The path and the options of a URL that begins with ``sqlite:``; `BadArgumentError` if it is malformed."""
    hint = "Write sqlite:///absolute/path.db or sqlite:path.db, with %3F for ? and %23 for # in the path."
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
    except ValueError as error:
        raise BadArgumentError("malformed URL", url=url, cause=str(error), hint=hint) from None
    given = dict(pairs)
    unknown = sorted(given.keys() - _OPTIONS)
    path = unquote(parts.path)
    if unknown or len(given) < len(pairs) or parts.netloc or parts.fragment or not path:
        raise BadArgumentError("malformed URL", url=url, unknown=unknown, hint=hint)
    return ":memory:" if path == "/:memory:" else path, given
