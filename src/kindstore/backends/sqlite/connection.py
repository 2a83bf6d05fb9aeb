# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# apsw's stubs leave the type of its buffers unknown.
"""One connection to one database file: how it is opened, how it runs a batch, and what its errors mean to us."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import apsw

from kindstore.engine.errors import MissingTableError, TakenError
from kindstore.store.program import Batch
from kindstore.values.errors import (
    BusyError,
    CorruptionError,
    Error,
    FormatError,
    StorageError,
    StorageFullError,
    TooLargeError,
    UnsafeStorageError,
)

APPLICATION_ID = 0x4B696E64
"""``Kind`` in ASCII, in the file's header: how a Kindstore database is told from others."""

BUSY_TIMEOUT = 5000
"""Milliseconds to wait for a foreign program that holds the database's lock."""

CACHE = -64 * 1024
"""Page cache of a connection, in KiB (negative is SQLite's way to say so); pages are taken as they are needed."""

_BY_CLASS: dict[type[Exception], type[StorageError]] = {
    apsw.BusyError: BusyError,
    apsw.LockedError: BusyError,
    apsw.FullError: StorageFullError,
    apsw.CorruptError: CorruptionError,
    apsw.NotADBError: CorruptionError,
}
_TEXTS: dict[type[StorageError], tuple[str, str]] = {
    BusyError: ("another program holds the database's lock", "Try again; find who keeps it."),
    StorageFullError: ("the disk is full", "Make room; what was acknowledged is safe."),
    CorruptionError: ("the file is damaged, or not a database", "Restore a backup."),
}


def translate(error: apsw.Error) -> Error:
    """Our error for one of SQLite's."""
    cls = _BY_CLASS.get(type(error))
    if cls is not None:
        text, hint = _TEXTS[cls]
        return cls(text, hint=hint, cause=str(error))
    if isinstance(error, apsw.SQLError) and "no such table" in str(error):
        return MissingTableError("no such table", cause=str(error))
    if isinstance(error, apsw.ConstraintError):
        return TakenError("a row with this key is there already", cause=str(error))
    if isinstance(error, apsw.TooBigError):
        return TooLargeError("a value is larger than SQLite can hold", cause=str(error))
    return StorageError("the database could not do it", cause=f"{type(error).__name__}: {error}")


class Connection:
    """A connection that is used by one thread at a time."""

    __slots__ = ("_cursor", "apsw")

    def __init__(self, path: str, *, vfs: str | None, durable: bool, read_only: bool) -> None:
        """Open the file at *path*, which exists.  *durable*: wait for the disk at every commit."""
        try:
            self.apsw = apsw.Connection(
                path,
                flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX | apsw.SQLITE_OPEN_NOFOLLOW,
                vfs=vfs,
                statementcachesize=500,
            )
            self._cursor = self.apsw.cursor()
            # Before anything is read: another process may just be recovering the log.
            self.apsw.set_busy_timeout(BUSY_TIMEOUT)
            try:
                self._refuse_strangers(path)
                self._configure(durable, read_only)
            except BaseException:
                self.apsw.close(force=True)  # what could not be copied out of the log is copied next time
                raise
        except apsw.Error as error:
            raise translate(error) from error

    def _refuse_strangers(self, path: str) -> None:
        """`FormatError` for another program's database, before any setting is written into it (WAL is)."""
        # In this order: a database of ours gets its tables and its mark in one transaction.
        is_used = self.apsw.pragma("schema_version") != 0
        mark = self.apsw.pragma("application_id")
        if mark != APPLICATION_ID and (is_used or mark != 0):
            raise FormatError("not a Kindstore database", path=path, hint="Choose another file name.")

    def _configure(self, durable: bool, read_only: bool) -> None:
        connection = self.apsw
        # Without QPSG this SQLite compiles a statement anew at every execution (design/performance.md 2).
        for option, value in (
            (apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1),
            (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
            (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
            (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
            (apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0),
            (apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0),
        ):
            connection.config(option, value)
        settings: dict[str, tuple[Any, Any]] = {
            "journal_mode": ("WAL", "wal"),
            "synchronous": ("FULL", 2) if durable else ("NORMAL", 1),
            "wal_autocheckpoint": (0, 0),
            "journal_size_limit": (64 * 1024 * 1024, 64 * 1024 * 1024),
            "cache_size": (CACHE, CACHE),
            "mmap_size": (0, 0),
            "temp_store": ("MEMORY", 2),
            "cell_size_check": ("ON", 1),
            "query_only": (int(read_only), int(read_only)),
        }
        if sys.platform == "darwin":
            settings |= {"fullfsync": (1, 1), "checkpoint_fullfsync": (1, 1)}
        for name, (value, expected) in settings.items():
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
            found = connection.pragma(name)
            if found != expected:
                raise UnsafeStorageError(
                    "SQLite does not accept a setting that durability needs", setting=name, found=found
                )

    def run(self, batch: Batch) -> list[list[Any]]:
        """The rows of each statement; the caller sees to transactions.  Raises errors of our own tree."""
        cursor = self._cursor
        try:
            replies: list[list[Any]] = []
            for text, values in batch:
                if type(values) is tuple:
                    replies.append(cursor.execute(text, values).fetchall())
                else:
                    replies.append(cursor.executemany(text, values).fetchall())
            return replies
        except apsw.Error as error:
            raise translate(error) from error

    def read(self, batch: Batch) -> list[list[Any]]:
        """`run` in one state of the database: in a transaction, where there is more than one row to look for."""
        cursor = self._cursor
        try:
            if len(batch) == 1:
                [(text, values)] = batch
                if type(values) is tuple:
                    return [cursor.execute(text, values).fetchall()]
            cursor.execute("BEGIN")
        except apsw.Error as error:
            raise translate(error) from error
        try:
            return self.run(batch)
        finally:
            self.end()

    def end(self) -> None:
        """End a reading transaction, whatever state it is in."""
        if self.apsw.in_transaction:
            try:
                self._cursor.execute("ROLLBACK")
            except apsw.Error:
                return

    def execute(self, text: str) -> None:
        """Run one statement that is neither a query nor takes values, such as BEGIN; errors of our own tree."""
        try:
            self._cursor.execute(text)
        except apsw.Error as error:
            raise translate(error) from error

    def close(self, *, inherited: bool = False) -> None:
        """Close; further use fails.  Troubles of the disk are no matter: what was committed is in the log.

        *inherited*: in a child process, where copying and removing the log is the parent's business.
        """
        with contextlib.suppress(apsw.Error):
            if inherited:
                self.apsw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self.apsw.close(force=True)
