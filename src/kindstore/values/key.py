"""Keys: where an entity lives.

A key is a partition (project, database, namespace) and a path of (kind, id) pairs.  It is held as the path's
order-preserving bytes (`components.pack_path`), as the path itself, or as both: each is worked out from the other
when first asked for, so that a query row costs no decoding and a lookup no second encoding.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
from collections.abc import Sequence
from threading import Lock
from typing import Any, ClassVar, Self, TypeAlias
from weakref import WeakValueDictionary

from . import components, limits
from .errors import BadKeyError

Id: TypeAlias = int | str
Flat: TypeAlias = tuple[Any, ...]
"""kind, id, kind, id, …; the last id is None in an incomplete key."""

_NAMESPACE = re.compile(r"[0-9A-Za-z._\-]{0,100}\Z")


class Partition:
    """A project, a database in it ("" is the default one) and a namespace ("" is the default one).

    Immutable and interned by `Partition.of`: the same three names are the same object, so that partitions are
    compared and hashed by identity.  `BadKeyError` for a namespace outside ``[0-9A-Za-z._-]{0,100}``.
    """

    __slots__ = ("__weakref__", "database", "namespace", "project")
    project: str
    database: str
    namespace: str

    # Weak: a server sees namespaces that others choose.
    _interned: ClassVar[WeakValueDictionary[tuple[str, str, str], Partition]] = WeakValueDictionary()
    _interning: ClassVar[Lock] = Lock()

    @classmethod
    def of(cls, project: str, database: str = "", namespace: str = "") -> Partition:
        """The partition of these names."""
        names = (project, database, namespace)
        found = cls._interned.get(names)
        if found is None:
            if not _NAMESPACE.match(namespace):
                raise BadKeyError(
                    "malformed namespace",
                    namespace=namespace,
                    hint="A namespace has at most 100 of the characters 0-9 A-Z a-z . _ -",
                )
            with cls._interning:
                found = cls._interned.get(names)
                if found is None:
                    found = cls.__new__(cls)
                    found.project, found.database, found.namespace = names
                    cls._interned[names] = found
        return found

    def with_namespace(self, namespace: str) -> Partition:
        """The partition of the same database with another namespace."""
        return Partition.of(self.project, self.database, namespace)

    def names(self) -> tuple[str, str, str]:
        """(project, database, namespace)."""
        return self.project, self.database, self.namespace

    def __repr__(self) -> str:
        return f"Partition({self.project!r}, {self.database!r}, {self.namespace!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Partition.of, self.names()


class Key:
    """Partition and path of an entity; immutable, ordered (partition, then path; ids before names), hashable.

    Made by `Key.of` and by `child`.  A path that breaks a rule of the service (an empty kind, an id outside
    1..2^63-1, a name over 1,500 bytes) is refused with `BadKeyError` when its bytes are first needed: at the
    latest before anything is written.
    """

    __slots__ = ("_flat", "_packed", "_partition")
    _partition: Partition
    _packed: bytes | None
    _flat: Flat | None

    @classmethod
    def of(cls, partition: Partition, flat: Sequence[Any]) -> Self:
        """The key of *flat* = kind, id, kind, id …; an odd length or a last None makes an incomplete key."""
        path = tuple(flat)
        key = cls.__new__(cls)
        key._partition = partition
        key._flat = path if len(path) % 2 == 0 else (*path, None)
        key._packed = None
        return key

    @classmethod
    def packed_in(cls, partition: Partition, packed: bytes) -> Self:
        """The key of a path's bytes, as they stand in a table."""
        key = cls.__new__(cls)
        key._partition = partition
        key._packed = packed
        key._flat = None
        return key

    @property
    def path_bytes(self) -> bytes:
        """The path as order-preserving bytes; `BadKeyError` if the path breaks a rule of the service."""
        packed = self._packed
        if packed is None:
            assert self._flat is not None
            packed = self._packed = components.pack_path(self._flat)
        return packed

    @property
    def path(self) -> Flat:
        """kind, id, kind, id, …"""
        flat = self._flat
        if flat is None:
            assert self._packed is not None
            flat = self._flat = components.unpack_path(self._packed)
        return flat

    @property
    def partition(self) -> Partition:
        """Project, database and namespace."""
        return self._partition

    @property
    def is_complete(self) -> bool:
        """False while the last element has neither id nor name."""
        return self.path[-1:] != (None,)

    def child(self, kind: str, id_or_name: Id | None = None) -> Key:
        """The key of *kind* right below this one; `BadKeyError` if this one is incomplete."""
        if not self.is_complete:
            raise BadKeyError("an incomplete key can't be a parent", key=self)
        return Key.of(self._partition, (*self.path, kind, id_or_name))

    def completed(self, id_or_name: Id) -> Self:
        """This key with its last id set."""
        return self.of(self._partition, (*self.path[:-1], id_or_name))

    def check(self) -> None:
        """Raise `BadKeyError` unless an entity may be stored under this key (spec/service.md 3.5)."""
        path, packed = self.path, self.path_bytes
        if len(path) > 2 * limits.MAX_PATH:
            raise BadKeyError("a key path has at most 100 elements", elements=len(path) // 2)
        if len(packed) > limits.MAX_KEY:
            raise BadKeyError("a key has at most 6 KiB", size=len(packed))
        for part in path:
            if isinstance(part, str) and part.startswith("__") and part.endswith("__") and len(part) > 3:
                raise BadKeyError(
                    "names of the form __name__ are reserved",
                    name=part,
                    hint="Choose a kind and key name without them.",
                )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Key):
            return NotImplemented
        return self.path_bytes == other.path_bytes and self._partition is other._partition

    def __hash__(self) -> int:
        return hash(self._packed or self.path_bytes)

    def _order(self) -> tuple[tuple[str, str, str], bytes]:
        return self._partition.names(), self.path_bytes

    def __lt__(self, other: Key) -> bool:
        return self._order() < other._order()

    def __le__(self, other: Key) -> bool:
        return self._order() <= other._order()

    def __gt__(self, other: Key) -> bool:
        return self._order() > other._order()

    def __ge__(self, other: Key) -> bool:
        return self._order() >= other._order()

    def __repr__(self) -> str:
        path = ", ".join(map(repr, self.path))
        namespace = self._partition.namespace
        return f"Key({path}, namespace={namespace!r})" if namespace else f"Key({path})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Key.of, (self._partition, self.path)


def completed(keys: Sequence[Key], ids: Sequence[int]) -> list[Key]:
    """*keys* with these ids in the places of those that are incomplete, which often are one key again and again."""
    made: list[Key] = []
    like: Key | None = None
    head: Flat = ()
    packed = b""
    rest = iter(ids)
    for key in keys:
        if key is not like:
            flat = key._flat or key.path
            if flat[-1] is not None:
                made.append(key)
                continue
            # The bytes of an incomplete key end after its kind, where those of an id begin.
            like, head, packed = key, flat[:-1], key._packed or key.path_bytes
        number = next(rest)
        new = key.__class__.__new__(key.__class__)
        new._partition, new._flat = key._partition, (*head, number)
        new._packed = packed + components.pack_int(number)
        made.append(new)
    return made


def path_bytes_of(keys: Sequence[Key]) -> list[bytes]:
    """`Key.path_bytes` of many, which often are of one kind, without a call for each."""
    paths: list[bytes] = []
    kind: Any = None
    heads: list[bytes] = []
    for key in keys:
        packed = key._packed
        if packed is None:
            assert key._flat is not None
            flat = key._flat
            last = flat[-1]
            if type(last) is int and 0 < last <= limits.INT_MAX and len(flat) == 2:
                if flat[0] is not kind:
                    kind, heads = flat[0], components.heads_of(flat[0])
                size = (last.bit_length() + 7) >> 3
                packed = key._packed = heads[size] + last.to_bytes(size, "big")
            else:
                packed = key.path_bytes
        paths.append(packed)
    return paths


def kind_of(key: Key) -> str:
    """The kind of *key*: the last kind of its path."""
    kind = key.path[-2]
    assert isinstance(kind, str)
    return kind


def parent_of(key: Key) -> Key | None:
    """The key right above, None for a root."""
    path = key.path
    return Key.of(key.partition, path[:-2]) if len(path) > 2 else None


def root_of(key: Key) -> Key:
    """The key of the entity group: the first element of the path."""
    return Key.of(key.partition, key.path[:2])
