"""`db.sync`: mutexes that are kept in the store, for programs in several processes."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from kindstore.db.errors import BadArgumentError, BadRequestError
from kindstore.db.key import Key
from kindstore.db.model import Model
from kindstore.db.operations import get
from kindstore.db.property import BooleanProperty
from kindstore.db.strings import typename
from kindstore.db.times import DateTimeProperty
from kindstore.db.transactions import run_in_transaction


class Mutex(Model):
    """A mutex: one program holds it at a time, for `LIFETIME` at most."""

    LIFETIME: ClassVar[dt.timedelta] = dt.timedelta(seconds=20)

    held = BooleanProperty(name="_held", required=True, default=False)
    last_acquired = DateTimeProperty(name="_last_acquired", required=True, auto_now=True)

    def acquire(self, blocking: bool = True, retry_delay_ms: float = 100) -> bool:
        """Take it, and say whether that went well.  If *blocking*, wait until it does, with about so long between tries."""
        if not self.is_saved():
            self.put()
        while not self._changed(True):
            if not blocking:
                return False
            delay = retry_delay_ms / 1000
            time.sleep(random.uniform(delay / 2, delay * 2))  # noqa: S311 - no secret
        return True

    def release(self) -> None:
        """Give it back; `BadRequestError` if it is not held."""
        if not self.is_saved():
            raise BadRequestError("Can't release mutex that's not saved.")
        if not self._changed(False):
            raise BadRequestError("Can't release mutex that's not held.")

    def is_held(self) -> bool:
        """Whether somebody has it, as far as this instance knows, and not for too long."""
        elapsed: dt.timedelta = DateTimeProperty.now() - self.last_acquired
        return bool(self.held) and elapsed < self.LIFETIME

    def _changed(self, held: bool) -> bool:
        """Let it be *held*, if it was not so before."""

        def change() -> Any:
            stored = get(self.key())
            if stored.is_held() == held:
                return None
            stored.held, stored.last_acquired = held, DateTimeProperty.now()
            stored.put()
            return stored

        stored = run_in_transaction(change)
        if stored is not None:
            self.held, self.last_acquired = stored.held, stored.last_acquired
        return stored is not None


def acquire(mutexes: Iterable[Mutex | Key], blocking: bool = True) -> bool:
    """Take all of *mutexes*, in the order of their keys, or none; whether that went well."""
    taken: list[Any] = []
    for mutex in _sorted(mutexes):
        if not mutex.acquire(blocking=blocking):
            for each in reversed(taken):
                each.release()
            return False
        taken.append(mutex)
    return True


def release(mutexes: Iterable[Mutex | Key]) -> None:
    """Give all of *mutexes* back, in the opposite order."""
    for mutex in reversed(_sorted(mutexes)):
        mutex.release()


def _sorted(mutexes: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for each in mutexes:
        if not isinstance(each, Mutex | Key):
            raise BadArgumentError(f"Expected a Mutex instance or key; received {each} (a {typename(each)}).")
        found.append(get(each) if isinstance(each, Key) else each)
    by_key: Callable[[Any], Key] = Mutex.key
    return sorted(found, key=by_key)
