"""`LocalStructuredProperty`, whose values are instances of another model, stored whole and without index rows.

Two forms are written: an embedded entity, which is NDB's default, or the bytes of a message of google.datastore.v1
(``legacy_data=False``).  Both are read, and App Engine's bytes as well, compressed or not (spec/ndb.md 2.3).
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, cast, overload

from kindstore.values.entity import Entity
from kindstore.wire.entity_bytes import decode_entity
from kindstore.wire.entity_v1 import encode_entity

from .blobs import MEANING_COMPRESSED, BlobProperty, Compressed
from .options import Compressible
from .property import Undecoded, as_list, is_list, shown
from .row import Row
from .schema import schema_of
from .structured import Inside, as_dicts, checked_class, checked_list, structure_of

T = TypeVar("T")
M = TypeVar("M")


class LocalStructuredProperty(BlobProperty[T]):
    """An instance of *model_class* stored as one unindexed value.  A dict is accepted for an instance.

    *keep_keys* stores the key of the instance as well.  ``indexed=True``: NotImplementedError.  Written as an
    embedded entity, or, with ``legacy_data=False``, as the bytes of one; *compressed* is for the bytes.
    """

    _options = ("model_class", "keep_keys")
    _model_class: type[Any] = cast("type[Any]", None)
    _keep_keys: bool = False

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: LocalStructuredProperty[list[M]],
            model_class: type[M],
            name: str | None = None,
            *,
            keep_keys: bool = False,
            repeated: Literal[True],
            **options: Unpack[Compressible[M]],
        ) -> None: ...
        @overload
        def __init__(
            self: LocalStructuredProperty[M],
            model_class: type[M],
            name: str | None = None,
            *,
            keep_keys: bool = False,
            required: Literal[True],
            default: M | None = None,
            **options: Unpack[Compressible[M]],
        ) -> None: ...
        @overload
        def __init__(
            self: LocalStructuredProperty[M],
            model_class: type[M],
            name: str | None = None,
            *,
            keep_keys: bool = False,
            default: M,
            required: bool = False,
            **options: Unpack[Compressible[M]],
        ) -> None: ...
        @overload
        def __init__(
            self: LocalStructuredProperty[M | None],
            model_class: type[M],
            name: str | None = None,
            *,
            keep_keys: bool = False,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Compressible[M]],
        ) -> None: ...
        def __init__(self, model_class: type[Any], name: str | None = None, **options: Any) -> None: ...

    else:

        def __init__(self, model_class, name=None, *, keep_keys=False, indexed=None, **options):
            if indexed:
                raise NotImplementedError(f"Cannot index LocalStructuredProperty {name}.")
            super().__init__(name, **options)
            self._model_class = checked_class(model_class)
            self._keep_keys = keep_keys

    def _needs_preparation(self) -> bool:
        return bool(self._model_class._dynamic or self._model_class._prepares)

    def _prepare_for_put(self, entity: Any) -> None:
        for value in as_list(self._get_value(entity)):
            if value is not None:
                value._prepare_for_put()

    def _get_for_dict(self, entity: Any) -> Any:
        return as_dicts(super()._get_for_dict(entity))

    def _validate(self, value: Any) -> Any:
        structure = structure_of(self, value, "")
        return None if structure is value else structure

    # --- storing

    def _store(self, entity: Any, row: Row, legacy_data: bool) -> None:
        held = self._held(entity)
        if type(held) is Undecoded:
            # What nobody read is written as it was, in whichever form.
            value, meaning = _unmarked(held.value)
        elif self._repeated:
            items = enumerate(checked_list(self, held))
            value = [self._form(item, legacy_data, f"[{at}]") for at, item in items]
            meaning = self._meaning
        else:
            value = None if held is None else self._form(held, legacy_data, "")
            meaning = self._meaning
        if self._repeated and not value and not self._write_empty_list:
            return
        if not any(isinstance(item, bytes) for item in as_list(value)):
            meaning = None  # it is for bytes
        row.add(self._name, value, indexed=False, meaning=meaning)

    def _form(self, value: Any, legacy_data: bool, at: str) -> Any:
        """The stored form of an instance: the chain of hooks, which for an embedded entity ends before the bytes."""
        with Inside(self, at):
            if not legacy_data:
                return self._to_stored(value)
            for hook in self._encoders:
                if hook is _TO_BYTES:
                    break
                replaced = hook(self, value)
                value = value if replaced is None else replaced
            return self._entity(value, legacy_data)

    def _entity(self, value: Any, legacy_data: bool) -> Entity:
        key = value._key if self._keep_keys else None
        cls: type[Any] = value.__class__
        return schema_of(cls).to_entity(value, key, legacy_data)

    def _to_base_type(self, value: Any) -> Any:
        if not isinstance(value, self._model_class):
            wanted = self._model_class.__name__
            raise TypeError(f"Cannot convert to bytes expected {wanted} value; received {shown(value)}")
        return encode_entity(self._entity(value, legacy_data=False))

    # --- loading

    def _loader(self, meaning: int | None) -> Callable[[Any], Any] | None:
        return self._load_compressed if meaning == MEANING_COMPRESSED else Undecoded

    def _from_base_type(self, value: Any) -> Any:
        if isinstance(value, bytes):
            with Inside(self, ""):
                value = decode_entity(value)
        if not isinstance(value, Entity):
            return None
        key = value.key if self._keep_keys else None
        if key is not value.key:
            value = Entity(key, value.shape, value.values)
        return schema_of(self._model_class).from_entity(value)


_TO_BYTES = vars(LocalStructuredProperty)["_to_base_type"]


def _unmarked(value: Any) -> tuple[Any, int | None]:
    """A stored value as it was before it was loaded, and its meaning."""
    if is_list(value):
        found = [_unmarked(item) for item in value]
        return [item for item, _ in found], next((meaning for _, meaning in found if meaning), None)
    return (value.value, MEANING_COMPRESSED) if type(value) is Compressed else (value, None)
