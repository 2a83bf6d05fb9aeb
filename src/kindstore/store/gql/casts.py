"""App Engine's casts: what ``KEY('A', :1)``, ``DATE('2024-02-29')`` and the like give.

A date is its midnight and a time is that time of 1 January 1970, because that is what the Datastore stores for
them.  A user is of the domain that the environment names, ``AUTH_DOMAIN``.  `ValueError`, `TypeError` and `OverflowError` say that the operands are none for the cast.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from kindstore.values.errors import BadKeyError, BadValueError
from kindstore.values.key import Key, Partition
from kindstore.values.reference import from_urlsafe
from kindstore.values.types import GeoPt, User

USAGE: Final = {
    "KEY": "KEY takes kind, id or name (and so on, from the root), or one encoded key.",
    "GEOPT": "GEOPT takes latitude (-90 to 90) and longitude (-180 to 180).",
    "USER": "USER takes an e-mail address.",
    "DATETIME": "DATETIME takes 'YYYY-MM-DD HH:MM:SS', or year, month, day, hour, minute, second, microsecond.",
    "DATE": "DATE takes 'YYYY-MM-DD', or year, month, day.",
    "TIME": "TIME takes 'HH:MM:SS', or hour, minute, second, microsecond.",
}
"""What each cast takes, in words."""


def cast(name: str, operands: list[Any], partition: Partition) -> Any:
    """The value of the cast *name*; keys are of *partition* unless they are encoded."""
    try:
        return _CASTS[name](operands, partition)
    except (BadKeyError, BadValueError) as error:
        raise ValueError(error.message) from error


def _key(operands: list[Any], partition: Partition) -> Key:
    if len(operands) == 1 and isinstance(operands[0], str | bytes):
        return from_urlsafe(operands[0])
    if len(operands) % 2:
        raise ValueError("an odd number of them")
    for kind, part in zip(operands[::2], operands[1::2], strict=True):
        if not isinstance(kind, str) or not isinstance(part, int | str) or isinstance(part, bool):
            raise TypeError("a kind is a string, an id a whole number, a name a string")
    key = Key.of(partition, operands)
    _ = key.path_bytes  # refuses what no key may hold
    return key


def _geopt(operands: list[Any], _: Partition) -> GeoPt:
    latitude, longitude = operands
    return GeoPt(latitude, longitude)


def _user(operands: list[Any], _: Partition) -> User:
    (email,) = operands
    if not isinstance(email, str) or not email:
        raise TypeError("not an address")
    return User(email, os.environ.get("AUTH_DOMAIN"))


def _moment(
    form: str, fewest: int, most: int, day: tuple[int, int, int] | None = None
) -> Callable[..., datetime]:
    """The cast to a time (of *day*, where given): a string of *form*, or *fewest* to *most* whole numbers."""
    kind: Any = datetime

    def made(operands: list[Any], _: Partition) -> datetime:
        if len(operands) == 1 and isinstance(operands[0], str):
            read = datetime.strptime(operands[0], form)  # noqa: DTZ007  # the Datastore's are naive UTC
            return read if not day else datetime(*day, read.hour, read.minute, read.second)
        if not fewest <= len(operands) <= most:
            raise ValueError("the wrong number of them")
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in operands):
            raise TypeError("not all are whole numbers")
        moment: datetime = kind(*(day or ()), *operands)
        return moment

    return made


_CASTS: Final[dict[str, Callable[[list[Any], Partition], Any]]] = {
    "KEY": _key,
    "GEOPT": _geopt,
    "USER": _user,
    "DATETIME": _moment("%Y-%m-%d %H:%M:%S", 3, 7),
    "DATE": _moment("%Y-%m-%d", 3, 3),
    "TIME": _moment("%H:%M:%S", 1, 4, day=(1970, 1, 1)),
}
