"""What is known of model classes without knowing models: kinds, reserved names, keys of instances.

Queries, references and the functions of db work on `Instance`; `model.Model` is the one class of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

from kindstore.db.errors import BadArgumentError, BadKeyError, KindError
from kindstore.db.key import Key
from kindstore.db.strings import typename
from kindstore.values.entity import Entity, Readers, Shape
from kindstore.values.key import Key as PlainKey

RESERVED: Final = re.compile(r"__.*__\Z")
"""Kinds and names that belong to the Datastore."""

SPECIAL: Final = frozenset({"__key__", "__scatter__"})
"""Properties that every entity has."""


class Instance:
    """An instance of a model; see `model.Model`."""

    _properties: ClassVar[dict[str, Any]] = {}
    _all_properties: ClassVar[frozenset[str]] = frozenset()
    _unindexed_properties: ClassVar[frozenset[str]] = frozenset()
    _takes_any: ClassVar[bool] = False
    """Whether it may have properties that its class does not declare."""

    @classmethod
    def kind(cls) -> str:
        """The kind of the entities of this class: its name, unless a class overrides it."""
        return cls.__name__

    @classmethod
    def from_entity(cls, entity: Any) -> Any:
        """The instance of a stored entity."""
        raise NotImplementedError

    def key(self) -> Key:
        """Its key."""
        raise NotImplementedError

    def has_key(self) -> bool:
        """Whether it has a complete key."""
        raise NotImplementedError

    def _key_to_write(self) -> Key:
        """The key to put it under; incomplete if it is to get an id."""
        raise NotImplementedError


class Projected(Entity, frozen=True, eq=False, gc=False):
    """An entity of which only some properties are known, in the form that indexes have."""


kind_map: Final[dict[str, Any]] = {}
"""Kind -> the class that was last made for it."""


def class_for_kind(kind: str) -> Any:
    """The model class of *kind*; `KindError` if there is none."""
    found = kind_map.get(kind)
    if found is None:
        raise KindError(f"No implementation for kind '{kind}'")
    return found


class Made:
    """Makes of stored entities instances of *model* (None: of the class of their kind); `values.entity.Maker`.

    *projected*: they come from a projection.  Entities of the Datastore's own kinds that no class describes become
    None: `dropped` says that there are some.
    """

    key_class: type[PlainKey] = Key

    def __init__(self, model: Any = None, projected: bool = False) -> None:
        self._model, self._form = model, Projected if projected else Entity
        self.dropped = False

    def of(self, shape: Shape) -> Callable[[PlainKey, list[Any], int], Any]:
        """See `values.entity.Maker`."""
        form = self._form
        model = self._model

        def make(key: PlainKey, values: list[Any], version: int) -> Any:
            cls = model
            if cls is None:
                kind = key.path[-2]
                cls = kind_map.get(kind)
                if cls is None:
                    if RESERVED.match(kind):
                        self.dropped = True
                        return None
                    cls = class_for_kind(kind)
            return cls.from_entity(form(key, shape, values, version))

        return make

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `values.entity.Maker`."""


def key_of(value: Any) -> Key:
    """The complete key that *value* is or stands for: a key, its text, or an instance.

    `BadArgumentError` for anything else, `BadKeyError` for an incomplete key.
    """
    if isinstance(value, Instance):
        return value.key()
    if isinstance(value, str):
        value = Key(value)
    if not isinstance(value, PlainKey):
        raise BadArgumentError(
            f"Expected an instance or iterable of keys; received {value} (a {typename(value)})."
        )
    if not value.is_complete:
        raise BadKeyError(f"Key {value!r} is not complete.")
    return Key.like(value)


def each(values: Any, types: tuple[type, ...]) -> tuple[list[Any], bool]:
    """*values*, one of *types* or an iterable of them, as a list; and whether it was an iterable.

    `BadArgumentError` for anything else.
    """
    if isinstance(values, types):
        return [values], False
    try:
        if isinstance(values, str):
            raise TypeError
        listed = list(values)
    except TypeError:
        raise BadArgumentError(
            f"Expected an instance or iterable of {types}; received {values} (a {typename(values)})."
        ) from None
    for value in listed:
        if not isinstance(value, types):
            raise BadArgumentError(f"Expected one of {types}; received {value} (a {typename(value)}).")
    return listed, True
