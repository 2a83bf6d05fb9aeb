"""Instances as bytes: for caches and files of programs."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any

from kindstore.db.errors import BadValueError
from kindstore.db.key import Key
from kindstore.db.kinds import class_for_kind
from kindstore.db.model import Model
from kindstore.wire.entity_bytes import decode_entity
from kindstore.wire.entity_v1 import encode_entity


class EntityProto:
    """An entity as a message of google.datastore.v1 (App Engine's had a form of its own, which is read but not written)."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802 - the name that messages have
        """The bytes."""
        return self._data

    SerializePartialToString = Encode = SerializeToString


def model_to_protobuf(model_instance: Model) -> EntityProto:
    """What would be stored of an instance, as a message."""
    return EntityProto(encode_entity(model_instance._to_write()))


def model_from_protobuf(pb: Any) -> Any:
    """The instance of a message or of its bytes, in the form of google.datastore.v1 or of App Engine.

    `BadValueError` for bytes that are no entity, `KindError` for one of a kind that no class describes.
    """
    entity = decode_entity(pb if isinstance(pb, bytes) else pb.SerializeToString())
    if entity.key is None:
        raise BadValueError("an entity without a key is of no kind")
    instance = class_for_kind(entity.key.path[-2]).from_entity(entity)
    state = instance._kindstore
    if not entity.key.is_complete:
        above = entity.key.path[:-2]
        state.stored, state.parent_key = None, Key.of(entity.key.partition, above) if above else None
    return instance
