"""What db says of texts that are no good: the same words for keys, values and queries."""

from __future__ import annotations

from typing import Any

from kindstore.values.errors import BadArgumentError, BadValueError, Error
from kindstore.values.limits import MAX_INDEXED


def typename(value: object) -> str:
    """The name of the class of *value*."""
    return type(value).__name__


def check_number(value: Any, name: str) -> int:
    """*value*; `BadArgumentError` unless it is an int from 0."""
    if not isinstance(value, int):
        raise BadArgumentError(f"{name} should be an integer; received {value} (a {typename(value)}).")
    if value < 0:
        raise BadArgumentError(f"{name} must not be negative.")
    return value


def check_string(
    value: Any,
    name: str,
    error: type[Error] = BadValueError,
    most: int = MAX_INDEXED,
    empty: bool = False,
) -> None:
    """Raise *error* unless *value*, called *name*, is a str of 1 (or, if *empty*, 0) to *most* bytes."""
    if value is None and empty:
        return
    if not isinstance(value, str):
        raise error(f"{name} should be a string; received {value} (a {typename(value)}):")
    if not value and not empty:
        raise error(f"{name} must not be empty.")
    if len(value.encode(errors="surrogatepass")) > most:
        raise error(f"{name} must be under {most} bytes.")
