"""The record every peer stores: eight fields, six of them indexed.

Peers import this module and nothing else of the bench, so that what they cost at start-up is theirs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol, TypedDict

FIELDS = ("name", "email", "age", "score", "active", "created", "tags", "bio")
INDEXED = FIELDS[:6]


class Fields(TypedDict):
    """One record as keyword arguments; `created` is naive UTC, `tags` are three short strings."""

    name: str
    email: str
    age: int
    score: float
    active: bool
    created: datetime
    tags: list[str]
    bio: str


class Loaded(Protocol):
    """What a peer gives back: any object with the eight fields as attributes."""

    name: str
    email: str
    age: int
    score: float
    active: bool
    created: datetime
    tags: Any
    bio: str


def touch(loaded: Loaded) -> None:
    """Read all eight fields, so that a peer that decodes lazily pays for it inside the measured time."""
    _ = loaded.name, loaded.email, loaded.age, loaded.score
    _ = loaded.active, loaded.created, loaded.tags, loaded.bio


def spell(loaded: Loaded) -> str:
    """One record as text in which a wrong type shows as well as a wrong value (`1` is not `True`)."""
    return repr(
        (
            loaded.name,
            loaded.email,
            loaded.age,
            loaded.score,
            loaded.active,
            loaded.created.isoformat(),
            list(loaded.tags),
            loaded.bio,
        )
    )
