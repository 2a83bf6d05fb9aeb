"""index.yaml on disk: read when a store is opened, and its automatic part rewritten from the queries that ran.

Needs PyYAML (``pip install 'kindstore[yaml]'``): import this module only where such a file is at hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

from kindstore.engine import index_yaml
from kindstore.engine.composite import CompositeIndex, Needs
from kindstore.values.errors import IndexFileError, StorageError


class IndexFile:
    """The file of indexes at *path*, which need not be there.  May be used by several threads and processes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # The file that a link leads to is replaced, not the link.
        self.path = Path(os.path.realpath(path))

    def __repr__(self) -> str:
        return f"IndexFile({str(self.path)!r})"

    def read(self) -> tuple[CompositeIndex, ...]:
        """All indexes of the file, in both parts; none if there is no file.

        `IndexFileError`, with the line, if it can't be understood; `StorageError` if it can't be read.
        """
        text = self._text()
        if text is None:
            return ()
        manual, automatic = index_yaml.read(text, str(self.path))
        return (*manual, *automatic)

    def update(self, history: Iterable[Needs]) -> bool:
        """Add what queries with the needs of *history* could use to the automatic part; whether that changed it.

        A file is made where there is none; one without automatic part is left alone.  The file is replaced as a
        whole, so that nobody reads half of one, and keeps its permissions.  Errors as `read`.
        """
        try:
            with self._locked():
                text = index_yaml.update(self._text(), history, str(self.path))
                if text is None:
                    return False
                self._replace(text)
                return True
        except OSError as error:
            raise self._unwritten(error) from error

    def _text(self) -> str | None:
        try:
            with self.path.open(encoding="utf-8", newline="") as file:  # line ends are kept
                return file.read()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise IndexFileError(
                "no UTF-8",
                file=str(self.path),
                line=error.object.count(b"\n", 0, error.start) + 1,
                hint="Save it as UTF-8.",
            ) from None
        except OSError as error:
            raise StorageError(
                "the file of indexes can't be read", path=str(self.path), cause=error.strerror
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        """Alone among the processes that update: what one has added must not be lost to another."""
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _replace(self, text: str) -> None:
        try:
            mode = self.path.stat().st_mode & 0o7777
        except FileNotFoundError:
            mode = 0o644
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fchmod(handle, mode)
                os.fsync(handle)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _unwritten(self, error: OSError) -> StorageError:
        return StorageError("the file of indexes can't be written", path=str(self.path), cause=error.strerror)
