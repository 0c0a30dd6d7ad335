"""Room kept for the day when the disk is full: a file in SOS_HOME that the watchdog removes when it is critical.

Not the store's own ballast (2 MiB beside the store, for acks and calls for help): this one gives the whole machine a little air,
so that configs can be written and a shell works while somebody frees space.
"""

from __future__ import annotations

import os

from sos import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.recovery.disk import Amount, Level

BYTES = 32 << 20
PLENTY = 1 << 30
"""Bytes that must be free before it is made: what was full yesterday is not filled today for tomorrow's sake."""
_PIECE = 1 << 20


def path_of(home: str) -> str:
    """Where it is. `home` is SOS_HOME."""
    return os.path.join(home, "ballast")


def held(home: str) -> bool:
    """Whether it is there."""
    return os.path.lexists(path_of(home))


def settle(home: str, level: Level, space: Amount | None, *, make: bool = True) -> str:
    """Make it where all is well and there is plenty of room, remove it where it is critical; what was done, or nothing.

    `make`: whether it may be made now. Raises StorageFull, StoreUnreachable, HomeDamaged.
    """
    if level == "critical" and held(home):
        files.remove(path_of(home))
        return "released"
    if make and level == "ok" and space is not None and space.free > PLENTY and not held(home):
        _make(path_of(home))
        return "made"
    return ""


def _make(path: str) -> None:
    temporary = f"{path}.tmp"
    try:
        # One that a killed watchdog left is begun again, so there is never more than one.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _fill(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except OSError as error:
        files.remove(temporary)
        raise files.translated(error, path) from error


def _fill(descriptor: int) -> None:
    """Take real blocks. Where the system only notes down that there are zeros, bytes that no file system makes smaller."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        os.posix_fallocate(descriptor, 0, BYTES)
        os.fsync(descriptor)
        if os.fstat(descriptor).st_blocks * 512 >= BYTES:
            return
    for place in range(0, BYTES, _PIECE):
        os.pwrite(descriptor, os.urandom(_PIECE), place)
    os.fsync(descriptor)
