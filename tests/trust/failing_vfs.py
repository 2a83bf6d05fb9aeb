"""Fail one chosen disk operation of a run, or all from it on, as a broken or a full disk would.

`faults` numbers the operations of a run (open, read, write, sync, truncate, delete) from 1 and makes
number n fail; a sweep repeats the run for n = 1, 2, … until no fault is reached, so that every operation
has failed once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import apsw

from tests.trust.recording_vfs import file_name

if TYPE_CHECKING:
    from apsw import URIFilename
    from typing_extensions import Buffer


class Failure(Enum):
    """What the disk says."""

    IO = "input/output error"
    FULL = "disk full"


_IO_CODES = {
    "open": apsw.SQLITE_CANTOPEN,
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "delete": apsw.SQLITE_IOERR_DELETE,
}
# As SQLite's own VFS reports a full disk: only a write says so; a sync that found no room is an I/O error.
_FULL_CODES = _IO_CODES | {"write": apsw.SQLITE_FULL}


@dataclass
class Fault:
    """Operation number `at` fails (and with `persistent` every one after it); 0 fails none.

    `armed` says whether operations count now; `operations` how many have; `struck` names what failed first.
    """

    vfs: str
    at: int
    failure: Failure
    persistent: bool
    armed: bool = False
    operations: int = 0
    struck: str = ""

    def meet(self, operation: str, file: str) -> None:
        """Count *operation* on *file*.

        Raises:
            apsw.Error: if this is the one that fails.
        """
        if not self.armed:
            return
        self.operations += 1
        if self.operations == self.at or (self.persistent and 0 < self.at < self.operations):
            self.struck = self.struck or f"{operation} of {file}"
            codes = _FULL_CODES if self.failure is Failure.FULL else _IO_CODES
            raise apsw.exception_for(codes[operation])

    def __str__(self) -> str:
        lasting = "persistent" if self.persistent else "one-shot"
        return f"fault {self.at}, {lasting}, {self.failure.value}: {self.struck or 'not reached'}"


class FailingFile(apsw.VFSFile):
    """An ordinary file whose operations meet the fault."""

    def __init__(self, fault: Fault, name: str | URIFilename | None, flags: list[int]) -> None:
        self._fault = fault
        self._file = file_name(name)
        fault.meet("open", self._file)
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._fault.meet("read", self._file)
        return super().xRead(amount, offset)

    def xWrite(self, data: Buffer, offset: int) -> None:  # noqa: N802
        self._fault.meet("write", self._file)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._fault.meet("truncate", self._file)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._fault.meet("sync", self._file)  # the real sync is not waited for: nothing here loses power


class FailingVfs(apsw.VFS):
    """The default VFS, with `FailingFile`s."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.vfs, "")
        self._fault = fault

    def xOpen(self, name: str | URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return FailingFile(self._fault, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._fault.meet("delete", file_name(filename))
        super().xDelete(filename, syncdir)


@contextmanager
def failing(
    at: int, failure: Failure = Failure.IO, *, persistent: bool = False, name: str = "failing"
) -> Generator[Fault]:
    """Register a failing VFS called *name* for as long as the block runs. Set `armed` to start the count."""
    fault = Fault(name, at, failure, persistent)
    vfs = FailingVfs(fault)
    try:
        yield fault
    finally:
        vfs.unregister()


def faults(failure: Failure, *, persistent: bool, name: str = "failing") -> Iterator[Fault]:
    """One registered fault after another, n = 1, 2, …; ends after the first run that did not reach its fault."""
    at = 0
    struck = True
    while struck:
        at += 1
        with failing(at, failure, persistent=persistent, name=name) as fault:
            yield fault
            struck = bool(fault.struck)
