"""`key_range.KeyRange`: a range of keys, for programs that share out the entities of a kind among workers.

Where App Engine guessed from samples, the answers here are exact: a count, and a look at each place.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Final, Self

from kindstore.db.errors import Error
from kindstore.db.key import Key
from kindstore.db.kinds import class_for_kind
from kindstore.db.query import Query
from kindstore.mapper.context import current
from kindstore.values.limits import INT_MAX

_ASCII: Final = 127
_LAST: Final = 0xFFFF
_LEAST: Final = "\0"


class KeyRangeError(Error):
    """Keys that are in the wrong order."""


@dataclass(eq=True)
class KeyRange:
    """The keys from *key_start* to *key_end* (None: without end), and in which *direction* to go through them."""

    DESC: ClassVar[str] = "DESC"
    ASC: ClassVar[str] = "ASC"

    key_start: Key | None = None
    key_end: Key | None = None
    direction: str = "ASC"
    include_start: bool = True
    include_end: bool = True
    namespace: str | None = None
    _: KW_ONLY
    _app: str | None = None

    def __post_init__(self) -> None:
        assert self.direction in (self.ASC, self.DESC)
        if self.namespace is None:
            self.namespace = current().partition.namespace

    def __str__(self) -> str:
        left, right = "[" if self.include_start else "(", "]" if self.include_end else ")"
        return f"{self.direction}{left}{self.key_start!r} to {self.key_end!r}{right}"

    def advance(self, key: Key) -> None:
        """Let it begin right after *key*."""
        self.include_start, self.key_start = False, key

    def filter_query(self, query: Query, filters: Iterable[tuple[str, str, Any]] | None = None) -> Query:
        """*query* with *filters*, and with what restricts it to this range."""
        for name, op, value in filters or ():
            query.filter(f"{name} {op}", value)
        if self.key_start is not None:
            query.filter(f"__key__ {'>=' if self.include_start else '>'}", self.key_start)
        if self.key_end is not None:
            query.filter(f"__key__ {'<=' if self.include_end else '<'}", self.key_end)
        return query

    def make_directed_query(self, kind_class: Any, keys_only: bool = False) -> Query:
        """A query for the entities of a class in this range, in its direction."""
        query = Query(kind_class, namespace=self.namespace, keys_only=keys_only)
        return self.filter_query(query.order("-__key__" if self.direction == self.DESC else "__key__"))

    def make_ascending_query(
        self, kind_class: Any, keys_only: bool = False, filters: Iterable[tuple[str, str, Any]] | None = None
    ) -> Query:
        """A query for the entities of a class in this range that fulfil *filters*, upwards."""
        query = Query(kind_class, namespace=self.namespace, keys_only=keys_only)
        return self.filter_query(query.order("__key__"), filters)

    def split_range(self, batch_size: int = 0) -> list[KeyRange]:
        """Two ranges that make up this one, where it has two ends; else this one, from its end on."""
        if self.key_start is None or self.key_end is None:
            direction = self.ASC if self.key_start is None else self.DESC
            return [self._part(self.key_start, self.include_start, self.key_end, self.include_end, direction)]
        middle = self.split_keys(self.key_start, self.key_end, batch_size)
        with_middle = self.include_start if middle == self.key_start else True
        with_end = self.include_end if middle != self.key_end else False
        return [
            self._part(self.key_start, self.include_start, middle, with_middle, self.DESC),
            self._part(middle, False, self.key_end, with_end, self.ASC),
        ]

    def _part(
        self, start: Key | None, include_start: bool, end: Key | None, include_end: bool, direction: str
    ) -> KeyRange:
        return KeyRange(start, end, direction, include_start, include_end, self.namespace, _app=self._app)

    @staticmethod
    def bisect_string_range(start: str, end: str) -> str:
        """A text about in the middle between two, of ASCII where that will do."""
        if start == end:
            return start
        start, end = start + _LEAST, end + _LEAST
        same = next(at for at in range(min(len(start), len(end))) if start[at] != end[at])
        half, odd = divmod(ord(start[same]) + ord(end[same]), 2)
        middle = start[:same] + chr(half)
        if odd:
            after = ord(start[same + 1]) if len(start) > same + 1 else 0
            middle += chr(((_ASCII if after < _ASCII else _LAST) + after) // 2)
        return middle

    @classmethod
    def compute_split_points(cls, kind: str, count: int) -> list[KeyRange]:
        """Ranges that make up all keys of *kind*, at *count* of its keys at most, with about as many entities in each."""
        query = Query(class_for_kind(kind), keys_only=True).order("__key__")
        entities = query.count(limit=None)
        places = sorted({entities * at // (count + 1) for at in range(1, count + 1)} - {0, entities})
        keys = [query.get(offset=place) for place in places]
        ends = [None, *keys, None]
        return [
            cls(first, last, cls.ASC, include_start=first is not None, include_end=False)
            for first, last in itertools.pairwise(ends)
        ]

    @staticmethod
    def guess_end_key(kind: str, key_start: Key, probe_count: int = 30, split_rate: int = 5) -> Key:
        """The last key of *kind* from *key_start* on; that one, if there is none.  The numbers are accepted."""
        del probe_count, split_rate
        query = Query(class_for_kind(kind), keys_only=True).filter("__key__ >=", key_start)
        last: Key | None = query.order("-__key__").get()
        return key_start if last is None else last

    @staticmethod
    def split_keys(key_start: Key, key_end: Key, batch_size: int) -> Key:
        """A key about in the middle between two; the first one, where there are *batch_size* ids or fewer between them."""
        first, last = key_start.to_path(), key_end.to_path()
        path: list[Any] = []
        for at in range(0, min(len(first), len(last)), 2):
            if first[at] != last[at]:
                path += [KeyRange.bisect_string_range(first[at], last[at]), _LEAST]
                break
            at_the_end = len(first) == len(last) == at + 2
            middle = _between(first[at + 1], last[at + 1], batch_size if at_the_end else -1)
            path += [first[at], middle]
            if middle != first[at + 1]:
                break
        return Key.of(key_start.partition, path)

    def to_json(self) -> str:
        """The range as text."""
        known = {
            name: getattr(self, name) for name in ("direction", "include_start", "include_end", "namespace")
        }
        keys = {
            name: key and str(key) for name, key in (("key_start", self.key_start), ("key_end", self.key_end))
        }
        return json.dumps({**known, **keys, **({"_app": self._app} if self._app else {})}, sort_keys=True)

    @classmethod
    def from_json(cls, json_str: str) -> Self:
        """The range of a text that `to_json` has made."""
        parts: dict[str, Any] = json.loads(json_str)
        for name in ("key_start", "key_end"):
            parts[name] = Key(parts[name]) if parts[name] else None
        return cls(**parts)


def _between(first: Any, last: Any, batch_size: int) -> Any:
    if isinstance(first, int) and isinstance(last, int):
        return (first + last) // 2 if last - first > batch_size else first
    if isinstance(first, str) and isinstance(last, str):
        return KeyRange.bisect_string_range(first, last)
    if isinstance(first, str):
        raise KeyRangeError(f"Wrong key order: {first!r}, {last!r}")
    return (first + INT_MAX) // 2 if last == _LEAST else _LEAST
