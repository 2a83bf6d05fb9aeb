"""The queue in which processes wait to write one database file.

SQLite's own waiting can starve one of two writers completely (design/reliability.md 3.4); the kernel's queue for a
file lock is fair, and it lets go when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from kindstore.values.errors import StorageError


class Turnstile:
    """An exclusive `flock` on a file beside the database.  One thread of a process uses it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = -1

    def __enter__(self) -> None:
        if self._handle < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
            try:
                self._handle = os.open(self.path, flags, 0o600)
            except OSError as error:
                raise StorageError(
                    "the file of the lock can't be opened",
                    path=str(self.path),
                    cause=error.strerror,
                    hint="Whoever opens a database must be allowed to write in its directory.",
                ) from error
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:  # closed inside, by an opening that failed
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file; the next use opens it again.  In a child process: of the parent's."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
