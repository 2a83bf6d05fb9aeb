"""What the constructors of properties take, as types.

Every property class has four forms, told apart by these: plain (the value may be None), ``required=True`` or a
default (it may not), ``repeated=True`` (a list).  `Property` is generic in the type that reading gives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Generic, TypedDict, TypeVar

V = TypeVar("V")


class Options(TypedDict, Generic[V], total=False):
    """Options of every property.  *V* is the type of one value."""

    indexed: bool | None
    """Write index rows, so that queries can use it.  Default: True, False for blobs and text."""
    choices: Collection[V] | None
    """The only values allowed."""
    validator: Callable[[Any, V], V | None] | None
    """Called with the property and the value; returns a replacement or None, or raises."""
    verbose_name: str | None
    """A name for people (form labels)."""
    write_empty_list: bool | None
    """For a repeated property: write the empty list (default), or leave the property out of the entity."""
    unique: bool | None
    """No two entities of the kind in a namespace have one value; None is no value.  For indexed single values only:
    TypeError where the class is defined.  Default: False."""


class Compressible(Options[V], Generic[V], total=False):
    """Options of blobs."""

    compressed: bool | None
    """Store it compressed by zlib (then it can't be indexed)."""


class Timed(Options[V], Generic[V], total=False):
    """Options of dates and times."""

    auto_now: bool | None
    """Set to the current time at every put."""
    auto_now_add: bool | None
    """Set to the current time at a put that finds it unset."""
