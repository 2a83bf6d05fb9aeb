"""The ambient store, as code outside of every application context sees it: what is an app's is refused there.

`Model`'s own methods say so at once; this is for what works by keys and lists: `Key.get`, `ndb.put_multi`, plain queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kindstore.flask.errors import NoAppContextError
from kindstore.flask.signals import WrappedStore
from kindstore.mapper.claims import key_in
from kindstore.mapper.model import Model as MapperModel
from kindstore.store.abc import Store
from kindstore.store.messages import Mutation, Query
from kindstore.values.key import Key


def no_app() -> NoAppContextError:
    """The error of code that would work in the ambient store, which is no app's."""
    return NoAppContextError(
        "no application context",
        hint="Work with the data in a view, a command of the app, or in `with app.app_context():`.",
    )


class StoreOfNoApp(WrappedStore):
    """A store that has nothing of the kinds of *model* and its subclasses: `NoAppContextError` for these."""

    def __init__(self, store: Store, model: type[Any]) -> None:
        super().__init__(store)
        self._model = model

    def lookup(self, keys: Sequence[Key], *args: Any, **options: Any) -> Any:
        """`Store.lookup`."""
        self._check(key.path[-2] for key in keys)
        return self._store.lookup(keys, *args, **options)

    def commit(self, mutations: Sequence[Mutation], *args: Any, **options: Any) -> Any:
        """`Store.commit`."""
        self._check(key_in(each).path[-2] for each in mutations)
        return self._store.commit(mutations, *args, **options)

    def run_query(self, query: Query, *args: Any, **options: Any) -> Any:
        """`Store.run_query`."""
        self._check((query.kind,))
        return self._store.run_query(query, *args, **options)

    def run_aggregation(self, query: Query, *args: Any, **options: Any) -> Any:
        """`Store.run_aggregation`."""
        self._check((query.kind,))
        return self._store.run_aggregation(query, *args, **options)

    def allocate_ids(self, keys: Sequence[Key]) -> Any:
        """`Store.allocate_ids`."""
        self._check(key.path[-2] for key in keys)
        return self._store.allocate_ids(keys)

    def _check(self, kinds: Iterable[Any]) -> None:
        known = MapperModel._kind_map  # pyright: ignore[reportPrivateUsage]
        for kind in kinds:
            model = known.get(kind)
            if model is not None and issubclass(model, self._model):
                raise no_app()
