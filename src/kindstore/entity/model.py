"""`DatastoreEntity`: a class whose attributes are the properties of an entity."""

from __future__ import annotations

import copy
import os
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

from kindstore.datastore import Client, Entity, Key, PropertyFilter
from kindstore.values.errors import BadArgumentError, BadKeyError
from kindstore.values.key import Id

from .value import MARK, EntityValue


class _Missing(BadArgumentError, ValueError):
    """A class without a kind, or an object without a connection."""


_clients: dict[tuple[str | None, str | None], Client] = {}
_making = threading.Lock()


def _client(namespace: str | None, url: str | os.PathLike[str] | None) -> Client:
    """The client of *namespace* in the store of *url*: one for all objects that ask for it."""
    place = None if url is None else os.fspath(url)
    with _making:
        found = _clients.get((namespace, place))
        if found is None:
            base = _clients.setdefault((None, place), Client(url=place))
            found = _clients[namespace, place] = base if namespace is None else base.of_namespace(namespace)
        return found


class DatastoreEntity:
    """A base for classes whose `EntityValue` attributes are stored, in entities of the kind ``__kind__``.

    The names in ``__exclude_from_index__`` are not indexed.  *namespace* is where it is stored, *url* in which store
    (`kindstore.connect`; default: ``KINDSTORE_URL``, else ``kindstore.db`` in the working directory).  ``conn=False``: not yet,
    but after `connect`.  *service_account_json_path* and other keywords are accepted and have no effect.
    `BadArgumentError`, a ValueError, for a class without ``__kind__``.

    Two objects are equal if their keys are.  A property whose stored name is that of a method, or of another attribute of the
    class, is kept, but is no attribute: see `to_dict`.
    """

    __kind__: ClassVar[str | bool] = False
    __exclude_from_index__: ClassVar[Sequence[str]] = []

    ds_client: Client | None
    key: Key | None
    """Where it is stored; None before it is saved or read."""

    def __init__(self, **options: Any) -> None:
        self.ds_client = None
        self.key = None
        self.__datastore_properties_lookup__: list[str] = []
        self._apart: dict[str, Any] = {}
        self._unindexed: set[str] = set()
        self._forget()
        if not self.__kind__:
            raise _Missing("You must specify the entity 'kind' using __kind__", type=type(self).__name__)
        if options.get("conn", True):
            self.connect(
                options.get("namespace"), options.get("service_account_json_path"), url=options.get("url")
            )

    def connect(
        self,
        namespace: str | None = None,
        service_account_json_path: str | None = None,
        *,
        url: str | os.PathLike[str] | None = None,
    ) -> bool:
        """Work in *namespace* of the store of *url* from now on.  Always True."""
        del service_account_json_path
        self.ds_client = _client(namespace, url)
        return True

    def get_client(self) -> Client | None:
        """The client that it works with (`kindstore.datastore.Client`); None before it is connected."""
        return self.ds_client

    def _connected(self) -> Client:
        if self.ds_client is None:
            raise _Missing(
                "not connected", type=type(self).__name__, hint="Call connect(), or leave conn=False out."
            )
        return self.ds_client

    # Properties and attributes.

    @classmethod
    def _marks(cls) -> dict[str, EntityValue[Any]]:
        """The properties of the class and its bases, by name."""
        marks: dict[str, EntityValue[Any]] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, MARK):
                    marks[name] = value
                else:
                    marks.pop(name, None)
        return marks

    def _forget(self) -> None:
        """Be as a new object is."""
        for name in self.__datastore_properties_lookup__:
            self.__dict__.pop(name, None)
        marks = self._marks()
        self.__dict__.update((name, mark.fresh()) for name, mark in marks.items())
        self.__datastore_properties_lookup__ = [*marks]
        self._apart, self._unindexed, self.key = {}, set(), None

    def _read(self, entity: Entity) -> Self:
        """Be what *entity* is.  Properties of the class that it does not have are as in a new object."""
        self._forget()
        for name, value in entity.items():
            self._set(name, value)
        self._unindexed = set(entity.exclude_from_indexes)
        self.key = entity.key
        return self

    def _set(self, name: str, value: Any) -> None:
        taken = hasattr(type(self), name) and not isinstance(getattr(type(self), name), MARK)
        if taken or name in _OWN:
            self._apart[name] = value
            return
        self.__dict__[name] = value
        if name not in self.__datastore_properties_lookup__:
            self.__datastore_properties_lookup__.append(name)

    def to_dict(self) -> dict[str, Any]:
        """The properties, by stored name, as plain values."""
        names = self.__datastore_properties_lookup__
        # Marks that were assigned to this object make properties of it.
        names += [
            name for name, value in self.__dict__.items() if isinstance(value, MARK) and name not in names
        ]
        held = {name: self.__dict__[name] for name in names if name in self.__dict__}
        plain = {name: value.value if isinstance(value, MARK) else value for name, value in held.items()}
        return {**self._apart, **plain}

    # Writes.

    def save(
        self,
        id: Id | None = None,  # noqa: A002 - datastore-entity's name
        parent_or_ancestor: Key | None = None,
        extra_props: Mapping[str, Any] | None = None,
        excludes: Iterable[str] | None = None,
    ) -> bool:
        """Write it: where it was read or saved before; else under *id*, or an id of its own, below *parent_or_ancestor*.

        *extra_props* become properties, too.  Those in *excludes* are left out: what is stored of them stays.  A public
        attribute that is no property is not stored, of which a UserWarning tells.  Always True.  For errors see
        `kindstore.datastore.Client.put`.
        """
        client = self._connected()
        for name, value in (extra_props or {}).items():
            self._set(name, value)
        values = self.to_dict()
        self._warn(values)
        key = self.key
        if key is None:
            path = (str(self.__kind__),) if id is None else (str(self.__kind__), id)
            key = client.key(*path, parent=parent_or_ancestor)
        left_out = {*(excludes or ())}
        unindexed = {*self.__exclude_from_index__, *self._unindexed}
        entity = Entity(key)
        entity.update((name, value) for name, value in values.items() if name not in left_out)
        if left_out and not key.is_partial:
            with client.transaction() as transaction:
                stored: Mapping[str, Any] = client.get(key, transaction=transaction) or {}
                entity.update((name, stored[name]) for name in left_out if name in stored)
                entity.exclude_from_indexes = unindexed & entity.keys()
                transaction.put(entity)
        else:
            entity.exclude_from_indexes = unindexed & entity.keys()
            client.put(entity)
        for name in self.__datastore_properties_lookup__:
            self.__dict__[name] = values[name]
        self.key = entity.key
        return True

    def _warn(self, values: Mapping[str, Any]) -> None:
        loose = [
            name
            for name in self.__dict__
            if name not in values
            and name not in _OWN
            and not name.startswith("_")
            and not hasattr(type(self), name)
        ]
        if loose:
            warnings.warn(
                f"not stored, as they are no properties of {type(self).__name__}: {', '.join(loose)}."
                " Declare them with EntityValue, or pass extra_props.",
                UserWarning,
                stacklevel=3,
            )

    def delete(self) -> bool:
        """Remove it.  Always True.  `BadKeyError` if it was neither saved nor read."""
        client = self._connected()
        if self.key is None:
            raise BadKeyError("only what was saved or read can be deleted", type=type(self).__name__)
        client.delete(self.key)
        self.key = None
        return True

    # Reads.

    def find_by_key(self, key: Key) -> Entity | None:
        """The plain entity of *key*; None if there is none."""
        return self._connected().get(key)

    def find_by_value(self, prop: str, val: Any, comparator: str = "=", limit: int = 500) -> list[Entity]:
        """The plain entities whose property *prop* compares so with *val*, *limit* at most."""
        query = self._connected().query(kind=self.__kind__)
        return [*query.add_filter(filter=PropertyFilter(prop, comparator, val)).fetch(limit=limit)]

    def find_via_parent_or_ancestor(
        self, parent_or_ancestor: Key, limit: int = 500, active: bool | None = None
    ) -> list[Entity]:
        """The plain entities below a key, *limit* at most; with *active* those whose property of that name is so."""
        query = self._connected().query(kind=self.__kind__, ancestor=parent_or_ancestor)
        if active is not None:
            query.add_filter(filter=PropertyFilter("active", "=", active))
        return [*query.fetch(limit=limit)]

    def get_obj(self, prop: str, value: Any) -> Self | None:
        """This object, as what has *value* in its property *prop*: of several the first by key.  None if nothing has."""
        found = self.find_by_value(prop, value, limit=1)
        return self._read(found[0]) if found else None

    get_object = get_obj

    def get_obj_with_key(self, key: Key) -> Self | None:
        """This object, as what is stored under *key*; None if nothing is."""
        found = self.find_by_key(key)
        return None if found is None else self._read(found)

    def get_objects(
        self,
        prop: str,
        value: Any,
        limit: int = 500,
        paginate: bool = False,
        cursor: str | bytes | None = None,
    ) -> tuple[list[Self], str | None]:
        """A new object for each entity with *value* in its property *prop*, *limit* at most, and where to go on.

        That is None unless *paginate*, and after the last of them; it is for *cursor*.
        """
        query = self._connected().query(kind=self.__kind__)
        query.add_filter(filter=PropertyFilter(prop, "=", value))
        results = query.fetch(limit=limit, start_cursor=cursor)
        objects = [copy.copy(self)._read(entity) for entity in results]
        after = results.next_page_token
        if not paginate or after is None or not [*query.fetch(limit=1, start_cursor=after)]:
            return objects, None
        return objects, after.decode()

    # Keys.

    def generate_key(self, path: Sequence[Id]) -> Key:
        """The key of kind, id, kind, id …"""
        return self._connected().key(*path)

    def allocate_ids(self, incomplete_key: Key, num_ids: int) -> list[Key]:
        """*num_ids* keys like the partial *incomplete_key*, with ids that nothing else gets."""
        return self._connected().allocate_ids(incomplete_key, num_ids)

    def get_id(self) -> str:
        """The key as text, for Flask-Login; `BadKeyError` if it was neither saved nor read."""
        if self.key is None:
            raise BadKeyError("only what was saved or read has an id", type=type(self).__name__)
        return self.key.to_legacy_urlsafe().decode()

    def get_obj_with_id(self, text: str) -> Self | None:
        """This object, as what `get_id` made this text of; None if it is not stored, or is no such text."""
        try:
            return self.get_obj_with_key(Key.from_legacy_urlsafe(text))
        except BadKeyError:
            return None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatastoreEntity):
            return NotImplemented
        return self is other or (self.key is not None and self.key == other.key)

    def __hash__(self) -> int:
        return object.__hash__(self) if self.key is None else hash(self.key)

    def __str__(self) -> str:
        return f"<Entity Kind: {self.__kind__}>"

    def __repr__(self) -> str:
        return f"<Entity Kind: '{self.__kind__}' ==> {self.__datastore_properties_lookup__}>"


_OWN = frozenset({"ds_client", "key", "__datastore_properties_lookup__", "_apart", "_unindexed"})
"""Attributes of every object that are no properties."""
