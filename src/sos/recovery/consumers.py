"""Where the space of a file system went, of the places that SOS knows: the ten largest directories, found within two seconds."""

from __future__ import annotations

import os
import stat
import time

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.recovery.disk import Place

SHOWN = 10
DEPTH = 2
"""How far below a place a directory is named; what is deeper counts to the one above it."""
SECONDS = 2.0
BETWEEN = 256
"""Entries between two looks at the clock."""


class Consumer(Record):
    """A directory with all below it that is not named by itself: bytes on the disk, and how many entries."""

    path: str
    bytes: int
    entries: int


class Consumers(Record):
    """The largest directories, the largest first, and how much of the whole was seen."""

    largest: tuple[Consumer, ...]
    #: Bytes and entries of all that was looked at, also of what is not among the largest.
    bytes: int
    entries: int
    #: Where the time was over, one directory for each place that was not finished.
    stopped: tuple[str, ...]
    #: Directories that could not be read.
    closed: int


def consumers(places: Sequence[Place], *, by_entries: bool = False, seconds: float = SECONDS) -> Consumers:
    """Look through places of one file system. Neither a link nor another file system is followed; a hard link counts once.

    Each place gets an equal part of the time that is left. `by_entries`: where inodes are what is lacking. Raises nothing.
    """
    walk = _Walk({os.path.realpath(place.path) for place in places})
    ends = time.monotonic() + seconds
    roots = sorted(walk.roots)
    for number, root in enumerate(roots):
        now = time.monotonic()
        walk.through(root, now + max(ends - now, 0) / (len(roots) - number))
    found = [Consumer(path=path, bytes=took[0], entries=took[1]) for path, took in walk.taken.items() if took[0] or took[1]]
    found.sort(key=lambda each: (each.entries if by_entries else each.bytes, each.path), reverse=True)
    return Consumers(
        largest=tuple(found[:SHOWN]),
        bytes=sum(each.bytes for each in found),
        entries=sum(each.entries for each in found),
        stopped=tuple(walk.stopped),
        closed=walk.closed,
    )


class _Walk:
    """What was counted so far."""

    def __init__(self, roots: set[str]) -> None:
        self.roots = roots
        self.taken: dict[str, list[int]] = {}
        self.stopped: list[str] = []
        self.closed = 0
        self._linked: set[int] = set()
        self._counted = 0

    def through(self, root: str, ends: float) -> None:
        """Everything below a root; another root below it is looked through by itself."""
        try:
            device = os.lstat(root).st_dev
        except OSError:
            self.closed += 1
            return
        waiting = [(root, root, 0)]
        while waiting:
            folder, named, depth = waiting.pop()
            took = self.taken.setdefault(named, [0, 0])
            try:
                with os.scandir(folder) as found:
                    for entry in found:
                        self._counted += 1
                        if self._counted % BETWEEN == 0 and time.monotonic() >= ends:
                            self.stopped.append(folder)
                            return
                        below = self._count(entry, device, took)
                        if below:
                            waiting.append((below, below if depth < DEPTH else named, depth + 1))
            except OSError:
                self.closed += 1

    def _count(self, entry: os.DirEntry[str], device: int, took: list[int]) -> str | None:
        """Count an entry; its path where it is a directory to go into."""
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            return None  # gone since it was listed
        if found.st_dev != device or entry.path in self.roots or found.st_ino in self._linked:
            return None
        folder = stat.S_ISDIR(found.st_mode)
        if found.st_nlink > 1 and not folder:
            self._linked.add(found.st_ino)
        took[0] += found.st_blocks * 512
        took[1] += 1
        return entry.path if folder else None
