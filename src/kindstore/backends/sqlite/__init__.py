"""The SQLite backend: a whole Datastore in one file, shared by any number of processes of one machine."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from kindstore.engine.composite import CompositeIndex, Needs
from kindstore.engine.dialect import Dialect
from kindstore.engine.store import EngineStore
from kindstore.store.checks import choice
from kindstore.store.ids import IdPolicy
from kindstore.store.messages import Concurrency, Indexes
from kindstore.store.program import Batch
from kindstore.values.errors import BadArgumentError, FormatError, StorageError

from . import guard
from .connection import APPLICATION_ID, Connection
from .dialect import SQLiteDialect
from .driver import SQLiteDriver
from .turnstile import Turnstile

FORMAT = 2
"""The version of the tables, in the file's header (``user_version``)."""


_OPTIONS = frozenset({"project", "id_policy", "concurrency", "indexes", "clock", "now"})
"""What `EngineStore` takes."""


def open_store(
    path: str | os.PathLike[str],
    *,
    durability: str = "full",
    vfs: str | None = None,
    index_file: str | os.PathLike[str] | None = None,
    **options: Any,
) -> EngineStore:
    """The store in the file at *path*, made (mode 0600) if it is not there; ``":memory:"`` for one that is not kept.

    *durability*: "full" (every acknowledged commit survives a loss of power) or "relaxed" (only the death of the
    process).  *vfs*: the SQLite name of another file layer, for tests.  *index_file*: an index.yaml, which need not be
    there; its indexes are defined, but not built where there are entities already (docs/indexes.md), and `close`
    adds to it what queries needed.  *options* go to `EngineStore`; the modes among them may be given by their text.
    Raises `BadArgumentError` for an option or a path that can't be, `UnsafeStorageError` (place or library),
    `FormatError` (another program's file, or a newer version's), `CorruptionError`, `StorageError`; `IndexFileError` for
    an *index_file* that can't be understood.
    """
    guard.check_library()
    _check_options(durability, vfs, options)
    indexes: tuple[CompositeIndex, ...] = ()
    if index_file is not None:
        indexes, options["suggest"] = _read_indexes(index_file)
    on_close: Callable[[], None] | None = None
    if str(path) == ":memory:":
        # A file on a memory disk where there is one: readers and writers do not block each other, as in the real thing.
        shared = Path("/dev/shm")  # noqa: S108
        directory = tempfile.mkdtemp(prefix="kindstore-", dir=shared if shared.is_dir() else None)
        file, durability = Path(directory, "memory.db"), "relaxed"
        on_close = partial(_remove, directory, os.getpid())
    else:
        file = _file_of(path)
    try:
        guard.check_place(file)
        _make_file(file)
    except OSError as error:
        raise StorageError("the file can't be opened", path=str(file), cause=error.strerror) from error
    driver = SQLiteDriver(
        file,
        Turnstile(file.with_name(file.name + ".lock")),
        prepare=partial(_prepare_tables, file=file),
        durable=durability == "full",
        vfs=vfs,
        on_close=on_close,
    )
    if on_close is not None:
        weakref.finalize(driver, on_close)  # also if nobody calls close()
    try:
        store = EngineStore(driver, SQLiteDialect(), **options)
        driver.run(store.catalog.load())
        lacking = [each for each in indexes if not store.catalog.has_everywhere(store.partition(), each)]
        if lacking:
            driver.run(store.create_indexes(lacking))
    except BaseException:
        driver.close()
        raise
    driver.after_fork = store.after_fork
    return store


def _read_indexes(
    path: str | os.PathLike[str],
) -> tuple[tuple[CompositeIndex, ...], Callable[[Iterable[Needs]], bool]]:
    """The indexes of the file at *path*, and what adds to it."""
    try:
        from kindstore.backends.index_file import IndexFile  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "yaml":
            raise
        raise BadArgumentError(
            "a file of indexes needs the package pyyaml", hint="pip install 'kindstore[yaml]'"
        ) from None
    file = IndexFile(_file_of(path))
    return file.read(), file.update


def _check_options(durability: object, vfs: object, options: dict[str, Any]) -> None:
    """`BadArgumentError` for what can't be, before there is a file."""
    if durability not in ("full", "relaxed"):
        raise BadArgumentError("durability is full or relaxed", durability=durability)
    if vfs is not None and vfs not in apsw.vfs_names():
        raise BadArgumentError("SQLite has no such file layer", vfs=vfs)
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        known = ", ".join(sorted({"durability", "index_file", *_OPTIONS}))
        raise BadArgumentError("unknown options", unknown=unknown, hint=f"There are {known}.")
    project = options.get("project", "kindstore")
    if not isinstance(project, str) or not project:
        raise BadArgumentError("a project is a str that is not empty", project=project)
    choice(IdPolicy, "id_policy", options.get("id_policy", IdPolicy.SCATTERED))
    choice(Concurrency, "concurrency", options.get("concurrency", Concurrency.OPTIMISTIC))
    choice(Indexes, "indexes", options.get("indexes", Indexes.PERMISSIVE))
    for clock in ("clock", "now"):
        if clock in options and not callable(options[clock]):
            raise BadArgumentError("a clock is a function", **{clock: options[clock]})


def _file_of(path: str | os.PathLike[str]) -> Path:
    """*path* from the root; `BadArgumentError` if no file can have that name."""
    text = os.fspath(path)
    try:
        possible = bool(text) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise BadArgumentError("no file can have this name", path=text)
    if text.endswith("/"):
        raise StorageError("a database is a file, not a directory", path=text)
    return Path(os.path.abspath(text))  # noqa: PTH100  # resolve() would follow the links that are refused


def _remove(directory: str, owner: int) -> None:
    if os.getpid() == owner:  # and not in a forked child, which has only inherited it
        shutil.rmtree(directory, ignore_errors=True)


def _make_file(file: Path) -> None:
    # Not even opened where it is there: closing it would drop the locks of another store of this process.
    if file.exists():
        if not file.is_file():
            raise StorageError("a database is a file, not a directory or a device", path=str(file))
        return
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StorageError(
            "the file can't be made", path=str(file), cause=error.strerror, hint="Does its directory exist?"
        ) from error
    os.close(handle)


def _prepare_tables(writer: Connection, file: Path) -> None:
    """Make the tables in a new file; refuse a newer version's."""
    found = _format_of(writer, file)
    if found == FORMAT:
        return
    if found:
        _upgrade(writer, file)
        return
    writer.execute("BEGIN IMMEDIATE")
    try:
        writer.run([(text, ()) for text in Dialect.create_tables])
        writer.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        writer.execute(f"PRAGMA user_version = {FORMAT:d}")
        writer.execute("COMMIT")
    except BaseException:
        writer.end()
        raise


def _upgrade(writer: Connection, file: Path) -> None:
    """Bring the tables of an older version up to date, all or nothing."""
    writer.execute("BEGIN IMMEDIATE")
    try:
        found = _format_of(writer, file)  # another process may just have done it
        for before, texts in Dialect.upgrades:
            if found <= before:
                writer.run([(text, ()) for text in texts])
        writer.execute(f"PRAGMA user_version = {FORMAT:d}")
        writer.execute("COMMIT")
    except BaseException:
        writer.end()
        raise


def _format_of(writer: Connection, file: Path) -> int:
    """The version of the tables, 0 for an empty file; `FormatError` for a newer version's.

    The connection has refused databases of other programs.
    """
    pragmas: Batch = [(f"PRAGMA {name}", ()) for name in ("application_id", "user_version")]
    [[(application,)], [(version,)]] = writer.run(pragmas)
    if application != APPLICATION_ID:
        return 0
    if version > FORMAT:
        raise FormatError(
            "the database was written by a newer version",
            path=str(file),
            format=version,
            known=FORMAT,
            hint="Upgrade kindstore to open it.",
        )
    found: int = version
    return found
