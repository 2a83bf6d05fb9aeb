"""What a power loss can leave on the disk, for every moment of a workload.

A workload runs once over `recording`, an apsw VFS that logs every write, truncate, sync and unlink, and
the workload marks each commit that was acknowledged.  `images` then rebuilds, for every position of that
log, what a disk may hold if the power fails there:

1. everything that a completed sync covered is there;
2. of the writes after it any subset is, in any order, each torn at 512-byte sectors;
3. truncates keep their place among the writes of their file;
4. creations and unlinks happen in order, and the last few may not have happened; a file's first sync
   makes them certain, and so does an unlink that asks for it;
5. `-shm` and lock files are gone.

Not modelled: bit rot, a sector that is itself half written, a disk that reorders across a sync (but see
*lying*, the negative control).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import apsw

if TYPE_CHECKING:
    from apsw import URIFilename
    from typing_extensions import Buffer

SECTOR = 512


class Write(NamedTuple):
    """`content` was written to `file` at byte `offset`."""

    file: str
    offset: int
    content: bytes


class Truncate(NamedTuple):
    """`file` was cut to `size` bytes."""

    file: str
    size: int


class Sync(NamedTuple):
    """A sync of `file` ended; it began when the log had `covers` entries."""

    file: str
    covers: int


class Delete(NamedTuple):
    """`file` was unlinked, and if `durable`, its directory synced."""

    file: str
    durable: bool


class Mark(NamedTuple):
    """The workload says something about itself here, such as "commit 17 was acknowledged"."""

    number: int


Entry = Write | Truncate | Sync | Delete | Mark


class RecordingFile(apsw.VFSFile):
    """An ordinary file that logs what changes it."""

    def __init__(self, log: list[Entry], name: str | URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._log = log
        self._file = file_name(name)

    def xWrite(self, data: Buffer, offset: int) -> None:  # noqa: N802
        self._log.append(Write(self._file, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._log.append(Truncate(self._file, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        covers = len(self._log)
        # The disk's own promise is simulated, so there is no need to wait for the real one.
        self._log.append(Sync(self._file, covers))


class RecordingVfs(apsw.VFS):
    """The default VFS, with `RecordingFile`s."""

    def __init__(self, name: str, log: list[Entry]) -> None:
        super().__init__(name, "")
        self._log = log

    def xOpen(self, name: str | URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return RecordingFile(self._log, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._log.append(Delete(Path(filename).name, bool(syncdir)))
        super().xDelete(filename, syncdir)


def file_name(name: str | URIFilename | None) -> str:
    """The last part of a name as SQLite hands it to a VFS; empty for a nameless temporary file."""
    if name is None:
        return ""
    return Path(name if isinstance(name, str) else name.filename()).name


@dataclass
class Recording:
    """The log of one workload. `vfs` is the name to open databases with."""

    vfs: str
    log: list[Entry] = field(default_factory=list[Entry])

    def acknowledge(self, number: int) -> None:
        """The commit called *number* has returned: from here on no power loss may undo it."""
        self.log.append(Mark(number))


@contextmanager
def recording(name: str = "recording") -> Generator[Recording]:
    """Register a recording VFS called *name* for as long as the block runs."""
    taken = Recording(name)
    vfs = RecordingVfs(name, taken.log)
    try:
        yield taken
    finally:
        vfs.unregister()


# --- the disk after the power has failed --------------------------------------------------------------


class _Inode:
    """A file's content: what is certain, and the changes since, with the log position of each."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[tuple[int, Write | Truncate]] = []
        self.linked_for_sure = False

    def sync(self, covers: int) -> None:
        for position, change in self.pending:
            if position < covers:
                _apply(self.durable, change)
        self.pending = [(p, c) for p, c in self.pending if p >= covers]


class _Directory:
    """Names as they are surely, and the links and unlinks since."""

    def __init__(self) -> None:
        self.durable: dict[str, _Inode] = {}
        self.pending: list[tuple[str, _Inode | None]] = []
        self.now: dict[str, _Inode] = {}

    def file(self, name: str) -> _Inode:
        if name not in self.now:
            self.now[name] = _Inode()
            self.pending.append((name, self.now[name]))
        return self.now[name]

    def unlink(self, name: str) -> None:
        if self.now.pop(name, None) is not None:
            self.pending.append((name, None))

    def sync(self) -> None:
        self.durable = dict(self.now)
        self.pending.clear()

    def after(self, steps: int) -> dict[str, _Inode]:
        names = dict(self.durable)
        for name, inode in self.pending[:steps]:
            if inode is None:
                names.pop(name, None)
            else:
                names[name] = inode
        return names


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        if change.size < len(content):
            del content[change.size :]
        else:
            content.extend(bytes(change.size - len(content)))
    else:
        gap = change.offset - len(content)
        if gap > 0:
            content.extend(bytes(gap))
        content[change.offset : change.offset + len(change.content)] = change.content


@dataclass(frozen=True)
class Image:
    """The files of a directory after a power loss at `position` of the log."""

    position: int
    files: dict[str, bytes]
    acknowledged: tuple[int, ...]
    story: str

    def digest(self) -> bytes:
        """A hash of names and contents: images with the same one hold the same files."""
        found = hashlib.blake2b(digest_size=16)
        for name in sorted(self.files):
            found.update(f"{name} {len(self.files[name])}\n".encode())
            found.update(self.files[name])
        return found.digest()

    def write_to(self, directory: Path) -> None:
        """Make *directory* hold these files and no others."""
        directory.mkdir(exist_ok=True)
        for old in directory.iterdir():
            old.unlink()
        for name, content in self.files.items():
            (directory / name).write_bytes(content)


def images(
    log: list[Entry],
    *,
    per_position: int = 3,
    seed: int = 0,
    lying: float = 0.0,
    within: range | None = None,
) -> Iterator[Image]:
    """Post-crash images for every position of *log*, *per_position* of each, the same for the same *seed*.

    The second image of a position has lost everything that was not synced; the others are random.
    *lying* is the part of syncs that a broken disk reports done and does not do. *within* makes images of
    these positions only.
    """
    chance = random.Random(seed)
    directory = _Directory()
    acknowledged: list[int] = []
    for position, entry in enumerate(log):
        match entry:
            case Write(file) | Truncate(file):
                directory.file(file).pending.append((position, entry))
            case Sync(file, covers):
                if chance.random() >= lying:
                    inode = directory.file(file)
                    inode.sync(covers)
                    if not inode.linked_for_sure:
                        inode.linked_for_sure = True
                        directory.sync()
            case Delete(file, durable):
                directory.unlink(file)
                if durable and chance.random() >= lying:
                    directory.sync()
            case Mark(number):
                acknowledged.append(number)
        if within is not None and position not in within:
            continue
        for number in range(per_position):
            keep = 0.0 if number == 1 else chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
            yield _image(directory, position, tuple(acknowledged), keep, chance)


def _image(
    directory: _Directory, position: int, acknowledged: tuple[int, ...], keep: float, chance: random.Random
) -> Image:
    steps = chance.randint(0, len(directory.pending)) if keep else 0
    files: dict[str, bytes] = {}
    for name, inode in directory.after(steps).items():
        if not name.endswith("-shm"):
            files[name] = _survivor(inode, keep, chance)
    story = f"position {position}, kept {keep:.0%} of unsynced changes and {steps} names of {len(directory.pending)}"
    return Image(position, files, acknowledged, story)


def _survivor(inode: _Inode, keep: float, chance: random.Random) -> bytes:
    """The durable content with a part *keep* of the unsynced changes, the writes in any order and torn."""
    if not keep or not inode.pending:
        return bytes(inode.durable)
    content = bytearray(inode.durable)
    batch: list[Write] = []

    def settle() -> None:
        chance.shuffle(batch)
        for write in batch:
            for piece in _torn(write, keep, chance):
                _apply(content, piece)
        batch.clear()

    for _, change in inode.pending:
        if isinstance(change, Write):
            batch.append(change)
        elif chance.random() < keep:
            settle()
            _apply(content, change)
    settle()
    return bytes(content)


def _torn(write: Write, keep: float, chance: random.Random) -> Iterator[Write]:
    if chance.random() >= keep:
        return
    if keep == 1.0 or chance.random() < 0.7:
        yield write
        return
    # Sectors are those of the disk, not of the write: the first and last piece may be shorter.
    start, end = write.offset, write.offset + len(write.content)
    edges = [start, *range(start - start % SECTOR + SECTOR, end, SECTOR), end]
    for low, high in pairwise(edges):
        if chance.random() < 0.5:
            yield Write(write.file, low, write.content[low - start : high - start])
