"""What no entity may hold, as pure functions (spec/service.md 3.5): names, values and sizes of properties.

Called by `checks` with every put, and for the values of queries.  Plain values pass through one loop without a
call; whatever is out of the ordinary goes to a checker by type.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kindstore.values import limits
from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import BadArgumentError, BadValueError, TooLargeError
from kindstore.values.key import Key
from kindstore.values.record import check_value
from kindstore.values.types import GeoPt, User

_ATOMS = frozenset({type(None), bool, float, GeoPt})
"""The types of which every value can be stored."""

_sound: dict[Shape, int] = {}
"""How many columns are indexed, of shapes whose names have been checked."""


def check_entity(entity: Entity) -> None:
    """Raise unless the names and values of *entity* can be stored; see `check_mutations`."""
    shape = entity.shape
    entries = _sound.get(shape)
    if entries is None:
        entries = check_shape(shape)
    values = entity.values
    if len(values) != len(shape.names):
        raise BadArgumentError(
            "an entity has one value per column", values=len(values), columns=len(shape.names)
        )
    for name, value in zip(shape.names, values):  # noqa: B905  # the lengths are equal, and this is the hot loop
        cls = value.__class__
        if cls is str:
            if len(value) <= 1500 and value.isascii():
                continue
        elif cls is int:
            if -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
                continue
        elif cls in _ATOMS or (cls is datetime and value.tzinfo is None):
            continue
        # A column that is indexed was counted as one entry already.
        indexed = name not in shape.unindexed
        entries += check_stored(name, value, indexed) - indexed
    if entries > limits.MAX_INDEX_ENTRIES:
        raise TooLargeError(
            "an entity has at most 20,000 indexed values",
            entries=entries,
            hint="Make some of its properties unindexed.",
        )


def check_shape(shape: Shape, prefix: str = "") -> int:
    """The number of indexed columns of *shape*; `BadValueError` for a name that no property may have."""
    for name in shape.names:
        check_property_name(name, prefix)
    if len(shape.positions) != len(shape.names):
        raise BadValueError("two properties of one name", names=shape.names)
    entries = sum(name not in shape.unindexed for name in shape.names)
    if len(_sound) >= 10_000:  # names can come from outside
        _sound.clear()
    _sound[shape] = entries
    return entries


def check_property_name(name: Any, prefix: str = "") -> None:
    """Raise `BadValueError` unless *name* is a str of 1..1,500 bytes that is not reserved (``__x__``)."""
    if not isinstance(name, str):
        raise BadValueError("the name of a property must be a str", path=f"{prefix}{name!r}")
    if not 1 <= size_of(name, prefix + name) <= limits.MAX_NAME:
        raise TooLargeError("the name of a property has 1 to 1,500 bytes", path=prefix + name)
    if name[:2] == "__" and name[-2:] == "__" and len(name) > 3:
        raise BadValueError("names of the form __name__ are reserved", path=prefix + name)


def check_stored(path: str, value: Any, indexed: bool, depth: int = 0) -> int:
    """The number of index entries of *value*; raises unless it can be stored."""
    checker = _CHECKERS.get(value.__class__)
    if checker is not None:
        return checker(path, value, indexed, depth)
    for cls, checker in _CHECKERS.items():
        if isinstance(value, cls) and cls is not list:  # a subclass; stores look at lists by their exact type
            return checker(path, value, indexed, depth)
    check_value(path, value)  # says what is wrong with it
    raise BadValueError("a value of this type can't be stored", path=path, type=type(value).__name__)


def size_of(text: str, path: str) -> int:
    """The bytes of *text* in UTF-8; `BadValueError` that names *path* if it has none."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise BadValueError(
            "a string must be valid Unicode", path=path, hint="Leave out lone surrogates."
        ) from None


def _check_size(path: str, size: int, indexed: bool) -> int:
    if indexed and size > limits.MAX_INDEXED:
        raise TooLargeError(
            "an indexed value has at most 1,500 bytes",
            path=path,
            size=size,
            hint="Store it unindexed (TextProperty, BlobProperty, indexed=False).",
        )
    if size > limits.MAX_UNINDEXED:
        raise TooLargeError("a value has at most 1,048,487 bytes", path=path, size=size)
    return indexed


def _check_str(path: str, value: str, indexed: bool, _depth: int) -> int:
    return _check_size(path, size_of(value, path), indexed)


def _check_bytes(path: str, value: bytes, indexed: bool, _depth: int) -> int:
    return _check_size(path, len(value), indexed)


def _check_alone(path: str, value: Any, indexed: bool, _depth: int) -> int:
    check_value(path, value)
    return indexed


def _check_user(path: str, value: User, indexed: bool, _depth: int) -> int:
    for part in (value.email(), value.auth_domain(), value.user_id() or ""):
        if not isinstance(part, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadValueError(
                "the parts of a User must be str", path=path, hint="Give email, domain and id as str."
            )
        _check_size(path, size_of(part, path), indexed)
    return indexed


def _check_list(path: str, value: list[Any], indexed: bool, depth: int) -> int:
    entries = 0
    for item in value:
        if isinstance(item, list):
            raise BadValueError("a list can't hold a list", path=path, hint="Put an embedded entity between.")
        entries += check_stored(path, item, indexed, depth)
    return entries


def _check_nested(path: str, value: Entity, indexed: bool, depth: int) -> int:
    if depth >= limits.MAX_DEPTH:
        raise TooLargeError("entities are nested at most 20 deep", path=path)
    shape = value.shape
    check_shape(shape, path + ".")
    if len(value.values) != len(shape.names):
        raise BadArgumentError(
            "an entity has one value per column",
            path=path,
            values=len(value.values),
            columns=len(shape.names),
        )
    if value.key is not None:
        _ = value.key.path_bytes  # refuses a malformed path
    return sum(
        check_stored(f"{path}.{name}", item, indexed and name not in shape.unindexed, depth + 1)
        for name, item in value.items()
    )


_CHECKERS: dict[type, Callable[[str, Any, bool, int], int]] = {
    type(None): _check_alone,
    bool: _check_alone,
    int: _check_alone,
    float: _check_alone,
    str: _check_str,
    bytes: _check_bytes,
    datetime: _check_alone,
    GeoPt: _check_alone,
    User: _check_user,
    Key: _check_alone,
    list: _check_list,
    Entity: _check_nested,
}
