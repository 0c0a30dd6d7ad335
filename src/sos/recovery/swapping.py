"""Replaces a file that other programs write too, without a lock, and gives them back what they wrote in the very moment.

Between the last look at a file and a rename over it, another program's rename fits in, and what it wrote would be lost (seen with
one that writes every 5 ms). So the two files are exchanged as one step, and what came out is looked at.
"""

from __future__ import annotations

import errno
import os
import sys

from sos import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HERE = -100
"""AT_FDCWD of Linux."""
_EXCHANGE = 2
"""RENAME_EXCHANGE of Linux's renameat2, and RENAME_SWAP of macOS' renamex_np."""
_UNKNOWN = frozenset((errno.EINVAL, errno.ENOSYS, errno.ENOTSUP))
"""What a file system says that exchanges no files."""
_NO_LINKS = frozenset((errno.EPERM, errno.ENOTSUP, errno.EMLINK))
"""What a file system says that gives a file no second name."""
_TRIES = 100


def swap(path: str, beside: str, before: bytes) -> bool:
    """Put the file `beside` in the place of `path`, if that holds `before`; else all is as it was. Whether it was done.

    Both are in one directory. What is in `beside` afterwards is nobody's. Where the file system cannot exchange files, it is a
    rename after a last look: what another program writes in that moment is lost. Raises StorageFull, StoreUnreachable,
    HomeDamaged.
    """
    try:
        ours = _content(beside)
        if not _exchange(beside, path):
            if _content(path) != before:
                return False
            os.replace(beside, path)
            files.sync_directory(os.path.dirname(path))
            return True
        found = _content(beside)
        if found == before:
            files.sync_directory(os.path.dirname(path))
            return True
        _give_back(path, beside, ours, found)
    except OSError as error:
        raise files.translated(error, path) from error
    return False


def place(path: str, beside: str) -> bool:
    """Put the file `beside` where nothing is; whether nothing was. Raises as `swap`."""
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise files.translated(error, path) from error
        if os.path.lexists(path):
            return False
        os.replace(beside, path)
    files.sync_directory(os.path.dirname(path))
    return True


def remove(path: str, beside: str, before: bytes) -> bool:
    """Remove a file, if it holds `before`, by way of a free name beside it; whether it was done. Raises as `swap`."""
    try:
        os.replace(path, beside)
        done = _content(beside) == before
        files.sync_directory(os.path.dirname(path))
    except OSError as error:
        raise files.translated(error, path) from error
    if not done:
        place(path, beside)  # unless somebody has put a newer one there already
    return done


def _give_back(path: str, beside: str, ours: bytes, found: bytes) -> None:
    """Put back what came out. What comes out by that and is not what we had put there is newer still, and goes back as well."""
    put = ours
    for _ in range(_TRIES):
        _exchange(beside, path)
        out = _content(beside)
        if out == put:
            return
        put, found = found, out


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _exchange(one: str, other: str) -> bool:
    """Exchange two files as one step; False where that cannot be here. Raises OSError."""
    call = _system_call()
    if call is None:
        return False
    error = call(os.fsencode(one), os.fsencode(other))
    if error in _UNKNOWN:
        return False
    if error:
        raise OSError(error, os.strerror(error), other)
    return True


def _system_call() -> Callable[[bytes, bytes], int] | None:
    """The system's way to exchange two files: 0, or the number of an error. None where it has none."""
    import ctypes  # where a file is replaced only

    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            swap = library.renamex_np
            return lambda one, other: ctypes.get_errno() if swap(one, other, _EXCHANGE) else 0
        rename = library.renameat2
    except (OSError, AttributeError):
        return None
    return lambda one, other: ctypes.get_errno() if rename(_HERE, one, _HERE, other, _EXCHANGE) else 0
