"""What a runtime's config was before ours came, and what we wrote into its place: kept below SOS_HOME until ours is taken out."""

from __future__ import annotations

import os

from sos import files
from sos.model.digests import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.configs import Config

LARGEST = 16 << 20
"""Bytes of a config that is kept, and so changed."""
MOST_MARKS = 8
"""Digests of what we have written that are kept of a config."""


def mark(data: bytes) -> str:
    """The digest by which what we have written is known again."""
    return sha256(data).hex()


def keep(
    home: str,
    runtime: str,
    config: Config,
    now: bytes | None,
    after: bytes,
    bare: Callable[[bytes, bytes | None], bytes | None],
) -> None:
    """Keep what it was before ours came, and what we are about to write. `home` is SOS_HOME; `now` is what it holds.

    Where somebody else has written it since, that counts as what it was, without what of ours stands in it: `bare` takes that out
    of the bytes, by what was kept before. Killed before the write, the last one is still known as ours. Raises StorageFull, and
    what `bare` raises.
    """
    folder = _folder(home, runtime, config)
    marks, before = kept(home, runtime, config)
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


def kept(home: str, runtime: str, config: Config) -> tuple[list[str], bytes | None]:
    """The digests of what we have written, and what had been there before (None: nothing was)."""
    folder = _folder(home, runtime, config)
    marks = files.read(os.path.join(folder, "marks")) or b""
    return marks.decode("ascii", "replace").split(), files.read(os.path.join(folder, "before"), limit=LARGEST)


def written(home: str, runtime: str, config: Config) -> str:
    """Where a copy of what was written last stands, if anything was: for a repair it is a backup."""
    return os.path.join(_folder(home, runtime, config), "after")


def forget(home: str, runtime: str, config: Config) -> None:
    """Ours was taken out."""
    folder = _folder(home, runtime, config)
    if os.path.isdir(folder):
        for name in sorted(os.listdir(folder), reverse=True):  # the marks first, and what killed writes have left
            files.remove(os.path.join(folder, name))
        os.rmdir(folder)


def _folder(home: str, runtime: str, config: Config) -> str:
    return os.path.join(home, "connected", runtime, mark(os.fsencode(os.path.realpath(config.path)))[:32])
