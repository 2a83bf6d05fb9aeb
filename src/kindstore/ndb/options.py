"""The options that every call with I/O takes (spec/ndb.md 1.2).

`read_consistency`, also called `read_policy`, is passed on to the store: an embedded one always reads strongly,
`kindstore.testing.Eventual` as it is told.  Those about networks are accepted, so that old code runs, and have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict, cast

from kindstore.mapper.context import Context
from kindstore.mapper.errors import BadRequestError
from kindstore.mapper.sharing import CallOptions
from kindstore.store.checks import choice
from kindstore.store.messages import Consistency


class WriteOptions(TypedDict, total=False):
    """Options of put and delete."""

    use_cache: bool | None
    """Keep the entity in the context's identity map.  Default: as the context and the model class have it."""
    use_global_cache: bool | None
    """Take the entity from the context's global cache, and keep it there.  Default: as the context and the model class
    have it.  A write always removes from there what it changes."""
    use_memcache: bool | None
    global_cache_timeout: float | None
    """For how many seconds it is kept there; 0 is for as long as there is room.  Default: as above."""
    memcache_timeout: float | None
    use_datastore: bool | None
    """False: read from the global cache alone, or write into it alone."""
    retries: int | None
    timeout: float | None
    deadline: float | None
    _options: Any
    """A ready `QueryOptions`, whose options count instead of all others."""


class ReadOptions(WriteOptions, total=False):
    """Options of get, and of queries."""

    read_consistency: Consistency | str | None
    """`EVENTUAL` lets a store answer with what it knew a while ago.  Default: `STRONG`.  Of no effect in transactions."""
    read_policy: Consistency | str | None
    transaction: bytes | None


_KNOWN: Final = ReadOptions.__annotations__.keys()
_SAME: Final = (
    ("timeout", "deadline"),
    ("use_global_cache", "use_memcache"),
    ("global_cache_timeout", "memcache_timeout"),
    ("read_consistency", "read_policy"),
)
_OF_SHARING: Final = frozenset(
    {"use_global_cache", "use_memcache", "global_cache_timeout", "memcache_timeout", "use_datastore"}
)
_NEVER: Final = frozenset(
    {"max_memcache_items", "force_writes", "propagation", "pass_batch_into_callback", "merge_future"}
)


def _ready(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """*options*, or those that are handed round ready in ``_options``, as far as they are a call's.

    TypeError where that is no `QueryOptions`.
    """
    ready = options.get("_options")
    if ready is None:
        return options
    given: Any = getattr(ready, "given", None)  # the class is of a floor above
    if not isinstance(given, Mapping):
        raise TypeError(f"_options must be QueryOptions or None; received {ready!r}")
    found = cast("Mapping[str, Any]", given)
    return {name: found[name] for name in _KNOWN if name in found}


def use_cache(options: Mapping[str, Any]) -> bool | None:
    """What *options* say about the identity map; None: nothing.

    Raises TypeError for an unknown option and for one given under both of its names, NotImplementedError for those
    that NDB dropped.
    """
    options = _ready(options)
    for name, value in options.items():
        if name not in _KNOWN:
            if name in _NEVER:
                if value is not None:
                    raise NotImplementedError(f"the option {name!r} is not supported")
                continue
            raise TypeError(f"got an unexpected keyword argument {name!r}")
    for one, other in _SAME:
        if options.get(one) is not None and options.get(other) is not None:
            raise TypeError(f"can't specify both '{one}' and '{other}'")
    if options.get("transaction") is not None:
        raise NotImplementedError("reading in a transaction of another context is not supported")
    use: bool | None = options.get("use_cache")
    return use


def told(context: Context, options: Mapping[str, Any]) -> Context:
    """*context* for a call with these *options*: what they say of the global cache and the store goes before its policies.

    `BadRequestError` in a transaction for ``use_datastore=False``.
    """
    options = _ready(options)
    if options.keys().isdisjoint(_OF_SHARING):
        return context
    cached, stored = _given(options, "use_global_cache", "use_memcache"), options.get("use_datastore")
    seconds = _given(options, "global_cache_timeout", "memcache_timeout")
    if cached is None and seconds is None and stored is None:
        return context
    if stored is False and context.transaction is not None:
        raise BadRequestError("a transaction is of the store alone", use_datastore=False)
    return context.told(CallOptions(cached, seconds, stored))


def _given(options: Mapping[str, Any], name: str, other: str) -> Any:
    found = options.get(name)
    return options.get(other) if found is None else found


def consistency(options: Mapping[str, Any]) -> Consistency:
    """The consistency that *options* ask for; `BadArgumentError` for one that there is not."""
    options = _ready(options)
    for name in ("read_consistency", "read_policy"):
        given = options.get(name)
        if given is not None:
            return choice(Consistency, name, given)
    return Consistency.STRONG
