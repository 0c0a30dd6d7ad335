"""The log of a home: what joined, and when and why the hook could not serve. Two files, so that it is bounded and never empty."""

from __future__ import annotations

import os

from sos.model.redaction import redacted
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.times import Millis

MAX_BYTES = 64 * 1024
"""Bytes of the newer file before it becomes the older one."""
MAX_LINE = 1024


def path_of(home: str) -> str:
    """The newer file; the older one ends with `.1`."""
    return os.path.join(home, "log")


def add(home: str, at: Millis, text: str) -> None:
    """Write a line. Whoever cannot goes on without: a full disk must not keep the hook from saying the very same thing."""
    line = f"{iso(at)} {redacted(ascii(text)[1:-1])[:MAX_LINE]}\n"
    path = path_of(home)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        if os.fstat(descriptor).st_size + len(line) > MAX_BYTES:
            os.replace(path, f"{path}.1")
            os.close(descriptor)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        os.write(descriptor, line.encode())
    except OSError:
        return
    finally:
        os.close(descriptor)
