"""The law of db's transactions (spec/service.md 3.8): which entity groups one may touch, and which queries it has.

The store keeps the law of conflicts.  What a transaction may not touch at all is refused here, when it is touched, in
App Engine's words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kindstore.db.errors import BadRequestError
from kindstore.mapper.context import Context
from kindstore.store.messages import Query
from kindstore.values.key import Key, root_of

MAX_GROUPS: Final = 25


class GroupLaw:
    """What one transaction has touched, and what it may: several groups if *xg*; writes unless *read_only*."""

    __slots__ = ("groups", "read_only", "xg")

    def __init__(self, xg: bool, read_only: bool) -> None:
        self.xg, self.read_only = xg, read_only
        self.groups: set[Key] = set()

    def touch(self, keys: Iterable[Key]) -> None:
        """`BadRequestError` if the groups of *keys* are too many."""
        self.groups.update(map(root_of, keys))
        if len(self.groups) > 1 and not self.xg:
            raise BadRequestError("cross-groups transaction need to be explicitly specified (xg=True)")
        if len(self.groups) > MAX_GROUPS:
            raise BadRequestError("operating on too many entity groups in a single transaction.")


def touch(context: Context, keys: Iterable[Key], writes: bool = False) -> None:
    """In a transaction of db: `BadRequestError` if it may not read, or write, *keys* too."""
    law = _law_of(context)
    if law is not None:
        if writes and law.read_only:
            raise BadRequestError("Cannot modify entities in a read-only transaction.")
        law.touch(keys)


def touch_query(context: Context, query: Query) -> None:
    """The same for what *query* reads."""
    law = _law_of(context)
    if law is None:
        return
    if query.ancestor is None:
        raise BadRequestError("Only ancestor queries are allowed inside transactions.")
    law.touch([query.ancestor])


def _law_of(context: Context) -> GroupLaw | None:
    law = None if context.transaction is None else context.transaction.law
    return law if isinstance(law, GroupLaw) else None
