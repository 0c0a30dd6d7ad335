"""The quiet file of an agent behind a server: it says that nothing waits, and tool batches then start nothing.

With an embedded store the store keeps it (stores/sqlite/ring.py). Behind a server `sos watch` does, from afar: it may be late by
one round trip, and no hook believes it once its watch is gone.
"""

from __future__ import annotations

import os
import time

from sos import files

SWEEP = 15.0
"""Seconds after which it is looked at anew, at most."""


def path(root: str, slug: str) -> str:
    """Where it is."""
    return os.path.join(root, "run", f"quiet-{slug}")


def keep(place: str, descriptor: int) -> None:
    """Say that nothing waits, as long as this process lives and has this descriptor open. Raises StorageFull, HomeDamaged.

    The file is a link to the descriptor (Linux: proc(5)), which leads nowhere when the process has ended, however it ended; where
    there is no /proc, a plain file, which the next full check finds to be old.
    """
    target = f"/proc/{os.getpid()}/fd/{descriptor}"
    try:
        if not os.path.exists(target):
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        elif not os.path.islink(place) or os.readlink(place) != target:
            files.remove(place)
            os.symlink(target, place)
        os.utime(place, follow_symlinks=False)
    except OSError as error:
        raise files.translated(error, place) from error


def ring(place: str) -> None:
    """Something may wait: nobody says any longer that nothing does. Raises HomeDamaged, StoreUnreachable."""
    files.remove(place)


def is_old(place: str) -> bool:
    """Whether it is there, and whoever keeps it has not looked for two sweeps."""
    try:
        return time.time() - os.lstat(place).st_mtime > 2 * SWEEP
    except FileNotFoundError:
        return False
