"""`ndb.django_middleware`: a name that raises, as in google-cloud-ndb; wrap requests in ``with client.context():``."""

from __future__ import annotations

from typing import Any

__all__ = ["NdbDjangoMiddleware"]


def __dir__() -> list[str]:
    return __all__


class NdbDjangoMiddleware:
    """Not to be had: NotImplementedError.  A middleware of three lines enters a context (docs/ndb-differences.md)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        raise NotImplementedError(
            "NdbDjangoMiddleware is not supported: enter client.context() in a middleware"
        )
