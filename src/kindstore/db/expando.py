"""`db.Expando`: models whose instances may have further properties."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any, Final

from kindstore.db import values
from kindstore.db.model import Model, check_reserved_word
from kindstore.mapper.row import Row
from kindstore.values.entity import Entity

_TYPES: Final = frozenset({*values.ITEM_TYPES, list, tuple, type(None)})


class Expando(Model):
    """A model any attribute of whose instances is stored, unless its name begins with an underscore.

    `ReservedWordError` for a name that models need themselves, TypeError for a value that is not stored.  Texts,
    numbers and so on are indexed, `Text` and `Blob` are not.
    """

    _takes_any = True

    def __init__(
        self,
        parent: Any = None,
        key_name: str | None = None,
        _app: Any = None,
        _from_entity: Any = False,
        **kwds: Any,
    ) -> None:
        super().__init__(parent, key_name, _app, _from_entity, **kwds)
        for name, value in kwds.items():
            if name in self._all_properties or name == "key":
                continue
            if hasattr(getattr(type(self), name, None), "__set__"):
                check_reserved_word(name)
            else:
                setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        check_reserved_word(name)
        if not name.startswith("_") and not hasattr(getattr(type(self), name, None), "__set__"):
            if type(value) not in _TYPES:
                raise TypeError(f"Expando cannot accept values of type '{type(value).__name__}'.")
            vars(self)[name] = value
        else:
            super().__setattr__(name, value)

    def dynamic_properties(self) -> list[str]:
        """The names of the properties that its class does not declare."""
        return [name for name in vars(self) if not name.startswith("_")]

    def _to_entity(self, entity: Any) -> None:
        super()._to_entity(entity)
        for name in self.dynamic_properties():
            entity[name] = vars(self)[name]

    def _add_unknown(self, row: Row) -> None:
        """All that was read became attributes, and what is none any more was deleted."""

    @classmethod
    def _load_entity_values(cls, entity: Entity) -> dict[str, Any]:
        found = super()._load_entity_values(entity)
        shape = entity.shape
        meanings = dict(shape.meanings)
        for name, value in entity.items():
            if name not in cls._all_properties:
                found[name] = values.loaded(value, name not in shape.unindexed, meanings.get(name))
        return found
