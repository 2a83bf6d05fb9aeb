"""`QueryOptions`: what queries and the calls that read take as keywords, as a value to hand round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kindstore.mapper.context import Context
from kindstore.ndb.asking import FetchOptions
from kindstore.values.errors import BadArgumentError

OF_THE_QUERY: Final = (
    *("kind", "ancestor", "filters", "order_by", "orders", "distinct_on", "group_by"),
    *("namespace", "project", "app", "database"),
)
"""The options that say what a query is, and not how it is read."""

OF_CALLS: Final = frozenset(FetchOptions.__annotations__) - {"options", "_options"}
"""Those of a single call, but for `limit` and `keys_only`."""

_NAMES: Final = frozenset(
    {
        *OF_THE_QUERY,
        *("limit", "keys_only"),
        *OF_CALLS,
        *("use_global_cache", "use_memcache", "global_cache_timeout", "memcache_timeout", "use_datastore"),
        "callback",  # `Query.map` is told it; here it has no effect, as in NDB
    }
)


class QueryOptions:
    """Options for queries: ``Query(default_options=…)`` and ``query.fetch(options=…)``.

    An option is an attribute; one that was not given is None.  *config* has those that are not given here.  A
    *context* says the project, the database and the namespace, where nothing else does.  TypeError for a *config* that
    is no `QueryOptions`, and for an option that there is not.
    """

    __slots__ = ("_given",)
    _given: dict[str, Any]

    def __init__(
        self, config: QueryOptions | None = None, context: Context | None = None, **options: Any
    ) -> None:
        if config is not None and not isinstance(config, QueryOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"Config must be a QueryOptions instance; received {config!r}")
        for name in options:
            if name not in _NAMES:
                raise TypeError(f"got an unexpected keyword argument {name!r}")
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        if config is not None:
            given = {**config._given, **given}
        if context is not None:
            given.setdefault("project", context.partition.project)
            given.setdefault("database", context.client.database if context.client else "")
            ancestor = given.get("ancestor")
            given.setdefault("namespace", (context if ancestor is None else ancestor.partition).namespace)
        self._given = given

    @property
    def given(self) -> Mapping[str, Any]:
        """The options that were given, by name."""
        return self._given

    def copy(self, **options: Any) -> QueryOptions:
        """These with other *options*."""
        return type(self)(self, **options)

    def __getattr__(self, name: str) -> Any:
        if name in _NAMES:
            return self._given.get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        return self._given == other._given if isinstance(other, QueryOptions) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._given))

    def __repr__(self) -> str:
        return f"QueryOptions({', '.join(f'{name}={value!r}' for name, value in self._given.items())})"


def completed(
    standard: QueryOptions | None, limit: int | None, keys_only: bool | None, options: Mapping[str, Any]
) -> tuple[int | None, bool | None, dict[str, Any]]:
    """The arguments of a call with what its *options* say too, and then *standard*, its query's."""
    given = dict(options)
    shared: object = given.pop("options", None)
    ready = given.pop("_options", None)
    shared = ready if shared is None else shared
    if shared is not None and not isinstance(shared, QueryOptions):
        raise TypeError(f"options must be QueryOptions or None; received {shared!r}")
    if shared is not None:
        for name in OF_THE_QUERY:
            if name in shared.given:
                raise BadArgumentError("this option is a query's, not a call's", path=f"options.{name}")
        limit = shared.limit if limit is None else limit
        keys_only = shared.keys_only if keys_only is None else keys_only
    for further in (shared, standard):
        if further is not None:
            for name in further.given.keys() & OF_CALLS:
                if given.get(name) is None:
                    given[name] = further.given[name]
    return limit, keys_only, given
