"""What a request asks for in its URL: the number or place of a page, and its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
from werkzeug.exceptions import NotFound

from kindstore.client import ambient
from kindstore.flask.app_client import AppClient

PER_PAGE = 20
"""How many results a page has of itself."""


def arguments() -> Mapping[str, str]:
    """The arguments in the URL of the request at hand; none where there is no request."""
    client = ambient.instead()
    framework: Any = client.framework if isinstance(client, AppClient) else flask
    return framework.request.args if framework.has_request_context() else {}


def number(given: int | None, name: str, default: int, error_out: bool) -> int:
    """*given*, or the argument *name* of the request, if it is 1 or more; else *default*, or 404 Not Found."""
    value: int | None = given
    if given is None:
        text = arguments().get(name)
        try:
            value = default if text is None else int(text)
        except ValueError:
            value = None
    if value is not None and value >= 1:
        return value
    if error_out:
        raise NotFound
    return default


def size(per_page: int | None, max_per_page: int | None, error_out: bool) -> int:
    """How many results a page is to have."""
    asked = number(per_page, "per_page", PER_PAGE, error_out)
    return asked if max_per_page is None else min(asked, max_per_page)
