"""Entities and keys as JSON: what ``jsonify`` makes of them in an app with the extension, and `to_json`."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, cast

from kindstore import db
from kindstore.datastore import Entity as LooseEntity
from kindstore.datastore import Key as LooseKey
from kindstore.entity import DatastoreEntity
from kindstore.mapper.blob_key import BlobKey
from kindstore.mapper.errors import UnprojectedPropertyError
from kindstore.mapper.model import Model
from kindstore.values.key import Key as PlainKey
from kindstore.values.reference import to_urlsafe
from kindstore.values.types import GeoPt, User

HIDDEN: Final = frozenset(
    {
        *("password", "password_hash", "fs_uniquifier", "fs_token_uniquifier"),
        *("tf_totp_secret", "us_totp_secrets", "mf_recovery_codes"),
    }
)
"""What is in no JSON unless it is asked for: the names that accounts have for what logs somebody in."""

_ENTITIES: Final = (Model, db.Model, LooseEntity, DatastoreEntity)


def to_json(
    entity: Any, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, Any]:
    """An entity of any face as a dict for JSON: its ``id`` and ``key``, and its properties by their names in the code.

    Keys, and references of `db`, are URL-safe texts; times are in ISO 8601, those without a time zone, which are UTC, with a Z; bytes are in base64; a
    `GeoPt` has ``latitude`` and ``longitude``; a structure is an object, and a repeated property a list.

    With *include*: these names alone.  Left out are the names in *exclude*, and without *include* those in `HIDDEN` and in the class's
    ``_json_exclude``.  TypeError for a str in their place, or for what is no entity.
    """
    for names in (include, exclude):
        if isinstance(names, str):
            raise TypeError("include and exclude take a list, tuple or set of names")
    if not isinstance(entity, _ENTITIES):
        raise TypeError(f"to_json takes an entity; received {entity!r}")
    key = _key_of(entity)
    found: dict[str, Any] = {}
    if key is not None and key.is_complete:
        found.update(id=key.path[-1], key=to_urlsafe(key))
    found.update(_values_of(entity))
    hidden = HIDDEN | set(getattr(entity, "_json_exclude", ())) if include is None else frozenset[str]()
    hidden |= set(exclude or ())
    return {
        name: _plain(value)
        for name, value in found.items()
        if name not in hidden and (include is None or name in include)
    }


def _key_of(entity: Any) -> PlainKey | None:
    if isinstance(entity, Model):
        own: PlainKey | None = entity._key
        return own
    if isinstance(entity, db.Model):
        return entity.key() if entity.has_key() else None
    key: LooseKey | None = entity.key
    return None if key is None else key.plain


def _values_of(entity: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(entity, Model):
        return _properties_of(entity)
    if isinstance(entity, db.Model):
        return [(name, _value_of(entity, name, prop)) for name, prop in entity.properties().items()]
    if isinstance(entity, DatastoreEntity):
        return entity.to_dict().items()
    return cast("Mapping[str, Any]", entity).items()


def _value_of(entity: db.Model, name: str, prop: Any) -> Any:
    # The key of a reference: the attribute would read what it refers to, which may be gone, or refer back.
    is_reference = isinstance(prop, db.ReferenceProperty)
    return prop.get_value_for_datastore(entity) if is_reference else getattr(entity, name)


def _properties_of(entity: Model) -> Iterable[tuple[str, Any]]:
    for prop in entity._properties.values():
        try:
            prop._require_projected(entity)
        except UnprojectedPropertyError:
            continue
        yield prop._code_name, prop._get_value(entity)


def _plain(value: Any) -> Any:
    """*value* as JSON has it; what it has nothing for is left to Flask."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dt.datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, _ENTITIES):
        return to_json(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in cast("Any", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in cast("Iterable[Any]", value)]
    return _of_a_type_of_ours(value)


def _of_a_type_of_ours(value: Any) -> Any:
    if isinstance(value, LooseKey):
        return to_urlsafe(value.plain)
    if isinstance(value, PlainKey):
        return to_urlsafe(value)
    if isinstance(value, GeoPt):
        return {"latitude": value.latitude, "longitude": value.longitude}
    if isinstance(value, User):
        return value.email()
    if isinstance(value, BlobKey | db.IM):
        return str(value)
    return value


def with_entities(default: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function *default* of a JSON provider, for entities and keys too."""

    def extended(value: Any) -> Any:
        if isinstance(value, _ENTITIES):
            return to_json(value)
        found = _of_a_type_of_ours(value)
        return default(value) if found is value else found

    return extended
