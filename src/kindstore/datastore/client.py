"""`Client`: a store, with the methods of google-cloud-datastore's client."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Self

from kindstore.client import Client as Opener
from kindstore.client import ambient
from kindstore.store.abc import Store
from kindstore.store.messages import Consistency
from kindstore.values.errors import BadArgumentError, BadKeyError
from kindstore.values.key import Id

from .aggregation import AggregationQuery
from .batch import Batch, Transaction
from .entity import ENTITIES, Entity
from .key import Key
from .query import Query


class _Open(threading.local):
    """The batches and transactions that a thread is in, innermost last."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []


class Client:
    """A store, and the project, database and namespace of its keys and queries.

    *url* says where the data is (`kindstore.connect`); default: ``KINDSTORE_URL``, else ``kindstore.db`` in the working
    directory.  *store*, instead: one that is open already, and that the client does not close.  The rest is accepted
    for google-cloud-datastore's sake.  The store is opened at first use, and closed by `close`, at the end of ``with
    client:``, or with the last reference to the client.
    """

    def __init__(
        self,
        project: str | None = None,
        namespace: str | None = None,
        credentials: Any = None,
        client_info: Any = None,  # noqa: ARG002
        client_options: Any = None,
        database: str | None = None,
        _http: Any = None,
        _use_grpc: bool | None = None,
        *,
        url: str | os.PathLike[str] | None = None,
        store: Store | None = None,
    ) -> None:
        self._opener = Opener(
            project, credentials=credentials, client_options=client_options, url=url, store=store
        )
        self._project, self._namespace, self._database = project, namespace, database or None
        self._is_placed = url is not None or store is not None
        self._open = _Open()

    @property
    def project(self) -> str:
        """The project: the one given, else the store's."""
        return self._project or self.store.partition().project

    @property
    def database(self) -> str | None:
        """The database: the one given, else that of an app at work; None for the default one."""
        return self._database or self._of_app("database")

    @property
    def namespace(self) -> str | None:
        """The namespace of keys and queries that name none: the one given, else that of an app at work; None for the default one."""
        return self._of_app("namespace") if self._namespace is None else self._namespace

    @namespace.setter
    def namespace(self, namespace: str | None) -> None:
        self._namespace = namespace

    def _of_app(self, name: str) -> str | None:
        """What the client has that stands in for those that name no store."""
        here = None if self._is_placed else ambient.instead()
        return None if here is None else getattr(here, name) or None

    @property
    def store(self) -> Store:
        """The store; opened if it is not open."""
        return self._opener.store

    def of_namespace(self, namespace: str | None) -> Client:
        """A client of the same store with another namespace."""
        other = Client(namespace=namespace, database=self._database)
        other._project, other._opener = self._project, self._opener
        other._is_placed = self._is_placed
        return other

    def close(self) -> None:
        """Close the store, if this client has opened it; the next use opens it again."""
        self._opener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._opener)

    # Batches and transactions.

    def enter(self, batch: Batch) -> None:
        """What this thread writes through the client goes into *batch* from now on."""
        self._open.batches.append(batch)

    def leave(self) -> None:
        """It goes where it went before again."""
        self._open.batches.pop()

    @property
    def current_batch(self) -> Batch | None:
        """The innermost batch or transaction that this thread is in."""
        return self._open.batches[-1] if self._open.batches else None

    @property
    def current_transaction(self) -> Transaction | None:
        """The same if it is a transaction."""
        batch = self.current_batch
        return batch if isinstance(batch, Transaction) else None

    def batch(self) -> Batch:
        """A new batch."""
        return Batch(self)

    def transaction(self, **options: Any) -> Transaction:
        """A new transaction; *options* are those of `Transaction`."""
        return Transaction(self, **options)

    def reading(
        self, eventual: bool, transaction: Transaction | None = None
    ) -> tuple[bytes | None, Consistency]:
        """The name of the transaction to read in (default: the one in progress), and with which consistency.

        `BadArgumentError`, a ValueError, for *eventual* in a transaction.
        """
        transaction = transaction or self.current_transaction
        if transaction is None:
            return None, Consistency.EVENTUAL if eventual else Consistency.STRONG
        if eventual:
            raise _Contradiction("eventual must be False when in a transaction")
        return transaction.id_to_read(), Consistency.STRONG

    # Reads.

    def get(
        self,
        key: Key,
        missing: list[Entity] | None = None,
        deferred: list[Key] | None = None,
        transaction: Transaction | None = None,
        eventual: bool = False,
        retry: Any = None,
        timeout: float | None = None,
        read_time: datetime | None = None,
    ) -> Entity | None:
        """The entity of *key*; None if there is none.  See `get_multi`."""
        found = self.get_multi([key], missing, deferred, transaction, eventual, retry, timeout, read_time)
        return found[0] if found else None

    def get_multi(
        self,
        keys: Iterable[Key],
        missing: list[Entity] | None = None,
        deferred: list[Key] | None = None,
        transaction: Transaction | None = None,
        eventual: bool = False,
        retry: Any = None,
        timeout: float | None = None,
        read_time: datetime | None = None,
    ) -> list[Entity]:
        """The entities of *keys* that there are, each once, in the order of the keys.

        For each of the others an empty entity is added to the list *missing*.  *deferred* stays empty, as an embedded store
        answers all.  `BadKeyError` for a partial key, and for one of another project; `BadArgumentError` for *missing* or
        *deferred* that are not empty.
        """
        del retry, timeout
        if read_time is not None:
            raise NotImplementedError("reads of the past are not supported yet")
        for name, given in (("missing", missing), ("deferred", deferred)):
            if given is not None and given != []:
                raise _Contradiction(f"{name} must be None or an empty list")
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return []
        project = self.project
        for key in wanted:
            if key.project != project:
                raise BadKeyError("Keys do not match project", key=key, project=project)
        transaction_id, consistency = self.reading(eventual, transaction)
        store = self.store
        found = store.run(
            store.lookup([key.plain for key in wanted], transaction_id, consistency, maker=ENTITIES)
        )
        if missing is not None:
            missing.extend(Entity(key) for key, entity in zip(wanted, found, strict=True) if entity is None)
        return [entity for entity in found if entity is not None]

    # Writes.

    def put(self, entity: Entity, retry: Any = None, timeout: float | None = None) -> None:
        """Write *entity*; see `put_multi`."""
        self.put_multi([entity], retry, timeout)

    def put_multi(self, entities: Sequence[Entity], retry: Any = None, timeout: float | None = None) -> None:
        """Write *entities*, there or not, all or none; at the commit of the batch that this thread is in, if there is one.

        Partial keys are completed.  For errors see `Batch.put`.
        """
        del retry, timeout
        given: object = entities
        if isinstance(given, Entity):
            raise _Contradiction("Pass a sequence of entities")
        self._write([(True, entity) for entity in entities])

    def delete(self, key: Key, retry: Any = None, timeout: float | None = None) -> None:
        """Remove the entity of *key*; see `delete_multi`."""
        self.delete_multi([key], retry, timeout)

    def delete_multi(
        self, keys: Iterable[Key | Entity], retry: Any = None, timeout: float | None = None
    ) -> None:
        """Remove the entities of *keys*, there or not, all or none; in the batch that this thread is in, if there is one."""
        del retry, timeout
        asked: list[Any] = [key.key if isinstance(key, Entity) else key for key in keys]
        self._write([(False, key) for key in asked])

    def _write(self, asked: list[tuple[bool, Any]]) -> None:
        if not asked:
            return
        current = self.current_batch
        batch = current or self.batch()
        if current is None:
            batch.begin()
        for puts, subject in asked:
            if puts:
                batch.put(subject)
            else:
                batch.delete(subject)
        if current is None:
            batch.commit()

    # Ids.

    def allocate_ids(
        self, incomplete_key: Key, num_ids: int, retry: Any = None, timeout: float | None = None
    ) -> list[Key]:
        """*num_ids* keys like the partial *incomplete_key*, with ids that nothing else gets."""
        del retry, timeout
        if not incomplete_key.is_partial:
            raise BadKeyError("Key is not partial.", key=incomplete_key)
        store = self.store
        return [Key.of(each) for each in store.run(store.allocate_ids([incomplete_key.plain] * num_ids))]

    def reserve_ids_sequential(
        self, complete_key: Key, num_ids: int, retry: Any = None, timeout: float | None = None
    ) -> None:
        """See to it that *num_ids* ids, from that of *complete_key* on, are never given automatically."""
        if complete_key.is_partial:
            raise BadKeyError("Key is not Complete.", key=complete_key)
        first = complete_key.id
        if first is None:
            raise BadKeyError("Key must use numeric id.", key=complete_key)
        if type(num_ids) is not int:
            raise _Contradiction("num_ids is not a valid integer.", num_ids=num_ids)
        head = complete_key.flat_path[:-1]
        partition = complete_key.plain.partition
        keys = [
            Key(
                *head,
                first + more,
                project=partition.project,
                namespace=partition.namespace,
                database=partition.database,
            )
            for more in range(num_ids)
        ]
        self.reserve_ids_multi(keys, retry, timeout)

    def reserve_ids(
        self, complete_key: Key, num_ids: int, retry: Any = None, timeout: float | None = None
    ) -> None:
        """Deprecated: `reserve_ids_sequential`."""
        warnings.warn(
            "Client.reserve_ids is deprecated. Please use reserve_ids_multi or reserve_ids_sequential",
            DeprecationWarning,
            stacklevel=2,
        )
        self.reserve_ids_sequential(complete_key, num_ids, retry, timeout)

    def reserve_ids_multi(
        self, complete_keys: Iterable[Key], retry: Any = None, timeout: float | None = None
    ) -> None:
        """See to it that the ids of *complete_keys* are never given automatically."""
        del retry, timeout
        keys = [*complete_keys]
        for key in keys:
            if key.is_partial:
                raise BadKeyError("Key is not Complete.", key=key)
        self.store.run(self.store.reserve_ids([key.plain for key in keys]))

    # What keys and queries are made of.

    def key(self, *path_args: Id, parent: Key | None = None, namespace: str | None = None) -> Key:
        """A key in the project and the database of this client, and in its namespace unless it is said otherwise."""
        if parent is not None:
            return Key(*path_args, parent=parent, namespace=namespace)
        return Key(
            *path_args,
            project=self.project,
            namespace=self.namespace if namespace is None else namespace,
            database=self.database,
        )

    def entity(self, key: Key | None = None, exclude_from_indexes: Iterable[str] = ()) -> Entity:
        """A new entity."""
        return Entity(key, exclude_from_indexes)

    def query(self, **options: Any) -> Query:
        """A query; *options* are those of `Query`, but for the client and the project."""
        for name in ("client", "project"):
            if name in options:
                raise TypeError(f"Cannot pass {name}")
        options.setdefault("namespace", self.namespace)
        return Query(self, **options)

    def aggregation_query(self, query: Query, **options: Any) -> AggregationQuery:
        """Aggregations over the results of *query*."""
        return AggregationQuery(self, query, **options)


class _Contradiction(BadArgumentError, ValueError):
    """A call that contradicts itself."""
