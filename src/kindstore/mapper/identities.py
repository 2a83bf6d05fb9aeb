"""Identity maps: which entities a context knows, one object per key."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Final

from kindstore.mapper.references import is_at
from kindstore.values.key import Key, Partition


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""What `IdentityMap.get` says of a key of which nothing is known; None is a key known to have no entity."""


class IdentityMap:
    """The entities that a context knows, one object per key; None where there is known to be none."""

    __slots__ = ("_maps",)

    def __init__(self) -> None:
        self._maps: dict[Partition, dict[bytes, Any]] = {}

    def of(self, partition: Partition) -> dict[bytes, Any]:
        """The part for *partition*, by the bytes of a key's path."""
        found = self._maps.get(partition)
        if found is None:
            found = self._maps[partition] = {}
        return found

    def get(self, key: Key) -> Any:
        """The entity of *key*, None, or `UNKNOWN`.  An entity whose key was changed since is forgotten."""
        # Past the properties of keys, which are calls; so everywhere in this class.
        known = self._maps.get(key._partition)
        if known is None:
            return UNKNOWN
        packed = key._packed or key.path_bytes
        found = known.get(packed, UNKNOWN)
        if found is UNKNOWN or found is None or found.__dict__["_key"] is key:
            return found
        if not is_at(found, key._partition, packed):
            del known[packed]
            return UNKNOWN
        return found

    def put(self, key: Key, entity: Any) -> None:
        """From now on *key* is *entity* (None: has none)."""
        known = self._maps.get(key._partition)
        if known is None:
            known = self.of(key._partition)
        known[key._packed or key.path_bytes] = entity

    def keep(self, key: Key, entity: Any) -> Any:
        """What is known of *key*; *entity* from now on (None: has none), if nothing is."""
        found = self.get(key)
        if found is not UNKNOWN:
            return found
        self.put(key, entity)
        return entity

    def evict(self, key: Key) -> None:
        """Forget what is known of *key*."""
        known = self._maps.get(key._partition)
        if known is not None:
            known.pop(key._packed or key.path_bytes, None)

    def clear(self) -> None:
        """Forget everything."""
        self._maps.clear()

    def update(self, other: IdentityMap) -> None:
        """Take over what *other* knows."""
        for partition, known in other._maps.items():
            self.of(partition).update(known)

    def items(self) -> list[tuple[Partition, dict[bytes, Any]]]:
        """The parts, as `of` gives them."""
        return list(self._maps.items())

    def __len__(self) -> int:
        return sum(map(len, self._maps.values()))


class Cache(MutableMapping[Key, Any]):
    """An identity map as a mapping from keys to entities (None: there is known to be none), for programs that look in."""

    __slots__ = ("_identities",)

    def __init__(self, identities: IdentityMap) -> None:
        self._identities = identities

    def __getitem__(self, key: Key) -> Any:
        found = self._identities.get(key)
        if found is UNKNOWN:
            raise KeyError(key)
        return found

    def __setitem__(self, key: Key, entity: Any) -> None:
        self._identities.put(key, entity)

    def __delitem__(self, key: Key) -> None:
        self[key]
        self._identities.evict(key)

    def __iter__(self) -> Iterator[Key]:
        for partition, known in self._identities.items():
            for packed in list(known):
                key = Key.packed_in(partition, packed)
                entity = self._identities.get(key)
                if entity is not UNKNOWN:
                    yield key if entity is None else entity._key

    def clear(self) -> None:
        """Forget everything."""
        self._identities.clear()

    def __len__(self) -> int:
        return len(self._identities)

    def __repr__(self) -> str:
        return f"<Cache of {len(self)} entities>"  # which may be secret
