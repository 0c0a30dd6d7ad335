"""A disk as it may be after a power cut: real processes' changes are recorded, and any moment of them is rebuilt.

What was synced is there. What was written since may be there, missing, or there in part, sector by sector (512 bytes or a page);
the same holds for the entries of directories, which are sure only after the directory itself was synced (POSIX promises no more,
even where ext4 does). The wal-index is left out: after a cut SQLite makes it anew.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests import tools

T = TypeVar("T")
HEAD = struct.Struct("<IIQqII")
MODES = ("nothing", "everything", "first part", "any part", "torn")


@dataclass(frozen=True)
class Record:
    """One thing that a process did."""

    kind: str
    tag: int
    inode: int
    offset: int
    path: str
    data: bytes


def library(folder: Path) -> Path:
    """The recorder, compiled."""
    made = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run([tools.compiler(), "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return made


def records(log: Path) -> list[Record]:
    """What the recorder wrote down."""
    data, place, found = log.read_bytes(), 0, []
    while place < len(data):
        kind, tag, inode, offset, first, second = HEAD.unpack_from(data, place)
        place += HEAD.size
        path, rest = data[place : place + first], data[place + first : place + first + second]
        place += first + second
        name = path.decode().removesuffix(" (deleted)")
        if not name.endswith("-shm"):
            found.append(Record(chr(kind), tag, inode, offset, name, rest))
    return found


@dataclass
class File:
    """A file's content: what is sure, and the changes since, oldest first. A change is an offset and bytes, or a new length."""

    mode: int = 0o600
    sure: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.since:
            apply(self.sure, change)
        self.since.clear()

    def after(self, mode: str, chance: random.Random) -> bytes:
        made = bytearray(self.sure)
        for change in survivors(self.since, mode, chance):
            for piece in pieces(change, chance) if mode == "torn" else [change]:
                apply(made, piece)
        return bytes(made)


@dataclass
class Folder:
    """A directory: the entries that are sure, and the changes since. A change sets names (None: removes them) as one step."""

    sure: dict[str, File | Folder | str] = field(default_factory=dict)
    since: list[dict[str, File | Folder | str | None]] = field(default_factory=list)

    def entries(self, mode: str, chance: random.Random) -> dict[str, File | Folder | str]:
        made: dict[str, File | Folder | str | None] = dict(self.sure)
        for change in survivors(self.since, mode, chance):
            made.update(change)
        return {name: entry for name, entry in made.items() if entry is not None}

    def sync(self) -> None:
        self.sure = self.entries("everything", random.Random(0))
        self.since.clear()


def apply(content: bytearray, change: tuple[int, bytes | None]) -> None:
    """Make one change in place; what lies between the old end and a write is zeros."""
    offset, data = change
    end = offset + len(data or b"")
    content.extend(bytes(max(0, end - len(content))))
    if data is None:
        del content[offset:]
    else:
        content[offset:end] = data


def survivors(changes: list[T], mode: str, chance: random.Random) -> list[T]:
    """The changes that reached the disk without a sync."""
    if mode == "everything":
        return changes
    if mode == "nothing":
        return []
    if mode == "first part":
        return changes[: chance.randint(0, len(changes))]
    return [change for change in changes if chance.random() < 0.5]


def pieces(change: tuple[int, bytes | None], chance: random.Random) -> list[tuple[int, bytes | None]]:
    """A write, torn at the boundaries of sectors or pages: some of its parts."""
    offset, data = change
    if data is None:
        return [change]
    size = chance.choice((512, 4096))
    cuts = [0, *range(size - offset % size, len(data), size), len(data)]
    parts: list[tuple[int, bytes | None]] = [
        (offset + start, data[start:end]) for start, end in itertools.pairwise(cuts) if chance.random() < 0.5
    ]
    return parts


class Disk:
    """Plays records of changes below `root`, and rebuilds what a power cut at this moment may have left."""

    def __init__(self, root: Path, syncs: Callable[[str], bool] = lambda path: True) -> None:
        self.root = str(root)
        self.syncs = syncs  # which paths' syncs are honoured while it is lying: the negative control
        self.lying = True
        self.folders: dict[str, Folder] = {self.root: Folder()}
        self.files: dict[int, File] = {}

    def play(self, record: Record) -> None:
        """One thing more was done."""
        path, file = record.path, self.files.get(record.inode)
        match record.kind:
            case "O":
                self.files[record.inode] = File(record.offset)  # of a new file, its mode
                self._enter({path: self.files[record.inode]})
            case "M":
                self.folders[path] = Folder()
                self._enter({path: self.folders[path]})
            case "L":
                self._enter({path: os.fsdecode(record.data)})
            case "U":
                self._enter({path: None})
            case "R":
                target = record.data.decode()
                self._enter({target: self._now(path), path: None})
            case "W" if file is not None:
                file.since.append((record.offset, record.data))
            case "T" if file is not None:
                file.since.append((record.offset, None))
            case "S" | "d" if self.lying and not self.syncs(path):
                return
            case "S" if file is not None:
                file.sync()
            case "d" if path in self.folders:
                self.folders[path].sync()

    def _enter(self, changes: dict[str, File | Folder | str | None]) -> None:
        (place,) = {os.path.dirname(path) for path in changes}
        self.folders[place].since.append({os.path.basename(path): entry for path, entry in changes.items()})

    def _now(self, path: str) -> File | Folder | str:
        return self.folders[os.path.dirname(path)].entries("everything", random.Random(0))[os.path.basename(path)]

    def rebuild(self, mode: str, chance: random.Random) -> None:
        """Put the disk, as the cut left it, where it was."""
        shutil.rmtree(self.root, ignore_errors=True)
        self._build(self.folders[self.root], self.root, mode, chance)

    def _build(self, folder: Folder, path: str, mode: str, chance: random.Random) -> None:
        os.mkdir(path, 0o700)
        for name, entry in folder.entries(mode, chance).items():
            target = os.path.join(path, name)
            if isinstance(entry, Folder):
                self._build(entry, target, mode, chance)
            elif isinstance(entry, str):
                os.symlink(entry, target)
            else:
                with open(os.open(target, os.O_WRONLY | os.O_CREAT, entry.mode), "wb") as file:
                    file.write(entry.after(mode, chance))
