"""What somebody else's file was before ours came, and what we wrote into its place: kept until ours is taken out again."""

from __future__ import annotations

import os

from sos import files
from sos.model.digests import sha256
from sos.wiring import foreignfiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MARKS = 8
"""Digests of what we have written that are kept of a config."""


def mark(data: bytes) -> str:
    """The digest by which what we have written is known again."""
    return sha256(data).hex()


def keep(
    home: str,
    owner: str,
    path: str,
    now: bytes | None,
    after: bytes,
    bare: Callable[[bytes, bytes | None], bytes | None],
) -> None:
    """Keep what it was before ours came, and what we are about to write. `home`: SOS_HOME; `owner`: for whom ours is there.

    Where somebody else wrote what it holds `now`, that counts as what it was, without what of ours stands in it: `bare` takes
    that out of the bytes, by what was kept before. Killed before the write, the last one is still known as ours. Raises
    StorageFull, and what `bare` raises.
    """
    folder = _folder(home, owner, path)
    marks, before = kept(home, owner, path)
    for place in (home, os.path.join(home, "connected"), os.path.dirname(folder), folder):
        files.private_directory(place)
    if now is None or mark(now) not in marks:
        before = None if now is None else bare(now, before)
        marks = []
        files.remove(os.path.join(folder, "marks"))
        if before is None:
            files.remove(os.path.join(folder, "before"))
        else:
            files.write(os.path.join(folder, "before"), before)
    files.write(os.path.join(folder, "after"), after)
    marks = [*marks, mark(after)][-MOST_MARKS:]
    files.clear(os.path.join(folder, "marks"))
    files.write(os.path.join(folder, "marks"), "".join(f"{each}\n" for each in marks).encode())


def kept(home: str, owner: str, path: str) -> tuple[list[str], bytes | None]:
    """The digests of what we have written, and what had been there before (None: nothing was)."""
    folder = _folder(home, owner, path)
    marks = files.read(os.path.join(folder, "marks")) or b""
    return marks.decode("ascii", "replace").split(), files.read(os.path.join(folder, "before"), limit=foreignfiles.LARGEST)


def written(home: str, owner: str, path: str) -> str:
    """Where a copy of what was written last stands, if anything was: for a repair it is a backup."""
    return os.path.join(_folder(home, owner, path), "after")


def forget(home: str, owner: str, path: str) -> None:
    """Ours was taken out."""
    folder = _folder(home, owner, path)
    if os.path.isdir(folder):
        for name in sorted(os.listdir(folder), reverse=True):  # the marks first, and what killed writes have left
            files.remove(os.path.join(folder, name))
        os.rmdir(folder)


def _folder(home: str, owner: str, path: str) -> str:
    return os.path.join(home, "connected", owner, mark(os.fsencode(os.path.realpath(path)))[:32])
