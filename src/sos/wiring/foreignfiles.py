"""Reads and replaces a file that is somebody else's: as one step, only if it is as it was seen, and never one that is closed.

A link stays a link: what it leads to is replaced. Paths are as they are named.
"""

from __future__ import annotations

import os
import shlex

from sos import files
from sos.model.digests import sha256
from sos.model.errors import Conflict, NotFound, RuntimeConfigError
from sos.recovery import swapping

LARGEST = 16 << 20
"""Bytes of a file that is changed."""
TRIES = 20
"""How often a change is begun anew where another program has changed the file meanwhile."""


def read(path: str) -> bytes | None:
    """Its bytes; None where it is not there. Raises RuntimeConfigError, and NotFound for a link that leads nowhere."""
    target = os.path.realpath(path)
    step = f"ls -la {shlex.quote(path)}"
    try:
        data = files.peek(target, LARGEST + 1)
    except FileNotFoundError as error:
        if os.path.islink(path):
            step += "; put a file there, or remove the link"
            raise NotFound(f"{path} is a link to {target}, which is not there", next_step=step) from error
        return None
    except OSError as error:
        raise RuntimeConfigError(f"{path}: {error.strerror}; nothing was written", next_step=step) from error
    if len(data) > LARGEST:
        raise RuntimeConfigError(f"{path} is larger than {LARGEST >> 20} MiB; nothing was written", next_step=step)
    return data


def check_writable(path: str) -> None:
    """Raises RuntimeConfigError where it is not to be written: a rename would not ask a file that its owner has closed."""
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode
    except OSError:
        mode = 0o200  # it is made anew
    folder = os.path.dirname(target)
    closed = target if not mode & 0o200 else folder if os.path.isdir(folder) and not os.access(folder, os.W_OK) else ""
    if closed:
        step = f"if it may be changed: chmod u+w {shlex.quote(closed)}, then again"
        raise RuntimeConfigError(f"{closed} is read-only; nothing was written", next_step=step)


def replace(home: str, path: str, before: bytes | None, after: bytes | None) -> bool:
    """Replace the one with the other (None: no file), unless it is not as it was; whether it was done. `home` is SOS_HOME.

    Raises RuntimeConfigError, NotFound, StorageFull, StoreUnreachable, HomeDamaged.
    """
    target = os.path.realpath(path)
    if read(path) != before:
        return False
    check_writable(path)
    beside = _beside(home, target)
    try:
        if after is None:
            return before is None or swapping.remove(target, beside, before)
        if before is None:
            files.make_directories(os.path.dirname(target), 0o755)
            files.write(beside, after, mode=0o644)
            return swapping.place(target, beside)
        files.write(beside, after, mode=0o644, like=os.stat(target))
        return swapping.swap(target, beside, before)
    except OSError as error:
        raise files.translated(error, str(error.filename or target)) from error


def clear(home: str, path: str) -> None:
    """Remove what a replacement, or one that was killed, has left beside the file. Raises StoreUnreachable, HomeDamaged."""
    beside = _beside(home, os.path.realpath(path))
    files.clear(beside)
    if os.path.lexists(beside):
        files.remove(beside)


def restless(path: str, again: str) -> Conflict:
    """The error for a file that others write all the time; `again` is the command to type then."""
    step = f"close what writes it, then: {again}"
    return Conflict(f"{path} is written by another program all the time; nothing was written", next_step=step)


def _beside(home: str, target: str) -> str:
    """Where the new file is made ready: one name for each SOS_HOME, so that the next run finds what a killed one left."""
    return f"{target}.{sha256(os.fsencode(home)).hex()[:8]}.sos"
