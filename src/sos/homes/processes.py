"""The processes that agents run in, as this machine sees them."""

from __future__ import annotations

import os


def is_alive(process: int) -> bool:
    """Whether a process is there; one of another user's is, too."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
