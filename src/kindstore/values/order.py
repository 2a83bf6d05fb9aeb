"""The total order of values, in plain Python: the law that the bytes of `ordered` and every index must follow.

null < int64 (datetimes by their microseconds) < bool < strings and bytes (UTF-8) < double (NaN last) < GeoPt
< User < Key; ids before names (spec/service.md 3.1).  Slower than comparing bytes: for the in-memory store
and for tests.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .errors import BadValueError
from .key import Key
from .ordered import microseconds
from .types import GeoPt, User


def order_of(value: Any) -> tuple[Any, ...]:
    """A tuple that compares as *value* does in the Datastore; `BadValueError` for a value without a place."""
    match value:
        case None:
            return (0,)
        case bool():
            return (2, value)
        case int():
            return (1, value)
        case datetime():
            return (1, microseconds(value))
        case str():
            return (3, value.encode())
        case bytes():
            return (3, value)
        case float():
            return (4, 1, 0.0) if value != value else (4, 0, value)
        case GeoPt():
            return (5, value.latitude, value.longitude)
        case User():
            return (6, value.email(), value.auth_domain(), value.user_id() or "")
        case Key():
            return (7, value.partition.names(), path_order(value.path))
        case _:
            raise BadValueError("a value of this type has no place in the order", type=type(value).__name__)


def path_order(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """A tuple that compares as key paths do: kind by its bytes, then ids by number before names by bytes."""
    pairs = zip(path[::2], path[1::2], strict=True)
    return tuple((kind.encode(), *_id_order(part)) for kind, part in pairs)


def _id_order(part: Any) -> tuple[int, Any]:
    if part is None:
        return (0, 0)
    return (1, part) if isinstance(part, int) else (2, part.encode())
