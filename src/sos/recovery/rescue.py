"""The rescue program, for the day when Python itself is gone: one file for the shell, put beside the launchers of a home."""

from __future__ import annotations

import os

from sos import files
from sos.model.errors import HomeDamaged

SHIPPED = os.path.join(os.path.dirname(__file__), "sos-rescue")


def path_of(root: str) -> str:
    """Where it is installed. `root` is SOS_HOME."""
    return os.path.join(root, "bin", "sos-rescue")


def install(root: str) -> str:
    """Write it where it is not as it was shipped, 0700; its path.

    Raises HomeDamaged where the package lacks it, StorageFull, StoreUnreachable, HomeNotPrivate.
    """
    try:
        data = files.shipped(SHIPPED)
    except OSError as error:
        raise HomeDamaged(f"{SHIPPED}: {error.strerror}", next_step="reinstall sos-lifeline") from error
    path = path_of(root)
    files.private_directory(os.path.dirname(path))
    if not _is_there(path, data):
        files.write(path, data, mode=0o700)
    return path


def _is_there(path: str, data: bytes) -> bool:
    try:
        return files.peek(path, len(data) + 1) == data and os.access(path, os.X_OK)
    except OSError:
        return False  # gone or in another form: it is written anew
