"""`ndb.context`: the context that code works in, and the one outside of its transactions."""

from __future__ import annotations

from typing import Literal, overload

from kindstore.mapper.context import Context, current, entered
from kindstore.mapper.transaction import outside
from kindstore.ndb.gone import AutoBatcher, ContextOptions
from kindstore.ndb.transactions import TransactionOptions

__all__ = [
    "AutoBatcher",
    "Context",
    "ContextOptions",
    "TransactionOptions",
    "get_context",
    "get_toplevel_context",
]


def __dir__() -> list[str]:
    return __all__


@overload
def get_context(raise_context_error: Literal[True] = True) -> Context: ...
@overload
def get_context(raise_context_error: bool) -> Context | None: ...
def get_context(raise_context_error: bool = True) -> Context | None:
    """The context of this code: the one that it has entered, else the one that it works in all the same (docs/ndb.md).

    *raise_context_error* False: None where it has entered none.  `ContextError` where there is no telling.
    """
    return current() if raise_context_error else entered()


@overload
def get_toplevel_context(raise_context_error: Literal[True] = True) -> Context: ...
@overload
def get_toplevel_context(raise_context_error: bool) -> Context | None: ...
def get_toplevel_context(raise_context_error: bool = True) -> Context | None:
    """The context outside of every transaction in progress; otherwise as `get_context`."""
    found = get_context(raise_context_error)
    return None if found is None else outside(found)
