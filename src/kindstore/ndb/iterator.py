"""`ndb.QueryIterator`: a walk over the results of a query."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar

from kindstore.mapper import query as running
from kindstore.mapper.context import Context
from kindstore.mapper.future import Future
from kindstore.ndb.cursor import Cursor
from kindstore.store import messages
from kindstore.values.errors import BadArgumentError

M = TypeVar("M")


class QueryIterator(Iterator[M], AsyncIterator[M], Generic[M]):
    """Walks the results of a query, in a ``for`` or ``async for`` loop or by hand."""

    def __init__(self, reading: running.Reading, query: messages.Query) -> None:
        self._context: Context = reading.context
        self._walk = running.Walk(reading, query)
        self._ended = False

    def __iter__(self) -> QueryIterator[M]:
        return self

    def __aiter__(self) -> QueryIterator[M]:
        return self

    def has_next(self) -> bool:
        """Whether there is another result; reads a page if need be."""
        return self._context.store.run(self._walk.has_next())

    def has_next_async(self) -> Future[bool]:
        """`has_next`, as a future."""
        return self._context.begin(self._walk.has_next(), "has_next")

    def probably_has_next(self) -> bool:
        """Whether there may be another result, without reading anything."""
        return self._walk.probably_has_next()

    def next(self) -> M:
        """The next result; StopIteration after the last one."""
        return self.__next__()

    def __next__(self) -> M:
        if not (self._walk.is_ready() or self.has_next()):
            self._ended = True
            raise StopIteration
        result: M = self._walk.take()
        return result

    async def __anext__(self) -> M:
        if not (self._walk.is_ready() or await self._context.store.arun(self._walk.has_next())):
            self._ended = True
            raise StopAsyncIteration
        result: M = self._walk.take()
        return result

    def cursor_before(self) -> Cursor:
        """The cursor before the result that came last; `BadArgumentError` before the first one.

        After the end of the walk the cursor after the last one.
        """
        return self.cursor_after() if self._ended else _cursor(self._walk.cursor_before())

    def cursor_after(self) -> Cursor:
        """The cursor after the result that came last; `BadArgumentError` before the first one."""
        return _cursor(self._walk.cursor_after())

    def index_list(self) -> Any:
        """Not supported: NotImplementedError."""
        raise NotImplementedError("index_list is not supported")


def _cursor(cursor: bytes | None) -> Cursor:
    if cursor is None:
        raise BadArgumentError("there is no cursor before the first result")
    return Cursor(cursor)
