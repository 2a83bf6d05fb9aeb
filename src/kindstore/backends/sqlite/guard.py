"""What would silently lose commits, refused: old SQLite libraries, second libraries, stray file handles, bad places.

Each rule was measured (design/reliability.md 3.1-3.3): SQLite before 3.51.3 can lose acknowledged commits when its
log is reset, and closing any other handle of a live database's files drops the locks of the whole process.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import apsw

from kindstore.values.errors import UnsafeStorageError

OLDEST = (3, 51, 3)
WITHDRAWN = (3, 52)

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"})
_live: Counter[str] = Counter()
"""Real paths of the databases that this process has open through us, with how many times."""

_own = threading.local()
"""`opening` is true while this thread is in `open_log`."""

_hooks: list[object] = []
"""The audit hook, once it is installed: it can't be taken away again."""


def check_library() -> None:
    """`UnsafeStorageError` unless the SQLite inside apsw is one that keeps what it acknowledges."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < OLDEST or version[:2] == WITHDRAWN:
        raise UnsafeStorageError(
            "this SQLite can lose acknowledged commits",
            version=apsw.sqlite_lib_version(),
            hint="Install apsw 3.51.3 or newer (and not 3.52).",
        )


def check_place(path: Path) -> None:
    """`UnsafeStorageError` for a symbolic link, a directory that anybody may write to, or a network file system."""
    if path.is_symlink():
        raise UnsafeStorageError(
            "a database must not be a symbolic link",
            path=str(path),
            hint="Name the file that the link points to.",
        )
    if not path.parent.is_dir():
        return  # making the file will say so
    if path.is_file() and path.stat().st_nlink > 1:
        raise UnsafeStorageError(
            "a database must have one name only: through another it would have another log, and lose commits",
            path=str(path),
            hint="Remove the other hard links.",
        )
    mode = path.parent.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise UnsafeStorageError(
            "anybody may replace files in this directory",
            path=str(path.parent),
            hint="Take write permission from others: chmod o-w.",
        )
    kind = _file_system(path.parent)
    if kind in _NETWORK or kind.startswith("fuse.sshfs"):
        raise UnsafeStorageError(
            "a database on a network file system can't be locked reliably",
            path=str(path),
            file_system=kind,
            hint="Put the file on a local disk.",
        )


def _file_system(directory: Path) -> str:
    """The type of the file system that holds *directory*, "" where that can't be told."""
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return ""
    place = str(directory.resolve())
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = fields[4].replace("\\040", " ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[fields.index("-") + 1]
    return kind


def hold(path: Path) -> None:
    """From now on refuse that anything else in this process opens the database at *path*."""
    if not _hooks:
        sys.addaudithook(_refuse)
        _hooks.append(_refuse)
    _live[os.path.realpath(path)] += 1


def let_go(path: Path) -> None:
    """Undo one `hold`."""
    real = os.path.realpath(path)
    _live[real] -= 1
    if _live[real] <= 0:
        del _live[real]


def open_log(path: str) -> int:
    """A handle of the log of a database that is held: SQLite has no locks on that file, so none are dropped.

    Whatever is written goes to its end.  OSError if it is not there, or no file that is opened without waiting (a pipe).
    """
    _own.opening = True
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    finally:
        _own.opening = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _live or (event not in {"open", "sqlite3.connect"}) or getattr(_own, "opening", False):
        return
    name = arguments[0]
    if not isinstance(name, (str, bytes, os.PathLike)):
        return
    name = os.fsdecode(name)  # pyright: ignore[reportUnknownArgumentType]
    if event == "sqlite3.connect" and name.startswith("file:"):
        name = unquote(urlsplit(name).path)
    real = os.path.realpath(name)
    if real.removesuffix("-wal").removesuffix("-shm") in _live:
        raise UnsafeStorageError(
            "this database is open in this process: a second handle would drop its locks",
            path=real,
            hint="Use kindstore to read it, os.stat for its size, or another process.",
        )
