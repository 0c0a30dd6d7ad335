"""The lock that programs of Node put on their files: a directory beside the file, which whoever writes makes and removes.

As npm's proper-lockfile does it: its holder touches the directory every 5 s, and one that was not touched for 10 s is nobody's.
"""

from __future__ import annotations

import os
import time

from sos import files
from sos.model.errors import Conflict, RuntimeConfigError, StoreUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

STALE = 10.0
"""Seconds after the last touch from which on the lock is nobody's."""


class DirectoryLock:
    """Hold such a lock, or wait for it until a deadline. It is not touched: who holds it for 10 s may lose it (`still_ours`)."""

    def __init__(self, path: str, seconds: float, waiting: Callable[[str], None]) -> None:
        self._path = path
        self._seconds = seconds
        self._waiting = waiting
        self._made = 0

    def __enter__(self) -> Self:
        """Take it. Raises StoreUnreachable at the deadline or where the disk refuses, RuntimeConfigError, StorageFull."""
        ends = time.monotonic() + self._seconds
        said = False
        while not self._take():
            if time.monotonic() >= ends:
                raise StoreUnreachable(
                    f"{self._path} is held by another program; nothing was written",
                    next_step=f"close what writes the file, or wait until {self._path} is gone, then: sos repair",
                )
            if not said:
                self._waiting(f"waiting for {self._path}")
                said = True
            time.sleep(0.02)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._is_ours():
            os.rmdir(self._path)

    def still_ours(self) -> None:
        """Raises Conflict where the lock was taken away meanwhile."""
        if not self._is_ours():
            raise Conflict(f"the lock {self._path} was lost; nothing was written", next_step="sos repair")

    def _take(self) -> bool:
        try:
            os.mkdir(self._path, 0o755)
            self._made = os.stat(self._path).st_ino
        except FileExistsError:
            self._clear()
            return False
        except OSError as error:
            if error.errno in files.LACKING:
                raise files.translated(error, self._path) from error
            raise RuntimeConfigError(
                f"{self._path}: {error.strerror}; nothing was written",
                next_step=f"make the directory writable: chmod u+w {os.path.dirname(self._path)}",
            ) from error
        return True

    def _clear(self) -> None:
        """Remove a lock that is nobody's: the next attempt may take it."""
        try:
            if time.time() - os.stat(self._path).st_mtime > STALE:
                os.rmdir(self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise RuntimeConfigError(
                f"{self._path} stands in the way of the lock: {error.strerror}; nothing was written",
                next_step=f"look at it, and move it away: ls -la {self._path}",
            ) from error

    def _is_ours(self) -> bool:
        try:
            return os.stat(self._path).st_ino == self._made
        except FileNotFoundError:
            return False
