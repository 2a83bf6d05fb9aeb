"""How plans write the values and keys that they hold as ordered bytes: as Python would."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from kindstore.values.components import read_path
from kindstore.values.ordered import unpack

BELOW = b"\xff"
"""What comes after a path and everything below it: no element of a path begins with it."""


def shown(packed: bytes) -> str:
    """A value: ``1843``, ``'Ada'``, ``None``.  An index does not tell a datetime from its microseconds, nor UTF-8 from bytes."""
    value = unpack(packed)
    if isinstance(value, bytes):
        with suppress(UnicodeDecodeError):
            return repr(value.decode())
    return repr(value)


def shown_path(path: bytes) -> str:
    """A key: ``Key('Author', 'ada')``, or of a path with `BELOW` ``the last below Key('Author', 'ada')``."""
    try:
        flat, _ = read_path(path, 0)
    except ValueError:  # that byte may also be the last one of an id, so only reading tells
        return f"the last below {shown_path(path[:-1])}"
    return f"Key({', '.join(map(repr, flat))})"


def within(
    name: str,
    low: bytes | None,
    low_included: bool,
    high: bytes | None,
    high_included: bool,
    show: Callable[[bytes], str] = shown,
) -> str:
    """A range of *name*: ``year``, ``year >= 1800``, ``1800 <= year < 1900``, ``year = 1843``."""
    below = "<=" if high_included else "<"
    if low is None:
        return name if high is None else f"{name} {below} {show(high)}"
    if high is None:
        return f"{name} {'>=' if low_included else '>'} {show(low)}"
    if low == high and low_included and high_included:
        return f"{name} = {show(low)}"
    return f"{show(low)} {'<=' if low_included else '<'} {name} {below} {show(high)}"
