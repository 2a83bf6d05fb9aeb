"""The options that every call with I/O takes (spec/ndb.md 1.2).

Of NDB's options an embedded store needs `use_cache` alone.  `read_consistency`, also called `read_policy`, is passed on
to the store: an embedded one always reads strongly, `kindstore.testing.Eventual` as it is told.  Those about networks
and global caches are accepted, so that old code runs, and have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from kindstore.store.checks import choice
from kindstore.store.messages import Consistency


class WriteOptions(TypedDict, total=False):
    """Options of put and delete."""

    use_cache: bool | None
    """Keep the entity in the context's identity map.  Default: as the context and the model class have it."""
    use_global_cache: bool | None
    use_memcache: bool | None
    global_cache_timeout: int | None
    memcache_timeout: int | None
    use_datastore: bool | None
    retries: int | None
    timeout: float | None
    deadline: float | None


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
_NEVER: Final = frozenset(
    {"max_memcache_items", "force_writes", "propagation", "pass_batch_into_callback", "merge_future"}
)


def use_cache(options: Mapping[str, Any]) -> bool | None:
    """What *options* say about the identity map; None: nothing.

    Raises TypeError for an unknown option and for one given under both of its names, NotImplementedError for those
    that NDB dropped and for ``use_datastore=False``.
    """
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
    if options.get("use_datastore") is False:
        raise NotImplementedError("use_datastore=False is not supported: there is no cache to work on alone")
    if options.get("transaction") is not None:
        raise NotImplementedError("reading in a transaction of another context is not supported")
    use: bool | None = options.get("use_cache")
    return use


def consistency(options: Mapping[str, Any]) -> Consistency:
    """The consistency that *options* ask for; `BadArgumentError` for one that there is not."""
    for name in ("read_consistency", "read_policy"):
        given = options.get(name)
        if given is not None:
            return choice(Consistency, name, given)
    return Consistency.STRONG
