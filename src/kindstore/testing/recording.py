"""What a piece of a program asks of its store, and whether that is too much: queries without index, N+1 access."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias

import msgspec

from kindstore.engine.composite import CompositeIndex, needs
from kindstore.engine.serving import Missing, refusal, serve
from kindstore.mapper.context import current
from kindstore.store.abc import Store
from kindstore.store.conjunctions import conjunctions
from kindstore.store.messages import Query
from kindstore.store.program import Program, T

from .lines import Line, Place, here
from .passing import FREE, Call, Passing, Verb, form_of

Unindexed: TypeAlias = Literal["allow", "error"]

_AT_MOST: Final = 20
"""Lines of a message that list calls."""


class Recorded(msgspec.Struct, frozen=True):
    """A *call*, and the *place* in the program that it came from."""

    call: Call
    place: Place

    @property
    def line(self) -> Line | None:
        """The line that asked; None where it is not known."""
        return self.place[0] if self.place else None

    def __str__(self) -> str:
        return f"{self.call}  ({self.line or 'from an unknown line'})"


class Calls:
    """The calls that a store got, in order: iterable, with a length.  `begin` and `rollback` are not among them.

    *n_plus_one*: how often one place may ask for the same, a single entity of one kind or a query of one form, before
    `check` objects; None: as often as it likes.  The pages of one query count once.  A place is a line and those that
    called it: so a function may be called from everywhere, but not in a loop.
    *unindexed*: with "error" a query that needs a composite index which is not in *indexes* raises
    `NeedIndexError`, with the entry for index.yaml, and `check` objects too, should somebody have caught that.
    """

    def __init__(
        self,
        n_plus_one: int | None = None,
        unindexed: Unindexed = "allow",
        indexes: Iterable[CompositeIndex] = (),
    ) -> None:
        if unindexed not in {"allow", "error"}:
            raise ValueError(f"unindexed is 'allow' or 'error', not {unindexed!r}")
        if n_plus_one is not None and n_plus_one < 1:
            raise ValueError(f"n_plus_one is a number from 1, or None; not {n_plus_one}")
        self.n_plus_one = n_plus_one
        self.unindexed: Unindexed = unindexed
        self.indexes = tuple(indexes)
        self._calls: list[Recorded] = []
        self._refused: list[str] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Calls: {self._described()}>"

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Recorded]:
        return iter(list(self._calls))

    def of(self, verb: Verb) -> list[Recorded]:
        """Those of *verb*."""
        return [each for each in self._calls if each.call.verb == verb]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._calls.clear()
            self._refused.clear()

    # What a test says.

    def assert_at_most(self, number: int, verb: Verb | None = None) -> None:
        """AssertionError, with a list of them, if there are more than *number* calls (of *verb*)."""
        found = list(self._calls) if verb is None else self.of(verb)
        if len(found) > number:
            what = "calls" if verb is None else f"calls of {verb}"
            shown = "\n".join(f"  {each}" for each in found[:_AT_MOST])
            more = f"\n  and {len(found) - _AT_MOST} more" if len(found) > _AT_MOST else ""
            raise AssertionError(f"{len(found)} {what}, more than {number}:\n{shown}{more}")

    def check(self) -> None:
        """AssertionError if there was an N+1 access or an unindexed query, by what was said to be too much."""
        wrong = [*self._refused, *self._repeated()]
        if wrong:
            raise AssertionError("\n".join(wrong))

    def _repeated(self) -> Iterator[str]:
        if self.n_plus_one is None:
            return
        forms = [
            (form, each.place) for each in self._calls if each.place and (form := _repeatable(each.call))
        ]
        for (form, place), count in Counter(forms).items():
            if count > self.n_plus_one:
                callers = "".join(f"\n    called from {line}" for line in place[1:3])
                yield (
                    f"N+1 access: {count} times {form}, more than {self.n_plus_one}, at\n  {place[0]}{callers}\n"
                    "  Ask once for all of them: get_multi, IN, or an ancestor query."
                )

    # What the recorder says.

    def add(self, call: Call, place: Place) -> None:
        """Note *call*.  `NeedIndexError` for a query that is not to run."""
        with self._lock:
            self._calls.append(Recorded(call, place))
        if call.query is not None and self.unindexed == "error":
            lacking = list(_lacking(call.query, self.indexes))
            if lacking:
                error = refusal(lacking)
                self._refused.append(f"{error.message}\n  at {place[0] if place else 'an unknown line'}")
                raise error

    def _described(self) -> str:
        counts = Counter(each.call.verb for each in self._calls)
        return ", ".join(f"{count} {verb}" for verb, count in counts.items()) or "none"


def _repeatable(call: Call) -> str | None:
    """What is not to be asked again and again; None where that says nothing."""
    if call.query is not None:
        return None if call.query.start is not None else f"{call.verb} {form_of(call.query)}"
    if call.verb == "lookup" and len(call.keys) == 1:
        return f"lookup of one {call.keys[0].path[-2]}"
    return None


def _lacking(query: Query, indexes: tuple[CompositeIndex, ...]) -> Iterator[Missing]:
    for each in conjunctions(query):
        needed = needs(each)
        if needed is not None and isinstance(found := serve(needed, indexes), Missing):
            yield found


class Recorder(Passing):
    """*store*, which tells others what it is asked."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._told: list[Calls] = []

    @contextmanager
    def telling(self, calls: Calls) -> Generator[None]:
        """Tell *calls*, for a ``with`` block."""
        self._told.append(calls)
        try:
            yield
        finally:
            self._told.remove(calls)

    def _pass(self, call: Call, program: Program[T]) -> Program[T]:
        if call.verb not in FREE and self._told:
            place = here()
            for each in list(self._told):
                each.add(call, place)
        return program


@contextmanager
def recorded(
    n_plus_one: int | None = None,
    unindexed: Unindexed = "allow",
    index_file: str | os.PathLike[str] | None = None,
) -> Generator[Calls]:
    """A block whose calls of the store are recorded, in this context and those made inside: ``as calls``.

    Works on any store; on one of `kindstore.testing.store` other threads' and contexts' calls are recorded too.  At the end of
    the block, unless it ends by an exception, what *n_plus_one* and *unindexed* say is too much raises AssertionError:
    see `Calls`.  *index_file* is an index.yaml (default: no composite indexes at all).
    """
    calls = Calls(n_plus_one, unindexed, indexes_of(index_file))
    context = current()
    store = context.own_store
    if isinstance(store, Recorder):
        with store.telling(calls):
            yield calls
    else:
        recorder = Recorder(store)
        with recorder.telling(calls), context.over(recorder).use():
            yield calls
    calls.check()


def indexes_of(file: str | os.PathLike[str] | None) -> tuple[CompositeIndex, ...]:
    """The indexes of an index.yaml; none for None, and where there is no such file.  Needs the extra ``yaml``."""
    if file is None:
        return ()
    from kindstore.backends.index_file import IndexFile  # noqa: PLC0415 - needs an extra

    return IndexFile(file).read()
