"""Signals of what is written: `before_models_committed` and `models_committed`.

They are sent by the store of an app, so that they tell of every face's writes, and of a transaction's once, when it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from blinker import Namespace

from kindstore.mapper.claims import key_in
from kindstore.mapper.model import Model
from kindstore.mapper.references import key_of_class
from kindstore.mapper.unique import MARKERS
from kindstore.ndb.key import Key
from kindstore.store.abc import Inspect, Store
from kindstore.store.messages import Committed, Delete, Mutation
from kindstore.store.program import Program
from kindstore.values.key import Key as PlainKey

if TYPE_CHECKING:
    from flask.sansio.app import App

_signals: Final = Namespace()

before_models_committed: Final = _signals.signal("before-models-committed")
"""Sent with an app and *changes*, a list of `Change`, before they are written.  An error that it raises prevents that.

Keys of new entities are incomplete yet.  A commit that fails, or is tried again, was announced all the same."""

models_committed: Final = _signals.signal("models-committed")
"""The same, once they are written for good."""


class Change(NamedTuple):
    """One entity that is written."""

    key: Key
    operation: Literal["put", "delete"]

    @property
    def model(self) -> Any:
        """The class of its kind; None if there is none."""
        return Model._kind_map.get(str(self.key.kind()))  # pyright: ignore[reportPrivateUsage]


class WrappedStore:
    """*store*, but for the verbs that a subclass has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Not by `__getattr__`, for speed, and because a protocol is recognised by what an object has.
        for name in _VERBS:
            if hasattr(store, name) and not hasattr(type(self), name):
                setattr(self, name, getattr(store, name))

    def __repr__(self) -> str:
        return repr(self._store)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class TellingStore(WrappedStore):
    """*store*, which tells those who listen what is committed to it by *app*, a reference; else it costs nothing."""

    def __init__(self, store: Store, app: Callable[[], App | None]) -> None:
        super().__init__(store)
        self._app = app

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        """`Store.commit`, with the signals."""
        if not before_models_committed.receivers and not models_committed.receivers:
            return self._store.commit(mutations, transaction)
        return self._told(mutations, transaction)

    def _told(self, mutations: Sequence[Mutation], transaction: bytes | None) -> Program[Committed]:
        app = self._app()
        _tell(before_models_committed, app, mutations, list(map(key_in, mutations)))
        committed = yield from self._store.commit(mutations, transaction)
        _tell(models_committed, app, mutations, committed.keys)
        return committed


_VERBS: Final = tuple(name for each in (Store, Inspect) for name in vars(each) if not name.startswith("_"))


def _tell(signal: Any, app: Any, mutations: Sequence[Mutation], keys: Sequence[PlainKey]) -> None:
    """Send *signal* for those changes that are a user's: not the marks of unique values."""
    if not signal.receivers:
        return
    changes = [
        Change(key_of_class(key, Key), "delete" if isinstance(mutation, Delete) else "put")
        for mutation, key in zip(mutations, keys, strict=True)
        if key.path[-2] != MARKERS
    ]
    if changes:
        signal.send(app, changes=changes)
