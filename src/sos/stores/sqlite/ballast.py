"""Room kept for the day when the disk is full: a file beside the store, given up so that acks and calls for help still work.

Real bytes, since a file system may store zeros in no space at all. While it is gone, ordinary sends are refused until the disk
has room for it again; otherwise the first of them would eat what was meant for help.
"""

from __future__ import annotations

import os

from sos import files
from sos.model.errors import StorageFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Kept = TypeVar("Kept")

BALLAST_BYTES = 2 << 20
"""Enough for the log of some hundred acks, and for a shared index of SQLite's where there is none yet."""


class Ballast:
    """The ballast of one store."""

    def __init__(self, store: str) -> None:
        self._path = store + ".ballast"

    def require(self) -> None:
        """See that the ballast is there. Raises StorageFull where the disk has no room for it."""
        if not os.access(self._path, os.F_OK):
            self.make()

    def make(self) -> None:
        """Write it, or write it again. Raises StorageFull, StoreUnreachable."""
        files.write(self._path, os.urandom(BALLAST_BYTES))

    def give_up(self) -> bool:
        """Free its room; False where there was none to free."""
        try:
            os.unlink(self._path)
        except OSError:
            return False
        return True

    def saving(self, action: Callable[[], Kept]) -> Kept:
        """Do what must work on a full disk too; where there is no room, in the ballast's. Raises what `action` raises."""
        try:
            return action()
        except StorageFull:
            if not self.give_up():
                raise
        return action()
