"""Entries of a cache as entities: their keys, their expiry, and values that are larger than an entity.

An entry is an entity of the cache's kind:

* its key name is the prefix, quoted, a ``:`` and the key of the entry; or a ``;`` and a hash of the key, where that is
  long, is no Unicode, or would be a reserved name;
* ``value``: the serialized bytes, not indexed;
* ``expires``: a datetime, indexed, so that the expired ones are found; without it the entry stays for ever;
* ``parts``: for a large value, the names of the child entities that hold its bytes.  They are new ones at every write:
  a reader who finds one missing knows that the entry has changed meanwhile.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from typing import Final, cast
from urllib.parse import quote

from kindstore.store.messages import Mutation, PropertyFilter, Upsert
from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import BadArgumentError, TooLargeError
from kindstore.values.key import Key, Partition, parent_of
from kindstore.values.limits import MAX_NAME

PART: Final = 1_000_000
"""Bytes of a value in one entity, which may have 1 MiB all together."""

MAX_VALUE: Final = 8 * PART
"""Bytes of a value: of more, the one commit that writes it would be no small one."""

_LONGEST_PREFIX: Final = 500

_EPOCH: Final = dt.datetime(1970, 1, 1)

_NAME: Final = re.compile("[0-9a-f]+-[0-9]+")

_FOR_EVER = Shape.of(("value",), ("value",))
_EXPIRING = Shape.of(("value", "expires"), ("value",))
_LARGE_FOR_EVER = Shape.of(("value", "parts"), ("value", "parts"))
_LARGE_EXPIRING = Shape.of(("value", "expires", "parts"), ("value", "parts"))
_PART = Shape.of(("value",), ("value",))


def time_of(nanoseconds: int) -> dt.datetime:
    """The datetime of a store's time, as one is stored: naive, in UTC."""
    return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000)


def expiry(now: dt.datetime, timeout: int) -> dt.datetime | None:
    """When an entry written *now* expires; None for never: a *timeout* of 0, or one beyond the year 9999."""
    if timeout == 0:
        return None
    try:
        return now + dt.timedelta(seconds=timeout)
    except OverflowError:
        return None if timeout > 0 else _EPOCH


def is_live(entity: Entity | None, now: dt.datetime) -> bool:
    """Whether *entity* is there and has not expired."""
    if entity is None:
        return False
    expires = entity.get("expires")
    return expires is None or (isinstance(expires, dt.datetime) and expires > now)


class Naming:
    """The keys of a cache's entities: of *kind*, in *partition*, with a *prefix* of their names.

    `BadArgumentError` for a prefix that is no str, or too long.
    """

    def __init__(self, kind: str, prefix: str) -> None:
        if not isinstance(prefix, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadArgumentError("a prefix of keys is a str", key_prefix=prefix)
        # Quoted, neither : nor ; is in it: no cache has a prefix that another one's names begin with.
        quoted = quote(prefix, safe="", errors="surrogatepass")
        if len(quoted) > _LONGEST_PREFIX:
            raise BadArgumentError(
                "the prefix of keys is too long", length=len(quoted), hint=f"At most {_LONGEST_PREFIX} bytes."
            )
        self.kind, self.part_kind = kind, f"{kind}Part"
        self._short, self._hashed = f"{quoted}:", f"{quoted};"
        self._end = f"{quoted}<"

    def key(self, partition: Partition, key: str) -> Key:
        """Where the entry *key* is; TypeError if it is no str."""
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a key of a cache is a str, not {type(key).__name__}")
        name = self._short + key
        # A character is 4 bytes at most.
        if len(name) * 4 > MAX_NAME or name.startswith("__") or not name.isascii():
            name = self._checked(name, key)
        return Key.of(partition, (self.kind, name))

    def _checked(self, name: str, key: str) -> str:
        encoded = name.encode("utf-8", "surrogatepass")
        is_reserved = name.startswith("__") and name.endswith("__")
        if len(encoded) <= MAX_NAME and not is_reserved and encoded == name.encode("utf-8", "replace"):
            return name
        return self._hashed + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    def all(self, partition: Partition) -> tuple[PropertyFilter, PropertyFilter]:
        """Filters that leave of the entities of a kind those of this cache."""
        return (
            PropertyFilter("__key__", ">=", Key.of(partition, (self.kind, self._short))),
            PropertyFilter("__key__", "<", Key.of(partition, (self.kind, self._end))),
        )

    def parts(self, entity: Entity) -> list[Key]:
        """The keys of the parts of a large value; none of others."""
        assert entity.key is not None
        # Anything may stand in an entity that something else has written: no names of parts, then, are none.
        return [entity.key.child(self.part_kind, name) for name in _names(entity) if _NAME.fullmatch(name)]

    def written(self, key: Key, data: bytes, expires: dt.datetime | None) -> list[Entity]:
        """The entities of an entry: its own, then the parts of its value.  `TooLargeError` for one over `MAX_VALUE`."""
        if len(data) <= PART:
            if expires is None:
                return [Entity(key, _FOR_EVER, [data])]
            return [Entity(key, _EXPIRING, [data, expires])]
        if len(data) > MAX_VALUE:
            raise TooLargeError(
                "a value is too large for the cache",
                key=key,
                size=len(data),
                limit=MAX_VALUE,
                hint="Store it in a file or a kind of your own, and its name in the cache.",
            )
        token = secrets.token_hex(8)
        pieces = [data[at : at + PART] for at in range(0, len(data), PART)]
        names = [f"{token}-{number}" for number in range(len(pieces))]
        parts = [
            Entity(key.child(self.part_kind, name), _PART, [piece])
            for name, piece in zip(names, pieces, strict=True)
        ]
        if expires is None:
            return [Entity(key, _LARGE_FOR_EVER, [b"", names]), *parts]
        return [Entity(key, _LARGE_EXPIRING, [b"", expires, names]), *parts]


def upserts(entities: list[Entity], base_version: int | None = None) -> list[Mutation]:
    """What writes *entities*, if the first one is as *base_version* says."""
    first, *others = entities
    return [Upsert(first, base_version), *(Upsert(each) for each in others)]


def is_needed(part: Key, entry: Entity | None) -> bool:
    """Whether *part* belongs to what *entry*, its parent, holds now."""
    return entry is not None and part.path[-1] in _names(entry)


def _names(entry: Entity) -> list[str]:
    names = entry.get("parts")
    if not isinstance(names, list):
        return []
    return [name for name in cast("list[object]", names) if isinstance(name, str)]


def entry_of(part: Key) -> Key:
    """The key of the entry that *part* belongs, or belonged, to."""
    parent = parent_of(part)
    assert parent is not None
    return parent
