"""`Batch` and `Transaction`: writes that are committed together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from kindstore.store.messages import Delete, Mutation, Upsert
from kindstore.values.errors import (
    BadArgumentError,
    BadKeyError,
    ReadOnlyTransactionError,
    TransactionError,
)

from .entity import Entity, to_plain
from .key import Key
from .place import Place


class Batches(Place, Protocol):
    """A client, of which code may be in batches."""

    @property
    def current_batch(self) -> Batch | None:
        """The innermost one."""
        ...

    def enter(self, batch: Batch) -> None:
        """Code is in *batch* from now on."""
        ...

    def leave(self) -> None:
        """It is in the one before again."""
        ...


class Batch:
    """Puts and deletes that are committed together: by `commit`, or at the end of a ``with`` block that did not fail.

    In the block `Client.put` and its kin add to it.  A partial key is completed by the commit.  An entity can be named
    once.  `TransactionError`, a ValueError, for a call that comes too early or too late.
    """

    _INITIAL, _IN_PROGRESS, _ABORTED, _FINISHED = range(4)

    def __init__(self, client: Batches) -> None:
        self._client = client
        self._mutations: list[Mutation] = []
        self._partial: list[tuple[int, Entity]] = []
        self._status = self._INITIAL

    def current(self) -> Batch | None:
        """The innermost batch or transaction of the client."""
        return self._client.current_batch

    @property
    def project(self) -> str:
        """The project of the client."""
        return self._client.project

    @property
    def database(self) -> str | None:
        """The database of the client; None for the default one."""
        return self._client.database

    @property
    def namespace(self) -> str | None:
        """The namespace of the client; None for the default one."""
        return self._client.namespace

    @property
    def mutations(self) -> Sequence[Mutation]:
        """What is going to be written."""
        return self._mutations

    def _is_open(self) -> bool:
        return self._status == self._IN_PROGRESS

    def put(self, entity: Entity) -> None:
        """Write *entity* at the commit, there or not, as it is now.

        `BadKeyError` without a key, and for one of another project or database; `BadValueError` for a value that can't
        be stored.
        """
        self._check_open("put")
        if entity.key is None:
            raise BadKeyError("Entity must have a key", entity=entity)
        self._check_partition(entity.key)
        plain = to_plain(entity)
        if entity.key.is_partial:
            self._partial.append((len(self._mutations), entity))
        self._mutations.append(Upsert(plain))

    def delete(self, key: Key) -> None:
        """Remove the entity of *key* at the commit.  `BadKeyError` for a partial key, or one of another project."""
        self._check_open("delete")
        if key.is_partial:
            raise BadKeyError("Key must be complete", key=key)
        self._check_partition(key)
        self._mutations.append(Delete(key.plain))

    def begin(self) -> None:
        """Open it."""
        if self._status != self._INITIAL:
            raise _Misplaced("Batch already started previously.")
        self._status = self._IN_PROGRESS

    def commit(self, retry: Any = None, timeout: float | None = None) -> None:
        """Write everything, or nothing.  *retry* and *timeout* are accepted: an embedded store has no use for them."""
        del retry, timeout
        self._check_open("commit")
        self._commit(None)
        self._status = self._FINISHED

    def _commit(self, transaction: bytes | None) -> None:
        store = self._client.store
        if self._mutations or transaction is not None:
            committed = store.run(store.commit(self._mutations, transaction))
            for at, entity in self._partial:
                entity.key = Key.of(committed.keys[at])
            self._partial.clear()

    def rollback(self) -> None:
        """Forget it."""
        self._check_open("rollback")
        self._status = self._ABORTED

    def __enter__(self) -> Self:
        self.begin()
        self._client.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
            elif self._is_open():  # else its own code has ended it, and its error is to be seen
                self.rollback()
        finally:
            self._client.leave()

    def _check_open(self, verb: str) -> None:
        if not self._is_open():
            raise _Misplaced(f"{type(self).__name__} must be in progress to {verb}()")

    def _check_partition(self, key: Key) -> None:
        if key.project != self.project:
            raise BadKeyError("Key must be from same project as batch", key=key)
        if key.database != self.database:
            raise BadKeyError("Key must be from same database as batch", key=key)


class _Misplaced(TransactionError, ValueError):
    """A call to a batch that is not open, or is already."""


class Transaction(Batch):
    """A batch whose reads count too: its commit raises `ConflictError` if what they have found has changed meanwhile.

    In its ``with`` block, or with ``transaction=`` it, `Client.get` and queries read in it.  *read_only*: nothing may be
    written.  *begin_later*: it begins with its first read, or at the commit.  *read_time* is not supported yet.
    """

    def __init__(
        self,
        client: Batches,
        read_only: bool = False,
        read_time: datetime | None = None,
        begin_later: bool = False,
    ) -> None:
        super().__init__(client)
        if read_time is not None:
            if not read_only:
                raise BadArgumentError("read_time is only allowed in read only transaction.")
            raise NotImplementedError("reads of the past are not supported yet")
        self._read_only, self._begin_later = read_only, begin_later
        self._id: bytes | None = None

    @property
    def id(self) -> bytes | None:
        """Its name in the store; None before it begins and after its end."""
        return self._id

    def current(self) -> Transaction | None:
        """The transaction of the client, if its innermost batch is one."""
        batch = self._client.current_batch
        return batch if isinstance(batch, Transaction) else None

    def _is_open(self) -> bool:
        return super()._is_open() or (self._begin_later and self._status == self._INITIAL)

    def begin(self, retry: Any = None, timeout: float | None = None) -> None:
        """Begin it; once."""
        del retry, timeout
        super().begin()
        store = self._client.store
        self._id = store.run(store.begin(self._read_only))

    def id_to_read(self) -> bytes:
        """Its name for a read, which begins it if need be; `TransactionError` if it is over."""
        if self._id is None and self._begin_later and self._status == self._INITIAL:
            self.begin()
        if self._id is None:
            raise _Misplaced("a read in a transaction that is not in progress")
        return self._id

    def put(self, entity: Entity) -> None:
        """See `Batch.put`; `ReadOnlyTransactionError` if it is read-only."""
        self._check_writable()
        super().put(entity)

    def delete(self, key: Key) -> None:
        """See `Batch.delete`; `ReadOnlyTransactionError` if it is read-only."""
        self._check_writable()
        super().delete(key)

    def _check_writable(self) -> None:
        if self._read_only:
            raise ReadOnlyTransactionError("Transaction is read only")

    def commit(self, retry: Any = None, timeout: float | None = None) -> None:
        """Write everything; `ConflictError`, with nothing written, if what was read has changed.  It is over then."""
        del retry, timeout
        self._check_open("commit")
        if self._id is None:
            self.begin()
        try:
            self._commit(self._id)
        except BaseException:
            self._status = self._ABORTED
            raise
        else:
            self._status = self._FINISHED
        finally:
            self._id = None

    def rollback(self, retry: Any = None, timeout: float | None = None) -> None:
        """End it with nothing written."""
        del retry, timeout
        self._check_open("rollback")
        name, self._id = self._id, None
        self._status = self._ABORTED
        if name is not None:
            store = self._client.store
            store.run(store.rollback(name))

    def __enter__(self) -> Self:
        if not self._begin_later:
            self.begin()
        self._client.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status == self._INITIAL and not self._mutations:
            # One that was to begin later, and for which there was nothing to do.
            self._status = self._ABORTED
            self._client.leave()
            return
        super().__exit__(kind, error, trace)
