"""The write-ahead log: whether it is long enough to be moved into the database file.

The log's file is written over from its start after each checkpoint, never cut: growing a file makes the disk's sync write
metadata too (a commit cost 2.8 x fdatasync with a log that was cut each time, 1.3 x with one written over; measured). So the
file's size says nothing, and its frames do: each carries the salt of the header that it belongs to.
"""

from __future__ import annotations

import os

HEADER, FRAME_HEADER = 32, 24
"""Bytes before the first frame, and before each page (https://www.sqlite.org/fileformat2.html#walformat)."""
_SALT = 8
CHECKPOINT_BYTES = 1 << 20
"""Bytes in use from which the next writer checkpoints, still under the lock: opening costs 0.4 ms for each MB of them."""
CAP_BYTES = 4 << 20
"""Size that the log's file is cut back to where a reader once held a checkpoint up."""


class Log:
    """The log of an open database. Reading it takes no lock; POSIX locks stand on other files."""

    def __init__(self, path: str, page: int) -> None:
        self._path = path
        self._frame = HEADER + CHECKPOINT_BYTES // (page + FRAME_HEADER) * (page + FRAME_HEADER)
        self._descriptor = -1

    def is_long(self) -> bool:
        """Whether a megabyte or more waits to be moved. False where that cannot be told: the next writer looks again."""
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            salt = os.pread(self._descriptor, _SALT, 16)
            return len(salt) == _SALT and os.pread(self._descriptor, _SALT, self._frame + 8) == salt
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
