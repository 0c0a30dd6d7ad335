"""Waking Codex at an idle prompt by its own queue: a message put there starts a turn in the terminal, or in its daemon.

Codex takes a message also for a thread that nobody has open, says that all is well, and runs it much later (seen with 0.169.0).
So only a thread is woken whose lock a living process holds.
"""

from __future__ import annotations

import fcntl
import os

from sos.model.errors import InvalidInput

NOTICE = "[sos] A notice of this machine, not of your user: "
"""How a message begins that stands in the context as the user's."""


def command(program: str, session: str, line: str) -> list[str]:
    """The command that puts a line into a thread's queue."""
    return [program, "queue", "--thread", session, "--message", NOTICE + line]


def is_open(codex_home: str, session: str) -> bool:
    """Whether a living process has this thread open. Raises InvalidInput for what cannot be a thread's name."""
    if not session or os.sep in session:
        raise InvalidInput(f"{session!a} is no thread of Codex", next_step="sos doctor")
    path = os.path.join(codex_home, "thread-writer-locks", f"{session}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
