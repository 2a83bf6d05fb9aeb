"""`ndb.context`: the context of the calling code, under google-cloud-ndb's names."""

from __future__ import annotations

from typing import Literal, overload

from kindstore.mapper.context import Context, current, entered, outermost
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
    """The context that this code works in; that of the ambient store if it entered none (docs/ndb.md).

    With *raise_context_error* False: the one that it entered, None if it entered none.  `ContextError` where contexts of
    several clients are open in other threads.
    """
    return current() if raise_context_error else entered()


@overload
def get_toplevel_context(raise_context_error: Literal[True] = True) -> Context: ...
@overload
def get_toplevel_context(raise_context_error: bool) -> Context | None: ...
def get_toplevel_context(raise_context_error: bool = True) -> Context | None:
    """The outermost context that this code entered of the client that it works with: outside of every transaction.

    *raise_context_error* as in `get_context`.
    """
    top = outermost()
    return outside(current()) if top is None and raise_context_error else top
