"""Room in the write-ahead log, made ahead of need.

A commit that makes the log longer has the disk write the file system's records of it as well, each time; one that writes
over what is there has not: 40 µs of CPU and 125 µs in all against 75 and 210 (ext4; docs/performance.md).  So zeros are
put behind the log's end, many pages at once.

Zeros are no part of the log.  SQLite knows where it ends from its own index, and after a crash reads up to the first
frame that does not carry the log's salt; it writes by position, and never asks how long the file is but to cut it.  They
are appended, so that they come behind whatever another program may have written in that moment.  A log that loses them,
or gets no more of them, is one like any other.
"""

from __future__ import annotations

import os
import sys

from . import guard

FRAME = 4096 + 24
"""Bytes in the log for each page."""

START = 16
"""Pages in the log from which on it gets room: less is written by programs that only look."""

STEP = 1 << 20
"""Bytes that are added at most; before that, as many as there are."""

_ZEROS = bytes(1 << 16)
"""What is written at once: the kernel keeps it in one piece, which also makes it cheaper to write over."""


class LogRoom:
    """The room in the log of the database at *path*, up to *limit* pages; none at all unless *useful*.

    Used by whoever holds the database's turnstile.
    """

    __slots__ = ("_least", "_limit", "_log", "_used", "pages")

    def __init__(self, path: str, limit: int, *, useful: bool) -> None:
        self._log = f"{path}-wal"
        self._limit = limit
        self._used = 0
        self._least = START if useful and sys.platform == "linux" else sys.maxsize
        self.pages = self._least
        """Pages of the log up to which there is nothing to do."""

    def note(self, used: int) -> None:
        """The log has *used* pages by now; fewer than before if it began anew, and somebody may have cut it."""
        if used < self._used:
            self.pages = self._least
        self._used = used

    def make(self) -> None:
        """Make room for as many pages again as the log has, if there is not; without effect where that can't be.

        A trouble of the disk is left to the commit that meets it.
        """
        wanted = min(self._used + min(self._used, STEP // FRAME), self._limit) * FRAME
        self.pages = sys.maxsize  # until the log begins anew
        try:
            log = guard.open_log(self._log)
        except OSError:
            return
        try:
            size = os.fstat(log).st_size
            while size < wanted:
                size += os.write(log, _ZEROS)
            if size < self._limit * FRAME:
                self.pages = size // FRAME
        except OSError:
            return
        finally:
            os.close(log)
