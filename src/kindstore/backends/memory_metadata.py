"""Metadata of a store in memory: made of all its entities, anew for each question (spec/service.md 3.7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from kindstore.store.messages import Query
from kindstore.store.metadata import (
    GROUP_VERSION,
    KIND,
    NAMESPACE,
    PROPERTY,
    REPRESENTATIONS,
    TYPES,
    is_entity_group,
    namespace_id,
)
from kindstore.values.entity import EMPTY, Entity
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User

from .memory_matching import indexed_values


def metadata_of(query: Query, entities: Iterable[Entity]) -> list[Entity]:
    """The entities of the metadata kind that *query* asks for."""
    keys = [each.key for each in entities if each.key is not None]
    of = query.partition
    if query.kind == NAMESPACE:
        spaces = {key.partition for key in keys}
        names = {each.namespace for each in spaces if each.with_namespace(of.namespace) is of}
        return [Entity(Key.of(of, (NAMESPACE, namespace_id(name))), EMPTY, []) for name in names]
    if query.kind == KIND:
        kinds = {key.path[-2] for key in keys if key.partition is of}
        return [Entity(Key.of(of, (KIND, name)), EMPTY, []) for name in kinds]
    types: dict[tuple[str, str], set[str]] = {}
    for each in entities:
        if each.key is not None and each.key.partition is of:
            for name, values in indexed_values(each).items():
                if values:
                    types.setdefault((each.key.path[-2], name), set()).update(map(type_of, values))
    return [
        Entity(
            Key.of(of, (KIND, kind, PROPERTY, name)),
            REPRESENTATIONS,
            [[each for each in TYPES if each in found]],
        )
        for (kind, name), found in types.items()
    ]


def type_of(value: Any) -> str:
    """Which of `TYPES` an indexed value is of."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "BOOLEAN"
        case int() | datetime():
            return "INT64"
        case str() | bytes():
            return "STRING"
        case float():
            return "DOUBLE"
        case GeoPt():
            return "POINT"
        case User():
            return "USER"
        case _:
            return "REFERENCE"


def group_version(key: Key, version: int) -> Entity | None:
    """The ``__entity_group__`` of *key*, whose group has *version*; None if nothing was ever written to it."""
    return Entity(key, GROUP_VERSION, [version]) if version and is_entity_group(key) else None
