"""Entities kept as bytes, whoever has written them: google-cloud-ndb, App Engine's NDB, or this library.

Nothing in the bytes says which form they have, but the forms do not look alike: a message of google.datastore.v1 begins
with a field 1 or 3, App Engine's with none of them, and a compressed one with the mark of zlib, which none of them begins
with.
"""

from __future__ import annotations

import zlib
from typing import Final

from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError

from . import entity_app_engine, entity_v1

_ZLIB: Final = b"\x78"


def decode_entity(data: bytes) -> Entity:
    """The entity of a message of google.datastore.v1 or of App Engine's, compressed by zlib or not.

    `BadValueError` for bytes that are none, `TooLargeError` for entities nested more than 20 deep.
    """
    if data.startswith(_ZLIB):
        try:
            data = zlib.decompress(data)
        except zlib.error as exc:
            raise BadValueError("a compressed entity is damaged", cause=str(exc)) from exc
    if entity_app_engine.is_app_engine(data):
        return entity_app_engine.decode_entity(data)
    return entity_v1.decode_entity(data)
