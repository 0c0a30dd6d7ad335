"""A hook run that found no room: the disk watchdog looks, in a process of its own that the agent's turn does not wait for."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.settings import Settings

EVERY = 60.0
"""Seconds from one such look to the next: each hook run meets the same full disk."""


def look(settings: Settings) -> bool:
    """Start `sos watchdog --once`, if that was not done lately; whether it was started."""
    path = os.path.join(settings.home, "run", "disk-looked")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            found = os.fstat(descriptor)
            if found.st_size and abs(time.time() - found.st_mtime) < EVERY:
                return False
            os.ftruncate(descriptor, 1)  # a file of its own, with a hole in it, needs no room
            os.utime(descriptor)
        finally:
            os.close(descriptor)
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        environment = {"SOS_HOME": settings.home, "HOME": settings.user_home, "TMPDIR": settings.temporary}
        command = [sys.executable, "-I", "-m", "sos", "watchdog", "--once"]
        os.posix_spawn(command[0], command, environment, file_actions=nothing, setsid=True)
    except OSError:
        return False  # no process and no file can be had: the timer looks, and what is wrong was said already
    return True
